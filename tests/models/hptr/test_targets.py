"""From samples to inputs: sizes, boxes, padding, too many people, maps that are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from small_hptr import SMALL

from tfseg.errors import DataError
from tfseg.models.hptr.config import TASKS, HPTRConfig
from tfseg.models.hptr.targets import encode, resize_of
from tfseg.structures import Sample

CONFIG = HPTRConfig(**SMALL)


def people(count: int, size=(48, 96), **fields) -> Sample:
    masks = np.zeros((count, *size), bool)
    for row in range(count):
        masks[row, 4 * row : 4 * row + 3, : 10 + 2 * row] = True
    return Sample(np.full((*size, 3), 90, np.uint8), "a", np.ones(count, np.int32), masks, **fields)


def test_resize_of_the_specification():
    assert resize_of(HPTRConfig()).plan((480, 640)).resized == (384, 512)
    # Stripes finer than the network's pixels are grey to it, not some of the stripes.
    stripes = np.zeros((64, 640, 3), np.uint8)
    stripes[:, ::2] = 200
    seen = resize_of(HPTRConfig(**SMALL)).plan((64, 640)).image(stripes)[:6]
    assert np.abs(seen.astype(int) - 100).max() < 12


def test_boxes_are_of_the_image_and_masks_of_the_canvas():
    maps = {task: np.ones((48, 96), np.int32) for task in TASKS}
    maps["colors"][:, :48] = 255
    del maps["sizes"]
    found = encode(people(1, label_maps=maps), CONFIG)
    assert found["image"].shape == (64, 64, 3) and found["gt_masks"].shape == (6, 64, 64)
    assert not found["padding"][:32].any() and found["padding"][32:].all()
    assert not found["image"][32:].any() and (found["image"][:32] == 90).all()
    assert found["labels"].tolist() == [0, -1, -1, -1, -1, -1]
    mask = found["gt_masks"][0]
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    cx, cy, width, height = found["gt_boxes"][0]
    np.testing.assert_allclose([width * 64, height * 32], [len(columns), len(rows)], atol=1e-4)
    np.testing.assert_allclose([cx * 64, cy * 32], [columns.mean() + 0.5, rows.mean() + 0.5])
    assert (found["attributes"][:32] == 1).all() and (found["attributes"][32:] == 255).all()
    assert (found["colors"][:, :32] == 255).all() and (found["colors"][:32, 32:] == 1).all()
    # Without that map nothing is known of the person; that nobody else wears anything is.
    assert (found["sizes"][mask > 0] == 255).all() and (found["sizes"][16:32] == 0).all()
    assert (found["sizes"][32:] == 255).all()


def test_of_too_many_people_the_largest_are_kept_and_crowds_are_none():
    many = people(10)
    found = encode(many, CONFIG)
    assert (found["labels"] == 0).all()
    areas = found["gt_masks"].sum(axis=(1, 2))
    rest = encode(many.take(np.arange(4, 10)), CONFIG)
    np.testing.assert_array_equal(areas, rest["gt_masks"].sum(axis=(1, 2)))
    crowd = encode(people(2, is_crowd=[True, False]), CONFIG)
    assert (crowd["labels"] >= 0).sum() == 1
    assert (crowd["colors"][crowd["gt_masks"].any(axis=0)] == 255).all()
    assert (crowd["colors"][:5, :6] == 255).all() and (crowd["colors"][16:32] == 0).all()
    nobody = encode(people(0), CONFIG)
    assert (nobody["labels"] == -1).all() and not nobody["attributes"][:32].any()


def test_an_unknown_class_of_a_map_is_named():
    maps = {"sizes": np.full((48, 96), 9, np.int32)}
    with pytest.raises(DataError, match="'a'.*'sizes' has a pixel of class 9.*1 to 4"):
        encode(people(1, label_maps=maps), CONFIG)


def test_cut_images_fill_the_same_canvas():
    """DETR's cuts come before the resize; what is cut away of people is no person."""
    from tfseg.data.augment import choose
    from tfseg.data.dataset import ListDataset
    from tfseg.models.hptr import HPTR

    sample = people(6, label_maps={"attributes": np.full((48, 96), 14)})
    data = ListDataset([sample], class_names=("person",))
    _, prepare = HPTR(**SMALL)._prepared(data, choose("detr"))
    counts = set()
    for seed in range(12):
        found = prepare(sample, seed)
        assert found["image"].shape == (64, 64, 3) and found["attributes"].shape == (64, 64)
        there = found["labels"] == 0
        assert (found["gt_masks"][there].any(axis=(1, 2))).all()
        assert (found["gt_boxes"][there, 2:] > 0).all() and (found["gt_boxes"] <= 1).all()
        inside = found["attributes"][~found["padding"]]
        assert set(np.unique(inside).tolist()) in ({14}, {15})  # mirrored or not
        counts.add(int(there.sum()))
    assert len(counts) > 1
