"""From a model and data to the folder of files, and the table's arithmetic."""

import json
import sys
import types

import numpy as np
import pytest
from networks import BrightPart, BrightSystem, images

from tfseg.data.synthetic import SyntheticPeople
from tfseg.errors import ExportError
from tfseg.export.graphs.portrait_phone import part as portrait_part
from tfseg.export.phone import compare as comparing
from tfseg.export.phone import pipeline
from tfseg.export.phone.compare import FileResult, OperationTime, RuntimeResult
from tfseg.export.phone.description import read_metadata
from tfseg.export.phone.flatbuffer import facts
from tfseg.export.phone.part import phone_part
from tfseg.export.phone.table import table_text
from tfseg.export.phone.training import FineTuning
from tfseg.metrics.semantic import MEASURES
from tfseg.structures import Sample


def row(name, size, slow, miou=0.9, openvino=None):
    if openvino is not None:
        openvino = RuntimeResult({"miou": miou - 0.01}, {1: openvino, 2: openvino / 2})
    return FileResult(
        name, size, {"miou": miou}, {1: slow, 2: slow / 2}, 0,
        [OperationTime("CONV_2D", 3, slow, 1.0)], openvino,
    )  # fmt: skip


def test_the_table_compares_with_the_first_row():
    text = table_text(
        [row("float32", 4_000_000, 30.0), row("int8", 1_000_000, 12.0, 0.85)], {"a": 1}, MEASURES
    )
    lines = text.splitlines()
    assert "- a: 1" in lines
    head = next(line for line in lines if line.startswith("| file"))
    assert "mIoU" in head and "boundary F" not in head
    int8 = next(line for line in lines if line.startswith("| int8"))
    assert int8 == "| int8 | 0.8500 | 1.00 | 4.0x | 12.0 | 6.0 | 2.50x | 0 |"
    assert "| CONV_2D | 3 | 12.00 | 100% |" in lines
    assert 'Not measured: `pip install "tfseg[openvino]"` installs it.' in lines


def test_openvinos_part_compares_with_both_float_runs():
    rows = [row("float32", 4_000_000, 30.0, openvino=24.0), row("int8", 1, 29.0, 0.85, 10.0)]
    lines = table_text(rows, {}, MEASURES).splitlines()
    start = lines.index("## The same files with OpenVINO")
    table = [line for line in lines[start:] if line.startswith("|")][:4]
    assert table[0].endswith("| faster | than LiteRT's float32 |")
    assert table[2] == "| float32 | 0.8900 | 24.0 | 12.0 | 1.00x | 1.25x |"
    assert table[3] == "| int8 | 0.8400 | 10.0 | 5.0 | 2.40x | 3.00x |"


def test_how_images_meet_the_phone_follows_the_training():
    from tfseg.models.portrait import PortraitSegmenter

    image = np.full((100, 50, 3), 200, np.uint8)
    for fit, black in (("stretch", 0), ("proportional", 48), ("native", 48), ("letterbox", 48)):
        model = PortraitSegmenter(image_size=(64, 80), image_fit=fit)
        plan = portrait_part(model, (64, 80)).plan(image.shape[:2])
        canvas = plan.image(image)
        assert canvas.shape == (64, 80, 3)
        assert (canvas.max((0, 2)) == 0).sum() == black


class _Bright:
    """Says "dog" of what is bright, for a model of (cat, dog)."""

    image_shape = (64, 64)

    def __call__(self, image):
        bright = image[..., 0] > 100
        return np.stack([~bright, np.zeros_like(bright), bright], -1).astype(np.float32)


def test_classes_are_matched_by_name(tmp_path, monkeypatch):
    from tfseg.data import ListDataset
    from tfseg.models.portrait import PortraitSegmenter

    image, classes = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
    image[16:48, 16:48], classes[16:48, 16:48] = 200, 1
    dogs = ListDataset([Sample(image, label_maps={"classes": classes})], ("dog",))
    model = PortraitSegmenter(classes=("cat", "dog"), image_size=(64, 64), image_fit="stretch")
    found = comparing.measures({"a": _Bright()}, portrait_part(model), dogs)["a"]
    assert found["miou"] == 1.0

    seen = []

    def stop(part, train, *_):
        seen.append(train[0])
        raise InterruptedError

    monkeypatch.setattr(pipeline, "_trained", stop)
    with pytest.raises(InterruptedError):
        pipeline.quantize(model, dogs, dogs, tmp_path / "phone")
    assert set(np.unique(seen[0].label_maps["classes"])) == {0, 2}


