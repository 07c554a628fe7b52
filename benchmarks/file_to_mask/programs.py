"""The programs that turn a JPEG file into a mask of its size, each as its users would write it.

Each `NAME(model, threads)` imports and loads what it needs and returns `path -> bool (H, W)`.
Run as a script, `programs.py NAME MODEL FILE THREADS`, it does that once in a fresh process; no
import at the top costs time.
"""

from __future__ import annotations

import os
import sys

THRESHOLD = 128  # of an opacity of 0 to 255


def tensorflow(model: str, threads: int):
    """`predict` of the network."""
    return _predict(model, "tensorflow")


def litert(model: str, threads: int):
    """`predict` from the light file beside the weights, without TensorFlow."""
    return _predict(model, "litert")


def _predict(model: str, engine: str):
    import tfseg

    network = tfseg.load(model, engine=engine)

    def mask(path: str):
        (found,) = network.predict([path])
        return found.label_maps["alpha"] >= THRESHOLD

    return mask


def phone(model: str, threads: int):
    """The program of docs/phone.md as it stands there, without its last line, which writes a PNG;
    its interpreter is kept from the second image on."""
    import functools

    import numpy as np
    from ai_edge_litert import interpreter

    code = compile(guide(), "docs/phone.md", "exec")
    usual = interpreter.Interpreter

    @functools.cache
    def kept(model_path: str, num_threads: int):
        return usual(model_path=model_path, num_threads=threads)

    interpreter.Interpreter = kept

    def mask(path: str):
        sys.argv[1:] = [model, path, ""]
        made: dict = {}
        exec(code, made)
        return np.asarray(made["image"].getchannel("A")) >= THRESHOLD

    return mask


def guide() -> str:
    """Returns the program of docs/phone.md up to the mask."""
    home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with open(os.path.join(home, "docs", "phone.md"), encoding="utf-8") as file:
        text = file.read()
    program = text.split("```python\n", 1)[1].split("```", 1)[0]
    body, last = program.rstrip().rsplit("\n", 1)
    if "Interpreter" not in body or last != "image.save(out)":
        raise ValueError("docs/phone.md: expected a program that ends in image.save(out).")
    return body


def mediapipe(model: str, threads: int):
    """MediaPipe's selfie segmentation, general, with OpenCV's reading."""
    import cv2
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    network = SelfieSegmentation(model_selection=0)

    def mask(path: str):
        image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        return network.process(image).segmentation_mask >= 0.5

    return mask


PROGRAMS = {one.__name__: one for one in (tensorflow, litert, phone, mediapipe)}


if __name__ == "__main__":
    program, name, photograph, count = sys.argv[1:]
    PROGRAMS[program](name, int(count))(photograph)
