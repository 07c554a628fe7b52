"""People, parts and traits out of raw tensors that are known; the measures of a perfect parsing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from small_hptr import SMALL

from tfseg.errors import DataError
from tfseg.models.hptr.config import TASKS, HPTRConfig
from tfseg.models.hptr.decode import decode
from tfseg.models.hptr.evaluator import Parsing, ParsingEvaluator
from tfseg.models.hptr.targets import resize_of
from tfseg.structures import Prediction, Sample

CONFIG = HPTRConfig(**SMALL)
SIZE = (64, 128)  # twice as large as the network sees it, in a canvas with padding below
PLAN = resize_of(CONFIG).plan(SIZE)


def outputs() -> dict:
    """Two people side by side in cells of four pixels of the network, eight of the image."""
    rows, columns = PLAN.canvas[0] // 4, PLAN.canvas[1] // 4
    masks = np.full((6, rows, columns), -9.0, np.float32)
    masks[0, :6, :6] = 9.0
    masks[1, :6, 4:12] = 9.0  # meets the first one, who is surer
    masks[2] = 9.0
    found = {
        "scores": np.array([0.9, 0.8, 0.3, 0.2, 0.1, 0.0], np.float32),
        "class_ids": np.ones(6, np.int32),
        "boxes": np.array([[0.25, 0.5, 0.5, 2.0]] * 6, np.float32),
        "masks": masks,
    }
    for task in TASKS:
        logits = np.full((rows, columns, CONFIG.outputs_of(task)), -9.0, np.float32)
        logits[..., 0] = 0.0
        found[task] = logits
    found["attributes"][:3, :, 2] = 2.0  # hair above
    found["attributes"][3:6, :, 5] = 9.0  # upper clothes below
    found["colors"][3:6, :2, 5] = 9.0  # red on a third
    found["colors"][3:6, 2:, 10] = 9.0  # blue on the rest
    return found


def between(bottom: int, left: int, right: int) -> np.ndarray:
    """Returns the probabilities at the pixels, of a mask that is 1 in some cells."""
    sides = []
    for pixels, cells, first, last in ((64, 8, 0, bottom), (128, 16, left, right)):
        inside = (np.arange(cells) >= first) & (np.arange(cells) < last)
        centres = 8 * np.arange(cells) + 4
        sides.append(np.interp(np.arange(pixels) + 0.5, centres, inside))
    return np.outer(*sides)


def decoded(threshold=0.5):
    return decode(outputs(), PLAN, CONFIG, score_threshold=threshold, image_id=7)


def test_people_parts_and_traits():
    found, regions = decoded()
    assert PLAN.canvas == (32, 64) and found.size == SIZE and found.image_id == 7
    np.testing.assert_allclose(found.scores, [0.9, 0.8])
    np.testing.assert_allclose(found.boxes[0], [0, 0, 64, 64])
    chances = [between(6, 0, 6), between(6, 4, 12)]
    wins = 0.9 * chances[0] > 0.8 * chances[1]
    wanted = np.stack([(chances[0] > 0.5) & wins, (chances[1] > 0.5) & ~wins])
    np.testing.assert_array_equal(found.masks, wanted)
    np.testing.assert_array_equal(found.label_maps["instances"], wanted[0] + 2 * wanted[1])
    assert found.names_of("colors") == CONFIG.colors
    names = [[one.name for one in ones] for ones in found.attributes]
    assert names == [["hair", "upper_clothes"]] * 2
    clothes = found.attributes[0][1]
    assert {name: trait.value for name, trait in clothes.traits.items()} == {"color": "blue"}
    assert found.attributes[1][1].traits["color"].value == "blue"
    assert found.attributes[0][0].traits == {}
    assert clothes.score == pytest.approx(0.9, abs=0.03)
    hair = found.attributes[0][0].score / 0.9
    assert 0.6 < hair < 0.89  # sigmoid(2) = 0.88, less where it fades
    assert regions["colors"].classes.tolist() == [5, 10, 10]
    everybody, _ = decoded(0.0)
    assert len(everybody) == 3  # who has no pixel is nobody
    nobody, _ = decoded(1.0)
    assert len(nobody) == 0 and nobody.attributes == () and nobody.masks.shape == (0, *SIZE)


def test_without_a_background_channel_unlikely_pixels_have_no_class():
    config = CONFIG.replace(background_channel=False)
    given = outputs()
    for task in TASKS:
        given[task] = given[task][..., 1:]
    found, _ = decode(given, PLAN, config, score_threshold=0.5)
    with_channel, _ = decoded()
    for task in ("attributes", "colors"):
        far = found.label_maps[task] != with_channel.label_maps[task]
        assert far.mean() < 0.1
        assert not found.label_maps[task][56:].any()


def test_the_truth_itself_is_measured_as_right():
    found, regions = decoded()
    plain = {f.name: getattr(found, f.name) for f in dataclasses.fields(Prediction)}
    plain["boxes"] = [[0, 0, 48, 48], [0, 48, 48, 96]]
    evaluator = ParsingEvaluator(CONFIG)
    sample = Sample(
        np.zeros((*SIZE, 3), np.uint8),
        7,
        np.ones(2, np.int32),
        found.masks,
        label_maps={task: found.label_maps[task] for task in ("attributes", "colors")},
    )
    evaluator.update(sample, Parsing(**plain, regions=regions))
    report = evaluator.compute()
    names = ("miou", "miou_image", "color_miou", "color_miou_image", "ap_r_vol", "ap_r_pgn_vol")
    for name in (*names, "ap_p_vol", "pcp_vol", "color_ap_cr_vol"):
        assert report[name] == pytest.approx(1.0), name
    assert report["segm/AP"] == pytest.approx(1.0) and np.isnan(report["size_miou"])
    with pytest.raises(DataError, match="Evaluate by HPTR.evaluate"):
        ParsingEvaluator(CONFIG).update(sample, found)
