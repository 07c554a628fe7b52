"""What the tensors of facebookresearch/detr are called and which weights of ours they become.

The map, tensor by tensor:

| theirs | ours | change |
|---|---|---|
| backbone.0.body.* | as in `tfseg.convert.torchvision` | O,I,h,w to h,w,I,O |
| input_proj | detector/project | O,I,1,1 to 1,1,I,O |
| query_embed | detector: query_codes | none |
| ….layers.N.self_attn | …/layerN/self_attention | see below |
| ….layers.N.multihead_attn | detector/decoder/layerN/cross_attention | see below |
| ….linear1, ….linear2 | …/dense1, …/dense2 | transposed |
| ….norm1 to norm3, transformer.decoder.norm | the same names | none |
| class_embed | detector/class_head | transposed |
| bbox_embed.layers.0 to 2 | detector/box_head1 to 3 | transposed |
| bbox_attention.q_linear, k_linear | mask_attention/query, key | transposed |
| mask_head.layN, gnN, adapterN, out_lay | mask_head/convN, normN, lateralN, score | as above |

An attention's `in_proj_weight` is three matrices one below the other: query, key, value; each is
transposed, and `out_proj` is too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

from tfseg.convert import torchvision
from tfseg.convert.transfer import resnet_layers

__all__ = ["original_names", "tensor_names"]

# Names on Hugging Face, after their `model.` was taken off, to the original's.
_OTHER_NAMES = (
    (r"^backbone\.conv_encoder\.model\.", "backbone.0.body."),
    (r"^input_projection\.", "input_proj."),
    (r"^query_position_embeddings\.", "query_embed."),
    (r"^class_labels_classifier\.", "class_embed."),
    (r"^bbox_predictor\.", "bbox_embed."),
    (r"^decoder\.layernorm\.", "transformer.decoder.norm."),
    (r"^(encoder|decoder)\.layers\.", r"transformer.\1.layers."),
    (r"(layers\.\d+)\.encoder_attn\.", r"\1.multihead_attn."),
    (r"(layers\.\d+)\.fc([12])\.", r"\1.linear\2."),
    (r"(layers\.\d+)\.self_attn_layer_norm\.", r"\1.norm1."),
    (r"(layers\.\d+)\.encoder_attn_layer_norm\.", r"\1.norm2."),
    (r"(decoder\.layers\.\d+)\.final_layer_norm\.", r"\1.norm3."),
    (r"(encoder\.layers\.\d+)\.final_layer_norm\.", r"\1.norm2."),
)


def original_names(found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns arrays under the names of the original's first stage, from any of the three
    spellings that `tfseg.convert.detr` reads."""
    found = {re.sub(r"^(detr\.)?(model\.)?", "", name): value for name, value in found.items()}
    for theirs, original in _OTHER_NAMES:
        found = {re.sub(theirs, original, name): value for name, value in found.items()}
    return _stacked(found)


def tensor_names(
    backbone: str = "resnet50",
    *,
    encoder_layers: int = 6,
    decoder_layers: int = 6,
    masks: bool = False,
) -> dict[str, dict[str, tuple[str, Callable]]]:
    """Returns `{our layer: {our variable: (their tensor, function from their array to ours)}}`.

    Args:
        backbone: "resnet50" or "resnet101".
        encoder_layers: Number of encoder layers.
        decoder_layers: Number of decoder layers.
        masks: Whether the layers of the second stage are named too.
    """
    names = _body_names(backbone)
    names["detector"] = {"query_codes": ("query_embed.weight", _same)}
    names["detector/project"] = _with_bias("input_proj", _kernel)
    for part, count in (("encoder", encoder_layers), ("decoder", decoder_layers)):
        for number in range(count):
            ours, theirs = f"detector/{part}/layer{number}", f"transformer.{part}.layers.{number}"
            names.update(_attention(f"{ours}/self_attention", f"{theirs}.self_attn"))
            if part == "decoder":
                names.update(_attention(f"{ours}/cross_attention", f"{theirs}.multihead_attn"))
                names[f"{ours}/norm3"] = _norm(f"{theirs}.norm3")
            for place in (1, 2):
                names[f"{ours}/dense{place}"] = _with_bias(f"{theirs}.linear{place}", np.transpose)
                names[f"{ours}/norm{place}"] = _norm(f"{theirs}.norm{place}")
    names["detector/decoder/norm"] = _norm("transformer.decoder.norm")
    names["detector/class_head"] = _with_bias("class_embed", np.transpose)
    for place in (1, 2, 3):
        module = f"bbox_embed.layers.{place - 1}"
        names[f"detector/box_head{place}"] = _with_bias(module, np.transpose)
    return {**names, **_mask_names()} if masks else names


def _body_names(backbone):
    theirs, names = torchvision.module_names(backbone), {}
    for conv, norm in resnet_layers(backbone):
        module = theirs[conv][0].replace("backbone.body", "backbone.0.body")
        names[conv] = {"kernel": (f"{module}.weight", _kernel)}
        module = theirs[norm][0].replace("backbone.body", "backbone.0.body")
        statistics = {"moving_mean": "running_mean", "moving_variance": "running_var"}
        more = {ours: (f"{module}.{name}", _same) for ours, name in statistics.items()}
        names[norm] = {**_norm(module), **more}
    return names


def _mask_names():
    names = {
        "mask_attention/query": _with_bias("bbox_attention.q_linear", np.transpose),
        "mask_attention/key": _with_bias("bbox_attention.k_linear", np.transpose),
        "mask_head/score": _with_bias("mask_head.out_lay", _kernel),
    }
    for number in range(1, 6):
        names[f"mask_head/conv{number}"] = _with_bias(f"mask_head.lay{number}", _kernel)
        names[f"mask_head/norm{number}"] = _norm(f"mask_head.gn{number}")
    for number in range(1, 4):
        names[f"mask_head/lateral{number}"] = _with_bias(f"mask_head.adapter{number}", _kernel)
    return names


def _attention(ours: str, theirs: str):
    names = {f"{ours}/out": _with_bias(f"{theirs}.out_proj", np.transpose)}
    for place, part in enumerate(("query", "key", "value")):
        names[f"{ours}/{part}"] = {
            "kernel": (f"{theirs}.in_proj_weight", lambda value, n=place: _third(value, n).T),
            "bias": (f"{theirs}.in_proj_bias", lambda value, n=place: _third(value, n)),
        }
    return names


def _third(value: np.ndarray, number: int) -> np.ndarray:
    return value.reshape(3, -1, *value.shape[1:])[number]


def _with_bias(module: str, change: Callable):
    return {"kernel": (f"{module}.weight", change), "bias": (f"{module}.bias", _same)}


def _norm(module: str):
    return {"gamma": (f"{module}.weight", _same), "beta": (f"{module}.bias", _same)}


def _same(value: np.ndarray) -> np.ndarray:
    return value


def _kernel(value: np.ndarray) -> np.ndarray:
    return value.transpose(2, 3, 1, 0)


def _stacked(found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the arrays with `q_proj`, `k_proj` and `v_proj` put together as the original does."""
    stacked = {}
    for name, value in found.items():
        place = re.fullmatch(r"(.*)\.([qkv])_proj\.(weight|bias)", name)
        if place is None:
            stacked[name] = value
        elif place[2] == "q":
            parts = [found.get(f"{place[1]}.{part}_proj.{place[3]}") for part in "qkv"]
            if any(part is None or part.shape != value.shape for part in parts):
                continue  # the layer is then missing, which the report says
            stacked[f"{place[1]}.in_proj_{place[3]}"] = np.concatenate(parts)
    return stacked
