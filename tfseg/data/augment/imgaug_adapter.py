"""Any imgaug augmenter, applied to an image and all its annotations in one call.

imgaug moves three things: the image, a map that says where each pixel came from, and the
keypoints. The map travels as imgaug's segmentation maps do, so it takes the nearest pixel and is
left alone by blur and colour. Masks and label maps are then looked up through it: their cost
depends on their size, not on the augmenter, and three hundred objects move like one.

Augmenters are made for three colours. A grey image goes through as three equal ones and comes
back as their brightness; channels behind the colours, such as depth, are looked up as label maps
are: they move with the image, and keep their values where colours change.
"""

from __future__ import annotations

import copy
import dataclasses
import threading
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.data.augment.imgaug_compat import iaa, imgaug
from tfseg.data.augment.pixel_source import PixelSource
from tfseg.data.images.channels import grey
from tfseg.errors import ConfigError, DataError
from tfseg.structures.label_maps import LabelMapKind
from tfseg.structures.labels import COCO_KEYPOINT_FLIP
from tfseg.structures.sample import Sample
from tfseg.structures.semantic import CLASS_MAP, class_map

__all__ = ["Augmenter"]


class Augmenter:
    """Changes a sample at random: `augmenter(sample, seed) -> Sample`, the same for equal seeds.

    - Masks, label maps and keypoints follow the image. What comes from outside it is in no mask;
      in a label map it is what the map's kind says (`tfseg.structures.label_maps`), by default
      255, ignored: black corners taught as background are found nowhere else.
    - Boxes are taken from the moved masks. Objects without a pixel are dropped, with everything
      that belongs to them; crowd flags stay.
    - Keypoints that leave the image become `(0, 0, 0)`.
    - If the image was mirrored, by whatever augmenter, left and right keypoints change places
      and so do the numbers that a label map's kind pairs.

    It may be used from several threads at once, and never touches a global random state.

    Args:
        augmenter: An imgaug augmenter, or a list of them, applied in order.
        keypoint_flip: Row k of a mirrored image's keypoints is row `keypoint_flip[k]` of the
            original's. None: COCO's 17 points; other numbers of points are refused in a mirrored
            image, because left would turn into right unnoticed.
        label_map_flips: name of a label map to the pairs of numbers that change places, where
            they are to be others than the map's kind has.
        label_map_fill: name of a label map to the number of pixels from outside the image, where
            it is to be another.
        with_class_map: Give a sample that has no class map one, made from its masks, before it is
            moved: only a map can say afterwards which pixels came from outside.

    Raises:
        ConfigError: If `augmenter` is none of imgaug's, or `keypoint_flip` is no permutation.
    """

    def __init__(
        self,
        augmenter,
        *,
        keypoint_flip: Sequence[int] | None = None,
        label_map_flips: Mapping[str, Sequence[tuple[int, int]]] | None = None,
        label_map_fill: Mapping[str, int] | None = None,
        with_class_map: bool = False,
    ):
        if isinstance(augmenter, (list, tuple)):
            augmenter = iaa.Sequential(list(augmenter))
        if not isinstance(augmenter, iaa.Augmenter):
            raise ConfigError(
                f"Augmenter expects an imgaug augmenter or a list of them, got "
                f"{type(augmenter).__name__}. Named sets: tfseg.data.augment.presets.build(name)."
            )
        flip = None if keypoint_flip is None else tuple(int(k) for k in keypoint_flip)
        if flip is not None and sorted(flip) != list(range(len(flip))):
            raise ConfigError(
                f"keypoint_flip must name each of the positions 0 to {len(flip) - 1} once, got "
                f"{flip}."
            )
        self.augmenter = augmenter
        self.keypoint_flip = flip
        self.label_map_flips = {k: tuple(v) for k, v in (label_map_flips or {}).items()}
        self.label_map_fill = {k: int(v) for k, v in (label_map_fill or {}).items()}
        self.with_class_map = bool(with_class_map)
        self._own = threading.local()
        # imgaug finds keypoints under these by drawing an image for each point: gigabytes for a
        # crowd. They are looked up in the pixel map instead.
        drawn = (iaa.PiecewiseAffine, iaa.ElasticTransformation)
        everyone = [augmenter, *augmenter.get_all_children(flat=True)]
        self._is_warp = any(isinstance(one, drawn) for one in everyone)

    def __repr__(self) -> str:
        flip = "" if self.keypoint_flip is None else f", keypoint_flip={self.keypoint_flip}"
        return f"Augmenter({self.augmenter!r}{flip})"

    def __getstate__(self) -> dict:
        return {name: value for name, value in self.__dict__.items() if name != "_own"}

    def __setstate__(self, state: dict):
        self.__dict__.update(state)
        self._own = threading.local()

    def __call__(self, sample: Sample, seed: int) -> Sample:
        """Returns the changed sample; equal seeds give equal samples.

        Raises:
            DataError: If imgaug fails on this image, or a mirrored image has keypoints whose
                left and right are unknown.
        """
        if self.with_class_map and CLASS_MAP not in sample.label_maps:
            maps = {**sample.label_maps, CLASS_MAP: class_map(sample)}
            sample = sample.replace(label_maps=maps)
        colours, others = _colours(sample.image)
        image, source, points = self._apply(sample, colours, int(seed))
        if sample.image.shape[2] != 3:
            moved = [source.label_map(others[..., k]) for k in range(others.shape[2])]
            front = image if sample.image.shape[2] > 3 else grey(image)
            image = np.concatenate([front, *[channel[..., None] for channel in moved]], axis=2)
        masks, boxes = source.masks(sample.masks)
        kinds = {name: self._kind(sample, name) for name in sample.label_maps}
        label_maps = {
            name: source.label_map(labels, kinds[name].fill)
            for name, labels in sample.label_maps.items()
        }
        keypoints, mirrored = self._locate(sample, source, points)
        if mirrored:
            keypoints = self._flip_keypoints(sample, keypoints)
            label_maps = {name: kinds[name].mirrored(v) for name, v in label_maps.items()}
        kept = boxes[:, 2] > boxes[:, 0]
        moved = Sample(
            image=image,
            image_id=sample.image_id,
            class_ids=sample.class_ids,
            masks=masks,
            boxes=boxes,
            is_crowd=sample.is_crowd,
            keypoints=keypoints,
            label_maps=label_maps,
            annotation_ids=sample.annotation_ids,
            path=sample.path,
            label_map_kinds=sample.label_map_kinds,
        )
        return moved if kept.all() else moved.take(kept)

    def _apply(self, sample: Sample, colours: np.ndarray, seed: int):
        """Runs imgaug once: the colours, where their pixels came from, and points (see
        `_locate`)."""
        augmenter = getattr(self._own, "augmenter", None)
        if augmenter is None:
            augmenter = self._own.augmenter = copy.deepcopy(self.augmenter)
        height, width = sample.size
        inputs = {
            "image": colours,
            "segmentation_maps": imgaug.SegmentationMapsOnImage(
                PixelSource.encode(height, width), shape=colours.shape
            ),
        }
        if not self._is_warp:
            points = np.array([(0.5, 0.5), (0.75, 0.5), (0.5, 0.75)]) * (width, height)
            if sample.keypoints is not None:
                # imgaug counts from the image's corner, COCO from the first pixel's centre.
                own = sample.keypoints[..., :2].reshape(-1, 2) + 0.5
                points = np.concatenate([points, own])
            inputs["keypoints"] = imgaug.KeypointsOnImage.from_xy_array(points, shape=colours.shape)
        try:
            augmenter.seed_(seed, deterministic_too=True)
            image, field, *points = augmenter(**inputs)
        except Exception as error:
            raise DataError(
                f"{sample.where}: imgaug failed on an image of {height} x {width} (height x "
                f"width), seed {seed}: {type(error).__name__}: {error}"
            ) from error
        image, field = np.ascontiguousarray(image), field.arr
        if image.shape != (*field.shape[:2], 3) or image.dtype != np.uint8:
            raise DataError(
                f"{sample.where}: the augmenter made an image {image.dtype} {image.shape} with "
                f"annotations of {field.shape[:2]}; it must keep them together and RGB uint8."
            )
        points = points[0].to_xy_array() if points else None
        return image, PixelSource(field, sample.size), points

    def _locate(self, sample: Sample, source: PixelSource, points: np.ndarray | None):
        """Returns the moved keypoints, float32 `(N, K, 3)` or None, and if left became right."""
        if points is None:
            mirrored = source.is_mirrored()
        else:
            (ax, ay), (bx, by) = points[1] - points[0], points[2] - points[0]
            mirrored = ax * by - ay * bx < 0
        if sample.keypoints is None:
            return None, mirrored
        if points is None:
            places = source.points(sample.keypoints[..., :2].reshape(-1, 2))
        else:
            places = points[3:] - 0.5
        keypoints = sample.keypoints.copy()
        keypoints[..., :2] = places.reshape(keypoints[..., :2].shape)
        x, y, visibility = np.moveaxis(keypoints, -1, 0)
        height, width = source.size
        with np.errstate(invalid="ignore"):
            inside = (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)
        return np.where((inside & (visibility > 0))[..., None], keypoints, 0), mirrored

    def _flip_keypoints(self, sample: Sample, keypoints: np.ndarray | None) -> np.ndarray | None:
        if keypoints is None or keypoints.shape[1] == 0:
            return keypoints
        flip = COCO_KEYPOINT_FLIP if self.keypoint_flip is None else self.keypoint_flip
        if len(flip) != keypoints.shape[1]:
            raise DataError(
                f"{sample.where}: mirrored, but which of its {keypoints.shape[1]} keypoints are "
                f"left and right is unknown (keypoint_flip has {len(flip)}). Pass "
                f"Augmenter(..., keypoint_flip=(...)) with one position for each keypoint."
            )
        return keypoints[:, list(flip)]

    def _kind(self, sample: Sample, name: str) -> LabelMapKind:
        kind = sample.label_map_kind(name)
        return dataclasses.replace(
            kind,
            fill=self.label_map_fill.get(name, kind.fill),
            swaps=self.label_map_flips.get(name, kind.swaps),
        )


def _colours(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns uint8 `(H, W, 3)` that imgaug can change, and the channels behind the colours."""
    channels = image.shape[2]
    if channels == 3:
        return image, image[..., 3:]
    if channels > 3:
        return np.ascontiguousarray(image[..., :3]), image[..., 3:]
    return np.repeat(image[..., :1], 3, axis=2), image[..., 1:]
