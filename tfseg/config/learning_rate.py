"""The learning rate of every step: schedules, milestones, warm-up."""

from __future__ import annotations

import bisect
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfseg.config.train import TrainConfig

__all__ = ["SCHEDULES", "learning_rate"]

# Last epoch (counted from 1) and the divisor of the base rate, from the experiments' table.
SCHEDULES = {
    "lr_const": ((math.inf, 1),),
    "lr_a": ((40, 1), (60, 10), (80, 50), (100, 100), (math.inf, 500)),
    "lr_b": ((60, 1), (100, 10), (math.inf, 20)),
    "lr_c": ((60, 1), (80, 10), (100, 100), (math.inf, 1000)),
}


def learning_rate(
    config: TrainConfig,
    epoch: int,
    step: int = 0,
    *,
    steps_per_epoch: int = 1,
    epochs: int | None = None,
) -> float:
    """Returns the learning rate of a step, before the factors of `config.rate_factors`.

    Args:
        config: Training settings.
        epoch: Counted from 1.
        step: Within the epoch, counted from 0; each is one change of the weights.
        steps_per_epoch: Steps of an epoch; matters for "cosine", "poly", `milestone_steps` and the
            warm-up.
        epochs: Epochs of the whole run; None takes those of the stages.
    """
    base = config.stage_at(epoch).learning_rate or config.learning_rate
    done = (epoch - 1) * steps_per_epoch + step
    total = (config.epochs if epochs is None else epochs) * steps_per_epoch
    return _scheduled(config, base, epoch, done, total) * _warmup(config, done)


def _scheduled(config: TrainConfig, base: float, epoch: int, done: int, total: int) -> float:
    """Returns what the schedule makes of the base rate after `done` of `total` steps."""
    if config.schedule == "milestones":
        passed = bisect.bisect_left(config.milestones, epoch)
        passed += bisect.bisect_right(config.milestone_steps, done)
        return base * config.milestone_factor**passed
    if config.schedule in SCHEDULES:
        return base / next(by for last, by in SCHEDULES[config.schedule] if epoch <= last)
    begin = min(config.warmup_steps, total)
    share = min(max((done - begin) / max(total - begin, 1), 0.0), 1.0)
    if config.schedule == "cosine":
        return base * 0.5 * (1 + math.cos(math.pi * share))
    return base * (1 - share) ** 0.9


def _warmup(config: TrainConfig, done: int) -> float:
    if done >= config.warmup_steps:
        return 1.0
    if config.warmup_from is None:
        return (done + 1) / (config.warmup_steps + 1)
    return config.warmup_from + (1 - config.warmup_from) * done / config.warmup_steps
