"""The repaired copy: sound, complete, and what was changed is told."""

import json
import re
import shutil

import numpy as np
import pytest
import tiny_datasets
import tool_folders
from each_case import each
from PIL import Image
from tool_folders import HAT, SHOE, SIZE, TOOLS, coco, flat, image, mask, text

from tfseg.cli.main import main
from tfseg.data.coco import coco_writer
from tfseg.data.doctor.doctor import diagnose
from tfseg.data.doctor.repair import repair
from tfseg.data.opening.sources import open_dataset
from tfseg.errors import ConfigError, DataError


def found(dataset, index):
    sample = dataset[index]
    names = [dataset.class_names[number - 1] for number in sample.class_ids]
    return dict(zip(names, sample.masks, strict=True))


@each("tool", TOOLS)
def test_the_folder_of_every_tool_becomes_a_sound_copy(tmp_path, tool):
    make, parts = TOOLS[tool]
    source = tmp_path / "source"
    source.mkdir()
    make(source)
    done = repair(source, tmp_path / "copy")
    assert sorted(done.parts) == sorted(set(parts.split()) & {"train", "val", "test"})
    for part in done.parts:
        assert done.parts[part] == (2, 2)
        copy = open_dataset(tmp_path / "copy", split=part)
        assert type(copy).__name__ == "CocoDataset" and sorted(copy.class_names) == ["hat", "shoe"]
        (whole,) = (found(copy, k) for k in range(2) if len(copy[k]))
        np.testing.assert_array_equal(whole["shoe"], mask(SHOE))
        np.testing.assert_array_equal(whole["hat"], mask(HAT))
        diagnosis = diagnose(tmp_path / "copy", split=part)
        assert diagnosis.ok and not diagnosis.of("warning"), str(diagnosis)


@each("name", [name for name, (build, _) in tiny_datasets.MAKERS.items() if build])
def test_the_copy_of_every_format_has_its_objects(tmp_path, name):
    maker = tiny_datasets.maker(name)
    home = maker.written(tmp_path / "source")
    repair(home, tmp_path / "copy", format=maker.format, **maker.options)
    for part in ("train", "val")[: 1 if name == "instance_folder" else 2]:
        source, copy = maker.open(home, part), open_dataset(tmp_path / "copy", split=part)
        assert len(copy) == len(source) and copy.class_names == tuple(source.class_names)
        for sample, own in zip(source, copy, strict=True):
            np.testing.assert_array_equal(own.masks, sample.masks)
            np.testing.assert_array_equal(own.class_ids, sample.class_ids)
            np.testing.assert_array_equal(own.image, sample.image)


def test_images_that_are_to_have_no_objects_are_a_sound_copy_without_the_faulty(tmp_path):
    for name in ("room.png", "street.png"):
        image(tmp_path / "source" / name)
    (tmp_path / "source" / "torn.png").write_bytes(b"not an image")
    options = {"format": "empty", "classes": ("hat",)}
    done = repair(tmp_path / "source", tmp_path / "copy", **options)
    assert done.parts == {"train": (2, 0)} and any("torn.png" in line for line in done.changes)
    for name in ("room.png", "street.png"):
        (tmp_path / "source" / name).unlink()
    with pytest.raises(DataError, match="torn.png"):
        repair(tmp_path / "source", tmp_path / "none", **options)


def dataset(folder, change=lambda content: None, names=("a.jpg", "b.jpg")):
    """A COCO dataset whose first image has a shoe and a hat, the second one a hat."""
    for name in names:
        image(folder / "images" / name)
    content = coco(names)
    more = {**content["annotations"][1], "id": 3, "image_id": 2}
    content["annotations"].append(more)
    change(content)
    text(folder / "train.json", content)
    return folder


def set_all(key, *values, **more):
    def change(content):
        for one, value in zip(content["annotations"], values, strict=False):
            one[key] = value
            one.update(more)

    return change


def shares(content):
    for one in content["annotations"]:
        box = SHOE if one["id"] == 1 else HAT
        one["segmentation"] = [flat(box, (1 / SIZE[1], 1 / SIZE[0]))]
        one["bbox"] = [value / side for value, side in zip(one["bbox"], (80, 60, 80, 60))]


