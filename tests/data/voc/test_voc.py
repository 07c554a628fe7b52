"""The layout of the PASCAL VOC development kit, and of the tools that write it."""

import pickle

import numpy as np
import pytest
from each_case import Fresh, each
from PIL import Image

from tfseg.data.dataset import check_dataset
from tfseg.data.doctor.doctor import diagnose
from tfseg.data.voc.voc import VOC_CLASSES, VocDataset
from tfseg.errors import DataError

SIZE = (60, 80)
PERSON, CHAIR = 15, 9


def voc_palette():
    """The colours of VOClabelcolormap.m, written out for the numbers used here."""
    table = np.zeros((256, 3), np.uint8)
    table[1], table[2], table[3] = (128, 0, 0), (0, 128, 0), (128, 128, 0)
    table[CHAIR], table[PERSON], table[255] = (192, 0, 0), (192, 128, 128), (224, 224, 192)
    return table


def maps():
    """Two people and a chair, each with a void border of one pixel around it."""
    objects, classes = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    blocks = {1: (5, 5, 30, 20, PERSON), 2: (10, 30, 40, 50, CHAIR), 3: (5, 60, 30, 75, PERSON)}
    for number, (y1, x1, y2, x2, label) in blocks.items():
        for array, value in ((objects, number), (classes, label)):
            array[y1 - 1 : y2 + 1, x1 - 1 : x2 + 1] = 255
            array[y1:y2, x1:x2] = value
    return objects, classes


def indexed(array):
    image = Image.fromarray(array).convert("P")
    image.putdata(array.reshape(-1).tolist())
    image.putpalette(voc_palette().reshape(-1).tolist())
    return image


def writer(tmp_path, photo):
    """Writes a VOC folder with the images 2007_000032 (train) and 2007_000033 (val)."""

    def write(objects=None, classes=None, root=None, paint=indexed):
        root = root or tmp_path / "VOCdevkit" / "VOC2012"
        drawn = maps()
        objects = drawn[0] if objects is None else objects
        classes = drawn[1] if classes is None else classes
        for number, (name, part) in enumerate((("2007_000032", "train"), ("2007_000033", "val"))):
            photo(root / "JPEGImages" / f"{name}.jpg", seed=number)
            for kind, array in (("Object", objects), ("Class", classes)):
                folder = root / f"Segmentation{kind}"
                folder.mkdir(exist_ok=True)
                paint(array).save(folder / f"{name}.png")
            lists = root / "ImageSets" / "Segmentation"
            lists.mkdir(parents=True, exist_ok=True)
            (lists / f"{part}.txt").write_text(f"{name}\n")
        (lists / "trainval.txt").write_text("2007_000032\n2007_000033\n")
        return root

    return write


@pytest.fixture
def save(tmp_path, photo):
    return Fresh(writer, tmp_path, photo)


def test_objects_classes_and_void(save):
    root = save()
    dataset = check_dataset(VocDataset(root))
    assert dataset.class_names == VOC_CLASSES and len(VOC_CLASSES) == 20
    assert (VOC_CLASSES[14], VOC_CLASSES[8], VOC_CLASSES[19]) == ("person", "chair", "tvmonitor")
    assert dataset.image_ids == ("2007_000032",)
    sample = dataset[0]
    objects, _ = maps()
    assert sample.class_ids.tolist() == [PERSON, CHAIR, PERSON]
    np.testing.assert_array_equal(sample.masks, [objects == n for n in (1, 2, 3)])
    np.testing.assert_array_equal(sample.boxes[0], (5, 5, 30, 20))
    assert not sample.masks.any(axis=0)[objects == 255].any() and sample.label_maps == {}
    assert sample.annotation_ids.tolist() == [1, 2, 3]


def test_void_is_kept_in_the_label_map_if_asked_for(save):
    sample = VocDataset(save(), label_maps=("classes",))[0]
    np.testing.assert_array_equal(sample.label_maps["classes"], maps()[1])
    assert sample.label_maps["classes"].dtype == np.int32
    chosen = VocDataset(save(), label_maps=("classes",), classes=("chair", "person"))[0]
    for number, mask in zip(chosen.class_ids, chosen.masks):
        assert (chosen.label_maps["classes"][mask] == number).all()
    assert set(np.unique(chosen.label_maps["classes"])) == {0, 1, 2, 255}
    with pytest.raises(DataError, match="label_maps"):
        VocDataset(save(), label_maps=("void",))


@each(("split", "count"), [("train", 1), ("val", 1), ("trainval", 2), ("all", 2)])
def test_splits_and_the_folders_above(save, tmp_path, split, count):
    root = save()
    for place in (root, root.parent, tmp_path):
        assert len(VocDataset(place, split)) == count
    with pytest.raises(
        DataError, match=r"no split 'test': looked for .*test\.txt; there are train, "
    ):
        VocDataset(root, "test")
    save(root=root.parent / "VOC2007")
    with pytest.raises(DataError, match="several datasets: .*VOC2007, .*VOC2012"):
        VocDataset(tmp_path)
    assert len(VocDataset(root, split)) == count


def test_classes_are_chosen_and_merged(save):
    dataset = VocDataset(
        save(), classes=("furniture", "person"), synonyms={"furniture": ("chair", "sofa")}
    )
    assert dataset[0].class_ids.tolist() == [2, 1, 2]
    assert pickle.loads(pickle.dumps(dataset)).class_names == ("furniture", "person")
    with pytest.raises(DataError, match="no label 'persn'.*Did you mean 'person'"):
        VocDataset(save(), classes=("persn",))
    assert len(VocDataset(save(), classes=("sofa",), keep_empty=False)) == 0
    assert len(VocDataset(save(), classes=("chair",), keep_empty=False)) == 1


