"""DETR, with and without masks, against numbers of the original, stage by stage.

`data/README.md` tells where the numbers come from. Errors are given as a share of the largest
reference value; the original itself is 4e-6 to 8e-6 off float64 from the decoder on.
"""

from __future__ import annotations

import math
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from detr_files import detr_shapes
from foreign_files import write_safetensors
from keras import ops

from tfseg.convert import detr as convert
from tfseg.convert.detr_names import tensor_names
from tfseg.data.images.images import read_image
from tfseg.engine.weights import named_weights
from tfseg.nn.detr.network import detr, freeze_as_detr
from tfseg.nn.losses.set_loss import gather_queries, mask_losses, set_losses
from tfseg.nn.targets.hungarian import match_queries

DATA = Path(__file__).parent / "data"
CANVAS, OBJECTS = (320, 416), 8
MEAN, DEVIATION = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
# Kernels whose spread is not sqrt(2 / inputs): they keep queries apart and boxes in range.
FACTORS = {
    r"\.multihead_attn$": 3.0,
    r"\.self_attn\.out_proj$": 0.1,
    r"^(detr\.)?transformer\..*\.linear2$": 0.1,
    r"class_embed$": 3.0,
    r"bbox_embed\.layers\.2$": 2.0,
    r"^bbox_attention\.": 2.0,
    r"^mask_head\.out_lay$": 2.0,
}


def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the generated value of one of their tensors: a function of name and shape alone."""
    random = np.random.default_rng([0, zlib.crc32(name.encode())])
    layer, _, leaf = name.rpartition(".")
    norm = re.search(r"\.(bn\d|gn\d|norm\d?|downsample\.1)$", layer) is not None
    if leaf in ("bias", "in_proj_bias") and not norm:
        return (0.02 * random.standard_normal(shape)).astype(np.float32)
    if layer.endswith("query_embed"):
        return random.standard_normal(shape).astype(np.float32)
    if leaf in ("weight", "in_proj_weight") and not norm:
        factor = next((f for pattern, f in FACTORS.items() if re.search(pattern, layer)), 1.0)
        spread = math.sqrt(2.0 / math.prod(shape[1:])) * factor
        return (spread * random.standard_normal(shape)).astype(np.float32)
    if leaf in ("weight", "running_var"):
        low, high = (0.2, 0.4) if layer.endswith("bn3") and leaf == "weight" else (0.8, 1.2)
        return (low + (high - low) * random.random(shape)).astype(np.float32)
    return (0.05 * random.standard_normal(shape)).astype(np.float32)


def assert_close(ours, reference, share=1e-5):
    ours, reference = np.asarray(ours, np.float64), np.asarray(reference, np.float64)
    assert ours.shape == reference.shape
    worst = np.abs(ours - reference).max() / np.abs(reference).max()
    assert worst <= share, f"off by {worst:.2e} of the largest value"


def channels_first(x):
    """Returns `(B, D, h, w)` of `(B, h, w, D)`."""
    return np.moveaxis(ops.convert_to_numpy(x), -1, 1)


def loaded(folder, masks):
    """Returns the network with the generated weights out of a file of the original's names."""
    shapes = detr_shapes(classes=250 if masks else 91, masks=masks)
    path = folder / "detr.safetensors"
    write_safetensors(path, {name: draw(name, shape) for name, shape in shapes.items()})
    model = detr(250 if masks else 91, masks=masks)
    report = convert.load(model, path)
    assert len(report.loaded) == (255 if masks else 239)
    path.unlink()
    return model


@pytest.fixture(scope="module")
def reference():
    with np.load(DATA / "detr_resnet50.npz") as stored:
        return dict(stored)


@pytest.fixture(scope="module")
def inputs(reference):
    """Two images of 320 x 416 and 256 x 300, the second padded at its right and its bottom."""
    image, padding = np.zeros((2, *CANVAS, 3), np.float32), np.ones((2, *CANVAS), bool)
    for place in range(2):
        pixels = read_image(reference[f"image_{place}_png"].tobytes())
        height, width = pixels.shape[:2]
        values = (pixels.astype(np.float32) / 255 - MEAN) / DEVIATION
        image[place, :height, :width], padding[place, :height, :width] = values, False
    return {"image": image, "padding": padding}


@pytest.fixture(scope="module")
def truth(reference):
    return padded_truth(reference, "target")


def padded_truth(reference, name):
    labels, boxes = np.full((2, OBJECTS), -1), np.zeros((2, OBJECTS, 4), np.float32)
    for place in range(2):
        count = len(reference[f"{name}_labels_{place}"])
        labels[place, :count] = reference[f"{name}_labels_{place}"]
        boxes[place, :count] = reference[f"{name}_boxes_{place}"]
    return {"labels": labels, "gt_boxes": boxes}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    model = loaded(tmp_path_factory.mktemp("weights"), masks=False)
    freeze_as_detr(model.get_layer("resnet50"))
    return model


