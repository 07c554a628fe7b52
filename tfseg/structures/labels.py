"""Names and numbers of what people are labelled with: COCO keypoints, CCIHP parts and traits.

Keypoints follow COCO (Lin et al., 2014). Body parts and their traits follow CCIHP (characterised
CIHP); the numbers of sizes, patterns and colours follow the order of that work's result tables.
Left and right are always the person's own.
"""

from __future__ import annotations

from collections.abc import Mapping

from tfseg.structures.label_maps import LabelMapKind

__all__ = [
    "CCIHP_ATTRIBUTES",
    "CCIHP_CHARACTERIZED",
    "CCIHP_COLORS",
    "CCIHP_PATTERNS",
    "CCIHP_SIZES",
    "COCO_KEYPOINTS",
    "COCO_KEYPOINT_FLIP",
    "COCO_SKELETON",
    "LABEL_MAP_FLIPS",
    "LABEL_MAP_KINDS",
]

COCO_KEYPOINTS: tuple[str, ...] = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)

# Row k of a mirrored image's keypoints is row COCO_KEYPOINT_FLIP[k] of the original's.
COCO_KEYPOINT_FLIP: tuple[int, ...] = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)

# Pairs of positions in COCO_KEYPOINTS that a bone joins, counted from 0 (COCO's file: from 1).
COCO_SKELETON: tuple[tuple[int, int], ...] = (
    (15, 13),
    (13, 11),
    (16, 14),
    (14, 12),
    (11, 12),
    (5, 11),
    (6, 12),
    (5, 6),
    (5, 7),
    (6, 8),
    (7, 9),
    (8, 10),
    (1, 2),
    (0, 1),
    (0, 2),
    (1, 3),
    (2, 4),
    (3, 5),
    (4, 6),
)

# Position = number in the "attributes" label map; 0 is everything that is no part of a person.
CCIHP_ATTRIBUTES: tuple[str, ...] = (
    "background",
    "hat",
    "hair",
    "glove",
    "glasses",
    "upper_clothes",
    "mask",
    "coat",
    "socks",
    "pants",
    "torso_skin",
    "scarf",
    "skirt",
    "face",
    "left_arm",
    "right_arm",
    "left_leg",
    "right_leg",
    "left_shoe",
    "right_shoe",
)

# Attributes that have a size, a pattern and a colour: all but bare skin.
CCIHP_CHARACTERIZED: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 18, 19)

CCIHP_SIZES: tuple[str, ...] = (
    "background",
    "short_small",
    "long_large",
    "undetermined",
    "sparse_bald",
)

CCIHP_PATTERNS: tuple[str, ...] = ("background", "solid", "geometrical", "fancy", "letters")

CCIHP_COLORS: tuple[str, ...] = (
    "background",
    "dark",
    "medium",
    "light",
    "brown",
    "red",
    "pink",
    "yellow",
    "orange",
    "green",
    "blue",
    "purple",
    "multicolor",
)

# Label map -> pairs of numbers that change places when an image is mirrored left to right.
LABEL_MAP_FLIPS: dict[str, tuple[tuple[int, int], ...]] = {
    "attributes": ((14, 15), (16, 17), (18, 19)),
}

LABEL_MAP_KINDS: Mapping[str, LabelMapKind] = {
    "attributes": LabelMapKind(CCIHP_ATTRIBUTES[1:], swaps=LABEL_MAP_FLIPS["attributes"]),
    "sizes": LabelMapKind(CCIHP_SIZES[1:]),
    "patterns": LabelMapKind(CCIHP_PATTERNS[1:]),
    "colors": LabelMapKind(CCIHP_COLORS[1:]),
}
"""The maps of CCIHP by name; maps of these names are so also where nobody declares them."""
