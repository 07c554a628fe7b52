"""Drawn people at the edges: tiny, huge and empty images, bad arguments."""

from __future__ import annotations

import numpy as np
import pytest
from each_case import each

from tfseg.data.synthetic import SyntheticPeople
from tfseg.errors import ConfigError


class TestExtremes:
    @each("size", [1, (1, 40), (40, 1), 32, (33, 17), (48, 200), (200, 48)])
    def test_any_size(self, size):
        expected = (size, size) if isinstance(size, int) else size
        data = SyntheticPeople(4, size=size, people=(0, 5))
        for index in range(4):
            sample = data[index]
            assert sample.size == expected
            assert all(value.shape == expected for value in sample.label_maps.values())
            assert all(mask.any() for mask in sample.masks)

    def test_no_people(self):
        sample = SyntheticPeople(1, size=64, people=0)[0]
        assert len(sample) == 0
        assert sample.keypoints.shape == (0, 17, 3)
        assert not any(value.any() for value in sample.label_maps.values())
        assert sample.image.std() > 5

    def test_three_hundred_people(self):
        sample = SyntheticPeople(1, size=256, people=300)[0]
        assert len(sample) > 200
        assert 255 not in sample.annotation_ids
        for mask, number in zip(sample.masks, sample.annotation_ids, strict=True):
            np.testing.assert_array_equal(mask, sample.label_maps["instances"] == number)

    def test_indices(self):
        data = SyntheticPeople(5, size=32, people=1)
        for index in (-1, np.int64(4)):
            assert data[index].image_id == data[4].image_id == 4
            np.testing.assert_array_equal(data[index].image, data[4].image)
        assert len(data) == 5
        for index in (5, -6):
            with pytest.raises(IndexError, match="of 5"):
                data[index]
        with pytest.raises(TypeError):
            data["0"]
        assert len(list(data)) == 5

    def test_empty_set(self):
        data = SyntheticPeople(0)
        assert len(data) == 0
        with pytest.raises(IndexError):
            data[0]


@each(
    ("arguments", "message"),
    [
        (dict(length=-1), "length"),
        (dict(length=2.5), "length"),
        (dict(length=True), "length"),
        (dict(size=0), "size"),
        (dict(size=(64, 64, 3)), "size"),
        (dict(size="64"), "size"),
        (dict(seed=-1), "seed"),
        (dict(start=-3), "start"),
        (dict(people=(3, 1)), "rising"),
        (dict(people=-1), "people"),
        (dict(classes="dress"), "tuple of garments"),
        (dict(classes=()), "tuple of garments"),
        (dict(classes=("dres", "suit")), "did you mean 'dress'"),
        (dict(classes=("suit", "suit")), "once"),
        (dict(classes=3), "tuple of garments"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ConfigError, match=message):
        SyntheticPeople(**{"length": 4, **arguments})
