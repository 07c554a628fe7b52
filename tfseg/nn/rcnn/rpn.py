"""The region proposal network: which anchors hold an object, and how to move them.

Source: Ren et al., Faster R-CNN (2015), section 3; layer names of matterport/Mask_RCNN.
"""

from __future__ import annotations

import keras
from keras import layers, ops

__all__ = ["RegionProposalNetwork", "objectness"]


@keras.saving.register_keras_serializable("tfseg")
class RegionProposalNetwork(layers.Layer):
    """One small head that slides over all pyramid levels with shared weights.

    Args:
        channels: Width of the 3x3 convolution.
        ratios: Number of anchors per place.
        stride: Feature cells between anchor centres.
        logits: Per anchor: 2 of (background, foreground) for a softmax, or 1 for a sigmoid.
    """

    def __init__(
        self, channels: int = 512, ratios: int = 3, stride: int = 1, logits: int = 2, **kwargs
    ):
        super().__init__(**kwargs)
        self.logits = logits
        self.channels, self.ratios, self.stride = channels, ratios, stride
        policy = self.dtype_policy
        small = keras.initializers.RandomNormal(stddev=0.01, seed=0)
        self.shared = layers.Conv2D(
            channels, 3, stride, "same", activation="relu", name="rpn_conv_shared", dtype=policy
        )
        self.score = layers.Conv2D(
            logits * ratios, 1, name="rpn_class_raw", dtype=policy, kernel_initializer=small
        )
        self.move = layers.Conv2D(
            4 * ratios, 1, name="rpn_bbox_pred", dtype=policy, kernel_initializer=small
        )

    def build(self, input_shape):
        """Builds the convolutions for a list of level shapes."""
        shape = (None, None, None, input_shape[0][-1])
        self.shared.build(shape)
        self.score.build((*shape[:-1], self.channels))
        self.move.build((*shape[:-1], self.channels))
        self.built = True

    def call(self, levels):
        """Returns `(logits, deltas)` of all anchors, order level, row, column, ratio.

        Args:
            levels: float `(B, h, w, D)` each, P2 to P6.

        Returns:
            float32 `(B, A, 2)` of (background, foreground) or `(B, A, 1)`, and float32
            `(B, A, 4)` of `(dy, dx, log dh, log dw) / std`.
        """
        logits, deltas = [], []
        for level in levels:
            shared = self.shared(level)
            batch, rows, columns, _ = ops.shape(shared)
            count = rows * columns * self.ratios
            logits.append(ops.reshape(self.score(shared), (batch, count, self.logits)))
            deltas.append(ops.reshape(self.move(shared), (batch, count, 4)))
        logits, deltas = ops.concatenate(logits, axis=1), ops.concatenate(deltas, axis=1)
        return ops.cast(logits, "float32"), ops.cast(deltas, "float32")

    def get_config(self):
        """Returns the settings of the layer."""
        own = {"channels": self.channels, "ratios": self.ratios, "stride": self.stride}
        return {**super().get_config(), **own, "logits": self.logits}


def objectness(logits):
    """Returns one number per anchor, the logit of its probability to hold an object.

    Args:
        logits: float `(B, A, 2)` of (background, foreground), or `(B, A, 1)`.

    Returns:
        float `(B, A)`; the sigmoid of it is the probability.
    """
    return logits[..., 0] if logits.shape[-1] == 1 else logits[..., 1] - logits[..., 0]
