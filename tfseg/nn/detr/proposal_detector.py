"""The detector whose queries begin at boxes that the encoder's map itself proposes.

Boxes that are learnt once for all images have to be told apart by what the decoder sees at each,
which takes many thousand steps. Here every place of the map says whether it is the centre of an
object, and of which box (`tfseg.nn.losses.centers`), which is learnt in hundreds. Queries begin at
the peaks of what it says, so that hardly any two begin with one object, and with what the map has
there; the decoder refines the boxes and tells objects from other peaks.

Source: Zhu et al., Deformable DETR (2021), section 4.2, two-stage, for boxes and contents that come
from the map; Bai et al., TransFusion (2022), section 3.2, for peaks of a map of centres.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from tfseg.nn.detr.anchor_detector import AnchorDetector, first_anchors
from tfseg.nn.layers.anchor_decoder import inverse_sigmoid

__all__ = ["ProposalDetector", "place_boxes"]

_EXTENT = 0.3  # of the box that a place begins with, as a share of the image
_EPSILON = 1e-5
_RARE = -2.2  # the first logit of a centre, which few places are: a tenth
_NOBODY = -20.0  # the logit of padding


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

    - `proposal_logits`: float32 `(B, h * w, C)`, of being the centre of an object of each class;
    - `proposal_boxes`: float32 `(B, h * w, 4)`, as shares of the unpadded image;
    - `proposal_padding`: bool `(B, h, w)`, which of the places show no image.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        channels, policy = self.settings["channels"], self.dtype_policy
        self.proposal_state = self._dense(channels, "proposal_state")
        self.proposal_norm = layers.LayerNormalization(
            epsilon=_EPSILON, name="proposal_norm", dtype=policy
        )
        self.proposal_center = self._dense(self.settings["classes"], "proposal_center")
        self.proposal_center.bias_initializer = keras.initializers.Constant(_RARE)
        self.proposal_content = self._dense(channels, "proposal_content")
        self.proposal_box = [
            self._dense(channels, "proposal_box1", "relu"),
            self._dense(channels, "proposal_box2", "relu"),
            self._dense(4, "proposal_box3"),
        ]
        self.proposal_box[-1].kernel_initializer = keras.initializers.Zeros()

    def _add_queries(self, queries, channels):
        heads = (self.proposal_center, self.proposal_content, *self.proposal_box)
        for part in (self.proposal_state, self.proposal_norm, *heads):
            part.build((None, None, channels))

    def _decoded(self, memory, position, padding, training):
        boxes, inside = place_boxes(padding)
        state = self.proposal_norm(self.proposal_state(memory))
        logits = ops.cast(self.proposal_center(state), "float32")
        logits = ops.where(inside[..., None], logits, _NOBODY)
        moved = state
        for dense in self.proposal_box:
            moved = dense(moved)
        boxes = ops.sigmoid(inverse_sigmoid(boxes) + ops.cast(moved, "float32"))
        chosen = self._peaks(logits, inside, ops.shape(padding)[1:3])
        anchors, contents = self._begun(chosen, boxes, self.proposal_content(state))
        states, refined, weights, _ = self._from(
            anchors, memory, position, padding, training, contents
        )
        more = {"logits": logits, "boxes": boxes, "padding": padding}
        more = {f"proposal_{name}": value for name, value in more.items()}
        return states, refined, weights, more

    def _peaks(self, logits, inside, size):
        """Returns the numbers of the likeliest places, int32 `(B, Q)`: first those with nothing
        likelier beside them, then the others; at last `h * w`, where there are no more."""
        chances = ops.where(inside, ops.max(ops.sigmoid(logits), axis=-1), 0.0)
        wide = ops.reshape(chances, (-1, *size, 1))
        around = ops.max_pool(wide, 3, strides=1, padding="same", data_format="channels_last")
        peak = chances >= ops.reshape(around, ops.shape(chances))
        order = ops.where(peak, chances, chances - 1.0)
        order = ops.where(inside, order, -2.0)
        queries = self.settings["queries"]
        chosen = ops.top_k(ops.pad(order, [(0, 0), (0, queries)], constant_values=-1.5), queries)[1]
        return ops.minimum(ops.cast(chosen, "int32"), size[0] * size[1])

    def _begun(self, chosen, boxes, contents):
        """Returns the boxes and contents of the chosen places, `(B, Q, 4)` and `(B, Q, D)`; where
        there are none, boxes of `first_anchors` and zeros. No gradient goes to the boxes."""
        queries = self.settings["queries"]
        none = (chosen >= ops.shape(boxes)[1])[..., None]
        index = ops.minimum(chosen, ops.shape(boxes)[1] - 1)[..., None]
        begun = ops.stop_gradient(ops.take_along_axis(boxes, index, axis=1))
        begun = ops.where(none, ops.array(first_anchors(queries)), begun)
        contents = ops.take_along_axis(contents, index, axis=1)
        return begun, ops.where(none, ops.zeros_like(contents), contents)

    def compute_output_spec(self, features, padding, training=None):
        """Returns the shapes and types of `call`'s results."""
        batch, height, width, _ = features.shape
        places = None if None in (height, width) else height * width
        more = {"logits": self.settings["classes"], "boxes": 4}
        return {
            **super().compute_output_spec(features, padding, training),
            **{
                f"proposal_{name}": keras.KerasTensor((batch, places, last), "float32")
                for name, last in more.items()
            },
            "proposal_padding": keras.KerasTensor((batch, height, width), "bool"),
        }
