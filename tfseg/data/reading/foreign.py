"""What a file or folder is that no reader reads, and what to do with it."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["what_folder_is", "what_json_is"]

_YOLO_LISTS = ("data.yaml", "data.yml", "dataset.yaml", "obj.data", "obj.names", "classes.txt")
_AS_COCO = "Export it as COCO (instance segmentation)."


def what_json_is(content) -> str | None:
    """Returns what a JSON file holds that is no set of COCO instances, and the remedy.

    Args:
        content: What the file holds.

    Returns:
        Text that reads on after "this is"; None where it may be COCO or is not known.
    """
    if isinstance(content, list):
        return _what_list_is(content)
    if not isinstance(content, dict):
        return None
    keys = content.keys()
    if {"project", "metadata", "file"} <= keys:
        return (
            "a project of VIA 3; VIA 1 and 2 are read. Annotate with VIA 2, or convert it to COCO."
        )
    if "_via_img_metadata" in keys:
        return "a project of VIA. Open it with format='via'."
    if {"shapes", "imagePath"} <= keys:
        return "a file of labelme. Open it with format='labelme'."
    if {"description", "objects"} <= keys and "images" not in keys:
        return f"an annotation of Supervisely. {_AS_COCO}"
    annotations = content.get("annotations")
    for one in annotations[:100] if isinstance(annotations, list) else ():
        if not isinstance(one, dict) or "segmentation" in one:
            break
        if "segments_info" in one:
            return (
                "COCO's panoptic format (segments_info), whose masks are PNG files. Convert it to "
                "instances, with panoptic2detection_coco_format.py of panopticapi."
            )
        if "caption" in one:
            return "COCO's captions, without masks. The instances_*.json beside it is meant."
    return None


def _what_list_is(content: list) -> str:
    first = content[0] if content and isinstance(content[0], dict) else {}
    if "data" in first and ("annotations" in first or "completions" in first):
        return f"Label Studio's own JSON. {_AS_COCO}"
    if "image" in first and "annotations" in first:
        return f"CreateML's JSON, boxes without masks. {_AS_COCO}"
    return (
        "a list, not an object with images, annotations, categories; COCO *results* look like "
        "this. Pass the annotation file that the results belong to."
    )


def what_folder_is(path: str | os.PathLike) -> str | None:
    """Returns what lies in a folder that no reader reads, and the remedy, or None."""
    folder = Path(path)
    labels = any(folder.glob("labels/*.txt")) or any(folder.glob("labels/*/*.txt"))
    labels = labels or any(folder.glob("*/labels/*.txt"))
    listed = any((folder / name).is_file() for name in _YOLO_LISTS)
    if labels or (listed and any(folder.glob("**/*.txt"))):
        return f"a dataset with labels of YOLO (text files), which are not read. {_AS_COCO}"
    if (folder / "Annotations").is_dir() and (folder / "JPEGImages").is_dir():
        return (
            "PASCAL VOC with boxes alone (Annotations/), without masks. SegmentationObject/ is "
            "needed."
        )
    if (folder / "annotations.xml").is_file():
        return f"CVAT's own XML. {_AS_COCO}"
    if any(folder.glob("*.tfrecord")) or any(folder.glob("*/*.tfrecord")):
        return f"a dataset of TFRecord files. {_AS_COCO}"
    if any(folder.glob("*.ndjson")):
        return f"an export of Labelbox (NDJSON). {_AS_COCO}"
    return None
