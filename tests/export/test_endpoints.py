"""A system's own signatures go from its graph module into the model and its card."""

import os
import sys
import types

import numpy as np
import pytest
import tensorflow as tf
from toy_estimator import ToyEstimator

from tfseg.errors import ConfigError, ExportError
from tfseg.export.endpoints import Endpoint, Input, Serving, encoded_images, pixels
from tfseg.export.graphs import detection, portrait
from tfseg.export.serving import request_examples, serve_check

POSES = Input(
    tf.TensorSpec((None, None, 3), tf.float32, "poses"),
    "float32 `(B, K, 3)`: joints",
    "[[[4.0, 5.0, 2.0]]]",
    "[[4, 5, 2]]",
)


def serving(estimator, *, shift: float = 0.0) -> Serving:
    def masks(images, poses):
        sizes = tf.repeat(tf.shape(images)[None, 1:3], tf.shape(images)[0], axis=0)
        return {"moved": poses[..., :2] + shift, "sizes": sizes}

    gives = {"moved": "float32 `(B, K, 2)`: joints, moved", "sizes": "int32 `(B, 2)`"}
    by_pose = Endpoint("by_pose", masks, (pixels(tf.uint8), POSES), gives)
    reads = ("outputs['moved']", "answer.outputs['moved']")
    return Serving((by_pose,), "by_pose", *reads, ("A pose has K joints.",), "is nobody")


@pytest.fixture
def posed(monkeypatch):
    """A system that another module than ours describes."""

    class Posed(ToyEstimator):
        system, serving_graph = "posed", "somebodys.graph"

    module = types.ModuleType("somebodys.graph")
    module.serving = serving
    monkeypatch.setitem(sys.modules, "somebodys.graph", module)
    model = Posed(classes=["square"])
    model.fitted = True
    return model, module


def test_another_system_brings_its_signatures_its_options_and_its_words(posed, tmp_path):
    model, _ = posed
    folder = model.export(tmp_path / "posed" / "1", shift=2.0)
    signatures = tf.saved_model.load(os.fspath(folder)).signatures
    assert set(signatures) == {
        "by_pose",
        "describe",
        "serving_default",
    }  # Keras' name for the first one
    found = signatures["by_pose"](
        images=tf.zeros((1, 7, 9, 3), tf.uint8), poses=tf.constant([[[4.0, 5.0, 2.0]]])
    )
    np.testing.assert_array_equal(found["moved"], [[[6, 7]]])
    np.testing.assert_array_equal(found["sizes"], [[7, 9]])
    card = (folder / "model_card.md").read_text()
    for words in (
        *("Class id 0 is nobody", "A pose has K joints.", "`by_pose` takes"),
        "- `images` uint8 `(B, H, W, 3)`: images of one size, 0 to 255, RGB",
        "- `poses` float32 `(B, K, 3)`: joints",
        "- `moved` float32 `(B, K, 2)`: joints, moved",
        "poses = [[[4.0, 5.0, 2.0]]]",
        'signatures["by_pose"](images=tf.constant(images), poses=tf.constant(poses))',
    ):
        assert words in card
    assert "detection_" not in card and "curl" not in card
    with pytest.raises(ExportError, match="no signature that takes encoded images .* by_pose"):
        serve_check(folder, folder / "labels.txt")


def test_options_are_the_systems(posed, tmp_path):
    model, _ = posed
    with pytest.raises(ConfigError, match="score_threshold: .* 'posed' model. It takes shift; and"):
        model.export(tmp_path / "x", score_threshold=0.5)
    toy = ToyEstimator(classes=["square"])
    toy.fitted = True
    with pytest.raises(
        ConfigError, match="probabilities: .* takes max_pixels, score_threshold; and, .*license"
    ):
        toy.export(tmp_path / "x", probabilities=True)
    with pytest.raises(ConfigError, match="Did you mean 'license'"):
        toy.export(tmp_path / "x", licence="MIT")
    with pytest.raises(ConfigError, match="quantisation: .*'tflite'.*Did you mean 'quantization'"):
        toy.export(tmp_path / "x", format="tflite", quantisation="int8")
    assert not (tmp_path / "x").exists()


def test_what_a_module_says_and_does_not_do_is_found(posed, tmp_path):
    model, module = posed
    true = serving(model).endpoints[0]
    wrong = Endpoint("by_pose", true.function, true.takes, {"moved": "", "masks": ""})
    module.serving = lambda estimator: Serving((wrong,), "by_pose", "", "", (), "")
    with pytest.raises(ExportError, match=r"somebodys.graph says .*'masks'.*it gives .*'sizes'"):
        model.export(tmp_path / "x")

    def whole(images, poses):
        return {"moved": tf.shape(images)[1:3]}

    module.serving = lambda estimator: Serving(
        (Endpoint("by_pose", whole, true.takes, {"moved": ""}),), "by_pose", "", "", (), ""
    )
    with pytest.raises(ExportError, match=r"'moved' of shape \(2,\).*the batch as its first axis"):
        model.export(tmp_path / "x")
    type(model).serving_graph = ""
    with pytest.raises(ExportError, match="'posed' model cannot be exported: Posed names no"):
        model.export(tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_rest_requests_of_several_inputs_name_them():
    both = Endpoint("s", None, (encoded_images(), POSES), {})
    text = request_examples("m", Serving((both,), "s", "p", "g", (), ""), "m/7")
    assert """printf %s '{"signature_name": "s", "instances": [{"encoded": {"b64": "'""" in text
    assert """printf %s '"}, "poses": [[4, 5, 2]]}]}'""" in text
    assert 'tf.saved_model.load("m/7")' in text
    assert 'request.inputs["poses"].CopyFrom(tf.make_tensor_proto(poses))' in text


def test_our_modules_have_the_options_that_the_guides_name():
    from tfseg.export.endpoints import options_of

    assert options_of(detection.serving) == {"score_threshold", "max_pixels"}
    assert options_of(portrait.serving) == {"probabilities", "max_pixels"}
