"""From the deepest feature map to one class and one box for each query, in every decoder layer.

Source: Carion et al. (2020), section 3.2; `DETR` of facebookresearch/detr.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from tfseg.nn.layers.position_encoding import SinePositionEncoding
from tfseg.nn.layers.transformer import TransformerDecoder, TransformerEncoder

__all__ = ["Detector", "shrink_padding"]


def shrink_padding(padding, like):
    """Returns the padding of a feature map, bool `(B, h, w)`: that of the nearest pixel.

    Args:
        padding: bool `(B, H, W)` of the images, True on padding.
        like: `(B, h, w, D)`, the map.
    """
    for axis in (1, 2):
        before, after = ops.shape(padding)[axis], ops.shape(like)[axis]
        places = ops.arange(after, dtype="int32") * before // after
        padding = ops.take(padding, places, axis=axis)
    return padding


def _like_torch():
    """PyTorch's initial values of a dense layer: uniform up to 1 / sqrt(inputs)."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


@keras.saving.register_keras_serializable("tfseg")
class Detector(layers.Layer):
    """Projection, position codes, transformer and the two heads. All decoder layers share the
    heads.

    18,031,366 weights with 2048 channels in, 1 class, 40 queries and the defaults.

    Args:
        classes: Number of classes C without "no object".
        queries: Number of queries Q, the most objects that an image can have.
        channels: Width D of the transformer.
        heads: Heads of its attentions.
        hidden: Width of its dense layers.
        encoder_layers: Number of encoder layers.
        decoder_layers: Number of decoder layers L.
        dropout: See `tfseg.nn.layers.transformer.EncoderLayer`.
    """

    def __init__(
        self,
        classes: int,
        queries: int = 100,
        channels: int = 256,
        heads: int = 8,
        hidden: int = 2048,
        encoder_layers: int = 6,
        decoder_layers: int = 6,
        dropout: float = 0.1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        own = dict(classes=classes, queries=queries, encoder_layers=encoder_layers)
        inner = dict(channels=channels, heads=heads, hidden=hidden, dropout=dropout)
        self.settings = {**own, **inner, "decoder_layers": decoder_layers}
        policy = self.dtype_policy
        self.project = layers.Conv2D(
            channels, 1, name="project", kernel_initializer=_like_torch(), dtype=policy
        )
        self.position = SinePositionEncoding(channels, name="position", dtype=policy)
        self.encoder = TransformerEncoder(encoder_layers, **inner, name="encoder", dtype=policy)
        self.decoder = TransformerDecoder(decoder_layers, **inner, name="decoder", dtype=policy)
        self.class_head = self._dense(classes + 1, "class_head")
        self.box_head = [
            self._dense(channels, "box_head1", "relu"),
            self._dense(channels, "box_head2", "relu"),
            self._dense(4, "box_head3"),
        ]

    def _dense(self, units, name, activation=None):
        start = _like_torch()
        return layers.Dense(
            units, activation, name=name, kernel_initializer=start, dtype=self.dtype_policy
        )

    def build(self, input_shape):
        """Builds all parts for features `(B, h, w, any)`."""
        channels, queries = self.settings["channels"], self.settings["queries"]
        self.project.build(input_shape)
        self._add_queries(queries, channels)
        for part in (self.encoder, self.decoder, self.class_head, *self.box_head):
            part.build((None, None, channels))
        self.built = True

    def _add_queries(self, queries, channels):
        self.query_codes = self.add_weight(
            name="query_codes",
            shape=(queries, channels),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
        )

    def call(self, features, padding, training=None):
        """Returns a dict of tensors:

        - `logits`: float32 `(L, B, Q, C + 1)`, the last one for no object;
        - `boxes`: float32 `(L, B, Q, 4)`, `(cx, cy, w, h)` as shares of the unpadded image;
        - `states`: `(L, B, Q, D)`, the normalised states of the queries;
        - `memory`: `(B, h, w, D)`, the encoder's output;
        - `source`: `(B, h, w, D)`, the encoder's input without positions;
        - `attention`: float32 `(B, heads, Q, h, w)`, what the last layer's queries look at;
        - `padding`: bool `(B, h, w)`, the padding at the size of the map.

        Args:
            features: `(B, h, w, any)`, the deepest map of a backbone.
            padding: bool `(B, H, W)`, the padding of the images. An image that is all padding
                gives finite numbers without meaning.
            training: Whether dropout acts.
        """
        source = self.project(features)
        mask = shrink_padding(ops.cast(padding, "bool"), source)
        position = self._flat(self.position(mask))
        cells = self._flat(source)
        memory = self.encoder(cells, position, self._row(mask), training=training)
        states, boxes, weights, more = self._decoded(memory, position, mask, training)
        size = tuple(ops.shape(source)[1:3])
        return {
            **more,
            "logits": ops.cast(self.class_head(states), "float32"),
            "boxes": boxes,
            "states": states,
            "memory": ops.reshape(memory, (-1, *size, self.settings["channels"])),
            "source": source,
            "attention": ops.reshape(weights, (-1, *weights.shape[1:3], *size)),
            "padding": mask,
        }

    def _flat(self, x):
        """Returns the cells of a map in a row, `(B, h * w, D)`."""
        height, width = ops.shape(x)[1:3]
        return ops.reshape(x, (-1, height * width, x.shape[-1]))

    def _row(self, padding):
        """Returns the padding of a map's cells in a row, `(B, h * w)`."""
        return self._flat(padding[..., None])[..., 0]

    def _decoded(self, memory, position, padding, training):
        """Returns the states, boxes and attention of the queries, and more results by name; see
        `call`."""
        states, weights = self.decoder(
            self.query_codes, memory, position, self._row(padding), training=training
        )
        return states, ops.sigmoid(self._moves(states)), weights, {}

    def compute_output_spec(self, features, padding, training=None):
        """Returns the shapes and types of `call`'s results, which spares tracing 12 layers."""
        batch, *size, _ = features.shape
        own = self.settings
        states = (own["decoder_layers"], batch, own["queries"])
        maps = (batch, *size, own["channels"])
        shapes = {
            "logits": ((*states, own["classes"] + 1), "float32"),
            "boxes": ((*states, 4), "float32"),
            "states": ((*states, own["channels"]), self.compute_dtype),
            "memory": (maps, self.compute_dtype),
            "source": (maps, self.compute_dtype),
            "attention": ((batch, own["heads"], own["queries"], *size), "float32"),
            "padding": ((batch, *size), "bool"),
        }
        return {n: keras.KerasTensor(shape, dtype=kind) for n, (shape, kind) in shapes.items()}

    def _moves(self, x):
        """Returns what the box head says of states, in logits, float32 `(..., 4)`."""
        for dense in self.box_head:
            x = dense(x)
        return ops.cast(x, "float32")

    def get_config(self):
        """Returns the settings of the layer."""
        return {**super().get_config(), **self.settings}
