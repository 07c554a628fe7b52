"""Annotation files with one value after another spoilt: every answer is a sample or a DataError."""

import copy
import json
import math

from each_case import each

from tfseg.data.coco.coco import CocoDataset
from tfseg.data.doctor.doctor import diagnose
from tfseg.data.tools.label_studio import LabelStudioDataset
from tfseg.data.tools.labelme import LabelmeDataset
from tfseg.data.tools.via import ViaDataset
from tfseg.errors import DataError

ODD = (None, [], {}, "x", -1, math.nan, True, [[]], 2**70, {"a": 1}, math.inf, "7", 1e300)


def via():
    shapes = [
        {"name": "polygon", "all_points_x": [9, 30, 50], "all_points_y": [9, 50, 12]},
        {"name": "rect", "x": 20, "y": 10, "width": 30, "height": 25},
        {"name": "ellipse", "cx": 40, "cy": 30, "rx": 25, "ry": 10, "theta": 0.6},
    ]
    regions = [{"shape_attributes": s, "region_attributes": {"kind": "box"}} for s in shapes]
    entry = {"filename": "a.jpg", "size": 9, "regions": regions, "file_attributes": {}}
    return {
        "_via_settings": {"core": {"filepath": {"x/": 1}, "default_filepath": ""}},
        "_via_img_metadata": {"a.jpg9": entry},
        "_via_attributes": {"region": {"kind": {"type": "radio", "options": {"box": ""}}}},
    }


def labelme():
    shapes = [
        {"label": "a", "points": [[9, 9], [30, 50], [50, 12]], "group_id": 1, "flags": {"b": True}},
        {"label": "a", "points": [[20, 20], [30, 30]], "shape_type": "circle", "group_id": None},
        {"label": "b", "points": [[1, 1], [4, 4]], "shape_type": "mask", "mask": "iVBORw0KGgo="},
    ]
    file = {"version": "5.2.1", "flags": {}, "shapes": shapes, "imagePath": "a.jpg"}
    return {**file, "imageData": None, "imageHeight": 60, "imageWidth": 80}


def coco():
    runs = {"size": [60, 80], "counts": [1000, 300, 3500]}
    shared = {"image_id": 5, "category_id": 1, "iscrowd": 0}
    return {
        "images": [{"id": 5, "file_name": "a.jpg", "height": 60, "width": 80}],
        "annotations": [
            {**shared, "id": 1, "segmentation": [[9, 9, 30, 50, 50, 12]], "bbox": [9, 9, 41, 41]},
            {**shared, "id": 2, "segmentation": runs, "keypoints": [5, 5, 2]},
        ],
        "categories": [{"id": 1, "name": "a", "keypoints": ["k"]}, {"id": 3, "name": "b"}],
    }


def via_3():
    regions = [[2, 20, 10, 30, 25], [7, 9, 9, 30, 50, 50, 12], [9, 9, 9, 40, 9, 25, 30]]
    return {
        "project": {"pid": "x", "vid_list": ["1"]},
        "config": {"file": {"loc_prefix": {"1": ""}}},
        "attribute": {"1": {"aname": "kind", "type": 4, "options": {"0": "box"}}},
        "file": {"1": {"fid": "1", "fname": "a.jpg", "type": 2, "loc": 1, "src": "x/a.jpg"}},
        "view": {"1": {"fid_list": ["1"]}},
        "metadata": {
            f"1_{k}": {"vid": "1", "flg": 0, "z": [], "xy": xy, "av": {"1": "0"}}
            for k, xy in enumerate(regions)
        },
    }


def label_studio():
    common = {"original_width": 80, "original_height": 60, "image_rotation": 0}
    outline = {"points": [[10, 10], [50, 60], [60, 20]], "polygonlabels": ["a"]}
    box = {"x": 20, "y": 20, "width": 40, "height": 30, "rotation": 10, "rectanglelabels": ["a"]}
    brush = {"format": "rle", "rle": [0, 0, 75, 0, 57, 242, 0, 1, 2], "brushlabels": ["b"]}
    result = [
        {"id": "p", "type": "polygonlabels", "value": outline, **common},
        {"id": "r", "type": "rectanglelabels", "value": box, **common},
        {"id": "b", "type": "brushlabels", "value": brush, **common},
    ]
    task = {"id": 1, "file_upload": "1a2b3c4d-a.jpg", "data": {"image": "/data/upload/a.jpg"}}
    return [{**task, "annotations": [{"id": 1, "result": result, "was_cancelled": False}]}]


def open_coco(file, **options):
    return CocoDataset(file, file.parent, **options)


def open_shares(file, **options):
    return CocoDataset(file, file.parent, units="shares", **options)


def places(value, path=()):
    """Yields the path to every value inside nested objects and lists."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        yield (*path, key)
        if isinstance(inner, (dict, list)):
            yield from places(inner, (*path, key))


def spoilt(content):
    """Yields copies with one value removed, and with one value replaced by an odd one."""
    for number, path in enumerate(places(content)):
        for odd in (ODD[number % len(ODD)], ODD[(number + 3) % len(ODD)], ...):
            changed = copy.deepcopy(content)
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            if odd is ...:
                del inner[path[-1]]
            else:
                inner[path[-1]] = odd
            yield changed


READERS = [
    *((via, ViaDataset), (via_3, ViaDataset), (labelme, LabelmeDataset)),
    *((label_studio, LabelStudioDataset), (coco, open_coco), (coco, open_shares)),
]


@each(("content", "reader"), READERS)
def test_nothing_but_a_data_error(tmp_path, photo, content, reader):
    photo(tmp_path / "a.jpg")
    file, outcomes = tmp_path / "x.json", set()
    for changed in spoilt(content()):
        file.write_text(json.dumps(changed))
        for drop_invalid in (False, True):
            try:
                dataset = reader(file, drop_invalid=drop_invalid)
                outcomes.add(sum(len(dataset[n]) for n in range(len(dataset))))
            except DataError as error:
                assert "x.json" in str(error) and len(str(error)) < 1500
                outcomes.add("error")
    assert outcomes >= {"error", 0} and outcomes & {2, 3} or reader is open_shares


@each("content", [via, via_3, labelme, label_studio, coco])
def test_the_doctor_goes_on_after_everything(tmp_path, photo, content):
    photo(tmp_path / "a.jpg")
    for number, changed in enumerate(spoilt(content())):
        if number % 7 == 0:
            (tmp_path / "x.json").write_text(json.dumps(changed))
            name = content.__name__.removesuffix("_3")
            found = diagnose(tmp_path / "x.json", format=name).problems
            assert not [problem for problem in found if problem.code == "reader_failed"]
