"""What is written in a format opens again with the same pixels, or says which it lost."""

import json

import numpy as np
import pytest
from each_case import each
from PIL import Image

from tfseg.cli.main import main
from tfseg.data.dataset import ListDataset
from tfseg.data.images.images import read_image
from tfseg.data.opening.sources import open_dataset
from tfseg.data.writing.formats import TARGETS, write_dataset
from tfseg.errors import ConfigError, DataError
from tfseg.structures import Sample

SIZE = (70, 90)
NAMES = ("shoe", "hat", "coat")


def blob(seed):
    """A ragged mask with holes and several pieces."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    rng = np.random.default_rng(seed)
    waves = sum(np.sin(x * a + y * b + c) for a, b, c in rng.uniform(-0.5, 0.5, (4, 3)))
    return waves > 0.6


def apart():
    """Four objects that hide nothing of each other: one the whole border, one with holes."""
    free = np.ones(SIZE, bool)
    border = np.ones(SIZE, bool)
    border[1:-1, 1:-1] = False
    masks = [border]
    free &= ~border
    for seed in (1, 2, 3):
        masks.append(blob(seed) & free)
        free &= ~masks[-1]
    return np.stack(masks), [1, 2, 2, 3]


def samples(folder, masks, ids, **more):
    """An image with objects, one without, and one whose file has the first one's name but for its
    ending, turned by its EXIF tag."""
    folder.mkdir()
    paths = [folder / name for name in ("a.jpg", "b.png", "a.png")]
    exif = Image.Exif()
    exif[0x0112] = 6
    for seed, path in enumerate(paths):
        noise = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)
        stored = np.ascontiguousarray(np.rot90(noise)) if seed == 2 else noise
        Image.fromarray(stored).save(path, **({"exif": exif.tobytes()} if seed == 2 else {}))
    return ListDataset(
        [
            Sample(read_image(paths[0]), path=str(paths[0]), masks=masks, class_ids=ids, **more),
            Sample(read_image(paths[1]), path=str(paths[1]), image_id="b"),
            Sample(read_image(paths[2]), path=str(paths[2]), masks=masks[:1], class_ids=ids[:1]),
        ],
        NAMES,
    )


def objects(dataset):
    """Class name and mask of each object, image by image."""
    found = []
    for sample in dataset:
        names = [dataset.class_names[k - 1] for k in sample.class_ids]
        found.append(sorted(zip(names, map(bytes, map(np.packbits, sample.masks)), strict=True)))
    return found


def place(folder, to):
    return folder / "train.json" if to.startswith("coco") else folder


@each("to", TARGETS)
def test_every_pixel_comes_back(tmp_path, to):
    source = samples(tmp_path / "source", *apart())
    out = tmp_path / "out"
    written = write_dataset(source, place(out, to), to, copy_images=True)
    assert written.lost == {} and written.notes == ()
    assert (written.images, written.objects) == (3, 5)
    back = open_dataset(out)
    assert set(back.class_names) == set(NAMES) and len(back) == 3
    assert sorted(objects(back)) == sorted(objects(source))
    pictures = {one.image.tobytes() for one in source}
    assert {one.image.tobytes() for one in back} == pictures


@each("to", TARGETS)
def test_from_and_to_each_format_the_pixels_stay(tmp_path, to):
    """Through the format and on to COCO's run lengths, by the command."""
    masks, ids = apart()
    source = samples(tmp_path / "source", masks[1:], ids[1:])
    write_dataset(source, place(tmp_path / "one", to), to, copy_images=True)
    words = ["coco", str(tmp_path / "one"), "--out", str(tmp_path / "two" / "train.json")]
    assert main([*words, "--link"]) == 0
    back = open_dataset(tmp_path / "two")
    assert sorted(objects(back)) == sorted(objects(source))
    assert all(path.is_symlink() for path in (tmp_path / "two" / "images").iterdir())


def crossing():
    first, second = np.zeros((2, *SIZE), bool)
    first[10:40, 10:40] = second[30:60, 30:60] = True
    return np.stack([first, second])


def test_masks_that_overlap_have_files_of_their_own(tmp_path):
    source = samples(tmp_path / "source", crossing(), [1, 3])
    written = write_dataset(source, tmp_path / "out", "png_masks")
    assert written.lost == {}
    assert (tmp_path / "out" / "train" / "masks" / "a" / "coat_2.png").is_file()
    assert sorted(objects(open_dataset(tmp_path / "out"))) == sorted(objects(source))


