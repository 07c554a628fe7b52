"""CIHP and CCIHP as published: people, maps, numbers of other files, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfseg.data import CcihpDataset, CihpDataset, diagnose
from tfseg.errors import DataError

SIZE = (40, 60)


def save(path: Path, array) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def stripes(values, dtype=np.uint8) -> np.ndarray:
    """Returns a map of upright stripes, 3 pixels wide, the rest 0."""
    labels = np.zeros(SIZE, dtype)
    for place, value in enumerate(values):
        labels[5:30, 3 * place : 3 * place + 3] = value
    return labels


@pytest.fixture
def home(tmp_path):
    """One photograph of 14 people, who have a hat, the last one a right shoe."""
    part = tmp_path / "instance-level_human_parsing" / "Training"
    people = list(range(1, 15))
    classes = [1] * 13 + [19]
    parts = [20 * (person - 1) + kind for person, kind in zip(people, classes)]
    save(part / "Images" / "0000006.jpg", np.zeros((*SIZE, 3), np.uint8))
    save(part / "Human_ids" / "0000006.png", stripes(people))
    save(part / "Category_ids" / "0000006.png", stripes(classes))
    save(part / "Instance_ids" / "0000006.png", stripes(parts, np.uint16))
    for kind, values in {"Color": [5] * 14, "Size": [2] * 13 + [3], "Pattern": [4] * 14}.items():
        save(part / f"{kind}_ids" / "0000006.png", stripes(values))
    lines = [" ".join(map(str, row)) for row in zip(parts, classes, people)]
    (part / "Instance_ids" / "0000006.txt").write_text("\n".join(lines))
    (part / "train_id.txt").write_text("0000006\n")
    return part


def test_people_and_maps_of_the_published_layout(home):
    for root in (home.parent, home.parent.parent):
        data = CcihpDataset(root)
        assert data.image_ids == ("0000006",) and data.count_objects(0) == 14
    sample = data[0]
    assert len(sample) == 14 and sample.annotation_ids.tolist() == list(range(1, 15))
    assert sample.boxes[13].tolist() == [5, 39, 30, 42]  # ends exclusive
    assert {n: labels[5, 40] for n, labels in sample.label_maps.items()} == {
        "attributes": 19,
        "sizes": 3,
        "patterns": 4,
        "colors": 5,
    }
    kind = sample.label_map_kind("attributes")
    assert kind.class_names[18] == "right_shoe" and (18, 19) in kind.swaps
    assert data.label_map_kinds["colors"].class_names[4] == "red"
    plain = CihpDataset(home.parent)
    assert list(plain[0].label_maps) == ["attributes"]
    assert plain.label_map_kinds["attributes"].class_names[5] == "dress"


def test_people_beyond_8_bits_and_other_numbers(home):
    people = np.where(stripes([1] * 14) > 0, stripes(range(1, 15), np.uint16) + 300, 0)
    save(home / "Human_ids" / "0000006.png", people.astype(np.uint16))
    (home / "Instance_ids" / "0000006.txt").unlink()
    data = CcihpDataset(
        home.parent,
        numbers={"patterns": ("letters", "solid", "geometrical", "fancy"), "colors": {5: "blue"}},
    )
    sample = data[0]
    assert sample.annotation_ids.tolist() == list(range(301, 315))
    assert set(np.unique(sample.label_maps["patterns"])) == {0, 3}  # fancy
    assert set(np.unique(sample.label_maps["colors"])) == {0, 10}
    with pytest.raises(DataError, match=r"numbers\['colors'\].*one of dark, .*'blu'"):
        CcihpDataset(home.parent, numbers={"colors": {5: "blu"}})


def test_folders_of_other_names(home):
    (home / "Color_ids").rename(home / "Colours")
    with pytest.raises(DataError, match="no folder 'Color_ids' for 'colors'. Found: .*Colours"):
        CcihpDataset(home.parent)
    named = CcihpDataset(home.parent, folders={"colors": "Colours", "sizes": None})
    assert sorted(named[0].label_maps) == ["attributes", "colors", "patterns"]
    with pytest.raises(DataError, match="there is no 'colour'.*Did you mean 'colors'"):
        CcihpDataset(home.parent, folders={"colour": "Colours"})
    with pytest.raises(DataError, match="no part 'val'.*Training"):
        CcihpDataset(home.parent, "val")


def unknown_class(home):
    save(home / "Category_ids" / "0000006.png", stripes([1] * 13 + [20]))


def another_size(home):
    save(home / "Color_ids" / "0000006.png", np.zeros((30, 60), np.uint8))


def person_without_pixels(home):
    save(home / "Human_ids" / "0000006.png", stripes(range(1, 14)))


def no_map(home):
    (home / "Size_ids" / "0000006.png").unlink()


def bad_line(home):
    (home / "Instance_ids" / "0000006.txt").write_text("1 1 1\n21 1\n")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (unknown_class, r"Category_ids.*expected 0, 255 for ignored, and 1 hat, .*got 20"),
        (another_size, r"Color_ids.*has 30 x 60 pixels, its image .* has 40 x 60"),
        (person_without_pixels, r"0000006.txt, person 14: .*no pixel of .*Human_ids"),
        (no_map, r"there is no .*Size_ids.*the map of sizes"),
        (bad_line, r"0000006.txt: line 2: expected the numbers of a part.*'21 1'"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_faults_are_named(home, fault, message):
    fault(home)
    with pytest.raises(DataError, match=message):
        CcihpDataset(home.parent)[0]
    diagnosis = diagnose(home.parent, format="ccihp")
    assert not diagnosis.ok, diagnosis
