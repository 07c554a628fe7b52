"""The portrait model that comes with the checkout: its files agree, and it cuts out real people."""

from __future__ import annotations

import re
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

import tfseg
from tfseg.data import PortraitCropsDataset, Subset, SyntheticPeople


@pytest.fixture(scope="module")
def shipped():
    return tfseg.PortraitSegmenter.from_pretrained("portrait")


@pytest.mark.parametrize("name", ["portrait", "portrait_nano"])
@pytest.mark.parametrize("kind", ["float16", "int8"])
def test_its_files_for_phones_follow_it(repo_root, name, kind):
    pytest.importorskip("ai_edge_litert")
    pytest.importorskip("tensorflow")
    from tfseg.export.checking import phone_form
    from tfseg.export.phone.description import read_metadata
    from tfseg.export.phone.flatbuffer import facts

    file = repo_root / "savedmodels" / name / f"{kind}.tflite"
    told, labels = read_metadata(file.read_bytes())
    assert labels == ["background", "person"] and told["input"]["height"] == 256
    assert kind == "float16" or facts(file.read_bytes()).float_tensors == ()
    model = tfseg.PortraitSegmenter.from_pretrained(name)
    part, ask = phone_form(model, file)
    image = SyntheticPeople(1, size=256, seed=3, people=(1, 1))[0].image[:, :160]
    (answer,) = model.predict_each([image])
    found, wanted, shown = (
        one.label_maps["alpha"] / 255.0
        for one in (ask(answer.item), part.wanted(answer), answer.prediction)
    )
    apart = np.abs(found - wanted).mean()
    # The int8 file was trained on, and a drawn person is none that either network is sure of.
    assert apart < (0.002 if kind == "float16" else 0.1)
    # Files see another size and leave edges as they are, which `wanted` allows for.
    assert kind == "int8" or np.abs(found - shown).mean() > 2 * apart


def test_the_guides_lines_for_openvino_run_it(repo_root, tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    pytest.importorskip("ai_edge_litert")
    from tfseg.export.phone.runner import OpenVinoRunner, PhoneRunner

    content = (repo_root / "savedmodels" / "portrait" / "int8.tflite").read_bytes()
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone" / "int8.tflite").write_bytes(content)
    image = SyntheticPeople(1, size=256, seed=3, people=(1, 1))[0].image[:, :192]
    Image.fromarray(image).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    guide = (repo_root / "docs" / "phone.md").read_text()
    lines = re.search(r"```python\n(import sys\n\nsys.mod.*?)```", guide, re.DOTALL)[1]
    monkeypatch.setitem(sys.modules, "openvino_telemetry", None)  # and as before after the lines
    made: dict = {}
    exec(lines, made)
    picture = np.asarray(made["picture"])
    assert made["probability"].shape == (256, 192) and np.ptp(made["probability"]) > 0.5
    np.testing.assert_allclose(
        made["probability"], OpenVinoRunner(content)(picture)[..., 0], atol=1e-6
    )
    # Rounded elsewhere in between.
    assert np.abs(made["probability"] - PhoneRunner(content)(picture)[..., 0]).mean() < 0.005


def test_a_selfie_needs_no_averaging_before(shipped):
    image = SyntheticPeople(1, size=800, seed=5, people=(1, 1))[0].image[:, 100:700]

    def mask(shown):
        found = shipped.predict(shown)[0].label_maps["classes"]
        return cv2.resize(found, (600, 800), interpolation=cv2.INTER_NEAREST) > 0

    def likeness(found):
        return (found & averaged).sum() / (found | averaged).sum()

    seen = shipped.config.image_size[::-1]
    averaged = mask(cv2.resize(image, seen, interpolation=cv2.INTER_AREA))
    assert 0.1 < averaged.mean() < 0.5
    assert likeness(mask(image)) > 0.9
    # Nor does it mind what a camera without a filter makes of it.
    assert likeness(mask(cv2.resize(image, (192, 256)))) > 0.85


@pytest.mark.slow
@pytest.mark.real_data
def test_it_cuts_people_out(shipped, real_data):
    crops = PortraitCropsDataset(real_data / "clothing_co_parsing", "val")
    report = shipped.evaluate(Subset(crops, range(30)))
    assert report["person_iou"] > 0.94
