"""The HPTR network: sizes of the specification, what comes out, what learns."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops
from small_hptr import SMALL

from tfseg.errors import ConfigError
from tfseg.models.hptr.config import TASKS, HPTRConfig
from tfseg.models.hptr.heads import features_of_heads
from tfseg.models.hptr.losses import TERMS, loss_terms
from tfseg.models.hptr.network import HPTRNetwork, build, layer_group
from tfseg.models.hptr.ranking import ranked

pytestmark = pytest.mark.both_backends


def small(**settings) -> HPTRNetwork:
    keras.utils.set_random_seed(1)
    return build(HPTRConfig(**{**SMALL, **settings}))


@pytest.fixture(scope="module")
def network():
    return small()


def images(height=64, width=64) -> dict:
    random = np.random.default_rng(0)
    padding = np.zeros((2, height, width), bool)
    padding[1, :, 40:] = True
    return {
        "image": random.integers(0, 256, (2, height, width, 3), np.uint8),
        "padding": padding,
    }


def batch(people=(2, 0)) -> dict:
    random, inputs = np.random.default_rng(1), images()
    labels = np.full((2, 6), -1, np.int32)
    boxes = np.zeros((2, 6, 4), np.float32)
    for image, count in enumerate(people):
        labels[image, :count] = 0
        boxes[image, :count] = random.uniform(0.2, 0.5, (count, 4))
    masks = np.zeros((2, 6, 64, 64), np.uint8)
    masks[labels >= 0, 10:30, 5:35] = 1
    maps = {task: random.integers(0, 4, (2, 64, 64)).astype(np.uint8) for task in TASKS}
    return {**inputs, "labels": labels, "gt_boxes": boxes, "gt_masks": masks, **maps}


def parameters(config: HPTRConfig, without: str = "none") -> int:
    weights = [w for w in build(config).weights if "seed" not in w.path and without not in w.path]
    return sum(int(np.prod(weight.shape)) for weight in weights)


@pytest.mark.slow
def test_parameters_of_the_specification():
    network = build(HPTRConfig(backbone_form="keras"))
    parts = {
        "fpn": 3_344_384,
        "detector": 18_031_366,
        "mask_attention": 131_584,
        "mask_head": 1_141_145,
        "attributes_head": 259_860,
        "sizes_head": 258_885,
        "patterns_head": 258_885,
        "colors_head": 259_405,
        "branch_p4": 258_560,
    }
    found = {
        layer.name: sum(int(np.prod(w.shape)) for w in layer.weights if "seed" not in w.path)
        for layer in network._flatten_layers()
        if layer.name in parts
    }
    assert found == parts
    assert parameters(HPTRConfig(backbone_form="keras")) == 48_307_466
    one = HPTRConfig(backbone_form="keras", sizes=(), patterns=(), colors=())
    assert parameters(one) == 47_530_291
    assert parameters(HPTRConfig()) == 48_307_466 - 23_587_712 + 23_561_152
    assert parameters(HPTRConfig.light()) < 6_000_000


def test_what_comes_out_and_of_whom(network, call_model):
    inputs = images(64, 96)
    lowest = {"min_score": np.zeros(2, np.float32)}
    all_of_them = {
        n: ops.convert_to_numpy(v) for n, v in call_model(network, {**inputs, **lowest}).items()
    }
    shapes = {name: value.shape for name, value in all_of_them.items()}
    maps = {task: (2, 16, 24, network.config.outputs_of(task)) for task in TASKS}
    people = {"scores": (2, 6), "class_ids": (2, 6), "boxes": (2, 6, 4), "masks": (2, 6, 16, 24)}
    assert shapes == {**maps, **people}
    assert (np.diff(all_of_them["scores"]) <= 0).all() and (all_of_them["class_ids"] == 1).all()
    highest = {"min_score": np.ones(2, np.float32)}
    none = {
        n: ops.convert_to_numpy(v) for n, v in call_model(network, {**inputs, **highest}).items()
    }
    assert not none["masks"].any() and all_of_them["masks"].any(axis=(2, 3)).all()
    for name in (*TASKS, "scores", "boxes"):
        np.testing.assert_allclose(none[name], all_of_them[name], atol=1e-5)
    # What lies in the padding of an image is nobody's business.
    other = {**inputs, "image": inputs["image"].copy(), **lowest}
    other["image"][1, :, 40:] = 255
    again = call_model(network, other)
    for name, value in all_of_them.items():
        np.testing.assert_allclose(ops.convert_to_numpy(again[name]), value, atol=1e-4)
    with pytest.raises(ConfigError, match="multiples of 32; got 48 x 64"):
        network(images(48, 64))


def test_heads_computed_together_say_what_each_says_alone(network):
    joint = np.random.default_rng(0).normal(size=(2, 8, 12, 64)).astype(np.float32)
    together = features_of_heads(network.heads, ops.convert_to_tensor(joint))
    assert tuple(together) == TASKS
    for name, head in network.heads.items():
        alone = ops.convert_to_numpy(head.features(joint))
        np.testing.assert_allclose(ops.convert_to_numpy(together[name]), alone, atol=1e-4)


def test_masks_in_training_are_those_of_the_matched_queries(network):
    inputs = batch()
    outputs = {n: ops.convert_to_numpy(v) for n, v in network(inputs, training=False).items()}
    assert outputs["logits"].shape == (2, 2, 6, 2) and outputs["matched"].shape == (2, 2, 6)
    assert (outputs["matched"][:, 0, :2] >= 0).all() and (outputs["matched"][:, 1] == -1).all()
    lowest = np.zeros(2, np.float32)
    tested = network({**images(), "min_score": lowest}, training=False)
    tested = {n: ops.convert_to_numpy(v) for n, v in tested.items()}
    for place in range(2):
        query = outputs["matched"][-1, 0, place]
        row = np.abs(tested["boxes"][0] - outputs["boxes"][-1, 0, query]).sum(axis=1).argmin()
        ours = outputs["masks"][0, place]
        np.testing.assert_allclose(ours, tested["masks"][0, row], atol=1e-3)


@pytest.mark.parametrize("people", [(2, 0), (0, 0), (6, 6)])
def test_losses_are_finite_with_any_number_of_people(network, people):
    inputs = batch(people)
    outputs = network(inputs, training=True)
    loss = float(network.compute_loss(inputs, y_pred=outputs))
    found = {t.name: float(t.result()) for t in network.trackers}
    for tracker in network.trackers:
        tracker.reset_state()
    assert tuple(found) == TERMS and np.isfinite(loss)
    of_people = {found[f"{name}_loss"] for name in ("l1", "giou", "focal", "dice")}
    assert of_people == {0.0} if people == (0, 0) else min(of_people) > 0
    inner = {"l1_loss": 5, "giou_loss": 2}
    assert found["denoising_loss"] == found["proposals_loss"] == 0
    wanted = sum(inner.get(name, 1) * value for name, value in found.items())
    assert loss == pytest.approx(wanted, rel=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes gradients by hand")
@pytest.mark.parametrize("people", [(2, 0), (0, 0)])
def test_every_weight_that_learns_gets_a_finite_gradient(network, people):
    import tensorflow as tf

    inputs = batch(people)
    with tf.GradientTape() as tape:
        loss = network.compute_loss(inputs, y_pred=network(inputs, training=True))
    gradients = tape.gradient(loss, [v.value for v in network.trainable_variables])
    gradients = [None if g is None else ops.convert_to_numpy(g) for g in gradients]
    assert all(np.isfinite(g).all() for g in gradients if g is not None)
    still = {
        v.path for v, g in zip(network.trainable_variables, gradients) if g is None or not g.any()
    }
    if people == (2, 0):
        # The first layer of the decoder starts from zeros: there is nothing to attend to.
        assert all("decoder/layer0/" in path for path in still), still


def test_hints_of_boxes_give_each_query_its_own_mask_before_anything_is_learnt():
    lowest = {**images(), "min_score": np.zeros(2, np.float32)}
    shares = {}
    for kind in ("attention", "boxes"):
        other = small(query_kind="anchors", memory_stride=16, mask_hints=kind)
        masks = ops.convert_to_numpy(other(lowest, training=False)["masks"])
        shares[kind] = masks.std(axis=1).mean() / masks.std()
    # Of all that tells pixels of masks apart, the share that is between queries.
    assert shares["attention"] < 0.001 and shares["boxes"] > 0.02, shares


def test_hints_of_the_image_change_maps_alone_and_only_once_they_have_learnt():
    lowest = {**images(), "min_score": np.zeros(2, np.float32)}
    hidden = {**lowest, "image": lowest["image"].copy()}
    hidden["image"][1, :, 40:] = 255  # padding
    other = small(map_hints="image")

    def outputs(inputs):
        return {n: ops.convert_to_numpy(x) for n, x in other(inputs, training=False).items()}

    hints, own = other.image_hints, outputs(lowest)
    other.image_hints = None
    for name, plain in outputs(lowest).items():
        np.testing.assert_array_equal(own[name], plain)
    other.image_hints = hints
    # One unit adds up the detail of its place, for the first colour.
    kernel, bias = (np.zeros(w.shape, np.float32) for w in hints.hidden["colors"].weights)
    kernel[1, 1, -48:, 0] = 1.0
    hints.hidden["colors"].set_weights([kernel, bias])
    score = np.zeros(hints.scores["colors"].kernel.shape, np.float32)
    score[0, 0, 0, 0] = 1.0
    hints.scores["colors"].kernel.assign(score)
    told = outputs(lowest)
    for name in set(told) - {"colors"}:
        np.testing.assert_array_equal(told[name], own[name])
    seen = other.preprocess(lowest["image"], lowest["padding"])
    for conv in hints.detail:
        seen = conv(seen)
    seen = ops.convert_to_numpy(seen)
    assert seen.shape == (2, 16, 16, 48) and seen.any()
    np.testing.assert_allclose((told["colors"] - own["colors"])[..., 0], seen.sum(-1), atol=1e-3)
    np.testing.assert_allclose(outputs(hidden)["colors"], told["colors"], atol=1e-4)


def test_who_has_the_mask_of_a_surer_one_comes_last():
    lowest = {**images(), "min_score": np.zeros(2, np.float32)}
    other = small(query_kind="anchors", mask_nms_threshold=0.4)  # hints of attention: one mask
    found = {n: ops.convert_to_numpy(v) for n, v in other(lowest, training=False).items()}
    other.config = other.config.replace(mask_nms_threshold=None)
    plain = {n: ops.convert_to_numpy(v) for n, v in other(lowest, training=False).items()}
    assert (plain["scores"] > 0).all() and (plain["masks"][:, 0] > 0).any()
    assert (found["scores"] > 0).sum(axis=1).tolist() == [1, 1]
    for name in ("scores", "boxes", "masks", "class_ids"):
        np.testing.assert_allclose(found[name][:, 0], plain[name][:, 0], atol=1e-5)


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


@pytest.mark.parametrize("background", [True, False])
@pytest.mark.parametrize("kind", ["masks", "maps"])
def test_scores_of_masks_and_maps(kind, background):
    random, shape = np.random.default_rng(2), (2, 6, 16, 16)
    raw = {
        "scores": -np.sort(-random.uniform(0.2, 0.9, (2, 6)).astype(np.float32)),
        "class_ids": np.arange(1, 13, dtype=np.int32).reshape(2, 6),  # as names
        "boxes": random.uniform(size=(2, 6, 4)).astype(np.float32),
        "masks": random.normal(0, 3, shape).astype(np.float32),
    }
    raw["masks"][0, 3] = 0.0  # as of a person below the lowest score
    maps = {"attributes": random.normal(0, 3, (2, 16, 16, 4)).astype(np.float32)}
    padding = np.zeros((2, 64, 64), bool)
    padding[1, :, 38:] = True  # the tenth cell begins in the image
    expected = np.zeros((2, 6))
    for image, query in np.ndindex(2, 6):
        mask = sigmoid(raw["masks"][image, query])[:, : (16, 10)[image]]
        over = mask > 0.5
        if over.any():
            logits = maps["attributes"][image, :, : over.shape[1]][over]
            seen = 1 - sigmoid(logits[:, 0]) if background else sigmoid(logits).max(axis=1)
            sure = mask[over].mean() * (seen.mean() if kind == "maps" else 1)
            expected[image, query] = raw["scores"][image, query] * sure
    order = np.argsort(-expected, axis=1)
    config = HPTRConfig(**SMALL, score_kind=kind, background_channel=background)
    given = {name: ops.convert_to_tensor(value) for name, value in raw.items()}
    found = {n: ops.convert_to_numpy(v) for n, v in ranked(given, maps, padding, config).items()}
    np.testing.assert_allclose(
        found["scores"], np.take_along_axis(expected, order, axis=1), rtol=1e-5
    )
    for name in ("class_ids", "boxes", "masks"):
        places = np.expand_dims(order, tuple(range(2, raw[name].ndim)))
        np.testing.assert_array_equal(found[name], np.take_along_axis(raw[name], places, axis=1))
    plain = config.replace(score_kind="class")
    assert ranked(given, maps, padding, plain) is given


@pytest.mark.parametrize("people", [(2, 0), (0, 0), (6, 6)])
def test_proposals_are_one_more_loss(people):
    other, inputs = small(query_kind="proposals"), batch(people)  # 4 places, and 6 people
    outputs = other(inputs, training=True)
    assert outputs["proposal_logits"].shape == (2, 4, 1)
    assert np.isfinite(float(other.compute_loss(inputs, y_pred=outputs)))
    terms = {t.name: float(t.result()) for t in other.trackers}
    assert terms["proposals_loss"] > 0 and terms["denoising_loss"] == 0


@pytest.mark.parametrize("people", [(2, 0), (0, 0), (6, 6)])
def test_denoising_is_one_more_loss_in_training_alone(people):
    other, inputs = small(query_kind="anchors", denoising=2), batch(people)
    outputs = other(inputs, training=True)
    assert outputs["denoised_logits"].shape == (4, 2, 12, 2)
    loss = float(other.compute_loss(inputs, y_pred=outputs))
    found = {t.name: float(t.result()) for t in other.trackers}
    assert np.isfinite(loss) and found["denoising_loss"] > 0
    # The anchors' own part is as before; nothing is drawn when losses are only measured.
    quiet = other(inputs, training=False)
    assert not any("denoised" in name for name in quiet)
    # Queries that find their people and leave the others out have next to no loss.
    near = np.zeros((4, 2, 12, 4), np.float32)
    near[:, :, :6] = inputs["gt_boxes"]
    sure = np.zeros((4, 2, 12, 2), np.float32)
    sure[..., 1] = 20
    sure[:, :, :6][:, inputs["labels"] >= 0] = (20, 0)
    outputs = {**outputs, "denoised_boxes": near, "denoised_logits": sure}
    terms = loss_terms(inputs, outputs, True, other.config.inner_weights)
    assert 0 <= float(terms["denoising_loss"]) < 1e-4


def test_groups_and_options(network):
    detr, heads = layer_group(network, "detr"), layer_group(network, "heads")
    assert heads < detr and not any(name.endswith("_BN") for name in detr)
    assert layer_group(network, "all") == heads | layer_group(network, "backbone")
    assert "block_3_project" in detr and "block_2_project" not in detr
    other = small(
        sizes=(),
        patterns=(),
        fuse="add",
        background_channel=False,
        unit_weights=True,
        query_kind="anchors",
        memory_stride=16,
    )
    outputs = other({**images(), "min_score": np.zeros(2, np.float32)})
    assert outputs["attributes"].shape[-1] == 19 and "sizes" not in outputs
    assert outputs["masks"].shape == (2, 6, 16, 16)
    places = other.detector(np.zeros((2, 4, 4, 16), np.float32), images()["padding"])
    assert places["memory"].shape == (2, 4, 4, 128)
    inputs = batch()
    assert np.isfinite(float(other.compute_loss(inputs, y_pred=other(inputs, training=True))))
    with pytest.raises(ConfigError, match="denoising.*'anchors' or 'proposals'"):
        HPTRConfig(denoising=2)
    with pytest.raises(ConfigError, match="initial_weights.*backbone_form='keras'"):
        HPTRConfig(initial_weights="imagenet")
