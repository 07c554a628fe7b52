"""The phone's form of the portrait network against the Keras 3 network with the same weights."""

import keras
import numpy as np
import pytest
from networks import images, original

from tfseg.export.graphs.portrait_network import build_any_size, build_phone
from tfseg.export.phone.optional import tf_keras
from tfseg.export.phone.part import Reading
from tfseg.models.portrait.graph import GraphOptions

slow = pytest.mark.slow
# 128 pixels are the least at which "light" still has a dilated tap inside its deepest map.
CASES = [
    pytest.param(GraphOptions(2, "light"), (128, 96), id="light"),
    pytest.param(GraphOptions(2, "paper"), (128, 96), marks=slow, id="paper"),
    pytest.param(GraphOptions(2, "dilated"), (128, 128), marks=slow, id="dilated"),
    pytest.param(GraphOptions(21, "light"), (64, 64), marks=slow, id="voc"),
    pytest.param(GraphOptions(2, cgca=False, cgbe=False), (64, 64), marks=slow, id="plain"),
    pytest.param(GraphOptions(3, "light", merge="concat"), (64, 96), marks=slow, id="concat"),
    pytest.param(GraphOptions(2, "light", decoder="aspp"), (64, 64), marks=slow, id="aspp"),
    pytest.param(
        GraphOptions(2, "light", cgca_source="raw", cgbe_resize="max"), (64, 64), marks=slow,
        id="raw-max",
    ),
    pytest.param(GraphOptions(2, "paper", frozen_norm=True), (64, 64), marks=slow, id="frozen"),
    pytest.param(GraphOptions(2, "light"), (81, 75), marks=slow, id="odd-size"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "shape"), CASES)
def test_equal_weights_give_equal_outputs(options, shape):
    source, reading = original(options), Reading()
    values = reading.values(images(2, shape), reading.float_mean)
    expected = source(values, training=False)["logits"]
    probability = keras.ops.convert_to_numpy(keras.ops.softmax(expected))
    if options.classes == 2:
        probability = probability[..., 1:]
    # Not a constant map, which would equal anything: it varies by hundreds of tolerances.
    assert np.ptp(probability[..., -1]) > 0.002
    model = build_phone(tf_keras(), options, shape, source)
    np.testing.assert_allclose(model(values, training=False), probability, atol=1e-5)
    difference = expected[..., 1:] - expected[..., :1] if options.classes == 2 else expected
    any_size = build_any_size(options, source)
    np.testing.assert_allclose(any_size(values, training=False), difference, atol=1e-4)


def test_the_phone_has_no_layer_that_it_can_spare():
    options = GraphOptions(2, "light")
    model = build_phone(keras, options, (64, 64))
    kinds = {type(layer).__name__ for layer in model.layers}
    assert not {"ResizeLike", "Resizing"} & kinds
    assert all(layer.dilation_rate == (1, 1) for layer in model.layers if "Conv2D" in str(layer))
    assert all(len(layer._inbound_nodes[0].input_tensors) == 2 for layer in model.layers
               if type(layer).__name__ == "Add")  # fmt: skip
    assert model.output_shape == (None, 64, 64, 1)
    enlarged = [x for x in model.layers if type(x).__name__ == "UpSampling2D"]
    assert {x.name for x in enlarged if x.output.shape[-1] > 1} == {"layer4_aspp_spread"}
