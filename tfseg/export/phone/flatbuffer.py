"""Looking into a TFLite file, and giving it what the converter does not write."""

from __future__ import annotations

import collections
import copy
import dataclasses

import numpy as np

from tfseg.errors import ExportError

__all__ = [
    "FileFacts",
    "facts",
    "model_of",
    "operation_names",
    "packed",
    "widened_weights",
    "runs_each_time",
    "single_operation",
]

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
    inputs, its constants stay, with the operations that widen float16 ones to float32."""
    part, lone = copy.copy(model), copy.copy(model.subgraphs[0])
    lone.operators = [*_widened(model, lone.operators[index]), lone.operators[index]]
    read = dict.fromkeys(int(old) for op in lone.operators for old in op.inputs if old >= 0)
    made = {int(old) for operation in lone.operators for old in operation.outputs}
    constants = {old for old in read if _constant(model, lone.tensors[old])}
    lone.inputs = [old for old in read if old not in constants | made]
    lone.outputs = list(lone.operators[-1].outputs)
    kept, empty = {lone.tensors[old].buffer for old in constants}, _schema().BufferT()
    part.buffers = [b if place in kept else empty for place, b in enumerate(model.buffers)]
    part.subgraphs, part.metadata, part.signatureDefs = [lone], None, None
    return _file(part)


def runs_each_time(model) -> list[bool]:
    """Returns for each operation of the first graph whether it depends on the input: widening
    float16 constants is done once, before the first image."""
    graph = model.subgraphs[0]
    return [
        any(not _constant(model, graph.tensors[old]) for old in operation.inputs if old >= 0)
        for operation in graph.operators
    ]


def _widened(model, operation) -> list:
    """Returns the operations that make an operation's inputs out of constants."""
    graph = model.subgraphs[0]
    wanted = set(map(int, operation.inputs))
    return [
        other
        for other, runs in zip(graph.operators, runs_each_time(model))
        if not runs and wanted & set(map(int, other.outputs))
    ]


def _constant(model, tensor) -> bool:
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def widened_weights(half: bytes, full: bytes, most_bytes: int) -> bytes:
    """Returns a file with float16 weights, of which the smallest have float32 again.

    Small tensors are many and large ones few, so that a file of less than twice the size rounds
    hardly more than one in float32.

    Args:
        half: The file with float16 weights.
        full: The same network with float32 weights. Tensors without a namesake in it stay.
        most_bytes: The result is no larger, unless `half` is.
    """
    schema = _schema()
    model, source = model_of(half), model_of(full)
    graph = model.subgraphs[0]
    known = {_text(tensor.name): tensor for tensor in source.subgraphs[0].tensors}
    names, room = operation_names(model), most_bytes - len(half)
    widening = [op for op, name in zip(graph.operators, names) if name == "DEQUANTIZE"]
    widening.sort(key=lambda op: len(model.buffers[graph.tensors[op.inputs[0]].buffer].data))
    spared = set()
    for operation in widening:
        stored, result = (graph.tensors[i[0]] for i in (operation.inputs, operation.outputs))
        exact = known.get(_text(result.name)) or known.get(_text(stored.name))
        if exact is None or list(exact.shape) != list(stored.shape):
            continue
        values = source.buffers[exact.buffer].data
        if values is None or len(values) != 2 * len(model.buffers[stored.buffer].data):
            continue
        room -= len(values) // 2
        if room < 0:
            break
        model.buffers[stored.buffer].data = values
        stored.type, result.buffer = schema.TensorType.FLOAT32, stored.buffer
        spared.add(id(operation))
    graph.operators = [op for op in graph.operators if id(op) not in spared]
    return _file(model)


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
