import doctest
import pickle
import threading

import numpy as np
import pytest
from each_case import each

import tfseg.data.dataset as dataset_module
from tfseg.data.dataset import (
    Cached,
    Concat,
    Dataset,
    ListDataset,
    Subset,
    check_dataset,
    train_val_split,
)
from tfseg.errors import DataError
from tfseg.structures import Sample


class Squares:
    """A dataset of one's own, in ten lines."""

    class_names = ("small", "large")

    def __init__(self, count=7):
        self.count, self.reads = count, 0

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if not 0 <= index < self.count:
            raise IndexError(index)
        self.reads += 1
        masks = np.zeros((2, 20, 30), bool)
        masks[0, 2:5, 3 : 5 + index] = masks[1, 8:18, 10:25] = True
        labels = np.arange(600).reshape(20, 30) % (300 + index)
        return Sample(
            np.full((20, 30, 3), index, np.uint8),
            image_id=index,
            masks=masks,
            class_ids=[1, 2],
            keypoints=np.full((2, 3, 3), index, np.float32),
            label_maps={"tags": labels.astype(np.int32), "small": (labels % 3).astype(np.int64)},
        )


def ids(dataset):
    return [sample.image_id for sample in dataset]


def test_ten_lines_make_a_data_set():
    squares = Squares()
    assert isinstance(squares, Dataset)
    assert check_dataset(squares) is squares
    assert not isinstance([1, 2], Dataset)


@each(
    ("candidate", "message"),
    [
        (Squares, "Call it first"),
        ("photos/", "open_dataset"),
        ([Sample(np.zeros((2, 2, 3), np.uint8))], "ListDataset"),
        (iter([]), "no __len__, __getitem__, class_names"),
        (Squares(0), "no images"),
    ],
)
def test_check_dataset_names_the_remedy(candidate, message):
    with pytest.raises(DataError, match=message):
        check_dataset(candidate)


@each(
    ("names", "message"),
    [("person", "comma"), ((), "empty"), (("a", "a"), "twice"), ((1,), "text"), (None, "tuple")],
)
def test_check_dataset_looks_at_the_names(names, message):
    squares = Squares()
    squares.class_names = names
    with pytest.raises(DataError, match=message):
        check_dataset(squares)


def test_check_dataset_looks_at_the_first_sample():
    squares = Squares()
    squares.class_names = ("small",)
    with pytest.raises(DataError, match="class id 2 lies outside 1 to 1"):
        check_dataset(squares)
    assert check_dataset(squares, read_first=False) is squares

    class Tuples(Squares):
        def __getitem__(self, index):
            return super().__getitem__(index).image, None

    with pytest.raises(DataError, match=r"expected Tuples\[0\] to be a tfseg.Sample, got tuple"):
        check_dataset(Tuples())


def test_the_examples_in_the_documentation_run():
    assert doctest.testmod(dataset_module) == (0, 4)


def test_subset_by_positions_mask_and_slice():
    squares = Squares()
    assert ids(Subset(squares, [3, 0, -1])) == [3, 0, 6]
    assert ids(Subset(squares, np.arange(7) % 2 == 1)) == [1, 3, 5]
    assert ids(Subset(squares, slice(None, None, 3))) == [0, 3, 6]
    assert len(Subset(squares, [])) == 0
    assert Subset(squares, [1])[-1].image_id == 1
    assert Subset(squares, [1]).class_names == ("small", "large")


@each("indices", [[7], [-8], [True, False], [0.5], [[1, 2]]])
def test_subset_refuses_wrong_positions(indices):
    with pytest.raises(DataError):
        Subset(Squares(), np.array(indices))


def test_wrappers_pass_on_what_the_reader_knows():
    squares = Squares()
    squares.category_ids, squares.keypoint_names = (7, 9), ("a", "b", "c")
    for wrapped in (Subset(squares, [0]), Concat([squares]), Cached(squares)):
        assert wrapped.category_ids == (7, 9)
        assert wrapped.keypoint_names == ("a", "b", "c")


def test_concat():
    both = Concat([Squares(2), Squares(0), Squares(3)])
    assert len(both) == 5
    assert ids(both) == [0, 1, 0, 1, 2]
    assert both[-1].image_id == 2
    with pytest.raises(IndexError):
        both[5]
    other = Squares(1)
    other.class_names = ("large", "small")
    with pytest.raises(DataError, match="same classes="):
        Concat([Squares(1), other])
    with pytest.raises(DataError, match="at least one"):
        Concat([])


def test_list_dataset():
    samples = [Squares()[0], Squares()[1]]
    dataset = ListDataset(samples, ("small", "large"))
    assert ids(dataset) == [0, 1]
    with pytest.raises(DataError, match="position 1"):
        ListDataset([samples[0], "x"], ("small", "large"))
    with pytest.raises(DataError, match="comma"):
        ListDataset(samples, "small")


@each("fraction", [0.001, 0.2, 0.5, 0.999])
def test_split_is_a_partition_that_the_seed_decides(fraction):
    squares = Squares(50)
    train, val = train_val_split(squares, fraction, seed=3)
    assert sorted(ids(train) + ids(val)) == list(range(50))
    assert len(val) == min(max(round(50 * fraction), 1), 49)
    again = train_val_split(squares, fraction, seed=3)
    assert ids(again[1]) == ids(val)
    if fraction == 0.5:
        assert ids(train_val_split(squares, fraction, seed=4)[1]) != ids(val)


@each("fraction", [0, 1, -1, 2])
def test_split_refuses_all_or_nothing(fraction):
    with pytest.raises(DataError, match="fraction"):
        train_val_split(Squares(), fraction)
    with pytest.raises(DataError, match="at least 2"):
        train_val_split(Squares(1), 0.5)


def assert_same(first, second):
    for name in ("image", "masks", "boxes", "class_ids", "is_crowd", "keypoints", "annotation_ids"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
        assert getattr(first, name).dtype == getattr(second, name).dtype
    assert first.label_maps.keys() == second.label_maps.keys()
    for name, labels in first.label_maps.items():
        np.testing.assert_array_equal(labels, second.label_maps[name])
        assert labels.dtype == second.label_maps[name].dtype
    assert first.image_id == second.image_id


def test_the_cache_returns_equal_samples_and_reads_once():
    squares = Squares()
    cached = Cached(squares)
    for _ in range(3):
        for index in range(7):
            assert_same(cached[index], Squares()[index])
    assert squares.reads == 7


def test_the_cache_cannot_be_drawn_on():
    cached = Cached(Squares())
    for _ in range(2):
        sample = cached[2]
        sample.image[:] = 255
        sample.boxes[:] = 0
        sample.label_maps["tags"][:] = 0
        sample.masks[:] = True
    assert_same(cached[2], Squares()[2])


def test_the_cache_keeps_to_its_limit():
    squares = Squares()
    cached = Cached(squares, memory_limit=12_000)
    for _ in range(2):
        assert ids(cached) == list(range(7))
    assert 0 < cached.memory_used <= 12_000
    assert 7 < squares.reads < 14


def test_the_cache_can_be_sent_to_another_process_and_used_by_threads():
    cached = Cached(Squares())
    cached[0]
    copy = pickle.loads(pickle.dumps(cached))
    assert copy.memory_used == 0
    assert_same(copy[0], Squares()[0])
    found = []
    threads = [threading.Thread(target=lambda: found.append(ids(copy))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [list(range(7))] * 4
