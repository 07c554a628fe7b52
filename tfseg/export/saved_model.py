"""A SavedModel with everything inside: decoding, resizing, network, and the way back to pixels.

Which signatures it has, and what they take and give, is the system's to say: in its graph module,
see `tfseg.export.endpoints`. Each model's card lists them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import keras

from tfseg.errors import ExportError
from tfseg.export.endpoints import Serving, check_options, graph_module, options_of
from tfseg.export.folder import CHECKSUMS, free_folder, require_tensorflow, verify, writing
from tfseg.export.model_card import write_model_card

__all__ = ["CHECKSUMS", "export", "verify"]

LABELS, CARD = "labels.txt", "model_card.md"


def export(
    estimator,
    directory: str | os.PathLike,
    *,
    overwrite: bool = False,
    metrics: Mapping | None = None,
    data: str = "",
    license: str = "",
    **options,
) -> Path:
    """Writes a SavedModel that needs TensorFlow alone, and returns its folder.

    Beside it: `labels.txt` (line k names class id k), `model_card.md`, `SHA256SUMS`.

    Args:
        estimator: A fitted estimator; its `serving_graph` names the module that knows its graph.
        directory: A new folder; TensorFlow Serving wants `.../name/1`.
        overwrite: Replace what is there.
        metrics: Measures for the model card, such as a `Report`.
        data: What it was trained on, for the model card.
        license: Licence of the weights, for the model card.
        options: Those of the system, see `serving` in its graph module.

    Raises:
        ConfigError: For an option that this system does not have, or a value out of its limits.
        ExportError: If the backend is not TensorFlow, the folder is taken, or the disk is full.
    """
    require_tensorflow(estimator)
    module = graph_module(estimator)
    common = options_of(export)
    check_options(estimator, options, options_of(module.serving), common, "saved_model")
    directory = free_folder(directory, overwrite)
    serving = module.serving(estimator, **options)
    with writing(directory) as folder:
        _write_graph(estimator, serving, folder)
        about = {"metrics": metrics, "data": data, "license": license}
        name = _model_name(directory)
        _write_labels(estimator, folder)
        write_model_card(estimator, folder / CARD, name=name, serving=serving, **about)
    return directory


def _write_graph(estimator, serving: Serving, folder: Path):
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(estimator.keras_model)
    for endpoint in serving.endpoints:
        specs = [given.spec for given in endpoint.takes]
        function = archive.add_endpoint(endpoint.name, endpoint.function, input_signature=specs)
        gives = set(function.get_concrete_function().structured_outputs)
        if gives != set(endpoint.gives):
            raise ExportError(
                f"signature {endpoint.name!r}: {estimator.serving_graph} says that it gives "
                f"{sorted(endpoint.gives)}, and it gives {sorted(gives)}."
            )
    try:
        archive.write_out(os.fspath(folder), verbose=False)
    except tf.errors.OpError as error:
        raise OSError(f"TensorFlow could not write it: {error.message}") from error
    # Keras leaves an empty folder for assets that this model does not have.
    assets = folder / "assets"
    if assets.is_dir() and not any(assets.iterdir()):
        shutil.rmtree(assets)


def _write_labels(estimator, folder: Path):
    names = "".join(f"{name}\n" for name in estimator.class_names)
    (folder / LABELS).write_text(names, encoding="utf-8")


def _model_name(directory: Path) -> str:
    return directory.parent.name if directory.name.isdecimal() else directory.name
