"""Datasets: readers, drawn images, augmentation, the loader and the doctor.

A dataset is anything with a length, samples by position and class names (`Dataset`). Names
are imported when first used, so that this package costs nothing to import.
"""

import importlib

_HOMES = {
    "Cached": "tfseg.data.dataset",
    "CcihpDataset": "tfseg.data.published.ccihp",
    "CihpDataset": "tfseg.data.published.cihp",
    "ClothingCoParsingDataset": "tfseg.data.published.clothing_co_parsing",
    "ClothingParsingDataset": "tfseg.data.published.clothing_parsing",
    "CocoDataset": "tfseg.data.coco.coco",
    "CompositeDataset": "tfseg.data.composites.compositor",
    "Concat": "tfseg.data.dataset",
    "Dataset": "tfseg.data.dataset",
    "Diagnosis": "tfseg.data.doctor.doctor",
    "EmptyImageDataset": "tfseg.data.masks.empty_images",
    "ImageMaskDataset": "tfseg.data.masks.mask_pairs",
    "InstanceFolderDataset": "tfseg.data.masks.instance_folder",
    "LabelStudioDataset": "tfseg.data.tools.label_studio",
    "LabelmeDataset": "tfseg.data.tools.labelme",
    "ListDataset": "tfseg.data.dataset",
    "Loader": "tfseg.data.loader",
    "OpenImagesDataset": "tfseg.data.open_images",
    "PngMaskDataset": "tfseg.data.masks.png_masks",
    "PortraitCropsDataset": "tfseg.data.published.portrait_crops",
    "PortraitDataset": "tfseg.data.published.portrait",
    "Problem": "tfseg.data.reading.problem",
    "Subset": "tfseg.data.dataset",
    "SyntheticPeople": "tfseg.data.synthetic",
    "ViaDataset": "tfseg.data.tools.via",
    "VocDataset": "tfseg.data.voc.voc",
    "VocSegmentationDataset": "tfseg.data.voc.voc_semantic",
    "YoloDataset": "tfseg.data.tools.yolo",
    "check_dataset": "tfseg.data.dataset",
    "convert_open_images": "tfseg.data.open_images",
    "diagnose": "tfseg.data.doctor.doctor",
    "repair": "tfseg.data.doctor.repair",
    "image_size": "tfseg.data.images.images",
    "open_dataset": "tfseg.data.opening.sources",
    "read_image": "tfseg.data.images.images",
    "to_rgb": "tfseg.data.images.images",
    "train_val_split": "tfseg.data.dataset",
    "write_coco": "tfseg.data.coco.coco_writer",
    "write_coco_results": "tfseg.results.coco",
    "write_dataset": "tfseg.data.writing.formats",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'tfseg.data' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
