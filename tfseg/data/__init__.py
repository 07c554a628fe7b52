"""Data sets: readers, drawn pictures, augmentation, the loader and the doctor.

A data set is anything with a length, samples by position and class names (`Dataset`). Names
are imported when first used, so that this package costs nothing to import.
"""

import importlib

_HOMES = {
    "Cached": "dataset",
    "ClothingCoParsingDataset": "clothing_co_parsing",
    "CocoDataset": "coco",
    "CompositeDataset": "compositor",
    "Concat": "dataset",
    "Dataset": "dataset",
    "Diagnosis": "doctor",
    "ImageMaskDataset": "mask_pairs",
    "InstanceFolderDataset": "instance_folder",
    "LabelmeDataset": "labelme",
    "ListDataset": "dataset",
    "Loader": "loader",
    "OpenImagesDataset": "open_images",
    "PngMaskDataset": "png_masks",
    "PortraitCropsDataset": "portrait_crops",
    "PortraitDataset": "portrait",
    "Problem": "problem",
    "Subset": "dataset",
    "SyntheticPeople": "synthetic",
    "ViaDataset": "via",
    "VocDataset": "voc",
    "VocSegmentationDataset": "voc_semantic",
    "check_dataset": "dataset",
    "convert_open_images": "open_images",
    "diagnose": "doctor",
    "image_size": "images",
    "open_dataset": "sources",
    "read_image": "images",
    "to_rgb": "images",
    "train_val_split": "dataset",
    "write_coco": "coco_writer",
    "write_coco_results": "coco_results",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'tfseg.data' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tfseg.data.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
