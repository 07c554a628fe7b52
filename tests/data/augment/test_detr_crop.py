"""DETR's cuts: their sizes, what is left of objects and points, left and right on flips."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.data.augment import DetrCrop, choose
from tfseg.data.augment.detr_crop import cut
from tfseg.errors import ConfigError, DataError
from tfseg.structures import Sample


def numbered(height, width, **fields) -> Sample:
    """Red and green are the row, blue the column."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0], image[..., 2] = np.mgrid[:height, :width] % 256
    return Sample(image=image, **fields)


def test_pieces_have_detrs_sizes():
    """At the scale that was drawn, sides are from 384 to 600, or the image's own."""
    crop, shares, scales = DetrCrop(), [], set()
    for seed in range(400):
        box = crop.box((480, 640), seed)
        shares.append(box is not None)
        if box is None:
            continue
        y1, x1, y2, x2 = box
        assert 0 <= y1 < y2 <= 480 and 0 <= x1 < x2 <= 640
        fitting = {s for s in (400, 500, 600) if 383.5 <= (y2 - y1) * s / 480 <= 600.5}
        fitting &= {s for s in (400, 500, 600) if 383.4 <= (x2 - x1) * s / 480 <= 600.7}
        assert fitting
        scales |= fitting if len(fitting) == 1 else set()
        assert crop.box((480, 640), seed) == box
    assert 0.42 < np.mean(shares) < 0.58 and scales >= {500, 600}
    small = [crop.box((30, 20), seed) for seed in range(20)]  # is cut as if it were larger
    assert all(box is None or (box[2] <= 30 and box[3] <= 20) for box in small)


def test_what_is_left_lies_where_the_image_does():
    masks = np.zeros((2, 40, 50), bool)
    masks[0, 10:20, 10:20], masks[1, 30:40, 40:50] = True, True
    keypoints = np.float32([[[12, 15, 2], [30, 15, 2]], [[45, 35, 2], [0, 0, 0]]])
    labels = np.arange(2000).reshape(40, 50)
    whole = numbered(
        40, 50, class_ids=[1, 1], masks=masks, keypoints=keypoints, label_maps={"map": labels}
    )
    piece = cut(whole, (12, 5, 32, 25))
    np.testing.assert_array_equal(piece.image, whole.image[12:32, 5:25])
    np.testing.assert_array_equal(piece.label_maps["map"], labels[12:32, 5:25])
    assert len(piece) == 1 and piece.boxes.tolist() == [[0, 5, 8, 15]]
    assert piece.annotation_ids.tolist() == [1]
    assert piece.keypoints.tolist() == [[[7, 3, 2], [0, 0, 0]]]
    assert len(cut(numbered(40, 50), (0, 0, 4, 4))) == 0


def test_left_and_right_change_places():
    """Twice is the identity; once, 14 is 15 at the mirrored place."""
    parts = np.array([[14, 14, 1], [18, 0, 17]])
    sample = numbered(2, 3, label_maps={"attributes": parts})
    mirror = DetrCrop(flip=1, crop=0)
    once = mirror(sample, 3)
    assert once.label_maps["attributes"].tolist() == [[1, 15, 15], [16, 0, 19]]
    assert mirror(once, 4).label_maps["attributes"].tolist() == parts.tolist()


def test_it_is_a_set_for_those_who_resize_afterwards():
    chosen = choose("detr")
    assert chosen.before_resize and chosen.name == "detr"
    chosen.check(numbered(48, 64))
    seed = next(s for s in range(99) if DetrCrop().box((48, 64), s) not in (None, (0, 0, 48, 64)))
    assert chosen.on_original(numbered(48, 64), seed).size != (48, 64)
    with pytest.raises(DataError, match="cuts images before they are resized"):
        chosen(numbered(48, 64), seed)
    with pytest.raises(ConfigError, match="flip must lie"):
        DetrCrop(flip=2)
