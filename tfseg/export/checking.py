"""Whether an exported model says what the model says in Python, image by image, as a table."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfseg import files
from tfseg.engine.inputs import Item
from tfseg.errors import DataError, ExportError
from tfseg.export.folder import add_checksum
from tfseg.export.phone.part import PhonePart, phone_part
from tfseg.serving.answers import DECODERS
from tfseg.structures import Prediction, Sample, rle
from tfseg.structures.poses import coco_poses
from tfseg.structures.semantic import CLASS_MAP

__all__ = ["TABLE", "Row", "check", "phone_form", "write_table"]

TABLE = "check.md"


@dataclasses.dataclass(frozen=True)
class Limits:
    """What two forms of a model may differ by.

    Attributes:
        score: Of an object's score.
        box: Of a box's edge, in pixels.
        mask: The least intersection over union of a mask.
        labels: The share of pixels whose number differs.
        alpha: The mean difference of the opacity, of 255.
    """

    score: float
    box: float
    mask: float
    labels: float
    alpha: float


SERVED = Limits(score=0.01, box=1.01, mask=0.98, labels=0.005, alpha=0.5)
PHONE = Limits(score=0.1, box=16.0, mask=0.9, labels=0.05, alpha=8.0)
"""A phone's file sees an image in another size, and may count in 8 bits."""
_OPACITY, _SERVED = "alpha", "SavedModel"


@dataclasses.dataclass(frozen=True)
class Row:
    """One image in one form, beside Python.

    Attributes:
        image: Its file.
        form: "SavedModel" or the name of the phone's file.
        objects: How many Python and the form find.
        score: Largest difference of a score.
        box: Largest difference of an edge, pixels.
        mask: Least intersection over union of a mask.
        labels: Largest share of pixels of a label map that differ; of the opacity the mean
            difference, in shares of 255.
        problem: Why they do not agree; "" if they do.
    """

    image: str
    form: str
    objects: tuple[int, int]
    score: float
    box: float
    mask: float
    labels: float
    problem: str


def check(
    estimator,
    directory: str | os.PathLike,
    images: Iterable[str | os.PathLike],
    *,
    phone: str | os.PathLike | None = None,
    score_threshold: float | None = None,
    **extras,
) -> list[Row]:
    """Returns a row for each image and each form of a model beside Python. Of an image that Python
    refuses, the row says why.

    Args:
        estimator: The model that was exported.
        directory: Its SavedModel.
        images: Files.
        phone: A TFLite file of `tfseg quantize` or of an export as "tflite"; or None.
        score_threshold: The one that it was exported with; None: the model's own.
        extras: What `predict` takes besides, such as `poses`, for all images.

    Raises:
        ConfigError: If the model takes no such extras, or needs some.
        DataError: If there are no images, or the phone's file or that of an extra cannot be read.
        ExportError: If the folder holds no such model, or see `phone_form`.
    """
    images = [os.fspath(image) for image in images]
    if not images:
        raise DataError("check: there are no images.")
    # Name, limits, what answers, and the prediction that it should give.
    forms = [(_SERVED, SERVED, _served(directory), lambda answer: answer.prediction)]
    if phone is not None:
        part, ask = phone_form(estimator, phone)
        forms.append((Path(phone).name, PHONE, ask, part.wanted))
    rows = []
    answers = estimator.predict_each(images, score_threshold=score_threshold, **extras)
    for image, answer in zip(images, answers):
        for name, limits, form, wanted in forms:
            if answer.error is not None:
                asked = form if name == _SERVED and answer.item is None else None
                rows.append(_refused(image, name, asked, answer.error))
            else:
                rows.append(_row(image, name, limits, wanted(answer), form, answer.item))
    return rows