def no_ids(content):
    for one in content["annotations"]:
        del one["id"]
    content["annotations"][0]["id"] = 5


def again(content):
    content["annotations"].append({**content["annotations"][0], "id": 9})


def sizes(content):
    for one in content["images"]:
        one.update(height=0, width="80")


def elsewhere(content):
    content["images"][0]["file_name"] = "C:\\Users\\me\\images\\A.JPG"


# Kind of fault: the change of a sound file, and what the list says. No object is lost by any.
MENDED = {
    "boxes of no area": (set_all("bbox", [0, 0, 0, 0], [3, 3, 0, 1]), "height 0. It is made anew"),
    "one id for all": (set_all("id", 0, 0, 0), "id is used twice. It is made anew"),
    "ids missing": (no_ids, "expected 'id'.*It is made anew"),
    "crowd marks": (set_all("iscrowd", None, 0, "no"), "expected iscrowd 0 or 1.*made anew"),
    "shares": (shares, "all 3 outlines were shares of the image's sides and are now pixels"),
    "an object twice": (again, "a.jpg: annotation 9 was 1 again"),
    "sizes": (sizes, "has height 0"),
    "another system's names": (elsewhere, "are those of another system"),
    "text for numbers": (set_all("category_id", "2", "1", "1"), "text, read as numbers"),
}


@each("kind", MENDED)
def test_what_has_one_meaning_is_mended_and_told(tmp_path, kind):
    change, message = MENDED[kind]
    source = dataset(tmp_path / "source", change)
    done = repair(source, tmp_path / "copy")
    assert done.parts == {"train": (2, 3)} and done.left == ()
    told = (tmp_path / "copy" / "changes.txt").read_text()
    assert told == done.text()
    assert any(re.search(message, line) for line in done.changes), done.changes
    copy = open_dataset(tmp_path / "copy")
    np.testing.assert_array_equal(found(copy, 0)["shoe"], mask(SHOE))
    np.testing.assert_array_equal(found(copy, 1)["hat"], mask(HAT))
    diagnosis = diagnose(tmp_path / "copy")
    assert diagnosis.ok and not diagnosis.of("warning"), str(diagnosis)
    records = json.loads((tmp_path / "copy" / "train.json").read_text())
    assert sorted(one["id"] for one in records["annotations"]) == [1, 2, 3]


def torn(folder):
    path = folder / "images" / "a.jpg"
    path.write_bytes(path.read_bytes()[:300])


LEFT_OUT = {
    "image missing": (lambda folder: (folder / "images" / "a.jpg").unlink(), "there is no file"),
    "image damaged": (torn, "a.jpg.*left out"),
    "mask missing": (
        lambda folder: dataset(folder, lambda c: c["annotations"][1].update(segmentation=[])),
        "no segmentation.*Its image is left out: there it would be learnt as background",
    ),
}


@each("kind", LEFT_OUT)
def test_what_cannot_be_mended_goes_with_its_image(tmp_path, kind):
    harm, message = LEFT_OUT[kind]
    source = dataset(tmp_path / "source")
    harm(source)
    done = repair(source, tmp_path / "copy")
    assert done.parts == {"train": (1, 1)}
    (line,) = (one for one in done.changes if re.search(message, one))
    assert "drop_invalid" not in line and "Correct" not in line
    assert [path.name for path in (tmp_path / "copy" / "images" / "train").iterdir()] == ["b.jpg"]


def test_images_met_again(tmp_path):
    source = dataset(tmp_path / "source", names=("a.jpg", "b.jpg", "c.jpg"))
    home = source / "images"
    shutil.copy(home / "b.jpg", home / "d.jpg")  # the same objects
    shutil.copy(home / "a.jpg", home / "e.jpg")  # none
    content = json.loads((source / "train.json").read_text())
    for identity, name in ((4, "d.jpg"), (5, "e.jpg")):
        content["images"].append({**content["images"][0], "id": identity, "file_name": name})
    content["annotations"].append({**content["annotations"][2], "id": 4, "image_id": 4})
    text(source / "train.json", content)
    image(home / "v.jpg")
    shutil.copy(home / "c.jpg", home / "w.jpg")
    text(source / "val.json", coco(["v.jpg", "w.jpg"]))
    done = repair(source, tmp_path / "copy")
    assert done.parts == {"train": (3, 3), "val": (2, 2)}
    assert any("d.jpg: the same image with the same objects again" in one for one in done.changes)
    assert any("c.jpg: it is in val too, and is left out of train" in one for one in done.changes)
    assert any("e.jpg: an image twice, with different objects" in one for one in done.left)
    assert diagnose(tmp_path / "copy", against="val").ok
    alone = repair(source, tmp_path / "alone", split="val")
    assert list(alone.parts) == ["val"]
    assert sorted(p.name for p in (tmp_path / "alone").iterdir()) == [
        *("changes.txt", "images", "val.json"),
    ]


