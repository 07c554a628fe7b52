"""MediaPipe's selfie segmentation as a process of its own, in an environment that has it.

Run by `contestants.MediaPipe`. Reads images from stdin, each a line "H W" and its RGB bytes, and
answers each on stdout with the opacities, H x W bytes. Needs mediapipe and NumPy alone, not tfseg.
"""

from __future__ import annotations

import os
import sys

import numpy as np


def main() -> None:
    """Answers until stdin ends."""
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not be taken for an answer
    model = SelfieSegmentation(model_selection=int(sys.argv[1]))
    answers.write(b"ready\n")
    answers.flush()
    for line in sys.stdin.buffer:
        height, width = map(int, line.split())
        content = sys.stdin.buffer.read(height * width * 3)
        image = np.frombuffer(content, np.uint8).reshape(height, width, 3)
        share = model.process(image).segmentation_mask
        answers.write(np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8).tobytes())
        answers.flush()


if __name__ == "__main__":
    main()
