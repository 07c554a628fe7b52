"""TFLite files of a small network: what is in them, what they say of themselves, how they run."""

import io
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from networks import greatest_of_kernels, images, small_network

from tfseg.engine.litert import Runner
from tfseg.errors import ExportError
from tfseg.export.phone import compare as comparing
from tfseg.export.phone import convert, description, rounding, runner
from tfseg.export.phone.compare import profile
from tfseg.export.phone.flatbuffer import (
    facts,
    model_of,
    operation_names,
    packed,
    single_operation,
    widened_weights,
)
from tfseg.export.phone.part import Reading
from tfseg.export.phone.runner import OpenVinoRunner, PhoneRunner

READING = Reading()
TOLD = {
    "name": "n",
    "description": "d",
    "input": {"description": "i", "mean": [128.0] * 3, "std": [127.5] * 3},
    "output": {"description": "o"},
}


@pytest.fixture(scope="module")
def network():
    return small_network()


@pytest.fixture(scope="module")
def aware(network):
    model = rounding.quantised(network)
    rounding.calibrate(model, network, [READING.values(images(8, (16, 16)))])
    return model


@pytest.fixture(scope="module")
def files(network, aware):
    return {
        "float32": convert.float_file(network),
        "float16": convert.float_file(network, half=True),
        "post": convert.post_training_file(network, images(8, (16, 16)), READING),
        "int8": convert.int8_file(aware, READING),
    }


def test_float_files_compute_what_the_network_computes(network, files):
    given = images(3, (16, 16))
    expected = network(READING.values(given, READING.float_mean), training=False)
    for name, near in (("float32", 1e-5), ("float16", 3e-3)):
        found = np.stack([PhoneRunner(files[name])(image) for image in given])
        np.testing.assert_allclose(found, expected, atol=near)
    assert "FLOAT16" in facts(files["float16"]).tensors


def test_int8_files_hold_no_float(files):
    for name in ("post", "int8"):
        found = facts(files[name])
        assert found.float_tensors == ()
        assert set(found.tensors) <= {"INT8", "INT32"}
        runner = PhoneRunner(files[name])
        assert runner.raw(images(1, (16, 16))[0]).dtype == np.int8
        assert runner._output["quantization"] == (1 / 256, -128)


def test_the_trained_file_takes_grey_values_less_128(files):
    scale, zero = PhoneRunner(files["int8"])._input["quantization"]
    assert (scale, zero) == (pytest.approx(1 / 127.5, rel=1e-6), 0)
    greys = READING.values(np.arange(256))
    np.testing.assert_allclose((np.arange(256) - 128) * scale, greys, atol=1e-6)
    assert (greys[0], greys[-1]) == tuple(np.float32(READING.limits))


def test_the_int8_file_equals_the_rounded_network(aware, files):
    given = images(6, (16, 16))
    expected = aware(READING.values(given), training=False).numpy()
    found = np.stack([PhoneRunner(files["int8"])(image) for image in given])
    assert np.ptp(expected) > 0.1
    assert np.abs(found - expected).max() * 256 <= 1.01


def test_openvino_computes_what_litert_does(files):
    pytest.importorskip("openvino")
    given = images(3, (16, 16))
    for name, content in files.items():
        here, there = PhoneRunner(content), OpenVinoRunner(content)
        assert there.image_shape == (16, 16)
        expected = np.stack([here.raw(image) for image in given])
        found = np.stack([there.raw(image) for image in given])
        assert found.dtype == expected.dtype and np.ptp(expected) > 0.1
        off = np.abs(found.astype(np.float32) - expected)
        if name == "post":  # where x86 has no dot products of bytes, large sums saturate
            assert np.ptp(expected) > 10 * off.mean()
        else:
            assert off.max() <= (2 if name == "int8" else 1e-5), name
        there.invoke()
        np.testing.assert_array_equal(there._get()[0], found[-1])


def test_kernels_leave_room_for_sums_of_16_bits_unless_told_otherwise(network, files):
    assert greatest_of_kernels(files["int8"]) == [64, 64, 64]
    assert greatest_of_kernels(files["post"]) == [127, 127, 127]
    assert 2 * 255 * 64 < 2**15
    whole = rounding.quantised(network, kernel_limit=127)
    rounding.calibrate(whole, network, [READING.values(images(8, (16, 16)))])
    content = convert.int8_file(whole, READING)
    assert greatest_of_kernels(content) == [127, 127, 127]
    image = images(1, (16, 16))[0]
    exact = PhoneRunner(files["float32"])(image)
    off = [np.abs(PhoneRunner(each)(image) - exact).mean() for each in (content, files["int8"])]
    assert off[0] < off[1] < 0.05


