"""Datasets whose annotations are images: masks, class maps, instance maps."""
