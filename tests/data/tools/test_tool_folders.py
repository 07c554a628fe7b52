"""The folder of each annotation tool opens as the tool leaves it."""

import json

import numpy as np
import pytest
import tool_folders
from each_case import each
from tool_folders import HAT, NAMES, SHOE, SIZE, TOOLS, image, mask, text

from tfseg.data.coco.coco import CocoDataset
from tfseg.data.doctor.doctor import diagnose
from tfseg.data.opening.sources import open_dataset
from tfseg.data.reading.part_names import MissingPartError
from tfseg.errors import DataError
from tfseg.structures import rle


def masks_of(dataset, index):
    sample = dataset[index]
    names = [dataset.class_names[number - 1] for number in sample.class_ids]
    return dict(zip(names, sample.masks, strict=True))


@each("tool", TOOLS)
def test_a_tools_folder_opens_as_the_tool_leaves_it(tmp_path, tool):
    make, parts = TOOLS[tool]
    make(tmp_path)
    for part in parts.split():
        dataset = open_dataset(tmp_path, split=part)
        assert dataset.class_names == NAMES and len(dataset) == 2
        found = masks_of(dataset, 0)
        assert sorted(found) == ["hat", "shoe"] and len(dataset[1]) == 0
        np.testing.assert_array_equal(found["shoe"], mask(SHOE))
        np.testing.assert_array_equal(found["hat"], mask(HAT))
        diagnosis = diagnose(tmp_path, split=part)
        assert diagnosis.ok, str(diagnosis)
    if "val" not in parts:
        with pytest.raises(DataError, match="no part 'val'|without parts"):
            open_dataset(tmp_path, split="val")


def codes(path, **options):
    return {p.code: p for p in diagnose(path, **options).problems}


def test_what_is_passed_over_is_named(tmp_path):
    tool_folders.cvat_coco(tmp_path)
    told, found = str(diagnose(tmp_path)), codes(tmp_path)
    assert "1 skeletons of the category 'pose' have no masks: they are passed over" in told
    assert "the category 'pose' has skeletons alone" in told
    assert "opens as the split 'default'" in found["unread_part"].message
    pose = text(tmp_path / "p.json", tool_folders.coco(["Train0.jpg"]))
    content = json.loads(pose.read_text())
    for one in content["annotations"]:
        one.update(segmentation=[], keypoints=[5, 5, 2])
    pose.write_text(json.dumps(content))
    with pytest.raises(DataError, match="no segmentation. A mask is needed"):
        CocoDataset(pose, tmp_path / "images" / "Train")


def test_boxes_of_yolo_count_as_polygons_with_a_warning(tmp_path):
    tool_folders.cvat_yolo(tmp_path)
    assert "all 2 lines are boxes without outlines" in codes(tmp_path)["box_for_mask"].message
    labels = tmp_path / "obj_train_data" / "a0.txt"
    labels.write_text(labels.read_text() + tool_folders.yolo_line(HAT, 0))
    assert "2 of 3 lines are boxes" in codes(tmp_path)["box_for_mask"].message


LINES = {
    "0 .1 .1 .2 .2 .3": "5 numbers behind the class; expected 4",
    "0 10 10 30 10 30 30": "coordinate 30; expected shares",
    "hat .1 .1 .2 .2": "other things than numbers: 'hat",
    "7 .1 .1 .2 .2": "class number 7; named are 0 hat, 1 shoe",
    "0.5 .1 .1 .2 .2": "begins with 0.5, which is no class number",
    "0 .1 .1 nan .2": "NaN or infinity",
    "0 .5 .5 0 .2": "a box of the width 0",
}


@each("line", LINES)
def test_a_line_of_yolo_that_is_none_names_its_place(tmp_path, line):
    tool_folders.roboflow_yolo(tmp_path)
    file = tmp_path / "train" / "labels" / "train0_jpg.rf.0f.txt"
    file.write_text(f"{file.read_text()}{line}\n")
    with pytest.raises(DataError, match=r"train0_jpg.*line 3.*" + LINES[line]):
        open_dataset(tmp_path)
    rest = open_dataset(tmp_path, drop_invalid=True)
    assert [sample.image_id for sample in rest] == ["train/images/train1_jpg.rf.0f"]


