"""Published weights for the backbone: ImageNet weights of Keras Applications by explicit names, and
those that keras_cv and keras_hub publish for their own backbones."""

from __future__ import annotations

import logging

import keras
import numpy as np

from tfseg.errors import WeightsError
from tfseg.nn.backbones.first_kernel import fit_channels
from tfseg.nn.backbones.foreign import published_backbone, published_pixels
from tfseg.nn.backbones.foreign_names import find
from tfseg.nn.backbones.imagenet import adapt, imagenet_name, weighted_layers
from tfseg.nn.backbones.resnet import BLOCKS
from tfseg.structures import LoadReport

__all__ = ["copy_backbone", "has_statistics", "load_imagenet", "load_initial", "load_preset"]

_LOG = logging.getLogger(__name__)


def load_initial(network: keras.Model) -> LoadReport | None:
    """Gives the backbone the weights that `config.initial_weights` names, if it names any."""
    loaders = {"imagenet": load_imagenet, "preset": load_preset}
    load = loaders.get(network.config.initial_weights)
    return None if load is None else load(network)


def has_statistics(network: keras.Model) -> bool:
    """True if a normalisation of the backbone has means that somebody learnt: not all are zero."""
    means = (weight for weight in network.backbone.weights if weight.name == "moving_mean")
    return any(np.any(keras.ops.convert_to_numpy(mean)) for mean in means)


def copy_backbone(source: keras.Model, backbone: keras.Model, *, flip_channels: bool) -> LoadReport:
    """Copies the weights of every layer of the backbone from the layer of its meaning in `source`.

    Args:
        source: A Keras Applications model without its top.
        backbone: Our ResNet or MobileNetV2.
        flip_channels: The source was trained on BGR images and ours come as RGB, see
            `tfseg.nn.backbones.imagenet.adapt`.

    Raises:
        WeightsError: If a layer is missing or has another shape.
    """
    theirs = {layer.name: layer for layer in source.layers}
    fitting = []
    for name, layer in weighted_layers(backbone).items():
        twin = theirs.get(imagenet_name(name))
        found = {} if twin is None else {w.name: np.asarray(w) for w in twin.weights}
        wanted = {w.name: tuple(w.shape) for w in layer.weights}
        epsilon = getattr(twin, "epsilon", 0.0)
        values = adapt(layer, found, epsilon=epsilon, flip_channels=flip_channels)
        values = {key: _fitted(value, wanted.get(key, ())) for key, value in values.items()}
        if {key: value.shape for key, value in values.items()} != wanted:
            raise WeightsError(
                f"layer {name}: expected weights {wanted} from {imagenet_name(name)!r} of "
                f"{source.name}, found { ({k: v.shape for k, v in found.items()}) }."
            )
        fitting.append((layer, values))
    for layer, values in fitting:
        for weight in layer.weights:
            weight.assign(values[weight.name])
    loaded = tuple(layer.name for layer, _ in fitting)
    return LoadReport(loaded=loaded, source=f"ImageNet weights of {source.name}")


def load_imagenet(network: keras.Model) -> LoadReport:
    """Gives the backbone ImageNet weights, which Keras downloads once and keeps.

    Raises:
        WeightsError: Where they cannot be had, naming the way without them, or where the backbone
            computes in another way than theirs.
    """
    config = network.config
    if config.backbone in BLOCKS and (config.stride_on_3x3 or not config.conv_bias):
        raise WeightsError(
            f"Keras Applications' {config.backbone} has biases, and the strides on its 1x1 "
            "convolutions; a backbone with stride_on_3x3=True or conv_bias=False, as origin="
            "'torchvision' has, would compute something else from its ImageNet weights. Use "
            "origin='matterport', or start from torchvision's weights by load_weights(...)."
        )
    shape = (None, None, 3)
    try:
        if config.backbone in BLOCKS:
            maker = {
                "resnet50": keras.applications.ResNet50,
                "resnet101": keras.applications.ResNet101,
            }[config.backbone]
            source = maker(include_top=False, weights="imagenet", input_shape=shape)
        else:
            source = keras.applications.MobileNetV2(
                include_top=False,
                weights="imagenet",
                alpha=config.backbone_width,
                input_shape=shape,
            )
    except Exception as error:  # the download fails in many ways: URLError, OSError, Exception
        raise WeightsError(
            f"the ImageNet weights of {config.backbone} cannot be had: {error}. Keras downloads "
            "them at first use and keeps them in ~/.keras/models; copy them there from a machine "
            "with network access, or set initial_weights=None to start from random weights."
        ) from error
    report = copy_backbone(source, network.backbone, flip_channels=config.backbone in BLOCKS)
    _LOG.info("%s", report)
    return report


def load_preset(network: keras.Model) -> LoadReport:
    """Gives a backbone of keras_cv or keras_hub the weights that its library publishes for it.

    Raises:
        WeightsError: Where they cannot be had, or belong to another architecture.
    """
    source = find(network.config.backbone)
    published = published_backbone(source, (*network.backbone.input_shape[1:3], 3))
    theirs = {weight.path: np.asarray(weight) for weight in published.weights}
    ours = {weight.path: weight for weight in network.backbone.weights}
    values = {
        path: _fitted(theirs[path], tuple(weight.shape))
        for path, weight in ours.items()
        if path in theirs
    }
    wrong = [path for path, value in values.items() if value.shape != tuple(ours[path].shape)]
    wrong += sorted(set(ours) ^ set(theirs))
    if wrong:
        raise WeightsError(
            f"the weights published as {source.library}:{source.published} are those of another "
            f"architecture than its name says ({len(wrong)} of {len(ours)} differ, such as "
            f"{wrong[0]}). Take another preset, or set initial_weights=None."
        )
    for path, weight in ours.items():
        weight.assign(values[path])
    _compare_pixels(network.config, published_pixels(source))
    layers = tuple(dict.fromkeys(path.rpartition("/")[0] for path in ours))
    report = LoadReport(loaded=layers, source=f"{source.library}:{source.published}")
    _LOG.info("%s", report)
    return report


def _fitted(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the first convolution's kernel for the image's channels, anything else as it is."""
    fits = value.ndim == 4 and len(shape) == 4 and value.shape[2] % 3 == 0
    if not fits or value.shape == shape or value.shape[2] > 12:
        return value
    changed = fit_channels(value, 3 * shape[2] // value.shape[2])
    return changed if changed.shape == shape else value


def _compare_pixels(config, published: tuple | None) -> None:
    """Warns where a preset's own preprocessing is another than the settings'."""
    if published is None or config.channels != 3:
        return
    mean, std = (np.broadcast_to(value, 3) for value in (config.pixel_mean, config.pixel_std))
    if not np.allclose(mean, published[0], atol=1) or not np.allclose(std, published[1], atol=1):
        _LOG.warning(
            "%s was trained with pixel_mean=%s and pixel_std=%s; the settings say %s and %s",
            config.backbone,
            *(np.round(value, 3).tolist() for value in published),
            config.pixel_mean,
            config.pixel_std,
        )
