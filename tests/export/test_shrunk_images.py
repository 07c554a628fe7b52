"""Predicting, the graph of a SavedModel and the phone's program of the guide say the same of images
larger and smaller than the network's input."""

import json
import re
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfseg.export.graphs.portrait import SegmentationGraph
from tfseg.geometry.proportional import ImageFit
from tfseg.models.portrait.decode import decode

CANVAS = (64, 48)
NAMES = ("person", "dog", "cat")


def network(inputs, training=False):
    """Logits are the colours and their opposite: a grey value more or less is seen in them."""
    x = inputs["image"] / 20.0
    return {"logits": tf.concat([7.0 + 0.0 * x[..., :1], x[..., :2], 9.0 - x[..., 2:]], -1)}


class Interpreter:
    """The same network as LiteRT runs one: normalised pixels in, probabilities out."""

    def __init__(self, model_path, num_threads):
        self.allocate_tensors = self.invoke = lambda: None

    def get_input_details(self):
        return [{"index": 0, "quantization": (0.0, 0), "dtype": np.float32}]

    def get_output_details(self):
        return [{"index": 1, "quantization": (0.0, 0), "shape": (1, *CANVAS, 4)}]

    def set_tensor(self, index, pixels):
        assert pixels.shape == (1, *CANVAS, 3)
        logits = network({"image": pixels * 127.5 + 127.5})["logits"]
        self.shares = tf.nn.softmax(logits).numpy()

    def get_tensor(self, index):
        return self.shares


@pytest.fixture
def phone(repo_root, tmp_path, monkeypatch):
    """Returns the opacity uint8 `(H, W)` that the guide's program gives an image."""
    guide = (repo_root / "docs" / "phone.md").read_text()
    program = re.search(r"```python\n(import json, sys.*?)```", guide, re.DOTALL)[1]
    facts = {"height": CANVAS[0], "width": CANVAS[1], "mean": [127.5] * 3, "std": [127.5] * 3}
    with zipfile.ZipFile(tmp_path / "phone.tflite", "w") as file:
        file.writestr("tfseg.json", json.dumps({"input": facts}))
    monkeypatch.setitem(sys.modules, "ai_edge_litert", SimpleNamespace())
    monkeypatch.setitem(
        sys.modules, "ai_edge_litert.interpreter", SimpleNamespace(Interpreter=Interpreter)
    )
    paths = [tmp_path / name for name in ("phone.tflite", "photo.png", "cut.png")]
    monkeypatch.setattr(sys, "argv", ["cut_out.py", *map(str, paths)])

    def run(image):
        Image.fromarray(image).save(paths[1])
        exec(program, {})
        return np.asarray(Image.open(paths[2]))[..., 3]

    return run


def test_predict_saved_model_and_the_phones_program_agree(phone):
    fit = ImageFit(CANVAS, "letterbox")
    graph = SegmentationGraph(network, CANVAS, fit.kind, fit.limit, classes=4)
    spec = tf.TensorSpec((1, None, None, 3), tf.uint8)
    served = tf.function(graph.from_images, input_signature=[spec])
    random = np.random.default_rng(0)
    for factor in (1.3, 2, 3.1, 6):
        # As wide as the input, narrower (bars of odd widths beside it), and wider.
        for height, width in ((64, 48), (64, 41), (37, 48)):
            size = round(height * factor), round(width * factor)
            coarse = Image.fromarray(random.integers(0, 256, (8, 6, 3)).astype(np.uint8))
            image = np.array(coarse.resize(size[::-1], Image.Resampling.BICUBIC)).astype(int)
            image += random.integers(-60, 61, image.shape)
            image = np.clip(image, 0, 255).astype(np.uint8)
            plan = fit.predict_plan(size)
            logits = network({"image": tf.constant(plan.image(image), tf.float32)})["logits"]
            alpha = decode(logits.numpy(), plan, class_names=NAMES).label_maps["alpha"]
            assert np.ptp(alpha) > 150
            for found in (served(image[None])["alpha"][0].numpy(), phone(image)):
                assert np.abs(found.astype(int) - alpha).max() <= 1, (size, factor)


def test_logits_of_a_smaller_image_are_filtered_too():
    fit = ImageFit((64, 64), "stretch")
    stripes = np.zeros((64, 64, 2), np.float32)
    stripes[::2, :, 1] = 8.0
    plan = fit.predict_plan((16, 16))
    alpha = decode(stripes, plan, class_names=("person",)).label_maps["alpha"]
    assert np.abs(alpha[1:-1] - 255 / (1 + np.exp(-4))).max() <= 1
    graph = SegmentationGraph(None, (64, 64), fit.kind, fit.limit, classes=2)
    found = graph._pixels(tf.constant(stripes[None]), tf.constant((16, 16)))["alpha"][0].numpy()
    assert np.abs(found.astype(int) - alpha).max() <= 1
