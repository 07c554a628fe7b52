"""Clothing Co-Parsing as a parsing set: tags and body parts folded to attributes."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.data import ClothingParsingDataset, CompositeDataset, open_dataset
from tfseg.data.published.clothing_parsing import derived_attributes, derived_maps
from tfseg.errors import DataError
from tfseg.structures.labels import CCIHP_ATTRIBUTES, CCIHP_CHARACTERIZED, CCIHP_COLORS

TAGS = ("null", "skin", "dress", "shoes", "jeans", "bag", "swimwear", "boots", "suit", "shirt")


def attribute(tag: str, part: int, beside: int = 0) -> str | int:
    """Returns the attribute of a pixel with a tag and a body part, another part beside it."""
    tags = np.array([[TAGS.index(tag), 0, 0]], np.uint8)
    number = int(derived_attributes(tags, np.array([[part, beside, 0]]), TAGS)[0, 0])
    return 255 if number == 255 else CCIHP_ATTRIBUTES[number]


@pytest.mark.parametrize(
    ("tag", "part", "beside", "expected"),
    [
        ("skin", 1, 0, "face"),
        ("skin", 13, 0, "torso_skin"),
        ("skin", 11, 0, "left_arm"),
        ("skin", 12, 0, "right_arm"),
        ("skin", 15, 0, "left_leg"),
        ("skin", 24, 0, "right_leg"),
        ("skin", 0, 9, "right_arm"),  # no part there: the nearest one
        ("skin", 0, 0, 255),  # nothing tells
        ("shoes", 23, 0, "left_shoe"),
        ("boots", 22, 0, "right_shoe"),
        ("shoes", 13, 24, "right_shoe"),  # the trunk is no place for a shoe
        ("dress", 14, 0, "upper_clothes"),
        ("dress", 17, 0, "skirt"),
        ("suit", 5, 0, "coat"),
        ("suit", 19, 0, "pants"),
        ("jeans", 13, 0, "pants"),  # tags of one garment do not ask for parts
        ("bag", 13, 0, "background"),
        ("swimwear", 13, 0, 255),
    ],
)
def test_tags_and_parts_become_attributes(tag, part, beside, expected):
    assert attribute(tag, part, beside) == expected


def test_sizes_and_colours_are_those_of_the_garment():
    tags, parts = np.zeros((30, 40), np.uint8), np.full((30, 40), 13)
    image = np.full((30, 40, 3), 200, np.uint8)
    for row, tag, color in ((0, "jeans", (30, 60, 200)), (10, "shirt", (200, 20, 30))):
        tags[row : row + 10, :30], image[row : row + 10, :30] = TAGS.index(tag), color
    tags[20:, :30] = TAGS.index("skin")
    maps = derived_maps(image, tags, parts, TAGS)
    places = [(5, 5), (15, 5), (25, 5), (5, 35)]
    assert [int(maps["sizes"][place]) for place in places] == [2, 255, 0, 0]
    names = [CCIHP_COLORS[maps["colors"][place]] for place in places]
    assert names == ["blue", "red", "background", "background"]


@pytest.mark.real_data
def test_photographs_and_composites_of_them(real_data):
    home = real_data / "clothing_co_parsing"
    people = ClothingParsingDataset(home, "val")
    assert len(people) == 120
    sample = people[0]
    attributes, colors = sample.label_maps["attributes"], sample.label_maps["colors"]
    assert sample.masks[0][attributes > 0].all()  # what has an attribute is the person
    has_color = np.isin(attributes, CCIHP_CHARACTERIZED)
    assert (colors[has_color] > 0).all() and not colors[~has_color & (attributes < 255)].any()
    with pytest.raises(DataError, match="Patterns are not known"):
        ClothingParsingDataset(home, "val", maps=("patterns",))
    settings = dict(size=[96, 72], people_per_picture=[2, 3], val_length=2, overlap=[0.1, 0.5])
    settings.update(people_format="clothing_parsing", people_maps=["attributes", "sizes", "colors"])
    composites = open_dataset(home, split="val", format="composites", **settings)
    assert isinstance(composites, CompositeDataset)
    for sample in composites:
        assert {"attributes", "sizes", "colors"} <= set(sample.label_maps) and len(sample) >= 1
        worn = sample.label_maps["attributes"]
        worn = (worn > 0) & (worn < 255)
        assert worn.any() and (sample.label_maps["instances"][worn] > 0).all()
        assert sample.label_map_kind("attributes").swaps
