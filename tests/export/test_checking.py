"""The table that says whether an exported model agrees with Python."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from toy_estimator import Squares

from tfseg.errors import DataError, ExportError
from tfseg.export import saved_model
from tfseg.export.checking import check, write_table


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
