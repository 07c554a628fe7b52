"""Weight files as other programs write them, made here so that no download is needed."""

from __future__ import annotations

import json
import struct

import h5py
import numpy as np

STAGES = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
WIDTHS = (64, 128, 256, 512)
KERAS_ORDER = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")


def conv(inputs, outputs, size):
    return {"kernel": (size, size, inputs, outputs), "bias": (outputs,)}


def norm(channels):
    return dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), (channels,))


def matterport_shapes(backbone="resnet50", classes=4, pyramid=16, rpn=512, box=32, mask=256):
    """Returns `{layer: {variable: shape}}` in that program's order; heads may be narrow."""
    shapes = {"conv1": conv(3, 64, 7), "bn_conv1": norm(64)}
    inputs = 64
    for stage, (blocks, width) in enumerate(zip(STAGES[backbone], WIDTHS), start=2):
        for block in range(blocks):
            label = f"{stage}{chr(ord('a') + block)}_branch"
            branches = [("2a", inputs, width, 1), ("2b", width, width, 3)]
            branches.append(("2c", width, 4 * width, 1))
            if block == 0:
                branches.append(("1", inputs, 4 * width, 1))
            for name, channels, outputs, size in branches:
                shapes[f"res{label}{name}"] = conv(channels, outputs, size)
                shapes[f"bn{label}{name}"] = norm(outputs)
            inputs = 4 * width
    for level in (5, 4, 3, 2):
        shapes[f"fpn_c{level}p{level}"] = conv(4 * WIDTHS[level - 2], pyramid, 1)
    for level in (5, 2, 3, 4):
        shapes[f"fpn_p{level}"] = conv(pyramid, pyramid, 3)
    shapes["rpn_conv_shared"] = conv(pyramid, rpn, 3)
    shapes["rpn_class_raw"], shapes["rpn_bbox_pred"] = conv(rpn, 6, 1), conv(rpn, 12, 1)
    shapes["mrcnn_class_conv1"], shapes["mrcnn_class_bn1"] = conv(pyramid, box, 7), norm(box)
    shapes["mrcnn_class_conv2"], shapes["mrcnn_class_bn2"] = conv(box, box, 1), norm(box)
    shapes["mrcnn_class_logits"] = {"kernel": (box, classes), "bias": (classes,)}
    shapes["mrcnn_bbox_fc"] = {"kernel": (box, 4 * classes), "bias": (4 * classes,)}
    for number in (1, 2, 3, 4):
        shapes[f"mrcnn_mask_conv{number}"] = conv(pyramid if number == 1 else mask, mask, 3)
        shapes[f"mrcnn_mask_bn{number}"] = norm(mask)
    shapes["mrcnn_mask_deconv"] = {"kernel": (2, 2, mask, mask), "bias": (mask,)}
    shapes["mrcnn_mask"] = conv(mask, classes, 1)
    return shapes


def values_of(shapes):
    """Returns `{layer: {variable: number}}`, another number for each array."""
    numbers = iter(np.linspace(0.1, 2, sum(map(len, shapes.values())), dtype=np.float32))
    return {layer: {name: next(numbers) for name in names} for layer, names in shapes.items()}


def write_keras2(path, shapes, *, values=None, root=None, text=bytes, nested=None, rename=str):
    """Writes Keras 2's layout: group, then the weight's full name, `conv1/conv1/kernel:0`.

    Every array is filled with its number of `values`, and HDF5 stores no more than that.

    Args:
        path: The file.
        shapes: `{layer: {variable: shape}}`.
        values: `{layer: {variable: number or array}}`; None takes `values_of`.
        root: Group that holds the layers, such as "model_weights".
        text: How the writer stored its names, `bytes` or `str`.
        nested: `{layer: group}` of layers inside a model inside the model.
        rename: Function on a variable's name.
    """
    values = values or values_of(shapes)
    nested = nested or {}
    stored = (lambda name: name.encode()) if text is bytes else str
    with h5py.File(path, "w") as file:
        top = file.create_group(root) if root else file
        groups = list(dict.fromkeys(nested.get(layer, layer) for layer in shapes))
        top.attrs["layer_names"] = [stored(name) for name in ("input_image", *groups)]
        top.attrs["backend"] = stored("tensorflow")
        top.create_group("input_image").attrs["weight_names"] = np.zeros(0)
        for group in groups:
            inside = [layer for layer in shapes if nested.get(layer, layer) == group]
            names = []
            for layer in inside:
                for name in sorted(shapes[layer], key=KERAS_ORDER.index):
                    value, full = values[layer][name], f"{layer}/{rename(name)}:0"
                    names.append(full)
                    target = top.require_group(group)
                    if np.ndim(value):
                        target[full] = value
                    else:
                        target.create_dataset(
                            full, shape=shapes[layer][name], dtype="f4", fillvalue=value
                        )
            top[group].attrs["weight_names"] = [stored(name) for name in names]
    return values


