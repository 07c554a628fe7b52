"""Class maps drawn as regions, their errors in colour, and the report that shows both."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tfseg.errors import DataError
from tfseg.metrics import PortraitEvaluator, semantic
from tfseg.structures import Prediction, Sample
from tfseg.visualize import Example, draw, write_html
from tfseg.visualize.class_maps import MISTAKES, compare_maps, draw_errors
from tfseg.visualize.colors import palette
from tfseg.visualize.curves import training_charts
from tfseg.visualize.regions import as_regions, is_map

SIZE = (60, 80)
GREY = np.full((*SIZE, 3), 100, np.uint8)


def classes_of(*blocks, size=SIZE) -> np.ndarray:
    """A class map of `(class, top, left, bottom, right)`, later ones on top."""
    classes = np.zeros(size, np.uint8)
    for number, y1, x1, y2, x2 in blocks:
        classes[y1:y2, x1:x2] = number
    return classes


def truth_of(classes, image=None) -> Sample:
    image = np.full((*classes.shape, 3), 100, np.uint8) if image is None else image
    return Sample(image, 7, label_maps={"classes": classes.astype(np.int32)})


def found_of(classes, names=("person", "dog")) -> Prediction:
    """As the portrait network answers: one object for each class that it sees."""
    present = [k for k in np.unique(classes) if k > 0]
    masks = np.array([classes == k for k in present]).reshape(len(present), *classes.shape)
    return Prediction.from_masks(
        masks,
        size=classes.shape,
        boxes=Sample(np.zeros((*classes.shape, 3), np.uint8), class_ids=present, masks=masks).boxes,
        class_ids=present,
        scores=[0.9] * len(present),
        class_names=names,
        label_maps={"classes": classes},
    )


def test_each_class_is_filled_in_its_colour_without_boxes():
    classes = classes_of((2, 10, 10, 50, 30), (1, 10, 50, 50, 70))
    drawn = draw(GREY, found_of(classes), labels=False, alpha=0.5)
    for number, place in ((2, (30, 20)), (1, (30, 60))):
        expected = np.rint(50 + palette(3)[number - 1] * 0.5)
        assert np.abs(drawn[place].astype(int) - expected).max() <= 1
    assert (drawn[:7] == 100).all() and (drawn[30, 35:45] == 100).all()
    ring = draw(GREY, found_of(classes_of((1, 20, 20, 40, 60))), labels=False)
    inside = np.abs(ring[30, 40].astype(int) - palette(1)[0]).sum()
    assert np.abs(ring[20, 40].astype(int) - palette(1)[0]).sum() < inside / 2  # the contour
    named = draw(GREY, found_of(classes))
    assert (named != draw(GREY, found_of(classes), labels=False)).any()


def test_truth_and_prediction_of_equal_maps_are_drawn_alike_and_ignored_pixels_striped():
    classes = classes_of((1, 10, 10, 50, 30))
    options = dict(class_names=("person", "dog"))
    np.testing.assert_array_equal(
        draw(None, truth_of(classes), **options), draw(GREY, found_of(classes), **options)
    )
    ignored = draw(None, truth_of(classes_of((255, 5, 5, 55, 75))), labels=True, **options)
    inside = ignored[10:50, 10:70].reshape(-1, 3)
    assert len(np.unique(inside, axis=0)) == 2 and np.ptp(inside.astype(int), axis=1).max() < 10
    np.testing.assert_array_equal(draw(None, truth_of(classes_of())), GREY)


def test_people_told_apart_are_drawn_as_people():
    classes = classes_of((1, 10, 10, 50, 70))
    halves = np.array([classes_of((1, 10, 10, 50, 40)), classes_of((1, 10, 40, 50, 70))]) > 0
    people = Prediction.from_masks(
        halves,
        boxes=[[10, 10, 50, 40], [10, 40, 50, 70]],
        class_ids=[1, 1],
        scores=[0.9, 0.8],
        class_names=("person",),
        label_maps={"classes": classes},
    )
    assert not is_map(people) and is_map(found_of(classes))
    drawn = draw(GREY, people, labels=False)
    assert (drawn[30, 25] != drawn[30, 55]).any()
    assert not is_map(people[:1])  # one of the two: the map would show both
    assert is_map(truth_of(classes)) and not is_map(Sample(GREY))
    regions = as_regions(GREY, truth_of(classes_of((1, 0, 0, 9, 9), (255, 0, 0, 3, 3))))
    assert regions.class_ids.tolist() == [1, 255] and regions.is_crowd.tolist() == [False, True]


def test_errors_have_the_colours_of_the_legend():
    truth = classes_of((1, 10, 10, 50, 40), (255, 10, 60, 50, 70))
    found = classes_of((1, 10, 20, 50, 50), (2, 20, 22, 30, 38), (1, 10, 60, 30, 70))
    drawn = draw_errors(GREY, truth_of(truth), found_of(found)).astype(int)
    places = {
        "false positive": (30, 46),
        "false negative": (40, 15),
        "wrong class": (25, 30),
        "ignored": (25, 65),  # whatever was predicted there
    }
    for name, place in places.items():
        others = {n: np.abs(drawn[place] - c).sum() for n, c in MISTAKES.items()}
        assert min(others, key=others.get) == name, (name, drawn[place])
    assert np.ptp(drawn[40, 30]) == np.ptp(drawn[5, 5]) == 0  # right: grey
    assert (drawn[10, 25:35] > 200).all()  # the true boundary
    assert (GREY == 100).all()


def test_no_boundary_along_the_frame_of_the_picture():
    drawn = draw_errors(GREY, truth_of(classes_of((1, 0, 0, 60, 40))), found_of(classes_of()))
    white = (drawn > 200).all(axis=2)
    assert white[5:55, 39].all() and not white[0, :35].any() and not white[:, 0].any()
    full = classes_of((1, 0, 0, 60, 80))
    assert not (draw_errors(GREY, truth_of(full), found_of(full)) > 200).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 3)])
def test_tiny_pictures(size):
    classes = classes_of((1, 0, 0, 1, 1), size=size)
    drawn = draw_errors(
        np.zeros((*size, 3), np.uint8), truth_of(classes), found_of(classes), min_side=32
    )
    assert drawn.dtype == np.uint8 and drawn.shape[2] == 3
    assert draw(None, truth_of(classes), min_side=32).dtype == np.uint8


def test_sizes_that_differ_are_named():
    with pytest.raises(DataError, match="the image is 60 x 80 pixels, the prediction 60 x 60"):
        draw_errors(GREY, truth_of(classes_of()), found_of(classes_of(size=(60, 60))))


def test_four_pictures_side_by_side():
    classes = classes_of((1, 10, 10, 50, 30))
    sheet = compare_maps(truth_of(classes), found_of(np.roll(classes, 3, 1)), min_side=None)
    assert sheet.shape[1] == 8 + 4 * (80 + 8) and sheet.dtype == np.uint8
    # People of the truth are shown as the map is: by class, or nothing could be compared.
    masks = np.array([classes_of((1, 10, 10, 50, 20)), classes_of((1, 10, 20, 50, 30))]) > 0
    people = Sample(GREY, 7, class_ids=[1, 1], masks=masks)
    np.testing.assert_array_equal(
        compare_maps(people, found_of(np.roll(classes, 3, 1)), min_side=None), sheet
    )


@pytest.mark.parametrize("size", [SIZE, (700, 900)])
def test_the_report_shows_photo_truth_prediction_and_errors(tmp_path, size):
    truth = classes_of((1, 10, 10, 50, 30), size=size)
    found = classes_of((1, 10, 10, 50, 31), size=size)
    evaluator = PortraitEvaluator(("person", "dog"))
    pair = truth_of(truth), found_of(found)
    evaluator.update(*pair)
    report = evaluator.compute()
    page = write_html(tmp_path, report, examples=[Example(pair[0].image, *pair, 0.9)]).read_text()
    alts = re.findall(r'<img alt="([^"]*)"', page)
    assert alts[:3] == [
        "Photo image 7",
        "Truth of image 7: person",
        "Found in image 7: person",
    ]
    assert re.fullmatch(r"Errors in image 7: \d\.\d% of the pixels", alts[3]) and len(alts) == 4
    for name, colour in MISTAKES.items():
        assert f"rgb{colour}" in page and f"{name}</li>" in page
    for words in (
        "higher is better",
        "Person IoU of each image, mean",
        "Boundary F-score",
        "<h3>Class maps</h3>",
        ">IoU</th>",
        "Share of the true boundary that was drawn",
        "in shares of the true pixels and in pixels",
    ):
        assert words in page, words
    assert "AP is the mean over" not in page
    assert re.search(rf"100\.0%<small>{(truth == 1).sum():,}</small>", page)


def test_the_report_of_an_instance_model_has_no_error_map(tmp_path):
    masks = classes_of((1, 10, 10, 50, 30))[None] > 0
    truth = Sample(GREY, 1, class_ids=[1], masks=masks)
    found = Prediction.from_masks(masks, boxes=truth.boxes, class_ids=[1], scores=[0.9])
    page = write_html(tmp_path, None, examples=[Example(GREY, truth, found, 1)]).read_text()
    assert page.count("<img ") == 2 and "false positive" not in page


def test_semantic_measures_share_one_chart():
    names = ["miou", "iou_person_image_mean", "boundary_f", "person_iou", "pixel_accuracy"]
    history = {"loss": [2, 1], **{name: [0.5, 0.6] for name in names}}
    charts = training_charts(history, measures=semantic.MEASURES)
    assert len(charts) == 2 and all(name in charts[1] for name in names[:3])
    assert names[3] not in charts[1]  # in the tables, not in the curves
