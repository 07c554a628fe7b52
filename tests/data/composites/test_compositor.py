"""Composites of drawn people: truth against a composition of one's own, pixel by pixel."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from each_case import each

from tfseg.data import CompositeDataset, ListDataset, SyntheticPeople, open_dataset
from tfseg.errors import ConfigError, DataError
from tfseg.structures import Sample
from tfseg.structures.label_maps import LabelMapKind

PEOPLE = SyntheticPeople(12, size=(160, 128), seed=5, people=(1, 2))


def composites(**options):
    options = {"length": 6, "size": (96, 80), "people_per_picture": (2, 4), **options}
    return CompositeDataset(options.pop("people", PEOPLE), **options)


def patch(height=120, width=90, where=(20, 110, 30, 60), colour=(200, 40, 40)):
    """A photograph of one 'person': an upright rectangle of one colour on grey noise."""
    noise = np.random.default_rng(0).integers(90, 110, (height, width, 3)).astype(np.uint8)
    mask = np.zeros((1, height, width), bool)
    mask[0, where[0] : where[1], where[2] : where[3]] = True
    noise[mask[0]] = colour
    return Sample(noise, 0, [1], mask)


def composed(composition):
    """The image and the owner of each pixel, with plain loops over pixels."""
    height, width = composition.backdrop.shape[:2]
    picture = np.zeros((height, width, 3))
    owner = np.zeros((height, width), int)
    for y in range(height):
        for x in range(width):
            value = composition.backdrop[y, x].astype(float)
            for number, layer in enumerate(composition.layers, start=1):
                row, column = y - layer.top, x - layer.left
                if 0 <= row < layer.alpha.shape[0] and 0 <= column < layer.alpha.shape[1]:
                    a = float(layer.alpha[row, column])
                    value = value * (1 - float(layer.shade[row, column])) * (1 - a)
                    value = value + layer.colours[row, column].astype(float) * a
                    if a >= 0.5:
                        owner[y, x] = number
            picture[y, x] = value + float(composition.grain[y, x, 0])
    return np.clip(picture, 0, 255), owner


@each("feather", [0, 1.5])
def test_truth_is_what_was_composed(feather):
    dataset, met = composites(feather=feather), 0
    for index in range(4):
        sample, composition = dataset[index], dataset.composition(index)
        picture, owner = composed(composition)
        assert np.abs(sample.image - picture).max() < 0.51
        np.testing.assert_array_equal(sample.label_maps["classes"], owner > 0)
        least = 96 * 80 // 1024
        listed = [k for k in range(1, len(composition.layers) + 1) if (owner == k).sum() >= least]
        assert len(sample) == len(listed)
        for place, (number, mask, box) in enumerate(zip(listed, sample.masks, sample.boxes)):
            np.testing.assert_array_equal(mask, owner == number)
            rows, columns = np.nonzero(owner == number)
            tight = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
            np.testing.assert_array_equal(box, tight)
            np.testing.assert_array_equal(sample.label_maps["instances"] == place + 1, mask)
        rest = (owner > 0) & ~np.isin(owner, listed)
        np.testing.assert_array_equal(sample.label_maps["instances"] == 255, rest)
        np.testing.assert_array_equal(sample.annotation_ids, np.arange(len(sample)) + 1)
        np.testing.assert_array_equal(sample.class_ids, 1)
        met += len(sample)
    assert met >= 6


def test_maps_of_the_people_go_with_them():
    """A person whose left half is 14 and right half 15, and who looks so too: red and green."""
    one = patch(where=(20, 110, 30, 60))
    image, parts = one.image.copy(), np.zeros((120, 90), np.uint16)
    image[20:110, 30:45], image[20:110, 45:60] = (220, 10, 10), (10, 220, 10)
    parts[20:110, 30:45], parts[20:110, 45:60] = 14, 15
    kind = LabelMapKind(swaps=((14, 15),))
    person = one.replace(image=image, label_maps={"parts": parts}, label_map_kinds={"parts": kind})
    people = ListDataset([person, person], ("person",))
    given = {"people": people, "people_per_picture": 1, "match": 0, "grain": 0, "feather": 0}
    turned = set()
    for index in range(12):
        sample = composites(length=12, people_maps=("parts",), **given)[index]
        labels = sample.label_maps["parts"]
        np.testing.assert_array_equal(labels > 0, sample.label_maps["classes"] == 1)
        red = sample.image[..., 0].astype(int) - sample.image[..., 1] > 100
        if labels.any():
            assert sample.label_map_kind("parts") == kind and labels.dtype == np.int32
            mirrored = (labels[red] == 15).mean() > 0.5
            assert ((labels == 15 if mirrored else labels == 14) == red)[labels > 0].mean() > 0.95
            columns = [np.nonzero(labels == number)[1].mean() for number in (14, 15)]
            assert columns[0] < columns[1]  # the left of a mirrored person lies on the left again
            turned.add(bool(mirrored))
    assert turned == {True, False}
    with pytest.raises(DataError, match="no label map 'tags'; there are: parts"):
        composites(people_maps=("tags",), **given)[0]
    with pytest.raises(ConfigError, match="people_maps: expected names"):
        composites(people_maps=("classes",))


def test_pictures_are_a_function_of_seed_and_index():
    first, again, other = composites(), composites(memory_limit=0), composites(seed=1)
    later = composites(start=2)
    for index in (3, 0, 3):
        for name in ("image", "masks", "boxes"):
            expected = getattr(first[index], name)
            np.testing.assert_array_equal(getattr(again[index], name), expected)
        assert not np.array_equal(other[index].image, first[index].image)
    np.testing.assert_array_equal(later[1].image, first[3].image)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(first))[2].image, again[2].image)
    np.testing.assert_array_equal(first[-1].image, first[5].image)
    with pytest.raises(IndexError):
        first[6]


def test_memory_stays_within_the_limit():
    dataset = composites(length=8, memory_limit=100_000)
    for index in range(8):
        dataset[index]
        cutouts, backdrops = dataset._cutouts._remembered, dataset._backdrops._remembered
        assert 0 < cutouts.memory_used + backdrops.memory_used <= 150_000


def test_people_overlap_as_much_as_was_asked_for():
    """Hidden shares, measured from the layers: little for (0, 0), about 0.4 for (0.35, 0.45)."""

    def hidden(overlap):
        given = {"length": 14, "people_per_picture": 2, "size": (96, 144), "overlap": overlap}
        dataset, shares = composites(**given), []
        for index in range(14):
            layers = dataset.composition(index).layers
            if len(layers) < 2:
                continue
            canvases = np.zeros((2, 96, 144), bool)
            for canvas, layer in zip(canvases, layers):
                height, width = layer.alpha.shape
                window = canvas[layer.top : layer.top + height, layer.left : layer.left + width]
                window |= layer.alpha >= 0.5
            shares.append((canvases[0] & canvases[1]).sum() / max(1, canvases[0].sum()))
        assert len(shares) >= 8
        return np.array(shares)

    assert np.median(hidden((0, 0))) < 0.05
    assert 0.3 < np.median(hidden((0.35, 0.45))) < 0.5


def test_pasted_people_keep_their_colours_and_bring_no_old_background():
    """With no change of light and no grain every pixel of a person has the person's own colour."""
    people = ListDataset([patch()], ("person",))
    dataset = composites(people=people, people_per_picture=1, match=0, grain=0, length=8)
    seen = 0
    for index in range(8):
        composition = dataset.composition(index)
        for layer in composition.layers:
            inside = layer.alpha > 0.02
            seen += inside.sum()
            assert np.abs(layer.colours[inside].astype(int) - (200, 40, 40)).max() <= 2
    assert seen > 1000


