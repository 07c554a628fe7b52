"""Experiments one after another on one dataset, resumable after any interruption."""

from __future__ import annotations

import dataclasses
import datetime
import gc
import json
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras

from tfseg import files
from tfseg.config import Config
from tfseg.engine import runtime
from tfseg.engine.checkpoint import WEIGHTS_FILE, run_checkpoint
from tfseg.engine.named_models import find_weights
from tfseg.engine.resume import flat_settings
from tfseg.errors import ConfigError, TrainingError, WeightsError
from tfseg.structures.measures import Measure
from tfseg.studies import experiment_table
from tfseg.studies.experiment_files import Experiment
from tfseg.studies.experiment_table import Outcome

__all__ = ["run_experiments"]

log = logging.getLogger(__name__)

STATE_FILE = "experiment.json"
# What may differ when a list of experiments is taken up again: speed, not what is learnt.
_FREE = ("config.train.workers", "config.train.jit", "weights.path")


@dataclasses.dataclass(frozen=True)
class _Job:
    """One experiment: where it is kept, and what must not change before it is finished."""

    experiment: Experiment
    folder: Path
    config: Config
    start: dict | None
    data: dict
    terms: Mapping[str, str]
    measured: tuple[Measure, ...]

    @property
    def facts(self) -> dict:
        return {"config": self.config.to_dict(), "weights": self.start, "data": self.data}

    def flat(self, facts: Mapping) -> dict:
        found = {
            f"{part}.{name}": value
            for part in ("weights", "data")
            for name, value in (facts[part] or {}).items()
        }
        settings = flat_settings(facts["config"], type(self.config))
        return found | {f"config.{name}": value for name, value in settings.items()}

    def outcome(self, **state) -> Outcome:
        shown = {"terms": self.terms, "measured": self.measured}
        return Outcome(self.experiment, self.folder, self.facts, **state, **shown)


def run_experiments(
    experiments: Sequence[Experiment],
    make: Callable[[Experiment], object],
    train,
    val,
    out: str | os.PathLike,
    *,
    weights: str | os.PathLike | None = None,
    about: Mapping | None = None,
) -> list[Outcome]:
    """Trains and measures experiments in turn, and returns what became of each.

    `out` gets a run folder for each experiment, by its name, and after each one a fresh table
    (`table.md`, `table.csv`, `experiments.json`) and figures. Called again with the same
    arguments, finished experiments are left alone and an unfinished one goes on from its last
    epoch, also after the process was killed. An experiment whose loss is not finite is noted
    and the others go on; the next call tries it again.

    Args:
        experiments: What to run, in this order; see `tfseg.studies.experiment_files.read_all`.
        make: Returns an estimator, not trained, with the settings of an experiment.
        train: Training data for all.
        val: Validation data for all, or None.
        out: The folder; it is made.
        weights: Weights or saved model that each experiment starts from; layers that do not fit
            are left as they are. `{name}` in it stands for the experiment's name, so that
            `runs/first/{name}/final` goes on where another list ended.
        about: What the table should say about the data: texts and numbers by name.

    Raises:
        ConfigError: If `out` holds an experiment of that name with other settings, data or
            starting weights.
        WeightsError: If the starting weights are missing or nothing in them fits.
    """
    about = {"hardware": _hardware(), **(about or {})}
    data = {"pictures": len(train), "held_out": 0 if val is None else len(val)}
    data |= {"classes": list(train.class_names)}
    jobs = [_job(one, make(one), Path(out), _start(weights, one.name), data) for one in experiments]
    Path(out).mkdir(parents=True, exist_ok=True)
    with files.locked(Path(out) / ".experiments.lock", "a list of experiments", error=ConfigError):
        return _run_all(jobs, make, train, val, out, about)


def _job(one: Experiment, estimator, out: Path, start: dict | None, data: dict) -> _Job:
    terms, measured = estimator.loss_terms, estimator.measures
    return _Job(one, out / one.name, estimator.config, start, data, terms, measured)


def _run_all(jobs: Sequence[_Job], make, train, val, out, about: Mapping) -> list[Outcome]:
    outcomes = {job.experiment.name: _kept(job) for job in jobs}
    # At once, in case that nothing is left to train: the last call may have been for others.
    experiment_table.write(out, list(outcomes.values()), about)
    for number, job in enumerate(jobs, 1):
        name = job.experiment.name
        title = f"[{number}/{len(jobs)}] {name}"
        if outcomes[name].result is not None:
            log.info("%s: finished before", title)
            continue
        log.info("%s: %s", title, job.experiment.change or "no change")
        outcomes[name] = _run(job, make, train, val)
        experiment_table.write(out, list(outcomes.values()), about)
    return list(outcomes.values())


