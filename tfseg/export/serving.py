"""Calling an exported model: examples to copy, and a run in a process that has TensorFlow alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tfseg.errors import ExportError
from tfseg.export.endpoints import Endpoint, Serving

__all__ = ["request_examples", "serve_check"]


# Runs in the other process: it must not need this package, nor Keras.
_ALONE = """
import sys

# To Python, a module of None is one that cannot be imported.
sys.modules.update({"keras": None, "tf_keras": None, "tfseg": None})
sys.path[:] = [p for p in sys.path if p]
import numpy as np
import tensorflow as tf

model = tf.saved_model.load(sys.argv[1])
encoded = tf.constant([open(path, "rb").read() for path in sys.argv[3:]])
for function in model.signatures.values():
    if list(function.structured_input_signature[1]) == ["encoded"]:
        outputs = function(encoded=encoded)
        break
else:
    sys.exit("this model has no signature that takes encoded images and nothing else. It has: "
             + ", ".join(sorted(model.signatures)) + ".")

def plain(array):
    if array.dtype != object:
        return array
    try:
        return array.astype(str)
    except UnicodeDecodeError:  # files, not words
        return array.astype(bytes)

np.savez(sys.argv[2], **{name: plain(value.numpy()) for name, value in outputs.items()})
"""


def serve_check(
    directory: str | os.PathLike, *images: str | os.PathLike, timeout: float = 600
) -> dict[str, np.ndarray]:
    """Returns the outputs of an exported model, computed by a fresh process that has TensorFlow
    alone: neither Keras nor tfseg can be imported there.

    Args:
        directory: The exported model.
        images: Files that `tfseg.export.decoding` reads, for a signature that takes them alone.
        timeout: Seconds to wait.

    Raises:
        ExportError: With the last lines of what the process said.
    """
    if not images:
        raise ExportError("serve_check needs at least one image.")
    directory = Path(directory)
    if not (directory / "saved_model.pb").is_file():
        raise ExportError(f"{directory}: no SavedModel here (there is no saved_model.pb).")
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "outputs.npz"
        command = [sys.executable, "-c", _ALONE, *map(os.fspath, (directory, result, *images))]
        # A quiet child: TensorFlow's notes about the processor are no part of the answer.
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": ""}
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=timeout
            )
        except subprocess.TimeoutExpired:
            raise ExportError(
                f"{directory}: the model did not answer within {timeout:g} seconds."
            ) from None
        if done.returncode != 0:
            last = "\n".join(done.stderr.strip().splitlines()[-6:])
            raise ExportError(f"{directory}: the model does not run with TensorFlow alone:\n{last}")
        with np.load(result) as outputs:
            return {name: outputs[name] for name in outputs.files}


def request_examples(name: str, serving: Serving, folder: str) -> str:
    """Returns Markdown that shows how to start a server for a model and how to ask it.

    Args:
        name: Of the model.
        serving: What it is made of; one of its signatures is shown.
        folder: Where it lies, such as "clothing/2".
    """
    shown = serving[serving.shown]
    names = [given.spec.name for given in shown.takes]
    words = {
        "NAME": name,
        "FOLDER": folder,
        "SIGNATURE": shown.name,
        "VALUES": "\n".join(f"{given.spec.name} = {given.python}" for given in shown.takes),
        "INPUTS": ", ".join(f"{each}=tf.constant({each})" for each in names),
        "PYTHON": serving.python,
        "REST": _rest(shown),
        "REQUEST": "\n".join(
            f'request.inputs["{each}"].CopyFrom(tf.make_tensor_proto({each}))' for each in names
        ),
        "GRPC": serving.grpc,
    }
    text = _EXAMPLES if words["REST"] else _IN_PYTHON
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return "\n\n".join([text.strip(), *serving.notes])


def _rest(shown: Endpoint) -> str:
    """Returns shell code that prints a REST request of one instance, or "" where it would be too
    long to show. base64 reads standard input and its line ends are taken out: so it works with the
    programs of Linux and of macOS alike."""
    rows = {given.spec.name: given.rest for given in shown.takes}
    if not all(rows.values()):
        return ""
    row = next(iter(rows.values()))
    if len(rows) > 1:
        row = "{" + ", ".join(f'"{name}": {one}' for name, one in rows.items()) + "}"
    asked = "" if shown.name == "serving_default" else f'"signature_name": "{shown.name}", '
    pieces = ("{" + asked + f'"instances": [{row}]' + "}").split("@FILE@")
    file = "; base64 < a.jpg | tr -d '\\r\\n'; "
    return "(" + file.join(f"printf %s '{piece}'" for piece in pieces) + ")"


_IN_PYTHON = """In Python, with TensorFlow alone:

```python
import tensorflow as tf

model = tf.saved_model.load("@FOLDER@")
@VALUES@
outputs = model.signatures["@SIGNATURE@"](@INPUTS@)
@PYTHON@
```
"""
_EXAMPLES = f"""{_IN_PYTHON}
With TensorFlow Serving; the folder that is mounted holds the numbered versions:

```sh
docker run -p 8500:8500 -p 8501:8501 -v "$PWD/@NAME@:/models/@NAME@" -e MODEL_NAME=@NAME@ \\
    tensorflow/serving
```

REST; files travel as base64 under the key `b64`, in requests, and in answers whose names end in
`_bytes`:

```sh
@REST@ |
    curl -s -d @- http://localhost:8501/v1/models/@NAME@:predict
```

gRPC, with the package tensorflow-serving-api:

```python
import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

request = predict_pb2.PredictRequest()
request.model_spec.name, request.model_spec.signature_name = "@NAME@", "@SIGNATURE@"
@VALUES@
@REQUEST@
stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel("localhost:8500"))
answer = stub.Predict(request, 60.0)
@GRPC@
```
"""
