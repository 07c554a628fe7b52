"""Small datasets in the folders that annotation tools leave, each in the tool's own layout.

Each maker fills a folder with two images for each part, the first with a shoe and a hat, the other
without an object.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (60, 80)
SHOE = (10, 12, 30, 40)  # y1, x1, y2, x2
HAT = (35, 20, 55, 60)
NAMES = ("hat", "shoe")


def text(path: Path, content) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(zlib.crc32(str(path).encode()))
    Image.fromarray(noise.integers(0, 256, (*SIZE, 3), np.uint8)).save(path)
    return path


def mask(box) -> np.ndarray:
    found = np.zeros(SIZE, bool)
    found[box[0] : box[2], box[1] : box[3]] = True
    return found


def corners(box) -> list[tuple[int, int]]:
    y1, x1, y2, x2 = box
    return [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]


def flat(box, scale=(1, 1)) -> list[float]:
    return [value for x, y in corners(box) for value in (x * scale[0], y * scale[1])]


def coco(names, categories=None, more=(), ids=None) -> dict:
    """Returns a COCO file of images, the first with both objects."""
    categories = categories or [{"id": 1, "name": "hat"}, {"id": 2, "name": "shoe"}]
    ids = ids or {"hat": 1, "shoe": 2}
    images = [
        {"id": k, "file_name": name, "height": SIZE[0], "width": SIZE[1]}
        for k, name in enumerate(names, 1)
    ]
    objects = [
        {
            **{"id": k, "image_id": 1, "category_id": ids[kind], "iscrowd": 0, "area": 9},
            "segmentation": [flat(box)],
            "bbox": [box[1], box[0], box[3] - box[1], box[2] - box[0]],
        }
        for k, (kind, box) in enumerate((("shoe", SHOE), ("hat", HAT)), 1)
    ]
    return {"images": images, "categories": categories, "annotations": [*objects, *more]}


def roboflow_coco(folder):
    root = {"id": 0, "name": "clothes", "supercategory": "none"}
    kinds = [{"id": k, "name": n, "supercategory": "clothes"} for k, n in enumerate(NAMES, 1)]
    for part in ("train", "valid", "test"):
        names = [f"{part}{k}_jpg.rf.0f1e2d3c.jpg" for k in range(2)]
        for name in names:
            image(folder / part / name)
        text(folder / part / "_annotations.coco.json", coco(names, [root, *kinds]))
    text(folder / "README.roboflow.txt", "clothes - v3\n")


def yolo_line(box, kind) -> str:
    return " ".join([str(kind), *(f"{v:.7f}" for v in flat(box, (1 / SIZE[1], 1 / SIZE[0])))])


def box_line(box, kind) -> str:
    y1, x1, y2, x2 = box
    (height, width), middle = SIZE, ((x1 + x2) / 2, (y1 + y2) / 2)
    shares = (middle[0] / width, middle[1] / height, (x2 - x1) / width, (y2 - y1) / height)
    return " ".join([str(kind), *map("{:.7f}".format, shares)])


def labels(path: Path, line=yolo_line) -> None:
    text(path, f"{line(SHOE, 1)}\n{line(HAT, 0)}\n")


def roboflow_yolo(folder):
    for part in ("train", "valid", "test"):
        for k in range(2):
            image(folder / part / "images" / f"{part}{k}_jpg.rf.0f.jpg")
        labels(folder / part / "labels" / f"{part}0_jpg.rf.0f.txt")
        text(folder / part / "labels" / f"{part}1_jpg.rf.0f.txt", "")
    text(
        folder / "data.yaml",
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\n"
        "names: ['hat', 'shoe']\n\nroboflow:\n  workspace: mine\n  version: 3\n",
    )


def ultralytics(folder):
    for part in ("train", "val"):
        for k in range(2):
            image(folder / "images" / part / f"{part}{k}.jpg")
        labels(folder / "labels" / part / f"{part}0.txt")
    text(
        folder / "clothes.yaml",
        "path: ../datasets/clothes # root\ntrain: images/train\nval: images/val\ntest:\n"
        "names:\n  0: hat\n  1: shoe\n",
    )
    (folder / "clothes.yaml").rename(folder / "data.yaml")


def cvat_ultralytics(folder):
    listed = []
    for k in range(2):
        image(folder / "images" / "train" / f"a{k}.jpg")
        listed.append(f"data/images/train/a{k}.jpg")
    labels(folder / "labels" / "train" / "a0.txt")
    text(folder / "train.txt", "\n".join(listed))
    text(folder / "data.yaml", "names:\n  0: hat\n  1: shoe\npath: .\ntrain: train.txt\n")


def cvat_yolo(folder):
    for k in range(2):
        image(folder / "obj_train_data" / f"a{k}.jpg")
        text(folder / "obj_train_data" / f"a{k}.txt", "")
    labels(folder / "obj_train_data" / "a0.txt", box_line)
    text(folder / "obj.data", "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\n")
    text(folder / "obj.names", "hat\nshoe\n")
    text(folder / "train.txt", "data/obj_train_data/a0.jpg\ndata/obj_train_data/a1.jpg\n")


def label_studio_yolo(folder):
    image(folder / "images" / "1a2b3c4d-a.jpg")
    image(folder / "images" / "1a2b3c4d-b.jpg")
    labels(folder / "labels" / "1a2b3c4d-a.txt")
    text(folder / "labels" / "1a2b3c4d-b.txt", "")
    text(folder / "classes.txt", "hat\nshoe\n")
    notes = [{"id": 0, "name": "hat"}, {"id": 1, "name": "shoe"}]
    text(folder / "notes.json", {"categories": notes, "info": {"year": 2026}})


def cvat_coco(folder):
    point = {"id": 3, "name": "pose", "supercategory": "", "keypoints": ["left", "right"]}
    kinds = [{"id": k, "name": n, "supercategory": ""} for k, n in enumerate(NAMES, 1)]
    pose = {"id": 9, "image_id": 1, "category_id": 3, "iscrowd": 0, "bbox": [5, 5, 9, 9]}
    pose |= {"segmentation": [], "keypoints": [5, 5, 2, 9, 9, 2], "num_keypoints": 2, "area": 81}
    for part in ("default", "Train", "Validation"):
        names = [f"{part}{k}.jpg" for k in range(2)]
        for name in names:
            image(folder / "images" / part / name)
        file = {"licenses": [], "info": {}, **coco(names, [*kinds, point], [pose])}
        text(folder / "annotations" / f"instances_{part}.json", file)


def label_studio_coco(folder):
    kinds = [{"id": k, "name": n} for k, n in enumerate(NAMES)]
    names = ["images/1a2b3c4d-a.jpg", "images/1a2b3c4d-b.jpg"]
    for name in names:
        image(folder / name)
    text(folder / "result.json", coco(names, kinds, ids={"hat": 0, "shoe": 1}))


def packed(alpha: np.ndarray) -> list[int]:
    """Returns the bytes of rle-pack of an image's four channels, bit by bit."""
    values = np.repeat(alpha.reshape(-1), 4).tolist()
    bits = f"{len(values):032b}" + f"{7:05b}" + "".join(f"{n:04b}" for n in (2, 3, 7, 15))
    start = 0
    while start < len(values):
        end = start
        while end < len(values) and values[end] == values[start] and end - start < 65536:
            end += 1
        if end - start > 1:
            bits += "1" + "11" + f"{end - start - 1:016b}" + f"{values[start]:08b}"
        else:  # three values as they are, to have both kinds
            end = min(start + 3, len(values))
            bits += "0" + "00" + f"{end - start - 1:03b}"
            bits += "".join(f"{value:08b}" for value in values[start:end])
        start = end
    bits += "0" * (-len(bits) % 8)
    return [int(bits[k : k + 8], 2) for k in range(0, len(bits), 8)]


