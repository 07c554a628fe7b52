"""`export(format="tflite")`: one file with its description, and refusals with their reasons."""

import numpy as np
import pytest
from toy_estimator import ToyEstimator

from tfseg.data.synthetic import SyntheticPeople
from tfseg.engine.inputs import Item
from tfseg.errors import ExportError
from tfseg.export import saved_model, tflite
from tfseg.export.graphs.portrait_phone import to_logits
from tfseg.export.phone.description import read_metadata
from tfseg.export.phone.flatbuffer import facts
from tfseg.export.phone.part import phone_part
from tfseg.export.phone.runner import PhoneRunner
from tfseg.models.mask_rcnn import MaskRCNN


def test_other_systems_are_refused_with_the_reason():
    for system, name, reason in (
        (MaskRCNN(classes=["a"]), "mask_rcnn", "Region proposals"),
        (ToyEstimator(classes=["a"]), "toy", "names no part of it that phones run"),
    ):
        with pytest.raises(ExportError, match=f"'{name}' model cannot become.*{reason}"):
            tflite.export(system, "somewhere")


@pytest.fixture(scope="module")
def model():
    from tfseg.models.portrait import PortraitSegmenter

    made = PortraitSegmenter(image_size=(64, 96), image_fit="letterbox")
    made.fitted = True
    return made


def test_arguments_that_cannot_be_are_told_before_any_work(model, tmp_path):
    with pytest.raises(ExportError, match="quantization: expected one of none, float16, int8"):
        model.export(tmp_path / "x", format="tflite", quantization="int4")
    with pytest.raises(ExportError, match="pass data=dataset"):
        model.export(tmp_path / "x", format="tflite", quantization="int8")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    with pytest.raises(ExportError, match="not empty"):
        model.export(tmp_path / "full", format="tflite")
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_the_float_file_sees_what_predict_sees(model, tmp_path):
    folder = model.export(tmp_path / "p", format="tflite", license="MIT")
    saved_model.verify(folder)
    content = (folder / tflite.MODEL_FILE).read_bytes()
    told, labels = read_metadata(content)
    assert labels == ["background", "person"] == told["labels"]
    assert (folder / "labels.txt").read_text().splitlines() == labels
    assert (told["license"], told["input"]["fit"]) == ("MIT", "letterbox")
    assert (told["input"]["height"], told["input"]["width"]) == (64, 96)
    image = SyntheticPeople(1, size=(80, 70), seed=3)[0].image
    inputs, plan = model._predict_inputs(Item(image))
    logits = to_logits(PhoneRunner(content)(inputs["image"]))
    found = model._decode({"logits": logits}, plan, score_threshold=None, image_id=0, path=None)
    expected = model.predict(image)[0]
    alpha, near = (p.label_maps["alpha"].astype(int) for p in (expected, found))
    assert np.ptp(alpha) > 5
    np.testing.assert_allclose(near, alpha, atol=1)


@pytest.mark.slow
def test_post_training_int8_takes_its_ranges_from_images(model, tmp_path):
    people = SyntheticPeople(6, size=(80, 70), seed=3)
    folder = model.export(tmp_path / "p", format="tflite", quantization="int8", data=people)
    content = (folder / tflite.MODEL_FILE).read_bytes()
    assert facts(content).float_tensors == ()
    assert read_metadata(content)[0]["input"]["mean"] == [128.0] * 3
    whole = model.export(tmp_path / "w", format="tflite")
    runners = [PhoneRunner(file) for file in (content, (whole / tflite.MODEL_FILE).read_bytes())]
    image = phone_part(model).images(people, 1)[0]
    one, other = (runner(image) for runner in runners)
    assert np.abs(one - other).mean() < 0.03
