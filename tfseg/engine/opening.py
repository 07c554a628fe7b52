"""What is said before a training begins: what of the data it cannot learn or measure."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tfseg import files
from tfseg.data.doctor.reach import Limits, survey
from tfseg.errors import ConfigError

if TYPE_CHECKING:
    from tfseg.engine.training import Run

__all__ = ["NOTES", "say"]

log = logging.getLogger(__name__)

NOTES = "notes.txt"
"""The file of a run folder that keeps these words; only where there are any."""


def say(job: Run) -> bool:
    """Logs what the network will not learn of the training data and cannot measure on the
    validation data, and keeps it in the run folder's `notes.txt`. Takes a few seconds at most.

    Args:
        job: The `training.Run`.

    Returns:
        Whether the validation images that are measured have no object at all.
    """
    limits = Limits.of(job.estimator.config, job.estimator._resize())
    reach, empty = survey(job.train, limits), False
    notes = [f"training data: {text}" for _, text in reach.findings()]
    if not reach.objects and reach.images == len(job.train):
        notes.append(
            "training data: no image has an object, so nothing but background can be learnt. Check "
            "the annotations and the chosen classes with tfseg doctor."
        )
    if job.val is not None:
        count = min(job.config.evaluate_limit or len(job.val), len(job.val))
        measured = survey(job.val, limits, count=count, seconds=2.0)
        codes = ("many_detections",)
        notes += [f"validation data: {t}" for code, t in measured.findings() if code in codes]
        empty = not measured.objects and measured.images == count
        if empty:
            notes.append(
                "validation data: no image has an object, so average precision cannot be measured, "
                "and the best epoch is chosen by val_loss. Add images with objects to it."
            )
    elif job.config.monitor != type(job.estimator.config).defaults()["train"]["monitor"]:
        notes.append(
            f"train.monitor is {job.config.monitor!r}, but without validation data no epoch is the "
            "best one: the weights of the last epoch are kept."
        )
    for note in notes:
        log.warning("%s", note)
    if notes and job.folder is not None:
        text = "".join(f"{note}\n" for note in notes)
        files.write_whole(job.folder / NOTES, text.encode(), error=ConfigError)
    return empty
