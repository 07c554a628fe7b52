"""What a SavedModel is made of, as a system's graph module declares it.

The module, which `Estimator.serving_graph` names, has one function::

    def serving(estimator, *, my_option=None) -> Serving:

Its keyword arguments are the options that `model.export` takes for this system.

What clients of TensorFlow Serving expect: the signature `serving_default` takes image files, and
`images_uint8` and `images_float` arrays; the first axis of every output is the batch; an output
that holds files has a name that ends in `_bytes`, because a server writes only those as base64 into
its JSON, and no other output has.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import tensorflow as tf

from tfseg.config.base import nearest
from tfseg.errors import ConfigError, ExportError

__all__ = [
    *("Endpoint", "Input", "Serving", "check_options", "encoded_images", "graph_module"),
    *("options_of", "pixels"),
]


@dataclasses.dataclass(frozen=True)
class Input:
    """One tensor that a signature takes.

    Attributes:
        spec: Name, dtype and shape; the first axis is the batch.
        about: What it is, for the model card: dtype, shape, meaning.
        python: A value for the card's example in Python: what stands behind `name = `.
        rest: One row of it for the example of a REST request: JSON without single quotes, `@FILE@`
            where the base64 text of a file stands; empty where it would be too long to show.
    """

    spec: tf.TensorSpec
    about: str
    python: str
    rest: str = ""


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """One signature.

    Attributes:
        name: As clients ask for it.
        function: Takes a tensor for each input, in their order, and returns a dict of tensors.
        takes: The inputs.
        gives: Name of each output to what it is, for the model card: dtype, shape, meaning.
    """

    name: str
    function: Callable[..., dict[str, tf.Tensor]]
    takes: tuple[Input, ...]
    gives: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Serving:
    """All signatures, and what else the model card says of them.

    Attributes:
        endpoints: The signatures.
        shown: Name of the one that the card's examples call.
        python: Code that reads its `outputs`, a dict of tensors.
        grpc: Code that reads the gRPC `answer` to it.
        notes: What else a caller should know, paragraph by paragraph.
        zero: What class id 0 does: "pads", "is the background".
        facts: What a client must know besides, for the signature `describe`: plain values.
    """

    endpoints: tuple[Endpoint, ...]
    shown: str
    python: str
    grpc: str
    notes: tuple[str, ...]
    zero: str
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __getitem__(self, name: str) -> Endpoint:
        """Returns the signature of that name."""
        return {endpoint.name: endpoint for endpoint in self.endpoints}[name]


def encoded_images() -> Input:
    """Returns the input `encoded`, string `(B,)`: image files, see `tfseg.export.decoding`."""
    return Input(
        tf.TensorSpec((None,), tf.string, "encoded"),
        "string `(B,)`: image files, JPEG, PNG, GIF or BMP; their sizes may differ",
        '[open("a.jpg", "rb").read()]',
        '{"b64": "@FILE@"}',
    )


def pixels(dtype: tf.DType, channels: int = 3) -> Input:
    """Returns the input `images`, `(B, H, W, channels)`: images of one size."""
    shown = f"{dtype.name} `(B, H, W, {channels})`"
    values = "0 to 255" if dtype.is_integer else "0 to 255, or 0 to 1 where no value is above 1"
    return Input(
        tf.TensorSpec((None, None, None, channels), dtype, "images"),
        f"{shown}: images of one size, {values}{', RGB' if channels == 3 else ''}",
        f"...  # {dtype.name} (B, H, W, {channels})",
    )


def graph_module(estimator) -> ModuleType:
    """Returns the module that `estimator.serving_graph` names.

    Raises:
        ExportError: If the system names none.
    """
    if not estimator.serving_graph:
        raise ExportError(
            f"a {estimator.system!r} model cannot be exported: {type(estimator).__name__} names no "
            "serving_graph, a module with serving(estimator, **options); see "
            "tfseg.export.endpoints."
        )
    return importlib.import_module(estimator.serving_graph)


def options_of(function: Callable) -> set[str]:
    """Returns the names of a function's keyword arguments."""
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    parameters = inspect.signature(function).parameters.values()
    return {parameter.name for parameter in parameters if parameter.kind == keyword_only}


def check_options(estimator, given, own: set[str], common: set[str], what: str) -> None:
    """Raises ConfigError, with what there is, for options that an export does not have.

    Args:
        estimator: Whose export.
        given: Names of the options that were asked for.
        own: Those of this system.
        common: Those of all systems.
        what: The form, for the message.
    """
    for name in given:
        if name not in own | common:
            raise ConfigError(
                f"{name}: an export as {what!r} has no such option for a {estimator.system!r} "
                f"model. It takes {', '.join(sorted(own)) or 'none of its own'}; and, as every "
                f"system: {', '.join(sorted(common))}.{_meant(name, own | common)}"
            )


def _meant(name: str, known: set[str]) -> str:
    found = nearest(name, known)
    return found if "mean" in found else ""