def test_people_take_on_the_light_of_the_place():
    people = ListDataset([patch()], ("person",))
    dark = ListDataset([Sample(np.full((90, 90, 3), 20, np.uint8))], ("thing",))

    def brightness(match):
        dataset = composites(people=people, people_per_picture=1, match=match, backgrounds=dark)
        layer = dataset.composition(1).layers[0]
        return layer.colours[layer.alpha > 0.9].mean()

    assert brightness(0) - brightness(0.5) > 8


def test_edges_are_soft_by_the_feather():
    def soft(feather):
        layers = composites(feather=feather).composition(0).layers
        return sum(((la.alpha > 0.05) & (la.alpha < 0.95)).sum() for la in layers)

    assert soft(0) < soft(1.5) < soft(4)


def test_nobody_is_allowed():
    empty = ListDataset([], ("person",))
    dataset = CompositeDataset(empty, length=2, people_per_picture=0, size=32)
    sample = dataset[1]
    assert len(sample) == 0 and sample.masks.shape == (0, 32, 32)
    assert not sample.label_maps["classes"].any() and sample.image.std() > 0
    some = composites(people_per_picture=(0, 1), length=12)
    assert {len(some.composition(k).layers) for k in range(12)} == {0, 1}


def test_an_empty_data_set_of_people_is_refused_with_a_way_out():
    with pytest.raises(DataError, match="nobody to paste.*people_per_picture=0"):
        CompositeDataset(ListDataset([], ("person",)), length=2)


