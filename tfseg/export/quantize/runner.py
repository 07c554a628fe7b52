"""Running a TFLite file on pictures, as an application would."""

from __future__ import annotations

import numpy as np

from tfseg.errors import ExportError
from tfseg.export.quantize.input import FLOAT_MEAN, network_input
from tfseg.export.quantize.optional import litert

__all__ = ["PhoneRunner", "to_logits"]

_LEAST = 1 / 512  # half an int8 step of probability: nothing is more certain than the file can say


class PhoneRunner:
    """Runs one file of `convert`.

    Args:
        content: The file.
        threads: Threads of the interpreter.
    """

    def __init__(self, content: bytes, threads: int = 1):
        try:
            self.interpreter = litert().Interpreter(model_content=content, num_threads=threads)
            self.interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ExportError(f"the TFLite interpreter refuses the file: {error}") from error
        self._input = self.interpreter.get_input_details()[0]
        self._output = self.interpreter.get_output_details()[0]

    @property
    def image_shape(self) -> tuple[int, int]:
        """`(H, W)` of the pictures it takes."""
        return tuple(int(side) for side in self._input["shape"][1:3])

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Returns the probabilities in a picture, uint8 `(H, W, 3)`: float32 `(H, W, 1 or N)`."""
        return self.dequantised(self.raw(picture))

    def raw(self, picture: np.ndarray) -> np.ndarray:
        """Returns the output as the file gives it, without the batch axis."""
        if self._input["dtype"] == np.int8:
            scale, zero = self._input["quantization"]
            values = np.rint(network_input(picture) / scale + zero).clip(-128, 127).astype(np.int8)
        else:
            values = network_input(picture, FLOAT_MEAN)
        self.interpreter.set_tensor(self._input["index"], values[None])
        self.interpreter.invoke()
        return self.interpreter.get_tensor(self._output["index"])[0]

    def dequantised(self, output: np.ndarray) -> np.ndarray:
        """Returns an output of `raw` as probabilities, float32."""
        scale, zero = self._output["quantization"]
        if output.dtype != np.int8:
            return output
        return (output.astype(np.float32) - zero) * np.float32(scale)


def to_logits(probability: np.ndarray) -> np.ndarray:
    """Returns float32 `(H, W, N)` whose softmax are the probabilities, for the estimator's own way
    from the network's output to a prediction.

    Args:
        probability: float32 `(H, W, N)`, or `(H, W, 1)` of two classes, that of the second.
    """
    if probability.shape[-1] == 1:
        probability = np.concatenate([1 - probability, probability], axis=-1)
    return np.log(np.maximum(probability, _LEAST, dtype=np.float32))
