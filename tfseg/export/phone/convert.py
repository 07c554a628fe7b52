"""TFLite files of a network: float32, float16, and two kinds of int8."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from tfseg.errors import ExportError
from tfseg.export.phone.flatbuffer import facts, widened_weights
from tfseg.export.phone.part import Reading

__all__ = ["any_size_file", "float_file", "int8_file", "post_training_file", "resized_like"]

MOST_BYTES = 24_000_000
"""Of a file for images of any size; code hosts and package indexes take no much larger ones."""


def float_file(model, half: bool = False) -> bytes:
    """Returns a TFLite file with float32 input and output, its weights float16 if `half`.

    Args:
        model: A functional model of one size and one output, in either Keras.
        half: Half the size; computed in float32 where there is no float16 hardware.
    """
    import tensorflow as tf

    converter = _converter(model)
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return _converted(converter)


def any_size_file(model, preprocess: Callable) -> bytes:
    """Returns a TFLite file of a network for images of any size, uint8.

    Its weights are float32, but float16 for the largest tensors where the file would be larger
    than `MOST_BYTES`: rounding all of them moves opacities by up to four grey values.

    Args:
        model: Keras 3, `(B, H, W, 3)` to one output.
        preprocess: What brings the bytes of an image into the network's range.
    """
    import tensorflow as tf

    def run(image):
        return {"logits": model(preprocess(image), training=False)}

    spec = tf.TensorSpec((1, None, None, 3), tf.uint8, "image")
    concrete = tf.function(run, input_signature=[spec]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    full = _converted(converter)
    if len(full) <= MOST_BYTES:
        return full
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return widened_weights(_converted(converter), full, MOST_BYTES)


def resized_like(x, like):
    """Returns `x` at the rows and columns of `like`, bilinear with half-pixel centres."""
    import tensorflow as tf

    return tf.image.resize(x, tf.shape(like)[1:3])


def post_training_file(model, images: Iterable[np.ndarray], reading: Reading) -> bytes:
    """Returns an int8 TFLite file of a network that never met rounding.

    Args:
        model: A functional model of one size and one output, in either Keras.
        images: Some dozens, uint8 `(H, W, 3)` of the network's size: ranges come from them.
        reading: How the network reads them.

    Raises:
        ExportError: If there is no image, or float tensors remain.
    """
    import tensorflow as tf

    images = [np.array(image) for image in images]
    if not images:
        raise ExportError(
            "post-training quantisation needs images to learn ranges from, and got none. Some "
            "dozens of the training images are enough."
        )
    for image in images:
        # With the darkest and the brightest grey value the input has one step for each value.
        image[0, :2] = [[0], [255]]
    converter = _converter(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([reading.values(image)[None]] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return _whole_int8(converter)


def int8_file(aware, reading: Reading) -> bytes:
    """Returns the int8 TFLite file of a network with rounding built in.

    Args:
        aware: What `rounding.quantised` made, calibrated, perhaps trained, and settled.
        reading: How it reads images.

    Raises:
        ExportError: If float tensors remain.
    """
    import tensorflow as tf

    converter = _converter(aware, reading.limits)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return _whole_int8(converter)


def _whole_int8(converter) -> bytes:
    import tensorflow as tf

    converter.inference_input_type = converter.inference_output_type = tf.int8
    content = _converted(converter)
    left = facts(content).float_tensors
    if left:
        raise ExportError(
            f"{len(left)} tensors stayed float in a file that should be int8: "
            f"{', '.join(left[:5])}. This network has a layer that the converter does not "
            "quantise; report it with the model's settings."
        )
    return content


def _converter(model, rounded_to: tuple[float, float] | None = None):
    import tensorflow as tf

    shape, name = tuple(model.inputs[0].shape[1:]), model.output_names[0]

    def run(image):
        if rounded_to is not None:
            image = tf.quantization.fake_quant_with_min_max_args(image, *rounded_to)
        return {name: model(image, training=False)}

    spec = tf.TensorSpec((1, *shape), tf.float32, "image")
    concrete = tf.function(run, input_signature=[spec]).get_concrete_function()
    # Given the model too, the converter would save it whole with the functions of every layer,
    # which takes minutes, and of Keras 3 would leave the weights out.
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete])


def _converted(converter) -> bytes:
    with _quiet():
        return bytes(converter.convert())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the converter's progress notes, which come from C++ too, off the terminal."""
    logger = logging.getLogger("tensorflow")
    level, kept = logger.level, os.dup(2)
    with tempfile.TemporaryFile() as said:
        logger.setLevel(logging.ERROR)
        os.dup2(said.fileno(), 2)
        try:
            yield
        except Exception as error:
            raise ExportError(f"the TFLite converter failed: {str(error)[:500]}") from error
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            logger.setLevel(level)
