"""What a training was asked for, checked before anything is built or compiled for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from tfseg.config.base import nearest
from tfseg.errors import ConfigError

if TYPE_CHECKING:
    from tfseg.engine.training import Run

__all__ = ["callback_list", "check_choice_of_best"]

_SET_RATES = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)


def callback_list(given) -> list[keras.callbacks.Callback]:
    """Returns the callbacks that `fit` was given, one or several.

    Raises:
        ConfigError: For what is no callback, and for one that sets the learning rate.
    """
    if isinstance(given, keras.callbacks.Callback):
        given = [given]
    try:
        callbacks = list(given)
    except TypeError:
        callbacks = [given]
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise ConfigError(
                f"callbacks: expected objects of keras.callbacks.Callback, got {callback!r}."
            )
        if isinstance(callback, _SET_RATES):
            raise ConfigError(
                f"callbacks: {type(callback).__name__} sets the learning rate, which here follows "
                "a schedule that is known before the first step, so that a resumed run goes on "
                'alike. Leave it out; train.schedule ("cosine", "poly", or "milestones" with '
                "train.milestones), train.warmup_steps and the learning_rate of each of "
                "train.stages say how the rate changes."
            )
    return callbacks


def check_choice_of_best(job: Run) -> None:
    """Raises ConfigError where the best epoch cannot be told as the settings ask for it.

    Names that only the end of an epoch can tell for sure pass; `callbacks.Best` checks them there.
    """
    if job.val is not None:
        _check_monitor(job)
    elif job.config.early_stopping_patience is not None:
        raise ConfigError(
            "train.early_stopping_patience: without validation data no epoch is better than "
            "another, so training cannot stop early. Give validation data (`val` of fit, "
            "--val-split or --val-fraction of `tfseg train`), or set it to null (None)."
        )


def _check_monitor(job: Run) -> None:
    config, estimator = job.config, job.estimator
    name, measures = config.monitor, set()
    if config.evaluate_every:
        evaluator = estimator._evaluator()
        # What is measured by code of one's own is known when the first epoch was.
        if not all(
            part.__module__.startswith("tfseg.") for part in (estimator.evaluate, evaluator)
        ):
            return
        measures = set(evaluator.compute().metrics)
        if name in measures or (hasattr(evaluator, "may_measure") and evaluator.may_measure(name)):
            return
    elif not name.endswith("loss"):
        return  # nothing is measured, and `callbacks.Best` goes by val_loss
    losses = _losses(estimator.keras_model)
    if losses is None or name in losses:
        return
    hint = nearest(name, losses | measures)
    raise ConfigError(f"train.monitor: there is no {name!r} in the numbers of an epoch.{hint}")


def _losses(network: keras.Model) -> set[str] | None:
    """Returns the names of the losses of training and validation; None where they are not known."""
    steps = ("train_step", "test_step")
    if any(getattr(type(network), step) is not getattr(keras.Model, step) for step in steps):
        return None
    names = {"loss", *network.get_metrics_result()}
    return names | {f"val_{name}" for name in names}
