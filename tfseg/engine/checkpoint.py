"""Saved models, and the state a training resumes from. Written whole or not at all."""

from __future__ import annotations

import dataclasses
import datetime
import io
import json
import logging
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfseg import files
from tfseg.engine import model_json
from tfseg.errors import WeightsError

if TYPE_CHECKING:  # `read_model_json` also serves who answers without Keras
    import keras

__all__ = [
    "RunState",
    "read_model_json",
    "read_state",
    "run_checkpoint",
    "save_model",
    "write_state",
]

MODEL_FILE, WEIGHTS_FILE = model_json.MODEL_FILE, model_json.WEIGHTS_FILE
log = logging.getLogger(__name__)
_FORMAT_VERSION = 1


@dataclasses.dataclass
class RunState:
    """Where a training stands at the end of an epoch, besides the variables.

    Attributes:
        epoch: Epochs done.
        history: One dict a finished epoch: losses, measures, learning rate, seconds.
        best: Best value of the monitored number so far, or None.
        best_epoch: The epoch that reached it, from 1; 0 for none.
        stopped: Whether early stopping ended the training.
        facts: What must not change before a resume: settings, number of images, steps.
    """

    epoch: int = 0
    history: list[dict] = dataclasses.field(default_factory=list)
    best: float | None = None
    best_epoch: int = 0
    stopped: bool = False
    facts: dict = dataclasses.field(default_factory=dict)


def run_checkpoint(folder: str | os.PathLike) -> Path:
    """Returns where the run in a folder keeps what a resume reads, whether it is there or not."""
    return Path(folder) / "checkpoints" / "last.npz"


