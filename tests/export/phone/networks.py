"""Networks, images and a system that the tests of files for phones share."""

from __future__ import annotations

import functools
import types

import keras
import numpy as np

from tfseg.config import TrainConfig
from tfseg.data.loader import Loader
from tfseg.export.phone.flatbuffer import model_of, operation_names
from tfseg.export.phone.optional import tf_keras
from tfseg.export.phone.part import PhonePart, Reading
from tfseg.models.portrait.graph import GraphOptions, build_graph
from tfseg.structures.measures import Measure


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


def images(count: int, shape: tuple[int, int]) -> np.ndarray:
    """Coarse blocks, uint8 `(count, H, W, 3)`: in noise alone all places look the same."""
    random = np.random.default_rng(1)
    coarse = random.integers(0, 256, (count, shape[0] // 8 + 1, shape[1] // 8 + 1, 3))
    blocks = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, : shape[0], : shape[1]]
    return np.clip(blocks + random.integers(-20, 21, blocks.shape), 0, 255).astype(np.uint8)


def small_network(channels: int = 1, keras=None, side: int = 16):
    """A network that ends as the portrait's: kinds of layers that have rules, in seconds."""
    keras = keras or tf_keras()
    keras.utils.set_random_seed(0)
    layers = keras.layers
    image = keras.Input((side, side, 3), name="image")
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


class Brightness:
    """Measures how many pixels are called what they are, bright or dark."""

    def __init__(self):
        self.right = []

    def update(self, sample, prediction):
        self.right.append(np.mean((sample.image.mean(-1) > 128) == prediction))

    def compute(self, details=None):
        return {"right": np.mean(self.right), "unasked": 1.0}


class BrightSystem:
    """A model of another system than ours: a network of `small_network`, and what it declares."""

    system, class_names, phone_part = "bright", ("bright",), "somebodys.part"
    measures = (Measure("right", "right pixels", "...", ("table",)), Measure("unasked", "-", "-"))

    def __init__(self):
        self.config = types.SimpleNamespace(train=TrainConfig(batch_size=2))
        self.keras_model = small_network(keras=keras, side=32)

    def _evaluator(self):
        return Brightness()


class BrightPart(PhonePart):
    """What phones run of it. Its images have the size of the file."""

    learns, loss_layer, labels = True, "logits", ("dark", "bright")
    reading = Reading(std=64.0, float_mean=128.0)

    def network(self, namespace):
        return small_network(keras=namespace, side=32)

    def plan(self, size):
        return types.SimpleNamespace(image=lambda array: array)

    def prediction(self, output, sample, plan):
        return output[..., 0] > 0.5

    def loader(self, dataset):
        def encode(sample, seed):
            return {"image": sample.image, "bright": np.float32(sample.image.mean(-1) > 128)}

        return Loader(dataset, encode, batch_size=2, workers=0)

    def loss(self, output, batch):
        return keras.ops.mean((keras.ops.sigmoid(output[..., 0]) - batch["bright"]) ** 2)

    def settings(self):
        return {"side": 32}

    def about(self, whole_int8):
        told = {"name": "bright", "description": "What is bright.", "fit": "stretch"}
        return {**told, "output": "whether it is bright", "channels": 1}
