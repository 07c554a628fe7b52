"""What DETR-like systems compute: from a padded feature map to a fixed set of objects."""
