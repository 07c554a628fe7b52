"""Inputs besides images, and batches of equal shape, with a system that has no network."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tfseg.engine.batches import AHEAD
from tfseg.engine.extras import Extra, from_file
from tfseg.engine.predict_verbs import PredictVerbs
from tfseg.errors import ConfigError, DataError
from tfseg.structures import Prediction, Sample


class Points(Extra):
    name, what, required = "points", "points (K, 2)", True
    hint = "One point is a list too."
    by_image = '{"a.jpg": [[x, y]]}'

    def check(self, value):
        array = np.asarray(getattr(value, "points", value), float)
        if array.ndim != 2 or array.shape[1] != 2:
            raise DataError(f"expected points (K, 2), got {array.shape}.")
        return array

    def is_one(self, values):
        return hasattr(values, "points") or np.ndim(values) == 2

    def read(self, path):
        return json.loads(open(path).read())

    def truth(self, sample, config):
        return sample.boxes[:, :2] + config.shift


class Pointer(PredictVerbs):
    """Answers each point with a box at it, and keeps the batches that it was given."""

    system, class_names, predict_extras = "pointer", ("thing",), (Points(),)
    config = SimpleNamespace(shift=0)

    def __init__(self):
        self.batches, self.sizes = [], []

    def _require_weights(self):
        pass

    def _evaluation_threshold(self):
        return None

    def _predict_inputs(self, item):
        return {"image": item.image}, item

    def _run_rows(self, rows, batch_size):
        self.batches.append([row["image"].shape[:2] for row in rows])
        self.sizes.append(batch_size)
        assert len(set(self.batches[-1])) == 1
        return [{"mean": row["image"].mean()} for row in rows]

    def _decode(self, outputs, plan, *, score_threshold, image_id, path):
        points = plan.extras["points"]
        return Prediction.from_masks(
            np.zeros((len(points), *plan.image.shape[:2])),
            boxes=np.concatenate([points, points + outputs["mean"]], axis=1),
            class_ids=np.ones(len(points)),
            scores=np.ones(len(points)),
            image_id=image_id,
            path=path,
            order="given",
        )


class Plain(Pointer):
    predict_extras = ()


def image(height=6, width=8, value=3):
    return np.full((height, width, 3), value, np.uint8)


def corners(predictions):
    return [prediction.boxes[:, :2].tolist() for prediction in predictions]


ONE, TWO = [[1, 2]], [[3, 4], [0, 0]]


@pytest.fixture
def files(tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(image()).save(tmp_path / name)
    (tmp_path / "points.json").write_text(json.dumps({"b.png": TWO, "a": ONE}))
    (tmp_path / "one.json").write_text(json.dumps(ONE))
    return tmp_path


@pytest.mark.parametrize(
    "points",
    [
        [ONE, TWO],
        (np.array(p) for p in (ONE, TWO)),
        {"0": ONE, "1": TWO},
        lambda image: ONE if image[0, 0, 0] == 3 else TWO,
    ],
    ids=["list", "generator", "mapping", "function"],
)
def test_values_in_every_form_meet_their_images(points):
    images = [image(), image(value=4)]
    assert corners(Pointer().predict(images, points=points)) == [ONE, TWO]


def test_one_image_takes_its_value_alone(files):
    assert corners(Pointer().predict(image(), points=TWO)) == [TWO]
    assert corners(Pointer().predict(image(), points=[TWO])) == [TWO]
    assert corners(Pointer().predict(image(), points=SimpleNamespace(points=TWO))) == [TWO]
    assert corners(Pointer().predict(files / "a.png", points=files / "one.json")) == [ONE]


def test_a_file_names_the_images(files):
    found = Pointer().predict(files, points=str(files / "points.json"))
    assert corners(found) == [ONE, TWO]
    with pytest.raises(ConfigError, match=r"one.json: holds the points of one image, .*are 2"):
        Pointer().predict(files, points=files / "one.json")
    (named,) = [from_file(Points(), files / "points.json", None)]
    Image.fromarray(image()).save(files / "c.png")
    with pytest.raises(DataError, match=r"c\.png: .*points.json has no points for it"):
        Pointer().predict(files, points=named)


def test_the_truth_is_for_samples_and_the_default_of_an_evaluation():
    masks = np.zeros((1, 6, 8), bool)
    masks[0, 2:4, 3:5] = True
    sample = Sample(image(), class_ids=[1], masks=masks)
    assert corners(Pointer().predict([sample], points="truth")) == [[[2, 3]]]
    dataset = type("D", (list,), {"class_names": ("thing",)})([sample])
    ((seen, found),) = Pointer()._predict_dataset(dataset)
    assert found.boxes[0, :2].tolist() == [2, 3] and seen.masks.any()
    ((_, found),) = Pointer()._predict_dataset(dataset, points=[ONE])
    assert corners([found]) == [ONE]
    with pytest.raises(DataError, match="image 0 is no Sample"):
        Pointer().predict(image(), points="truth")


@pytest.mark.parametrize(
    ("model", "arguments", "error", "words"),
    [
        (Pointer, {}, ConfigError, r"Pointer.predict needs points: for each image points \(K, 2\)"),
        (Pointer, {"point": ONE}, ConfigError, "Did you mean 'points'.*points: for each image"),
        (Plain, {"boxes": ONE}, ConfigError, "takes no 'boxes'.*finds all by itself"),
        (Plain, {"batchsize": 2}, ConfigError, "Did you mean 'batch_size'"),
        (Pointer, {"points": 3}, DataError, r"points: expected points \(K, 2\) for each image"),
        (Pointer, {"points": [ONE]}, DataError, "each of 2 images, got 1. One point is a list too"),
        (Pointer, {"points": [ONE, 5]}, DataError, r"points of image 2: expected points \(K, 2\)"),
    ],
)
def test_what_is_wrong_is_said(model, arguments, error, words):
    with pytest.raises(error, match=words):
        model().predict([image(), image()], **arguments)


@pytest.mark.parametrize("points", [[ONE], [ONE] * 3])
def test_numbers_are_compared_at_the_end_where_nobody_knows_them(points):
    with pytest.raises(DataError, match="points: expected them for each of"):
        Pointer().predict((image() for _ in range(2)), points=points)


# ---------------------------------------------------------------------- batches


def test_images_of_equal_shape_are_computed_together_in_their_order():
    sizes = [(6, 8), (8, 6)] * 4 + [(6, 8)]
    images, seen = [image(*size, value=k) for k, size in enumerate(sizes)], []
    model = Pointer()
    found = model.predict(
        images, points=[ONE] * 9, batch_size=2, progress=lambda done, of: seen.append(done)
    )
    assert [p.size for p in found] == sizes and seen == list(range(1, 10))
    assert [float(p.boxes[0, 2]) - 1 for p in found] == list(range(9))
    assert sorted(map(len, model.batches)) == [1, 2, 2, 2, 2] and set(model.sizes) == {2}
    model = Pointer()
    model.predict([image(6 + k, 8) for k in range(3)], points=[ONE] * 3, batch_size=2)
    assert model.sizes == [1, 1, 1]  # no copies to fill a batch that nothing of the shape fills


def test_no_image_waits_for_ever():
    read = []

    def images():
        for k in range(40):
            read.append(k)
            yield image(6 + k, 8) if k else image(6, 100)

    first = next(Pointer().predict_each(images(), points=lambda image: ONE, batch_size=3))
    assert first.prediction.size == (6, 100) and len(read) == 3 * AHEAD + 1


def test_an_image_that_fails_does_not_stop_the_others(files):
    (files / "broken.png").write_bytes(b"no image")
    paths = [files / name for name in ("a.png", "broken.png", "gone.png", "b.png", "a.png")]
    for size in (1, 2, 4):
        answers = list(
            Pointer().predict_each(paths, points=[ONE, ONE, ONE, TWO, ONE], batch_size=size)
        )
        assert [answer.error is None for answer in answers] == [True, False, False, True, True]
        assert corners([answers[k].prediction for k in (0, 3)]) == [ONE, TWO]
        assert "broken.png" in str(answers[1].error) and answers[1].prediction is None
    with pytest.raises(ConfigError, match="batch_size"):
        Pointer().predict_each(paths, points=[ONE] * 5, batch_size=0)
    with pytest.raises(DataError, match="broken.png"):
        Pointer().predict(paths, points=[ONE] * 5)
