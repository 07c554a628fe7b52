"""Whatever a user passes as `augmentation=`, as one kind of function with a text to know it by."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

from tfseg.errors import ConfigError, DataError, TFSegError
from tfseg.structures.sample import Sample

__all__ = ["Augmentation", "choose"]


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """A random change of images: `augmentation(sample, seed) -> Sample`, equal for equal seeds.

    Attributes:
        function: What changes a sample; it must keep the image's size, unless it names the
            size that it makes as its attribute `canvas`.
        text: Tells this augmentation from others, in messages, checkpoints and run folders: the
            name of a set, or what the object says of itself.
        name: The name, if it is one of the sets that a config can name.
    """

    function: Callable[[Sample, int], Sample]
    text: str
    name: str | None = None

    @property
    def canvas(self) -> tuple[int, int] | None:
        """`(rows, columns)` of every image made, or None if images keep their size."""
        return getattr(self.function, "canvas", None)

    @property
    def before_resize(self) -> bool:
        """Whether it is for images as they were read, and gives others of any size: those who
        resize afterwards call `on_original`."""
        return bool(getattr(self.function, "before_resize", False))

    def on_canvas(self, size: int | tuple[int, int]) -> Augmentation:
        """Returns the same augmentation with images of another size: one side, or `(rows,
        columns)`. One that keeps the size of its images is returned as it is."""
        if self.canvas is None:
            return self
        function = self.function.on_canvas(size)
        return Augmentation(function, self.text if self.name else _text(function), self.name)

    def __call__(self, sample: Sample, seed: int) -> Sample:
        """Returns the changed sample.

        Raises:
            DataError: If the change fails, makes another thing of the sample, or another size.
        """
        moved = self.on_original(sample, seed)
        if moved.size != sample.size and self.before_resize:
            raise DataError(
                f"{sample.where}: the augmentation {self.text} cuts images before they are "
                "resized, which this system does not do. Choose another one."
            )
        if moved.size != (self.canvas or sample.size):
            raise DataError(
                f"{sample.where}: the augmentation changed the image's size from "
                f"{sample.size[0]} x {sample.size[1]} to {moved.size[0]} x {moved.size[1]}, and a "
                "batch needs equal ones. Pass keep_size=True to the augmenter, or wrap it in "
                "imgaug's KeepSizeByResize."
            )
        return moved

    def on_original(self, sample: Sample, seed: int) -> Sample:
        """Returns the changed sample, of whatever size.

        Raises:
            DataError: If the change fails, or makes another thing of the sample.
        """
        moved = self.function(sample, seed)
        if not isinstance(moved, Sample):
            raise DataError(
                f"{sample.where}: the augmentation should return a tfseg.Sample, got "
                f"{type(moved).__name__}."
            )
        return moved

    def check(self, sample: Sample) -> None:
        """Tries the change on an image with three seeds.

        Raises:
            ConfigError: If it cannot be used, naming the augmenter at fault and the reason.
        """
        try:
            for seed in range(3):
                self.on_original(sample, seed) if self.before_resize else self(sample, seed)
        except TFSegError as error:
            culprit = _culprit(self.function, sample, error)
            raise ConfigError(f"augmentation: {culprit} cannot be used. {error}") from error
        except Exception as error:
            raise ConfigError(
                f"augmentation: {self.text} failed on {sample.where}: {type(error).__name__}: "
                f"{error}. A function of one's own is called as augmentation(sample, seed) and "
                "returns a changed tfseg.Sample."
            ) from error


def choose(augmentation) -> Augmentation:
    """Returns the augmentation that is meant.

    Args:
        augmentation: The name of a set (`tfseg.data.augment.presets.NAMES`); any augmenter of
            imgaug, or a list of them; an `Augmenter`; or a function
            `(sample, seed) -> Sample` that gives the same for equal seeds.

    Raises:
        ConfigError: If it is none of these; for an unknown name with the nearest one.
    """
    from tfseg.data.augment import presets
    from tfseg.data.augment.imgaug_adapter import Augmenter
    from tfseg.data.augment.imgaug_compat import iaa

    if isinstance(augmentation, Augmentation):
        return augmentation
    if isinstance(augmentation, str):
        return Augmentation(presets.build(augmentation), augmentation, augmentation)
    parts = augmentation if isinstance(augmentation, (list, tuple)) else [augmentation]
    if all(isinstance(part, iaa.Augmenter) for part in parts):
        augmentation = Augmenter(augmentation)
    if isinstance(augmentation, type) or not callable(augmentation):
        raise ConfigError(
            f"augmentation: expected the name of a set ({', '.join(presets.NAMES)}), an imgaug "
            "augmenter such as imgaug.augmenters.Fliplr(0.5), a list of them, or a function "
            f"(sample, seed) -> Sample; got {augmentation!r}."
        )
    return Augmentation(augmentation, _text(augmentation))


def _text(function) -> str:
    name = getattr(function, "__qualname__", None)
    if name is not None:
        return f"{getattr(function, '__module__', '')}.{name}"
    if type(function).__repr__ is object.__repr__:
        return f"{type(function).__module__}.{type(function).__qualname__}"
    # Addresses differ from run to run.
    return re.sub(r" at 0x[0-9a-f]+", "", repr(function))


def _culprit(function, sample: Sample, failure: TFSegError) -> str:
    """Returns the name of the one augmenter, of several, that fails alike by itself."""
    from tfseg.data.augment.imgaug_adapter import Augmenter

    if not isinstance(function, Augmenter):
        return _text(function)
    everyone = [function.augmenter, *function.augmenter.get_all_children(flat=True)]
    for one in (a for a in everyone if not a.get_all_children(flat=True)):
        try:
            Augmentation(Augmenter(one), "")(sample, 0)
        except TFSegError as error:
            if repr(error.__cause__) == repr(failure.__cause__):
                return f"imgaug's {type(one).__module__.rsplit('.', 1)[-1]}.{type(one).__name__}"
    return "this combination of augmenters"
