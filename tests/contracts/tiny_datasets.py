"""The tiny dataset of the contract in every format that the package reads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import scipy.io
from PIL import Image
from reader_contract import SIZE, Maker, mask_of, write_image

from tfseg.data.opening import formats

_NUMBERS = {"cat": 8, "dog": 12}  # in PASCAL VOC's list


def _save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array.astype(np.uint8)).save(path)


def _text(path: Path, content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def _map(objects, numbers) -> np.ndarray:
    """Returns a map of the objects, each with its number."""
    labels = np.zeros(SIZE, np.uint8)
    for (_, box), number in zip(objects, numbers):
        labels[mask_of(box)] = number
    return labels


def _ones(objects) -> np.ndarray:
    return _map(objects, [1] * len(objects))


def _each(parts):
    return ((part, stem, objects) for part in parts for stem, objects in parts[part].items())


def coco(folder, parts, turned):
    for part, images in parts.items():
        content = {"images": [], "annotations": []}
        content["categories"] = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
        for number, (stem, objects) in enumerate(images.items(), 1):
            write_image(folder / "images" / f"{stem}.jpg", turned)
            height, width = SIZE
            image = {"id": number, "file_name": f"{stem}.jpg", "height": height, "width": width}
            content["images"].append(image)
            for label, (y1, x1, y2, x2) in objects:
                one = {"id": len(content["annotations"]) + 1, "image_id": number, "iscrowd": 0}
                one["category_id"] = 1 + (label == "dog")
                one["segmentation"] = [[x1, y1, x2, y1, x2, y2, x1, y2]]
                one.update(bbox=[x1, y1, x2 - x1, y2 - y1], area=(x2 - x1) * (y2 - y1))
                content["annotations"].append(one)
        _text(folder / f"{part}.json", content)


def empty(folder, parts, turned):
    for part, stem, _ in _each(parts):
        write_image(folder / part / f"{stem}.jpg", turned)


def via(folder, parts, turned):
    for part, images in parts.items():
        content = {}
        for stem, objects in images.items():
            write_image(folder / part / f"{stem}.jpg", turned)
            regions = [
                {
                    "shape_attributes": {
                        "name": "rect", "x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1
                    },
                    "region_attributes": {"kind": label},
                }
                for label, (y1, x1, y2, x2) in objects
            ]  # fmt: skip
            content[f"{stem}9"] = {"filename": f"{stem}.jpg", "size": 9, "regions": regions}
        _text(folder / part / "via.json", content)


def labelme(folder, parts, turned):
    for part, stem, objects in _each(parts):
        write_image(folder / part / f"{stem}.jpg", turned)
        shapes = [
            {"label": label, "points": [[x1, y1], [x2, y2]], "shape_type": "rectangle"}
            for label, (y1, x1, y2, x2) in objects
        ]
        content = {"version": "5.0.1", "flags": {}, "shapes": shapes, "imageData": None}
        content |= {"imagePath": f"{stem}.jpg", "imageHeight": SIZE[0], "imageWidth": SIZE[1]}
        _text(folder / part / f"{stem}.json", content)


def yolo(folder, parts, turned):
    for part, stem, objects in _each(parts):
        write_image(folder / "images" / part / f"{stem}.jpg", turned)
        lines = []
        for label, (y1, x1, y2, x2) in objects:
            points = (x1, y1, x2, y1, x2, y2, x1, y2)
            shares = [v / SIZE[1 - k % 2] for k, v in enumerate(points)]
            lines.append(" ".join([str(int(label == "dog")), *(f"{v:.7f}" for v in shares)]))
        _text(folder / "labels" / part / f"{stem}.txt", "\n".join(lines))
    _text(folder / "data.yaml", "train: images/train\nval: images/val\nnames: [cat, dog]\n")


def label_studio(folder, parts, turned):
    for part, images in parts.items():
        tasks = []
        for number, (stem, objects) in enumerate(images.items()):
            write_image(folder / part / f"{stem}.jpg", turned)
            common = {"type": "rectanglelabels", "original_height": SIZE[0]}
            regions = []
            for label, (y1, x1, y2, x2) in objects:
                value = {"x": 100 * x1 / SIZE[1], "y": 100 * y1 / SIZE[0], "rotation": 0}
                value |= {"width": 100 * (x2 - x1) / SIZE[1], "height": 100 * (y2 - y1) / SIZE[0]}
                value["rectanglelabels"] = [label]
                regions.append({**common, "original_width": SIZE[1], "value": value})
            data = {"image": f"/data/upload/1/{stem}.jpg"}
            tasks.append({"id": number, "data": data, "annotations": [{"result": regions}]})
        _text(folder / part / "export.json", tasks)


def png_masks(folder, parts, turned):
    for part, stem, objects in _each(parts):
        write_image(folder / part / "images" / f"{stem}.jpg", turned)
        for label, box in objects:
            _save(folder / part / "masks" / label / f"{stem}.png", mask_of(box) * 255)


def voc(folder, parts, turned, with_objects=True):
    for part, stem, objects in _each(parts):
        write_image(folder / "JPEGImages" / f"{stem}.jpg", turned)
        if with_objects:
            _save(folder / "SegmentationObject" / f"{stem}.png", _map(objects, (1, 2)))
        classes = _map(objects, [_NUMBERS[label] for label, _ in objects])
        _save(folder / "SegmentationClass" / f"{stem}.png", classes)
        _text(folder / "ImageSets" / "Segmentation" / f"{part}.txt", "\n".join(parts[part]))


def voc_semantic(folder, parts, turned):
    voc(folder, parts, turned, with_objects=False)


def portrait(folder, parts, turned):
    for part, stem, objects in _each(parts):
        write_image(folder / "Images" / f"{stem}.jpg", turned)
        _save(folder / "Labels" / f"{stem}.png", _ones(objects))
        _text(folder / f"{part}.txt", "\n".join(parts[part]))


def image_masks(folder, parts, turned):
    for part, stem, objects in _each(parts):
        write_image(folder / part / "images" / f"{stem}.jpg", turned)
        _save(folder / part / "masks" / f"{stem}.png", _ones(objects))


def instance_folder(folder, parts, turned):
    for part, stem, objects in _each(parts):
        write_image(folder / part / "images" / f"{stem}.jpg", turned)
        _save(folder / part / "instances" / f"{stem}.png", _map(objects, (1, 2)))


def cihp(folder, parts, turned, kinds=()):
    for part, stem, objects in _each(parts):
        home = folder / {"train": "Training", "val": "Validation"}[part]
        write_image(home / "Images" / f"{stem}.jpg", turned)
        _save(home / "Human_ids" / f"{stem}.png", _map(objects, (1, 2)))
        for kind in ("Category", *kinds):
            _save(home / f"{kind}_ids" / f"{stem}.png", _map(objects, (1, 2)))
        lines = [f"{20 * person + 1 + person} {1 + person} {1 + person}" for person in range(2)]
        _text(home / "Instance_ids" / f"{stem}.txt", "\n".join(lines[: len(objects)]))
        _text(home / f"{part}_id.txt", "\n".join(parts[part]))


def ccihp(folder, parts, turned):
    cihp(folder, parts, turned, ("Color", "Size", "Pattern"))


def clothing_co_parsing(folder, parts, turned):
    names = np.empty((1, 3), object)
    names[0] = [np.array([name]) for name in ("null", "cat", "dog")]
    scipy.io.savemat(folder / "label_list.mat", {"label_list": names})
    maps = folder / "annotations" / "pixel-level"
    maps.mkdir(parents=True)
    for part, stem, objects in _each(parts):
        write_image(folder / "photos" / f"{stem}.jpg", turned)
        tags = _map(objects, [1 + (label == "dog") for label, _ in objects])
        scipy.io.savemat(maps / f"{stem}.mat", {"groundtruth": tags})
        _text(folder / f"{part}.txt", "\n".join(parts[part]))


def clothing_parsing(folder, parts, turned):
    clothing_co_parsing(folder, parts, turned)
    for _, stem, objects in _each(parts):
        _save(folder / "derived" / "parts" / f"{stem}.png", 13 * _ones(objects))


_PETS = {"classes": ("cat", "dog")}
_PERSON = {"label": "person"}
MAKERS = {
    "coco": (coco, {"exact": False}),
    "via": (via, {"exact": False}),
    "labelme": (labelme, {"exact": False}),
    "yolo": (yolo, {}),
    "label_studio": (label_studio, {}),
    "png_masks": (png_masks, {}),
    "voc": (voc, {"options": _PETS}),
    "voc_semantic": (voc_semantic, {"options": _PETS, "merged": True}),
    "portrait": (portrait, {**_PERSON, "merged": True}),
    "image_masks": (image_masks, {**_PERSON, "merged": True}),
    "empty": (empty, {"options": {"classes": ("cat",)}, "label": "cat", "objects": False}),
    "instance_folder": (instance_folder, _PERSON),
    "clothing_co_parsing": (clothing_co_parsing, {"options": {**_PETS, "min_area": 0}}),
    "cihp": (cihp, _PERSON),
    "ccihp": (ccihp, _PERSON),
    "portrait_crops": (
        clothing_co_parsing,
        {**_PERSON, "merged": True, "options": {"crop": "full"}},
    ),
    "clothing_parsing": (clothing_parsing, {**_PERSON, "merged": True}),
    "synthetic": (None, {"path": "synthetic:length=2,size=48,people=1"}),
    "composites": (
        None,
        {"path": "synthetic:size=96,people=1", "options": {"length": 2, "size": 64}},
    ),
}


def maker(name: str) -> Maker:
    """Returns the maker of a format."""
    build, more = MAKERS[name]
    return Maker(formats.named(name), build, **more)
