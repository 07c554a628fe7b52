"""Networks of keras_cv and keras_hub as backbones with stages C2 to C5.

The only file that knows the two libraries; they are imported when such a backbone is built.
"""

from __future__ import annotations

import collections
import contextlib
import importlib
import inspect
import re
from collections.abc import Iterator, Mapping

import keras
import numpy as np
from keras.src.backend.common import global_state

from tfseg.errors import ConfigError, WeightsError
from tfseg.nn.backbones.foreign_names import Foreign, install_hint, suggestions
from tfseg.nn.layers.norm import FrozenBatchNormalization

__all__ = ["foreign_backbone", "published_backbone", "published_pixels", "stage_layers"]

_STRIDES = (4, 8, 16, 32)
_PROBE = 64


def foreign_backbone(
    source: Foreign,
    *,
    input_shape: tuple = (None, None, 3),
    norm_kind: str = "frozen",
    momentum: float = 0.99,
    options: Mapping | None = None,
    dtype=None,
) -> keras.Model:
    """Returns the backbone: image `(B, H, W, D)` float to `{"C2": ..., "C5": ...}`, random weights.

    Levels are chosen by their stride, because the libraries do not agree on their names. Layers
    behind the last of them are left out.

    Args:
        source: See `tfseg.nn.backbones.foreign_names.find`.
        input_shape: Without the batch axis; the channels must be known.
        norm_kind: "frozen" keeps the statistics of all batch normalisations while training,
            "batch" collects them.
        momentum: Of the statistics ("batch" only).
        options: Arguments of the library's constructor that replace those of `source`.
        dtype: Dtype or policy of all layers.

    Raises:
        ConfigError: If the library is missing or broken, refuses the options, or the backbone has
            no such levels; naming what would fit.
    """
    library = _library(source.library)
    with _fresh_names(), _policy(dtype):
        backbone = _construct(library, source, input_shape, options or {})
        backbone = _staged(backbone, source)
    _set_norms(backbone, norm_kind, momentum)
    return backbone


def published_backbone(source: Foreign, input_shape: tuple = (None, None, 3)) -> keras.Model:
    """Returns the backbone with the weights that its library publishes, which it downloads once.

    Args:
        source: With `published`.
        input_shape: Rows, columns, 3.

    Raises:
        WeightsError: Where they cannot be had, with the cause and the ways without them.
    """
    library = _library(source.library)
    owner = getattr(library.models, source.class_name or "Backbone")
    shape = _shape_option(source, input_shape)
    if source.library == "keras_cv":
        shape["include_rescaling"] = False
    try:
        with _fresh_names():
            backbone = owner.from_preset(source.published, load_weights=True, **shape)
            return _staged(backbone, source)
    except Exception as error:  # downloads and file formats fail in many ways
        cause = re.sub(r"\s+", " ", str(error))[:300]
        raise WeightsError(
            f"the weights of {source.library}:{source.published} cannot be had "
            f"({type(error).__name__}: {cause}). {source.library} downloads them from Kaggle at "
            "first use and keeps them in ~/.cache/kagglehub; copy that folder from a machine with "
            "network access, name a preset's folder instead "
            f"(backbone='{source.library}:/path/to/preset'), or set initial_weights=None to start "
            "from random weights."
        ) from error


