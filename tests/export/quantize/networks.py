"""Networks and images that the tests of quantisation share."""

from __future__ import annotations

import functools

import keras
import numpy as np

from tfseg.export.quantize.flatbuffer import model_of, operation_names
from tfseg.export.quantize.optional import tf_keras
from tfseg.models.portrait.graph import GraphOptions, build_graph


def shaken(model):
    """Gives normalisations the statistics that training would: with those of the start many
    mistakes cannot be seen."""
    random = np.random.default_rng(0)
    for layer in model.layers:
        if "BatchNormalization" in type(layer).__name__:
            gamma, beta, mean, variance = layer.get_weights()
            gamma = gamma * random.uniform(0.5, 1.5, gamma.shape)
            beta = beta + random.normal(0, 0.1, beta.shape)
            mean = mean + random.normal(0, 0.1, mean.shape)
            layer.set_weights([gamma, beta, mean, variance * random.uniform(0.5, 2, mean.shape)])
    return model


@functools.cache
def original(options: GraphOptions):
    """The network of Keras 3, of any size."""
    keras.utils.set_random_seed(0)
    return shaken(build_graph(keras, options))


def pictures(count: int, shape: tuple[int, int]) -> np.ndarray:
    """Coarse blocks, uint8 `(count, H, W, 3)`: in noise alone all places look the same."""
    random = np.random.default_rng(1)
    coarse = random.integers(0, 256, (count, shape[0] // 8 + 1, shape[1] // 8 + 1, 3))
    blocks = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, : shape[0], : shape[1]]
    return np.clip(blocks + random.integers(-20, 21, blocks.shape), 0, 255).astype(np.uint8)


def small_network(channels: int = 1):
    """A tf_keras network that ends as the phone's: kinds of layers that have rules, in seconds."""
    keras = tf_keras()
    keras.utils.set_random_seed(0)
    layers = keras.layers
    image = keras.Input((16, 16, 3), name="image")
    x = layers.Conv2D(8, 3, 2, "same", use_bias=False, name="first")(image)
    x = layers.ReLU(name="first_relu")(layers.BatchNormalization(name="first_bn")(x))
    x = layers.DepthwiseConv2D(5, 1, "same", use_bias=False, name="wide")(x)
    x = layers.ReLU(name="wide_relu")(layers.BatchNormalization(name="wide_bn")(x))
    mean = layers.GlobalAveragePooling2D(keepdims=True, name="mean")(x)
    gate = layers.Activation("sigmoid", name="gate")(mean)
    x = layers.Add(name="sum")([layers.Multiply(name="times")([x, gate]), x])
    logits = layers.Conv2D(channels, 1, name="last")(x)
    logits = layers.UpSampling2D(2, interpolation="bilinear", name="logits")(logits)
    kind = "sigmoid" if channels == 1 else "softmax"
    return keras.Model(image, layers.Activation(kind, name="probability")(logits))


def greatest_of_kernels(content: bytes) -> list[int]:
    """The greatest absolute number in the kernel of each convolution of an int8 file."""
    model, found = model_of(content), []
    graph = model.subgraphs[0]
    for operation, name in zip(graph.operators, operation_names(model), strict=True):
        if name.endswith("CONV_2D"):
            kernel = graph.tensors[operation.inputs[1]]
            numbers = np.asarray(model.buffers[kernel.buffer].data).view(np.int8)
            found.append(int(np.abs(numbers.astype(int)).max()))
    return found