def test_one_name_for_two_class_numbers_of_yolo(tmp_path, caplog):
    tool_folders.roboflow_yolo(tmp_path)
    (tmp_path / "data.yaml").write_text("names: [coat, coat]\n")
    said = "'coat' is used 2 times, by the class numbers 0 and 1, and 0 and 1 have objects. Rename"
    with pytest.raises(DataError, match=said):
        open_dataset(tmp_path)
    assert codes(tmp_path)["duplicate_category"].severity == "error"
    rest = open_dataset(tmp_path, drop_invalid=True)
    assert rest.class_names == ("coat",) and [len(sample) for sample in rest] == [2, 0]
    assert "1 duplicate_category" in caplog.text
    (tmp_path / "data.yaml").write_text("names: [hat, shoe, hat]\n")
    assert len(open_dataset(tmp_path)[0]) == 2 and "0 and 2, of which at most one" in caplog.text
    assert codes(tmp_path)["duplicate_category"].severity == "warning"


def test_yolo_without_names_or_with_poses_is_said_so(tmp_path):
    tool_folders.roboflow_yolo(tmp_path)
    (tmp_path / "data.yaml").write_text("train: train/images\nnc: 2\n")
    with pytest.raises(DataError, match="nothing names YOLO's class numbers"):
        open_dataset(tmp_path)
    (tmp_path / "data.yaml").write_text("names: [a]\nkpt_shape: [17, 3]\n")
    with pytest.raises(DataError, match="labels of poses.*without masks"):
        open_dataset(tmp_path)
    (tmp_path / "data.yaml").write_text("names: [a\n")
    with pytest.raises(DataError, match="not valid YAML"):
        open_dataset(tmp_path, format="yolo")


def test_several_folders_of_a_part_and_one_that_is_not_there(tmp_path):
    tool_folders.roboflow_yolo(tmp_path)
    image(tmp_path / "images" / "stray.jpg")
    said = "train: [/content/x/train/images, test/images]\nval: ../validation/images\n"
    (tmp_path / "data.yaml").write_text(said + "names: [hat, shoe]\n")
    assert len(open_dataset(tmp_path)) == 4
    assert len(open_dataset(tmp_path / "data.yaml")) == 4
    found = [sample.image_id for sample in open_dataset(tmp_path, split="val")]
    assert found == ["valid/images/valid0_jpg.rf.0f", "valid/images/valid1_jpg.rf.0f"]


def test_a_yaml_file_of_yolo_beside_coco_changes_nothing(tmp_path):
    tool_folders.label_studio_coco(tmp_path)
    text(tmp_path / "data.yaml", "names: [hat, shoe]\n")
    assert type(open_dataset(tmp_path)) is CocoDataset
    tool_folders.roboflow_yolo(tmp_path / "empty")
    for file in (tmp_path / "empty").rglob("labels/*.txt"):
        file.write_text("")
    assert len(open_dataset(tmp_path / "empty")) == 2


def test_labels_without_their_image_and_images_without_labels(tmp_path):
    tool_folders.roboflow_yolo(tmp_path)
    (tmp_path / "train" / "images" / "train0_jpg.rf.0f.jpg").unlink()
    with pytest.raises(DataError, match="train0_jpg.rf.0f.txt: there is no image of its name"):
        open_dataset(tmp_path)
    assert len(open_dataset(tmp_path, drop_invalid=True)) == 1
    for file in (tmp_path / "train" / "labels").iterdir():
        file.unlink()
    assert "no_labels" in codes(tmp_path)


def runs(size, inside):
    flat = np.concatenate([[0], inside.T.reshape(-1), [0]]).astype(int)
    edges = np.flatnonzero(np.diff(flat))
    counts = np.diff(np.concatenate([[0], edges, [inside.size]])).tolist()
    return {"size": list(size), "counts": counts}


def ring():
    """A square with a hole."""
    found = np.zeros(SIZE, bool)
    found[10:40, 10:50] = True
    found[20:30, 20:30] = False
    return found


