"""Making networks of keras_cv, keras_hub and the user's; the libraries are imported when one is
made, and nowhere else."""

from __future__ import annotations

import collections
import contextlib
import importlib
import inspect
import re
from collections.abc import Iterator, Mapping

import keras
from keras.src.backend.common import global_state

from tfseg.errors import ConfigError
from tfseg.nn.backbones.foreign_names import Foreign, install_hint, near, ways_offline

__all__ = ["construct", "fresh_names", "library_of", "policy"]

_SHAPES = ("image_shape", "input_shape")


def construct(
    source: Foreign, input_shape: tuple, options: Mapping, *, weights: bool = False
) -> keras.Model:
    """Returns the network that a source stands for: by its architecture where that is known, by its
    class, or as a preset, which the library itself finds in a folder or on its server.

    Args:
        source: See `tfseg.nn.backbones.foreign_names.find`.
        input_shape: Without the batch axis.
        options: Arguments of the library's constructor that replace those of the source.
        weights: Whether a preset is wanted with its weights.

    Raises:
        ConfigError: If it cannot be made.
    """
    library = library_of(source.library) if source.library else None
    if source.architecture is not None:
        return _deserialized(source, input_shape)
    if source.class_name:
        return _of_class(library, source, input_shape, options)
    return _preset(library, source, input_shape, options, weights)


def library_of(name: str):
    """Returns the imported library.

    Raises:
        ConfigError: If it is missing or cannot be imported, with the command that helps.
    """
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


def _of_class(library, source: Foreign, input_shape: tuple, options: Mapping) -> keras.Model:
    owner = getattr(library.models, source.class_name, None)
    if not isinstance(owner, type):
        classes = [name for name in vars(library.models) if name.endswith("Backbone")]
        raise ConfigError(
            f"backbone: {source.library}.models has no class {source.class_name}. "
            f"{near(source.class_name, classes)}{ways_offline()}"
        )
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
    settings[next((n for n in _SHAPES if n in known), _SHAPES[0])] = tuple(input_shape)
    try:
        return owner(**settings)
    except Exception as error:
        _refuse_open_size(source, input_shape, error)
        cause = re.sub(r"\s+", " ", str(error))[:300]
        raise ConfigError(
            f"backbone_options: {source.library}.models.{source.class_name} does not take "
            f"{dict(options)}: {type(error).__name__}: {cause} Its options are "
            f"{', '.join(known[1:])}."
        ) from error


def _preset(library, source: Foreign, input_shape: tuple, options: Mapping, weights: bool):
    owner, last = library.models.Backbone, None
    if source.library == "keras_cv":  # its base class knows folders and addresses alone
        owner = _owners(library).get(source.name, owner)
    more = {"include_rescaling": False} if source.library == "keras_cv" else {}
    for name in _SHAPES if source.library == "keras_hub" else _SHAPES[1:]:
        # Of keras_hub's classes all but one call it image_shape.
        shape = {name: tuple(input_shape)}
        try:
            return owner.from_preset(source.name, load_weights=weights, **shape, **more, **options)
        except (TypeError, ValueError) as error:
            last = error
            if name not in str(error):
                break
        except Exception as error:  # downloads fail in many ways
            last = error
            break
    _refuse_open_size(source, input_shape, last)
    cause = re.sub(r"\s+", " ", str(last))[:300]
    raise ConfigError(
        f"backbone: the preset {source.name!r} of {source.library} cannot be had "
        f"({type(last).__name__}: {cause}). {near(source.name, _owners(library))}Expected one that "
        f"{source.library} downloads once and keeps in ~/.cache/kagglehub, or a folder that "
        f"save_to_preset wrote. {ways_offline()}"
    ) from last


def _owners(library) -> dict[str, type]:
    """Returns the presets of a library's backbones, and the class of each."""
    classes = [
        each
        for name, each in vars(library.models).items()
        if name.endswith("Backbone") and isinstance(each, type)
    ]
    presets = {each: tuple(getattr(each, "presets", ())) for each in classes}
    # The classes of one size have the presets of their own size alone; the larger class is meant.
    ordered = sorted(classes, key=lambda each: len(presets[each]))
    return {name: each for each in ordered for name in presets[each]}


def _deserialized(source: Foreign, input_shape: tuple) -> keras.Model:
    """Returns the network of a stored architecture, for images of the shape that is wanted."""
    values = dict(source.architecture)
    config = dict(values.get("config") or {})
    config.pop("dtype", None)  # that of the settings, see `policy`
    for name in _SHAPES:
        if name in config:
            config[name] = list(input_shape)
    try:
        network = keras.saving.deserialize_keras_object({**values, "config": config})
        channels = network.inputs[0].shape[-1]
    except Exception as error:
        cause = re.sub(r"\s+", " ", str(error))[:300]
        raise ConfigError(
            f"backbone: {source} cannot be built from its configuration ({type(error).__name__}: "
            f"{cause}). Layers of your own must be imported before, with "
            "@keras.saving.register_keras_serializable."
        ) from error
    if channels != input_shape[-1]:
        raise ConfigError(
            f"backbone: {source} reads images of {channels} channels, and the settings say "
            f"channels={input_shape[-1]}."
        )
    sides = [(own, side) for own, side in zip(network.inputs[0].shape[1:3], input_shape[:2])]
    if any(own not in (None, side) for own, side in sides):
        raise ConfigError(
            f"backbone: {source} reads images of {sides[0][0]} x {sides[1][0]}, and the settings "
            f"need {sides[0][1] or 'any'} x {sides[1][1] or 'any'}. Build it for images of any "
            "size: keras.Input((None, None, 3))."
        )
    return network


def _refuse_open_size(source: Foreign, input_shape: tuple, error: Exception) -> None:
    if None in input_shape[:2] and "NoneType" in str(error):
        raise ConfigError(
            f"backbone: {source} needs a fixed size of input. Use image_fit='square'. "
            f"({type(error).__name__}: {error})"
        ) from error


@contextlib.contextmanager
def fresh_names() -> Iterator[None]:
    """Inside, Keras counts layers without a name from zero, so that a backbone's weights are called
    the same whatever was built before it: files know them by name."""
    before = global_state.get_global_attribute("object_name_uids")
    global_state.set_global_attribute("object_name_uids", collections.defaultdict(int))
    try:
        yield
    finally:
        global_state.set_global_attribute("object_name_uids", before)


@contextlib.contextmanager
def policy(dtype) -> Iterator[None]:
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
