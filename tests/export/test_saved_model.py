import base64
import errno
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from toy_estimator import Squares, ToyEstimator

from tfseg.errors import ExportError, NotFittedError
from tfseg.export import saved_model, serving


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(Squares(2)[1].image).save(path, quality=95, exif=exif)
    return path


def compare(outputs, prediction, row=0, atol=1e-3):
    outputs = {name: np.asarray(value) for name, value in outputs.items()}
    count = int(outputs["num_detections"][row])
    assert count == len(prediction)
    np.testing.assert_allclose(outputs["detection_boxes"][row][:count], prediction.boxes, atol=atol)
    np.testing.assert_allclose(
        outputs["detection_scores"][row][:count], prediction.scores, atol=1e-5
    )
    assert outputs["detection_classes"][row][:count].tolist() == prediction.class_ids.tolist()


def test_a_process_with_tensorflow_alone_finds_the_same(exported, picture):
    model, folder = exported
    outputs = serving.serve_check(folder, picture)
    compare(outputs, model.predict(picture)[0])
    assert outputs["detection_class_names"][0][0] in model.class_names


def test_all_signatures_agree_with_predict(exported):
    model, folder = exported
    loaded = tf.saved_model.load(os.fspath(folder))
    assert set(loaded.signatures) == {"serving_default", "images_uint8", "images_float", "describe"}
    for size in ((40, 32), (32, 32), (100, 70)):
        images = np.stack([Squares(5, size=size)[index].image for index in range(3)])
        found = model.predict(images)
        floats = loaded.signatures["images_float"](images=tf.constant(images, tf.float32))
        bytes_ = loaded.signatures["images_uint8"](images=tf.constant(images))
        for row in range(3):
            compare(floats, found[row], row)
        for name, value in floats.items():
            np.testing.assert_array_equal(value, bytes_[name])


def test_what_lies_beside_the_graph(exported):
    model, folder = exported
    assert sorted(os.listdir(folder)) == [
        "SHA256SUMS",
        "description.json",
        "fingerprint.pb",
        "labels.txt",
        "model_card.md",
        "saved_model.pb",
        "variables",
    ]
    assert (folder / "labels.txt").read_text() == "square\nother\n"
    card = (folder / "model_card.md").read_text()
    for text in (
        "# toy\n",
        "1. square",
        "Apache-2.0",
        "drawn squares",
        "keras",
        "/models/toy:predict",
        "MODEL_NAME=toy",
        "image_size: 32",
        "Not measured.",
    ):
        assert text in card
    saved_model.verify(folder)


def test_a_changed_file_is_noticed(exported, tmp_path):
    model, made = exported
    folder = Path(shutil.copytree(made, tmp_path / "m" / "1"))
    (folder / "labels.txt").write_text("other\n")
    with pytest.raises(ExportError, match=r"labels\.txt: differs"):
        saved_model.verify(folder)
    (folder / "labels.txt").unlink()
    with pytest.raises(ExportError, match=r"labels\.txt: is missing"):
        saved_model.verify(folder)
    with pytest.raises(ExportError, match="not empty.*overwrite=True"):
        model.export(folder)
    model.export(folder, overwrite=True, metrics={"segm/AP": 0.5, "undefined": float("nan")})
    saved_model.verify(folder)
    assert "| segm/AP | 0.5000 |" in (folder / "model_card.md").read_text()
    assert "undefined" not in (folder / "model_card.md").read_text()
    assert os.listdir(tmp_path / "m") == ["1"]


def test_a_failed_export_leaves_nothing_and_keeps_what_was_there(exported, tmp_path, monkeypatch):
    model, _ = exported
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "precious.txt").write_text("x")

    def full(estimator, serving, new):
        (new / "saved_model.pb").write_text("half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(saved_model, "_write_graph", full)
    with pytest.raises(ExportError, match="No space left on device"):
        model.export(folder, overwrite=True)
    assert os.listdir(tmp_path) == ["model"] and os.listdir(folder) == ["precious.txt"]


def test_wrong_requests(exported, tmp_path, monkeypatch):
    model, folder = exported
    with pytest.raises(ExportError, match="'saved_modle' is not known. Did you mean 'saved_model'"):
        model.export(tmp_path / "x", format="saved_modle")
    with pytest.raises(ExportError, match="cannot become a TFLite model"):
        model.export(tmp_path / "x", format="tflite")
    with pytest.raises(NotFittedError, match="fit"):
        ToyEstimator(classes=["a"]).export(tmp_path / "x")
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="expected a folder, got a file"):
        model.export(tmp_path / "file")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ExportError, match="KERAS_BACKEND=tensorflow.*ToyEstimator.load"):
        model.export(tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_serve_check_says_what_is_wrong(exported, tmp_path):
    _, folder = exported
    with pytest.raises(ExportError, match="at least one image"):
        serving.serve_check(folder)
    with pytest.raises(ExportError, match="no SavedModel here"):
        serving.serve_check(tmp_path, "a.jpg")
    with pytest.raises(ExportError, match="(?s)does not run.*nowhere.jpg"):
        serving.serve_check(folder, tmp_path / "nowhere.jpg")


def test_the_requests_in_the_card_are_those_of_its_signature(exported):
    _, folder = exported
    card = (folder / "model_card.md").read_text()
    assert "@" not in card.replace("-d @-", "")
    assert 'outputs = model.signatures["serving_default"](encoded=tf.constant(encoded))' in card


def test_the_shell_line_of_the_card_makes_a_request_of_a_file(exported, tmp_path):
    _, folder = exported
    line = re.search(r"^\((.*)\) \|$", (folder / "model_card.md").read_text(), re.MULTILINE)[1]
    content = bytes(range(256)) * 3  # more than one line of base64
    (tmp_path / "a.jpg").write_bytes(content)
    # Options of base64 and the ends of its lines differ between systems: none is used or kept.
    made = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, check=True)
    request = json.loads(made.stdout)
    assert list(request) == ["instances"] and "base64 -" not in line
    assert base64.b64decode(request["instances"][0]["b64"], validate=True) == content


def test_a_client_can_ask_what_the_model_is(exported):
    model, folder = exported
    describe = tf.saved_model.load(os.fspath(folder)).signatures["describe"]
    answers = describe(question=tf.constant(["", "x"]))["description"].numpy()
    facts = json.loads(answers[1])
    assert len(answers) == 2 and facts["class_names"] == list(model.class_names)
    assert (facts["system"], facts["answers"], facts["mask_paste"]) == ("toy", "objects", "box")


def test_a_broken_file_in_a_batch_spoils_its_own_answer_alone(exported, picture):
    model, folder = exported
    serve = tf.saved_model.load(os.fspath(folder)).signatures["serving_default"]
    sound = picture.read_bytes()
    found = serve(encoded=tf.constant([b"no image", sound, sound[: len(sound) // 2], sound]))
    errors = [text.decode() for text in found["error"].numpy()]
    assert "JPEG, PNG, GIF or BMP" in errors[0] and "cut off" in errors[2]
    assert errors[1] == errors[3] == ""
    (wanted,) = model.predict(picture)
    for row in (1, 3):
        compare(found, wanted, row)
        assert found["image_sizes"][row].numpy().tolist() == list(wanted.size)
    for name, value in found.items():
        assert not any(np.asarray(value)[[0, 2]].ravel()) or name == "error", name
