"""Keras' optimizers with a rate factor and a choice of decay for each variable.

Keras' own `MultiOptimizer` would give groups of layers their rates too, but clips and counts each
group for itself; here the gradient stays one.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from tfseg.config import TrainConfig

__all__ = ["SGD", "Adam", "AdamW", "is_norm_or_bias", "make_optimizer"]


class _PerVariable:
    """Mixed into an optimizer of Keras, before it.

    Args:
        rate_factors: One number for each variable, in the order that the optimizer is built with;
            None: 1 for all.
        decays: Whether each variable is subject to `weight_decay`, in the same order; None: all.
        options: Of the optimizer.
    """

    def __init__(
        self,
        *args,
        rate_factors: Sequence[float] | None = None,
        decays: Sequence[bool] | None = None,
        **options,
    ):
        super().__init__(*args, **options)
        # Tuples: what Keras tracks of a list is not what was given.
        self.rate_factors = None if rate_factors is None else tuple(map(float, rate_factors))
        self.decays = None if decays is None else tuple(map(bool, decays))

    def build(self, variables):
        """Creates the optimizer's variables.

        Raises:
            ValueError: If there are more or fewer variables than factors.
        """
        for name in ("rate_factors", "decays"):
            values = getattr(self, name)
            if values is not None and len(values) != len(variables):
                raise ValueError(
                    f"{name}: expected one for each of the {len(variables)} variables, got "
                    f"{len(values)}."
                )
        super().build(variables)

    def _apply_weight_decay(self, variables):
        # Done variable by variable, in `update_step`, where the factor is known.
        pass

    def update_step(self, gradient, variable, learning_rate):
        """Changes one variable by its gradient, with its own rate and decay."""
        index = self._get_variable_index(variable)
        factor = 1.0 if self.rate_factors is None else self.rate_factors[index]
        if factor != 1:
            learning_rate = learning_rate * factor
        if self.weight_decay and (self.decays is None or self.decays[index]):
            gradient = self._decayed(gradient, variable, learning_rate)
        super().update_step(gradient, variable, learning_rate)

    def _decayed(self, gradient, variable, learning_rate):
        """Shrinks the variable and returns its gradient, as Loshchilov and Hutter (2019)."""
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, variable * ops.cast(self.weight_decay, variable.dtype) * rate)
        return gradient

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "rate_factors": self.rate_factors, "decays": self.decays}


@keras.saving.register_keras_serializable("tfseg")
class SGD(_PerVariable, keras.optimizers.SGD):
    """Gradient descent with momentum; `weight_decay` is added to the gradient after clipping, as
    `torch.optim.SGD` does behind `clip_grad_norm_`."""

    def _decayed(self, gradient, variable, learning_rate):
        decay = ops.cast(self.weight_decay, variable.dtype)
        return ops.cast(gradient, variable.dtype) + variable * decay


@keras.saving.register_keras_serializable("tfseg")
class Adam(_PerVariable, keras.optimizers.Adam):
    """Adam (Kingma and Ba 2014)."""


@keras.saving.register_keras_serializable("tfseg")
class AdamW(_PerVariable, keras.optimizers.AdamW):
    """Adam with decoupled weight decay."""


def is_norm_or_bias(variable: keras.Variable) -> bool:
    """True for biases and for scales and offsets of normalisations: all that has one axis, and
    the biases of attention, which have one for the heads too."""
    return len(variable.shape) <= 1 or variable.name == "bias"


def make_optimizer(
    config: TrainConfig,
    rates: keras.optimizers.schedules.LearningRateSchedule | float,
    variables: Sequence[keras.Variable],
    rate_factors: Sequence[float] | None = None,
) -> SGD | Adam | AdamW:
    """Returns the optimizer that the settings ask for; `build(variables)` is left to do.

    Args:
        config: Training settings.
        rates: The rate of each batch.
        variables: What learns.
        rate_factors: A factor of the rate for each of them; None: 1.
    """
    options = {}
    if config.clip_norm is not None:
        clip = "clipnorm" if config.clip_mode == "per_variable" else "global_clipnorm"
        options[clip] = config.clip_norm
    if config.accumulate_steps > 1:
        options["gradient_accumulation_steps"] = config.accumulate_steps
    if rate_factors is not None and any(factor != 1 for factor in rate_factors):
        options["rate_factors"] = rate_factors
    if config.weight_decay and not config.decay_norms_and_biases:
        options["decays"] = [not is_norm_or_bias(variable) for variable in variables]
    if config.optimizer == "adam":
        return Adam(rates, **options)
    options["weight_decay"] = config.weight_decay
    if config.optimizer == "adamw":
        return AdamW(rates, **options)
    return SGD(rates, momentum=config.momentum, **options)
