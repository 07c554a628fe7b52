"""The split by image: exact in number, fair to every class, the same for a seed."""

from __future__ import annotations

import numpy as np
import pytest
from each_case import each

from tfseg.data.open_images.split import balanced_split, train_size
from tfseg.errors import ConfigError


def images(count, seed, chances=(0.6, 0.25, 0.05)):
    """Images with some objects of three classes, the last one rare."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        numbers = random.binomial(2, chances)
        ids = np.repeat([1, 2, 3], numbers).tolist()
        found.append(ids or [1])
    return found


def counts(objects, positions):
    return np.bincount([i for p in positions for i in objects[p]], minlength=4)[1:]


@each("seed", range(5))
@each("train", [131, 20, 180])
def test_every_class_has_its_share_in_both_parts(seed, train):
    objects = images(200, seed)
    first, second = balanced_split(objects, train, seed)
    assert len(first) == train
    assert sorted(first + second) == list(range(200))
    whole = counts(objects, range(200))
    expected = whole * train / 200
    assert np.abs(counts(objects, first) - expected).max() <= 2.5
    assert counts(objects, second).min() >= 1 and counts(objects, first).min() >= 1


def test_it_is_fairer_than_chance():
    spread = {"greedy": [], "chance": []}
    for seed in range(20):
        objects = images(150, seed)
        whole = counts(objects, range(150)) * 100 / 150
        greedy, _ = balanced_split(objects, 100, seed)
        chance = np.random.default_rng(seed).permutation(150)[:100]
        spread["greedy"].append(np.abs(counts(objects, greedy) - whole).sum())
        spread["chance"].append(np.abs(counts(objects, chance) - whole).sum())
    assert np.mean(spread["greedy"]) < np.mean(spread["chance"]) / 3


def test_a_seed_gives_one_split_and_another_seed_another():
    objects = images(60, 0)
    assert balanced_split(objects, 40, 7) == balanced_split(objects, 40, 7)
    assert balanced_split(objects, 40, 7) != balanced_split(objects, 40, 8)


@each("train", [1, 5, 9])
def test_a_class_on_two_images_is_in_both_parts(train):
    objects = [[1]] * 8 + [[2], [2, 1]]
    first, second = balanced_split(objects, train, 0)
    assert (len(first), len(second)) == (train, 10 - train)
    assert counts(objects, first)[1] == counts(objects, second)[1] == 1


def test_extremes():
    assert balanced_split([], 0) == ([], [])
    assert balanced_split([[1]], 1) == ([0], [])
    assert balanced_split([[], []], 1, 0)[0] in ([0], [1])


@each(
    ("images_", "train", "fraction", "expected"),
    [
        (600, None, None, 131),
        (132, None, None, 131),
        (131, None, None, 105),
        (2, None, None, 1),
        (1, None, None, 1),
        (50, 40, None, 40),
        (50, None, 0.1, 45),
        (3, None, 0.01, 2),
        (3, None, 0.99, 1),
    ],
)
def test_how_many_train(images_, train, fraction, expected):
    assert train_size(images_, train, fraction) == expected


@each(
    ("train", "fraction"),
    [(50, None), (60, None), (0, None), (True, None), (2.5, None), (3, 0.2), (None, "x")],
)
def test_impossible_numbers(train, fraction):
    with pytest.raises(ConfigError):
        train_size(50, train, fraction)
    with pytest.raises(ConfigError):
        train_size(50, None, 1.0)
