"""TensorFlow Serving's gRPC, by the messages of tensorflow-serving-api."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfseg.errors import ServingError
from tfseg.serving.patience import Again, Patience

__all__ = ["Grpc"]

_STRING = 7  # DT_STRING of tensorflow/core/framework/types.proto
# Number of a type there to its NumPy type and the field that holds single values.
_TYPES = {
    1: (np.float32, "float_val"),
    2: (np.float64, "double_val"),
    3: (np.int32, "int_val"),
    4: (np.uint8, "int_val"),
    9: (np.int64, "int64_val"),
    10: (np.bool_, "bool_val"),
    17: (np.uint16, "int_val"),
}


class Grpc:
    """Asks one model by gRPC.

    Args:
        place: `host:port`.
        model: The server's name for it.
        version: A number, or None.
        label: A label, or None.
        patience: How long and how often.
        limit: The most bytes of a request or an answer; gRPC's own default is 4 MiB.

    Raises:
        ServingError: If grpc or tensorflow-serving-api is not installed.
    """

    def __init__(self, place: str, model: str, version, label, patience: Patience, limit: int):
        try:
            import grpc
            from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
        except ImportError as error:
            raise ServingError(
                f"grpc://{place}: {error.name or error} is not installed. pip install "
                "'tfseg[serving]', or ask by REST: http://host:8501."
            ) from error
        self._grpc, self._messages = grpc, predict_pb2
        options = [
            ("grpc.max_send_message_length", limit),
            ("grpc.max_receive_message_length", limit),
        ]
        channel = grpc.insecure_channel(place, options=options)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self.place, self.model, self.version, self.label = place, model, version, label
        self.patience, self.limit = patience, limit

    def predict(self, signature: str, rows: Sequence[dict]) -> list[dict]:
        """Returns the outputs of each row; see `tfseg.serving.rest.Rest.predict`."""
        request = self._messages.PredictRequest()
        spec = request.model_spec
        spec.name, spec.signature_name = self.model, signature
        if self.version is not None:
            spec.version.value = self.version
        if self.label is not None:
            spec.version_label = self.label
        for name in rows[0]:
            _fill(request.inputs[name], [row[name] for row in rows])
        if request.ByteSize() > self.limit:
            raise ServingError(
                f"{self._where}: the request has {request.ByteSize() / 2**20:.3g} MB, more than "
                f"message_mb={self.limit / 2**20:g}. Send fewer or smaller images at once."
            )
        answer = self.patience(lambda: self._call(request))
        outputs = {name: _array(tensor, name) for name, tensor in answer.outputs.items()}
        for name, value in outputs.items():
            if len(value) != len(rows):
                raise ServingError(
                    f"{self._where}: {name!r} has {len(value)} rows, not {len(rows)}"
                )
        return [{name: value[k] for name, value in outputs.items()} for k in range(len(rows))]

    @property
    def _where(self) -> str:
        return f"grpc://{self.place}, {self.model}"

    def _call(self, request):
        code = self._grpc.StatusCode
        try:
            return self._stub.Predict(request, self.patience.timeout)
        except self._grpc.RpcError as error:
            text = f"{self._where}: {error.details()}"
            if error.code() == code.UNAVAILABLE:
                raise Again(
                    f"{text}. Is the server there, and this its gRPC port (8500)?"
                ) from error
            if error.code() == code.DEADLINE_EXCEEDED:
                raise ServingError(
                    f"{self._where}: no answer within timeout={self.patience.timeout:g} seconds. "
                    "Raise it, or send fewer images at once."
                ) from error
            if error.code() == code.RESOURCE_EXHAUSTED:
                text += (
                    f". message_mb of this client is {self.limit / 2**20:g}, and the server has a "
                    "limit of its own: --grpc_channel_arguments. Raise them, or send fewer images."
                )
            raise ServingError(f"{text} ({error.code().name})") from error


def _fill(tensor, values: list) -> None:
    """Writes the values of one input, bytes, text or float32 arrays, into its message."""
    if isinstance(values[0], np.ndarray):
        array = np.stack(values).astype("<f4")
        tensor.dtype, tensor.tensor_content = 1, array.tobytes()
        sides = array.shape
    else:
        tensor.dtype, sides = _STRING, (len(values),)
        tensor.string_val.extend(v.encode() if isinstance(v, str) else v for v in values)
    for side in sides:
        tensor.tensor_shape.dim.add(size=side)


def _array(tensor, name: str) -> np.ndarray | list:
    """Returns a message as an array; strings as bytes where the name ends in `_bytes`, else as
    text."""
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.dtype == _STRING:
        values = np.empty(len(tensor.string_val), object)
        as_text = not name.endswith("_bytes")
        values[:] = [v.decode() if as_text else v for v in tensor.string_val]
        return values.reshape(shape)
    if tensor.dtype not in _TYPES:
        raise ServingError(f"output {name!r} has the type {tensor.dtype}, which is not known here.")
    kind, field = _TYPES[tensor.dtype]
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, np.dtype(kind).newbyteorder("<")).reshape(shape)
    values = np.array(getattr(tensor, field), kind)
    # One value stands for all where the others are the same.
    count = int(np.prod(shape))
    if len(values) < count:
        last = values[-1:] if len(values) else np.zeros(1, kind)
        values = np.concatenate([values, np.repeat(last, count - len(values))])
    return values.reshape(shape)