def write_matterport(path, shapes, **options):
    """Writes that program's layout: the three layers of the RPN are a model of their own."""
    rpn = {layer: "rpn_model" for layer in shapes if layer.startswith("rpn_")}
    return write_keras2(path, shapes, nested=rpn, **options)


def torchvision_shapes(backbone="resnet50", classes=4, pyramid=16, box=32, mask=256):
    """Returns `{name: shape}` of `maskrcnn_resnet50_fpn`'s state dict; heads may be narrow."""
    shapes = {}

    def add(module, *weight, bias=True):
        shapes[f"{module}.weight"] = weight
        if bias:
            shapes[f"{module}.bias"] = (weight[0],)

    def add_norm(module, channels):
        for leaf in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{module}.{leaf}"] = (channels,)

    body = "backbone.body"
    add(f"{body}.conv1", 64, 3, 7, 7, bias=False)
    add_norm(f"{body}.bn1", 64)
    inputs = 64
    for stage, (blocks, width) in enumerate(zip(STAGES[backbone], WIDTHS), start=1):
        for block in range(blocks):
            place = f"{body}.layer{stage}.{block}"
            for number, (i, o, size) in enumerate(
                ((inputs, width, 1), (width, width, 3), (width, 4 * width, 1)), start=1
            ):
                add(f"{place}.conv{number}", o, i, size, size, bias=False)
                add_norm(f"{place}.bn{number}", o)
            if block == 0:
                add(f"{place}.downsample.0", 4 * width, inputs, 1, 1, bias=False)
                add_norm(f"{place}.downsample.1", 4 * width)
            inputs = 4 * width
    for level, width in enumerate(WIDTHS):
        add(f"backbone.fpn.inner_blocks.{level}.0", pyramid, 4 * width, 1, 1)
        add(f"backbone.fpn.layer_blocks.{level}.0", pyramid, pyramid, 3, 3)
    add("rpn.head.conv.0.0", pyramid, pyramid, 3, 3)
    add("rpn.head.cls_logits", 3, pyramid, 1, 1)
    add("rpn.head.bbox_pred", 12, pyramid, 1, 1)
    add("roi_heads.box_head.fc6", box, 49 * pyramid)
    add("roi_heads.box_head.fc7", box, box)
    add("roi_heads.box_predictor.cls_score", classes, box)
    add("roi_heads.box_predictor.bbox_pred", 4 * classes, box)
    for number in range(4):
        add(f"roi_heads.mask_head.{number}.0", mask, mask if number else pyramid, 3, 3)
    add("roi_heads.mask_predictor.conv5_mask", mask, mask, 2, 2)
    add("roi_heads.mask_predictor.mask_fcn_logits", classes, mask, 1, 1)
    return shapes


def write_safetensors(path, arrays):
    """Writes the published format: length of the header, header, bytes."""
    header, start = {"__metadata__": {"format": "pt"}}, 0
    names = {"float32": "F32", "float16": "F16", "int64": "I64", "uint16": "BF16"}
    for name, value in arrays.items():
        header[name] = {
            "dtype": names[value.dtype.name],
            "shape": list(value.shape),
            "data_offsets": [start, start + value.nbytes],
        }
        start += value.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for value in arrays.values():
            file.write(np.ascontiguousarray(value).tobytes())
