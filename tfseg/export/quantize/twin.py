"""The same network in tf_keras: quantisation-aware training exists for no other Keras."""

from __future__ import annotations

import dataclasses

from tfseg.errors import ExportError
from tfseg.export.quantize.fixed_size import check_image_shape, fixed_resize
from tfseg.export.quantize.optional import tf_keras
from tfseg.models.portrait.graph import Blocks, GraphOptions, build_graph

__all__ = ["build_twin", "copy_weights"]


def build_twin(options: GraphOptions, image_shape: tuple[int, int], source=None):
    """Returns the portrait network as a `tf_keras.Model` of one size, all outputs included.

    Args:
        options: Which network.
        image_shape: `(H, W)`.
        source: A Keras 3 network of the same options to take the weights from, or None.
    """
    keras = tf_keras()
    shape = check_image_shape(image_shape)
    # tf_keras computes in float32 whatever the original was trained in.
    options = dataclasses.replace(options, dtype=None)
    model = build_graph(keras, options, TwinBlocks(keras, options), shape)
    if source is not None:
        copy_weights(source, model)
    return model


def copy_weights(source, target, changed=None) -> None:
    """Gives each layer of one network the weights of the other's layer of the same name.

    Args:
        source: A network of Keras 3 or tf_keras.
        target: Another one.
        changed: Layer name to a function from the source's list of arrays to the target's.

    Raises:
        ExportError: Naming a layer that the source lacks or that has other shapes there.
    """
    known = {layer.name: layer for layer in source.layers}
    for layer in target.layers:
        if not layer.weights:
            continue
        if layer.name not in known:
            raise ExportError(
                f"layer {layer.name!r} has no counterpart of that name to take weights from. The "
                "two networks were built with different options."
            )
        values = known[layer.name].get_weights()
        if changed and layer.name in changed:
            values = changed[layer.name](values)
        shapes = [tuple(value.shape) for value in values]
        expected = [tuple(variable.shape) for variable in layer.weights]
        if shapes != expected:
            raise ExportError(
                f"layer {layer.name!r}: expected weights of shapes {expected}, got {shapes}. The "
                "two networks were built with different options."
            )
        layer.set_weights(values)


class TwinBlocks(Blocks):
    """Makes layers for one size and without Keras 3's own layers."""

    def __init__(self, keras, options: GraphOptions):
        super().__init__(keras, options, resize=fixed_resize(keras.layers))

    def norm(self, x, name):
        """Batch normalisation; one with kept statistics is the same outside training."""
        options = dict(epsilon=self.options.epsilon, momentum=self.options.momentum)
        return self.layers.BatchNormalization(name=name, **options)(x)
