"""What the network gets of an image's people: their windows, and in training what to learn."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfseg.errors import DataError
from tfseg.geometry import affine
from tfseg.models.pose2seg.config import Pose2SegConfig
from tfseg.models.pose2seg.skeleton.alignment import Alignment, align, whole_frame
from tfseg.structures import Sample
from tfseg.structures.labels import COCO_KEYPOINTS
from tfseg.structures.poses import annotated_keypoints

__all__ = [
    *("Plan", "disturbed", "encode", "network_image", "plan", "training_inputs", "window_change"),
    "window_masks",
]


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """How an image and its people reach the network, and the way back.

    Attributes:
        size: `(H, W)` of the image.
        image: float64 `(2, 3)`, from the image to the network's input.
        joints: float64 `(N, 17, 3)` in cells of the feature map, with visibility.
        align: float64 `(N, 2, 3)`, from the feature map to each person's window.
        windows: float64 `(N, 2, 3)`, from the image to each person's window; its inverse brings
            masks back.
        alignment: How the windows were found; before a change in training.
    """

    size: tuple[int, int]
    image: np.ndarray
    joints: np.ndarray
    align: np.ndarray
    windows: np.ndarray
    alignment: Alignment

    def __len__(self) -> int:
        return len(self.align)


def plan(
    keypoints: np.ndarray,
    size: tuple[int, int],
    config: Pose2SegConfig,
    random: np.random.Generator | None = None,
) -> Plan:
    """Returns where each person's window lies.

    Args:
        keypoints: float `(N, 17, 3)`, x, y in pixels of the image and visibility. N may be 0.
        size: `(H, W)` of the image.
        config: The model's settings.
        random: Moves joints and windows as in training; None leaves them.

    Raises:
        DataError: For another shape, or a joint that is there and has no finite place.
    """
    keypoints = _checked(keypoints)
    if random is not None:
        keypoints = disturbed(keypoints, config.joint_noise, config.joint_dropout, random)
    cells, side = config.feature_size, config.window
    image = affine.letterbox(size, (config.image_size, config.image_size))
    to_cells = affine.compose(affine.scaling(cells / config.image_size), image)
    joints = affine.transform(keypoints, to_cells)
    if config.use_affine:
        found = align(joints, config.pose_templates, (cells, cells), side, **config.alignment)
    else:
        found = _unaligned(len(joints), cells, side, config)
    matrices = found.matrices
    if random is not None and len(joints):
        change = window_change(config, len(joints), random)
        matrices = affine.compose(change, matrices)
    return Plan(size, image, joints, matrices, affine.compose(matrices, to_cells), found)


def _checked(keypoints) -> np.ndarray:
    keypoints = np.asarray(keypoints, np.float64)
    if keypoints.ndim != 3 or keypoints.shape[1:] != (len(COCO_KEYPOINTS), 3):
        raise DataError(
            f"expected poses of COCO's 17 joints, (N, 17, 3), got {keypoints.shape}. "
            "tfseg.structures.poses.coco_poses brings other joints into this form."
        )
    seen = keypoints[..., 2:] > 0
    keypoints = np.where(seen, keypoints, 0.0)
    if not np.isfinite(keypoints).all():
        person, joint = (int(index[0]) for index in np.nonzero(~np.isfinite(keypoints).all(axis=2)))
        raise DataError(
            f"{COCO_KEYPOINTS[joint]} of person {person} has no finite place. Give joints that "
            "are missing the visibility 0."
        )
    return keypoints


def _unaligned(count: int, cells: int, side: int, config: Pose2SegConfig) -> Alignment:
    whole = np.broadcast_to(whole_frame((cells, cells), side), (count, 2, 3)).copy()
    fits = np.full(count, np.inf if config.alignment["rule"] == "error" else 0.0)
    return Alignment(whole, np.full(count, -1), np.zeros(count, bool), fits)


def window_change(config: Pose2SegConfig, count: int, random: np.random.Generator) -> np.ndarray:
    """Returns a turn, scale and shift about the middle of the window for each person, float64
    `(N, 2, 3)`, of the settings `rotation`, `scale_change` and `shift`."""
    side = config.window
    angle = np.radians(random.uniform(-config.rotation, config.rotation, count))
    scale = random.uniform(1 - config.scale_change, 1 + config.scale_change, count)
    moved = random.uniform(-config.shift, config.shift, (count, 2)) * side
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.stack([np.stack([a, -b], axis=-1), np.stack([b, a], axis=-1)], axis=-2)
    middle = np.array([side / 2, side / 2])
    return np.concatenate([linear, (moved + middle - linear @ middle)[..., None]], axis=-1)


def disturbed(
    keypoints: np.ndarray, noise: float, dropout: float, random: np.random.Generator
) -> np.ndarray:
    """Returns poses as an estimator might give them, float64 `(N, 17, 3)`.

    Args:
        keypoints: float `(N, 17, 3)`.
        noise: Standard deviation of each coordinate, as a share of the person's longer side.
        dropout: Chance of each joint to be missing.
        random: Where chance comes from.
    """
    keypoints = np.array(keypoints, np.float64)
    if not len(keypoints) or (noise == 0 and dropout == 0):
        return keypoints
    seen = keypoints[..., 2] > 0
    places = keypoints[..., :2]
    highest = np.where(seen[..., None], places, -np.inf).max(axis=1)
    lowest = np.where(seen[..., None], places, np.inf).min(axis=1)
    side = np.where(seen.any(axis=1), (highest - lowest).max(axis=1, initial=0), 0.0)
    keypoints[..., :2] += noise * side[:, None, None] * random.standard_normal(places.shape)
    keep = seen & (random.random(seen.shape) >= dropout)
    return np.where(keep[..., None], keypoints, 0.0)


def network_image(image: np.ndarray, planned: Plan, config: Pose2SegConfig) -> np.ndarray:
    """Returns the image as the network gets it, uint8 `(S, S, 3)`, padded with black. Large images
    are averaged, but not for the public weights, whose code reads single pixels."""
    frame = (config.image_size, config.image_size)
    filtered = config.sampling == "exact"
    return affine.warp_image(image, planned.image, frame, filtered=filtered)


def window_masks(masks: np.ndarray, planned: Plan, config: Pose2SegConfig) -> np.ndarray:
    """Returns each person's mask as its window shows it, `(N, a, a)`: uint8 of 0 and 1, read at
    single pixels as the public code does; with `soft_targets` float32, the share of each pixel.

    Args:
        masks: bool `(N, H, W)`.
        planned: Of `plan`.
        config: The model's settings.
    """
    size = (config.window, config.window)
    pairs = list(zip(np.asarray(masks), planned.windows, strict=True))
    if config.soft_targets:
        shown = [affine.warp_image(mask.astype(np.float32), m, size) for mask, m in pairs]
        return np.array(shown, np.float32).reshape(-1, *size)
    shown = [affine.warp_mask(mask, m, size, filtered=False) for mask, m in pairs]
    return np.array(shown, np.uint8).reshape(-1, *size)


def training_inputs(
    image: np.ndarray,
    keypoints: np.ndarray,
    masks: np.ndarray,
    config: Pose2SegConfig,
    random: np.random.Generator | None = None,
) -> dict[str, np.ndarray]:
    """Returns the inputs of one training image, padded to `people_per_image` places.

    People without a joint or without a pixel are left out; so are, drawn by chance, those for whom
    there is no place.

    Args:
        image: uint8 `(H, W, 3)`.
        keypoints: float `(N, 17, 3)`.
        masks: bool `(N, H, W)`.
        config: The model's settings.
        random: See `plan`; None takes the first people.

    Returns:
        `image`, `align`, `joints`, `masks`, `valid`, see `Pose2SegNetwork`, without a batch axis.
    """
    places, side = config.people_per_image, config.window
    usable = (np.asarray(keypoints)[..., 2] > 0).any(axis=1) & masks.any(axis=(1, 2))
    chosen = np.flatnonzero(usable)
    if len(chosen) > places:
        chosen = chosen[:places] if random is None else random.choice(chosen, places, replace=False)
        chosen = np.sort(chosen)
    planned = plan(keypoints[chosen], image.shape[:2], config, random)
    count = len(planned)
    rows = {
        "align": np.zeros((places, 2, 3), np.float32),
        "joints": np.zeros((places, len(COCO_KEYPOINTS), 3), np.float32),
        "masks": np.zeros((places, side, side), np.float32 if config.soft_targets else np.uint8),
        "valid": np.arange(places) < count,
    }
    rows["align"][:count], rows["joints"][:count] = planned.align, planned.joints
    rows["masks"][:count] = window_masks(masks[chosen], planned, config)
    return {"image": network_image(image, planned, config), **rows}


def encode(
    sample: Sample, config: Pose2SegConfig, random: np.random.Generator | None = None
) -> dict[str, np.ndarray]:
    """Returns the inputs of one training sample, see `training_inputs`; crowd regions teach
    nothing.

    Raises:
        DataError: If the sample has no keypoints, or not COCO's.
    """
    keypoints = annotated_keypoints(sample)
    if keypoints is None:
        raise DataError(
            f"{sample.where}: its dataset has no keypoints, which people are told apart by. Take "
            "one with COCO's 17 (person_keypoints_*.json), or drawn people."
        )
    single = ~sample.is_crowd
    try:
        return training_inputs(
            sample.image, keypoints[single], sample.masks[single], config, random
        )
    except DataError as error:
        raise DataError(f"{sample.where}: {error}") from None
