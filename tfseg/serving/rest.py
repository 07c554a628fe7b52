"""TensorFlow Serving's REST: JSON, in which files are base64 text under the key `b64`."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence

import numpy as np

from tfseg.errors import ServingError
from tfseg.serving.patience import Again, Patience

__all__ = ["Rest"]

_BUSY = (429, 502, 503, 504)


class Rest:
    """Asks one model by REST.

    Args:
        url: `http://host:port`, with a path in front of `/v1` where there is one.
        model: The server's name for it.
        version: A number, or None.
        label: A label, or None.
        patience: How long and how often.
        limit: The most bytes of a request or an answer.
    """

    def __init__(self, url: str, model: str, version, label, patience: Patience, limit: int):
        which = f"/versions/{version}" if version is not None else ""
        which = f"/labels/{urllib.parse.quote(label)}" if label is not None else which
        name = urllib.parse.quote(model)
        self.url = f"{url.rstrip('/')}/v1/models/{name}{which}:predict"
        self.patience, self.limit = patience, limit

    def predict(self, signature: str, rows: Sequence[dict]) -> list:
        """Returns the outputs of each row: a dict by name, or the only output alone.

        Args:
            signature: Name of the signature.
            rows: Name of each input to its value: bytes, text or an array.

        Raises:
            ServingError: If there is no answer, or it is a refusal.
        """
        instances = [_instance(row) for row in rows]
        content = {"signature_name": signature, "instances": instances}
        body = json.dumps(content).encode()
        if len(body) > self.limit:
            raise ServingError(
                f"{self.url}: the request has {len(body) / 2**20:.3g} MB, more than message_mb="
                f"{self.limit / 2**20:g}. Send fewer or smaller images at once (batch_size)."
            )
        answer = self.patience(lambda: self._post(body))
        try:
            rows = json.loads(answer)["predictions"]
        except (ValueError, KeyError, TypeError):
            raise ServingError(
                f"{self.url}: expected JSON with predictions, got {answer[:80]!r}. Is this the "
                "REST port of TensorFlow Serving (8501)?"
            ) from None
        if not isinstance(rows, list) or len(rows) != len(instances):
            raise ServingError(f"{self.url}: expected {len(instances)} answers, one an image.")
        return [_decoded(row) for row in rows]

    def _post(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=self.patience.timeout) as answer:
                content = answer.read(self.limit + 1)
        except urllib.error.HTTPError as error:
            with error:
                text = _refusal(error)
            if error.code in _BUSY:
                raise Again(text) from error
            raise ServingError(text) from error
        except TimeoutError as error:
            raise self._slow() from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise self._slow() from error
            raise Again(
                f"{self.url}: no server answers ({error.reason}). Start it, or check host and port."
            ) from error
        except (ConnectionError, http.client.HTTPException) as error:
            raise Again(f"{self.url}: the server broke off ({error}).") from error
        if len(content) > self.limit:
            raise ServingError(
                f"{self.url}: the answer has more than message_mb={self.limit / 2**20:g}. Raise "
                "it, or send fewer images at once (batch_size)."
            )
        return content

    def _slow(self) -> ServingError:
        return ServingError(
            f"{self.url}: no answer within timeout={self.patience.timeout:g} seconds. Raise it, "
            "send fewer images at once, or give the server more to compute with."
        )


def _refusal(error: urllib.error.HTTPError) -> str:
    """Returns what a server said with an error code."""
    content = error.read(65536).decode("utf-8", "replace").strip()
    with contextlib.suppress(ValueError, KeyError, TypeError):
        content = json.loads(content)["error"]
    return f"{error.url}: the server refuses ({error.code}): {content[:2000]}"


def _instance(row: dict):
    values = {name: _jsonable(value) for name, value in row.items()}
    return next(iter(values.values())) if len(values) == 1 else values


def _jsonable(value):
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    return value.tolist() if isinstance(value, np.ndarray) else value


def _decoded(value):
    """Returns an answer with its files as bytes."""
    if isinstance(value, dict):
        if set(value) == {"b64"}:
            return base64.b64decode(value["b64"])
        return {name: _decoded(one) for name, one in value.items()}
    if isinstance(value, list) and any(isinstance(one, (dict, list)) for one in value[:1]):
        return [_decoded(one) for one in value]
    return value
