"""What a backbone's name of the form `keras_cv:...` or `keras_hub:...` stands for.

Plain lookups in tables: neither library is imported, except to explain a name that does not fit.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import importlib.util
import os
from collections.abc import Mapping

from tfseg.errors import ConfigError
from tfseg.nn.backbones import keras_cv_architectures as cv
from tfseg.nn.backbones import keras_hub_architectures as hub

__all__ = ["LIBRARIES", "Foreign", "find", "install_hint", "is_foreign", "suggestions"]

LIBRARIES = ("keras_cv", "keras_hub")
_NOTHING = (0.0, 0.0, 0.0), (255.0, 255.0, 255.0)
_SYMMETRIC = (127.5, 127.5, 127.5), (127.5, 127.5, 127.5)
_IMAGENET = (
    (0.485 * 255, 0.456 * 255, 0.406 * 255),
    (0.229 * 255, 0.224 * 255, 0.225 * 255),
)


@dataclasses.dataclass(frozen=True)
class Foreign:
    """A backbone of another library.

    Attributes:
        library: "keras_cv" or "keras_hub".
        name: What was asked for, a preset, a class, or a folder or address of a preset.
        class_name: The class to construct; empty for a folder or an address, which says it itself.
        options: Arguments of the constructor.
        published: Name under which the library publishes weights, or None.
        pixel_mean: Subtracted from pixels of 0 to 255, for RGB, as the published weights want it.
        pixel_std: Then the result is divided by this.
    """

    library: str
    name: str
    class_name: str
    options: Mapping
    published: str | None
    pixel_mean: tuple[float, ...]
    pixel_std: tuple[float, ...]


def is_foreign(backbone: str) -> bool:
    """True for `keras_cv:...` and `keras_hub:...`."""
    return backbone.partition(":")[0] in LIBRARIES and ":" in backbone


def find(backbone: str) -> Foreign:
    """Returns what `keras_cv:<preset or class>` or `keras_hub:<preset or class>` stands for.

    A class of one size is that size; a class of many stands for the one in its library's
    `CLASSES` table. A name with a slash is a preset's folder or address
    (`keras_hub:./my_preset`, `keras_hub:hf://user/name`), which the library itself resolves.

    Raises:
        ConfigError: If there is no such backbone or it gives no feature pyramid, with what fits.
    """
    library, _, name = backbone.partition(":")
    if "/" in name or os.sep in name:
        scaling = _NOTHING if library == "keras_cv" else _IMAGENET
        return Foreign(library, name, "", {}, name, *scaling)
    if library == "keras_cv":
        preset = cv.CLASSES.get(name) or cv.ALIASES.get(name) or name
        if preset in cv.ARCHITECTURES:
            published = preset if preset in cv.PUBLISHED else None
            return Foreign(library, name, *cv.ARCHITECTURES[preset], published, *_NOTHING)
    else:
        preset = hub.CLASSES.get(name, name)
        if preset in hub.ARCHITECTURES:
            scaling = _SYMMETRIC if preset in hub.SYMMETRIC else _IMAGENET
            published = None if name in hub.CLASSES else preset
            return Foreign(library, name, *hub.ARCHITECTURES[preset], published, *scaling)
    raise ConfigError(f"{backbone!r} {_why_not(library, name)} {suggestions(library, name)}")


def suggestions(library: str, name: str = "", published: bool = False) -> str:
    """Returns a sentence with the names that fit, the nearest first.

    Args:
        library: "keras_cv" or "keras_hub".
        name: What was asked for.
        published: List only those with published weights.
    """
    if published:
        fitting = list(cv.PUBLISHED if library == "keras_cv" else hub.ARCHITECTURES)
        words = f"{library} publishes weights for: "
    else:
        table = cv if library == "keras_cv" else hub
        fitting = [*table.ARCHITECTURES, *table.CLASSES, *getattr(table, "ALIASES", {})]
        words = f"Of {library} these fit: "
    lower = {known.lower(): known for known in fitting}
    near = difflib.get_close_matches(name.lower(), list(lower), n=3, cutoff=0.6) if name else []
    near = [lower[known] for known in near]
    asked = f"Did you mean {' or '.join(near)}? " if near else ""
    rest = sorted(known for known in fitting if known not in near)
    return asked + words + ", ".join([*near, *rest]) + "."


def install_hint(library: str) -> str:
    """Returns the command that installs a library with the versions that tfseg is tested with."""
    return f"pip install 'tfseg[{library.replace('_', '-')}]'"


def _why_not(library: str, name: str) -> str:
    """Returns what is wrong with a name that is in no table."""
    if not name:
        return "names no backbone: a preset or a class of the library comes after the colon."
    unfit = cv.UNFIT if library == "keras_cv" else hub.UNFIT
    if name in unfit:
        return f"gives no feature pyramid: {unfit[name]}."
    owner = _owner(library, name)
    if owner in unfit:
        return f"(a {owner}) gives no feature pyramid: {unfit[owner]}."
    if owner:
        return (
            f"({owner}) gives no feature pyramid: it does not name its levels at strides "
            "4, 8, 16 and 32."
        )
    return "is no backbone that tfseg knows."


def _owner(library: str, name: str) -> str:
    """Returns the library's class of that name, or with a preset of that name, or nothing.

    Only asked on the way to an error, where the seconds of the import do not matter.
    """
    if importlib.util.find_spec(library) is None:
        return ""
    try:
        models = importlib.import_module(f"{library}.models")
    except Exception:  # a library that cannot be imported has its own error, at the build
        return ""
    for class_name in sorted(vars(models), key=len, reverse=True):
        owner = getattr(models, class_name)
        if class_name in ("Backbone", "FeaturePyramidBackbone") or not isinstance(owner, type):
            continue
        if class_name.endswith("Backbone") and (
            class_name == name or name in getattr(owner, "presets", ())
        ):
            return class_name
    return ""
