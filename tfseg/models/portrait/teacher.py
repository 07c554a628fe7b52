"""A trained portrait model as the teacher of another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
from keras import ops

from tfseg.errors import ConfigError, WeightsError

if TYPE_CHECKING:
    from tfseg.models.portrait.estimator import PortraitSegmenter

__all__ = ["answers_of", "load_teacher"]


def load_teacher(student: PortraitSegmenter) -> PortraitSegmenter:
    """Returns the model that the student's setting `teacher` names.

    Raises:
        ConfigError: If there is none of that name, it is damaged or not trained, or it has other
            classes.
    """
    name = student.config.teacher
    try:
        teacher = type(student).from_pretrained(name)
    except WeightsError as error:
        raise ConfigError(f"teacher: {error} None trains without a teacher.") from None
    if teacher.class_names != student.class_names:
        raise ConfigError(
            f"teacher: {name!r} knows the classes {', '.join(teacher.class_names)}, and this model "
            f"{', '.join(student.class_names)}. Both need the same ones in the same order; "
            "teacher=None trains without a teacher."
        )
    if not teacher.fitted:
        raise ConfigError(f"teacher: {name!r} has random weights. Train it first.")
    return teacher


def answers_of(teacher: PortraitSegmenter) -> Callable:
    """Returns `image (B, H, W, 3), 0 to 255 -> logits (B, H, W, N)` of a model, computed as in
    predicting: a plain function, so that a network that keeps it does not own the model's weights.
    """
    network = teacher.keras_model
    graph = keras.Model(network.graph.input, network.graph.output["logits"], name="teacher")
    graph.trainable = False

    def answers(image):
        logits = graph(network.preprocess(image), training=False)
        return ops.stop_gradient(ops.cast(logits, "float32"))

    return answers
