"""A dataset in a model's class ids: objects and class maps move together, samples are checked."""

import numpy as np
import pytest
from each_case import each

from tfseg.data import ListDataset, Subset
from tfseg.data.aligned import align_classes
from tfseg.data.dataset import Cached, Concat
from tfseg.errors import DataError
from tfseg.structures import Sample
from tfseg.structures.label_maps import LabelMapKind
from tfseg.structures.semantic import class_map

SIZE = (20, 30)
GAPS = np.array([True, False, False])[:, None, None]


def masks_of(count):
    masks = np.zeros((count, *SIZE), bool)
    for number, mask in enumerate(masks):
        mask[2:8, 8 * number + 1 : 8 * number + 6] = True
    return masks


def sample_of(ids, dtype=np.uint8, image_id=0, **more):
    masks = masks_of(len(ids))
    classes = np.zeros(SIZE, dtype)
    for number, mask in zip(ids, masks):
        classes[mask] = number
    classes[15:] = 255
    maps = {"classes": classes, "instances": classes.copy()}
    return Sample(np.zeros((*SIZE, 3), np.uint8), image_id, ids, masks, label_maps=maps, **more)


@each("dtype", [np.uint8, np.int16, np.int32, np.int64])
@each(
    "wrap",
    [
        lambda data: data,
        lambda data: Subset(data, [0]),
        lambda data: Concat([data]),
        Cached,
    ],
)
def test_objects_and_class_map_get_the_same_numbers(dtype, wrap):
    own, models = ("bee", "ant"), ("ant", "cow", "bee")
    data = wrap(ListDataset([sample_of([1, 2, 1], dtype)], own))
    for _ in range(2):  # the second time from the cache
        sample = align_classes(data, models)[0]
        assert sample.class_ids.tolist() == [3, 1, 3]
        classes = sample.label_maps["classes"]
        assert classes.dtype == dtype
        for number, mask in zip(sample.class_ids, sample.masks):
            assert (classes[mask] == number).all()
        assert (classes[15:] == 255).all()
        assert (classes[~sample.masks.any(axis=0)][: 15 * 30 - 90] == 0).all()
        # Numbers that are no classes stay.
        assert set(np.unique(sample.label_maps["instances"])) == {0, 1, 2, 255}
        np.testing.assert_array_equal(class_map(sample), classes)


def test_what_a_dataset_says_of_its_maps_goes_with_its_samples():
    data = ListDataset([sample_of([2, 1]), sample_of([1])], ("left", "right"))
    data.label_map_kinds = {
        "classes": LabelMapKind(("left", "right"), swaps=((1, 2),)),
        "instances": LabelMapKind(ignore=None),
    }
    models = ("table", "right", "left")
    aligned = align_classes(Subset(Concat([data]), [1, 0]), models)
    kind = aligned[0].label_map_kind("classes")
    assert kind.class_names == models and kind.swaps == ((3, 2),)
    assert aligned.label_map_kinds["classes"] == kind
    assert aligned[1].label_map_kind("instances").fill == 0
    other = ListDataset([sample_of([1])], ("left", "right"))
    other.label_map_kinds = {"classes": LabelMapKind(ignore=9)}
    with pytest.raises(DataError, match="dataset 1 reads the label map 'classes' as"):
        Concat([data, other])
    own = sample_of([1]).replace(label_map_kinds={"classes": LabelMapKind(("a",), ignore=255)})
    wide = own.label_maps["classes"].astype(np.uint16)
    wide[wide == 255] = 65535
    sixteen = own.replace(
        label_maps={"classes": wide}, label_map_kinds={"classes": LabelMapKind(ignore=65535)}
    )
    sample = align_classes(ListDataset([sixteen], ("a",)), ("b", "a"))[0]
    assert set(np.unique(sample.label_maps["classes"])) == {0, 2, 65535}
    assert set(np.unique(class_map(sample))) == {0, 2, 255}


def test_a_map_of_one_byte_grows_where_an_id_needs_it():
    models = tuple(f"c{number}" for number in range(300))
    sample = align_classes(ListDataset([sample_of([1])], ("c298",)), models)[0]
    assert set(np.unique(sample.label_maps["classes"])) == {0, 299, 255}


def test_same_names_change_nothing():
    given = sample_of([2, 1])
    assert align_classes(ListDataset([given], ("a", "b")), ("a", "b"))[0] is given


@each("models", [("a", "b"), ("b", "a", "c")])
@each(
    ("sample", "said"),
    [
        (sample_of([0], image_id="x7"), "'x7'.*class id 0 lies outside 1 to 2.*count from 1"),
        (sample_of([1, 5], image_id="x7"), "'x7'.*class id 5"),
        (sample_of([1, -2], np.int32, image_id="x7"), "'x7'.*class id -2.*is_crowd=True"),
        (
            sample_of([1], image_id="x7", is_crowd=[True]).replace(class_ids=[-1]),
            "'x7'.*class id -1",
        ),
        (
            sample_of([1], image_id="x7").replace(label_maps={"classes": np.full(SIZE, 7)}),
            "'x7'.*holds 7",
        ),
        (
            sample_of([1], image_id="x7").replace(label_maps={"classes": np.ones(SIZE)}),
            "'x7'.*whole numbers",
        ),
        (sample_of([1], image_id="x7", boxes=[[0, 0, np.nan, 4]]), "'x7'.*NaN"),
        (Sample(np.zeros((9, 9, 3), np.uint8), "x7", [1], boxes=[[1, 1, 5, 5]]), "'x7'.*no mask"),
        (
            Sample(np.zeros((*SIZE, 3), np.uint8), "x7", [1], np.zeros((1, *SIZE), bool)),
            "'x7': the mask of annotation 1 has no pixel, so .*sample.take",
        ),
        (
            sample_of([1, 2, 1], image_id="x7").replace(masks=masks_of(3) & GAPS, boxes=None),
            "'x7': the mask of annotation 2 has no pixel .as 2 of 3 masks.",
        ),
        ((np.zeros((9, 9, 3)), [1]), "image 1 .*got tuple"),
    ],
)
def test_every_sample_is_checked_as_it_is_read(models, sample, said):
    class Own:
        class_names = ("a", "b")

        def __len__(self):
            return 2

        def __getitem__(self, index):
            return (sample_of([1]), sample)[index]

    data = align_classes(Own(), models)
    assert len(data[0]) == 1
    with pytest.raises(DataError, match=said):
        data[1]
