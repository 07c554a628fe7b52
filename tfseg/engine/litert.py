"""Answering with LiteRT in place of Keras: what runs a TFLite file, and whose weights that has.

Nothing here imports TensorFlow or Keras, whose start takes longer than most answers.
"""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path

import numpy as np

from tfseg import files
from tfseg.errors import ExportError

__all__ = ["RECORD", "Runner", "offered", "record", "tied_file"]

RECORD = "litert.json"
"""In a model's folder: which TFLite file answers for it, and of which weights that was made."""
_MOST_THREADS = 4


class Runner:
    """Runs a TFLite file with one input of any size and one output: array in, array out.

    Not to be called from two threads at once.

    Args:
        content: The file.

    Raises:
        ExportError: If the package is missing, or this is no such file.
    """

    def __init__(self, content: bytes):
        try:
            module = importlib.import_module("ai_edge_litert.interpreter")
        except ImportError as error:
            raise ExportError(
                f"the package 'ai_edge_litert' is needed for LiteRT and could not be imported "
                f'({error}). Install it with: pip install "tfseg[lite]"'
            ) from error
        try:
            self._run = module.Interpreter(model_content=content, num_threads=_threads())
            self._run.allocate_tensors()  # here, where a file that is none is named
            (source,), (result,) = self._run.get_input_details(), self._run.get_output_details()
        except (ValueError, RuntimeError) as error:
            raise ExportError(f"LiteRT refuses the TFLite file: {error}") from error
        self._input, self._output, self._shape = source["index"], result["index"], None

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Returns a copy of the output for an array of the input's dtype."""
        if array.shape != self._shape:
            self._shape = None  # in case that this fails
            self._run.resize_tensor_input(self._input, array.shape)
            self._run.allocate_tensors()
            self._shape = array.shape
        self._run.set_tensor(self._input, array)
        self._run.invoke()
        return self._run.get_tensor(self._output)


def _threads() -> int:
    allowed = getattr(os, "sched_getaffinity", None)
    return max(1, min(_MOST_THREADS, len(allowed(0)) if allowed else os.cpu_count() or 1))


def record(directory: str | os.PathLike, weights: str, file: str) -> Path:
    """Writes that a TFLite file was made of a folder's weights, and returns the record's path.

    Args:
        directory: Of the saved model; both files are in it.
        weights: Name of the weight file.
        file: Name of the TFLite file.
    """
    told = {"file": file, **_sums(Path(directory), weights, file)}
    text = json.dumps(told, indent=2) + "\n"
    return files.write_whole(Path(directory, RECORD), text.encode(), error=ExportError)


def offered(directory: str | os.PathLike) -> bool:
    """Returns whether a model's folder says that LiteRT can answer for it."""
    return Path(directory, RECORD).is_file()


def tied_file(directory: str | os.PathLike, weights: str) -> bytes:
    """Returns the TFLite file that was made of the weights in a model's folder.

    Raises:
        ExportError: If there is none, or either file is another one than was recorded.
    """
    folder = Path(directory)
    try:
        told = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        file = str(told["file"])
        found = _sums(folder, weights, file)
        same = {name: told.get(name) == value for name, value in found.items()}
        content = (folder / file).read_bytes() if Path(file).name == file else b""
    except FileNotFoundError as error:
        raise ExportError(
            f"{folder}: has no TFLite file of its weights ({error.filename} is missing)."
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExportError(f"{folder / RECORD}: cannot be read ({error}).") from None
    if not all(same.values()) or not content:
        other = weights if same["sha256"] else file
        raise ExportError(
            f"{folder}: {other} is not the one that {RECORD} speaks of, so that the TFLite file "
            "may have other weights."
        )
    return content


def _sums(folder: Path, weights: str, file: str) -> dict[str, str]:
    return {"sha256": files.sha256(folder / file), "weights_sha256": files.sha256(folder / weights)}
