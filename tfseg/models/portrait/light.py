"""`LightPortrait`: portraits cut out by LiteRT alone, in a second from a command to an image."""

from __future__ import annotations

import os
import threading

import numpy as np

from tfseg.engine import checkpoint, litert
from tfseg.errors import ConfigError, WeightsError
from tfseg.models.portrait.config import PortraitConfig
from tfseg.models.portrait.verbs import PortraitVerbs

__all__ = ["LightPortrait"]


class LightPortrait(PortraitVerbs):
    """Predicts and measures as `PortraitSegmenter` does, from a TFLite file of its weights; loads
    neither TensorFlow nor Keras, and needs the package of `pip install "tfseg[lite]"`::

        model = tfseg.load("portrait", engine="litert")
        (prediction,) = model.predict("photo.jpg")

    Images are fitted as there, so that the answers are the same to a grey value.

    Args:
        content: The file, as `tfseg.export.light` writes it.
        config: Settings of the model that it was made of.

    Raises:
        ExportError: If the package is missing, or LiteRT refuses the file.
    """

    engine = "litert"

    def __init__(self, content: bytes, config: PortraitConfig):
        self._content, self._config, self._lock = content, config, threading.RLock()
        self._runner = litert.Runner(content)

    @classmethod
    def load(cls, directory: str | os.PathLike) -> LightPortrait:
        """Returns the model saved in a folder that has a TFLite file of the same weights.

        Raises:
            ExportError: If it has none, or LiteRT cannot answer for it.
            WeightsError: If the folder is missing or damaged, or holds another system.
        """
        told = checkpoint.read_model_json(directory)
        if told["system"] != cls.system:
            raise WeightsError(f"{directory}: a {told['system']!r} model, not {cls.system!r}.")
        content = litert.tied_file(directory, checkpoint.WEIGHTS_FILE)
        try:
            config = PortraitConfig.from_dict(told["config"])
        except ConfigError as error:
            raise WeightsError(f"{directory}: its settings are not valid: {error}") from None
        return cls(content, config)

    def __reduce__(self):
        return type(self), (self._content, self._config)

    def __repr__(self) -> str:
        return f"LightPortrait({', '.join(self.class_names)})"

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(
            f"a LightPortrait has no {name!r}: it predicts and evaluates. tfseg.load(...) without "
            "engine='litert' gives the network, which has all verbs."
        )

    @property
    def config(self) -> PortraitConfig:
        """The settings of the model; they cannot be changed here."""
        return self._config

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of class id k at position k - 1; the background is not listed."""
        return self._config.classes

    def _run_rows(self, rows: list[dict], batch_size: int) -> list[dict[str, np.ndarray]]:
        with self._lock:
            return [{"logits": _logits(self._runner(row["image"][None])[0])} for row in rows]

    def _require_weights(self):
        """Nothing to do: they are in the file."""

    def _evaluation_threshold(self) -> None:
        return None


def _logits(found: np.ndarray) -> np.ndarray:
    """Returns float32 `(H, W, N)`: of two classes the file gives the difference alone."""
    return np.pad(found, ((0, 0), (0, 0), (1, 0))) if found.shape[-1] == 1 else found
