"""How a network is trained: stages, learning rates, batches, checkpoints."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from tfseg.config.base import Config, setting

__all__ = ["SCHEDULES", "Stage", "TrainConfig", "learning_rate"]

# Last epoch (counted from 1) and the divisor of the base rate, from the experiments' table.
SCHEDULES = {
    "lr_const": ((math.inf, 1),),
    "lr_a": ((40, 1), (60, 10), (80, 50), (100, 100), (math.inf, 500)),
    "lr_b": ((60, 1), (100, 10), (math.inf, 20)),
    "lr_c": ((60, 1), (80, 10), (100, 100), (math.inf, 1000)),
}

_MOST_STEPS = 20_000_000


@dataclasses.dataclass(frozen=True)
class Stage(Config):
    """Some epochs during which one group of layers learns.

    Attributes:
        epochs: How many epochs the stage lasts.
        layers: Which layers learn: "heads" (all that is not backbone), "5+", "4+", "3+" (that
            backbone stage and everything after it), or "all"; for the portrait network "heads",
            "all", or "frozen_norm" (all but normalisations, which keep their statistics).
        learning_rate: The base rate in this stage; None takes `TrainConfig.learning_rate`.
    """

    epochs: int = setting(at_least=1, at_most=1_000_000)
    layers: Literal["heads", "3+", "4+", "5+", "all", "frozen_norm"] = "all"
    learning_rate: float | None = setting(None, above=0)


@dataclasses.dataclass(frozen=True)
class TrainConfig(Config):
    """Settings of `fit`.

    Attributes:
        batch_size: Images in a step. Lower it when memory runs out.
        steps_per_epoch: Steps between two checkpoints; None: one pass over the data.
        validation_steps: Batches for the validation losses; None: all.
        stages: What learns when; the epochs add up. With freshly initialised heads on a trained
            backbone, begin with "heads".
        learning_rate: Base rate. Half it when the loss leaps or is not finite.
        schedule: How the rate falls: "lr_const", "lr_a", "lr_b", "lr_c" by epoch; or by step, from
            the base rate to zero at the last one, "cosine" or "poly" (the share of steps left to
            the power of 0.9, as DeepLab).
        warmup_steps: Steps at the very beginning in which the rate grows linearly from zero.
        optimizer: "sgd" with momentum, or "adamw".
        momentum: Of "sgd".
        weight_decay: Decoupled decay of "adamw"; networks add their own penalty to the loss.
        clip_norm: Longest gradient; None: not clipped.
        clip_mode: "per_variable" clips each variable alone (as Matterport's code did),
            "global" the whole gradient.
        augmentation: Name of an augmentation set.
        early_stopping_patience: Epochs without a better `monitor` before training stops; None:
            never.
        evaluate_every: Epochs between two evaluations on the validation data; 0: never.
        evaluate_limit: Images in such an evaluation; None: all.
        monitor: What the best checkpoint is chosen by: a measure such as "segm/AP" (higher is
            better) or a loss such as "val_loss" (lower is better).
        norm_images: Images that batch normalisations without statistics of their own, as weights
            from `.tflite` files have them, are given true ones from before they learn; 0: as
            loaded. It does not concern frozen ones.
        seed: Of the order of images, of augmentation and of new weights.
        workers: Threads that read and augment images.
        jit: Compile the training step with XLA. Brings nothing on a CPU with TensorFlow.
    """

    batch_size: int = setting(1, at_least=1, at_most=65536)
    steps_per_epoch: int | None = setting(None, at_least=1)
    validation_steps: int | None = setting(None, at_least=1)
    stages: tuple[Stage, ...] = setting(
        (Stage(epochs=40, layers="heads"), Stage(epochs=20)), min_length=1
    )
    learning_rate: float = setting(0.001, above=0)
    schedule: Literal["lr_const", "lr_a", "lr_b", "lr_c", "cosine", "poly"] = "lr_const"
    warmup_steps: int = setting(0, at_least=0)
    optimizer: Literal["sgd", "adamw"] = "sgd"
    momentum: float = setting(0.9, at_least=0, below=1)
    weight_decay: float = setting(0.0, at_least=0)
    clip_norm: float | None = setting(5.0, above=0)
    clip_mode: Literal["per_variable", "global"] = "per_variable"
    augmentation: str = setting("aug_none", min_length=1)
    early_stopping_patience: int | None = setting(None, at_least=1)
    evaluate_every: int = setting(1, at_least=0)
    evaluate_limit: int | None = setting(None, at_least=1)
    monitor: str = setting("segm/AP", min_length=1)
    norm_images: int = setting(256, at_least=0, at_most=1_000_000)
    seed: int = setting(0, at_least=0, below=2**31)
    workers: int = setting(2, at_least=0, at_most=1024)
    jit: bool = False

    def _check(self):
        # The rate of every step is known beforehand, in one table.
        steps = self.epochs * (self.steps_per_epoch or 1)
        if steps > _MOST_STEPS:
            problem = f"with steps_per_epoch these are {steps} steps; at most {_MOST_STEPS}."
            self._fail("stages", problem)

    @property
    def epochs(self) -> int:
        """Epochs of all stages together."""
        return sum(stage.epochs for stage in self.stages)

    def stage_at(self, epoch: int) -> Stage:
        """Returns the stage of an epoch counted from 1; the last stage goes on for ever."""
        last = 0
        for stage in self.stages:
            last += stage.epochs
            if epoch <= last:
                return stage
        return self.stages[-1]


def learning_rate(
    config: TrainConfig,
    epoch: int,
    step: int = 0,
    *,
    steps_per_epoch: int = 1,
    epochs: int | None = None,
) -> float:
    """Returns the learning rate of a step.

    Args:
        config: Training settings.
        epoch: Counted from 1.
        step: Within the epoch, counted from 0.
        steps_per_epoch: Steps of an epoch; matters for "cosine" and for the warm-up.
        epochs: Epochs of the whole run; None takes those of the stages.
    """
    base = config.stage_at(epoch).learning_rate or config.learning_rate
    done = (epoch - 1) * steps_per_epoch + step
    if config.schedule in ("cosine", "poly"):
        total = (config.epochs if epochs is None else epochs) * steps_per_epoch
        begin = min(config.warmup_steps, total)
        share = min(max((done - begin) / max(total - begin, 1), 0.0), 1.0)
        if config.schedule == "cosine":
            rate = base * 0.5 * (1 + math.cos(math.pi * share))
        else:
            rate = base * (1 - share) ** 0.9
    else:
        divisor = next(by for last, by in SCHEDULES[config.schedule] if epoch <= last)
        rate = base / divisor
    if done < config.warmup_steps:
        rate *= (done + 1) / (config.warmup_steps + 1)
    return rate
