"""Models in forms that run without tfseg."""
