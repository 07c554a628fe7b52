"""The detector with boxes for queries, which learns in a fraction of the time.

Source: Liu et al., DAB-DETR: Dynamic Anchor Boxes are Better Queries for DETR (2022), section 4 and
the public code's defaults: codes of temperature 20, boxes that begin where their anchors are.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from tfseg.nn.detr.detector import Detector
from tfseg.nn.layers.anchor_decoder import AnchorDecoder
from tfseg.nn.layers.position_encoding import SinePositionEncoding

__all__ = ["AnchorDetector", "first_anchors"]

_TEMPERATURE = 20.0
_EXTENT = 0.5  # of the first boxes, as a share of the image
# Steps of a sequence whose first points, however many, are spread evenly over a square: powers of
# the plastic number's inverse. Source: Roberts, The unreasonable effectiveness of quasirandom
# sequences (2018).
_STEPS = (0.7548776662466927, 0.5698402909980532)


def first_anchors(count: int) -> np.ndarray:
    """Returns boxes spread evenly over the image, `(cx, cy, w, h)` as shares of it, float32
    `(count, 4)`; each is half as high and as wide as the image."""
    centres = (np.arange(1, count + 1)[:, None] * np.array(_STEPS) + 0.5) % 1.0
    return np.concatenate([centres, np.full((count, 2), _EXTENT)], axis=1).astype(np.float32)


@keras.saving.register_keras_serializable("tfseg")
class AnchorDetector(Detector):
    """`Detector` with a learnt box for each query in the place of a learnt code. Arguments and
    results are the same; each decoder layer moves the boxes of the layer before.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        own, policy = self.settings, self.dtype_policy
        self.position = SinePositionEncoding(
            own["channels"], _TEMPERATURE, name="position", dtype=policy
        )
        self.decoder = AnchorDecoder(
            own["decoder_layers"],
            *(own[name] for name in ("channels", "heads", "hidden", "dropout")),
            temperature=_TEMPERATURE,
            name="decoder",
            dtype=policy,
        )
        # The first boxes are the anchors.
        self.box_head[-1].kernel_initializer = keras.initializers.Zeros()

    def _add_queries(self, queries, channels):
        self.anchors = self.add_weight(
            name="anchors",
            shape=(queries, 4),
            initializer=lambda shape, dtype=None: _logits(first_anchors(shape[0])),
        )

    def _decoded(self, memory, position, padding, training):
        anchors = ops.sigmoid(ops.cast(self.anchors, "float32"))
        return self._from(anchors, memory, position, padding, training)

    def _from(self, anchors, memory, position, padding, training, contents=None):
        """Returns what `_decoded` does for queries that begin at these boxes, with these states."""
        found = self.decoder(
            *(anchors, memory, position, self._row(padding)),
            contents=contents,
            moves=self._moves,
            training=training,
        )
        return (*found, {})

    def from_boxes(self, found, anchors, groups, training=None):
        """Returns what becomes of queries that begin with other boxes: `logits`
        `(L * G, B, M, C + 1)` and `boxes` `(L * G, B, M, 4)`, layer by layer, group by group, else
        as in `call`. Queries of one group and image see each other.

        Args:
            found: What `call` returned for the B images.
            anchors: float32 `(G * B, M, 4)`, as shares of the unpadded images, group by group.
            groups: G.
            training: Whether dropout acts.
        """
        memory, position = self._flat(found["memory"]), self._flat(self.position(found["padding"]))
        memory, position = (ops.tile(x, (groups, 1, 1)) for x in (memory, position))
        padding = ops.tile(found["padding"], (groups, 1, 1))
        states, boxes, *_ = self._from(anchors, memory, position, padding, training)
        logits = ops.cast(self.class_head(states), "float32")
        rows = self.settings["decoder_layers"] * groups
        return {
            name: ops.reshape(value, (rows, -1, *value.shape[2:]))
            for name, value in (("logits", logits), ("boxes", boxes))
        }


def _logits(shares: np.ndarray) -> np.ndarray:
    return np.log(shares / (1 - shares)).astype(np.float32)
