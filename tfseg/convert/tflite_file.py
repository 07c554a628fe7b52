"""What a TFLite file's convolutions are made of, as float32 whatever they were quantised to.

The file is read by the schema that comes with LiteRT and never run: reading in Python meets the
end of a damaged file with an error, where an interpreter in C++ may end the process.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
from pathlib import Path

import numpy as np

from tfseg.errors import WeightsError

__all__ = ["Constant", "Content", "Convolution", "is_tflite", "read"]

# More operations or tensors than any network of the kinds that are read here.
_MOST = 20_000
_MARK = b"TFL3"
_DTYPES = {
    "FLOAT32": "<f4",
    "FLOAT16": "<f2",
    "UINT8": "u1",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
}


@dataclasses.dataclass(frozen=True)
class Constant:
    """An array of the file, and what its integers mean.

    Attributes:
        values: As stored; a view into the file.
        scale: Of one step, float32: one number, or one for each place of `axis`; None of floats.
        zero: The integers that mean 0, as many.
        axis: The axis that has a scale for each place.
    """

    values: np.ndarray
    scale: np.ndarray | None = None
    zero: np.ndarray | None = None
    axis: int = 0

    def as_float(self) -> np.ndarray:
        """Returns float32 of the same shape: scale * (value - zero)."""
        if self.scale is None:
            return self.values.astype(np.float32)
        shape = [1] * self.values.ndim
        if self.scale.size > 1:
            shape[self.axis] = -1
        scale, zero = (each.astype(np.float64).reshape(shape) for each in (self.scale, self.zero))
        return (scale * (self.values - zero)).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Convolution:
    """A convolution of the file.

    Attributes:
        name: The name of its kernel in the file.
        depthwise: Whether each channel has kernels of its own.
        weights: `(O, h, w, I)`, depthwise `(1, h, w, O)`.
        biases: `(O,)`, or None.
    """

    name: str
    depthwise: bool
    weights: Constant
    biases: Constant | None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of `kernel`."""
        outputs, height, width, inputs = self.weights.values.shape
        return (height, width, inputs, 1 if self.depthwise else outputs)

    @property
    def kernel(self) -> np.ndarray:
        """float32 `(h, w, I, O)`, depthwise `(h, w, I, 1)`, as Keras has it."""
        kernel = self.weights.as_float()
        return kernel[0, ..., None] if self.depthwise else kernel.transpose(1, 2, 3, 0)

    @property
    def bias(self) -> np.ndarray:
        """float32 `(O,)`; zeros where the file has none."""
        if self.biases is not None:
            return self.biases.as_float()
        return np.zeros(self.shape[2 if self.depthwise else 3], np.float32)


@dataclasses.dataclass(frozen=True)
class Content:
    """What is read of a file.

    Attributes:
        convolutions: Those with constant kernels, in the order in which they run.
        input_type: Type of the first input, such as "UINT8".
        input_scale: What one step of an integer input means; 0.0 of others.
        input_zero: The integer that means 0.
    """

    convolutions: tuple[Convolution, ...]
    input_type: str
    input_scale: float
    input_zero: int


def is_tflite(path: str | os.PathLike) -> bool:
    """True for a file that bears the mark of TFLite; nothing else of it is looked at."""
    try:
        with open(path, "rb") as file:
            return file.read(8)[4:] == _MARK
    except OSError:
        return False


def read(path: str | os.PathLike) -> Content:
    """Returns the convolutions of a file's first graph, and how its input is to be understood.

    Raises:
        WeightsError: If `ai_edge_litert` is missing, naming the command that installs it; if the
            file is damaged, or stores its weights in a way that is not known.
    """
    schema = _schema(path)
    try:
        content = Path(path).read_bytes()
        if content[4:8] != _MARK:
            raise ValueError("TFL3 is missing at its start")
        return _Reader(schema, content).content()
    except Exception as error:  # a damaged file fails in many ways
        reason = str(error) or type(error).__name__
        raise WeightsError(
            f"{os.fspath(path)}: a damaged or truncated TFLite file, or one of another kind "
            f"({reason}). Download or copy it again."
        ) from None


def _schema(path):
    try:
        return importlib.import_module("ai_edge_litert.schema_py_generated")
    except ImportError as error:
        raise WeightsError(
            f"{os.fspath(path)}: this is a TFLite file, and the package 'ai_edge_litert', which "
            f'reads it, could not be imported ({error}). Install it with: pip install "tfseg[lite]"'
        ) from error


