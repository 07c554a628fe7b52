"""The whole portrait network as an int8 file, and the guide's program that runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from layerwise import differences
from networks import greatest_of_kernels, images, original
from PIL import Image

from tfseg.export.graphs.portrait_network import build_phone
from tfseg.export.graphs.portrait_phone import part
from tfseg.export.phone import convert, rounding
from tfseg.export.phone.description import described, read_metadata
from tfseg.export.phone.flatbuffer import facts
from tfseg.export.phone.optional import tf_keras
from tfseg.export.phone.part import Reading
from tfseg.export.phone.runner import PhoneRunner
from tfseg.geometry.proportional import ImageFit
from tfseg.models.portrait import PortraitSegmenter
from tfseg.models.portrait.decode import decode
from tfseg.models.portrait.graph import GraphOptions

GUIDE = Path(__file__).parents[3] / "docs" / "phone.md"
# Every network takes a minute to quantise and convert; `test_files.py` looks at a small one.
pytestmark = pytest.mark.slow
# Probability, end to end.
MEAN_OFF, MOST_OFF = 4 / 256, 30 / 256
CASES = [
    pytest.param((GraphOptions(2, "light"), (128, 96)), id="light"),
    pytest.param((GraphOptions(2, "paper"), (128, 128)), id="paper"),
    pytest.param((GraphOptions(3, "dilated"), (128, 128)), id="dilated"),
    pytest.param(
        (GraphOptions(2, "light", merge="concat", cgbe_resize="max"), (64, 64)),
        id="concat-max",
    ),
    pytest.param((GraphOptions(2, "light", decoder="aspp"), (64, 64)), id="aspp"),
    pytest.param((GraphOptions(2, "light"), (100, 75)), id="odd-size"),
]


@pytest.fixture(scope="module", params=CASES)
def quantised(request):
    """The network with rounding and the file made of it, some images, and the exact outputs."""
    options, shape = request.param
    given = images(4, shape)
    values = Reading().values(given)
    network = rounding.equalized(build_phone(tf_keras(), options, shape, original(options)))
    aware = rounding.quantised(network)
    rounding.calibrate(aware, network, [values])
    exact = network(values, training=False).numpy()
    rounded = aware(values, training=False).numpy()
    content = convert.int8_file(aware, Reading())
    return SimpleNamespace(
        classes=options.classes,
        # On so few pixels the plain network with random weights gives a nearly constant map.
        range=1.5 / 256 if options.decoder == "aspp" else 0.1,
        aware=aware,
        content=content,
        images=given,
        exact=exact,
        rounded=rounded,
    )


def test_no_tensor_is_float_from_input_to_output(quantised):
    found = facts(quantised.content)
    assert found.float_tensors == ()
    assert set(found.tensors) == {"INT8", "INT32"}
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(list(found.operations)[:1])
    assert {"CONV_2D", "MEAN", "LOGISTIC", "MUL", "ADD"} - set(found.operations) <= {"MUL"}


def test_kernels_leave_room_for_sums_of_16_bits(quantised):
    # Four shares of the classifier are equal before training.
    assert set(greatest_of_kernels(quantised.content)) == {64}


def test_each_layer_of_the_file_equals_the_network_with_rounding(quantised):
    found = differences(quantised.aware, quantised.content, quantised.images[0])
    assert len(found) > 60
    for name, steps in found.items():
        # Between sizes without a whole factor the integer kernel rounds places to 1/1024 pixel.
        resizing = type(quantised.aware.get_layer(name).layer).__name__ == "Resizing"
        assert steps < (3.02 if resizing else 1.02), name


def test_the_files_output_follows_the_network_with_rounding(quantised):
    found = np.stack([PhoneRunner(quantised.content)(image) for image in quantised.images])
    off = np.abs(found - quantised.rounded)
    assert np.ptp(quantised.rounded) > quantised.range
    # Random weights magnify what each layer rounds otherwise: see docs/phone.md.
    assert off.mean() < MEAN_OFF
    assert off.max() < MOST_OFF
    # And it is no worse an approximation of the exact network.
    exact = (
        np.abs(found - quantised.exact).mean(),
        np.abs(quantised.rounded - quantised.exact).mean(),
    )
    assert exact[0] < 1.2 * exact[1] + 1 / 256


def test_calibration_alone_keeps_the_network(quantised):
    # Kernels have seven bits, which random weights use badly.
    assert np.abs(quantised.exact - quantised.rounded).mean() < 0.05


def test_the_guides_program_runs_without_tfseg(quantised, tmp_path):
    content, given = quantised.content, quantised.images
    shape = given.shape[1:3]
    names = ("person", "dog")[: quantised.classes - 1]
    model = PortraitSegmenter(classes=names, image_size=shape)
    (tmp_path / "phone.tflite").write_bytes(described(content, part(model, shape), license="MIT"))
    told, labels = read_metadata((tmp_path / "phone.tflite").read_bytes())
    assert labels == ["background", *names]
    assert (told["license"], told["input"]["mean"]) == ("MIT", [128.0] * 3)
    program = re.search(r"```python\n(import json, sys.*?)```", GUIDE.read_text(), re.DOTALL)[1]
    (tmp_path / "cut_out.py").write_text(program)
    for name in ("tfseg", "keras", "tf_keras", "tensorflow", "cv2"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not on a telephone')")
    # Twice as large and wider than the network's image: it has black above and below.
    photo = np.repeat(np.repeat(given[0][: shape[0] // 2], 2, 0), 2, 1)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    subprocess.run(
        [sys.executable, "cut_out.py", "phone.tflite", "photo.png", "cut.png"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=True,
        timeout=120,
    )
    cut = np.asarray(Image.open(tmp_path / "cut.png"))
    assert cut.shape == (*photo.shape[:2], 4)
    np.testing.assert_array_equal(cut[..., :3], photo)
    plan = ImageFit(shape, "letterbox").plan(photo.shape[:2])
    shares = PhoneRunner(content)(plan.image(photo))
    # Of more than two classes each has its map, the background the first one.
    shares = np.concatenate([1 - shares, shares], -1) if len(names) == 1 else shares
    logits = np.log(np.maximum(shares, 1 / 512))
    alpha = decode(logits, plan, class_names=names).label_maps["alpha"]
    assert np.ptp(alpha) > (5 if quantised.range == 0.1 else 0)
    np.testing.assert_allclose(cut[..., 3].astype(int), alpha, atol=1)
