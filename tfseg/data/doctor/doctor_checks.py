"""What the doctor looks at in one sample."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from tfseg.data.images import jpeg_scan
from tfseg.data.images.images import stored_orientation
from tfseg.data.reading.problem import Problem
from tfseg.errors import DataError
from tfseg.structures import Sample
from tfseg.structures.sample import boxes_from_masks

__all__ = ["check_sample", "content_hash", "box_iou"]

MIN_SIDE = 32  # pixels; an image smaller than the stride of the coarsest feature map
TINY = 8  # pixels; below this an object covers one or two cells of the finest feature map
MIN_IOU = 0.5  # between the box given and the box of the mask (specification, section 7)


def content_hash(image: np.ndarray) -> bytes:
    """Returns a hash of an image's pixels and size."""
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image))
    return digest.digest()


def check_sample(
    sample: Sample, class_names: tuple[str, ...], *, size_is_stated: bool = True
) -> Iterator[Problem]:
    """Yields the problems of one image and its objects.

    Args:
        sample: The image.
        class_names: The classes of the dataset.
        size_is_stated: Whether its annotations say its size, so that the reader compared them.
    """
    yield from _check_image(sample)
    if sample.path is not None:
        yield from _check_orientation(sample, size_is_stated)
    yield from _check_ids(sample, class_names)
    yield from _check_shapes(sample)
    if sample.keypoints is not None:
        yield from _check_keypoints(sample)


def _image_problem(sample: Sample, severity: str, code: str, message: str) -> Problem:
    return Problem(severity, code, sample.where, message, _name(sample))


def _name(sample: Sample) -> str:
    return sample.path or str(sample.image_id)


def _object_problem(sample: Sample, row: int, severity: str, code: str, message: str) -> Problem:
    identity = sample.annotation_ids[row]
    identity = identity.item() if hasattr(identity, "item") else identity
    where = f"annotation {identity!r} of {sample.where}"
    return Problem(severity, code, where, message, _name(sample), identity)


def _check_image(sample: Sample) -> Iterator[Problem]:
    height, width = sample.size
    if min(height, width) < MIN_SIDE:
        yield _image_problem(
            sample,
            "warning",
            "small_image",
            f"the image has {height} x {width} pixels (height x width); nothing can be learnt "
            f"from a side below {MIN_SIDE}. Leave it out.",
        )
    elif max(height, width) > 5 * min(height, width):
        yield _image_problem(
            sample,
            "warning",
            "stretched_image",
            f"the image has {height} x {width} pixels (height x width); scaled to a square it "
            "is a thin strip. Cut it into pieces.",
        )
    if (sample.image == sample.image[:1, :1]).all():
        yield _image_problem(
            sample, "warning", "blank_image", "all pixels are of one colour. Look at the image."
        )
    if sample.path is not None:
        yield from _check_coded_data(sample)


def _check_orientation(sample: Sample, size_is_stated: bool) -> Iterator[Problem]:
    try:
        orientation = stored_orientation(sample.path)
    except DataError:
        return  # the sample came from elsewhere; a file that vanished is not its fault
    height, width = sample.size
    # Orientations 5 to 8 swap height and width, which readers compare with the annotations.
    if orientation in (2, 3, 4) or (orientation >= 5 and (height == width or not size_is_stated)):
        yield _image_problem(
            sample,
            "warning",
            "rotated_image",
            f"its EXIF tag turns or mirrors the image (orientation {orientation}), and "
            f"{'the size cannot tell' if size_is_stated else 'no size is stated that tells'} "
            "whether the annotations were made before or after. Draw them over it; "
            "if they are off, save the image without the tag.",
        )


def _check_coded_data(sample: Sample) -> Iterator[Problem]:
    """Yields what is wrong inside a JPEG file that reads without an error."""
    try:
        with open(sample.path, "rb") as file:
            data = file.read()
    except OSError:
        return  # the sample came from elsewhere; a file that vanished is not its fault
    if not data.startswith(b"\xff\xd8\xff"):
        return
    if jpeg_scan.lacks_data(data):
        message = (
            "the JPEG file lacks data although its end is there, so part of the image is grey or "
            "wrong. Fetch or export the file again, or take it out of the dataset."
        )
        yield _image_problem(sample, "error", "damaged_image", message)
    elif jpeg_scan.leaves_data(data):
        message = (
            "the JPEG file has data left over after the last row of the image, so some before it "
            "may be damaged. Look at the image, and fetch the file again if it is torn."
        )
        yield _image_problem(sample, "warning", "damaged_image", message)


