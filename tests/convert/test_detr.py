"""Weights of DETR under its three spellings, whole and in part, good and broken."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest
from detr_files import detr_shapes
from foreign_files import write_safetensors

from tfseg.convert import detr
from tfseg.engine.weights import named_weights
from tfseg.errors import WeightsError
from tfseg.nn.detr import network

# Their names on Hugging Face, from the original's.
SPELLING = (
    (r"^backbone\.0\.body\.", "model.backbone.conv_encoder.model."),
    (r"^input_proj\.", "model.input_projection."),
    (r"^query_embed\.", "model.query_position_embeddings."),
    (r"^class_embed\.", "class_labels_classifier."),
    (r"^bbox_embed\.", "bbox_predictor."),
    (r"^transformer\.decoder\.norm\.", "model.decoder.layernorm."),
    (r"^transformer\.encoder\.(.*)\.norm2\.", r"model.encoder.\1.final_layer_norm."),
    (r"^transformer\.decoder\.(.*)\.norm3\.", r"model.decoder.\1.final_layer_norm."),
    (r"^transformer\.decoder\.(.*)\.norm2\.", r"model.decoder.\1.encoder_attn_layer_norm."),
    (r"^transformer\.", "model."),
    (r"\.norm1\.", ".self_attn_layer_norm."),
    (r"\.linear([12])\.", r".fc\1."),
    (r"\.multihead_attn\.", ".encoder_attn."),
)
# Kernels as small as can be, and the true number of layers.
NARROW = dict(width=8, hidden=12, queries=5, classes=4)
INNER = dict(channels=8, hidden=12, heads=2)


def state_dict(**options):
    """Returns random values for the transformer and its heads, zeros for the backbone."""
    random = np.random.default_rng(0)
    return {
        name: np.zeros(shape, np.float32)
        if "backbone" in name and "layer2.0" not in name
        else random.random(shape, np.float32)
        for name, shape in detr_shapes(**options).items()
    }


@pytest.fixture(scope="module")
def tensors():
    return state_dict(**NARROW)


@pytest.fixture(scope="module")
def model():
    return network.detr(4, queries=5, **INNER)


def value(model, layer, name="kernel"):
    return keras.ops.convert_to_numpy(named_weights(model)[layer][name].value)


@pytest.fixture
def clear(model):
    for weight in model.weights:
        weight.assign(np.full(weight.shape, 7, np.float32))
    return model


def write(folder, arrays, name="a.safetensors"):
    write_safetensors(folder / name, arrays)
    return folder / name


def test_each_tensor_lies_where_its_layer_expects_it(clear, tensors, tmp_path):
    path = write(tmp_path, {**tensors, "backbone.0.body.bn1.num_batches_tracked": np.int64(3)})
    assert detr.recognises(path)
    report = detr.load(clear, path)
    assert len(report.loaded) == 239
    assert not (report.skipped or report.missing or report.unused)
    body = "backbone.0.body.layer2.0."
    theirs = tensors[f"{body}conv2.weight"]
    assert value(clear, "res3a_branch2b")[2, 1, 3, 5] == theirs[5, 3, 2, 1]
    theirs = tensors[f"{body}downsample.1.running_var"]
    np.testing.assert_array_equal(value(clear, "bn3a_branch1", "moving_variance"), theirs)
    theirs = tensors["input_proj.weight"]
    assert value(clear, "detector/project")[0, 0, 9, 6] == theirs[6, 9, 0, 0]
    np.testing.assert_array_equal(
        value(clear, "detector", "query_codes"), tensors["query_embed.weight"]
    )
    theirs = tensors["transformer.decoder.layers.3.multihead_attn.in_proj_weight"]
    for place, part in enumerate(("query", "key", "value")):
        ours = value(clear, f"detector/decoder/layer3/cross_attention/{part}")
        assert ours[2, 5] == theirs[8 * place + 5, 2]
    theirs = tensors["transformer.encoder.layers.5.self_attn.in_proj_bias"]
    ours = value(clear, "detector/encoder/layer5/self_attention/value", "bias")
    np.testing.assert_array_equal(ours, theirs[16:])
    theirs = tensors["transformer.encoder.layers.0.linear1.weight"]
    assert value(clear, "detector/encoder/layer0/dense1")[3, 11] == theirs[11, 3]
    theirs = tensors["transformer.decoder.layers.0.norm3.weight"]
    np.testing.assert_array_equal(value(clear, "detector/decoder/layer0/norm3", "gamma"), theirs)
    theirs = tensors["bbox_embed.layers.2.weight"]
    assert value(clear, "detector/box_head3")[6, 1] == theirs[1, 6]


def spelt(name):
    for original, theirs in SPELLING:
        name = re.sub(original, theirs, name)
    return name


def test_the_spelling_of_hugging_face_gives_the_same_weights(clear, tensors, tmp_path):
    theirs = {}
    for name, tensor in tensors.items():
        name = spelt(name)
        if "in_proj" in name:
            for part, third in zip("qkv", np.split(tensor, 3)):
                theirs[name.replace("in_proj_", f"{part}_proj.")] = third
        else:
            theirs[name] = tensor
    assert "model.decoder.layers.0.encoder_attn.q_proj.weight" in theirs
    assert "model.encoder.layers.0.final_layer_norm.bias" in theirs
    detr.load(clear, write(tmp_path, tensors))
    expected = [keras.ops.convert_to_numpy(weight) for weight in clear.weights]
    for weight in clear.weights:
        weight.assign(np.zeros(weight.shape, np.float32))
    report = detr.load(clear, write(tmp_path, theirs, "b.safetensors"))
    assert len(report.loaded) == 239 and not report.unused
    for weight, values in zip(clear.weights, expected):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(weight), values)


def test_the_file_says_what_it_is(tensors, tmp_path):
    source = detr.describe(write(tmp_path, tensors))
    assert (source.system, source.backbone, source.class_count) == ("hptr", "resnet50", 5)
    assert source.settings == {
        "queries": 5,
        "channels": 8,
        "hidden": 12,
        "encoder_layers": 6,
        "decoder_layers": 6,
        "masks": False,
    }
    assert "facebookresearch/detr, resnet50, 5 classes" in str(source)


def test_a_person_detector_with_fewer_queries_starts_from_it(tensors, tmp_path):
    path = write(tmp_path, tensors)
    small = network.detr(1, queries=3, **INNER, encoder_layers=6, decoder_layers=2)
    with pytest.raises(WeightsError, match=r"query_codes is \(5, 8\).*(?s:.)*skip_mismatch=True"):
        detr.load(small, path, classes=(1,))
    report = detr.load(small, path, classes=(1,), skip_mismatch=True)
    assert not report.skipped and not report.missing
    left = {"/".join(name.split("/")[:3]) for name in report.unused}
    assert left == {f"detector/decoder/layer{number}" for number in (2, 3, 4, 5)}
    np.testing.assert_array_equal(
        value(small, "detector/class_head"), tensors["class_embed.weight"].T[:, [1, 4]]
    )
    np.testing.assert_array_equal(
        value(small, "detector", "query_codes"), tensors["query_embed.weight"][:3]
    )
    with pytest.raises(WeightsError, match=r"classes \[4\] are not in the file.*0 to 3"):
        detr.load(small, path, classes=(0, 4), skip_mismatch=True)


def test_masks_of_the_second_stage_have_their_names_too():
    from tfseg.convert.detr_names import tensor_names

    shapes = {re.sub(r"^detr\.", "", name) for name in detr_shapes(masks=True)}
    named = {name for layer in tensor_names(masks=True).values() for name, _ in layer.values()}
    assert named == shapes


def test_other_and_damaged_files_change_nothing(clear, tensors, tmp_path):
    attention = "transformer.encoder.layers.0.self_attn.in_proj_weight"
    others = {
        "another": {"conv1.weight": np.zeros((64, 3, 7, 7), np.float32)},
        "nothing": {},
        "turned": {**tensors, attention: np.zeros((25, 8), np.float32)},
        "nan": {**tensors, "class_embed.bias": np.full(5, np.nan, np.float32)},
        "short": {**tensors, "class_embed.bias": np.zeros(3, np.float32)},
        "poorer": {n: t for n, t in tensors.items() if "layers.4.norm1" not in n},
        "richer": {**tensors, "extra.weight": np.zeros(3, np.float32)},
    }
    for name, words in {
        "another": "expected facebookresearch/detr.* Found conv1.weight",
        "nothing": "Found nothing",
        "turned": r"self_attn.in_proj_weight has the shape \(25, 8\)",
        "nan": "class_head/bias has values that are not finite",
        "short": "class_head: bias is",
        "poorer": "not in the file: detector/encoder/layer4/norm1, detector/decoder/layer4/norm1",
        "richer": "only in the file: extra.weight",
    }.items():
        path = write(tmp_path, others[name], f"{name}.safetensors")
        with pytest.raises(WeightsError, match=words):
            detr.load(clear, path)
    assert np.all(value(clear, "detector/project") == 7)
    assert not detr.recognises(tmp_path / "another.safetensors")
    with pytest.raises(WeightsError, match="nowhere.pth: does not exist. Expected facebook"):
        detr.load(clear, tmp_path / "nowhere.pth")
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(WeightsError, match="is no weight file of PyTorch"):
        detr.describe(tmp_path / "text.pth")
