"""The whole way from a download to a COCO dataset, on drawn clothing whose truth is exact."""

from __future__ import annotations

import contextlib
import io
import json
import os

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from tfseg.data.coco.coco import CocoDataset
from tfseg.data.images.images import read_image, turn
from tfseg.data.open_images import OpenImagesDataset, SelectionRules
from tfseg.data.opening.sources import open_dataset
from tfseg.errors import ConfigError, DataError

SUIT, DRESS, JEANS, GIRL, SHORTS = (
    "/m/01xyhv",
    "/m/01d40f",
    "/m/0fly7",
    "/m/05r655",
    "/m/01bfm9",
)
MIDS = {SUIT: 1, DRESS: 2, JEANS: 3}


def samples(out):
    """Every sample of both parts, by the stem of its file."""
    both = [*open_dataset(out, split="train"), *open_dataset(out, split="val")]
    return {os.path.basename(sample.path).partition(".")[0]: sample for sample in both}


def check_truth(download, out):
    found = samples(out)
    assert set(found) == {image for image, truth in download.truth.items() if truth}
    for image, truth in download.truth.items():
        sample = found[image]
        assert sample.class_ids.tolist() == [MIDS[label] for label, _ in truth]
        np.testing.assert_array_equal(sample.masks, [mask for _, mask in truth])


@pytest.mark.parametrize("zipped", [False, True])
def test_the_masks_come_back_exactly(clothing, convert, tmp_path, zipped):
    report = convert(clothing, zipped=zipped)
    check_truth(clothing, tmp_path / "out")
    objects = sum(map(len, clothing.truth.values()))
    assert report.rows == report.kept == objects and report.problems == ()
    links = [path.is_symlink() for path in (tmp_path / "out" / "images").iterdir()]
    assert len(links) == 12 and all(links) is not zipped
    assert sorted(os.listdir(tmp_path / "out")) == [
        "images",
        "open_images_report.json",
        "open_images_report.txt",
        "train.json",
        "val.json",
    ]
    assert sorted(os.listdir(tmp_path)) == ["openimages", "out"]


def test_pycocotools_reads_the_same(clothing, convert, tmp_path):
    convert(clothing, train_images=8)
    seen = set()
    for part, count in (("train", 8), ("val", 4)):
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO(str(tmp_path / "out" / f"{part}.json"))
        assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == ["Suit", "Dress", "Jeans"]
        assert len(coco.imgs) == count
        for image in coco.imgs.values():
            truth = clothing.truth[image["file_name"].partition(".")[0]]
            annotations = coco.loadAnns(coco.getAnnIds(image["id"]))
            assert len(annotations) == len(truth)
            for annotation, (label, mask) in zip(annotations, truth):
                np.testing.assert_array_equal(coco.annToMask(annotation).astype(bool), mask)
                rows, columns = np.nonzero(mask)
                x, y, width, height = annotation["bbox"]
                assert (x, x + width) == (columns.min(), columns.max() + 1)
                assert (y, y + height) == (rows.min(), rows.max() + 1)
                assert annotation["area"] == mask.sum() and annotation["iscrowd"] == 0
                assert annotation["category_id"] == MIDS[label]
                seen.add(annotation["id"])
    assert len(seen) == sum(map(len, clothing.truth.values()))


def test_polygons_fill_holes_and_keep_the_area_of_the_mask(download, convert, tmp_path):
    ring = download.rectangle((48, 64), 8, 10, 40, 30)
    ring[20:25, 15:20] = False
    for image in ("f1", "f2"):
        download.add_image(image, download.grey((48, 64)))
        download.add_mask(image, SUIT, ring)
    convert(download, masks="polygons", classes=("Suit",))
    for part in ("train", "val"):
        (record,) = json.loads((tmp_path / "out" / f"{part}.json").read_text())["annotations"]
        (polygon,) = record["segmentation"]
        assert sorted(zip(polygon[::2], polygon[1::2])) == [(10, 8), (10, 40), (30, 8), (30, 40)]
        assert record["area"] == ring.sum() == 20 * 32 - 25
        (sample,) = CocoDataset(tmp_path / "out" / f"{part}.json", tmp_path / "out" / "images")
        np.testing.assert_array_equal(sample.masks[0], download.rectangle((48, 64), 8, 10, 40, 30))


