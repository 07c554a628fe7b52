"""What a system declares of itself to become files for phones.

The module that `Estimator.phone_part` names has one function::

    def part(estimator, image_size=None) -> PhonePart:

Everything else in this room knows a `PhonePart` and no system.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.errors import ExportError

__all__ = ["PhonePart", "Reading", "checked_size", "phone_part", "require_phone_part"]

LEAST_SIDE = 32


@dataclasses.dataclass(frozen=True)
class Reading:
    """How a network reads an image: `(grey value - mean) / std`.

    Half a grey value lies between the two means: with 128 each of the 256 grey values is one of the
    256 steps of an int8 input, its value minus 128.

    Attributes:
        std: One for all channels, as int8 inputs have one step.
        float_mean: Of the float files.
        int8_mean: Of the int8 files, and of the training for them.
    """

    std: float = 127.5
    float_mean: float = 127.5
    int8_mean: float = 128.0

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest input of an int8 file."""
        return -self.int8_mean / self.std, (255 - self.int8_mean) / self.std

    def values(self, images: np.ndarray, mean: float | None = None) -> np.ndarray:
        """Returns images, grey values 0 to 255, as the network reads them, float32; None takes
        the mean of the int8 files."""
        mean = self.int8_mean if mean is None else mean
        return (np.asarray(images, np.float32) - np.float32(mean)) / np.float32(self.std)


class PhonePart:
    """The part of a fitted model that phones run: a dense network with one output map.

    A system overrides what raises `NotImplementedError`. What cannot be had is left out: without
    `loss` nothing is trained for int8, and without `any_size` there is no file for images of any
    size.

    Args:
        estimator: The fitted model.
        image_size: `(H, W)` of the images that a file takes.

    Attributes:
        reading: How the network reads images.
        learns: Whether `loss` and `loader` exist.
        loss_layer: Name of the layer whose output `loss` takes.
        labels: One for each channel of the output, or for two classes of one channel both.
    """

    reading = Reading()
    learns = False
    loss_layer = ""
    labels: tuple[str, ...] = ()

    def __init__(self, estimator, image_size):
        self.estimator, self.image_size = estimator, checked_size(image_size)

    def network(self, keras):
        """Returns a functional model with the estimator's weights, image `(B, H, W, 3)` to one
        map, of layers that `rounding` has rules for.

        Args:
            keras: The namespace that makes the layers, Keras 3 or tf_keras.
        """
        raise NotImplementedError

    def any_size(self):
        """Returns a Keras 3 model for images of any size, and the function that brings an image,
        uint8, into its range."""
        raise ExportError(f"a {self.estimator.system!r} model has no file for images of any size.")

    def plan(self, size: tuple[int, int]):
        """Returns how an image `(H, W)` meets a file: a plan with `image(array)`."""
        raise NotImplementedError

    def prediction(self, output: np.ndarray, sample, plan):
        """Returns the prediction from a file's output, float32 `(H, W, D)`."""
        raise NotImplementedError

    def wanted(self, answer):
        """Returns the prediction that a file's is to be compared with, of an `Answer` of `predict`:
        with images fitted as for the file, and without what files leave to the program around
        them."""
        return answer.prediction

    def loader(self, dataset):
        """Returns a loader of batches with `image`, uint8 `(B, H, W, 3)`, and what `loss` takes."""
        raise NotImplementedError

    def loss(self, output, batch: Mapping):
        """Returns the scalar that is trained, from the output of `loss_layer`."""
        raise NotImplementedError

    def settings(self) -> dict:
        """Returns what makes this network another one, plain values."""
        settings = self.estimator.config.to_dict()
        return {name: value for name, value in settings.items() if name != "train"}

    def about(self, whole_int8: bool) -> dict:
        """Returns what an application must know, ready for JSON; see `description.described`."""
        raise NotImplementedError

    def images(self, dataset: Sequence, count: int) -> list[np.ndarray]:
        """Returns up to `count` images of a dataset, spread over it, fitted to a file's size."""
        chosen = np.unique(np.linspace(0, len(dataset) - 1, min(count, len(dataset))).round())
        images = [dataset[int(index)].image for index in chosen]
        return [self.plan(image.shape[:2]).image(image) for image in images]


def require_phone_part(estimator, where: str = "") -> None:
    """Raises ExportError, with the reason, for a system that has no part for phones."""
    if not estimator.phone_part:
        raise ExportError(
            f"{where}a {estimator.system!r} model cannot become a TFLite model. "
            f'{estimator.no_phone_part} Use format="saved_model", or tfseg export.'
        )


def phone_part(estimator, image_size=None, where: str = "") -> PhonePart:
    """Returns the part of a model that phones run.

    Args:
        estimator: A fitted model.
        image_size: `(H, W)`; None takes the settings' own.
        where: Put before the message.

    Raises:
        ExportError: If the system has none, or for a size that is none.
    """
    require_phone_part(estimator, where)
    return importlib.import_module(estimator.phone_part).part(estimator, image_size)


def checked_size(image_size) -> tuple[int, int]:
    """Returns `(H, W)` as two integers.

    Raises:
        ExportError: If they are not two whole numbers of at least 32.
    """
    try:
        height, width = (int(side) for side in image_size)
        whole = (height, width) == tuple(image_size)
    except (TypeError, ValueError):
        whole = False
    if not whole or min(height, width) < LEAST_SIDE:
        raise ExportError(
            f"image_size: expected (rows, columns) of at least {LEAST_SIDE}, got {image_size!r}. A "
            "model for a phone has one fixed size, such as (256, 192)."
        )
    return height, width
