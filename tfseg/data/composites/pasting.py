"""Pasting one person into an image, and flattening all of them with exact truth."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from tfseg.data.composites.composite_layout import Placement
from tfseg.data.composites.cutouts import Cutout, Tones
from tfseg.geometry.shrink import resize_image, resize_nearest
from tfseg.opencv import cv2
from tfseg.structures.label_maps import LabelMapKind
from tfseg.structures.labels import COCO_KEYPOINT_FLIP, COCO_KEYPOINTS

__all__ = ["Composition", "Layer", "flatten", "flatten_joints", "flatten_map", "paste"]


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
    """One person as pasted, within the image.

    Attributes:
        top: First row of the window in the image.
        left: First column.
        colours: uint8 `(h, w, 3)`.
        alpha: float32 `(h, w)`, 0 to 1: how much of each pixel is the person.
        shade: float32 `(h, w)`, 0 to 1: how much the shadow darkens what lies behind.
        source: Image of the people's dataset, and person in it.
        label_maps: name to int `(h, w)`, what the maps say there if it is the person.
        label_map_kinds: What the maps' numbers mean, by name.
        joints: float32 `(17, 3)` of x, y in pixels of the image and COCO's visibility; or None.
    """

    top: int
    left: int
    colours: np.ndarray
    alpha: np.ndarray
    shade: np.ndarray
    source: tuple[int, int]
    label_maps: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    label_map_kinds: Mapping[str, LabelMapKind] = dataclasses.field(default_factory=dict)
    joints: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Composition:
    """What a composite is made of, before it is flattened.

    Attributes:
        backdrop: uint8 `(H, W, 3)`.
        layers: The people, the farthest first.
        grain: Noise that is added to the flattened image, float32 `(H, W, 1)`.
    """

    backdrop: np.ndarray
    layers: tuple[Layer, ...]
    grain: np.ndarray


def paste(
    placement: Placement,
    size: tuple[int, int],
    place: Tones,
    *,
    feather: float,
    match: float,
    shadow: float,
) -> Layer | None:
    """Returns a person as pasted, cut to the image; None if nothing is in it.

    Args:
        placement: Who, and where.
        size: `(H, W)` of the image.
        place: The light there.
        feather: Width of the soft edge in pixels.
        match: How much of the light the person takes on, 0 to 1.
        shadow: Strength of the shadow on the ground, 0 to 1.
    """
    margin = 2 + round(2 * feather + 0.06 * placement.size[0] * (shadow > 0))
    top, left = placement.top - margin, placement.left - margin
    bottom = placement.top + placement.size[0] + margin
    right = placement.left + placement.size[1] + margin
    y1, x1 = max(top, 0), max(left, 0)
    y2, x2 = min(bottom, size[0]), min(right, size[1])
    if y2 <= y1 or x2 <= x1:
        return None
    window = slice(y1 - top, y2 - top), slice(x1 - left, x2 - left)
    colours, mask = _resized(placement, margin)
    if feather:
        mask = cv2.GaussianBlur(mask, (0, 0), 0.45 * feather)
    alpha = np.ascontiguousarray(mask[window])
    shade = np.zeros_like(alpha)
    if shadow and not placement.cutout.cut[2]:
        shade = _shadow(mask, margin, shadow)[window]
    colours = _relit(np.ascontiguousarray(colours[window]), placement.cutout, place, match)
    cutout = placement.cutout
    maps = {name: _resized_map(placement, name, margin)[window] for name in cutout.label_maps}
    joints = None if cutout.joints is None else _placed_joints(placement)
    kinds = cutout.label_map_kinds
    return Layer(y1, x1, colours, alpha, shade, cutout.source, maps, kinds, joints)


def flatten(composition: Composition) -> tuple[np.ndarray, np.ndarray]:
    """Returns the image, uint8 `(H, W, 3)`, and the layer of each pixel, int32 `(H, W)`, 0 for
    the backdrop, counted from 1."""
    image = composition.backdrop.astype(np.float32)
    instances = np.zeros(image.shape[:2], np.int32)
    for number, layer in enumerate(composition.layers, start=1):
        height, width = layer.alpha.shape
        window = slice(layer.top, layer.top + height), slice(layer.left, layer.left + width)
        alpha, shade = layer.alpha[..., None], layer.shade[..., None]
        behind = image[window] * (1 - shade)
        image[window] = behind + (layer.colours - behind) * alpha
        instances[window][layer.alpha >= 0.5] = number
    image += composition.grain
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), instances


def flatten_map(composition: Composition, instances: np.ndarray, name: str) -> np.ndarray:
    """Returns one label map of the flattened image, int32 `(H, W)`, 0 where no person is.

    Args:
        composition: Its layers all have the map.
        instances: The layer of each pixel, from `flatten`.
        name: Of the map.
    """
    flat = np.zeros(instances.shape, np.int32)
    for number, layer in enumerate(composition.layers, start=1):
        height, width = layer.alpha.shape
        window = slice(layer.top, layer.top + height), slice(layer.left, layer.left + width)
        own = instances[window] == number
        flat[window][own] = layer.label_maps[name][own]
    return flat


def flatten_joints(composition: Composition, instances: np.ndarray) -> np.ndarray:
    """Returns the joints of each layer in the flattened image, float32 `(N, 17, 3)`: those under
    another person have the visibility 1, those outside the image are missing.

    Args:
        composition: Its layers all have joints.
        instances: The layer of each pixel, from `flatten`.
    """
    height, width = instances.shape
    joints = np.zeros((len(composition.layers), len(COCO_KEYPOINTS), 3), np.float32)
    for number, layer in enumerate(composition.layers, start=1):
        x, y = np.rint(layer.joints[:, :2]).astype(int).T
        seen = (layer.joints[:, 2] > 0) & (x >= 0) & (y >= 0) & (x < width) & (y < height)
        under = np.zeros(len(seen), bool)
        under[seen] = instances[y[seen], x[seen]] > number
        visible = np.where(under, 1, layer.joints[:, 2])
        row = np.concatenate([layer.joints[:, :2], visible[:, None]], axis=1)
        joints[number - 1] = np.where(seen[:, None], row, 0)
    return joints


def _placed_joints(placement: Placement) -> np.ndarray:
    """Returns a person's joints in pixels of the image."""
    joints = placement.cutout.joints.astype(np.float32)
    height, width = placement.cutout.mask.shape
    rows, columns = placement.size
    x = (joints[:, 0] + 0.5) * columns / width - 0.5
    y = (joints[:, 1] + 0.5) * rows / height - 0.5
    seen = joints[:, 2]
    if placement.mirrored:
        order = list(COCO_KEYPOINT_FLIP)
        x, y, seen = columns - 1 - x[order], y[order], seen[order]
    return np.stack([x + placement.left, y + placement.top, seen], axis=1)