@pytest.fixture
def bright(monkeypatch):
    """A model of a system that another module than ours describes, and that module."""
    module = types.ModuleType("somebodys.part")
    module.part = lambda estimator, image_size=None: BrightPart(estimator, image_size or (32, 32))
    monkeypatch.setitem(sys.modules, "somebodys.part", module)
    return BrightSystem(), module


class _Bright32(list):
    class_names = ("bright",)

    def __init__(self):
        super().__init__(Sample(image, index) for index, image in enumerate(images(6, (32, 32))))


def test_another_system_comes_through_the_same_door(bright, tmp_path):
    model, _ = bright
    plan, data = FineTuning(epochs=1, steps=2, kernel_limit=127), _Bright32()
    rows = pipeline.quantize(
        model, data, data, tmp_path / "phone", plan=plan, calibration_batches=1, rounds=1
    )
    assert [row.name for row in rows] == list(pipeline.FILES)
    assert all(set(row.measures) == {"right"} for row in rows)
    assert max(abs(row.measures["right"] - rows[0].measures["right"]) for row in rows) < 0.05
    table = (tmp_path / "phone" / "comparison.md").read_text()
    assert "| file | right pixels |" in table and "kernels within 127" in table
    content = (tmp_path / "phone" / "int8.tflite").read_bytes()
    told, labels = read_metadata(content)
    assert labels == ["dark", "bright"] and facts(content).float_tensors == ()
    assert told["input"]["mean"] == [128.0] * 3 and told["input"]["std"] == [64.0] * 3


def test_what_cannot_be_trained_for_int8_has_the_other_files(bright, tmp_path, monkeypatch):
    model, _ = bright
    monkeypatch.setattr(BrightPart, "learns", False)
    monkeypatch.setitem(sys.modules, "tf_keras", None)  # which it takes for training alone
    rows = pipeline.quantize(model, _Bright32(), None, tmp_path / "phone", rounds=1)
    assert [row.name for row in rows] == ["float32", "float16", "int8_post_training"]
    assert rows[2].float_tensors == 0 and rows[2].measures == {}
    assert not (tmp_path / "phone" / "int8.tflite").exists()


def test_a_system_without_a_part_for_phones_is_refused_with_its_reason(bright):
    import tfseg

    model = tfseg.MaskRCNN(classes=["person"])
    with pytest.raises(ExportError, match="'mask_rcnn' model cannot become.*proposals.*saved_mod"):
        pipeline.quantize(model, [], None, "out")
    with pytest.raises(ExportError, match="'bright' model has no file for images of any size"):
        phone_part(bright[0]).any_size()
    for size in ((16, 64), (64,), (64.5, 64), "64", (64, 64, 3)):
        with pytest.raises(ExportError, match="rows, columns"):
            phone_part(bright[0], size)


@pytest.mark.slow
def test_everything_is_written_together(tmp_path):
    from tfseg.config import TrainConfig
    from tfseg.models.portrait import PortraitSegmenter

    people = SyntheticPeople(6, size=(80, 70), seed=3, classes="person")
    model = PortraitSegmenter(
        classes=people.class_names, image_size=(64, 64), train=TrainConfig(batch_size=2, workers=0)
    )
    model.fitted = True
    plan = FineTuning(epochs=1, steps=2)
    rows = pipeline.quantize(
        model, people, people, tmp_path / "phone", plan=plan, image_size=(96, 64),
        calibration_batches=2, limit=3, rounds=2,
    )  # fmt: skip
    assert [row.name for row in rows] == list(pipeline.FILES)
    assert sorted(path.name for path in (tmp_path / "phone").iterdir()) == sorted(
        [*pipeline.FILES.values(), "comparison.json", "comparison.md", "SHA256SUMS"]
    )
    assert list(tmp_path.iterdir()) == [tmp_path / "phone"]
    content = json.loads((tmp_path / "phone" / "comparison.json").read_text())
    assert content["details"]["images measured"] == 3
    by_name = {entry["name"]: entry for entry in content["files"]}
    float32, int8 = by_name["float32"], by_name["int8"]
    assert float32["size"] > 3 * int8["size"]
    assert (int8["float_tensors"], by_name["int8_post_training"]["float_tensors"]) == (0, 0)
    first = {"miou", "person_iou", "iou_person_image_mean", "boundary_f"}
    assert set(int8["measures"]) == first == set(int8["openvino"]["measures"])
    assert abs(float32["measures"]["miou"] - by_name["float16"]["measures"]["miou"]) < 0.01
    with pytest.raises(ExportError, match="not empty"):
        pipeline.quantize(model, people, None, tmp_path / "phone")
