"""The sheet of a parsing: a panel for each map, true colours, legends, sentences, any size."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.data import SyntheticPeople
from tfseg.errors import DataError
from tfseg.structures import Attribute, Prediction, Sample, rle
from tfseg.visualize.answers import draw_answers
from tfseg.visualize.colors import named_colour
from tfseg.visualize.parsing import draw_parsing, is_parsing

SIZE = (96, 128)
IMAGE = np.full((*SIZE, 3), 100, np.uint8)


def parsing(size=SIZE, people=1):
    mask = np.zeros(size, bool)
    mask[size[0] // 4 : size[0] // 2, : size[1] // 2] = True
    coat = Attribute("coat", 0.9, rle.encode(mask), {"color": ("red", 0.7)})
    colours = np.where(mask & (people > 0), 3, 0).astype(np.uint8)
    return Prediction.from_masks(
        np.stack([mask] * people) if people else np.zeros((0, *size), bool),
        boxes=np.tile([10, 10, 40, 60], (people, 1)),
        class_ids=[1] * people,
        scores=[0.9] * people,
        class_names=("person",),
        attributes=((coat,),) * people,
        label_maps={"colors": colours, "kinds": colours},
        label_names={"colors": ("dark", "blue", "red"), "kinds": ("a", "b", "c")},
    )


def has(sheet, colour) -> int:
    return int((sheet == np.array(colour, np.uint8)).all(axis=2).sum())


def test_panels_true_colours_and_sentences():
    found = parsing()
    assert is_parsing(found)
    sheet = draw_parsing(IMAGE, found)
    assert sheet.shape[1] >= 3 * SIZE[1] and has(sheet, named_colour("red")) > 20
    assert has(sheet, named_colour("blue")) == 0  # not there, so not in the legend
    # Letters in "kinds" are no colours: that map has the palette's.
    alone = Prediction(
        **{
            **{name: getattr(found, name) for name in ("size", "boxes", "class_ids", "scores")},
            "rles": found.rles,
            "attributes": ((),),
            "label_maps": {"kinds": found.label_maps["kinds"]},
            "label_names": {"kinds": ("a", "b", "c")},
        }
    )
    assert has(draw_parsing(IMAGE, alone), named_colour("red")) == 0
    assert len(draw_parsing(IMAGE, parsing(people=2))) > len(sheet)  # one sentence more
    nobody = draw_parsing(IMAGE, parsing(people=0))
    assert nobody.shape[1] == sheet.shape[1] and has(nobody, named_colour("red")) == 0


def test_large_and_narrow_images_and_the_truth():
    large = draw_parsing(np.full((1500, 2000, 3), 90, np.uint8), parsing((1500, 2000)), side=200)
    assert large.shape[1] < 700
    assert draw_parsing(np.full((1, 400, 3), 9, np.uint8), parsing((1, 400))).dtype == np.uint8
    sample = SyntheticPeople(1, size=SIZE, people=2)[0]
    truth = draw_parsing(None, sample)
    assert truth.shape[1] >= 3 * SIZE[1]
    unsure = Sample(IMAGE, label_maps={"colors": np.full(SIZE, 255, np.uint8)})
    assert has(draw_parsing(None, unsure), (110, 116, 126)) > 20
    with pytest.raises(DataError, match="96 x 128 pixels, the objects 50 x 50"):
        draw_parsing(IMAGE, parsing((50, 50)))
    assert draw_answers(IMAGE, parsing()).shape[1] >= 3 * SIZE[1]