def studio_regions() -> list[dict]:
    """Returns the hat as a polygon and the shoe as a brush, its edge half transparent."""
    alpha = np.where(mask(SHOE), 255, 0).astype(np.uint8)
    alpha[SHOE[0] - 1, SHOE[1] : SHOE[3]] = 90
    common = {"original_width": SIZE[1], "original_height": SIZE[0], "image_rotation": 0}
    common |= {"from_name": "tag", "to_name": "image", "origin": "manual"}
    points = [[100 * x / SIZE[1], 100 * y / SIZE[0]] for x, y in corners(HAT)]
    brush = {"format": "rle", "rle": packed(alpha), "brushlabels": ["shoe"]}
    return [
        {"id": "p", "type": "polygonlabels", **common}
        | {"value": {"points": points, "closed": True, "polygonlabels": ["hat"]}},
        {"id": "b", "type": "brushlabels", **common, "value": brush},
        {"id": "c", "type": "choices", "value": {"choices": ["sharp"]}, "from_name": "quality"},
    ]


def label_studio(folder):
    for name in ("a.jpg", "b.jpg"):
        image(folder / "images" / name)
    tasks = [
        {
            **{"id": k, "file_upload": f"1a2b3c4d-{name}", "predictions": [], "meta": {}},
            "data": {"image": f"/data/upload/1/1a2b3c4d-{name}"},
            "annotations": [{"id": k, "result": regions, "was_cancelled": False}],
        }
        for k, name, regions in ((1, "a.jpg", studio_regions()), (2, "b.jpg", []))
    ]
    text(folder / "project-1-at-2026-11-29.json", tasks)


def label_studio_min(folder):
    for name in ("a.jpg", "b.jpg"):
        image(folder / name)
    short = [
        {**region["value"], "original_width": SIZE[1], "original_height": SIZE[0]}
        for region in studio_regions()[:2]
    ]
    tasks = [
        {"image": "/data/upload/1/1a2b3c4d-a.jpg", "id": 1, "tag": short, "annotator": 1},
        {"image": "/data/upload/1/1a2b3c4d-b.jpg", "id": 2, "annotator": 1},
    ]
    text(folder / "project-1-min.json", tasks)