@pytest.fixture(scope="module")
def step(model, inputs, truth):
    """A training step without dropout: outputs, matches, losses, gradients by variable."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        stages = model.get_layer("resnet50")(inputs["image"])
        outputs = model.get_layer("detector")(stages["C5"], inputs["padding"], training=False)
        matched = match_queries(outputs["logits"], outputs["boxes"], **truth)
        losses = set_losses(outputs["logits"], outputs["boxes"], **truth, matched=matched)
        total = ops.sum(losses["class"] + 5 * losses["l1"] + 2 * losses["giou"])
    variables = [v.value for v in model.trainable_variables]
    places = [outputs["logits"], outputs["boxes"], *variables]
    gradients = tape.gradient(total, places)
    outputs = {**outputs, "C5": stages["C5"], "matched": matched, "total": total, **losses}
    return {n: ops.convert_to_numpy(v) for n, v in outputs.items()}, gradients


def test_the_drawn_weights_are_those_of_the_reference():
    # First values of three tensors, as the generator of the reference file gave them.
    name = "transformer.decoder.layers.0.multihead_attn.in_proj_weight"
    assert draw(name, (768, 256)).ravel()[0] == np.float32(-0.0832291916012764)
    assert draw("query_embed.weight", (100, 256)).ravel()[0] == np.float32(-1.2777851819992065)
    assert draw("mask_head.gn1.weight", (264,))[0] == np.float32(1.0689538717269897)


def test_the_network_trains_the_published_number_of_weights(model):
    assert sum(math.prod(w.shape) for w in model.trainable_weights) == 41_302_368


def test_stages_up_to_the_memory(model, step, reference):
    outputs = step[0]
    assert_close(channels_first(outputs["C5"])[:, ::128], reference["C5"])
    np.testing.assert_array_equal(outputs["padding"], reference["padding"])
    detector = model.get_layer("detector")
    position = detector.position(outputs["padding"])
    assert_close(channels_first(position)[:, ::37], reference["position"])
    assert_close(channels_first(outputs["source"])[:, ::32], reference["source"])
    cells, codes = (ops.reshape(x, (2, 130, 256)) for x in (outputs["source"], position))
    first = detector.encoder.blocks[0](cells, codes, outputs["padding"].reshape(2, 130))
    first = channels_first(ops.reshape(first, (2, 10, 13, 256)))
    assert_close(first[:, ::32], reference["encoder_layer0"])
    assert_close(channels_first(outputs["memory"])[:, ::32], reference["memory"])


def test_states_classes_and_boxes_of_all_decoder_layers(step, reference):
    outputs = step[0]
    assert_close(outputs["states"][:, :, ::10, ::32], reference["states"], 3e-5)
    assert_close(outputs["logits"][-1, :, ::10], reference["logits"], 3e-5)
    assert_close(outputs["logits"][0, :, ::20], reference["logits_layer0"], 3e-5)
    assert_close(outputs["boxes"][:, :, ::5], reference["boxes"], 3e-5)


def test_matches_and_losses(step, reference):
    outputs = step[0]
    for place in range(2):
        expected = reference[f"matched_{place}"]
        ours = outputs["matched"][:, place]
        np.testing.assert_array_equal(ours[:, : expected.shape[1]], expected)
        assert (ours[:, expected.shape[1] :] == -1).all()
    for name in ("class", "l1", "giou"):
        np.testing.assert_allclose(outputs[name], reference[f"loss_{name}"], rtol=3e-5)
    np.testing.assert_allclose(outputs["total"], reference["loss_total"], rtol=3e-5)


def test_gradients_of_the_outputs_and_of_all_weights(model, step, reference):
    logits, boxes, *others = step[1]
    assert_close(logits[-1, :, ::10], reference["gradient_logits"], 3e-5)
    assert_close(boxes[-1, :, ::5], reference["gradient_boxes"], 3e-5)
    places = {
        id(variable): (layer, name)
        for layer, variables in named_weights(model).items()
        for name, variable in variables.items()
    }
    found = {
        places[id(variable)]: float(np.linalg.norm(gradient))
        for variable, gradient in zip(model.trainable_variables, others, strict=True)
    }
    ours = {}
    for layer, variables in tensor_names().items():
        for name, (theirs, _) in variables.items():
            # Query, key and value are one tensor there.
            if (layer, name) in found:
                ours[theirs] = math.hypot(ours.get(theirs, 0.0), found[layer, name])
    theirs = [name.decode() for name in reference["gradient_names"]]
    assert set(ours) == set(theirs) and len(theirs) == 235
    norms = reference["gradient_norms"].astype(np.float64)
    # The first decoder layer's queries and keys compare zeros: their gradient is rounding alone.
    np.testing.assert_allclose([ours[name] for name in theirs], norms, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_masks_of_the_second_stage(tmp_path, inputs, reference):
    model = loaded(tmp_path, masks=True)
    outputs = {n: ops.convert_to_numpy(v) for n, v in model(inputs, training=False).items()}
    assert_close(outputs["logits"][-1, :, ::20, ::5], reference["segm_logits"], 3e-5)
    attention = np.moveaxis(outputs["mask_attention"], -1, 2)
    np.testing.assert_allclose(attention.sum((2, 3, 4)), 1, atol=1e-5)
    attention = attention[:, reference["segm_query_index"], ::4]
    assert_close(attention, reference["segm_attention"], 3e-5)
    assert_close(outputs["masks"][:, ::10, ::8, ::8], reference["segm_masks"])
    truth = padded_truth(reference, "segm_target")
    matched = match_queries(outputs["logits"][-1:], outputs["boxes"][-1:], **truth)[0]
    masks = np.zeros((2, OBJECTS, *CANVAS), bool)
    for place in range(2):
        expected = reference[f"segm_matched_{place}"]
        np.testing.assert_array_equal(matched[place, : len(expected)], expected)
        shape = reference[f"segm_target_masks_{place}_shape"]
        bits = reference[f"segm_target_masks_{place}_packed"]
        bits = np.unpackbits(bits, count=math.prod(shape)).reshape(shape)
        masks[place, : shape[0], : shape[1], : shape[2]] = bits
    flat = outputs["masks"].reshape(2, 100, -1)
    ours = ops.reshape(gather_queries(flat, matched), (2, OBJECTS, *outputs["masks"].shape[2:]))
    losses = mask_losses(ours, masks, truth["labels"])
    assert float(losses["focal"]) == pytest.approx(reference["segm_loss_focal"], rel=3e-5)
    assert float(losses["dice"]) == pytest.approx(reference["segm_loss_dice"], rel=3e-5)
