"""What was trained on JAX is served by TensorFlow: each system's answers are those of JAX."""

import importlib.util
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from five_models import FIVE, extras, images, poses, requests_of
from PIL import Image

from tfseg import models
from tfseg.serving.answers import DECODERS
from tfseg.structures import Prediction
from tfseg.structures.poses import coco_poses

CONTRACTS = Path(__file__).parents[1] / "contracts"
TRAINED = """
import json, sys
from five_models import FIVE, extras, images, taught
from tfseg.errors import ExportError

made = FIVE[sys.argv[1]]()
before = [v.copy() for v in made.keras_model.get_weights()]
made = taught(made)
moved = sum((a != b).any() for a, b in zip(before, made.keras_model.get_weights()))
made.save(sys.argv[2])
told = {"moved": int(moved), "predictions": [
    one.to_dict() for one in made.predict(images(), **extras(made))]}
try:
    made.export(sys.argv[2] + "/1")
except ExportError as error:
    told["refused"] = str(error)
json.dump(told, open(sys.argv[3], "w"))
"""


def differences(found, wanted):
    """Returns the largest differences: of a score; of an edge, in pixels; of a mask, what its
    intersection over union lacks of 1, and the share of the image's pixels; of the label maps, the
    share of pixels, and of the opacity, in shares of 255."""
    assert (found.size, found.class_names) == (wanted.size, wanted.class_names)
    np.testing.assert_array_equal(found.class_ids, wanted.class_ids)
    pairs = [p for p in zip(found.masks, wanted.masks, strict=True) if (p[0] | p[1]).any()]
    overlaps = [(one & other).sum() / (one | other).sum() for one, other in pairs]
    scores = [np.abs(found.scores - wanted.scores).max(initial=0)]
    for ours, theirs in zip(found.attributes or (), wanted.attributes or (), strict=True):
        assert [one.name for one in ours] == [one.name for one in theirs]
        scores += [abs((a.score or 0) - (b.score or 0)) for a, b in zip(ours, theirs)]
    labels = 0.0
    for name, one in wanted.label_maps.items():
        gap = np.abs(found.label_maps[name].astype(int) - one)
        labels = max(labels, gap.max() / 255 if name == "alpha" else (gap > 0).mean())
    return {
        "score": max(scores),
        "box": np.abs(found.boxes - wanted.boxes).max(initial=0),
        "mask": 1 - min(overlaps, default=1.0),
        "pixels": max(((one != other).mean() for one, other in pairs), default=0.0),
        "labels": labels,
    }


def as_files(row, size):
    """Returns the answer of a signature that gives arrays as that of one that gives files."""
    found = dict(row, image_sizes=size)
    for name, value in row.items():
        if getattr(value, "dtype", None) in (np.uint8, np.uint16):  # not the text of an error
            maps = value if name == "masks" else value[None]
            files = []
            for one in maps:
                file = io.BytesIO()
                Image.fromarray(one).save(file, "PNG")
                files.append(file.getvalue())
            found[f"{name}_png_bytes"] = files if name == "masks" else files[0]
    return found


def answers(folder, system):
    """Returns what the three signatures of a SavedModel find in `images()`."""
    signatures = tf.saved_model.load(os.fspath(folder)).signatures
    described = signatures["describe"](question=tf.constant([""]))["description"]
    facts = json.loads(described.numpy()[0])
    found, inputs = {}, {}
    for key, value in requests_of(system).items():
        request, signature, name = key.split("/")
        value = value.tolist() if value.dtype == object else value
        inputs.setdefault((request, signature), {})[name] = tf.constant(value)
    people = [coco_poses(one) for one in poses()]
    for (request, signature), tensors in inputs.items():
        outputs = {n: v.numpy() for n, v in signatures[signature](**tensors).items()}
        for place, index in enumerate(range(3) if request == "all" else [int(request)]):
            row = {name: value[place] for name, value in outputs.items()}
            if signature != "serving_default":
                row = as_files(row, images()[index].shape[:2])
            assert not row["error"]
            answer = DECODERS[facts["answers"]](row, facts, people[index], {})
            found.setdefault(signature, {})[index] = answer
    return {signature: [found[signature][index] for index in range(3)] for signature in found}


# Of what was measured (docs/serving.md), scores and boxes are about a tenth of this or less.
LIMITS = {"score": 1e-5, "box": 1e-3, "pixels": 5e-3, "labels": 1e-3}


@pytest.mark.slow
@pytest.mark.jax
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
@pytest.mark.parametrize("system", list(FIVE))
def test_a_model_trained_on_jax_answers_the_same_when_served(system, tmp_path):
    saved, told = tmp_path / "trained", tmp_path / "told.json"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(CONTRACTS), str(CONTRACTS.parents[1])]),
        "KERAS_BACKEND": "jax",
        "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
    }
    words = [sys.executable, "-c", TRAINED, system, str(saved), str(told)]
    subprocess.run(words, env=environment, check=True, timeout=1200)
    told = json.loads(told.read_text())
    assert told["moved"] > 0
    assert "KERAS_BACKEND=tensorflow" in told["refused"]
    wanted = {"JAX": [Prediction.from_dict(one) for one in told["predictions"]]}
    served = tmp_path / "served" / system / "1"
    words = ["-m", "tfseg.cli.main", "export", str(saved), str(served), "--serving"]
    subprocess.run([sys.executable, *words], env=environment, check=True, timeout=1200)
    model = models.load(saved)
    wanted["TensorFlow"] = model.predict(images(), **extras(model))
    found = {"predict": wanted["TensorFlow"], **answers(served, system)}
    assert sum(map(len, wanted["JAX"])) >= 2
    for form, ours in found.items():
        for backend, theirs in wanted.items():
            if theirs is ours:
                continue
            rows = [differences(*pair) for pair in zip(ours, theirs, strict=True)]
            worst = {name: max(row[name] for row in rows) for name in rows[0]}
            numbers = ", ".join(f"{name} {value:.2g}" for name, value in worst.items())
            print(f"{system} | {form} | {backend} | {numbers}", flush=True)
            for name, limit in LIMITS.items():
                assert worst[name] <= limit, (system, form, backend, name, worst)
