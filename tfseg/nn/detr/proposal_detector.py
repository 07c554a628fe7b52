"""The detector whose queries begin at boxes that the encoder's map itself proposes.

Boxes that are learnt once for all images have to be told apart by what the decoder sees at each,
which takes many thousand steps. Here every place of the map says whether an object's box is its
own, and which; which place an object has hardly changes from step to step, so this is learnt in
hundreds, and the decoder only refines the surest and drops what is there twice.

Source: Zhu et al., Deformable DETR (2021), section 4.2, two-stage; the contents of queries stay
learnt apart from the boxes, as in Zhang et al., DINO (2022), section 3.4.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from tfseg.nn.detr.anchor_detector import AnchorDetector, first_anchors
from tfseg.nn.layers.anchor_decoder import inverse_sigmoid

__all__ = ["FAR", "ProposalDetector", "place_boxes"]

FAR = 50.0
"""Centre and extents of what padding proposes, as shares of the image: no object is matched with
it."""

_EXTENT = 0.3  # of the box that a place begins with, as a share of the image
_EPSILON = 1e-5
_NOBODY = 20.0  # logit


def place_boxes(padding):
    """Returns `(boxes, inside)`: a box around each place of a map, `(cx, cy, w, h)` as shares of
    what is not padding, float32 `(B, h * w, 4)`, and whether the place is no padding, bool
    `(B, h * w)`.

    Args:
        padding: bool `(B, h, w)`, to the right of and below the image.
    """
    inside = ops.logical_not(ops.cast(padding, "bool"))
    height, width = ops.shape(inside)[1:3]
    centres = []
    for axis, count in ((2, width), (1, height)):
        extent = ops.sum(ops.cast(ops.any(inside, axis=3 - axis), "float32"), axis=1)
        place = (ops.cast(ops.arange(count), "float32") + 0.5) / ops.maximum(extent, 1.0)[:, None]
        centres.append(ops.expand_dims(place, 3 - axis))
    x, y = (ops.broadcast_to(one, ops.shape(inside)) for one in centres)
    extents = ops.full_like(x, _EXTENT)
    boxes = ops.stack([x, y, extents, extents], axis=-1)
    return ops.reshape(boxes, (-1, height * width, 4)), ops.reshape(inside, (-1, height * width))


@keras.saving.register_keras_serializable("tfseg")
class ProposalDetector(AnchorDetector):
    """`AnchorDetector` without anchors of its own. Arguments are the same; results have besides

    - `proposal_logits`: float32 `(B, h * w, C + 1)`, the last one for no object;
    - `proposal_boxes`: float32 `(B, h * w, 4)`, as shares of the unpadded image; `FAR` at padding.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        channels, policy = self.settings["channels"], self.dtype_policy
        self.proposal_state = self._dense(channels, "proposal_state")
        self.proposal_norm = layers.LayerNormalization(
            epsilon=_EPSILON, name="proposal_norm", dtype=policy
        )
        self.proposal_class = self._dense(self.settings["classes"] + 1, "proposal_class")
        self.proposal_box = [
            self._dense(channels, "proposal_box1", "relu"),
            self._dense(channels, "proposal_box2", "relu"),
            self._dense(4, "proposal_box3"),
        ]
        self.proposal_box[-1].kernel_initializer = keras.initializers.Zeros()

    def _add_queries(self, queries, channels):
        own = (self.proposal_state, self.proposal_norm, self.proposal_class, *self.proposal_box)
        for part in own:
            part.build((None, None, channels))

    def _decoded(self, memory, position, padding, training):
        logits, boxes, inside = self._proposals(memory, padding)
        anchors = self._surest(logits, boxes, inside)
        states, moved, weights, _ = self._from(anchors, memory, position, padding, training)
        proposed = {"proposal_logits": logits, "proposal_boxes": boxes}
        return states, moved, weights, proposed

    def _proposals(self, memory, padding):
        boxes, inside = place_boxes(padding)
        state = self.proposal_norm(self.proposal_state(memory))
        nobody = [-_NOBODY] * self.settings["classes"] + [_NOBODY]
        logits = ops.cast(self.proposal_class(state), "float32")
        logits = ops.where(inside[..., None], logits, ops.array(nobody, "float32"))
        for dense in self.proposal_box:
            state = dense(state)
        boxes = ops.sigmoid(inverse_sigmoid(boxes) + ops.cast(state, "float32"))
        return logits, ops.where(inside[..., None], boxes, FAR), inside

    def _surest(self, logits, boxes, inside):
        """Returns the boxes of the likeliest places, `(B, Q, 4)`; those of `first_anchors` where
        there are fewer places than queries. No gradient goes through them."""
        queries = self.settings["queries"]
        chances = ops.max(ops.softmax(logits, axis=-1)[..., :-1], axis=-1)
        chances = ops.where(inside, chances, -2.0)
        shape = (ops.shape(boxes)[0], queries, 4)
        spare = ops.broadcast_to(ops.array(first_anchors(queries)), shape)
        chances = ops.concatenate([chances, ops.full_like(spare[..., 0], -1.0)], axis=1)
        boxes = ops.concatenate([boxes, spare], axis=1)
        chosen = ops.cast(ops.top_k(chances, queries)[1], "int32")
        return ops.stop_gradient(ops.take_along_axis(boxes, chosen[..., None], axis=1))

    def compute_output_spec(self, features, padding, training=None):
        """Returns the shapes and types of `call`'s results."""
        batch, height, width, _ = features.shape
        places = None if None in (height, width) else height * width
        more = {"logits": self.settings["classes"] + 1, "boxes": 4}
        return {
            **super().compute_output_spec(features, padding, training),
            **{
                f"proposal_{name}": keras.KerasTensor((batch, places, last), "float32")
                for name, last in more.items()
            },
        }
