"""What is drawn of systems with several answers: label maps with names, attributes, given order."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from tfseg.engine.inputs import Item
from tfseg.errors import DataError
from tfseg.results.drawings import Drawings
from tfseg.structures import Attribute, LabelMapKind, Prediction, Report, Sample, rle
from tfseg.visualize import draw, write_html
from tfseg.visualize.answers import draw_answers
from tfseg.visualize.colors import palette
from tfseg.visualize.people import person_alphas
from tfseg.visualize.reduced import reduced
from tfseg.visualize.report import Example

SIZE = (90, 120)
IMAGE = np.full((*SIZE, 3), 128, np.uint8)
COAT, HAT = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
COAT[40:80, 20:60], HAT[10:30, 30:50] = True, True


def plain(**fields):
    given = dict(boxes=[[10, 20, 80, 60]], class_ids=[1], scores=[0.9], class_names=("person",))
    return Prediction.from_masks((COAT | HAT)[None], **{**given, **fields})


def clothed(**fields):
    colors = np.where(COAT, 3, 0).astype(np.uint8)
    return plain(
        attributes=(
            (
                Attribute("hat", 0.8, rle.encode(HAT)),
                Attribute("coat", 0.7, rle.encode(COAT), {"color": ("red", 0.6)}),
            ),
        ),
        label_maps={"color": colors, "alpha": np.zeros(SIZE, np.uint8)},
        label_names={"color": ("dark", "light", "red")},
        **fields,
    )


def tint(picture, y, x):
    """The colour that was laid over the grey of a pixel."""
    return (picture[y, x].astype(float) - 128 * 0.55) / 0.45


def test_attributes_have_their_colours_and_a_legend():
    found = clothed()
    drawn = draw(IMAGE, found, boxes=False, labels=False)
    np.testing.assert_allclose(tint(drawn, 60, 40), palette(2)[0], atol=3)  # coat before hat
    np.testing.assert_allclose(tint(drawn, 20, 40), palette(2)[1], atol=3)
    legend = drawn[SIZE[0] :].reshape(-1, 3)
    for colour in palette(2):
        assert (legend == colour).all(axis=1).sum() > 20
    bare = draw(IMAGE, found, boxes=False, labels=False, legend=False)
    np.testing.assert_array_equal(bare, drawn[: SIZE[0]])
    line = draw(IMAGE, dataclasses.replace(found, attributes=((Attribute("hat"),),)))
    assert line.shape[0] > SIZE[0]  # without pixels there is the line alone


def test_a_named_label_map_is_drawn_by_its_numbers():
    drawn = draw(IMAGE, clothed(), label_map="color")
    np.testing.assert_allclose(tint(drawn, 60, 40), palette(3)[2], atol=3)
    assert (drawn[20, 40] == 128).all() and drawn.shape[0] > SIZE[0]
    truth = Sample(
        IMAGE,
        label_maps={"color": np.where(HAT, 2, np.where(COAT, 254, 0))},
        label_map_kinds={"color": LabelMapKind(("dark", "light"), ignore=254)},
    )
    drawn = draw(None, truth, label_map="color")
    np.testing.assert_allclose(tint(drawn, 20, 40), palette(2)[1], atol=3)
    assert (drawn[41:79, 21:59] == 128).all(axis=2).any()  # stripes
    for objects in (clothed(), truth):
        with pytest.raises(DataError, match="no label map 'size'; it has color"):
            draw(IMAGE, objects, label_map="size")


def test_one_sheet_of_all_there_is():
    np.testing.assert_array_equal(draw_answers(IMAGE, plain()), draw(IMAGE, plain()))
    sheet = draw_answers(IMAGE, clothed(), min_side=180)
    assert sheet.shape[1] > 2 * 2 * SIZE[1] - 1


def test_the_best_of_given_rows_get_the_free_places():
    scores = np.linspace(0.1, 0.9, 40)
    masks = np.zeros((40, *SIZE), bool)
    rows = dict(boxes=[[30, 30, 60, 60]] * 40, class_ids=[1] * 40, class_names=("a", "b"))
    given = Prediction.from_masks(masks, scores=scores, order="given", **rows)
    best = Prediction.from_masks(masks, scores=scores[::-1], **rows)
    np.testing.assert_array_equal(draw(IMAGE, given), draw(IMAGE, best))


def test_the_best_person_lies_on_top_in_every_order():
    masks = np.stack([COAT, COAT])
    maps = {"classes": COAT.astype(np.uint8), "alpha": COAT.astype(np.uint8) * 255}
    found = Prediction.from_masks(
        masks, boxes=np.zeros((2, 4)), class_ids=[1, 1], scores=[0.2, 0.9], label_maps=maps
    )
    below, above = person_alphas(found)
    assert not below.any() and (above == maps["alpha"]).all()


def test_a_report_shows_the_named_maps_of_large_images(tmp_path):
    large = np.kron(IMAGE, np.ones((8, 8, 1), np.uint8))
    grow = np.ones((8, 8), bool)
    found = clothed()
    found = Prediction.from_masks(
        np.kron(found.masks[0], grow)[None],
        boxes=found.boxes * 8,
        class_ids=[1],
        scores=[0.9],
        class_names=("person",),
        attributes=((Attribute("coat", 0.7, rle.encode(np.kron(COAT, grow))),),),
        label_maps={"color": np.kron(found.label_maps["color"], grow.astype(np.uint8))},
        label_names={"color": ("dark", "light", "<red>")},
        order="given",
    )
    small, less = reduced(large, found, 240)
    assert small.shape[:2] == (180, 240) == less.size and less.order == "given"
    np.testing.assert_array_equal(less.label_maps["color"][::2, ::2], clothed().label_maps["color"])
    np.testing.assert_array_equal(rle.decode(less.attributes[0][0].rle)[::2, ::2], COAT)
    truth = Sample(large, label_maps={"color": found.label_maps["color"]})
    page = write_html(tmp_path, Report({}), examples=[Example(large, truth, found)]).read_text()
    assert "truth: color</div>" in page and ">color</div>" in page
    assert "color: &lt;red&gt;" in page and "<red>" not in page


def test_label_maps_are_written_as_files_and_recorded(tmp_path):
    writer = Drawings(str(tmp_path), "model", ["a.png", "a_color.png"])
    writer.add(clothed(), Item(IMAGE), "a.jpg", "a.png")
    writer.add(plain(), Item(IMAGE), "b.jpg", "a_color.png")
    count, text, line = writer.finish([])
    first, second = json.loads(text)["images"]
    names = ["dark", "light", "red"]
    assert first["label_maps"] == {"color": {"file": "a_color_2.png", "class_names": names}}
    assert first["objects"][0]["attributes"][1]["traits"]["color"]["value"] == "red"
    assert "label_maps" not in second and "attributes" not in second["objects"][0]
    with Image.open(tmp_path / "a_color_2.png") as image:
        np.testing.assert_array_equal(np.asarray(image), clothed().label_maps["color"])
    assert count == 2 and (tmp_path / "a.png").exists() and "2 drawings" in line
    printed = Drawings(None, "model")
    printed.add(clothed(), Item(IMAGE), "a.jpg", "a.png")
    (record,) = json.loads(printed.finish([])[1])["images"]
    assert record["label_maps"]["color"]["class_names"] == names