def test_scaled_depthwise_kernels_compute_the_same():
    import keras

    for namespace in (None, keras):
        model = small_network(keras=namespace)
        norm, wide = model.get_layer("wide_bn"), model.get_layer("wide")
        random = np.random.default_rng(0)
        norm.set_weights([random.uniform(0.5, 2, each.shape) for each in norm.get_weights()])
        kernel = wide.get_weights()[0]
        kernel[..., 0, 0] *= 0.01
        wide.set_weights([kernel])
        given = READING.values(images(2, (16, 16)))
        expected = np.array(model(given, training=False))
        peaks = np.abs(rounding.equalized(model).get_layer("wide").get_weights()[0])
        np.testing.assert_allclose(peaks.max((0, 1, 3)), peaks.max(), rtol=1e-5)
        np.testing.assert_allclose(model(given, training=False), expected, atol=1e-5)


def test_openvino_runs_more_classes_on_more_threads():
    pytest.importorskip("openvino")
    content = convert.float_file(small_network(3))
    image = images(1, (16, 16))[0]
    found = OpenVinoRunner(content, threads=2)(image)
    assert found.shape == (16, 16, 3)
    np.testing.assert_allclose(found, PhoneRunner(content, threads=2)(image), atol=1e-5)


def test_files_are_compared_with_every_runtime_installed(files, monkeypatch):
    pytest.importorskip("openvino")
    both = {name: files[name] for name in ("float32", "int8")}
    rows = comparing.compare(both, rounds=2)
    assert [row.name for row in rows] == ["float32", "int8"]
    for row in rows:
        assert row.measures == row.openvino.measures == {}
        assert set(row.milliseconds) == set(row.openvino.milliseconds) == {1, 2}
        assert min(*row.milliseconds.values(), *row.openvino.milliseconds.values()) > 0
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert [row.openvino for row in comparing.compare(both, rounds=2)] == [None, None]


def test_where_openvino_fails_the_table_does_without(files, monkeypatch, caplog):
    pytest.importorskip("openvino")
    for error in (OSError("no space"), SystemExit("a DLL"), RuntimeError("x")):

        class Broken:
            def Core(self):  # noqa: N802, OpenVINO's name
                raise error  # noqa: B023, called in this round

        monkeypatch.setattr(runner, "openvino", Broken)
        (row,) = comparing.compare({"int8": files["int8"]}, rounds=2)
        assert row.openvino is None and row.milliseconds[1] > 0
        assert f"does not run here: {error}" in caplog.text


def test_what_openvino_refuses_is_an_error_and_leaves_nothing(files, monkeypatch, tmp_path):
    openvino = pytest.importorskip("openvino")
    seen = []

    def refused(core, path, **options):
        seen.append(Path(path))
        assert seen[-1].read_bytes() == files["int8"]
        raise RuntimeError("not this one")

    monkeypatch.setattr(openvino.Core, "read_model", refused)
    with pytest.raises(ExportError, match="OpenVINO refuses the file: not this one"):
        OpenVinoRunner(files["int8"])
    assert len(seen) == 1 and not seen[0].parent.exists()


def test_no_images_no_ranges(network, aware):
    with pytest.raises(ExportError, match="needs images"):
        convert.post_training_file(network, [], READING)
    with pytest.raises(ExportError, match="at least one batch"):
        rounding.calibrate(aware, network, [])


def test_a_file_describes_itself_and_runs_as_before(files):
    plain = files["int8"]
    content = description.with_metadata(plain, TOLD, ["background", "pérson"])
    assert description.read_metadata(content) == (TOLD, ["background", "pérson"])
    with zipfile.ZipFile(io.BytesIO(content)) as inside:  # the five lines of the guide
        assert json.loads(inside.read("tfseg.json")) == TOLD
        assert inside.read("labels.txt").decode().splitlines() == ["background", "pérson"]
    image = images(1, (16, 16))[0]
    np.testing.assert_array_equal(PhoneRunner(content).raw(image), PhoneRunner(plain).raw(image))
    again = description.with_metadata(content, TOLD, ["background", "pérson"])
    assert [entry.name for entry in model_of(again).metadata].count(b"TFLITE_METADATA") == 1
    with pytest.raises(ExportError, match="no description"):
        description.read_metadata(plain)


def test_androids_metadata_can_be_read_by_its_field_numbers(files):
    content = description.with_metadata(files["int8"], TOLD, ["background", "person"])
    model = model_of(content)
    entry = next(entry for entry in model.metadata if entry.name == b"TFLITE_METADATA")
    buffer = bytes(model.buffers[entry.buffer].data)
    assert buffer[4:8] == b"M001"
    root = _Table.root(buffer)
    assert (root.text(0), root.text(1)) == ("n", "d")
    graph = root.tables(3)[0]
    (image,), (output,) = graph.tables(2), graph.tables(3)
    assert (image.text(0), image.text(1)) == ("image", "i")
    content = image.table(3)
    assert (content.byte(0), content.table(1).byte(0)) == (2, 1)  # ImageProperties, RGB
    unit = image.tables(4)[0]
    assert unit.byte(0) == 1  # NormalizationOptions
    assert unit.table(1).floats(0) == [128.0] * 3
    assert unit.table(1).floats(1) == [127.5] * 3
    labels = output.tables(6)[0]
    assert (labels.text(0), labels.byte(2)) == ("labels.txt", 2)  # TENSOR_AXIS_LABELS


