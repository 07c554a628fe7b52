"""Looking into a TFLite file, and giving it what the converter does not write."""

from __future__ import annotations

import collections
import copy
import dataclasses

import numpy as np

from tfseg.errors import ExportError

__all__ = ["FileFacts", "facts", "model_of", "operation_names", "packed", "single_operation"]

METADATA_NAME = "TFLITE_METADATA"
_ALIGNMENT = 16


@dataclasses.dataclass(frozen=True)
class FileFacts:
    """What a TFLite file is made of.

    Attributes:
        tensors: Tensor type, such as "INT8", to the number of tensors.
        operations: Operation, such as "CONV_2D", to how often it occurs, most frequent first.
        float_tensors: Names of the tensors that hold floating point numbers.
    """

    tensors: dict[str, int]
    operations: dict[str, int]
    float_tensors: tuple[str, ...]


def facts(content: bytes) -> FileFacts:
    """Returns what a TFLite file is made of, over all of its graphs."""
    schema = _schema()
    types = _names(schema.TensorType)
    model = model_of(content)
    tensors = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    floating = ("FLOAT32", "FLOAT16", "FLOAT64", "BFLOAT16")
    return FileFacts(
        dict(collections.Counter(types[tensor.type] for tensor in tensors).most_common()),
        dict(collections.Counter(operation_names(model)).most_common()),
        tuple(_text(tensor.name) for tensor in tensors if types[tensor.type] in floating),
    )


def model_of(content: bytes):
    """Returns the file as an object of the schema's class `ModelT`.

    Raises:
        ExportError: If it is no TFLite file.
    """
    if content[4:8] != b"TFL3":
        raise ExportError("expected the content of a .tflite file, which has TFL3 at its start.")
    return _schema().ModelT.InitFromPackedBuf(content, 0)


def operation_names(model) -> list[str]:
    """Returns the operations of a model of `model_of` in their order, such as "CONV_2D"."""
    codes = _names(_schema().BuiltinOperator)
    # Old files know the first field alone, which cannot count beyond 127.
    known = [codes[max(c.builtinCode, c.deprecatedBuiltinCode)] for c in model.operatorCodes]
    return [known[op.opcodeIndex] for graph in model.subgraphs for op in graph.operators]


def single_operation(model, index: int) -> bytes:
    """Returns a file that holds one operation of a model's first graph: what it computes from are
    inputs, its constants stay."""
    schema, graph = _schema(), model.subgraphs[0]
    operation = copy.copy(graph.operators[index])
    part, lone = schema.ModelT(), schema.SubGraphT()
    part.version, part.subgraphs, part.buffers = model.version, [lone], [schema.BufferT()]
    part.operatorCodes = [model.operatorCodes[operation.opcodeIndex]]
    operation.opcodeIndex, lone.tensors = 0, []
    places: dict[int, int] = {-1: -1}
    inputs = []
    for old in [*operation.inputs, *operation.outputs]:
        if old in places:
            continue
        tensor = copy.copy(graph.tensors[old])
        data = model.buffers[tensor.buffer].data
        places[int(old)] = len(lone.tensors)
        if data is not None and len(data):
            part.buffers.append(model.buffers[tensor.buffer])
            tensor.buffer = len(part.buffers) - 1
        else:
            tensor.buffer = 0
            if old in operation.inputs:
                inputs.append(places[int(old)])
        lone.tensors.append(tensor)
    operation.inputs = [places[int(old)] for old in operation.inputs]
    operation.outputs = [places[int(old)] for old in operation.outputs]
    lone.operators, lone.inputs, lone.outputs = [operation], inputs, list(operation.outputs)
    return _file(part)


def packed(model, metadata: bytes) -> bytes:
    """Returns a model of `model_of` as a file that carries metadata for Android's tools."""
    schema = _schema()
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(metadata, np.uint8)
    entry.name, entry.buffer = METADATA_NAME, len(model.buffers)
    model.metadata = [old for old in model.metadata or [] if _text(old.name) != METADATA_NAME] + [
        entry
    ]
    model.buffers = [*model.buffers, buffer]
    return _file(model)


def _file(model) -> bytes:
    import flatbuffers

    model = copy.copy(model)
    model.buffers = [
        buffer if buffer.data is None or not len(buffer.data) else _Aligned(buffer.data)
        for buffer in model.buffers
    ]
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class _Aligned:
    """A buffer whose data begin at a multiple of 16 bytes, as interpreters expect of weights."""

    def __init__(self, data):
        self.data = np.asarray(data, np.uint8)

    def Pack(self, builder):  # noqa: N802 - the name is the schema's
        """Writes the buffer and returns its place."""
        schema = _schema()
        builder.StartVector(1, len(self.data), _ALIGNMENT)
        builder.head -= len(self.data)
        builder.Bytes[builder.head : builder.head + len(self.data)] = self.data.tobytes()
        place = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, place)
        return schema.BufferEnd(builder)


def _schema():
    from tensorflow.lite.python import schema_py_generated

    return schema_py_generated


def _names(kind) -> dict[int, str]:
    return {value: name for name, value in vars(kind).items() if isinstance(value, int)}


def _text(name) -> str:
    return name.decode() if isinstance(name, bytes) else name