def test_a_mask_of_another_ratio_of_sizes(download, convert, tmp_path):
    """1600 x 1067 on 1024 x 683 in small: neither is a multiple of the other."""
    for image in ("f1", "f2"):
        download.add_image(image, download.grey((68, 102)))
        download.add_mask(image, SUIT, download.rectangle((107, 160), 20, 30, 80, 110))
    convert(download, classes=("Suit",))
    expected = np.zeros((68, 102), bool)
    for row in range(68):
        for column in range(102):
            y, x = (row + 0.5) * 107 / 68, (column + 0.5) * 160 / 102
            expected[row, column] = 20 <= y < 80 and 30 <= x < 110
    np.testing.assert_array_equal(samples(tmp_path / "out")["f1"].masks[0], expected)


def test_every_line_is_accounted_for(clothing, convert, tmp_path):
    clothing.add_plain("e000000000000001")
    for label in (GIRL, GIRL, GIRL, "/m/07j7r", "/m/nobody", SHORTS):
        clothing.add_mask("f000000000000000", label, clothing.rectangle((72, 96), 10, 10, 40, 40))
    report = convert(clothing, min_masks=2)
    dropped = {rule["rule"]: rule["dropped"] for rule in report.rules if rule["dropped"]}
    assert dropped == {
        "partition": 1,
        "unknown_class": 1,
        "superset": 1,
        "min_masks": 1,
        "not_chosen": 3,
    }
    assert report.rules[-1]["left"] == report.kept == report.rows - 7
    classes = {entry["name"]: entry for entry in report.classes}
    assert [entry["id"] for entry in report.classes][:3] == [1, 2, 3]
    assert classes["Girl"]["reason"] == "not_chosen" and classes["Girl"]["masks"] == 3
    assert classes["Shorts"]["reason"] == "min_masks" and classes["Shorts"]["id"] is None
    assert classes["Tree"]["reason"] == "superset" and classes["Tree"]["rows"] == 1
    for entry in report.classes:
        assert entry["rows"] == entry["kept"] + sum(entry["dropped"].values())
        assert entry["kept"] == entry["train"] + entry["val"]
    content = json.loads((tmp_path / "out" / "open_images_report.json").read_text())
    assert content == json.loads(report.to_json())
    assert content["kept"] == {"masks": report.kept, "images": 12}
    text = (tmp_path / "out" / "open_images_report.txt").read_text()
    assert text == f"{report}\n"
    assert "classes with too few masks: Shorts 1" in text and "Girl 3" in text


def test_supersets_reach_down_the_whole_hierarchy(clothing, convert):
    """Jeans lie below Clothing only by way of Trousers."""
    assert convert(clothing, supersets=("Clothing",)).classes[2]["kept"] > 0
    with pytest.raises(DataError, match=r"no class is left\. Suit: it lies in none of the superse"):
        convert(clothing, supersets=("Vehicle", "Person"), out="other")


def test_all_classes_of_all_partitions_without_a_hierarchy(clothing, convert, tmp_path):
    clothing.add_plain("0000000000000001", "/m/07j7r")
    clothing.write()
    (clothing.folder / "bbox_labels_600_hierarchy.json").unlink()
    clothing.write = lambda zipped: clothing.folder
    report = convert(clothing, partition=None, supersets=(), classes=None)
    counts = [entry["kept"] for entry in report.classes]
    assert counts == sorted(counts, reverse=True) and len(counts) == 4
    with pytest.raises(DataError, match=r"need the hierarchy.*bbox_labels_600_hierarchy\.json"):
        convert(clothing, out="other")


def test_the_header_of_later_class_descriptions(clothing, convert):
    clothing.names_header = "LabelName,DisplayName"
    assert convert(clothing).problems == ()


