"""A SavedModel with everything inside: decoding, resizing, network, and the way back to pixels.

Which signatures it has, and what they take and give, is the system's to say: in its graph module,
see `tfseg.export.endpoints`. Each model's card lists them.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import keras
import tensorflow as tf

import tfseg
from tfseg.errors import ExportError
from tfseg.export.endpoints import (
    Endpoint,
    Input,
    Serving,
    check_options,
    graph_module,
    options_of,
)
from tfseg.export.folder import (
    CHECKSUMS,
    DESCRIPTION,
    free_folder,
    require_tensorflow,
    verify,
    writing,
)
from tfseg.export.model_card import write_model_card
from tfseg.export.warm_up import write_warm_up

__all__ = ["CHECKSUMS", "export", "verify"]

LABELS, CARD = "labels.txt", "model_card.md"


def export(
    estimator,
    directory: str | os.PathLike,
    *,
    overwrite: bool = False,
    warm_up: bool = False,
    metrics: Mapping | None = None,
    data: str = "",
    license: str = "",
    **options,
) -> Path:
    """Writes a SavedModel that needs TensorFlow alone, and returns its folder.

    Beside it: `labels.txt` (line k names class id k), `model_card.md`, `description.json`,
    `SHA256SUMS`.

    Args:
        estimator: A fitted estimator; its `serving_graph` names the module that knows its graph.
        directory: A new folder; TensorFlow Serving wants `.../name/1`.
        overwrite: Replace what is there.
        warm_up: Write requests that TensorFlow Serving replays when it loads the model; needs
            tensorflow-serving-api, and without it a warning is all.
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
    facts = _facts(estimator, serving)
    endpoints = (*serving.endpoints, _describing(facts))
    serving = dataclasses.replace(serving, endpoints=endpoints)
    with writing(directory) as folder:
        _write_graph(estimator, serving, folder)
        about = {"metrics": metrics, "data": data, "license": license}
        place = directory.absolute()  # "1" alone stands in a folder with a name
        name = _model_name(place)
        _write_labels(estimator, folder)
        takes = [given.spec.name for given in serving.endpoints[0].takes]
        told = json.dumps({**facts, "takes": takes}, indent=1, ensure_ascii=False)
        (folder / DESCRIPTION).write_text(f"{told}\n", encoding="utf-8")
        if warm_up:
            write_warm_up(folder, name, serving)
        about["folder"] = f"{name}/{place.name}" if place.name.isdecimal() else name
        write_model_card(estimator, folder / CARD, name=name, serving=serving, **about)
    return directory


def _write_graph(estimator, serving: Serving, folder: Path):
    archive = keras.export.ExportArchive()
    archive.track(estimator.keras_model)
    for endpoint in serving.endpoints:
        specs = [given.spec for given in endpoint.takes]
        function = archive.add_endpoint(endpoint.name, endpoint.function, input_signature=specs)
        outputs = function.get_concrete_function().structured_outputs
        _check_outputs(estimator, endpoint, outputs)
    try:
        archive.write_out(os.fspath(folder), verbose=False)
    except tf.errors.OpError as error:
        raise OSError(f"TensorFlow could not write it: {error.message}") from error
    # Keras leaves an empty folder for assets that this model does not have.
    assets = folder / "assets"
    if assets.is_dir() and not any(assets.iterdir()):
        shutil.rmtree(assets)


def _check_outputs(estimator, endpoint: Endpoint, outputs: Mapping) -> None:
    """Raises ExportError for outputs that the module does not tell of, or that a server would
    refuse to split into the rows of a batch."""
    where = f"signature {endpoint.name!r}: {estimator.serving_graph}"
    if set(outputs) != set(endpoint.gives):
        raise ExportError(
            f"{where} says that it gives {sorted(endpoint.gives)}, and it gives {sorted(outputs)}."
        )
    for name, value in outputs.items():
        shape = value.shape
        if shape.rank == 0 or (shape.rank and shape[0] is not None):
            raise ExportError(
                f"{where} gives {name!r} of shape {tuple(shape)}; expected the batch as its first "
                "axis, of any length."
            )


def _facts(estimator, serving: Serving) -> dict:
    """Returns what a client must know of the model."""
    return {
        "tfseg": tfseg.__version__,
        "system": estimator.system,
        "class_names": list(estimator.class_names),
        **serving.facts,
    }


def _describing(facts: Mapping) -> Endpoint:
    """Returns the signature `describe`, by which a client learns what the model is."""
    text = json.dumps(facts)

    def describe(question):
        return {"description": tf.fill(tf.shape(question), text)}

    question = Input(
        tf.TensorSpec((None,), tf.string, "question"), "string `(B,)`: anything", '[""]', '""'
    )
    about = "string `(B,)`: JSON, the same for all: the system, its classes, what outputs mean"
    return Endpoint("describe", describe, (question,), {"description": about})


def _write_labels(estimator, folder: Path):
    names = "".join(f"{name}\n" for name in estimator.class_names)
    (folder / LABELS).write_text(names, encoding="utf-8")


def _model_name(directory: Path) -> str:
    return directory.parent.name if directory.name.isdecimal() else directory.name