def forms_of_rle():
    long, short = runs(SIZE, ring()), rle.encode(ring())
    halves = [ring() & (np.arange(SIZE[1]) < 30), ring() & (np.arange(SIZE[1]) >= 30)]
    return {
        "counts": long,
        "text": short,
        "bytes as Python writes them": {**short, "counts": repr(short["counts"].encode())},
        "numbers with a point": {**long, "counts": [float(n) for n in long["counts"]]},
        "a list of one": [short],
        "a list of pieces": [rle.encode(half) for half in halves],
    }


@each("form", forms_of_rle())
def test_run_lengths_of_every_form_keep_a_hole(tmp_path, form):
    image(tmp_path / "a.jpg")
    content = tool_folders.coco(["a.jpg"])
    content["annotations"] = content["annotations"][:1]
    content["annotations"][0].update(segmentation=forms_of_rle()[form], bbox=[10, 10, 40, 30])
    text(tmp_path / "train.json", content)
    np.testing.assert_array_equal(open_dataset(tmp_path)[0].masks[0], ring())


def test_of_polygons_one_inside_another_is_no_hole_and_a_slit_makes_one(tmp_path):
    image(tmp_path / "a.jpg")
    outer, inner = [10, 10, 50, 10, 50, 40, 10, 40], [20, 20, 30, 20, 30, 30, 20, 30]
    slit = [10, 10, 50, 10, 50, 40, 10, 40, 10, 10, 20, 20, 20, 30, 30, 30, 30, 20, 20, 20, 10, 10]
    content = tool_folders.coco(["a.jpg"])
    first, second = content["annotations"]
    first.update(segmentation=[outer, inner], bbox=[10, 10, 40, 30])
    second.update(segmentation=[slit], bbox=[10, 10, 40, 30])
    text(tmp_path / "train.json", content)
    filled, holed = open_dataset(tmp_path)[0].masks
    assert filled[10:40, 10:50].all() and filled.sum() == 30 * 40
    np.testing.assert_array_equal(holed, ring())


def test_regions_of_one_group_in_via_are_one_object(tmp_path):
    tool_folders.via_2(tmp_path)
    file = tmp_path / "via_project.json"
    content = json.loads(file.read_text())
    regions = content["_via_img_metadata"]["a.jpg9"]["regions"]
    for region in regions:
        region["region_attributes"] = {"class": "shoe", "group_id": "1"}
    file.write_text(json.dumps(content))
    (found,) = open_dataset(tmp_path)[0].masks
    np.testing.assert_array_equal(found, mask(SHOE) | mask(HAT))
    assert len(open_dataset(tmp_path, group_attribute="none", class_attribute="class")[0]) == 2


def test_several_folders_of_a_part_are_not_guessed_among(tmp_path):
    tool_folders.labelme(tmp_path)
    (tmp_path / "Validation_2024").rename(tmp_path / "Train_2025")
    with pytest.raises(DataError, match="Train_2024 is one.*So are 1 more: data.parts joins"):
        open_dataset(tmp_path)
    with pytest.raises(MissingPartError, match="Train_2024, Train_2025"):
        open_dataset(tmp_path, split="val", format="labelme")
    assert len(open_dataset(tmp_path, split="Train_2024", format="labelme")) == 2


STUDIO = {
    "several labels": (
        lambda r: r["value"].update(polygonlabels=["hat", "shoe"]),
        "several labels",
    ),
    "no label": (lambda r: r["value"].pop("polygonlabels"), "has no label"),
    "turned": (lambda r: r.update(image_rotation=90), "turned by 90 degrees"),
    "size": (lambda r: r.update(original_width=0), "has the image size"),
    "shape": (lambda r: r.update(value={"polygonlabels": ["hat"]}), "unknown type"),
    "brush": (lambda r: r.update(value={"rle": [0, 0, 1], "brushlabels": ["hat"]}), "cut off"),
    "bytes": (lambda r: r.update(value={"rle": [999], "brushlabels": ["hat"]}), "no list of bytes"),
    "image": (lambda r: r.update(value={"rle": [0] * 20, "brushlabels": ["hat"]}), "0 values of 1"),
}


