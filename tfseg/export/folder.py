"""The folder of an exported model, of whatever kind: free, written whole, with checksums."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import keras

from tfseg.engine.checkpoint import replacing_folder
from tfseg.errors import ExportError, WeightsError

__all__ = ["CHECKSUMS", "free_folder", "require_tensorflow", "verify", "writing"]

CHECKSUMS = "SHA256SUMS"


def require_tensorflow(estimator) -> None:
    """Raises ExportError, with the way round, where another backend computes."""
    if keras.backend.backend() != "tensorflow":
        name = type(estimator).__name__
        raise ExportError(
            f"a SavedModel is made by the TensorFlow backend; this process runs "
            f"{keras.backend.backend()!r}. Save the model here with model.save('folder'), then "
            f'run, in a new process: KERAS_BACKEND=tensorflow python -c "import tfseg; '
            f"tfseg.{name}.load('folder').export('savedmodels/name/1')\""
        )


def free_folder(directory: str | os.PathLike, overwrite: bool) -> Path:
    """Returns the folder's path if it may be written.

    Raises:
        ExportError: If there is a file of that name, or it holds something and `overwrite` is
            False.
    """
    directory = Path(directory)
    if directory.exists() and not directory.is_dir():
        raise ExportError(f"{directory}: expected a folder, got a file. Choose another name.")
    if directory.is_dir() and any(directory.iterdir()) and not overwrite:
        raise ExportError(
            f"{directory}: the folder is not empty. Choose another (TensorFlow Serving takes the "
            "highest number beside it), or overwrite it: overwrite=True, --overwrite."
        )
    return directory


@contextlib.contextmanager
def writing(directory: Path) -> Iterator[Path]:
    """Inside, fill the folder that it gives; in the end it gets `SHA256SUMS` and takes the place
    of `directory`, or nothing changes.

    Raises:
        ExportError: If it cannot be written.
    """
    try:
        with replacing_folder(directory) as folder:
            yield folder
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            lines = [f"{_digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
            (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")
    except WeightsError as error:
        raise ExportError(str(error)) from error


def verify(directory: str | os.PathLike) -> None:
    """Raises ExportError if a file of an exported model is missing or differs from its checksum."""
    directory = Path(directory)
    sums = directory / CHECKSUMS
    if not sums.is_file():
        raise ExportError(f"{directory}: there is no {CHECKSUMS}; expected an exported model.")
    for line in sums.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        path = directory / name
        if not path.is_file() or _digest(path) != digest:
            what = "differs from its checksum" if path.is_file() else "is missing"
            raise ExportError(f"{path}: {what}. Export the model again or copy it anew.")


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
