"""The portrait network with its preprocessing and its losses: raw tensors out."""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import ops

from tfseg.errors import ConfigError
from tfseg.models.portrait.config import PortraitConfig
from tfseg.models.portrait.encoder import PRESETS
from tfseg.models.portrait.graph import build_graph
from tfseg.models.portrait.losses import TEACHER_TERM, TERMS, loss_terms, teacher_loss

__all__ = ["PortraitNetwork", "build", "layer_group"]

_KERNELS = ("kernel", "depthwise_kernel")


def build(config: PortraitConfig) -> PortraitNetwork:
    """Returns the network with its weights created."""
    return PortraitNetwork(config)


@keras.saving.register_keras_serializable("tfseg")
class PortraitNetwork(keras.Model):
    """Preprocessing, graph and losses.

    Args:
        config: All settings.

    Inputs are a dict of tensors with a batch axis:

    - `image`: uint8 or float `(B, H, W, 3)`, RGB, 0 to 255, of any size;
    - `labels` (training): int `(B, H, W)`, 255 ignored;
    - `valid` (training): bool `(B, H, W)`, False where the input shows nothing of the image.

    Outputs: `logits` float32 `(B, H, W, N)`; where labels are given, all of `graph.build_graph`.

    Attributes:
        graph: The functional model; its inputs lie in [-1, 1].
        teacher: `image -> logits (B, H, W, N)` of the model that `config.teacher` names, see
            `teacher.answers_of`; None but while `PortraitSegmenter.fit` trains.
        open_axes: See `runtime.compile_inference`: images of any number and size.
    """

    open_axes = {"image": (0, 1, 2)}

    def __init__(self, config: PortraitConfig, **kwargs):
        super().__init__(name="portrait", dtype=config.precision, autocast=False, **kwargs)
        self.config = config
        self.graph = build_graph(keras, config.graph)
        self.teacher: Callable | None = None
        names = (*TERMS, *((TEACHER_TERM,) if config.teacher else ()), "l2_loss")
        self.trackers = [keras.metrics.Mean(name=name) for name in names]
        self.built = True

    @property
    def backbone(self) -> keras.Model:
        """The encoder, sharing the graph's layers: image in [-1, 1] to `{"C1": ..., "C4": ...}`."""
        taps = PRESETS[self.config.preset].taps
        outputs = {f"C{i}": self.graph.get_layer(name).output for i, name in enumerate(taps, 1)}
        return keras.Model(self.graph.input, outputs, name="mobilenet_v2")

    def build(self, input_shape=None):
        """Nothing to do: the graph's shapes follow from the settings."""

    def preprocess(self, image):
        """Returns the image in [-1, 1], float32."""
        return ops.cast(image, "float32") / 127.5 - 1.0

    def call(self, inputs, training=None):
        """Returns the raw tensors, see the class."""
        outputs = self.graph(self.preprocess(inputs["image"]), training=training)
        if "labels" in inputs:
            return outputs
        return {"logits": ops.cast(outputs["logits"], "float32")}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the weighted sum of the losses; each is also a metric, before its weight."""
        config = self.config
        strides = PRESETS[config.preset].strides
        terms = loss_terms(y_pred, x["labels"], x["valid"], config.class_count, strides)
        weights = [1.0, config.semantic_weight, config.boundary_weight]
        if config.teacher:
            answer, temperature = self._teacher_logits(x["image"]), config.teacher_temperature
            terms[TEACHER_TERM] = teacher_loss(y_pred["logits"], answer, x["valid"], temperature)
            weights.append(config.teacher_weight)
        terms["l2_loss"] = self._l2_penalty()
        for tracker, value in zip(self.trackers, terms.values(), strict=True):
            tracker.update_state(value)
        return sum(weight * value for weight, value in zip((*weights, 1.0), terms.values()))

    def _teacher_logits(self, image):
        if self.teacher is None:
            raise ConfigError(
                f"teacher: {self.config.teacher!r} is loaded by PortraitSegmenter.fit, and this "
                "network is trained or measured without it. Take fit, or set teacher=None."
            )
        return self.teacher(image)

    def _l2_penalty(self):
        total = ops.zeros((), "float32")
        if self.config.weight_decay == 0:
            return total
        for weight in self.trainable_variables:
            if weight.name in _KERNELS:
                value = ops.cast(ops.convert_to_tensor(weight), "float32")
                total = total + ops.sum(ops.square(value))
        return 0.5 * self.config.weight_decay * total

    def get_config(self):
        """Returns the settings."""
        return {"config": self.config.to_dict()}

    @classmethod
    def from_config(cls, config):
        """Builds the network from `get_config()`."""
        return build(PortraitConfig.from_dict(config["config"]))


def layer_group(network: PortraitNetwork, group: str) -> set[str]:
    """Returns the names of the layers that a training stage changes.

    Args:
        network: The network.
        group: One of `PortraitConfig.layer_groups`.
    """
    weighted = [layer for layer in network.graph.layers if layer.weights]
    if group == "all":
        return {layer.name for layer in weighted}
    if group in ("heads", "backbone"):
        encoder, inside = {layer.name for layer in network.backbone.layers}, group == "backbone"
        return {layer.name for layer in weighted if (layer.name in encoder) == inside}
    if group == "frozen_norm":
        norms = keras.layers.BatchNormalization
        return {layer.name for layer in weighted if not isinstance(layer, norms)}
    raise ConfigError(f"layers should be one of heads, backbone, all, frozen_norm; got {group!r}.")