def test_a_data_set_without_people_says_what_is_expected():
    things = ListDataset([Sample(np.zeros((9, 9, 3), np.uint8))], ("leaf",))
    dataset = CompositeDataset(things, "drawn", length=1, people_per_picture=1, size=32)
    with pytest.raises(DataError, match="nothing says where people are.*'person'.*tags"):
        dataset[0]


def test_photographs_with_nobody_usable_give_pictures_of_fewer_people():
    tiny = ListDataset([patch(where=(20, 24, 30, 32))], ("person",))
    assert len(composites(people=tiny)[0]) == 0


def test_people_are_found_in_class_maps_and_in_tags():
    one = patch()
    classes = ListDataset(
        [one.replace(class_ids=None, masks=None, boxes=None, is_crowd=None, annotation_ids=None,
                     label_maps={"classes": one.masks[0].astype(np.int32)})],
        ("person",),
    )  # fmt: skip
    tags = ListDataset(
        [classes[0].replace(label_maps={"tags": one.masks[0] * 7})],
        ("dress",),
    )
    by_mask = composites(people=ListDataset([one], ("person",)), people_per_picture=1)
    for other in (classes, tags):
        dataset = composites(people=other, people_per_picture=1)
        for index in range(3):
            np.testing.assert_array_equal(dataset[index].image, by_mask[index].image)


@each("backgrounds", ["from_people", "drawn"])
@each("size", [(200, 24), (24, 200), 1])
def test_any_canvas_is_filled(backgrounds, size):
    small = ListDataset([patch(20, 16, (4, 18, 5, 10))], ("person",))
    sample = composites(people=small, backgrounds=backgrounds, size=size)[0]
    assert sample.size == ((1, 1) if size == 1 else size)


def test_grey_backgrounds_and_a_background_smaller_than_the_canvas():
    grey = ListDataset([Sample(np.full((7, 5, 1), 77, np.uint8))], ("thing",))
    dataset = composites(people_per_picture=0, backgrounds=grey, grain=0)
    np.testing.assert_array_equal(dataset[0].image, np.full((96, 80, 3), 77))


