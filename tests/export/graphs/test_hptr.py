"""An exported HPTR beside what predict says, and its decoding beside that of the system."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from small_hptr import SMALL

import tfseg
from tfseg.export.graphs.hptr import serving

pytestmark = pytest.mark.slow
SIZES = ((64, 64), (61, 97), (1, 1), (10, 300), (150, 90))
SETTINGS = SMALL | {"detection_min_confidence": 0.0}
TASKS = {"sizes": "size", "patterns": "pattern", "colors": "color"}


def parser(**changes) -> tfseg.HPTR:
    """A network of random weights with people everywhere and a class at every pixel."""
    model = tfseg.HPTR(**{**SETTINGS, **changes})
    network, random = model.keras_model, np.random.default_rng(0)
    heads = [head.score for head in network.heads.values()]
    for layer in (*heads, network.mask_head.score):
        layer.kernel.assign(random.normal(0, 0.5, layer.kernel.shape))
        layer.bias.assign(random.normal(0, 0.3, layer.bias.shape))
    dense = network.detector.class_head
    dense.kernel.assign(random.normal(0, 0.2, dense.kernel.shape))
    model.fitted = True
    return model


def picture(height, width):
    coarse = np.random.default_rng(height).integers(0, 256, (6, 6, 3)).astype(np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def agree(found: dict, wanted, config, maps: dict) -> None:
    """Fails unless one image's outputs are the prediction."""
    count = int(found["num_people"])
    assert count == len(wanted)
    np.testing.assert_allclose(found["person_scores"][:count], wanted.scores, atol=1e-5)
    np.testing.assert_allclose(found["person_boxes"][:count], wanted.boxes, atol=0.02)
    np.testing.assert_array_equal(found["person_classes"][:count], wanted.class_ids)
    for name in ("person_scores", "person_boxes", "person_classes", "attribute_scores"):
        assert not found[name][count:].any()
    for name, labels in wanted.label_maps.items():
        assert maps[name].shape == labels.shape and np.mean(maps[name] != labels) <= 0.003, name
    for row, attributes in enumerate(wanted.attributes):
        for one in attributes:
            column = config.attributes.index(one.name)
            assert found["attribute_scores"][row, column] == pytest.approx(one.score, abs=2e-2)
            for task, respect in TASKS.items():
                number = int(found[f"attribute_{task}"][row, column])
                trait = one.traits.get(respect)
                assert (number > 0) == (trait is not None)
                if trait is not None:
                    assert getattr(config, task)[number - 1] == trait.value


LIGHT = {
    "query_kind": "proposals",
    "memory_stride": 16,
    "mask_hints": "boxes",
    "map_hints": "image",
    "mask_nms_threshold": 0.9,
    "score_kind": "maps",
}


@pytest.mark.parametrize("changes", [{}, {"background_channel": False}, LIGHT])
def test_the_graph_decodes_as_predict_does(changes):
    model = parser(**changes)
    graph = serving(model)["images_uint8"]
    assert {"instances", "attributes", "attribute_color_scores"} <= set(graph.gives)
    people = 0
    for size in SIZES[:2]:
        image = picture(*size)
        (wanted,) = model.predict(image)
        found = {n: v.numpy()[0] for n, v in graph.function(tf.constant(image[None])).items()}
        assert set(found) == set(graph.gives)
        agree(found, wanted, model.config, found)
        people += len(wanted)
    assert people >= 2 and any(wanted.attributes)
    few = serving(model, score_threshold=1.0)["images_uint8"]
    nobody = few.function(tf.constant(image[None]))
    assert int(nobody["num_people"][0]) == 0 and not nobody["instances"].numpy().any()
    np.testing.assert_array_equal(nobody["attributes"][0], found["attributes"])


def test_all_signatures_of_a_saved_model_agree_with_predict(tmp_path):
    model = parser(sizes=())
    folder = model.export(tmp_path / "people" / "1")
    card = (folder / "model_card.md").read_text()
    assert "12 multicolor" in card
    loaded = tf.saved_model.load(os.fspath(folder))
    assert set(loaded.signatures) == {"serving_default", "images_uint8", "images_float", "describe"}
    TASKS.pop("sizes")
    images = [picture(*size) for size in SIZES]
    encoded = []
    for image in images:
        (wanted,) = model.predict(image)
        found = loaded.signatures["images_float"](images=tf.constant(image[None], tf.float32))
        assert "attribute_sizes" not in found
        found = {name: value.numpy()[0] for name, value in found.items()}
        agree(found, wanted, model.config, found)
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        encoded.append(file.getvalue())
    together = loaded.signatures["serving_default"](encoded=tf.constant(encoded))
    for row, wanted in enumerate(model.predict(images)):
        found = {name: value.numpy()[row] for name, value in together.items()}
        maps = {
            name: np.array(Image.open(io.BytesIO(found[f"{name}_png_bytes"])))
            for name in wanted.label_maps
        }
        agree(found, wanted, model.config, maps)
