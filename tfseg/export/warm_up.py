"""Requests that TensorFlow Serving replays when it loads a model, so that no user waits for what
the first request of a graph costs.

https://www.tensorflow.org/tfx/serving/saved_model_warmup
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfseg.export.endpoints import Endpoint, Serving

__all__ = ["WARM_UP", "write_warm_up"]

WARM_UP = "assets.extra/tf_serving_warmup_requests"
"""The file, in the folder of a SavedModel."""
MISSING = (
    "no warm-up requests were written, so the server's first answer takes longer: "
    "pip install 'tfseg[serving]', and export again."
)
_IMAGE = (480, 640)  # (H, W)

_LOG = logging.getLogger(__name__)


def write_warm_up(folder: Path, name: str, serving: Serving) -> bool:
    """Writes a request for each signature that takes images, and returns whether it could:
    without tensorflow-serving-api a warning says so.

    Args:
        folder: Of the SavedModel.
        name: Of the model, as the server will know it.
        serving: What it is made of.
    """
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError:
        _LOG.warning("%s", MISSING)
        return False
    path = folder / WARM_UP
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as file:
        for endpoint in serving.endpoints:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = name
            request.model_spec.signature_name = endpoint.name
            for input_name, value in _example(endpoint).items():
                request.inputs[input_name].CopyFrom(tf.make_tensor_proto(value))
            predicted = prediction_log_pb2.PredictLog(request=request)
            log = prediction_log_pb2.PredictionLog(predict_log=predicted)
            file.write(log.SerializeToString())
    return True


def _example(endpoint: Endpoint) -> dict[str, tf.Tensor]:
    """Returns a value for each input: one grey image, and zeros for what it takes besides."""
    values = {}
    for given in endpoint.takes:
        spec = given.spec
        if spec.dtype == tf.string:
            grey = tf.io.encode_jpeg(np.full((*_IMAGE, 3), 128, np.uint8))
            values[spec.name] = tf.reshape(grey, (1,))
            continue
        sides = [1 if side is None else side for side in spec.shape]
        if spec.name == "images":
            sides[1:3] = _IMAGE
        values[spec.name] = tf.zeros(sides, spec.dtype)
    return values
