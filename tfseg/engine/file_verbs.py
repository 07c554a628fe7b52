"""The verbs of an estimator that read and write files."""

from __future__ import annotations

import importlib
import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path

import keras

from tfseg.config.base import nearest
from tfseg.config.start import is_path
from tfseg.engine import checkpoint, named_models, weights
from tfseg.engine.class_layers import ClassLayers
from tfseg.engine.model_json import digest_of_weights
from tfseg.errors import ConfigError, ExportError, WeightsError
from tfseg.structures import LoadReport

__all__ = ["FileVerbs"]

_LOG = logging.getLogger(__name__)
_EXPORTERS = {"saved_model": "tfseg.export.saved_model", "tflite": "tfseg.export.tflite"}


class FileVerbs:
    """Saving, loading, exporting and pickling, for `Estimator`."""

    def __getstate__(self) -> dict:
        """Returns what a copy or another process needs; networks, compiled functions and locks
        cannot travel, weights can."""
        state = {k: v for k, v in self.__dict__.items() if k not in ("_lock", "_infer")}
        network = state.pop("_network")
        if network is not None:
            state["_weights"] = [keras.ops.convert_to_numpy(v.value) for v in network.weights]
        return state

    def __setstate__(self, state: dict):
        values = state.pop("_weights", None)
        self.__dict__.update(state, _network=None, _infer=None, _lock=threading.RLock())
        if values is not None:
            for variable, value in zip(self.keras_model.weights, values, strict=True):
                variable.assign(value)

    def save(self, directory: str | os.PathLike, *, half: bool = False) -> Path:
        """Writes settings, class names, versions and weights into a folder, whole or not at
        all, and returns its path.

        Args:
            directory: A new or empty folder, or a saved model that is to be replaced.
            half: Round the weights to float16, for half the space; they are read as float32.
        """
        return checkpoint.save_model(
            self.keras_model,
            directory,
            system=self.system,
            config=self._config.to_dict(),
            class_names=self.class_names,
            fitted=self.fitted,
            random_layers=() if self.fitted else self.random_layers,
            architecture=self._architecture(),
            half=half,
        )

    def _architecture(self) -> Mapping:
        """Returns what a saved model must keep of parts of the network that the settings only name,
        such as a backbone whose numbers of layers come from a server; plain values."""
        return {}

    def _take_architecture(self, kept: Mapping) -> None:
        """Takes what `_architecture` of the saved model had returned, before the network is built;
        an empty mapping from a model of an older version."""

    @classmethod
    def load(cls, directory: str | os.PathLike) -> FileVerbs:
        """Returns the model that `save` wrote.

        Raises:
            WeightsError: If the folder is missing or damaged, holds another system, or comes
                from a newer version.
        """
        content = checkpoint.read_model_json(directory)
        if content["system"] != cls.system:
            raise WeightsError(
                f"{directory}: a {content['system']!r} model, not {cls.system!r}. tfseg.load(...) "
                "finds the right class."
            )
        try:
            model = cls(content["config"])
        except ConfigError as error:
            raise WeightsError(f"{directory}: its settings are not valid: {error}") from None
        model._take_architecture(content["architecture"])
        path, digest = Path(directory) / checkpoint.WEIGHTS_FILE, digest_of_weights(content)
        checked = path.is_file() and weights.is_intact(path, digest)
        weights.load(model.keras_model, path, checked=checked)
        model.fitted = content["fitted"]
        model.random_layers = tuple(content["random_layers"])
        return model

    @classmethod
    def from_pretrained(cls, name_or_dir: str | os.PathLike) -> FileVerbs:
        """Returns a saved model by its folder, or by its name: from the folder `$TFSEG_MODELS`, or
        of those that come with tfseg, such as "portrait"."""
        return cls.load(named_models.find_model(name_or_dir))

    def save_weights(self, path: str | os.PathLike, *, half: bool = False) -> Path:
        """Writes the weights alone into one HDF5 file (`.weights.h5`) and returns its path; `half`
        is that of `save`."""
        path = Path(path)
        if path.suffix not in (".h5", ".hdf5"):
            raise WeightsError(f"{path}: expected a name that ends in .weights.h5.")
        attributes = {"system": self.system, "class_names": list(self.class_names)}
        weights.save(self.keras_model, path, attributes, half=half)
        return path

    def load_weights(self, path: str | os.PathLike, skip_mismatch: bool = False) -> LoadReport:
        """Gives the layers their weights from a file or a saved model; all or, on error, none.

        Args:
            path: A `.weights.h5` file of `save_weights`, a folder of `save`, the name of a model
                (`named_models.known_models`), or a file of another program that one of
                `weight_readers` knows by its content.
            skip_mismatch: Take the layers that fit, for instance all but the last ones for
                other classes, and list the others in the report. A model that had no weights
                before must then be trained before it predicts.

        Layers with something for each class fit only if the file was written for the same classes
        in the same order; one class may have another name.

        Raises:
            WeightsError: Naming the layers that do not fit, or what the file is.
        """
        path, digest = named_models.find_weights(path), None
        if path.is_dir():
            digest = digest_of_weights(checkpoint.read_model_json(path))
            path = path / checkpoint.WEIGHTS_FILE
        # A file of ours that is damaged must not be taken for another program's.
        checked = path.is_file() and weights.is_intact(path, digest)
        reader = None if checked or weights.is_weight_file(path) else self._reader_of(path)
        if reader is not None:
            report = reader.load(self, path, skip_mismatch)
        else:
            others = [importlib.import_module(name).READS for name in self.weight_readers]
            classes = ClassLayers(self.class_names, self.class_layers)
            report = weights.load(self.keras_model, path, skip_mismatch, others, checked, classes)
        if not self.fitted:
            self.random_layers = (*report.skipped, *report.missing)
            self.fitted = not self.random_layers
        return report

    def _load_start(self) -> None:
        """Gives a network that nobody gave weights those of the file that the setting
        `initial_weights` names, if it names one, as far as they fit."""
        path = getattr(self._config, "initial_weights", None)
        if self.fitted or self.random_layers or not is_path(path):
            return
        try:
            report = self.load_weights(path, skip_mismatch=True)
        except WeightsError as error:
            raise WeightsError(
                f"initial_weights: {error} Its path counts from the folder that the command runs "
                "in; docs/weights.md says where public weights are to be had; None starts from "
                "random numbers."
            ) from None
        _LOG.info("%s", report)

    def _reader_of(self, path: Path):
        for name in self.weight_readers:
            module = importlib.import_module(name)
            if path.is_file() and module.recognises(path):
                return module
        return None

    def export(
        self, directory: str | os.PathLike, *, format: str = "saved_model", **options
    ) -> Path:
        """Writes the model in a form that runs without tfseg, and returns the folder's path.

        Args:
            directory: A new folder; TensorFlow Serving expects `.../name/1`.
            format: "saved_model" or, for the systems that can, "tflite".
            options: See `tfseg.export.saved_model.export` and `tfseg.export.tflite.export`; each
                refuses those that this system does not have.
        """
        if format not in _EXPORTERS:
            raise ExportError(f"format: {format!r} is not known.{nearest(format, _EXPORTERS)}")
        self._require_weights()
        # The only verb whose work lies on a higher floor; found by name when it is called.
        exporter = importlib.import_module(_EXPORTERS[format])
        return exporter.export(self, directory, **options)