@each("kind", STUDIO)
def test_regions_of_label_studio_that_cannot_be_read_are_named(tmp_path, kind):
    tool_folders.label_studio(tmp_path)
    change, message = STUDIO[kind]
    file = next(tmp_path.glob("*.json"))
    tasks = json.loads(file.read_text())
    change(tasks[0]["annotations"][0]["result"][0])
    file.write_text(json.dumps(tasks))
    with pytest.raises(DataError, match=rf"a\.jpg.*region 1.*{message}"):
        open_dataset(tmp_path)[0]
    assert len(open_dataset(tmp_path, drop_invalid=True)) == 1


def test_tasks_of_label_studio_that_nobody_annotated_are_passed_over(tmp_path):
    tool_folders.label_studio(tmp_path)
    file = next(tmp_path.glob("*.json"))
    tasks = json.loads(file.read_text())
    tasks[1]["annotations"] = [{"result": [], "was_cancelled": True}]
    tasks[0]["annotations"] *= 2
    region = tasks[0]["annotations"][0]["result"][0]
    region.update(type="rectangle", value={"x": 25, "y": 25, "width": 25, "height": 50})
    region["value"]["rotation"] = 90
    empty = {**region, "value": {"format": "rle", "rle": [], "brushlabels": ["hat"]}}
    tasks[0]["annotations"][0]["result"].append({**empty, "id": "e", "type": "brushlabels"})
    label = {"id": region["id"], "type": "labels", "value": {"labels": ["hat"]}}
    tasks[0]["annotations"][0]["result"].append(label)
    file.write_text(json.dumps(tasks))
    found = codes(tmp_path)
    assert "brush that marks nothing" in found["no_area"].message
    assert "1 tasks have no annotation" in found["unannotated"].message
    assert "2 annotations; the first" in found["several_annotations"].message
    # Turned by a right angle about its corner at (20, 15), 20 wide and 30 high.
    np.testing.assert_array_equal(masks_of(open_dataset(tmp_path), 0)["hat"], mask((15, 0, 35, 20)))


VOC = "<annotation><object><bndbox/></object></annotation>"
KNOWN = {
    "boxes of VOC beside images": ({"train/a.xml": VOC}, "PASCAL VOC, boxes without masks"),
    "old LabelMe": ({"a.xml": "<annotation><polygon/></annotation>"}, "old LabelMe"),
    "imglab": ({"a.xml": "<?xml?><dataset><images></images></dataset>"}, "dlib's imglab"),
    "TFRecord": ({"train/a.tfrecord": "x"}, "TFRecord"),
    "Supervisely": ({"meta.json": "{}", "ds0/ann/a.jpg.json": "{}"}, "Supervisely"),
    "SageMaker": ({"out.manifest": "{}"}, "SageMaker"),
    "semantic": ({"train/_classes.csv": "Pixel Value,Class"}, "Roboflow's semantic masks"),
    "VIA 3, CSV": ({"v.csv": "# Exported using VGG Image Annotator\n"}, "VIA 3 exported.*project"),
    "Datumaro": ({"d.json": '{"info": {}, "categories": {}, "items": []}'}, "Datumaro's JSON"),
    "Cityscapes": ({"a.json": '{"imgHeight": 1, "imgWidth": 1, "objects": []}'}, "Cityscapes"),
    "Open Images": (
        {"train-annotations-object-segmentation.csv": "MaskPath"},
        "Open Images.*tfseg open-images",
    ),
}


@each("kind", KNOWN)
def test_what_is_known_and_not_read_is_named_with_its_remedy(tmp_path, kind):
    files, message = KNOWN[kind]
    image(tmp_path / "photo.jpg")
    for name, content in files.items():
        text(tmp_path / name, content)
    place = tmp_path / "d.json" if kind == "Datumaro" else tmp_path
    place = tmp_path / "a.json" if kind == "Cityscapes" else place
    with pytest.raises(DataError, match=f"this is .*{message}") as error:
        open_dataset(place)
    assert any(word in str(error.value) for word in ("COCO", "project", "tfseg open-images"))
