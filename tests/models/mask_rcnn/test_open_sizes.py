"""One graph for images of all sizes, against the network that knows each size."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfseg
from tfseg.engine.inputs import Item
from tfseg.errors import ConfigError

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="JAX knows every size"
)
RULES = {
    "torchvision": dict(origin="torchvision"),
    "pooled": dict(image_fit="padded", anchor_stride=2),  # Matterport's rules
    # Fewer anchors than are taken by score, and maps pooled by matrix products.
    "mixed": dict(
        origin="torchvision", box_units="normalized", roi_align="aligned", image_size=160
    ),
}
SHAPES = [(150, 320), (64, 64), (320, 33)]


def small_backbone(config, seed):
    """Returns five convolutions with the strides and outputs of a real backbone, for any size."""
    x = image = keras.Input((None, None, 3), name="image")
    stages = {}
    for index in range(5):
        x = keras.layers.Conv2D(8, 3, 2, "same", activation="relu", name=f"block_{index}")(x)
        stages[f"C{index + 1}"] = x
    del stages["C1"]
    return keras.Model(image, stages, name="small_backbone")


def make(**changes):
    """Returns a model whose random weights tell regions apart."""
    keras.utils.set_random_seed(3)
    settings = dict(
        classes=("disc", "bar"),
        backbone="mobilenet_v2",
        norm="none",
        image_size=320,
        image_min_size=96,
        pre_nms_limit=150,
        proposals_test=60,
        pool_size=3,
        mask_pool_size=4,
        max_detections=20,
        detection_nms_threshold=0.6,
        pyramid_channels=16,
        rpn_channels=16,
        box_head_channels=16,
        mask_head_channels=16,
        mask_head_convs=1,
    )
    model = tfseg.MaskRCNN(**{**settings, **changes})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfseg.models.two_stage.network.build_backbone", small_backbone)
        rpn, head = model.keras_model.rpn, model.keras_model.box_head
    for layer in (head.score, rpn.score):
        layer.kernel.assign(np.random.default_rng(0).normal(0, 0.3, layer.kernel.shape))
    model.fitted = True
    return model


def image_of(shape):
    return np.random.default_rng(sum(shape)).integers(0, 256, (*shape, 3)).astype(np.uint8)


@pytest.mark.parametrize("rules", RULES)
def test_one_graph_finds_what_the_network_of_each_size_finds(rules, monkeypatch):
    model = make(**RULES[rules])
    net, seen, found = model.keras_model, [], 0
    levels = net.pyramid
    monkeypatch.setattr(net, "pyramid", lambda x, *rest: seen.append(x.shape) or levels(x, *rest))
    for shape in SHAPES:
        inputs = {n: v[None] for n, v in model._predict_inputs(Item(image_of(shape)))[0].items()}
        inputs["min_score"] = np.float32([0.05])
        got, expected = model._run(inputs), net(inputs, training=False)
        np.testing.assert_allclose(got["detections"], expected["detections"], rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(got["masks"], expected["masks"], atol=1e-5)
        found += (got["detections"][..., 4] > 0).sum()
    assert found > len(SHAPES)
    model.predict([image_of(SHAPES[0])] * 3, batch_size=2)
    assert [tuple(shape) for shape in seen if None in shape] == [(None, None, None, 3)]
    assert len(seen) == 1 + len(SHAPES)


def test_training_knows_its_size_and_no_size_is_odd():
    net = make(**RULES["mixed"]).keras_model
    unknown = keras.KerasTensor((1, None, 64, 3))
    assert net.checked(unknown, learning=False) is unknown
    with pytest.raises(ConfigError, match="known beforehand in training; got None x 64"):
        net.checked(unknown, learning=True)
    with pytest.raises(ConfigError, match="multiples of 32.*got None x 48"):
        net.checked(keras.KerasTensor((1, None, 48, 3)), learning=False)
