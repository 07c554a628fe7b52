"""`model.json` of a saved model: what it must hold, and its checksums.

`checksums` has the SHA-256 of `model.weights.h5`, and of `model.json` itself as it would be with
zeros in that place.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path

from tfseg import files
from tfseg.errors import WeightsError

__all__ = ["MODEL_FILE", "WEIGHTS_FILE", "digest_of_weights", "plain", "read", "text"]

log = logging.getLogger(__name__)

MODEL_FILE, WEIGHTS_FILE = "model.json", "model.weights.h5"
_BLANK = "0" * 64
_LARGEST = 20_000_000  # bytes; a few thousand are usual
# What a file holds, of which kind, and what stands for it where an older version left it out.
_PARTS = {
    "format_version": (int, None),
    "system": (str, None),
    "class_names": (list, []),
    "config": (dict, None),
    "metrics": (dict, {}),
    "fitted": (bool, True),
    "random_layers": (list, []),
    "architecture": (dict, {}),
    "versions": (dict, {}),
    "created": (str, ""),
    "checksums": (dict, None),
}


def text(content: Mapping, weights_digest: str) -> str:
    """Returns the text of the file, with checksums.

    Args:
        content: All but the checksums.
        weights_digest: SHA-256 of `model.weights.h5`.
    """
    sums = {WEIGHTS_FILE: weights_digest, MODEL_FILE: _BLANK}
    blank = json.dumps({**content, "checksums": sums}, indent=2, default=plain)
    own = files.sha256(blank.encode())
    return own.join(blank.rsplit(_BLANK, 1))


def read(path: Path) -> dict:
    """Returns what the file says, each part of its kind.

    Raises:
        WeightsError: If it is damaged, or was changed after it was written.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"{path.stat().st_size} bytes are too many for settings")
        raw = path.read_bytes()
        content = json.loads(raw)
        if not isinstance(content, dict):
            raise ValueError(f"expected settings by name, got {type(content).__name__}")
        _check_own(path, raw, content)
        return _of_its_kind(content)
    except WeightsError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"{path}: the file is damaged ({error}). Copy it again, or save the model again."
        ) from None


def digest_of_weights(content: Mapping) -> str | None:
    """Returns the SHA-256 that `model.weights.h5` must have; None where an older file does not
    say."""
    return (content.get("checksums") or {}).get(WEIGHTS_FILE)


def _check_own(path: Path, raw: bytes, content: Mapping) -> None:
    """Raises for a file that its own checksum does not fit; one of an older version has none."""
    sums = content.get("checksums")
    if sums is None:
        if "checksums" not in content and not set(content) <= set(_PARTS):
            more = ", ".join(map(repr, sorted(set(content) - set(_PARTS))))
            raise ValueError(f"it has no checksums, and {more} in their place")
        log.warning("%s has no checksum (an older tfseg wrote it): damage would not show.", path)
        return
    own = sums.get(MODEL_FILE) if isinstance(sums, dict) else None
    if not isinstance(own, str) or not re.fullmatch("[0-9a-f]{64}", own):
        raise ValueError("its checksums are none")
    head, _, tail = raw.rpartition(own.encode())
    if files.sha256(head + _BLANK.encode() + tail) != own:
        raise WeightsError(
            f"{path}: damaged, or changed after it was written: it differs from its own checksum. "
            "Copy it again, or save the model again; where you changed it on purpose, remove "
            '"checksums" from it.'
        )


def _of_its_kind(content: dict) -> dict:
    """Returns the content with all parts."""
    parts = {name: default for name, (_, default) in _PARTS.items() if default is not None}
    found = {**parts, **content}
    for name, (kind, _) in _PARTS.items():
        if name not in found and name != "checksums":
            raise ValueError(f"{name!r} is missing")
        value = found.get(name)
        fits = isinstance(value, kind) and type(value) is not (bool if kind is int else None)
        if not fits and not (name == "checksums" and value is None):
            what = "its settings are not valid" if name == "config" else name
            raise ValueError(f"{what}: expected {_WORDS[kind]}, got {value!r:.60}")
    for name in ("class_names", "random_layers"):
        if not all(isinstance(item, str) for item in found[name]):
            raise ValueError(f"{name}: expected texts")
    return found


_WORDS = {int: "a whole number", str: "a text", list: "a list", dict: "values by name"}
_WORDS[bool] = "true or false"


def plain(value):
    """Returns a number of NumPy as one that JSON knows, anything else as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