@each(
    ("options", "message"),
    [
        ({"length": -1}, "length: expected an integer from 0"),
        ({"people_per_picture": (3, 1)}, "fewest, most"),
        ({"people_per_picture": 1.5}, "people_per_picture: expected an integer"),
        ({"size": (0, 4)}, "size: expected an integer from 1"),
        ({"overlap": (0.5, 0.2)}, "two shares from 0 to 1"),
        ({"match": 2}, "match: expected a number from 0 to 1"),
        ({"backgrounds": "beach"}, 'expected "from_people", "drawn" or a dataset'),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        composites(**options)


def test_the_format_composites():
    text = "synthetic:size=128,people=1-2"
    train = open_dataset(
        text, format="composites", length=3, val_length=2, people_per_picture=[1, 3], size=[64, 48]
    )
    assert len(train) == 3 and train.class_names == ("person",) and train[0].size == (64, 48)
    val = open_dataset(text, format="composites", split="val", length=3, val_length=2, size=64)
    assert len(val) == 2
    assert len(open_dataset(text, format="composites")) == 1000
    assert len(open_dataset(text, format="composites", split="val")) == 200
    with pytest.raises(ConfigError, match="one class, 'person'"):
        open_dataset(text, format="composites", classes=("dress",))
    drawn = open_dataset(text, format="composites", length=1, size=48, backgrounds="drawn")
    assert not np.array_equal(drawn[0].image, open_dataset(text, format="composites", size=48)[0])


@pytest.mark.real_data
def test_real_people(real_data):
    folder = real_data / "clothing_co_parsing"
    dataset = open_dataset(folder, format="composites", length=4, people_per_picture=3, size=128)
    found = [len(dataset[index]) for index in range(4)]
    assert min(found) >= 2 and max(found) == 3
    people = dataset[0].label_maps["classes"].mean()
    assert 0.05 < people < 0.9


def test_joints_come_along_and_hide_under_others():
    dataset = composites(keypoints=True, overlap=(0.4, 0.8), feather=0)
    hidden = checked = 0
    for index in range(4):
        sample, composition = dataset[index], dataset.composition(index)
        owner = sample.label_maps["instances"]
        for joints, number in zip(sample.keypoints, sample.annotation_ids):
            for x, y, seen in joints[joints[:, 2] > 0]:
                above = owner[round(float(y)), round(float(x))]
                front = above != 255 and above > number
                assert (seen == 1) if front else (seen in (1, 2))
                hidden += int(front)
        # Against the person's own photograph, by the colours of the window alone.
        for layer in composition.layers:
            photo, number = layer.source
            original = PEOPLE[photo].keypoints[number]
            assert ((layer.joints[:, 2] > 0).sum()) == (original[:, 2] > 0).sum()
            spans = [np.ptp(j[j[:, 2] > 0, 1]) for j in (layer.joints, original)]
            wide = [np.ptp(j[j[:, 2] > 0, 0]) for j in (layer.joints, original)]
            assert spans[0] / spans[1] == pytest.approx(wide[0] / wide[1], rel=0.05)
            checked += 1
    assert hidden and checked
    assert dataset[0].keypoints.shape == (len(dataset[0]), 17, 3)
    assert composites(keypoints=False)[0].keypoints is None


def test_a_mirrored_person_keeps_own_left_and_right():
    keypoints = np.zeros((1, 17, 3), np.float32)
    # The shoulders of somebody who looks into the camera, and the nose.
    keypoints[0, 5], keypoints[0, 6], keypoints[0, 0] = (55, 30, 2), (35, 30, 2), (50, 25, 2)
    people = ListDataset([patch().replace(keypoints=keypoints)], ("person",))
    dataset = composites(people=people, keypoints=True, people_per_picture=1, length=12)
    sides = set()
    for index in range(12):
        for layer in dataset.composition(index).layers:
            # Of the rectangle, columns 30 to 59.
            middle = layer.left + np.flatnonzero((layer.alpha > 0.5).any(axis=0)).mean()
            nose, left, right = (layer.joints[k, 0] - middle for k in (0, 5, 6))
            assert right < 0 < left
            sides.add(bool(nose > 0))
    assert sides == {True, False}
    with pytest.raises(DataError, match="no keypoints"):
        bare = ListDataset([patch()], ("person",))
        composites(people=bare, keypoints=True, people_per_picture=1)[0]
