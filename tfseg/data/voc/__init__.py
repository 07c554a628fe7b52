"""Datasets in the layout of PASCAL VOC."""