def via_regions(attribute: str) -> list[dict]:
    (y1, x1, y2, x2), points = SHOE, corners(HAT)
    rect = {"name": "rect", "x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}
    outline = {"name": "polygon"} | dict(zip(("all_points_x", "all_points_y"), zip(*points)))
    return [
        {"shape_attributes": rect, "region_attributes": {attribute: "shoe"}},
        {"shape_attributes": outline, "region_attributes": {attribute: "hat"}},
    ]


def via_1(folder):
    content = {}
    for name, regions in (("a.jpg", via_regions("class")), ("b.jpg", [])):
        image(folder / name)
        entry = {"fileref": "", "size": 9, "filename": name, "base64_img_data": ""}
        entry |= {"file_attributes": {}, "regions": dict(zip("0123", regions))}
        content[f"{name}9"] = entry
    text(folder / "via_region_data.json", content)


def via_2(folder):
    content = {}
    for name, regions in (("a.jpg", via_regions("class")), ("b.jpg", [])):
        image(folder / name)
        entry = {"filename": name, "size": 9, "regions": regions, "file_attributes": {}}
        content[f"{name}9"] = entry
    options = {"type": "dropdown", "description": "", "options": {"hat": "", "shoe": ""}}
    project = {
        "_via_settings": {"core": {"default_filepath": ""}, "project": {"name": "clothes"}},
        "_via_img_metadata": content,
        "_via_attributes": {"region": {"class": options}, "file": {}},
        "_via_data_format_version": "2.0.10",
    }
    text(folder / "via_project.json", project)


def via_3(folder):
    (y1, x1, y2, x2), files = SHOE, {}
    for k, name in enumerate(("a.jpg", "b.jpg"), 1):
        image(folder / name)
        files[str(k)] = {"fid": str(k), "fname": name, "type": 2, "loc": 1, "src": ""}
    options = {"0": "hat", "1": "shoe"}
    kind = {"aname": "class", "anchor_id": "FILE1_Z0_XY1", "type": 4, "desc": ""}
    outline = [7, *flat(HAT)]
    common = {"vid": "1", "flg": 0, "z": []}
    project = {
        "project": {"pid": "__VIA_PROJECT_ID__", "data_format_version": "3.1.1", "vid_list": ["1"]},
        "config": {"file": {"loc_prefix": {"1": "", "2": "", "3": "", "4": ""}}, "ui": {}},
        "attribute": {"1": {**kind, "options": options, "default_option_id": ""}},
        "file": files,
        "view": {"1": {"fid_list": ["1"]}, "2": {"fid_list": ["2"]}},
        "metadata": {
            "1_aBcDeFgH": {**common, "xy": [2, x1, y1, x2 - x1, y2 - y1], "av": {"1": "1"}},
            "1_iJkLmNoP": {**common, "xy": outline, "av": {"1": "0"}},
            "1_qRsTuVwX": {**common, "xy": [], "av": {}},
        },
    }
    text(folder / "via_project_29Nov2026.json", project)


def labelme(folder):
    """In two folders whose names only begin with the part's; the hat in two pieces."""
    for part in ("Train_2024", "Validation_2024"):
        for k in range(2):
            image(folder / part / f"{part}{k}.jpg")
            left, right = (HAT[0], HAT[1], HAT[2], 40), (HAT[0], 40, HAT[2], HAT[3])
            shapes = [("shoe", SHOE, None), ("hat", left, 7), ("hat", right, 7)]
            shapes = [
                {"label": n, "points": corners(b), "group_id": g, "shape_type": "polygon"}
                for n, b, g in (shapes if k == 0 else [])
            ]
            content = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imageData": None}
            content |= {"imagePath": f"{part}{k}.jpg", "imageHeight": SIZE[0]}
            text(folder / part / f"{part}{k}.json", {**content, "imageWidth": SIZE[1]})


# Tool and export: how it is made, and the parts that it has.
TOOLS = {
    "Roboflow, COCO": (roboflow_coco, "train val test"),
    "Roboflow, YOLO": (roboflow_yolo, "train val test"),
    "Ultralytics": (ultralytics, "train val"),
    "CVAT, Ultralytics YOLO": (cvat_ultralytics, "train"),
    "CVAT, YOLO 1.1": (cvat_yolo, "train"),
    "CVAT, COCO": (cvat_coco, "train val default"),
    "Label Studio, YOLO": (label_studio_yolo, "train"),
    "Label Studio, COCO": (label_studio_coco, "train"),
    "Label Studio, JSON": (label_studio, "train"),
    "Label Studio, JSON-MIN": (label_studio_min, "train"),
    "VIA 1": (via_1, "train"),
    "VIA 2": (via_2, "train"),
    "VIA 3": (via_3, "train"),
    "labelme": (labelme, "train val"),
}