def test_annotations_of_an_image_on_its_side_stand_with_it(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    Image.fromarray(noise).save(source / "a.jpg", exif=exif.tobytes())
    shape = {"label": "shoe", "shape_type": "polygon", "points": tool_folders.corners(SHOE)}
    content = {"shapes": [shape], "imagePath": "a.jpg", "imageData": None, "version": "3.0.0"}
    text(source / "a.json", {**content, "imageHeight": SIZE[0], "imageWidth": SIZE[1]})
    done = repair(source, tmp_path / "copy")
    assert any("turned with it" in line for line in done.changes)
    (turned,) = open_dataset(tmp_path / "copy")[0].masks
    np.testing.assert_array_equal(turned, np.rot90(mask(SHOE), -1))


def test_what_has_no_parts_is_one(tmp_path):
    """A file is no folder of parts, and some readers give the same images for every part."""
    source = dataset(tmp_path / "source")
    done = repair(source / "train.json", tmp_path / "file")
    assert done.parts == {"train": (2, 3)} and done.changes == ()
    home = tmp_path / "people"
    image(home / "images" / "a.jpg")
    (home / "instances").mkdir()
    Image.fromarray(mask(SHOE).astype(np.uint8)).save(home / "instances" / "a.png")
    done = repair(home, tmp_path / "copy")
    assert done.parts == {"train": (1, 1)} and done.changes == ()


def test_links_lead_to_the_images_and_copies_stand_alone(tmp_path):
    source = dataset(tmp_path / "source")
    repair(source, tmp_path / "links", link=True)
    repair(source, tmp_path / "copies")
    linked = tmp_path / "links" / "images" / "train" / "a.jpg"
    assert linked.is_symlink() and linked.resolve() == (source / "images" / "a.jpg").resolve()
    assert len(open_dataset(tmp_path / "links")) == 2
    shutil.rmtree(source)
    assert len(open_dataset(tmp_path / "copies")[0]) == 2


def test_it_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    source, before = dataset(tmp_path / "source"), sorted((tmp_path / "source").rglob("*"))
    monkeypatch.setattr(coco_writer.files, "write_together", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        repair(source, tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
    assert sorted(source.rglob("*")) == before
    monkeypatch.undo()
    (tmp_path / "copy").mkdir()
    with pytest.raises(DataError, match="copy: there is something already"):
        repair(source, tmp_path / "copy")
    with pytest.raises(ConfigError, match="one dataset at a time"):
        repair(source, tmp_path / "other", parts=[{"path": "."}])


def test_nothing_is_written_where_nothing_would_be_left(tmp_path):
    source = dataset(tmp_path / "source", lambda c: [one.update(id=1) for one in c["images"]])
    with pytest.raises(DataError, match="no object would be left.*: .*image id 1 is used twice"):
        repair(source, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_the_command_says_what_it_did(tmp_path, capsys):
    source = dataset(tmp_path / "source", set_all("bbox", [0, 0, 0, 0]))
    copy = str(tmp_path / "copy")
    assert main(["doctor", str(source), "--fix", copy]) == 0
    said = capsys.readouterr().out
    assert "train: 2 images with 3 objects" in said and "Changed (1)" in said
    assert "changes.txt" in said and "The copy is fit for training." in said
    assert main(["doctor", copy]) == 0
    for words in (["--fix", copy, "--json"], ["--link"]):
        assert main(["doctor", str(source), *words]) == 2
    assert main(["doctor", str(source), "--fix", copy]) == 2
    assert "something already" in capsys.readouterr().err
