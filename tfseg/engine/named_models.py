"""Saved models found by name: in the user's own collection, and those that come with tfseg."""

from __future__ import annotations

import os
from pathlib import Path

from tfseg.config.base import nearest
from tfseg.engine.checkpoint import MODEL_FILE
from tfseg.errors import WeightsError
from tfseg.files import recovered

__all__ = ["find_model", "find_weights", "known_models", "shipped_folders"]


def shipped_folders() -> list[Path]:
    """Returns the folders of the models that come with tfseg, of the installed package and of a
    checkout; those that exist."""
    package = Path(__file__).resolve().parents[1]
    both = (package / "savedmodels", package.parent / "savedmodels")
    return [folder for folder in both if folder.is_dir()]


def known_models() -> dict[str, Path]:
    """Returns the models that have a name, and their folders: those in `$TFSEG_MODELS`, which
    outrank the others, and those that come with tfseg."""
    home = os.environ.get("TFSEG_MODELS", "")
    known: dict[str, Path] = {}
    for folder in ([Path(home)] if home else []) + shipped_folders():
        for entry in sorted(folder.glob(f"*/{MODEL_FILE}")):
            known.setdefault(entry.parent.name, entry.parent)
    return known


def find_weights(name_or_path: str | os.PathLike) -> Path:
    """Returns the weight file or model folder that is meant: a path that exists, else the folder of
    the model of that name, else the path as it came, whether it is there or not."""
    path = recovered(name_or_path, error=WeightsError)
    return path if path.exists() else known_models().get(str(path), path)


def find_model(name_or_dir: str | os.PathLike) -> Path:
    """Returns the folder of a saved model.

    Args:
        name_or_dir: The folder, or a name that `known_models` has; a folder outranks a name.

    Raises:
        WeightsError: If it is neither, listing the names.
    """
    path = recovered(name_or_dir, error=WeightsError)
    if path.is_dir():
        return path
    known = known_models()
    name = os.fspath(name_or_dir)
    if name in known:
        return known[name]
    what = "is a file" if path.exists() else "does not exist"
    near = nearest(name, known) if len(path.parts) == 1 else ""
    hint = near if "Did you mean" in near else f" By name there are: {', '.join(known) or 'none'}."
    raise WeightsError(
        f"{name}: {what}; expected the folder of a saved model, as model.save(...) and `tfseg "
        f"train` write it, such as runs/NAME/final, or the name of a model.{hint} Names are looked "
        f"for in TFSEG_MODELS ({os.environ.get('TFSEG_MODELS') or 'not set'}) and among the models "
        "that come with tfseg; nothing is downloaded by itself."
    )