def _check_ids(sample: Sample, class_names: tuple[str, ...]) -> Iterator[Problem]:
    count = len(class_names)
    for row in np.flatnonzero((sample.class_ids < 1) | (sample.class_ids > count)):
        yield _object_problem(
            sample,
            row,
            "error",
            "class_out_of_range",
            f"class id {sample.class_ids[row]} lies outside 1 to {count} "
            f"({', '.join(class_names[:8])}). Ids count from 1; 0 is the background.",
        )
    ids, first = np.unique(sample.annotation_ids.astype(str), return_index=True)
    if len(ids) < len(sample):
        repeated = np.setdiff1d(np.arange(len(sample)), first)
        for row in repeated:
            yield _object_problem(
                sample,
                row,
                "error",
                "duplicate_annotation_id",
                "the annotation id is used twice. Number the annotations anew.",
            )


def box_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the overlap of boxes row by row, float64 `(N,)`; 0 where both have no area."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    low, high = np.maximum(first[:, :2], second[:, :2]), np.minimum(first[:, 2:], second[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    areas = [np.prod(np.clip(b[:, 2:] - b[:, :2], 0, None), axis=1) for b in (first, second)]
    union = areas[0] + areas[1] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _check_shapes(sample: Sample) -> Iterator[Problem]:
    """Yields what is wrong with boxes and masks; the first fault of an object hides the rest."""
    if not len(sample):
        return
    height, width = sample.size
    tight = boxes_from_masks(sample.masks)
    finite = np.isfinite(sample.boxes).all(axis=1)
    overlap = box_iou(np.where(finite[:, None], sample.boxes, 0), tight)
    seen: dict[tuple, int] = {}
    for row, (y1, x1, y2, x2) in enumerate(sample.boxes.tolist()):
        box = f"({y1:g}, {x1:g}, {y2:g}, {x2:g})"
        if not finite[row]:
            found = ("error", "not_finite", f"box {box} has NaN or infinity. Correct or remove it.")
        elif y2 <= y1 or x2 <= x1:
            side = "height" if y2 <= y1 else "width"
            length = y2 - y1 if y2 <= y1 else x2 - x1
            found = ("error", "zero_box", f"box {box} has {side} {length:g}. Remove the object.")
        elif not tight[row].any():
            found = ("error", "empty_mask", "the mask has no pixel. Remove the object.")
        elif y1 >= height or x1 >= width or y2 <= 0 or x2 <= 0:
            found = (
                "error",
                "box_outside",
                f"box {box} lies outside its image of {height} x "
                f"{width} (height x width). Correct or remove it.",
            )
        elif overlap[row] < MIN_IOU:
            mask_box = "(" + ", ".join(f"{v:g}" for v in tight[row]) + ")"
            found = (
                "error",
                "misaligned_mask",
                f"box {box} and the box of its mask {mask_box} "
                f"overlap by {overlap[row]:.2f}, less than {MIN_IOU}. An image turned by its "
                "EXIF tag is the usual cause; correct the annotation.",
            )
        elif max(y2 - y1, x2 - x1) < TINY:
            found = (
                "info",
                "tiny_object",
                f"the object is {y2 - y1:g} x {x2 - x1:g} pixels "
                "(height x width), hardly more than a cell of the finest feature map.",
            )
        else:
            found = _repeated(sample, row, tight[row], seen)
        if found:
            yield _object_problem(sample, row, *found)


def _repeated(sample: Sample, row: int, box: np.ndarray, seen: dict[tuple, int]):
    """Returns a warning if an object was met before with the same class, box and mask."""
    key = (int(sample.class_ids[row]), *box.tolist())
    earlier = seen.setdefault(key, row)
    if earlier == row or not np.array_equal(sample.masks[earlier], sample.masks[row]):
        return None
    return (
        "warning",
        "duplicate_object",
        f"the same class and mask as annotation {sample.annotation_ids[earlier]}. Remove one.",
    )


def _check_keypoints(sample: Sample) -> Iterator[Problem]:
    height, width = sample.size
    for row, points in enumerate(sample.keypoints):
        if not np.isfinite(points).all():
            yield _object_problem(
                sample,
                row,
                "error",
                "not_finite",
                "its keypoints have NaN or infinity. Correct or remove them.",
            )
            continue
        x, y, seen = points[points[:, 2] > 0].T
        outside = (x < 0) | (y < 0) | (x > width) | (y > height)
        if outside.any():
            yield _object_problem(
                sample,
                row,
                "warning",
                "keypoint_outside",
                f"{int(outside.sum())} of {len(seen)} labelled keypoints lie outside the image. "
                "Correct them or set their visibility to 0.",
            )
