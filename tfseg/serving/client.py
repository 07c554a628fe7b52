"""The client of a model server: images in, the `Prediction` of each out, as `predict` gives it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tfseg.errors import ConfigError, DataError, ServingError
from tfseg.serving.answers import DECODERS
from tfseg.serving.images import Sent, sent_images
from tfseg.serving.patience import Patience
from tfseg.structures import Prediction
from tfseg.structures.poses import Poses, coco_poses

__all__ = ["Answer", "Client"]

MESSAGE_MB = 256
"""The largest message in megabytes: 16 images with 100 masks each are 5, gRPC's own limit is 4."""


class Answer(NamedTuple):
    """What a server said of one image.

    Attributes:
        prediction: What was found; None if the image failed.
        error: A `DataError` that names the image; None if it did not.
    """

    prediction: Prediction | None = None
    error: DataError | None = None


class Client:
    """Asks TensorFlow Serving, or whatever speaks its REST or gRPC, for predictions of a model that
    tfseg exported::

        client = tfseg.serving.Client("http://localhost:8501", "clothing")
        (prediction,) = client.predict("photo.jpg")

    REST needs NumPy and Pillow alone; gRPC `pip install 'tfseg[serving]'`. One client may serve
    several threads.

    Args:
        url: `http://host:8501` or `https://...` for REST, `grpc://host:8500` for gRPC.
        model: The name that the server has for the model.
        version: A version's number; None: the server's choice, the newest.
        label: A version's label instead, such as "stable" or "canary".
        timeout: Seconds to wait for one answer.
        retries: How often a request is repeated that met no server, or one that had no time; it
            waits longer each time, from a fifth of a second.
        message_mb: The largest request or answer in megabytes; the server has a limit of its own.

    Raises:
        ConfigError: For an address of another kind, or a number that makes no sense.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float = 60.0,
        retries: int = 3,
        message_mb: float = MESSAGE_MB,
    ):
        if version is not None and label is not None:
            raise ConfigError("a version and a label: give one of them, or none.")
        kind, _, place = url.partition("://")
        limit, patience = int(message_mb * 2**20), Patience(timeout, retries)
        if limit < 1:
            raise ConfigError(f"message_mb: expected a number above 0, got {message_mb!r}.")
        if kind in ("http", "https") and place:
            from tfseg.serving.rest import Rest

            self._channel = Rest(url, model, version, label, patience, limit)
        elif kind == "grpc" and place:
            from tfseg.serving.grpc_channel import Grpc

            self._channel = Grpc(place, model, version, label, patience, limit)
        else:
            raise ConfigError(f"url {url!r}: expected http://, https:// or grpc:// and a host.")
        self.url, self.model = url, model
        self._facts: dict | None = None

    def describe(self) -> dict:
        """Returns what the server's model is: `class_names`, `system`, `tfseg` (the version that
        exported it), and how its outputs are to be read."""
        if self._facts is None:
            (row,) = self._channel.predict("describe", [{"question": ""}])
            text = row.get("description") if isinstance(row, dict) else row
            try:
                self._facts = json.loads(text)
            except (TypeError, ValueError):
                raise ServingError(
                    f"{self.url}: {self.model!r} does not describe itself; expected a model that "
                    "this version of tfseg exported. Export it again."
                ) from None
        return self._facts

    def predict(self, images, *, poses=None, batch_size: int = 1) -> list[Prediction]:
        """Returns a `Prediction` for each image, in its own pixels.

        Args:
            images: A path, the bytes of a file, an open file, or an array uint8 `(H, W)`,
                `(H, W, 3)` or `(H, W, 4)`; or a list of these.
            poses: For a model that gives poses masks: those of each image, in a list, as for
                `Pose2Seg.predict`.
            batch_size: Images in one request; their sizes may differ.

        Raises:
            DataError: Naming an image that the server, or this client, could not read.
            ServingError: If there is no server, it has no such model, or it refuses the request.
        """
        found = []
        for answer in self.predict_each(images, poses=poses, batch_size=batch_size):
            if answer.error is not None:
                raise answer.error
            found.append(answer.prediction)
        return found

    def predict_each(self, images, *, poses=None, batch_size: int = 1) -> Iterator[Answer]:
        """Returns an iterator over the images in their order, an `Answer` each; broken ones do not
        stop the others. At most a batch is in memory at once."""
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ConfigError(f"batch_size: expected an integer from 1, got {batch_size!r}.")
        facts = self.describe()
        read = DECODERS.get(facts.get("answers"))
        if read is None:
            raise ServingError(
                f"{self.url}: the answers of {self.model!r} are {facts.get('answers')!r}, which "
                "this version of tfseg does not read. Install the one that exported it, "
                f"{facts.get('tfseg')}."
            )
        if facts.get("channels", 3) not in (1, 3):
            raise ServingError(
                f"{self.url}: {self.model!r} reads images of {facts['channels']} channels, which "
                "files cannot hold. Send arrays to its signature images_uint8."
            )
        sent = sent_images(images)
        rows = _with_poses(sent, poses, takes=facts["answers"] == "poses")
        return self._answers(rows, facts, read, batch_size)

    def _answers(self, rows: Iterable, facts: dict, read, batch_size: int) -> Iterator[Answer]:
        rows = iter(rows)
        while some := list(itertools.islice(rows, batch_size)):
            asked = [(sent, poses) for sent, poses in some if sent.error is None]
            found = iter(self._ask(asked) if asked else ())
            for sent, poses in some:
                if sent.error is not None:
                    yield Answer(error=sent.error)
                else:
                    yield self._answer(sent, poses, next(found), facts, read)

    def _ask(self, asked: Sequence[tuple[Sent, Poses | None]]) -> list[dict]:
        rows = [{"encoded": sent.content} for sent, _ in asked]
        if asked[0][1] is not None:
            most = max(1, *(len(poses) for _, poses in asked))  # JSON keeps no shape of nobody
            for row, (_, poses) in zip(rows, asked, strict=True):
                row["poses"] = _padded(poses, most)
        return self._channel.predict("serving_default", rows)

    def _answer(self, sent: Sent, poses, row: dict, facts: dict, read) -> Answer:
        try:
            if row["error"]:
                return Answer(error=DataError(f"{sent.where}: {row['error']}"))
            fields = {"image_id": sent.image_id, "path": sent.path}
            return Answer(read(row, facts, poses, fields))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ServingError(
                f"{self.url}: the answer of {self.model!r} is none of a model that this version of "
                f"tfseg exported ({type(error).__name__}: {error}). Export it again."
            ) from error


def _with_poses(sent: Iterable[Sent], poses, takes: bool) -> Iterator[tuple[Sent, Poses | None]]:
    """Yields each image with its poses, None for a model that takes none."""
    if not takes:
        if poses is not None:
            raise ConfigError("poses: this model takes images alone.")
        return ((one, None) for one in sent)
    if poses is None:
        raise ConfigError("this model needs poses: for each image (N, 17, 3). Pass poses=[...].")
    sent, poses = list(sent), list(poses)
    if len(sent) != len(poses):
        raise DataError(
            f"poses: expected them for each of {len(sent)} images, got {len(poses)}. Pass a list "
            "with one entry an image, also for one image."
        )
    return iter([(one, _poses(value, one.where)) for one, value in zip(sent, poses)])


def _poses(value, where: str) -> Poses:
    if isinstance(value, Poses):
        return value
    if isinstance(value, tuple) and len(value) == 2:
        return coco_poses(value[0], scores=value[1], where=f"{where}: poses")
    return coco_poses(value, where=f"{where}: poses")


def _padded(poses: Poses, count: int):
    rows = np.zeros((count, 17, 3), np.float32)
    rows[: len(poses)] = poses.keypoints
    return rows
