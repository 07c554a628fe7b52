"""Sentences about people: order, pairs, what is left out."""

from __future__ import annotations

import numpy as np

from tfseg.structures import Attribute, Prediction, rle

SIZE = (40, 30)


def rows(first, last):
    mask = np.zeros(SIZE, bool)
    mask[first:last] = True
    return mask


def worn(name, first, last, **traits):
    sure = {respect: (value, 0.8) for respect, value in traits.items()}
    return Attribute(name, 0.9, rle.encode(rows(first, last)), sure)


def person(*attributes, masks=None, **fields):
    masks = rows(0, 40)[None] if masks is None else masks
    count = len(masks)
    return Prediction.from_masks(
        masks,
        boxes=np.zeros((count, 4)),
        class_ids=[1] * count,
        scores=[0.9] * count,
        class_names=("person",),
        attributes=attributes,
        **fields,
    )


def test_sentences():
    first = (
        worn("pants", 20, 25, color="blue", size="undetermined"),
        worn("coat", 5, 20, size="long_large", color="dark", pattern="solid"),
        worn("face", 3, 5),
        worn("hair", 0, 3, size="sparse_bald", color="medium", pattern="solid"),
        worn("left_shoe", 25, 26, color="red"),
        worn("right_shoe", 26, 28, color="red"),
    )
    second = (
        worn("left_shoe", 25, 26, color="red"),
        worn("right_shoe", 26, 28, color="blue", pattern="letters"),
        worn("hat", 0, 1, size="short_small"),
    )
    third = (worn("right_shoe", 30, 31, color="multicolor"), worn("torso_skin", 3, 20))
    found = person(first, second, third, (), masks=np.stack([rows(0, 40)] * 4))
    assert found.describe() == [
        "person 1: long dark coat, solid; blue trousers; sparse grey hair; red shoes",
        "person 2: blue right shoe, with letters; red left shoe; small hat",
        "person 3: multicoloured shoe",
        "person 4: nothing recognised",
    ]
    # One row of forty is more than 1 % and less than 4 %.
    assert found.describe(least_share=0.04)[1] == "person 2: blue shoe, with letters"
    assert found[1:2].describe() == [
        "person 1: blue right shoe, with letters; red left shoe; small hat"
    ]
    assert Prediction.from_json(found.to_json()).describe() == found.describe()


def test_nobody_and_systems_without_attributes():
    nobody = person(masks=np.zeros((0, *SIZE), bool))
    assert nobody.describe() == []
    plain = Prediction.from_masks(
        rows(0, 9)[None], boxes=[[0, 0, 9, 9]], class_ids=[1], scores=[0.5], class_names=("a_cat",)
    )
    assert plain.describe() == ["a cat 1"]
    # Without a place an attribute is told too.
    placeless = person((Attribute("coat", 0.5, None, {"color": ("red", 0.5)}),))
    assert placeless.describe() == ["person 1: red coat"]