def _resized_map(placement: Placement, name: str, margin: int) -> np.ndarray:
    """Returns one label map of a person, nearest pixels, int `(h, w)`, with a margin around it."""
    cutout = placement.cutout
    labels = resize_nearest(cutout.label_maps[name], placement.size)
    if placement.mirrored:
        labels = cutout.label_map_kinds[name].mirrored(labels[:, ::-1])
    return np.pad(labels, margin, mode="edge")


def _resized(placement: Placement, margin: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns colours uint8 `(h, w, 3)` and mask float32 `(h, w)`, with a margin around both."""
    image, mask = placement.cutout.image, placement.cutout.mask
    rows, columns = placement.size
    colours = resize_image(image, placement.size, enlarge=cv2.INTER_CUBIC)
    way = cv2.INTER_AREA if rows < mask.shape[0] else cv2.INTER_LINEAR
    mask = cv2.resize(mask, (columns, rows), interpolation=way).astype(np.float32) / 255
    if placement.mirrored:
        colours, mask = colours[:, ::-1], mask[:, ::-1]
    # Where the frame had cut the person off, the edge is none: it must not fade out there.
    top, left, bottom, right = placement.cutout.cut
    left, right = (right, left) if placement.mirrored else (left, right)
    sides = [(margin, margin, margin, margin)]
    colours = cv2.copyMakeBorder(colours, *sides[0], cv2.BORDER_REPLICATE)
    padded = cv2.copyMakeBorder(mask, *sides[0], cv2.BORDER_CONSTANT, value=0)
    for cut, edge, inner in (
        (top, np.s_[:margin, :], np.s_[margin : margin + 1, :]),
        (bottom, np.s_[-margin:, :], np.s_[-margin - 1 : -margin, :]),
        (left, np.s_[:, :margin], np.s_[:, margin : margin + 1]),
        (right, np.s_[:, -margin:], np.s_[:, -margin - 1 : -margin]),
    ):
        if cut:
            padded[edge] = padded[inner]
    return colours, padded


def _shadow(mask: np.ndarray, margin: int, strength: float) -> np.ndarray:
    """Returns a soft shadow on the ground around the feet, float32 `(h, w)`, 0 to 1."""
    rows = mask.shape[0] - 2 * margin
    feet = mask[max(0, mask.shape[0] - margin - max(2, round(0.06 * rows))) :]
    columns = np.flatnonzero((feet > 0.5).any(axis=0))
    shade = np.zeros_like(mask)
    if not len(columns):
        return shade
    middle = int(columns[0] + columns[-1]) // 2
    axes = int((columns[-1] - columns[0]) / 2 + 0.05 * rows), max(1, round(0.018 * rows))
    centre = middle, mask.shape[0] - margin - max(1, round(0.012 * rows))
    cv2.ellipse(shade, centre, axes, 0, 0, 360, float(strength), -1)
    return cv2.GaussianBlur(shade, (0, 0), max(0.6, 0.012 * rows))


def _relit(image: np.ndarray, cutout: Cutout, place: Tones, share: float) -> np.ndarray:
    """Returns colours moved from the light of the old place part of the way to that of the new."""
    if not share:
        return image
    old = cutout.scene
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    levels = np.arange(256, dtype=np.float32)
    table = np.empty((1, 256, 3), np.uint8)
    for channel in range(3):
        limit = 24.0 if channel == 0 else 6.0
        shift = np.clip(share * (place.mean[channel] - old.mean[channel]), -limit, limit)
        ratio = (place.spread[channel] + 4) / (old.spread[channel] + 4)
        gain = np.clip(ratio ** (0.6 * share), 0.8, 1.2)
        pivot = cutout.own.mean[0] if channel == 0 else 128.0
        values = pivot + gain * (levels - pivot) + shift
        table[0, :, channel] = np.clip(np.rint(values), 0, 255)
    return cv2.cvtColor(cv2.LUT(lab, table), cv2.COLOR_LAB2RGB)