class _Reader:
    """Reads what is asked for; every number of the file is checked before it is followed."""

    def __init__(self, schema, content: bytes):
        self._types, self._codes = _names(schema.TensorType), _names(schema.BuiltinOperator)
        self._model = schema.Model.GetRootAs(content, 0)
        if not self._model.SubgraphsLength():
            raise ValueError("it has no graph")
        self._graph = self._model.Subgraphs(0)
        for what in ("Operators", "Tensors"):
            count = getattr(self._graph, f"{what}Length")()
            if not 0 < count <= _MOST:
                raise ValueError(f"it has {count} {what.lower()}")
        self._operations = [self._graph.Operators(i) for i in range(self._graph.OperatorsLength())]
        self._kinds = [self._kind(operation) for operation in self._operations]
        # float16 weights are stored beside an operation that widens them.
        self._widened = {
            operation.Outputs(0): operation.Inputs(0)
            for operation, kind in zip(self._operations, self._kinds)
            if kind == "DEQUANTIZE"
        }

    def content(self) -> Content:
        if not self._graph.InputsLength():
            raise ValueError("its graph has no input")
        found = []
        for operation, kind in zip(self._operations, self._kinds):
            if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
                found.append(self._convolution(operation, kind == "DEPTHWISE_CONV_2D"))
        source = self._tensor(self._graph.Inputs(0))
        scale, zero = self._steps(source, "its input")
        kind = self._types.get(source.Type(), "unknown")
        return Content(
            tuple(each for each in found if each is not None),
            kind,
            0.0 if scale is None else float(scale[0]),
            0 if zero is None else int(zero[0]),
        )

    def _kind(self, operation) -> str:
        index = operation.OpcodeIndex()
        if not 0 <= index < min(self._model.OperatorCodesLength(), _MOST):
            raise ValueError(f"an operation has the kind {index}, which is not listed")
        code = self._model.OperatorCodes(index)
        # Old files know the first field alone, which cannot count beyond 127.
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        return self._codes.get(number, str(number))

    def _convolution(self, operation, depthwise: bool) -> Convolution | None:
        """Returns an operation's constants; None if its kernel is computed by the graph."""
        count = operation.InputsLength()
        if count < 2:
            raise ValueError(f"a convolution has {count} inputs")
        weights = self._constant(operation.Inputs(1))
        if weights is None:
            return None
        name, weights = weights
        shape = weights.values.shape
        if len(shape) != 4 or (depthwise and shape[0] != 1):
            raise ValueError(f"the kernel {name!r} has the shape {shape}")
        biases = None
        if count > 2 and operation.Inputs(2) >= 0:
            found = self._constant(operation.Inputs(2))
            outputs = shape[3] if depthwise else shape[0]
            if found is None or found[1].values.shape != (outputs,):
                raise ValueError(f"the convolution of {name!r} has no bias of {outputs} numbers")
            biases = found[1]
        return Convolution(name, depthwise, weights, biases)

    def _tensor(self, index: int):
        if not 0 <= index < self._graph.TensorsLength():
            raise ValueError(f"it refers to tensor {index} of {self._graph.TensorsLength()}")
        return self._graph.Tensors(index)

    def _constant(self, index: int) -> tuple[str, Constant] | None:
        tensor = self._tensor(index)
        data = self._data(tensor)
        if data is None and index in self._widened:
            tensor = self._tensor(self._widened[index])
            data = self._data(tensor)
        if data is None:
            return None
        name = (tensor.Name() or b"").decode("utf-8", "replace").split(";")[0]
        kind = self._types.get(tensor.Type(), f"type {tensor.Type()}")
        if kind not in _DTYPES or tensor.Sparsity() is not None:
            how = "sparse" if kind in _DTYPES else kind
            raise ValueError(f"{name!r} is stored as {how}; known are {', '.join(_DTYPES)}")
        dtype = np.dtype(_DTYPES[kind])
        shape = tuple(tensor.Shape(i) for i in range(min(tensor.ShapeLength(), 8)))
        size = dtype.itemsize * int(np.prod(shape, dtype=object))
        if not shape or min(shape) < 1 or size != data.size:
            raise ValueError(f"{name!r} should have the shape {shape}, and holds {data.size} bytes")
        values = data.view(dtype).reshape(shape)
        scale, zero = self._steps(tensor, f"{name!r}")
        if values.dtype.kind == "f":
            return name, Constant(values)
        if scale is None:
            raise ValueError(f"{name!r} holds integers and does not say what they mean")
        axis = tensor.Quantization().QuantizedDimension()
        if scale.size > 1 and not (0 <= axis < len(shape) and shape[axis] == scale.size):
            raise ValueError(f"{name!r} of shape {shape} has {scale.size} scales on axis {axis}")
        return name, Constant(values, scale, zero, axis)

    def _data(self, tensor) -> np.ndarray | None:
        """Returns the bytes of a constant; None if the tensor is computed."""
        index = tensor.Buffer()
        if not 0 <= index < self._model.BuffersLength():
            raise ValueError(f"it refers to buffer {index} of {self._model.BuffersLength()}")
        buffer = self._model.Buffers(index)
        return buffer.DataAsNumpy() if buffer.DataLength() else None

    def _steps(self, tensor, name: str) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Returns `(scale, zero)`, equally long, or two None."""
        quantization = tensor.Quantization()
        if quantization is None or not quantization.ScaleLength():
            return None, None
        scale = quantization.ScaleAsNumpy()
        zero = quantization.ZeroPointAsNumpy() if quantization.ZeroPointLength() else np.zeros(1)
        if zero.size not in (1, scale.size):
            raise ValueError(f"{name} has {scale.size} scales and {zero.size} zero points")
        if not np.all(np.isfinite(scale)) or np.any(scale <= 0):
            raise ValueError(f"{name} has a scale that is not above zero")
        return scale, np.broadcast_to(zero, scale.shape)


def _names(kind) -> dict[int, str]:
    return {value: name for name, value in vars(kind).items() if isinstance(value, int)}
