"""Each layer of the rounded network against the file's tensor, given the file's own inputs.

End to end, a value that lies half-way between two steps may go either way in every one of some
eighty layers, and what follows magnifies it. Layer by layer there is nothing to magnify.
"""

from __future__ import annotations

import ai_edge_litert.interpreter as litert
import numpy as np

from tfseg.export.phone.optional import tf_keras
from tfseg.export.phone.part import Reading


def differences(aware, content: bytes, image: np.ndarray) -> dict[str, float]:
    """Returns for each layer that rounds the largest difference, in steps of its output."""
    tensors = _tensors(content, image)
    values = {"image": Reading().values(image)[None]}
    found = {}
    for layer in aware.layers:
        if not getattr(layer, "_output_quantizers", None):
            continue
        before = _rounded_before(layer)
        part = tf_keras().Model([one.output for one in before], layer.output)
        inputs = [values[one.name] for one in before]
        expected = part(inputs if len(inputs) > 1 else inputs[0], training=False).numpy()
        step = _step(layer)
        near = [
            (float(np.abs(value - expected).mean()), value)
            for value, scale in tensors
            if value.shape == expected.shape and abs(scale / step - 1) < 1e-4
        ]
        if not near:
            raise AssertionError(f"the file has no tensor with the shape and step of {layer.name}")
        # Layers of one shape and one step, such as gates, are told apart by their values.
        value = min(near, key=lambda entry: entry[0])[1]
        values[layer.name] = value
        found[layer.name] = float(np.abs(value - expected).max() / step)
    return found


def _tensors(content: bytes, image: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Returns the value and the step of every int8 tensor after a run, constants included."""
    interpreter = litert.Interpreter(
        model_content=content,
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]
    values = (image.astype(np.int16) - 128).astype(np.int8)[None]
    interpreter.set_tensor(source["index"], values)
    interpreter.invoke()
    found = []
    for entry in interpreter.get_tensor_details():
        scale, zero = entry["quantization"]
        if entry["dtype"] == np.int8 and len(entry["shape"]) == 4 and scale:
            value = interpreter.get_tensor(entry["index"])
            found.append(((value.astype(np.float32) - zero) * np.float32(scale), scale))
    return found


def _rounded_before(layer) -> list:
    """Returns the nearest layers before a layer that round, or the image."""
    found, waiting = [], [layer]
    while waiting:
        current = waiting.pop()
        inbound = current.inbound_nodes[0].inbound_layers
        for one in inbound if isinstance(inbound, list) else [inbound]:
            if not hasattr(one, "layer") or getattr(one, "_output_quantizers", None):
                found += [one] if one not in found else []
            else:
                waiting.append(one)
    return found


def _step(layer) -> float:
    variables = layer._output_quantizer_vars
    if variables is None:
        return 1 / 256
    return float(variables["max_var"] - variables["min_var"]) / 255