def coloured(array):
    return Image.fromarray(voc_palette()[array])


def test_maps_in_colours_as_cvat_writes_them(save):
    sample = VocDataset(save(paint=coloured))[0]
    objects, _ = maps()
    assert sample.class_ids.tolist() == [PERSON, CHAIR, PERSON]
    np.testing.assert_array_equal(sample.masks, [objects == n for n in (1, 2, 3)])


def test_names_and_colours_of_labelmap_txt(save):
    objects, classes = maps()
    shirt = np.where(classes == PERSON, 1, np.where(classes == CHAIR, 2, 0)).astype(np.uint8)
    colours = np.array([(0, 0, 0), (10, 10, 128), (0, 108, 128)], np.uint8)
    root = save(classes=shirt)
    for part in (root / "SegmentationClass").iterdir():
        Image.fromarray(colours[shirt]).save(part)
    text = (
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\nshirt:10,10,128::\nhat:0,108,128::\n"
    )
    (root / "labelmap.txt").write_text(text)
    dataset = VocDataset(root)
    assert dataset.class_names == ("shirt", "hat") and dataset[0].class_ids.tolist() == [1, 2, 1]
    Image.fromarray(np.full((*SIZE, 3), 77, np.uint8)).save(part.parent / "2007_000032.png")
    with pytest.raises(DataError, match=r"no class has the colour \(77, 77, 77\)"):
        VocDataset(root)[0]


def test_names_of_labelmes_export_and_its_missing_lists(save):
    objects, classes = maps()
    small = np.where(classes == PERSON, 2, np.where(classes == CHAIR, 1, 0)).astype(np.uint8)
    root = save(classes=small)
    (root / "class_names.txt").write_text("_background_\nchair\nperson")
    for part in (root / "ImageSets" / "Segmentation").iterdir():
        part.unlink()
    dataset = VocDataset(root)
    assert len(dataset) == 2 and dataset.class_names == ("chair", "person")
    assert dataset[0].class_ids.tolist() == [2, 1, 2]
    (root / "ImageSets" / "Segmentation" / "default.txt").write_text("2007_000033\n")
    assert VocDataset(root).image_ids == ("2007_000033",)


def test_names_with_spaces_and_lists_of_pictures_with_their_maps(save):
    root = save()
    for folder, ending in (
        ("JPEGImages", "jpg"),
        *((f"Segmentation{k}", "png") for k in ("Object", "Class")),
    ):
        (root / folder / f"2007_000033.{ending}").rename(root / folder / f"my photo 1.{ending}")
    lines = "my photo 1 \r\n/JPEGImages/2007_000032.jpg /SegmentationClass/2007_000032.png\r\n"
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text(lines)
    dataset = VocDataset(root, "val")
    assert dataset.image_ids == ("my photo 1", "2007_000032")
    assert len(dataset[0]) == len(dataset[1]) > 0


def break_it(root, code):
    objects = root / "SegmentationObject" / "2007_000033.png"
    classes = root / "SegmentationClass" / "2007_000033.png"
    if code == "missing_image":
        (root / "JPEGImages" / "2007_000033.jpg").unlink()
    elif code == "missing_mask":
        classes.unlink()
    elif code == "mask_size":
        indexed(np.ones((50, 80), np.uint8)).save(objects)
    elif code == "unreadable_mask":
        objects.write_bytes(objects.read_bytes()[:-30])
    elif code == "no class":
        indexed(np.zeros(SIZE, np.uint8)).save(classes)
    elif code == "unknown_label":
        indexed(np.full(SIZE, 77, np.uint8)).save(classes)


@each(
    ("code", "message"),
    [
        ("missing_image", "2007_000033.jpg"),
        ("missing_mask", "SegmentationClass/2007_000033.png"),
        ("mask_size", "SegmentationObject/2007_000033.png.*50 x 80.*60 x 80"),
        ("unreadable_mask", "SegmentationObject/2007_000033.png.*cut off"),
        ("no class", "object 1.*no class"),
        ("unknown_label", "object 1.*class number 77"),
    ],
)
def test_a_fault_is_named_and_the_rest_goes_on(save, code, message):
    root = save()
    break_it(root, code)
    with pytest.raises(DataError, match=message):
        [VocDataset(root, "trainval")[n] for n in (0, 1)]
    rest = VocDataset(root, "trainval", drop_invalid=True)
    assert len(rest[0]) == 3 and rest.image_ids[0] == "2007_000032"
    assert sum(len(rest[n]) for n in range(len(rest))) == 3
    found = diagnose(root, split="trainval").of("error")
    expected = "unknown_label" if code == "no class" else code
    assert {problem.code for problem in found} == {expected}
    assert "2007_000033" in str(found[0])


def test_an_object_of_two_classes_takes_the_larger_share(save):
    _, classes = maps()
    classes[5:8, 5:20] = CHAIR
    dataset = VocDataset(save(classes=classes))
    sample, (problem,) = dataset.examine(0)
    assert sample.class_ids.tolist() == [PERSON, CHAIR, PERSON]
    assert problem.severity == "warning" and "45 of its pixels" in problem.message
    assert len(dataset[0]) == 3


def test_folders_without_the_layout(tmp_path, save):
    with pytest.raises(DataError, match="no folder SegmentationObject"):
        VocDataset(tmp_path)
    root = save()
    (root / "ImageSets" / "Segmentation" / "train.txt").write_text("\n")
    with pytest.raises(DataError, match="the list is empty"):
        VocDataset(root)
    (root / "labelmap.txt").write_text("background:0,0,0::\n")
    with pytest.raises(DataError, match="a class name a line, got none"):
        VocDataset(root, "val")
