"""A seeded search for weight files that end in a foreign error, or claim what they do not hold."""

import json
import random
import struct

import h5py
import numpy as np
import pytest
from foreign_files import matterport_shapes, write_matterport, write_safetensors

from tfseg.convert import keras_h5, source, torch_files
from tfseg.errors import TFSegError, WeightsError


def changes(content: bytes, head: int, count: int):
    """Yields contents with changed bytes, most of them among the first, where sizes stand."""
    rng = random.Random(2)
    for _ in range(count):
        changed = bytearray(content)
        for _ in range(rng.randint(1, 3)):
            changed[rng.randrange(head if rng.random() < 0.8 else len(content))] = rng.choice(
                [0, 1, 127, 255, rng.randrange(256)]
            )
        yield bytes(changed[: rng.choice([None, None, None, rng.randrange(len(content))])])


def test_a_keras_file_with_changed_bytes(tmp_path):
    path = tmp_path / "a.h5"
    shapes = {n: s for n, s in matterport_shapes().items() if n.startswith(("mrcnn_class", "fpn"))}
    write_matterport(path, shapes)
    for content in changes(path.read_bytes(), 20_000, 20):
        path.write_bytes(content)
        try:
            source.describe(path)
        except TFSegError as error:
            assert str(path) in str(error)
        layers = keras_h5.index(path)
        try:
            keras_h5.read(path, layers, list(layers)[:4])
        except WeightsError as error:
            assert str(path) in str(error)


def test_a_safetensors_file_with_changed_bytes(tmp_path):
    path = tmp_path / "a.safetensors"
    write_safetensors(path, {"a": np.ones((2, 3), np.float32), "b": np.ones(4, np.float16)})
    for content in changes(path.read_bytes(), 160, 150):
        path.write_bytes(content)
        try:
            source.describe(path)
        except TFSegError as error:
            assert str(path) in str(error)
        if torch_files.kind(path) == "safetensors":
            try:
                torch_files.tensors(path)
            except WeightsError as error:
                assert str(path) in str(error)


WHOLE = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}


@pytest.mark.parametrize(
    "header",
    [
        "[" * 100_000,
        {f"tensor{number}": WHOLE for number in range(3)},
        {"a": {**WHOLE, "shape": [2**32, 2**32], "data_offsets": [0, 0]}},
        {"a": {**WHOLE, "shape": [float("inf")]}},
        {"a": {**WHOLE, "shape": [-4, -1]}},
        {"a": {**WHOLE, "shape": [True, 4]}},
        {"a": {**WHOLE, "data_offsets": [0, float("inf")]}},
        {"a": {**WHOLE, "dtype": ["F32"]}},
        {"a": {**WHOLE, "shape": 4}},
        {"a": None},
    ],
)
def test_headers_that_promise_what_is_not_there(tmp_path, header):
    path = tmp_path / "a.safetensors"
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    text = text if text[:1] == b"{" else b'{"a":' + text
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(16))
    with pytest.raises(WeightsError, match="a damaged or truncated .safetensors"):
        torch_files.tensors(path)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.ones((4, 5), np.int32), "is int32; weights are floats"),
        ({"shape": (1 << 20, 1 << 20), "dtype": "f4"}, "and the file has 0 of it"),
        ({"shape": (4, 5), "dtype": "f4", "external": [("/etc/hostname", 0, 80)]}, "no content"),
    ],
)
def test_arrays_that_weights_cannot_be(tmp_path, value, words):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        if isinstance(value, dict):
            file.create_dataset("mrcnn_class_logits/mrcnn_class_logits/kernel:0", **value)
        else:
            file["mrcnn_class_logits/mrcnn_class_logits/kernel:0"] = value
    with pytest.raises(WeightsError, match=words):
        keras_h5.read(path, keras_h5.index(path), ["mrcnn_class_logits"])


def test_a_file_for_a_billion_classes_is_damaged():
    with pytest.raises(WeightsError, match="1000000001 classes.*damaged"):
        source.Source("a.h5", "x", "matterport", "resnet50", 1_000_000_001)