def write_table(directory: str | os.PathLike, rows: list[Row]) -> Path:
    """Writes `check.md` into an exported model's folder, and its checksum; returns its path."""
    path = Path(directory) / TABLE
    lines = [
        "# Python beside what was exported",
        "",
        f"Allowed: {_told('a SavedModel', SERVED)}; {_told('a file for phones', PHONE)}. "
        "Where each pixel has a class, boxes are not judged, and classes of less than twice the "
        "labels' share of the pixels only by the map.",
        "",
        "| image | form | objects | score | box, pixels | least mask IoU | labels | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        numbers = f"{row.score:.2g} | {row.box:.3g} | {row.mask:.4f} | {row.labels:.2%}"
        counts = "{} / {}".format(*row.objects)
        image, form, end = map(_cell, (row.image, row.form, row.problem or "agrees"))
        lines.append(f"| {image} | {form} | {counts} | {numbers} | {end} |")
    agreed = sum(not row.problem for row in rows)
    lines += ["", f"{agreed} of {len(rows)} agree."]
    files.write_whole(path, ("\n".join(lines) + "\n").encode(), error=ExportError)
    add_checksum(Path(directory), path)
    return path


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _told(form: str, limits: Limits) -> str:
    return (
        f"{form} scores by {limits.score:g}, edges of boxes by {limits.box:.0f} pixels, masks to "
        f"an IoU of {limits.mask:g}, labels of {limits.labels:.1%} of the pixels and opacity by "
        f"{limits.alpha:g} of 255 on average"
    )


def _served(directory: str | os.PathLike) -> Callable[[Item], Prediction]:
    """Returns what asks a SavedModel, in this process."""
    try:
        signatures = tf.saved_model.load(os.fspath(directory)).signatures
        serve, described = signatures["serving_default"], signatures["describe"]
    except (OSError, KeyError) as error:
        raise ExportError(f"{directory}: no model that this version exported ({error}).") from error
    facts = json.loads(described(question=tf.constant([""]))["description"].numpy()[0])

    def ask(item: Item) -> Prediction:
        inputs = {"encoded": tf.constant([Path(item.path).read_bytes()])}
        poses = item.extras.get("poses")
        if "poses" in serve.structured_input_signature[1]:
            poses = coco_poses([]) if poses is None else poses
            points = np.zeros((1, max(1, len(poses)), 17, 3), np.float32)
            points[0, : len(poses)] = poses.keypoints
            inputs["poses"] = tf.constant(points)
        row = {name: value.numpy()[0] for name, value in serve(**inputs).items()}
        if row["error"]:
            raise DataError(row["error"].decode())
        return DECODERS[facts["answers"]](row, facts, poses, {"path": item.path})

    return ask


def phone_form(
    estimator, path: str | os.PathLike
) -> tuple[PhonePart, Callable[[Item], Prediction]]:
    """Returns the part of a model that a phone's file holds, and what runs it on an image.

    Raises:
        DataError: If the file cannot be read.
        ExportError: If the system has no file for phones, or this is none of its own.
    """
    from tfseg.export.phone.runner import PhoneRunner

    if not estimator.phone_part:
        raise ExportError(
            f"{os.fspath(path)}: a {estimator.system!r} model has no file for phones. "
            f"{estimator.no_phone_part}"
        )
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(
            f"{os.fspath(path)}: expected a TFLite file of the model ({error.strerror})."
        ) from error
    try:
        runner = PhoneRunner(content)
        part = phone_part(estimator, runner.image_shape)
        runner = PhoneRunner(content, reading=part.reading)
    except ExportError as error:
        raise ExportError(f"{os.fspath(path)}: {error}") from error

    def ask(item: Item) -> Prediction:
        sample = item.sample or Sample(item.image, item.image_id, path=item.path)
        plan = part.plan(sample.size)
        return part.prediction(runner(plan.image(sample.image)), sample, plan)

    return part, ask


def _refused(image: str, form: str, ask, error: Exception) -> Row:
    """Returns the row of an image that Python refuses; a SavedModel that is to be asked, because it
    reads files itself, says what it makes of it."""
    problem = f"Python refuses it: {str(error).removeprefix(f'{image}: ')}"
    count = 0
    if ask is not None:
        try:
            count = len(ask(Item(np.zeros((1, 1, 3), np.uint8), path=image)))
            problem += " The SavedModel answers."
        except (DataError, OSError):
            pass
    return Row(image, form, (0, count), 0.0, 0.0, 0.0, 1.0, problem)


def _row(image: str, form: str, limits: Limits, wanted: Prediction, ask, item: Item) -> Row:
    try:
        found = ask(item)
    except DataError as error:
        return Row(image, form, (len(wanted), 0), 0.0, 0.0, 0.0, 1.0, f"refused: {error}")
    counts = len(wanted), len(found)
    labels, worst = _labels(found, wanted, limits)
    pairs = _pairs(found, wanted, limits)
    if pairs is None:
        return Row(image, form, counts, 0.0, 0.0, 0.0, labels, "other objects")
    ours, theirs = [one for one, _ in pairs], [other for _, other in pairs]
    score = float(np.abs(found.scores[theirs] - wanted.scores[ours]).max(initial=0))
    box = float(np.abs(found.boxes[theirs] - wanted.boxes[ours]).max(initial=0))
    mask = min((_overlap(found.rles[k], wanted.rles[n]) for n, k in pairs), default=1.0)
    problems = [worst] if worst else []
    for name, bad in (
        ("scores", score > limits.score),
        ("boxes", box > limits.box and CLASS_MAP not in wanted.label_maps),
        ("masks", mask < limits.mask),
    ):
        problems += [f"other {name}"] if bad else []
    return Row(image, form, counts, score, box, mask, labels, ", ".join(problems))


def _pairs(found: Prediction, wanted: Prediction, limits: Limits) -> list[tuple[int, int]] | None:
    """Returns the places of equal objects in both, `wanted` first; None if there are others.

    Where each pixel has a class, the classes are the objects, and one of a few pixels may be in one
    map alone, or its box far off: those of less than twice the pixels that may differ are left to
    the comparison of the maps, and no box is judged.
    """
    if CLASS_MAP not in wanted.label_maps:
        same = len(found) == len(wanted) and (found.class_ids == wanted.class_ids).all()
        return [(index, index) for index in range(len(wanted))] if same else None
    least = 2 * limits.labels * wanted.size[0] * wanted.size[1]
    places, needed = [], set()
    for one in (wanted, found):
        places.append({number: index for index, number in enumerate(one.class_ids.tolist())})
        areas = [rle.area([mask])[0] for mask in one.rles]
        needed |= {n for n, area in zip(one.class_ids.tolist(), areas, strict=True) if area > least}
    if not needed <= places[0].keys() & places[1].keys():
        return None
    return [(places[0][number], places[1][number]) for number in sorted(needed)]


def _overlap(one: dict, other: dict) -> float:
    """Returns the intersection over union of two masks; 1 of two empty ones."""
    if not (rle.area([one]) + rle.area([other]))[0]:
        return 1.0
    return float(rle.iou([one], [other])[0, 0])


def _labels(found: Prediction, wanted: Prediction, limits: Limits) -> tuple[float, str]:
    """Returns the largest difference of a label map, and what is wrong with one."""
    largest, problem = 0.0, ""
    for name, labels in wanted.label_maps.items():
        other = found.label_maps.get(name)
        if other is None or other.shape != labels.shape:
            return 1.0, f"no label map {name!r}"
        difference = np.abs(other.astype(np.int64) - labels)
        if name == _OPACITY:
            share, bad = difference.mean() / 255, difference.mean() > limits.alpha
        else:
            share = (difference > 0).mean()
            bad = share > limits.labels
        largest = max(largest, float(share))
        problem = problem or (f"other {name}" if bad else "")
    return largest, problem
