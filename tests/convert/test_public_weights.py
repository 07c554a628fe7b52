"""The public TFLite files give the answers that were stored of them, in float32."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest
from keras import ops

from tfseg import PortraitSegmenter
from tfseg.convert import source, tflite_file

pytest.importorskip("ai_edge_litert")
pytestmark = pytest.mark.real_data

CLASSIFIER, DEEPLAB = "mobilenet_v2_1.0_224_quant.tflite", "deeplabv3_mnv2_pascal_quant.tflite"
PERSON = 15


@pytest.fixture(scope="module")
def stored(public_weights):
    with np.load(public_weights / "reference.npz") as content:
        return dict(content)


def encoder(path, preset):
    """Returns image to last output of an encoder with a file's weights, and what is behind it."""
    model = PortraitSegmenter(preset=preset)
    report = model.load_weights(path)
    assert len(report.loaded) == 102 and not report.skipped
    network = model.keras_model
    backbone = network.backbone

    def encode(image):
        return backbone(network.preprocess(image[None]), training=False)["C4"]

    behind = tflite_file.read(path).convolutions[51:]
    return encode, {each.name.split("/Conv2")[0]: each for each in behind}


def conv(x, convolution):
    return ops.conv(x, convolution.kernel, 1, "same") + convolution.bias


def test_the_classifier_says_what_its_file_says(public_weights, stored):
    image, expected = stored["mobilenet_image"], stored["mobilenet_probabilities"]
    encode, heads = encoder(public_weights / CLASSIFIER, "light")
    x = ops.relu6(conv(encode(image), heads["MobilenetV2/Conv_1"]))
    x = conv(ops.mean(x, axis=(1, 2), keepdims=True), heads["MobilenetV2/Logits"])
    found = ops.convert_to_numpy(ops.softmax(x))[0, 0, 0]
    assert found.argmax() == expected.argmax() and expected.max() > 0.5
    assert np.abs(found - expected).max() < 0.026


def test_deeplab_finds_the_people_that_its_file_finds(public_weights, stored, real_data):
    encode, heads = encoder(public_weights / DEEPLAB, "dilated")
    for number, name in enumerate(stored["deeplab_ids"]):
        photo = cv2.imread(str(real_data / "voc_people" / "images" / f"{name}.jpg"))[..., ::-1]
        height, width = photo.shape[:2]
        canvas = np.full((513, 513, 3), 128, np.uint8)
        canvas[:height, :width] = photo
        x = encode(canvas)
        pooled = ops.relu(conv(ops.mean(x, (1, 2), keepdims=True), heads["image_pooling"]))
        point = ops.relu(conv(x, heads["aspp0"]))
        x = ops.concatenate([ops.broadcast_to(pooled, point.shape), point], axis=-1)
        x = conv(ops.relu(conv(x, heads["concat_projection"])), heads["logits/semantic"])
        scores = _enlarged(ops.convert_to_numpy(x)[0], 513)
        person = (scores.argmax(axis=-1) == PERSON)[:height, :width]
        theirs = (stored[f"deeplab_classes_{number}"] == PERSON)[:height, :width]
        assert theirs.mean() > 0.1
        assert (person == theirs).mean() > 0.98
        assert (person & theirs).sum() > 0.96 * (person | theirs).sum()


def _enlarged(x, side):
    """Bilinear, corners on corners, as the file does."""
    places = np.linspace(0, len(x) - 1, side)
    low = np.minimum(places.astype(int), len(x) - 2)
    share = (places - low)[:, None, None]
    x = x[low] * (1 - share) + x[low + 1] * share
    share = share[:, 0]
    return x[:, low] * (1 - share) + x[:, low + 1] * share


@pytest.mark.parametrize(
    ("file", "start"), [(CLASSIFIER, "7aad0c74c5e3c06e"), (DEEPLAB, "350af47fd346ea6d")]
)
def test_the_files_are_those_that_the_documentation_names(public_weights, repo_root, file, start):
    digest = hashlib.sha256((public_weights / file).read_bytes()).hexdigest()
    assert digest.startswith(start)
    assert digest in (repo_root / "docs" / "weights.md").read_text(encoding="utf-8")
    assert source.describe(public_weights / file).settings == {"backbone_width": 1.0}
