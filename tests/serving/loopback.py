"""A process that answers as TensorFlow Serving does, on this machine's own address.

`python loopback.py FOLDER NAME [label=version ...]` serves the numbered versions below a folder
by REST (row format) and by gRPC (the real messages and service), and prints both ports. What a
client can get wrong is done here by the server's documented rules, not by ours: a string output is
base64 under `b64` only if its name ends in `_bytes`, and any other is written as it is; the row of
a single output stands alone; a value under `b64` is bytes; the error of a request is that
request's, with its code. https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

import base64
import json
import re
import sys
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

PATH = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?:predict$")
SERVER_LIMIT = 64 * 2**20


class Refused(Exception):
    def __init__(self, http: int, code: grpc.StatusCode, text: str):
        super().__init__(text)
        self.http, self.code = http, code


def refused(text: str) -> Refused:
    return Refused(400, grpc.StatusCode.INVALID_ARGUMENT, text)


class Models:
    """The versions of one model."""

    def __init__(self, folder: str, name: str, labels: dict[str, int]):
        self.name, self.labels = name, labels
        numbered = [path for path in Path(folder).iterdir() if path.name.isdigit()]
        self.versions = {int(path.name): tf.saved_model.load(str(path)) for path in numbered}

    def signature(self, name: str, version: int | None, label: str | None, signature: str):
        if name != self.name:
            raise Refused(404, grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {name}")
        if label:
            if label not in self.labels:
                raise refused(f"Unrecognized servable version label: {label}")
            version = self.labels[label]
        version = version or max(self.versions)
        if version not in self.versions:
            raise Refused(404, grpc.StatusCode.NOT_FOUND, f"Servable not found: {name}/{version}")
        found = self.versions[version].signatures
        if signature not in found:
            raise refused(f"Serving signature key {signature!r} not found.")
        return found[signature]


def run(function, values: dict) -> dict[str, np.ndarray]:
    specs = function.structured_input_signature[1]
    if set(values) != set(specs):
        raise refused(f"input size does not match signature: {sorted(values)}, {sorted(specs)}")
    try:
        tensors = {}
        for name, value in values.items():
            if isinstance(value, np.ndarray) and value.dtype != object:
                if value.dtype != specs[name].dtype.as_numpy_dtype:
                    raise refused(f"Expects arg {name} to be {specs[name].dtype.name}")
            tensors[name] = tf.constant(value, specs[name].dtype)
        return {name: value.numpy() for name, value in function(**tensors).items()}
    except (tf.errors.OpError, ValueError, TypeError) as error:
        raise refused(str(error)) from error


class Rest(BaseHTTPRequestHandler):
    models: Models

    def do_POST(self):  # noqa: N802 - the library's name
        try:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            code, content = 200, self._answer(body)
        except Refused as error:
            code, content = error.http, json.dumps({"error": str(error)}).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _answer(self, body: bytes) -> bytes:
        place = PATH.match(self.path)
        if not place:
            raise Refused(404, grpc.StatusCode.NOT_FOUND, "Malformed request: POST " + self.path)
        try:
            request = json.loads(body)
            instances = request["instances"]
        except (ValueError, KeyError):
            raise refused("JSON Parse error: invalid value") from None
        signature = request.get("signature_name", "serving_default")
        number = int(place[2]) if place[2] else None
        function = self.models.signature(place[1], number, place[3], signature)
        names = list(function.structured_input_signature[1])
        rows = [decoded(row) for row in instances]
        if not all(isinstance(row, dict) for row in rows):
            if len(names) != 1:
                raise refused("instances is a plain list, but expecting list of objects")
            rows = [{names[0]: row} for row in rows]
        outputs = run(function, {name: [row[name] for row in rows] for name in rows[0]})
        for name, value in outputs.items():
            if value.shape[:1] != (len(rows),):
                raise refused(f"Tensor name: {name} has inconsistent batch size")
        return b'{"predictions": ' + written(outputs, len(rows)) + b"}"

    def log_message(self, *args):
        pass


def decoded(value):
    if isinstance(value, dict):
        if set(value) == {"b64"}:
            return base64.b64decode(value["b64"], validate=True)
        return {name: decoded(one) for name, one in value.items()}
    return [decoded(one) for one in value] if isinstance(value, list) else value


def written(outputs: dict[str, np.ndarray], count: int) -> bytes:
    rows = []
    for row in range(count):
        values = {name: value_text(name, value[row]) for name, value in outputs.items()}
        if len(values) == 1:
            rows.append(next(iter(values.values())))
        else:
            rows.append(
                b"{" + b", ".join(b'"%s": %s' % (n.encode(), v) for n, v in values.items()) + b"}"
            )
    return b"[" + b", ".join(rows) + b"]"


def value_text(name: str, value) -> bytes:
    if isinstance(value, np.ndarray):
        return b"[" + b", ".join(value_text(name, one) for one in value) + b"]"
    if isinstance(value, bytes):
        if name.endswith("_bytes"):
            return json.dumps({"b64": base64.b64encode(value).decode()}).encode()
        return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'  # raw, as there
    return json.dumps(value.item() if hasattr(value, "item") else value).encode()


class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, models: Models):
        self.models = models

    def Predict(self, request, context):  # noqa: N802 - the service's name
        spec, answer = request.model_spec, predict_pb2.PredictResponse()
        try:
            number = spec.version.value if spec.HasField("version") else None
            name = spec.signature_name or "serving_default"
            function = self.models.signature(spec.name, number, spec.version_label, name)
            try:
                values = {n: tf.make_ndarray(tensor) for n, tensor in request.inputs.items()}
            except (ValueError, TypeError) as error:
                raise refused(f"tensor parsing error: {error}") from error
            for output, value in run(function, values).items():
                answer.outputs[output].CopyFrom(tf.make_tensor_proto(value))
        except Refused as error:
            context.abort(error.code, str(error))
        return answer


def main(folder: str, name: str, *labels: str) -> None:
    pairs = (label.split("=") for label in labels)
    models = Models(folder, name, {label: int(version) for label, version in pairs})
    Rest.models = models
    rest = ThreadingHTTPServer(("127.0.0.1", 0), Rest)
    options = [
        ("grpc.max_send_message_length", SERVER_LIMIT),
        ("grpc.max_receive_message_length", SERVER_LIMIT),
    ]
    server = grpc.server(futures.ThreadPoolExecutor(8), options=options)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(models), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    threading.Thread(target=rest.serve_forever, daemon=True).start()
    print(rest.server_port, port, flush=True)
    sys.stdin.read()  # until whoever started this goes


if __name__ == "__main__":
    main(*sys.argv[1:])
