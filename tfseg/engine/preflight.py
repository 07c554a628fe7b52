"""What a training was asked for, checked before anything is built or compiled for it."""

from __future__ import annotations

import keras

from tfseg.errors import ConfigError

__all__ = ["callback_list"]

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
