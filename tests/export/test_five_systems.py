"""Each system's SavedModel says what `predict` says, under this TensorFlow and under older ones.

`TFSEG_OTHER_PYTHONS` names interpreters that have another TensorFlow, between colons: those of
servers and notebooks are older than the one that exports. Neither Keras nor tfseg is needed there.
"""

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from five_models import FIVE, images, poses, requests_of
from PIL import Image

from tfseg.serving.answers import DECODERS
from tfseg.structures.poses import coco_poses

pytestmark = pytest.mark.slow
OTHERS = [path for path in os.environ.get("TFSEG_OTHER_PYTHONS", "").split(os.pathsep) if path]

# Runs in the other interpreter: every signature on every request, into one file.
RUN = """
import sys
sys.modules.update({"keras": None, "tf_keras": None, "tfseg": None})
import numpy as np
import tensorflow as tf

model, found = tf.saved_model.load(sys.argv[1]), {}
with np.load(sys.argv[2], allow_pickle=True) as requests:
    for key in requests.files:
        request, signature, name = key.split("/")
        found.setdefault((request, signature), {})[name] = requests[key]
outputs = {}
for (request, signature), inputs in found.items():
    tensors = {n: tf.constant(v.tolist() if v.dtype == object else v) for n, v in inputs.items()}
    for name, value in model.signatures[signature](**tensors).items():
        outputs[f"{request}/{signature}/{name}"] = value.numpy()
outputs["version"] = np.array(tf.__version__)
np.savez(sys.argv[3], **outputs)
"""


def run(python, folder, tmp_path):
    """Returns the outputs in an interpreter, by request, signature and name."""
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": ""}
    words = [python, "-c", RUN, str(folder), str(tmp_path / "in.npz"), str(tmp_path / "out.npz")]
    done = subprocess.run(words, env=quiet, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(tmp_path / "out.npz", allow_pickle=True) as outputs:
        return {name: outputs[name] for name in outputs.files}


@pytest.fixture(scope="module", params=list(FIVE))
def exported(request, tmp_path_factory):
    model = FIVE[request.param]()
    model.fitted = True
    folder = tmp_path_factory.mktemp(request.param)
    np.savez(folder / "in.npz", **requests_of(request.param))
    saved = model.export(folder / "1")
    here = tf.saved_model.load(os.fspath(saved))
    return model, saved, here, folder


def test_a_served_answer_becomes_the_prediction_of_predict(exported):
    model, _, here, _ = exported
    with_poses = model.system == "pose2seg"
    asked = requests_of(model.system)
    inputs = {
        key.split("/")[-1]: tf.constant(value.tolist() if value.dtype == object else value)
        for key, value in asked.items()
        if key.startswith("all/")
    }
    outputs = here.signatures["serving_default"](**inputs)
    describe = here.signatures["describe"](question=tf.constant([""]))
    facts = json.loads(describe["description"].numpy()[0])
    people = [coco_poses(one) for one in poses()]
    given = {"poses": people} if with_poses else {}
    total = 0
    for row, wanted in enumerate(model.predict(images(), **given)):
        one = {name: value.numpy()[row] for name, value in outputs.items()}
        one["error"] = one["error"].decode()
        found = DECODERS[facts["answers"]](one, facts, people[row], {"image_id": row})
        agree(found, wanted)
        total += len(found)
    assert total >= 2


def agree(found, wanted):
    assert (found.size, found.class_names, found.order) == (
        wanted.size,
        wanted.class_names,
        wanted.order,
    )
    assert len(found) == len(wanted)
    np.testing.assert_array_equal(found.class_ids, wanted.class_ids)
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-3)
    if wanted.order == "score":  # of poses, masks differ by single pixels, and boxes with them
        tolerance = 1.01 if wanted.label_maps else 0.05
        np.testing.assert_allclose(found.boxes, wanted.boxes, atol=tolerance)
    assert (found.masks != wanted.masks).mean() < 0.01 if len(found) else True
    assert set(found.label_maps) == set(wanted.label_maps)
    for name, labels in wanted.label_maps.items():
        assert found.label_maps[name].dtype == labels.dtype
        limit = np.abs(found.label_maps[name].astype(int) - labels)
        assert limit.max() <= 1 if name == "alpha" else (limit > 0).mean() <= 0.01, name
        assert found.names_of(name) == wanted.names_of(name)
    assert (found.attributes is None) == (wanted.attributes is None)
    for ours, theirs in zip(found.attributes or (), wanted.attributes or ()):
        assert [one.name for one in ours] == [one.name for one in theirs]
        for one, other in zip(ours, theirs):
            assert one.score == pytest.approx(other.score, abs=0.02)
            assert {k: t.value for k, t in one.traits.items()} == {
                k: t.value for k, t in other.traits.items()
            }


@pytest.mark.skipif(not OTHERS, reason="TFSEG_OTHER_PYTHONS names no interpreter")
@pytest.mark.parametrize("other", OTHERS or [None])
def test_an_older_tensorflow_computes_the_same(exported, other, record_property):
    model, saved, _, folder = exported
    if not (folder / "here.npz").exists():
        run(sys.executable, saved, folder)
        (folder / "out.npz").rename(folder / "here.npz")
    with np.load(folder / "here.npz", allow_pickle=True) as outputs:
        expected = {name: outputs[name] for name in outputs.files}
    found = run(other, saved, folder)
    version = str(found.pop("version"))
    assert version != str(expected.pop("version")) and set(found) == set(expected)
    worst, pixels = {}, 0.0
    for name, value in expected.items():
        other_value = found[name]
        assert other_value.shape == value.shape and other_value.dtype == value.dtype, name
        if value.dtype == object:
            if not name.endswith("_png_bytes"):
                assert (other_value == value).all(), name
                continue
            pairs = zip(value.ravel(), other_value.ravel())
            opened = [[np.asarray(Image.open(io.BytesIO(f))).astype(int) for f in p] for p in pairs]
            worst[name] = max(float((one != two).mean()) for one, two in opened)
            assert worst[name] <= 1e-3, name
            continue
        difference = np.abs(other_value.astype(float) - value)
        if value.dtype.kind == "f":
            # Numbers above 1 are pixels, and 100 pixels have the last bit of 100.
            relative = difference / np.maximum(1, np.abs(value))
            worst[name] = float(relative.max(initial=0))
            assert worst[name] <= 1e-5, (version, name, worst[name])
            if name.endswith("boxes"):
                pixels = max(pixels, float(difference.max(initial=0)))
        else:
            worst[name] = float((difference > 0).mean())
            assert worst[name] <= 1e-3, (version, name)
    identical = sum(value == 0 for value in worst.values())
    line = f"{model.system} TensorFlow {version}: {identical} of {len(worst)} outputs identical"
    print(f"{line}, largest difference {max(worst.values()):.2g}, of boxes {pixels:.2g} pixels")
