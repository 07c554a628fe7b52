"""Who is measured: each gives the opacity of a person, uint8 `(H, W)`, for images of any size.

A pixel is the person's from an opacity of 128 on. Each reads images by its own rule.
"""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

THRESHOLD = 128
PERSON_OF_VOC = 15
_BATCH_PIXELS = 6_000_000  # what is predicted at once: answers are as large as images


class Folder:
    """A saved portrait model, through `predict`.

    Args:
        path: The folder, or the name of a model.
        engine: "tensorflow" or "litert".
    """

    def __init__(self, path: str, engine: str = "tensorflow"):
        import tfseg

        self.name = _named(path)
        self._model = tfseg.load(path, engine=engine)

    def opacities(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns one opacity an image."""
        found = self._model.predict(list(images), batch_size=len(images))
        return [prediction.label_maps["alpha"] for prediction in found]

    def close(self) -> None:
        """Nothing to do."""


class PhoneFile:
    """A portrait file for phones, run and enlarged as docs/phone.md does."""

    def __init__(self, path: str, threads: int = 1):
        from tfseg.export.phone.runner import PhoneRunner
        from tfseg.geometry.proportional import ImageFit

        self.name = _named(path)
        with zipfile.ZipFile(path) as inside:
            fit = json.loads(inside.read("tfseg.json"))["input"]["fit"]
        self._runner = PhoneRunner(Path(path).read_bytes(), threads)
        self._fit = ImageFit(self._runner.image_shape, fit)

    def opacities(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns one opacity an image."""
        return [self._opacity(image) for image in images]

    def _opacity(self, image: np.ndarray) -> np.ndarray:
        from tfseg.export.graphs.portrait_phone import to_logits
        from tfseg.models.portrait.decode import decode

        plan = self._fit.plan(image.shape[:2])
        logits = to_logits(self._runner(plan.image(image)))
        names = tuple(f"class {number}" for number in range(1, logits.shape[-1]))
        return decode(logits, plan, class_names=names).label_maps["alpha"]

    def close(self) -> None:
        """Nothing to do."""


class DeepLab:
    """The quantised DeepLabv3 of PASCAL VOC: the longer side becomes 513 pixels, the rest of the
    square is grey 128, as in its makers' demonstration; its classes are enlarged bilinearly."""

    def __init__(self, path: str, threads: int = 1):
        from ai_edge_litert.interpreter import Interpreter

        self.name = "DeepLabv3 (VOC), TFLite"
        self._net = Interpreter(model_path=path, num_threads=threads)
        self._net.allocate_tensors()
        self._input = self._net.get_input_details()[0]
        self._output = self._net.get_output_details()[0]["index"]

    def opacities(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns one opacity an image."""
        return [self._opacity(image) for image in images]

    def _opacity(self, image: np.ndarray) -> np.ndarray:
        from tfseg.geometry.shrink import resize_image

        side = int(self._input["shape"][1])
        scale = side / max(image.shape[:2])
        height, width = (max(1, round(length * scale)) for length in image.shape[:2])
        canvas = np.full((1, side, side, 3), 128, np.uint8)
        canvas[0, :height, :width] = resize_image(image, (height, width))
        self._net.set_tensor(self._input["index"], canvas)
        self._net.invoke()
        person = self._net.get_tensor(self._output)[0, :height, :width] == PERSON_OF_VOC
        return resize_image(255 * person.astype(np.uint8), image.shape[:2])

    def close(self) -> None:
        """Nothing to do."""


class MediaPipe:
    """MediaPipe's selfie segmentation in another environment.

    Args:
        python: The interpreter that has it.
        selection: 0 for "general", 1 for "landscape".

    Raises:
        RuntimeError: If it cannot be started there.
    """

    def __init__(self, python: str, selection: int = 0):
        self.name = f"MediaPipe, {('general', 'landscape')[selection]}"
        script = str(Path(__file__).with_name("mediapipe_process.py"))
        self._process = subprocess.Popen(
            [python, script, str(selection)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        if self._process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"{python} cannot run mediapipe. Name another with --peer-python.")

    def opacities(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns one opacity an image."""
        return [self._opacity(image) for image in images]

    def _opacity(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        self._process.stdin.write(f"{height} {width}\n".encode())
        self._process.stdin.write(np.ascontiguousarray(image).tobytes())
        self._process.stdin.flush()
        content = self._process.stdout.read(height * width)
        if len(content) != height * width:
            raise RuntimeError(f"{self.name} ended with {self._process.wait()}.")
        return np.frombuffer(content, np.uint8).reshape(height, width)

    def close(self) -> None:
        """Lets the process end."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _named(path: str) -> str:
    return "tfseg " + re.sub(r"^(.*/)?(savedmodels|runs)/", "", path.rstrip("/"))


def batches(images, most: int = 8):
    """Yields lists of consecutive images, few where they are large."""
    batch, pixels = [], 0
    for image in images:
        size = image.shape[0] * image.shape[1]
        if batch and (len(batch) == most or pixels + size > _BATCH_PIXELS):
            yield batch
            batch, pixels = [], 0
        batch.append(image)
        pixels += size
    if batch:
        yield batch
