"""What a file or folder is that no reader reads, and what to do with it."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["what_folder_is", "what_json_is"]

_AS_COCO = "Export it as COCO (instance segmentation)."
_NOT_READ = "Convert it to COCO (instance segmentation)."
# Keys of the object in a JSON file, and what it is.
_OBJECTS = (
    ({"description", "objects"}, f"an annotation of Supervisely. {_AS_COCO}"),
    ({"imgHeight", "imgWidth", "objects"}, f"an annotation of Cityscapes. {_NOT_READ}"),
    ({"items", "categories", "info"}, f"Datumaro's JSON. {_AS_COCO}"),
    ({"item", "annotations", "version"}, f"Darwin JSON, of V7. {_AS_COCO}"),
    ({"dataset", "image", "annotations"}, f"Darwin JSON, of V7. {_AS_COCO}"),
    ({"info", "objects"}, f"an annotation of ISAT. {_AS_COCO}"),
    ({"image", "annotations"}, f"masks of the set SA-1B, which have no classes. {_NOT_READ}"),
)
# Keys of the first entry of a list in a JSON file, and what it is.
_LISTS = (
    ({"Labeled Data"}, f"an export of Labelbox. {_AS_COCO}"),
    ({"data_row"}, f"an export of Labelbox. {_AS_COCO}"),
    ({"name", "labels"}, f"Scalabel's JSON, as of BDD100K. {_NOT_READ}"),
    ({"image", "annotations"}, f"CreateML's JSON, boxes without masks. {_AS_COCO}"),
)
# Pattern of files in a folder, and what lies there.
_FILES = (
    (("*.tfrecord", "*/*.tfrecord", "*.tfrecord-*", "*.record"), "a dataset of TFRecord files."),
    (("*.ndjson",), "an export of Labelbox (NDJSON)."),
    (("meta.json",), "a project of Supervisely (meta.json, ann/ and img/)."),
    (("*.manifest",), "a manifest of SageMaker Ground Truth."),
    (("*/_classes.csv", "_classes.csv"), "Roboflow's semantic masks, which tell no objects apart."),
    (("*/_annotations.csv", "_annotations.csv"), "a table of boxes (CSV), without masks."),
    (("task-*-annotation-*.png",), "Label Studio's brushes as PNG, without the images."),
)


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
        return "a project of VIA 3. Open it with format='via'."
    if "_via_img_metadata" in keys:
        return "a project of VIA. Open it with format='via'."
    if {"shapes", "imagePath"} <= keys:
        return "a file of labelme. Open it with format='labelme'."
    if "images" not in keys:
        for marks, what in _OBJECTS:
            if marks <= keys:
                return what
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
        return f"Label Studio's own JSON. Open it with format='label_studio'. Or: {_AS_COCO}"
    for marks, what in _LISTS:
        if marks <= first.keys():
            return what
    return (
        "a list, not an object with images, annotations, categories; COCO *results* look like "
        "this. Pass the annotation file that the results belong to."
    )


def what_folder_is(path: str | os.PathLike) -> str | None:
    """Returns what lies in a folder that no reader reads, and the remedy, or None."""
    folder = Path(path)
    if (folder / "Annotations").is_dir() and (folder / "JPEGImages").is_dir():
        return (
            "PASCAL VOC with boxes alone (Annotations/), without masks. SegmentationObject/ is "
            "needed."
        )
    for patterns, what in _FILES:
        if any(any(folder.glob(pattern)) for pattern in patterns):
            return f"{what} {_AS_COCO}"
    if (folder / "annotations.xml").is_file():
        return f"CVAT's own XML. {_AS_COCO}"
    for file in sorted(folder.glob("*.csv"))[:3]:
        with open(file, encoding="utf-8", errors="replace") as text:
            if "VGG Image Annotator" in text.readline(1000):
                return "a table that VIA 3 exported. Save its project (JSON) instead."
    for pattern in ("*.xml", "*/*.xml", "*/*/*.xml"):
        for file in sorted(folder.glob(pattern))[:3]:
            known = _what_xml_is(file)
            if known:
                return f"{known} {_AS_COCO}"
    return None


def _what_xml_is(file: Path) -> str | None:
    with open(file, encoding="utf-8", errors="replace") as text:
        start = text.read(20_000)
    root = re.search(r"<([A-Za-z]\w*)", re.sub(r"<[?!].*?>", "", start, flags=re.S))
    if root is None:
        return None
    if root[1] == "annotations":
        return "CVAT's own XML."
    if root[1] == "dataset" and "<images>" in start:
        return "the XML of dlib's imglab, boxes without masks."
    if root[1] != "annotation":
        return None
    if "<polygon" in start:
        return "XML with polygons, as the old LabelMe of the web and CVAT write it."
    return "XML of PASCAL VOC, boxes without masks."