def _run(job: _Job, make, train, val) -> Outcome:
    _write(job.outcome())
    estimator = make(job.experiment)
    if job.start is not None and not run_checkpoint(job.folder).is_file():
        path = _path_for(job.experiment.name, job.start["path"])
        loaded = estimator.load_weights(path, skip_mismatch=True)
        counts = len(loaded.loaded), path, len(loaded.skipped)
        log.info("%d layers start from %s, %d do not fit", *counts)
    try:
        estimator.fit(train, val, run_dir=job.folder, resume=True)
        outcome = job.outcome(result=_result(estimator, job.folder))
    except TrainingError as error:
        log.error("%s: %s", job.experiment.name, error)
        outcome = job.outcome(failure=str(error))
    _write(outcome)
    # Without this the graphs of all experiments would stay in memory.
    del estimator
    keras.backend.clear_session()
    gc.collect()
    return outcome


def _result(estimator, folder: Path) -> dict:
    """Returns the numbers of a finished run: losses of its last epoch, measures of the model
    that it kept, and the time that its epochs took."""
    history = estimator.history
    last = {name: _number(value) for name, value in history[-1].items()}
    losses = {name: value for name, value in last.items() if name.endswith("loss")}
    report, best = folder / "report" / "report.json", folder / "best" / "model.json"
    measures, kept = {}, last["epoch"]
    if report.is_file():
        measures = json.loads(report.read_text(encoding="utf-8"))["metrics"]
    if best.is_file():
        kept = json.loads(best.read_text(encoding="utf-8"))["metrics"]["epoch"]
    return {
        "epochs": last["epoch"],
        "kept_epoch": kept,
        "train": {n: v for n, v in losses.items() if not n.startswith("val_")},
        "val": {n[4:]: v for n, v in losses.items() if n.startswith("val_")},
        "measures": measures,
        "minutes": round(sum(row.get("seconds") or 0 for row in history) / 60, 2),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _kept(job: _Job) -> Outcome:
    """Returns what an earlier call left of an experiment, after checking that it is the same."""
    path = job.folder / STATE_FILE
    if not path.is_file():
        if (job.folder / "checkpoints").is_dir():
            raise ConfigError(
                f"{job.folder}: holds a training that is none of these experiments. Choose another "
                "folder for them."
            )
        return job.outcome()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        old, result, failure = job.flat(content["facts"]), content["result"], content["failure"]
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise ConfigError(
            f"{path}: this file is damaged ({error}). Remove {job.folder} to run the experiment "
            "anew."
        ) from None
    new = job.flat(json.loads(json.dumps(job.facts)))
    differing = [
        f"{name} {old.get(name)!r}, now {new.get(name)!r}"
        for name in sorted({*old, *new})
        if name not in _FREE and old.get(name) != new.get(name)
    ]
    if differing:
        raise ConfigError(
            f"{job.folder}: this experiment was begun with other settings: {'; '.join(differing)}. "
            "Use the same ones, choose another folder, or remove this one to run it anew."
        )
    return job.outcome(result=result, failure=failure)


def _write(outcome: Outcome) -> None:
    content = {"facts": outcome.facts, "result": outcome.result, "failure": outcome.failure}
    text = json.dumps({"name": outcome.experiment.name, **content}, indent=2, allow_nan=False)
    files.write_whole(outcome.folder / STATE_FILE, text.encode(), error=WeightsError)


def _start(weights: str | os.PathLike | None, name: str) -> dict | None:
    """Returns the starting weights of an experiment, and what tells them apart."""
    if weights is None:
        return None
    return {"path": str(weights), "digest": _digest(_path_for(name, str(weights)))}


def _path_for(name: str, weights: str) -> str:
    return weights.replace("{name}", name)


def _digest(weights: str | os.PathLike) -> str:
    """Returns a short text that tells starting weights apart."""
    path = find_weights(weights)
    path = path / WEIGHTS_FILE if path.is_dir() else path
    try:
        return files.sha256(path)[:16]
    except OSError as error:
        raise WeightsError(
            f"{weights}: the starting weights cannot be read ({error.strerror or error}). Expected "
            "a weight file, the folder of a saved model (runs/NAME/final), or a model's name."
        ) from None


def _hardware() -> str:
    gpus = runtime.accelerators()
    return f"{len(gpus)} GPU" if gpus else f"{os.cpu_count()} CPU cores"


def _number(value):
    return value if not isinstance(value, float) or math.isfinite(value) else None
