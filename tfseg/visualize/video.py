"""Images one after another as a video file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tfseg import files
from tfseg.errors import DataError
from tfseg.opencv import cv2

__all__ = ["write_video"]


def write_video(path: str | os.PathLike, frames: Iterable[np.ndarray], rate: float) -> int:
    """Writes an MP4 file (MPEG-4), whole or not at all, and returns the number of frames.

    Args:
        path: The file; it ends in `.mp4`.
        frames: uint8 `(H, W, 3)`, RGB, all of the first one's size; an odd last row or column is
            left out, because the format has none.
        rate: Frames a second.

    Raises:
        DataError: If there are none, their sizes differ, or the file cannot be written.
    """
    count, writer, size = 0, None, None
    with files.replacing_file(path, error=DataError) as partial:
        # OpenCV tells the format by the ending.
        made = Path(f"{os.fspath(partial)}.mp4")
        try:
            for frame in frames:
                height, width = (side // 2 * 2 for side in frame.shape[:2])
                if writer is None:
                    size = (height, width)
                    code = cv2.VideoWriter.fourcc(*"mp4v")
                    writer = cv2.VideoWriter(str(made), code, rate, (width, height))
                    if not writer.isOpened():
                        raise DataError(f"{path}: OpenCV cannot write an MP4 file here.")
                if (height, width) != size:
                    raise DataError(f"{path}: a frame of {(height, width)} among those of {size}.")
                writer.write(cv2.cvtColor(frame[:height, :width], cv2.COLOR_RGB2BGR))
                count += 1
            if writer is None:
                raise DataError(f"{path}: there is no frame to write.")
            writer.release()
            os.replace(made, partial)
        finally:
            if writer is not None:
                writer.release()
            made.unlink(missing_ok=True)
    return count
