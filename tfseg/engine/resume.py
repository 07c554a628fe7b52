"""Taking up a training where it was left, if it is still the same training."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

import keras

from tfseg.config import Config
from tfseg.engine import checkpoint
from tfseg.engine.checkpoint import RunState
from tfseg.errors import ConfigError, WeightsError

if TYPE_CHECKING:
    from tfseg.engine.training import Run

__all__ = ["flat_settings", "take_up"]

log = logging.getLogger(__name__)

# What may differ when a run is resumed: it changes how fast or how often, or which epoch is kept,
# not what is learnt.
_FREE = (
    "workers",
    "jit",
    "evaluate_every",
    "validation_steps",
    "early_stopping_patience",
    "monitor",
)


def take_up(job: Run, network: keras.Model) -> dict:
    """Puts the state and the network's variables back; returns all arrays of the checkpoint."""
    path = job.checkpoint_path
    state, arrays = checkpoint.read_state(path)
    known = {*state.facts, "augmentation", "joined"}
    missing = [name for name in job.state.facts if name not in known]
    if missing or not isinstance(state.facts["config"], Mapping):
        raise WeightsError(
            f"{path}: this checkpoint does not say what it is of ({', '.join(missing)}). Start "
            "again without resume, in another run folder."
        )
    differing = _differences(job, state)
    if differing:
        raise ConfigError(
            f"{path}: the run was started with other settings: {'; '.join(differing)}. Use the "
            "same ones to resume, or start a new run in another folder."
        )
    checkpoint.restore(network.variables, arrays["network"], str(path))
    _forget_best(job, state)
    longer = job.epochs - state.facts["epochs"]
    # A run of an older version made an optimizer for every stage, and goes on that way.
    state.facts = {**job.state.facts, "joined": state.facts.get("joined", False)}
    # More epochs than before are a reason to go on after an early stop.
    state.stopped = state.stopped and longer <= 0
    job.state = state
    job.estimator.fitted = True
    log.info("resuming after epoch %d of %d", state.epoch, job.epochs)
    return arrays


def _forget_best(job: Run, state: RunState) -> None:
    """Has the best epoch sought among those to come where another number now tells which it is:
    values of two numbers cannot be compared. A finished run keeps the one that it has."""
    settings = flat_settings(state.facts["config"], type(job.estimator.config))
    before, now = settings.get("train.monitor"), job.config.monitor
    if before == now or state.epoch >= job.epochs:
        return
    log.warning(
        "train.monitor was %s and is %s now: the best epoch is sought anew, from epoch %d on",
        *(before, now, state.epoch + 1),
    )
    state.best, state.best_epoch, state.stopped = None, 0, False


def _differences(job: Run, state: RunState) -> list[str]:
    now, then = job.state.facts, state.facts
    found = [
        f"{name} {then[name]!r}, now {now[name]!r}"
        for name in ("system", "pictures", "steps", "backend")
        if then[name] != now[name]
    ]
    # Runs of older versions do not say; their settings are compared below.
    if then.get("augmentation", now["augmentation"]) != now["augmentation"]:
        found.append(
            f"augmentation {then['augmentation']}, now {now['augmentation']} (what was given to "
            "fit must be given again)"
        )
    kind = type(job.estimator.config)
    old, new = flat_settings(then["config"], kind), flat_settings(now["config"], kind)
    if job.config.schedule in ("cosine", "poly") and then["epochs"] != now["epochs"]:
        found.append(
            f"epochs {then['epochs']}, now {now['epochs']} (a {job.config.schedule} schedule needs "
            "to know its end)"
        )
    for name in sorted({*old, *new}):
        if name.startswith("train.") and name.removeprefix("train.") in _FREE:
            continue
        if name == "train.stages":
            same = _plan(job, old.get(name), state.epoch) == _plan(job, new.get(name), state.epoch)
            if same:
                continue
        if old.get(name) != new.get(name):
            found.append(f"{name} {old.get(name)!r}, now {new.get(name)!r}")
    return found


def _plan(job: Run, listed: list | None, done: int) -> list:
    """Returns what each finished epoch learnt with, so that longer plans can be told apart."""
    train = job.config.replace(stages=listed)
    return [train.stage_at(epoch).replace(epochs=1) for epoch in range(1, done + 1)]


def flat_settings(values: Mapping, config_class: type[Config]) -> dict:
    """Returns settings by dotted name, such as `train.seed`.

    Those that `values` does not state, because an older version did not have them, are at their
    default: a new setting's default is what was done before.
    """
    return {**_flat(config_class.defaults()), **_flat(values)}


def _flat(values: Mapping, prefix: str = "") -> dict:
    flat = {}
    for name, value in values.items():
        inner = _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else None
        flat.update(inner if inner is not None else {f"{prefix}{name}": value})
    return flat