def test_weights_lie_at_multiples_of_16_bytes(files):
    content = packed(model_of(files["float32"]), b"x" * 5)
    model = model_of(content)
    large = [bytes(b.data) for b in model.buffers if b.data is not None and len(b.data) > 200]
    assert large
    assert all(content.index(data) % 16 == 0 for data in large)


def test_each_operation_runs_alone(files):
    for content in files.values():
        rows = profile(content, runs=2)
        expected = facts(content).operations
        # float16 weights are widened once, not with every image
        expected.pop("DEQUANTIZE", None)
        assert {row.operation: row.count for row in rows} == expected
        assert sum(row.share for row in rows) == pytest.approx(1)
        assert rows[0].milliseconds >= rows[-1].milliseconds > 0


def test_an_operation_alone_computes_what_it_does_inside(files):
    model = model_of(files["float16"])
    first = single_operation(model, operation_names(model).index("CONV_2D"))
    kinds = facts(first).operations
    assert kinds["CONV_2D"] == 1 and set(kinds) == {"CONV_2D", "DEQUANTIZE"}
    runner = PhoneRunner(first)
    exact = PhoneRunner(single_operation(model_of(files["float32"]), 0))
    image = images(1, (16, 16))[0]
    assert operation_names(model_of(files["float32"]))[0] == "CONV_2D"
    assert np.ptp(exact(image)) > 0.1
    np.testing.assert_allclose(runner(image), exact(image), atol=5e-3)


def test_what_is_no_tflite_file_is_refused():
    with pytest.raises(ExportError, match="TFL3"):
        facts(b"PK\3\4 something else")
    with pytest.raises(ExportError, match="refuses"):
        PhoneRunner(b"nothing at all, but long enough")


def test_what_has_room_is_float32_again():
    import keras

    keras.utils.set_random_seed(0)
    image = keras.Input((12, 10, 3))
    x = keras.layers.Conv2D(40, 3, activation="relu")(image)
    model = keras.Model(image, keras.layers.Conv2D(30, 3)(x))
    full, half = convert.float_file(model), convert.float_file(model, half=True)
    pixels = np.random.default_rng(0).normal(0, 1, (1, 12, 10, 3)).astype(np.float32)
    exact, rounded = Runner(full)(pixels), Runner(half)(pixels)
    errors, halves = [], []
    for most in (len(half), (len(half) + len(full)) // 2, 2 * len(full)):
        file = widened_weights(half, full, most)
        assert len(file) <= max(most, len(half) + 200)
        errors.append(np.abs(Runner(file)(pixels) - exact).max())
        halves.append(facts(file).tensors.get("FLOAT16", 0))
    assert errors[0] == np.abs(rounded - exact).max() > 1e-4 > 2e-6 > errors[2]
    assert halves[0] > halves[1] >= halves[2]


class _Table:
    """A flatbuffer table read by field numbers, independently of what writes it."""

    def __init__(self, buffer, place):
        self.buffer, self.place = buffer, place

    @classmethod
    def root(cls, buffer):
        return cls(buffer, int.from_bytes(buffer[:4], "little"))

    def _int(self, place, size):
        return int.from_bytes(self.buffer[place : place + size], "little", signed=size == 4)

    def _field(self, number):
        table = self.place - self._int(self.place, 4)
        if 4 + 2 * number >= self._int(table, 2):
            return 0
        offset = self._int(table + 4 + 2 * number, 2)
        return self.place + offset if offset else 0

    def _there(self, number):
        place = self._field(number)
        return place + self._int(place, 4)

    def byte(self, number):
        place = self._field(number)
        return self.buffer[place] if place else 0

    def text(self, number):
        place = self._there(number)
        return self.buffer[place + 4 : place + 4 + self._int(place, 4)].decode()

    def table(self, number):
        return _Table(self.buffer, self._there(number))

    def tables(self, number):
        place = self._there(number)
        starts = [place + 4 + 4 * i for i in range(self._int(place, 4))]
        return [_Table(self.buffer, start + self._int(start, 4)) for start in starts]

    def floats(self, number):
        place = self._there(number)
        return np.frombuffer(self.buffer, "<f4", self._int(place, 4), place + 4).tolist()