def test_the_same_seed_writes_the_same_bytes(clothing, convert, tmp_path):
    for out, seed in (("a", 0), ("b", 0), ("c", 1)):
        convert(clothing, out=out, seed=seed, train_images=6)
    first, second, third = (tmp_path / out / "train.json" for out in "abc")
    assert first.read_bytes() == second.read_bytes() != third.read_bytes()


def test_copies_are_the_same_bytes(clothing, convert, tmp_path):
    convert(clothing, copy_images=True)
    for name, data in clothing.images.items():
        path = tmp_path / "out" / "images" / name
        assert not path.is_symlink() and path.read_bytes() == data


def test_links_outlive_a_move_of_everything(clothing, convert, tmp_path):
    convert(clothing, out="data/deep/out")
    (tmp_path / "moved").mkdir()
    os.rename(tmp_path / "data", tmp_path / "moved" / "data")
    os.rename(clothing.folder, tmp_path / "moved" / "openimages")
    check_truth(clothing, tmp_path / "moved" / "data" / "deep" / "out")


# Half a turn leaves the sides alike: masks are then taken to be of the stored pixels.
@pytest.mark.parametrize(
    ("orientation", "frame"),
    [(3, "stored"), (6, "stored"), (8, "stored"), (6, "seen"), (8, "seen")],
)
def test_turned_images_are_written_upright_with_masks_that_fit(
    download, convert, tmp_path, drawn, orientation, frame
):
    inverse = {3: 3, 6: 8, 8: 6}[orientation]
    sample = next(sample for sample in drawn if len(sample))
    for image in ("f1", "f2"):
        download.add_image(image, sample.image, orientation)
        download.truth[image] = []
        for mask, number in zip(sample.masks, sample.class_ids):
            label = (SUIT, DRESS, JEANS)[number - 1]
            download.add_mask(image, label, mask if frame == "seen" else turn(mask, inverse))
            download.truth[image].append((label, mask))
    report = convert(download, copy_images=True)
    check = samples(tmp_path / "out")["f1"]
    np.testing.assert_array_equal(
        check.masks[np.argsort(check.class_ids, kind="stable")],
        sample.masks[np.argsort(sample.class_ids, kind="stable")],
    )
    assert np.abs(check.image.astype(int) - sample.image).mean() < 8
    with Image.open(check.path) as image:
        assert image.getexif().get(0x0112, 1) == 1
        assert image.size == (96, 72)
    notes = [p for p in report.problems if p.code in ("exif_rotated", "exif_ambiguous")]
    assert [p.where for p in notes] == ["image f1", "image f2"]
    assert f"orientation {orientation}" in notes[0].message
    assert not [p for p in report.problems if p.code == "box_mismatch"]


def test_a_data_set_without_a_conversion(clothing, convert, tmp_path):
    convert(clothing, zipped=True)
    converted = samples(tmp_path / "out")
    direct = OpenImagesDataset(clothing.folder, SelectionRules(min_masks=1))
    assert direct.class_names == ("Suit", "Dress", "Jeans") and len(direct) == 12
    assert sum(direct.annotation_counts().values()) == sum(map(len, clothing.truth.values()))
    for sample in direct:
        other = converted[sample.image_id]
        np.testing.assert_array_equal(sample.masks, other.masks)
        np.testing.assert_array_equal(sample.class_ids, other.class_ids)
        np.testing.assert_array_equal(sample.image, read_image(other.path))
        np.testing.assert_array_equal(sample.boxes, other.boxes)


def test_impossible_splits_are_found_before_the_work(clothing, convert, tmp_path):
    with pytest.raises(ConfigError, match="1 to 11.*got 12"):
        convert(clothing, train_images=12)
    with pytest.raises(ConfigError, match="not both"):
        convert(clothing, train_images=3, val_fraction=0.2)
    with pytest.raises(ConfigError, match="'rle' or 'polygons', got 'png'"):
        convert(clothing, masks="png")
    assert os.listdir(tmp_path) == ["openimages"]


def test_a_download_that_is_opened_as_it_is_tells_the_way(clothing):
    with pytest.raises(DataError, match=r"tfseg open-images .*openimages --out"):
        open_dataset(clothing.write())
