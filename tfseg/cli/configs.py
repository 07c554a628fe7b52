"""Where an experiment file lies: at its path, in the checkout, or in the installed package."""

from __future__ import annotations

import difflib
import glob
from pathlib import Path

import tfseg
from tfseg.errors import ConfigError

__all__ = ["find_config"]


def shipped() -> Path | None:
    """Returns the folder of the experiment files that come with tfseg, or None."""
    package = Path(tfseg.__file__).resolve().parent
    for folder in (package / "configs", package.parent / "configs"):
        if folder.is_dir():
            return folder
    return None


def find_config(name: str) -> Path:
    """Returns the experiment file that a user means.

    Args:
        name: A path; or one that starts at the shipped files, with or without `configs/` before
            and `.yaml` behind: `mask_rcnn/clothing_light`; or the name alone, if one system has
            a file of that name: `clothing_light`.

    Raises:
        ConfigError: If there is no such file, naming the nearest.
    """
    path = Path(name)
    if path.is_file():
        return path
    folder = shipped()
    inside = path.relative_to("configs") if path.parts[:1] == ("configs",) else path
    if folder and not path.is_absolute():
        for candidate in (folder / inside, folder / inside.with_name(f"{inside.name}.yaml")):
            if candidate.is_file():
                return candidate
        if len(inside.parts) == 1:
            named = sorted(folder.glob(f"*/{glob.escape(inside.stem)}.yaml"))
            if len(named) == 1:
                return named[0]
    known = _known(folder)
    near = difflib.get_close_matches(inside.with_suffix("").as_posix(), known, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}?" if near else f"tfseg comes with: {', '.join(known)}."
    raise ConfigError(f"{name}: expected an experiment file (YAML), found none. {hint}")


def _known(folder: Path | None) -> list[str]:
    if folder is None:
        return []
    return sorted(p.relative_to(folder).with_suffix("").as_posix() for p in folder.rglob("*.yaml"))
