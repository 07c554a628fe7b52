"""A seeded search for files that end in a foreign error: bytes changed, cut out and put in."""

import json
import os
import random

import numpy as np
from each_case import each
from PIL import Image

from tfseg.data.coco.coco import CocoDataset
from tfseg.data.images.images import read_image
from tfseg.data.masks.png_masks import PngMaskDataset
from tfseg.data.tools.label_studio import LabelStudioDataset
from tfseg.data.tools.labelme import LabelmeDataset
from tfseg.data.tools.via import ViaDataset
from tfseg.data.tools.yolo import YoloDataset
from tfseg.data.voc.voc import VocDataset
from tfseg.errors import DataError, TFSegError
from tfseg.models.portrait.inputs import EXTRAS

TROUBLE = [b"[", b"{", b"[" * 3000, b"]", b",", b"null", b"NaN", b"-Infinity", b"1e999", b'""']
TROUBLE += [b"true", b"-1", b"9" * 30, b"9" * 6000, b"\\ud800", b"\0", b"\xff", b"..", b"/"]


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Returns a content with one to three changes."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(changed) + 1)
        kind = rng.random()
        if kind < 0.4:
            changed[place : place + 1] = bytes([rng.randrange(256)])
        elif kind < 0.9:
            changed[place : place + rng.choice([0, 1, 4])] = rng.choice(TROUBLE)
        else:
            del changed[place : place + rng.randrange(40)]
    return bytes(changed)


def picture(path, mode="RGB", value=90):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (24, 32, 3) if mode == "RGB" else (24, 32)
    pixels = np.zeros(shape, np.uint8)
    pixels[6:18, 8:20] = value
    Image.fromarray(pixels, mode).save(path)
    return path


def annotated(folder, content):
    picture(folder / "a.jpg")
    (folder / "x.json").write_text(json.dumps(content))
    return folder / "x.json"


def coco(folder):
    shared = {"image_id": 5, "category_id": 1, "iscrowd": 0}
    runs = {"size": [24, 32], "counts": [100, 30, 638]}
    outline = {**shared, "id": 1, "segmentation": [[9, 9, 20, 20, 20, 9]], "bbox": [9, 9, 11, 11]}
    content = {
        "images": [{"id": 5, "file_name": "a.jpg", "height": 24, "width": 32}],
        "annotations": [outline, {**shared, "id": 2, "segmentation": runs}],
        "categories": [{"id": 1, "name": "a"}],
    }
    return annotated(folder, content), lambda: CocoDataset(folder / "x.json", folder)


def via(folder):
    shape = {"name": "circle", "cx": 12, "cy": 12, "r": 5}
    region = {"shape_attributes": shape, "region_attributes": {"kind": "box"}}
    content = {"a.jpg9": {"filename": "a.jpg", "size": 9, "regions": [region]}}
    return annotated(folder, content), lambda: ViaDataset(folder / "x.json")


def labelme(folder):
    shape = {"label": "a", "points": [[9, 9], [20, 20], [20, 9]], "group_id": None}
    content = {"version": "5.0", "shapes": [shape], "imagePath": "a.jpg", "imageData": None}
    content |= {"imageHeight": 24, "imageWidth": 32}
    return annotated(folder, content), lambda: LabelmeDataset(folder / "x.json")


def label_studio(folder):
    common = {"original_width": 32, "original_height": 24, "type": "polygonlabels"}
    value = {"points": [[10, 10], [50, 60], [60, 20]], "polygonlabels": ["a"]}
    result = [{**common, "value": value}]
    content = [{"data": {"image": "a.jpg"}, "annotations": [{"result": result}]}]
    return annotated(folder, content), lambda: LabelStudioDataset(folder / "x.json")


def yolo(folder):
    picture(folder / "images" / "a.jpg")
    (folder / "data.yaml").write_text("names: [a, b]")
    labels = folder / "labels" / "a.txt"
    labels.parent.mkdir()
    labels.write_text("0 .2 .2 .6 .2 .6 .7\n1 .5 .5 .2 .25\n")
    return labels, lambda: YoloDataset(folder)


def yolo_settings(folder):
    labels, read = yolo(folder)
    (folder / "data.yaml").write_text("path: .\ntrain: images\nnc: 2\nnames: [a, b]\n")
    return folder / "data.yaml", read


def png_masks(folder):
    picture(folder / "images" / "a.jpg")
    mask = picture(folder / "masks" / "shoe" / "a_1.png", "L", 255)
    return mask, lambda: PngMaskDataset(folder)


def voc(folder):
    picture(folder / "JPEGImages" / "a.jpg")
    picture(folder / "SegmentationClass" / "a.png", "L", 3)
    listed = folder / "ImageSets" / "Segmentation" / "train.txt"
    listed.parent.mkdir(parents=True)
    listed.write_text("a\n")
    mask = picture(folder / "SegmentationObject" / "a.png", "L", 1)
    return mask, lambda: VocDataset(folder, "train")


def image_of(name):
    def write(folder):
        path = picture(folder / name)
        return path, lambda: [read_image(path)]

    write.__name__ = name
    return write


def boxes(folder):
    path = folder / "boxes.json"
    path.write_text(json.dumps({"a.jpg": [[1, 2, 3, 4, 0.5]], "b.jpg": []}))
    return path, lambda: [EXTRAS[0].read(path)]


READERS = [coco, via, labelme, label_studio, yolo, yolo_settings, png_masks, voc, boxes]
READERS += [image_of(name) for name in ("a.png", "a.jpg", "a.bmp", "a.gif", "a.tif", "a.webp")]


@each("make", READERS)
def test_nothing_but_our_errors(tmp_path, make):
    path, read = make(tmp_path)
    good, rng, refused = path.read_bytes(), random.Random(1), 0
    list(read())
    for _ in range(60):
        path.write_bytes(mutated(good, rng))
        try:
            found = read()
            for number in range(len(found)):
                _ = found[number]
        except TFSegError as error:
            assert isinstance(error, DataError) and os.fspath(tmp_path) in str(error)
            refused += 1
    assert refused
