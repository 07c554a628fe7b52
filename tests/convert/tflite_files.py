"""TFLite files of MobileNetV2, written here so that no download is needed."""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfseg.nn.backbones.mobilenet_v2 import convolutions

SLIM = (1 / 128, 128)


class Writer:
    """Gathers tensors and operations of one graph."""

    def __init__(self):
        self.model, self.graph = schema.ModelT(), schema.SubGraphT()
        self.model.version, self.model.subgraphs = 3, [self.graph]
        self.model.buffers, self.model.operatorCodes = [schema.BufferT()], []
        self.graph.tensors, self.graph.operators = [], []
        for kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            code = schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, kind)
            self.model.operatorCodes.append(code)

    def tensor(self, name, kind, shape, steps=None, data=None):
        tensor = schema.TensorT()
        tensor.name, tensor.type = name, getattr(schema.TensorType, kind)
        tensor.shape = np.array(shape, np.int32)
        if steps is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = np.atleast_1d(steps[0]).astype(np.float32)
            tensor.quantization.zeroPoint = np.atleast_1d(steps[1]).astype(np.int64)
            tensor.quantization.quantizedDimension = steps[2] if len(steps) > 2 else 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def convolution(self, depthwise, inputs, output):
        operation = schema.OperatorT()
        operation.opcodeIndex = int(depthwise)
        operation.inputs, operation.outputs = inputs, [output]
        self.graph.operators.append(operation)

    def content(self) -> bytes:
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def quantised(width=0.35, *, kind="uint8", steps=SLIM, extra=(), only=None, seed=0):
    """Returns the content of a file, and `{layer: (kernel, bias)}` that its integers mean.

    Args:
        width: Of the MobileNetV2.
        kind: "uint8" with one scale for a tensor, as TensorFlow-Slim's files, or "int8" with one
            for each output, as today's converter writes them.
        steps: Scale and zero of the input.
        extra: `(name, kernel shape)` of convolutions behind the backbone.
        only: How many convolutions; None: all.
        seed: Of the numbers.
    """
    rng, writer, meant = np.random.default_rng(seed), Writer(), {}
    source = writer.tensor("input", kind.upper(), (1, 224, 224, 3), steps)
    writer.graph.inputs = [source]
    wanted = [(name, shape) for name, _, shape in convolutions(width)]
    for name, shape in [*wanted, *extra][:only]:
        depthwise = name.endswith("depthwise")
        outputs = shape[2] if depthwise else shape[3]
        stored = (1, *shape[:3]) if depthwise else (shape[3], *shape[:3])
        axis = 3 if depthwise else 0
        if kind == "uint8":
            values = rng.integers(0, 256, stored, np.uint8)
            scale, zero = np.float32(rng.uniform(0.001, 0.01)), rng.integers(100, 156)
            told = (scale, zero)
        else:
            values = rng.integers(-127, 128, stored, np.int8)
            scale, zero = rng.uniform(0.001, 0.01, outputs).astype(np.float32), 0
            told = (scale, np.zeros(outputs), axis)
        biases = rng.integers(-9999, 9999, outputs, np.int32)
        unit = (scale * np.float32(0.02)).astype(np.float32)
        kernel = (np.moveaxis(values, axis, -1).astype(np.float64) - zero) * scale
        kernel = kernel[0] if depthwise else kernel
        meant[name] = (kernel[..., None] if depthwise else kernel, biases * unit.astype(np.float64))
        inputs = [
            source,
            writer.tensor(f"{name}/kernel;fused", kind.upper(), stored, told, values),
            writer.tensor(f"{name}/bias", "INT32", (outputs,), (unit, np.zeros_like(unit)), biases),
        ]
        source = writer.tensor(f"{name}/out", kind.upper(), (1, 1, 1, outputs), (0.02, 0))
        writer.convolution(depthwise, inputs, source)
    writer.graph.outputs = [source]
    return writer.content(), meant
