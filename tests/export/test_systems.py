"""Whole roads to an exported model: from another backend, and of the real network."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from toy_estimator import Squares, ToyEstimator

from tfseg.engine.inputs import Item

ENGINE = Path(__file__).parents[1] / "engine"
TRAINED_ON_JAX = """
import sys
import numpy as np
from tfseg.config import Stage, TrainConfig
from toy_estimator import Squares, ToyEstimator

train = TrainConfig(batch_size=4, stages=(Stage(2),), learning_rate=0.05, workers=1)
model = ToyEstimator(classes=["square"], train=train).fit(Squares(8))
model.save(sys.argv[1])
np.save(sys.argv[2], model.predict(Squares(1))[0].boxes)
"""


@pytest.mark.slow
@pytest.mark.jax
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_trained_on_jax_and_exported_through_tensorflow(tmp_path):
    paths = os.pathsep.join([str(ENGINE), str(ENGINE.parents[1])])
    subprocess.run(
        [sys.executable, "-c", TRAINED_ON_JAX, str(tmp_path / "m"), str(tmp_path / "boxes.npy")],
        env={**os.environ, "PYTHONPATH": paths, "KERAS_BACKEND": "jax"},
        check=True,
        timeout=300,
    )
    model = ToyEstimator.load(tmp_path / "m")
    expected = np.load(tmp_path / "boxes.npy")
    np.testing.assert_allclose(model.predict(Squares(1))[0].boxes, expected, atol=1e-3)
    loaded = tf.saved_model.load(os.fspath(model.export(tmp_path / "x" / "1")))
    found = loaded.signatures["images_uint8"](images=tf.constant(Squares(1)[0].image[None]))
    np.testing.assert_allclose(found["detection_boxes"][0, :1], expected, atol=1e-3)


@pytest.mark.slow
def test_an_exported_mask_rcnn_finds_what_predict_finds(tmp_path):
    import tfseg

    data = tfseg.SyntheticPeople(2, size=(150, 100), seed=9, people=(1, 3))
    model = tfseg.MaskRCNN(
        classes=data.class_names,
        backbone="mobilenet_v2",
        backbone_width=0.35,
        image_size=128,
        norm="group",
        anchor_scales=(16, 32, 64, 96, 128),
        pyramid_channels=16,
        rpn_channels=16,
        box_head_channels=32,
        mask_head_channels=16,
        mask_head_convs=1,
        pre_nms_limit=200,
        proposals_test=50,
        max_detections=10,
        detection_min_confidence=0.0,
        score_floor=0.0,
    )
    # Random weights are the hardest: their scores leap at one grey value's difference.
    model.fitted = True
    loaded = tf.saved_model.load(os.fspath(model.export(tmp_path / "people" / "1")))
    images = np.stack([data[index].image for index in range(2)])
    out = loaded.signatures["images_uint8"](images=tf.constant(images))
    out = {name: value.numpy() for name, value in out.items()}
    for row, image in enumerate(images):
        inputs, plan = model._predict_inputs(Item(image))
        raw = model._run({name: value[None] for name, value in inputs.items()})
        rows = raw["detections"][0]
        assert out["num_detections"][row] == (rows[:, 4] > 0).sum() > 0
        np.testing.assert_allclose(out["detection_scores"][row], rows[:, 5], atol=1e-4)
        np.testing.assert_allclose(
            out["detection_boxes"][row],
            plan.undo_boxes(rows[:, :4], clip=True) * (rows[:, 4:5] > 0),
            atol=0.02,
        )
        np.testing.assert_allclose(out["detection_masks"][row], raw["masks"][0], atol=1e-4)
