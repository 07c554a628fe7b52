"""The folder of an exported model, of whatever kind: free, written whole, with checksums."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import keras

from tfseg import files
from tfseg.errors import ExportError

__all__ = [
    "CHECKSUMS",
    "DESCRIPTION",
    "add_checksum",
    "free_folder",
    "require_tensorflow",
    "verify",
    "writing",
]

CHECKSUMS = "SHA256SUMS"
DESCRIPTION = "description.json"
"""What the signature `describe` says, and which inputs `serving_default` takes."""


def require_tensorflow(estimator) -> None:
    """Raises ExportError, with the way round, where another backend computes."""
    if keras.backend.backend() != "tensorflow":
        name, home = type(estimator).__name__, type(estimator).__module__
        home = "tfseg" if home.startswith("tfseg.") else home
        raise ExportError(
            f"SavedModels and files for phones are made by TensorFlow; this process runs "
            f"{keras.backend.backend()!r}. Save the model with model.save('folder'), then run "
            "tfseg export folder savedmodels/name/1, which takes TensorFlow by itself; or, in a "
            f'new process: KERAS_BACKEND=tensorflow python -c "from {home} import {name}; '
            f"{name}.load('folder').export('savedmodels/name/1')\""
        )


def free_folder(directory: str | os.PathLike, overwrite: bool) -> Path:
    """Returns the folder's path if it may be written.

    Raises:
        ExportError: If it holds something and `overwrite` is False, or see `files.check_folder`.
    """
    taken = os.path.isdir(directory) and any(os.scandir(directory))
    if taken and not overwrite:
        raise ExportError(
            f"{directory}: the folder is not empty. Choose another (TensorFlow Serving takes the "
            "highest number beside it), or overwrite it: overwrite=True, --overwrite."
        )
    return files.check_folder(directory, error=ExportError)


@contextlib.contextmanager
def writing(directory: Path) -> Iterator[Path]:
    """Inside, fill the folder that it gives; in the end it gets `SHA256SUMS` and takes the place
    of `directory`, or nothing changes.

    Raises:
        ExportError: If it cannot be written.
    """
    with files.replacing_folder(directory, error=ExportError) as folder:
        yield folder
        inside = sorted(path for path in folder.rglob("*") if path.is_file())
        lines = [
            f"{files.sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in inside
        ]
        files.write_whole(folder / CHECKSUMS, "".join(lines).encode(), error=ExportError)


def add_checksum(directory: Path, path: Path) -> None:
    """Puts the checksum of one file of an exported model in place of an older one, if its folder
    has checksums."""
    sums, name = directory / CHECKSUMS, path.relative_to(directory).as_posix()
    if not sums.is_file():
        return
    lines = [x for x in sums.read_text("utf-8").splitlines() if x.partition("  ")[2] != name]
    lines.append(f"{files.sha256(path)}  {name}")
    files.write_whole(sums, "".join(f"{line}\n" for line in lines).encode(), error=ExportError)


def verify(directory: str | os.PathLike) -> None:
    """Raises ExportError if a file of an exported model is missing or differs from its checksum."""
    directory = Path(directory)
    sums = directory / CHECKSUMS
    if not sums.is_file():
        raise ExportError(f"{directory}: there is no {CHECKSUMS}; expected an exported model.")
    for line in sums.read_bytes().decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        path = directory / name
        if not path.is_file() or files.sha256(path) != digest:
            what = "differs from its checksum" if path.is_file() else "is missing"
            raise ExportError(f"{path}: {what}. Export the model again or copy it anew.")
