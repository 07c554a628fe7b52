"""Running a TFLite file on images, as an application would: on phones LiteRT does, and on
servers and PCs OpenVINO is a second choice, whose int8 needs no dot products of bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tfseg.errors import ExportError
from tfseg.export.phone.optional import litert, openvino
from tfseg.export.phone.part import Reading

__all__ = ["OpenVinoRunner", "PhoneRunner", "Runner"]

_USUAL = Reading()


class Runner:
    """What runs one file of `convert`; subclasses bring the runtime: `invoke()` computes the last
    image once more, which is what is to be timed, `_set` gives an input, `_get` copies the output.

    Args:
        details: LiteRT's descriptions of the input and the output.
        reading: How the network reads an image.
    """

    def __init__(self, details: tuple[Mapping, Mapping], reading: Reading):
        (self._input, self._output), self._reading = details, reading

    @property
    def image_shape(self) -> tuple[int, int]:
        """`(H, W)` of the images it takes."""
        return tuple(int(side) for side in self._input["shape"][1:3])

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Returns what the network finds in an image, uint8 `(H, W, 3)`: float32 `(h, w, D)`."""
        output = self.raw(image)
        if output.dtype != np.int8:
            return output
        scale, zero = self._output["quantization"]
        return (output.astype(np.float32) - zero) * np.float32(scale)

    def raw(self, image: np.ndarray) -> np.ndarray:
        """Returns the output as the file gives it, without the batch axis."""
        if self._input["dtype"] == np.int8:
            scale, zero = self._input["quantization"]
            values = np.rint(self._reading.values(image) / scale + zero)
            values = values.clip(-128, 127).astype(np.int8)
        else:
            values = self._reading.values(image, self._reading.float_mean)
        self._set(values[None])
        self.invoke()
        return self._get()[0]


class PhoneRunner(Runner):
    """Runs one file of `convert` with LiteRT.

    Args:
        content: The file.
        threads: Threads of the interpreter.
        reading: How the network reads an image.

    Raises:
        ExportError: If this is no TFLite file, or a package is missing.
    """

    def __init__(self, content: bytes, threads: int = 1, reading: Reading = _USUAL):
        self._interpreter = _interpreter(content, threads)
        super().__init__(_details(self._interpreter), reading)

    def invoke(self) -> None:
        """Computes the last image once more."""
        self._interpreter.invoke()

    def _set(self, values: np.ndarray) -> None:
        self._interpreter.set_tensor(self._input["index"], values)

    def _get(self) -> np.ndarray:
        return self._interpreter.get_tensor(self._output["index"])


class OpenVinoRunner(Runner):
    """Runs one file of `convert` with OpenVINO on the processor, float files in float32.

    On x86 processors without dot products of bytes (VNNI) it adds up pairs of int8 products in 16
    bits, where those of kernels beyond -64 to 64 may saturate.

    Args:
        content: The file.
        threads: Threads of the runtime.
        reading: How the network reads an image.

    Raises:
        ExportError: If this is no TFLite file, or a package is missing.
    """

    def __init__(self, content: bytes, threads: int = 1, reading: Reading = _USUAL):
        super().__init__(_details(_interpreter(content)), reading)  # OpenVINO tells no steps
        core = openvino().Core()
        settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
        with tempfile.TemporaryDirectory() as folder:  # of TFLite it reads files alone, not bytes
            path = Path(folder, "model.tflite")
            path.write_bytes(content)
            try:
                model = core.read_model(path, config={"ENABLE_MMAP": False})
                self._request = core.compile_model(model, "CPU", settings).create_infer_request()
            except RuntimeError as error:
                raise ExportError(f"OpenVINO refuses the file: {error}") from error

    def invoke(self) -> None:
        """Computes the last image once more."""
        self._request.infer()

    def _set(self, values: np.ndarray) -> None:
        self._request.get_input_tensor(0).data[...] = values

    def _get(self) -> np.ndarray:
        return self._request.get_output_tensor(0).data.copy()


def _interpreter(content: bytes, threads: int = 1):
    try:
        found = litert().Interpreter(model_content=content, num_threads=threads)
        found.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ExportError(f"the TFLite interpreter refuses the file: {error}") from error
    return found


def _details(interpreter) -> tuple[Mapping, Mapping]:
    return interpreter.get_input_details()[0], interpreter.get_output_details()[0]