def published_pixels(source: Foreign) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Returns `(mean, deviation)` that a preset's own preprocessing takes out of pixels of 0 to
    255, three numbers each; None where the library does not say."""
    if source.library != "keras_hub":
        return None
    try:
        converter = _library(source.library).layers.ImageConverter.from_preset(source.published)
    except Exception:  # not every preset has one, and this is only for comparison
        return None
    scale = np.broadcast_to(1.0 if converter.scale is None else converter.scale, 3)
    offset = np.broadcast_to(0.0 if converter.offset is None else converter.offset, 3)
    return tuple((-offset / scale).tolist()), tuple((1 / scale).tolist())


def stage_layers(backbone: keras.Model, stage: int) -> set[str]:
    """Returns the names of the layers that stages before `stage` do without.

    Args:
        backbone: Of `foreign_backbone`.
        stage: 3, 4 or 5.
    """
    before = keras.Model(backbone.inputs, backbone.output[f"C{stage - 1}"])
    earlier = {id(layer) for layer in before.layers}
    return {layer.name for layer in backbone.layers if id(layer) not in earlier}


def _library(name: str):
    try:
        importlib.import_module(f"{name}.models")
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            cause = f"{name} lacks {error.name}"
        else:
            cause = f"{name} is not installed"
        raise ConfigError(
            f"backbone: {cause}. Install it with: {install_hint(name)}, or choose resnet50, "
            "resnet101 or mobilenet_v2, which tfseg has itself."
        ) from error
    except Exception as error:  # an old library with a new Keras fails in its own ways
        other = "keras_hub" if name == "keras_cv" else "keras_cv"
        raise ConfigError(
            f"backbone: {name} is installed but cannot be imported with keras "
            f"{keras.__version__} ({type(error).__name__}: {error}). Install the versions that "
            f"tfseg is tested with: {install_hint(name)} -c constraints.txt, or take the same "
            f"kind of backbone from {other}."
        ) from error


def _construct(library, source: Foreign, input_shape: tuple, options: Mapping) -> keras.Model:
    if not source.class_name:
        return _from_folder(library, source, input_shape, options)
    owner = getattr(library.models, source.class_name)
    known = [n for n in inspect.signature(owner.__init__).parameters if n.islower()]
    unknown = sorted(set(options) - set(known))
    if unknown:
        # The constructors pass on what they do not know, and Keras swallows it.
        raise ConfigError(
            f"backbone_options: {source.library}.models.{source.class_name} has no option "
            f"{', '.join(unknown)}. It has: {', '.join(known[1:])}."
        )
    settings = {name: _listed(value) for name, value in {**source.options, **options}.items()}
    if source.library == "keras_cv":
        settings.setdefault("include_rescaling", False)
    settings.update(_shape_option(source, input_shape))
    try:
        return owner(**settings)
    except Exception as error:
        if None in input_shape[:2] and "NoneType" in str(error):
            raise ConfigError(
                f"backbone: {source.library}:{source.name} needs a fixed size of input. Use "
                f"image_fit='square'. ({type(error).__name__}: {error})"
            ) from error
        if not options:
            raise
        raise ConfigError(
            f"backbone_options: {source.library}.models.{source.class_name} does not take "
            f"{dict(options)}: {type(error).__name__}: {error}"
        ) from error


def _from_folder(library, source: Foreign, input_shape: tuple, options: Mapping) -> keras.Model:
    owner = library.models.Backbone
    try:
        shape = {"image_shape": input_shape}
        if source.library == "keras_cv":
            shape = {"input_shape": input_shape, "include_rescaling": False}
        try:
            return owner.from_preset(source.name, load_weights=False, **shape, **options)
        except (TypeError, ValueError) as error:
            if "image_shape" not in str(error):
                raise
            shape = {"input_shape": input_shape}
            return owner.from_preset(source.name, load_weights=False, **shape, **options)
    except Exception as error:
        cause = re.sub(r"\s+", " ", str(error))[:300]
        raise ConfigError(
            f"backbone: the preset {source.name!r} of {source.library} cannot be read "
            f"({type(error).__name__}: {cause}). Expected a folder that save_to_preset wrote, or "
            f"an address that can be reached. {suggestions(source.library)}"
        ) from error


def _shape_option(source: Foreign, input_shape: tuple) -> dict:
    hub = source.library == "keras_hub" and source.class_name != "EfficientNetBackbone"
    return {"image_shape" if hub else "input_shape": tuple(input_shape)}


def _staged(backbone: keras.Model, source: Foreign) -> keras.Model:
    """Returns the part of a backbone up to its levels at strides 4, 8, 16 and 32."""
    levels = _levels(backbone)
    shape = backbone.inputs[0].shape
    probe = (1, *[side or _PROBE for side in shape[1:3]], shape[-1])
    strides = {}
    if levels:
        found = keras.Model(backbone.inputs[0], levels).compute_output_shape(probe)
        for name, level in found.items():
            if len(level) == 4 and level[1] and probe[1] % level[1] == 0:
                # Of two levels at one stride the later one has seen more.
                strides[probe[1] // level[1]] = name
    missing = [stride for stride in _STRIDES if stride not in strides]
    if missing:
        has = ", ".join(f"{name} at stride {stride}" for stride, name in strides.items())
        raise ConfigError(
            f"backbone: {source.library}:{source.name} has no level at stride "
            f"{', '.join(map(str, missing))}, but a feature pyramid needs 4, 8, 16 and 32 (C2 to "
            f"C5); it has {has or 'no levels'}. {suggestions(source.library, source.name)}"
        )
    stages = {f"C{i}": levels[strides[2**i]] for i in range(2, 6)}
    name = re.sub(r"\W+", "_", f"{source.library}_{source.name}").strip("_")
    return keras.Model(backbone.inputs[0], stages, name=name)


def _levels(backbone: keras.Model) -> dict:
    outputs = getattr(backbone, "pyramid_outputs", None)
    if outputs:
        return dict(outputs)
    names = getattr(backbone, "pyramid_level_inputs", None) or {}
    return {level: backbone.get_layer(name).output for level, name in names.items()}


def _set_norms(backbone: keras.Model, kind: str, momentum: float) -> None:
    """Makes every batch normalisation, also those inside other layers, keep or collect its
    statistics."""
    if kind not in ("frozen", "batch"):
        raise ConfigError(
            f"norm: a backbone of keras_cv or keras_hub comes with its own normalisation, which "
            f"can be 'frozen' or 'batch'; got {kind!r}. Choose resnet50, resnet101 or "
            "mobilenet_v2 for that."
        )
    for layer in backbone._flatten_layers(include_self=False):
        if not isinstance(layer, keras.layers.BatchNormalization):
            continue
        if kind == "batch":
            layer.momentum = momentum
        elif type(layer) is keras.layers.BatchNormalization:
            # The layer exists and may sit inside another one, so it cannot be exchanged; the
            # subclass adds no state and changes nothing but which statistics are used.
            layer.__class__ = FrozenBatchNormalization
        else:
            raise ConfigError(
                f"norm: {type(layer).__name__} ({layer.name}) cannot keep its statistics; use "
                "norm='batch'."
            )


@contextlib.contextmanager
def _fresh_names() -> Iterator[None]:
    """Inside, Keras counts layers without a name from zero, so that a backbone's weights are called
    the same whatever was built before it: files know them by name."""
    before = global_state.get_global_attribute("object_name_uids")
    global_state.set_global_attribute("object_name_uids", collections.defaultdict(int))
    try:
        yield
    finally:
        global_state.set_global_attribute("object_name_uids", before)


@contextlib.contextmanager
def _policy(dtype) -> Iterator[None]:
    """Inside, layers get this dtype policy; few of the libraries' constructors pass one on."""
    before = keras.config.dtype_policy()
    if dtype is not None:
        keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _listed(value):
    """Returns tuples as the lists that the libraries compute with."""
    return [_listed(item) for item in value] if isinstance(value, (tuple, list)) else value
