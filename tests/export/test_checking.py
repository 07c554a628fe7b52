"""The table that says whether an exported model agrees with Python."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from toy_estimator import Squares

from tfseg.engine.inputs import Item
from tfseg.errors import DataError, ExportError
from tfseg.export import checking, saved_model
from tfseg.export.checking import check, write_table
from tfseg.structures import rle
from tfseg.structures.semantic import semantic_prediction


def test_each_image_has_its_row_and_a_disagreement_is_found(exported, tmp_path):
    model, saved = exported
    made = Path(shutil.copytree(saved, tmp_path / "toy"))
    paths = [tmp_path / "a.png", tmp_path / "b.webp"]
    for index, path in enumerate(paths):
        Image.fromarray(Squares(2)[index].image).save(path, lossless=True)
    agreed, refused = check(model, made, paths)
    assert (agreed.problem, agreed.objects, agreed.mask) == ("", (1, 1), 1.0)
    assert "refused: expected JPEG, PNG, GIF or BMP" in refused.problem
    table = write_table(made, [agreed, refused]).read_text()
    assert f"| {paths[0]} | SavedModel | 1 / 1 |" in table and "1 of 2 agree" in table
    saved_model.verify(made)
    weights = model.keras_model.get_weights()
    try:
        changed = [np.roll(value, 1) + 0.3 for value in weights]
        model.keras_model.set_weights(changed)
        (other,) = check(model, made, paths[:1])
    finally:
        model.keras_model.set_weights(weights)
    assert other.problem
    with pytest.raises(DataError, match="no images"):
        check(model, made, [])
    with pytest.raises(ExportError, match="no model that this version exported"):
        check(model, tmp_path, paths)


def pixels(rows):
    """Returns a prediction of the two first rows "person", and so many after them "dog"."""
    classes = np.zeros((100, 100), np.uint8)
    classes[:2], classes[2 : 2 + rows] = 1, 2
    found = []
    for number in np.unique(classes[classes > 0]):
        mask = classes == number
        found.append((0.9, number, (0, 0, *np.argwhere(mask).max(0) + 1), rle.encode(mask)))
    maps = {"classes": classes, "alpha": 255 * (classes > 0).astype(np.uint8)}
    return semantic_prediction(found, maps, class_names=("person", "dog"))


def test_a_class_of_a_few_pixels_is_judged_by_its_pixels():
    def row(wanted, found, limits=checking.PHONE):
        item = Item(np.zeros((100, 100, 3), np.uint8))
        return checking._row(
            "a.png", "phone", limits, pixels(wanted), lambda _: pixels(found), item
        )

    agreed = row(3, 0)  # 3 of 100 pixels differ, and 5 may
    assert (agreed.objects, agreed.problem) == ((2, 1), "") and round(agreed.labels, 3) == 0.03
    assert row(0, 3).problem == ""
    assert row(12, 0).problem == "other objects" == row(0, 12).problem
    assert row(3, 0, checking.SERVED).problem == "other objects"
    assert row(30, 33).problem == "" and row(12, 15).problem == "other masks"


def test_an_image_that_python_refuses_has_its_row(exported, tmp_path):
    model, made = exported
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for index, path in enumerate(paths):
        Image.fromarray(Squares(2)[index].image).save(path)
    whole = paths[1].read_bytes()
    paths[1].write_bytes(whole[: len(whole) // 2])
    agreed, refused = check(model, made, paths)
    assert not agreed.problem and refused.problem.startswith("Python refuses it: expected a compl")
    assert "The SavedModel answers" not in refused.problem
    asked = checking._refused(
        "b.png", "SavedModel", lambda _: pixels(2), DataError("b.png: no | x")
    )
    assert asked.problem == "Python refuses it: no | x The SavedModel answers."
    made = Path(shutil.copytree(made, tmp_path / "toy"))
    assert r"it: no \| x The" in write_table(made, [asked]).read_text()


def test_warm_up_requests_are_those_of_the_signatures(exported, tmp_path):
    pytest.importorskip("tensorflow_serving", reason="pip install 'tfseg[serving]'")
    from tensorflow_serving.apis import prediction_log_pb2

    model, _ = exported
    folder = model.export(tmp_path / "toy" / "1", warm_up=True)
    saved_model.verify(folder)
    signatures = tf.saved_model.load(str(folder)).signatures
    file = folder / "assets.extra" / "tf_serving_warmup_requests"
    asked = []
    for record in tf.data.TFRecordDataset(str(file)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        asked.append(request.model_spec.signature_name)
        inputs = {n: tf.constant(tf.make_ndarray(t)) for n, t in request.inputs.items()}
        answer = signatures[asked[-1]](**inputs)
        assert request.model_spec.name == "toy" and not any(answer.get("error", [b""]))
    assert set(asked) == set(signatures)