def save_model(
    network: keras.Model,
    directory: str | os.PathLike,
    *,
    system: str,
    config: Mapping,
    class_names: Sequence[str],
    metrics: Mapping | None = None,
    fitted: bool = True,
    random_layers: Sequence[str] = (),
    architecture: Mapping | None = None,
    half: bool = False,
) -> Path:
    """Writes a model folder: `model.json` and `model.weights.h5`. Returns its path.

    Args:
        network: A built network.
        directory: A new or empty folder, or a saved model that is to be replaced.
        system: Name of the system, such as "mask_rcnn".
        config: Its settings as plain values.
        class_names: Name of class id k at position k - 1.
        metrics: Measures worth keeping with the model.
        fitted: Whether all weights were trained or loaded.
        random_layers: Layers that were not, where others were.
        architecture: What parts of the network are made of that the settings only name.
        half: See `weights.save`.
    """
    from tfseg.engine import runtime, weights

    directory = files.check_folder(directory, error=WeightsError)
    if directory.is_dir() and any(directory.iterdir()) and not (directory / MODEL_FILE).is_file():
        raise WeightsError(
            f"{directory}: the folder holds something else than a saved model and would be "
            "replaced. Choose a new or empty folder."
        )
    content = {
        "format_version": _FORMAT_VERSION,
        "system": system,
        "class_names": list(class_names),
        "config": dict(config),
        "metrics": dict(metrics or {}),
        "fitted": bool(fitted),
        "random_layers": list(random_layers),
        "versions": runtime.versions(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    if architecture:
        content["architecture"] = dict(architecture)
    with files.replacing_folder(directory, error=WeightsError) as folder:
        attributes = {"system": system, "class_names": list(class_names)}
        weights.save(network, folder / WEIGHTS_FILE, attributes, half=half)
        text = model_json.text(content, files.sha256(folder / WEIGHTS_FILE))
        files.write_whole(folder / MODEL_FILE, text.encode(), error=WeightsError)
    return directory


def read_model_json(directory: str | os.PathLike) -> dict:
    """Returns what `model.json` of a saved model says: `system, config, class_names, ...`.

    Raises:
        WeightsError: If the folder is missing, is no saved model, is damaged, or comes from a
            newer major version.
    """
    from tfseg import __version__

    directory = files.recovered(directory, error=WeightsError)
    if not directory.is_dir():
        what = "is a file" if directory.exists() else "does not exist"
        raise WeightsError(
            f"{directory}: {what}; expected the folder of a saved model, as "
            "model.save(...) and `tfseg train` write it, such as runs/NAME/final."
        )
    path = directory / MODEL_FILE
    if not path.is_file():
        inside = sorted(entry.name for entry in directory.iterdir())[:6]
        if "saved_model.pb" in inside:
            hint = " This is an exported SavedModel, which cannot be loaded for training again."
        else:
            hint = " Expected model.json and model.weights.h5, as model.save(...) writes them."
        raise WeightsError(f"{directory}: no saved model here, but {inside or 'nothing'}.{hint}")
    content = model_json.read(path)
    version, theirs = content["format_version"], str(content["versions"].get("tfseg", "0"))
    ours = __version__
    if version > _FORMAT_VERSION or _major(theirs) > _major(ours):
        raise WeightsError(
            f"{directory}: saved by tfseg {theirs} (format {version}); this is tfseg {ours} "
            f"(format {_FORMAT_VERSION}). Upgrade tfseg to load it."
        )
    return content


def write_state(
    path: str | os.PathLike, state: RunState, groups: Mapping[str, Sequence[keras.Variable]]
) -> None:
    """Writes the state of a training into one file, whole or not at all.

    Args:
        path: An `.npz` file; the one that is there stays until the new one is whole.
        state: Where the training stands.
        groups: Variables by group, such as `{"network": [...], "optimizer": [...]}`.
    """
    import keras

    arrays, dtypes = {}, {}
    for group, variables in groups.items():
        for index, variable in enumerate(variables):
            value = np.asarray(keras.ops.convert_to_numpy(variable.value))
            key = f"{group}/{index:05d}/{variable.path}"
            dtypes[key] = str(value.dtype)
            # NumPy's file format does not know bfloat16; its bits travel as integers.
            arrays[key] = value if value.dtype.kind in "fiub" else value.view(np.uint16)
    header = {"state": dataclasses.asdict(state), "dtypes": dtypes, "format": _FORMAT_VERSION}
    text = json.dumps(header, default=model_json.plain).encode()
    buffer = io.BytesIO()
    np.savez(buffer, header=np.frombuffer(text, np.uint8), **arrays)
    end = files.seal(buffer.getbuffer())
    buffer.seek(0, os.SEEK_END)
    buffer.write(end)
    files.write_whole(path, buffer.getbuffer(), error=WeightsError)


def read_state(path: str | os.PathLike) -> tuple[RunState, dict[str, list[np.ndarray]]]:
    """Returns what `write_state` wrote: the state, and the arrays by group in their order.

    Raises:
        WeightsError: If the file is damaged.
    """
    remedy = "Start again without resume, in another run folder."
    try:
        checked = files.check_seal(path, error=WeightsError, remedy=remedy)
        _check_sizes(path)
        with np.load(path, allow_pickle=False) as file:
            header = json.loads(bytes(file["header"]).decode())
            groups: dict[str, list[np.ndarray]] = {"network": [], "optimizer": []}
            for key in sorted(header["dtypes"]):
                value = file[key]
                wanted = header["dtypes"][key]
                value = value if str(value.dtype) == wanted else value.view(np.dtype(wanted))
                groups.setdefault(key.split("/", 1)[0], []).append(value)
        state = _checked_state(RunState(**header["state"]))
    except WeightsError:
        raise
    except Exception as error:
        raise WeightsError(
            f"{path}: this checkpoint cannot be read ({type(error).__name__}: {error}). {remedy}"
        ) from None
    if not checked:
        log.warning("%s has no checksum, as an older tfseg wrote it: damage would not show.", path)
    return state, groups


def _check_sizes(path: str | os.PathLike):
    """Raises ValueError where the members of an archive should be larger than it is."""
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > os.path.getsize(path):
        raise ValueError(f"its arrays should take {size} bytes, and it has fewer")


def _checked_state(state: RunState) -> RunState:
    """Returns the state; raises ValueError for values of a wrong kind."""
    whole = all(type(n) is int and 0 <= n < 2**31 for n in (state.epoch, state.best_epoch))
    rows = isinstance(state.history, list) and all(isinstance(row, dict) for row in state.history)
    known = isinstance(state.facts, dict)
    best = state.best is None or isinstance(state.best, (int, float))
    if not (whole and rows and known and best and isinstance(state.stopped, bool)):
        raise ValueError("its account of the training is not one")
    return state


def restore(variables: Sequence[keras.Variable], values: Sequence[np.ndarray], where: str) -> None:
    """Assigns arrays to variables in order, after checking that they fit."""
    shapes = [tuple(variable.shape) for variable in variables]
    stored = [tuple(value.shape) for value in values]
    if shapes != stored:
        raise WeightsError(
            f"{where}: the checkpoint has {len(stored)} variables that do not fit the "
            f"{len(shapes)} of this network. It comes from other settings or another version."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _major(version: str) -> int:
    head = str(version).split(".")[0]
    return int(head) if head.isdecimal() and len(head) < 9 else 0
