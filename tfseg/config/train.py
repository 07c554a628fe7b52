"""How a network is trained: stages, learning rates, batches, checkpoints."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from tfseg.config.base import Config, setting

__all__ = ["Stage", "TrainConfig"]

_MOST_STEPS = 20_000_000


@dataclasses.dataclass(frozen=True)
class Stage(Config):
    """Some epochs during which one group of layers learns.

    Attributes:
        epochs: How many epochs the stage lasts.
        layers: Which layers learn: "all", "heads" (all that is not backbone), or another group of
            the system, see `layer_groups` of its class. Stages that follow each other with the
            same layers are one training to the optimizer, which keeps its momentum.
        learning_rate: The base rate in this stage; None takes `TrainConfig.learning_rate`.
    """

    epochs: int = setting(at_least=1, at_most=1_000_000)
    layers: str = setting("all", min_length=1)
    learning_rate: float | None = setting(None, above=0)


@dataclasses.dataclass(frozen=True)
class TrainConfig(Config):
    """Settings of `fit`.

    Attributes:
        batch_size: Images computed at once. Lower it when memory runs out.
        accumulate_steps: Batches whose gradients are averaged into one step: a batch of 16 is
            also 2 in 8. What is normalised over a batch (batch statistics, losses divided by the
            objects of a batch) still sees `batch_size` images.
        steps_per_epoch: Steps, each one change of the weights, between two checkpoints; None: one
            pass over the data.
        validation_steps: Batches for the validation losses; None: all.
        stages: What learns when; the epochs add up. With freshly initialised heads on a trained
            backbone, begin with "heads".
        learning_rate: Base rate. Half it when the loss leaps or is not finite.
        rate_factors: Groups of layers that learn at another rate, such as {"backbone": 0.1}: a
            factor of the rate of every step. A layer of two groups has that of the smaller one.
        schedule: How the rate falls: "lr_const", "lr_a", "lr_b", "lr_c" by epoch; "milestones" by
            those below; or by step, from the base rate to zero at the last one, "cosine" or "poly"
            (the share of steps left to the power of 0.9, as DeepLab).
        milestones: The rate is multiplied after each of these epochs, counted from 1.
        milestone_steps: The same after each of these numbers of steps.
        milestone_factor: What it is multiplied by.
        warmup_steps: Steps at the very beginning in which the rate grows linearly.
        warmup_from: The share of the rate that the warm-up begins with; None: one step's share.
        optimizer: "sgd" with momentum, "adam", or "adamw".
        momentum: Of "sgd".
        weight_decay: Of "adamw" decoupled from the gradient, of "sgd" added to it (after clipping,
            as torch does), of "adam" none. Networks may add their own penalty to the loss.
        decay_norms_and_biases: Whether `weight_decay` includes them, as in DETR. Many later recipes
            leave them out.
        clip_norm: Longest gradient; None: not clipped.
        clip_mode: "per_variable" clips each variable alone (as Matterport's code did),
            "global" the whole gradient.
        augmentation: Name of an augmentation set.
        early_stopping_patience: Epochs without a better `monitor` before training stops; None:
            never.
        evaluate_every: Epochs between two evaluations on the validation data; 0: never.
        evaluate_limit: Images in such an evaluation; None: all.
        monitor: What the best checkpoint is chosen by: a measure such as "segm/AP" (higher is
            better) or a loss such as "val_loss" (lower is better). A resumed run may have another
            one, and then seeks the best epoch among those that are left.
        norm_images: Images that batch normalisations without statistics of their own, as weights
            from `.tflite` files have them, are given true ones from before they learn; 0: as
            loaded. It does not concern frozen ones.
        seed: Of the order of images, of augmentation and of new weights.
        workers: Threads that read and augment images.
        jit: Compile the training step with XLA. Brings nothing on a CPU with TensorFlow.
    """

    batch_size: int = setting(1, at_least=1, at_most=65536)
    accumulate_steps: int = setting(1, at_least=1, at_most=65536)
    steps_per_epoch: int | None = setting(None, at_least=1)
    validation_steps: int | None = setting(None, at_least=1)
    stages: tuple[Stage, ...] = setting(
        (Stage(epochs=40, layers="heads"), Stage(epochs=20)), min_length=1
    )
    learning_rate: float = setting(0.001, above=0)
    rate_factors: Mapping[str, float] | None = None
    schedule: Literal["lr_const", "lr_a", "lr_b", "lr_c", "milestones", "cosine", "poly"] = (
        "lr_const"
    )
    milestones: tuple[int, ...] = setting((), at_least=1)
    milestone_steps: tuple[int, ...] = setting((), at_least=1)
    milestone_factor: float = setting(0.1, above=0)
    warmup_steps: int = setting(0, at_least=0)
    warmup_from: float | None = setting(None, at_least=0, at_most=1)
    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"
    momentum: float = setting(0.9, at_least=0, below=1)
    weight_decay: float = setting(0.0, at_least=0)
    decay_norms_and_biases: bool = True
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
        if self.optimizer == "adam" and self.weight_decay:
            self._fail("weight_decay", 'optimizer "adam" has none; "adamw" is the one that decays.')
        for name, factor in (self.rate_factors or {}).items():
            if factor <= 0:
                problem = f"expected more than 0, got {factor}. To freeze layers, use train.stages."
                self._fail(f"rate_factors.{name}", problem)
        self._check_milestones()

    def _check_milestones(self):
        for name in ("milestones", "milestone_steps"):
            values = getattr(self, name)
            if list(values) != sorted(set(values)):
                self._fail(name, f"each should be greater than the one before; got {values}.")
            if values and self.schedule != "milestones":
                problem = f'schedule {self.schedule!r} has none; set schedule to "milestones".'
                self._fail(name, problem)
        if self.schedule == "milestones" and not (self.milestones or self.milestone_steps):
            problem = '"milestones" needs some: the epochs in milestones, or milestone_steps.'
            self._fail("schedule", problem)

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
