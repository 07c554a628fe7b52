"""Instance and people segmentation with Keras 3.

The public names below are fetched at their first use, so that `import tfseg` costs a blink and
loads no TensorFlow.
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

_ROOMS = (
    "config",
    "convert",
    "data",
    "engine",
    "errors",
    "export",
    "geometry",
    "metrics",
    "models",
    "nn",
    "results",
    "serving",
    "structures",
    "studies",
    "visualize",
)
_HOMES = {
    "MaskRCNN": "tfseg.models.mask_rcnn",
    "MaskRCNNConfig": "tfseg.models.mask_rcnn",
    "CoMask": "tfseg.models.comask",
    "CoMaskConfig": "tfseg.models.comask",
    "PortraitSegmenter": "tfseg.models.portrait",
    "PortraitConfig": "tfseg.models.portrait",
    "HPTR": "tfseg.models.hptr",
    "HPTRConfig": "tfseg.models.hptr",
    "Pose2Seg": "tfseg.models.pose2seg",
    "Pose2SegConfig": "tfseg.models.pose2seg",
    "load": "tfseg.models",
    "TrainConfig": "tfseg.config.train",
    "Stage": "tfseg.config.train",
    "LiveView": "tfseg.engine.live",
    "fetch_coco_weights": "tfseg.convert.coco_file",
    "load_config": "tfseg.config.files",
    "Dataset": "tfseg.data.dataset",
    "Subset": "tfseg.data.dataset",
    "CocoDataset": "tfseg.data.coco.coco",
    "CcihpDataset": "tfseg.data.published.ccihp",
    "CihpDataset": "tfseg.data.published.cihp",
    "ClothingCoParsingDataset": "tfseg.data.published.clothing_co_parsing",
    "ClothingParsingDataset": "tfseg.data.published.clothing_parsing",
    "ImageMaskDataset": "tfseg.data.masks.mask_pairs",
    "InstanceFolderDataset": "tfseg.data.masks.instance_folder",
    "LabelStudioDataset": "tfseg.data.tools.label_studio",
    "LabelmeDataset": "tfseg.data.tools.labelme",
    "PngMaskDataset": "tfseg.data.masks.png_masks",
    "PortraitCropsDataset": "tfseg.data.published.portrait_crops",
    "PortraitDataset": "tfseg.data.published.portrait",
    "ViaDataset": "tfseg.data.tools.via",
    "VocDataset": "tfseg.data.voc.voc",
    "VocSegmentationDataset": "tfseg.data.voc.voc_semantic",
    "YoloDataset": "tfseg.data.tools.yolo",
    "SyntheticPeople": "tfseg.data.synthetic",
    "open_dataset": "tfseg.data.opening.sources",
    "diagnose": "tfseg.data.doctor.doctor",
    "write_coco": "tfseg.data.coco.coco_writer",
    "write_coco_results": "tfseg.results.coco",
    "Sample": "tfseg.structures",
    "Prediction": "tfseg.structures",
    "Report": "tfseg.structures",
    "LoadReport": "tfseg.structures",
    "draw": "tfseg.visualize.draw",
    "TFSegError": "tfseg.errors",
    "ConfigError": "tfseg.errors",
    "DataError": "tfseg.errors",
    "ExportError": "tfseg.errors",
    "NotFittedError": "tfseg.errors",
    "ServingError": "tfseg.errors",
    "TrainingError": "tfseg.errors",
    "WeightsError": "tfseg.errors",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str):
    """Returns a public name or a room of the package, imported at this first use."""
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    elif name in _ROOMS:
        value = importlib.import_module(f"tfseg.{name}")
    else:
        raise AttributeError(f"module 'tfseg' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})
