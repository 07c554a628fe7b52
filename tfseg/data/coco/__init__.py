"""COCO datasets: the annotation file, its records and masks, and how one is written."""
