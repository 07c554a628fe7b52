"""What a backbone stands for that is not tfseg's own: `keras_cv:...`, `keras_hub:...`, a network.

Plain lookups: neither library is imported.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from collections.abc import Iterable, Mapping

from tfseg.errors import ConfigError
from tfseg.nn.backbones.network_setting import NetworkSetting
from tfseg.nn.backbones.offline_architectures import ARCHITECTURES, PUBLISHED

__all__ = ["LIBRARIES", "Foreign", "find", "install_hint", "is_foreign", "near", "ways_offline"]

LIBRARIES = ("keras_cv", "keras_hub")
_WHOLE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
_SHARE = (0.0, 0.0, 0.0), (255.0, 255.0, 255.0)
_SYMMETRIC = (127.5, 127.5, 127.5), (127.5, 127.5, 127.5)
_IMAGENET = (
    (0.485 * 255, 0.456 * 255, 0.406 * 255),
    (0.229 * 255, 0.224 * 255, 0.225 * 255),
)
# Presets of keras_hub that were converted from networks trained on pixels from -1 to 1.
_IS_SYMMETRIC = re.compile(r"resnet_v2_|_ra4_")


@dataclasses.dataclass(frozen=True)
class Foreign:
    """A backbone that is not tfseg's own.

    Attributes:
        library: "keras_cv" or "keras_hub"; empty for a network that is of neither.
        name: What was asked for: a preset, a class, or a folder or address of a preset.
        class_name: The class to construct; empty for a preset, which the library itself resolves.
        options: Arguments of the constructor.
        published: Name under which the library publishes weights, or None.
        pixels: What is subtracted from pixels of 0 to 255, and what the result is divided by, as
            published weights want it for RGB; None where nobody says.
        architecture: Its configuration in Keras' serialisation, which outranks class and name; None
            where it is not known yet.
        weights: Arrays of the network that the user gave, or None.
    """

    library: str
    name: str
    class_name: str = ""
    options: Mapping = dataclasses.field(default_factory=dict)
    published: str | None = None
    pixels: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    architecture: Mapping | None = None
    weights: list | None = dataclasses.field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.library}:{self.name}" if self.library else self.name


def is_foreign(backbone) -> bool:
    """True for `keras_cv:...`, `keras_hub:...` and a network."""
    if isinstance(backbone, NetworkSetting):
        return True
    return backbone.partition(":")[0] in LIBRARIES and ":" in backbone


def find(backbone) -> Foreign:
    """Returns what a name or a network stands for.

    `keras_cv:<preset or class>` and `keras_hub:<preset or class>`: a preset is one of
    `offline_architectures`, or any other, whose numbers and weights the library fetches. A class
    begins with a capital letter. A name with a slash is a preset's folder or address
    (`keras_hub:./my_preset`, `keras_hub:hf://user/name`), which the library itself resolves.

    Raises:
        ConfigError: If nothing comes after the colon.
    """
    if isinstance(backbone, NetworkSetting):
        return _of_network(backbone)
    library, _, name = backbone.partition(":")
    if not name.strip():
        raise ConfigError(
            f"{backbone!r} names no backbone: a preset, a class of the library, or a folder of "
            f"save_to_preset comes after the colon. {ways_offline()}"
        )
    cv = library == "keras_cv"
    pixels = _SHARE if cv else _SYMMETRIC if _IS_SYMMETRIC.search(name) else _IMAGENET
    if "/" in name or os.sep in name:
        return Foreign(library, name, published=name, pixels=pixels)
    preset = name.removesuffix("_imagenet") if cv else ""
    if preset in ARCHITECTURES:
        published = name if name.endswith("_imagenet") and preset in PUBLISHED else None
        return Foreign(library, name, *ARCHITECTURES[preset], published, pixels)
    if name[0].isupper():
        return Foreign(library, name, name, pixels=pixels)
    return Foreign(library, name, published=name, pixels=pixels)


def _of_network(setting: NetworkSetting) -> Foreign:
    module = str(setting.get("registered_name") or setting.get("module") or "")
    library = next((name for name in LIBRARIES if module.startswith(name)), "")
    config = setting.get("config") or {}
    pixels = {"keras_hub": _IMAGENET, "keras_cv": _SHARE}.get(library)
    if library == "keras_cv" and config.get("include_rescaling"):
        pixels = _WHOLE
    values, weights = dict(setting), setting.weights
    return Foreign(library, setting.label, pixels=pixels, architecture=values, weights=weights)


def near(name: str, known: Iterable[str]) -> str:
    """Returns `"Did you mean a or b? "`, or nothing if no known name is near."""
    lower = {each.lower(): each for each in known}
    found = difflib.get_close_matches(name.lower(), list(lower), n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(lower[each] for each in found)}? " if found else ""


def ways_offline() -> str:
    """Returns a sentence with what is built without a network connection."""
    return (
        f"Without a network connection: {', '.join(f'keras_cv:{name}' for name in ARCHITECTURES)}; "
        "a class with its backbone_options; a keras.Model; a folder of save_to_preset."
    )


def install_hint(library: str) -> str:
    """Returns the command that installs a library with the versions that tfseg is tested with."""
    return f"pip install 'tfseg[{library.replace('_', '-')}]'"
