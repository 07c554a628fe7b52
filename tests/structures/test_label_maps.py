"""What a label map says of its own numbers: names, what is ignored, left and right."""

import numpy as np
import pytest

from tfseg.errors import DataError
from tfseg.structures import Sample
from tfseg.structures.label_maps import LabelMapKind, with_room
from tfseg.structures.labels import CCIHP_ATTRIBUTES
from tfseg.structures.semantic import class_map

IMAGE = np.zeros((2, 3, 3), np.uint8)


def test_a_kind_knows_names_fill_and_sides():
    kind = LabelMapKind(("left", "right", "nose"), swaps=((1, 2),))
    labels = np.array([[0, 1, 2], [3, 255, 1]], np.uint16)
    mirrored = kind.mirrored(labels)
    np.testing.assert_array_equal(mirrored, [[0, 2, 1], [3, 255, 2]])
    assert mirrored.dtype == np.uint16 and labels[0, 1] == 1
    np.testing.assert_array_equal(kind.mirrored(mirrored), labels)
    assert (kind.ignore, kind.fill) == (255, 255)
    assert LabelMapKind(ignore=65535).fill == 65535 and LabelMapKind(ignore=None).fill == 0


def test_a_sample_knows_its_kinds_and_those_of_ccihp_by_name():
    own = LabelMapKind(("door",), ignore=7)
    maps = dict.fromkeys(("attributes", "doors", "mine"), np.zeros((2, 3), int))
    sample = Sample(IMAGE, label_maps=maps, label_map_kinds={"doors": own})
    assert sample.label_map_kind("doors") is own
    assert sample.label_map_kind("mine") == LabelMapKind()
    names = sample.label_map_kind("attributes").class_names
    assert names == CCIHP_ATTRIBUTES[1:] and (14, 15) in sample.label_map_kind("attributes").swaps
    declared = sample.with_kinds({"doors": LabelMapKind(), "mine": LabelMapKind(("one",))})
    assert declared.label_map_kind("doors") is own
    assert declared.label_map_kind("mine").class_names == ("one",)
    assert declared.take([]).label_map_kinds == declared.label_map_kinds


def test_what_a_class_map_ignores_is_255_for_all_who_ask():
    classes = np.array([[0, 1, 9], [2, 9, 1]], np.uint16)
    kinds = {"classes": LabelMapKind(("a", "b"), ignore=9)}
    found = class_map(Sample(IMAGE, label_maps={"classes": classes}, label_map_kinds=kinds))
    np.testing.assert_array_equal(found, [[0, 1, 255], [2, 255, 1]])


@pytest.mark.parametrize(
    ("dtype", "number", "expected"),
    [(np.uint8, 255, np.uint8), (np.uint8, 65535, np.uint16), (np.int8, 255, np.int16),
     (bool, 255, np.uint8), (np.int32, 65535, np.int32), (np.uint16, 255, np.uint16)],
)  # fmt: skip
def test_a_map_grows_where_its_fill_needs_it(dtype, number, expected):
    wide = with_room(np.ones((2, 2), dtype), number)
    assert wide.dtype == expected and (wide == 1).all()


def test_what_is_no_kind_is_refused():
    with pytest.raises(DataError, match="changes places with one other"):
        LabelMapKind(swaps=((1, 2), (2, 3)))
    with pytest.raises(DataError, match="from 0, got ignore=-1"):
        LabelMapKind(ignore=-1)
    with pytest.raises(DataError, match="class_names as a tuple"):
        LabelMapKind("person")
    with pytest.raises(DataError, match="image 0: expected label_map_kinds as"):
        Sample(IMAGE, label_map_kinds={"doors": ("door",)})
