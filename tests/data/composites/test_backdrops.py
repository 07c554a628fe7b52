"""People taken out of images whose surroundings are known."""

from __future__ import annotations

import numpy as np

from tfseg.data.composites.backdrops import PhotoBackdrops, without_people
from tfseg.data.dataset import ListDataset
from tfseg.data.synthetic.dice import Dice
from tfseg.structures import Sample


def test_rows_go_on_behind_the_person():
    """Every row has one colour of its own, so the image without people is known exactly."""
    truth = np.repeat(np.linspace(20, 220, 80).astype(np.uint8)[:, None, None], 60, axis=1)
    truth = np.repeat(truth, 3, axis=2)
    people = np.zeros((80, 60), bool)
    people[20:70, 20:40] = True
    image = np.where(people[..., None], np.uint8([255, 0, 0]), truth)
    found = without_people(image, people)
    assert np.abs(found.astype(int) - truth).max() <= 3
    np.testing.assert_array_equal(found[:, :5], truth[:, :5])


def test_a_person_at_the_edge_gives_way_to_the_one_side_there_is():
    image = np.full((40, 40, 3), 90, np.uint8)
    people = np.zeros((40, 40), bool)
    people[:, :15] = True
    image[people] = 255
    assert np.abs(without_people(image, people).astype(int) - 90).max() <= 1


def test_rows_without_surroundings_take_the_nearest_row_with_some():
    image = np.full((40, 40, 3), 90, np.uint8)
    people = np.zeros((40, 40), bool)
    people[:20] = True
    image[people] = 255
    assert np.abs(without_people(image, people).astype(int) - 90).max() <= 1


def test_nothing_but_people_and_no_people():
    image = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)
    whole = without_people(image, np.ones((20, 30), bool))
    assert whole.std(axis=(0, 1)).max() == 0
    assert np.abs(whole[0, 0] - image.reshape(-1, 3).mean(axis=0)).max() <= 0.5
    np.testing.assert_array_equal(without_people(image, np.zeros((20, 30), bool)), image)


def test_crowds_and_unlabelled_pixels_are_taken_out_too():
    image = np.full((60, 60, 3), 90, np.uint8)
    masks = np.zeros((2, 60, 60), bool)
    masks[0, 20:50, 10:20] = masks[1, 20:50, 30:38] = True
    classes = np.zeros((60, 60), np.int32)
    classes[10:20, 50:55] = 255
    image[masks.any(axis=0) | (classes == 255)] = 255
    sample = Sample(
        image, 0, [1, 1], masks, is_crowd=[False, True], label_maps={"classes": classes}
    )
    backdrop = PhotoBackdrops(ListDataset([sample], ("person",)))
    for seed in range(4):
        assert backdrop(Dice(seed), (32, 32), bool(seed % 2)).max() <= 92


def test_where_people_fill_everything_a_place_is_drawn():
    full = Sample(np.full((30, 30, 3), 9, np.uint8), 0, [1], np.ones((1, 30, 30), bool))
    found = PhotoBackdrops(ListDataset([full], ("person",)))(Dice(1), (40, 50), True)
    assert found.shape == (40, 50, 3) and found.std() > 5