def test_a_crowd_region_under_objects_keeps_its_pixels_and_its_mark(tmp_path):
    source = samples(tmp_path / "source", crossing(), [1, 3], is_crowd=[True, False])
    assert write_dataset(source, tmp_path / "out", "png_masks").lost == {}
    back = open_dataset(tmp_path / "out")
    assert sorted(objects(back)) == sorted(objects(source))
    (sample,) = (one for one in back if len(one) == 2)
    marks = {back.class_names[k - 1]: m for k, m in zip(sample.class_ids, sample.is_crowd)}
    assert marks == {"shoe": True, "coat": False}


def test_pixels_that_a_map_cannot_hold_are_counted_for_each_image(tmp_path, capsys):
    source = samples(tmp_path / "source", crossing(), [1, 3], is_crowd=[True, True])
    write_dataset(source, tmp_path / "coco.json", "coco", copy_images=True)
    words = ["coco", str(tmp_path / "coco.json"), "--to", "png_masks", "--out"]
    assert main([*words, str(tmp_path / "out")]) == 0
    assert "lost: a.jpg, 100 pixels of its masks" in capsys.readouterr().out
    back = open_dataset(tmp_path / "out")
    (sample,) = (one for one in back if len(one) == 2)
    assert sample.is_crowd.all()
    kept = crossing()
    assert sample.masks.sum() == kept.sum() - 100
    assert not (sample.masks & ~kept.any(axis=0)).any()


def test_what_a_format_has_no_place_for_is_said(tmp_path, capsys):
    masks, ids = apart()
    keypoints = np.full((4, 2, 3), 2, np.float32)
    more = {"is_crowd": [True, False, False, False], "keypoints": keypoints}
    source = samples(tmp_path / "source", masks, ids, **more)
    written = write_dataset(source, tmp_path / "yolo", "yolo")
    assert written.notes == (
        "1 crowd regions are written as objects: YOLO has no mark for them.",
        "The keypoints of 4 objects are not written.",
    )
    written = write_dataset(source, tmp_path / "labelme", "labelme")
    assert written.notes == ("The keypoints of 4 objects are not written.",)
    crowds = [one.is_crowd.tolist() for one in open_dataset(tmp_path / "labelme")]
    assert sorted(map(sum, crowds)) == [0, 0, 1]


def test_parts_share_a_folder_and_nothing_is_replaced(tmp_path):
    source = samples(tmp_path / "source", *apart())
    for part in ("train", "val"):
        write_dataset(source, tmp_path / "out", "yolo", part)
    assert len(open_dataset(tmp_path / "out", split="val")) == 3
    with pytest.raises(DataError, match="train: there is something already"):
        write_dataset(source, tmp_path / "out", "yolo")
    other = ListDataset(source.samples, ("shoe", "hat", "skirt"))
    with pytest.raises(DataError, match="names the classes .*'coat'.*'skirt'"):
        write_dataset(other, tmp_path / "out", "yolo", "test")
    assert not (tmp_path / "out" / "test").exists()


@each("to", TARGETS)
def test_a_fault_on_the_way_leaves_nothing(tmp_path, to):
    class Broken(ListDataset):
        def __getitem__(self, index):
            if index == 2:
                raise DataError("torn")
            return super().__getitem__(index)

    source = samples(tmp_path / "source", *apart())
    out = tmp_path / "out"
    with pytest.raises(DataError, match="torn"):
        write_dataset(Broken(source.samples, NAMES), place(out, to), to, copy_images=True)
    left = [path for path in out.rglob("*") if path.is_file()] if out.exists() else []
    assert left == []


def test_words_that_are_wrong(tmp_path):
    source = samples(tmp_path / "source", *apart())
    with pytest.raises(ConfigError, match="no format 'voc' to write; known: coco, coco_polygons"):
        write_dataset(source, tmp_path / "x", "voc")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="expected a folder, got a file"):
        write_dataset(source, tmp_path / "file", "via")
    with pytest.raises(DataError, match="labelme keeps the label '__ignore__'"):
        names = ListDataset(source.samples, ("__ignore__", "a", "b"))
        write_dataset(names, tmp_path / "x", "labelme")


def test_polygons_of_coco_are_polygons_and_crowds_run_lengths(tmp_path):
    masks, ids = apart()
    more = {"is_crowd": [True, False, False, False]}
    source = samples(tmp_path / "source", masks, ids, **more)
    write_dataset(source, tmp_path / "train.json", "coco_polygons", copy_images=True)
    records = json.loads((tmp_path / "train.json").read_text())["annotations"]
    kinds = {one["iscrowd"]: type(one["segmentation"]) for one in records}
    assert kinds == {1: dict, 0: list}
