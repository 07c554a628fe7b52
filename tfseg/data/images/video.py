"""The frames of a video, one after another."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import numpy as np

from tfseg.errors import DataError
from tfseg.opencv import cv2

__all__ = ["VIDEO_SUFFIXES", "Video", "is_video"]

VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")
"""Endings, in small letters, by which a file is taken for a video."""


def is_video(path: str | os.PathLike) -> bool:
    """Returns whether a file's name is that of a video."""
    return os.path.splitext(os.fspath(path))[1].lower() in VIDEO_SUFFIXES


class Video:
    """A video file, read frame by frame, upright as a player shows it.

    Args:
        path: The file.

    Attributes:
        rate: Frames a second; 25 where the file does not say.

    Raises:
        DataError: If there is no such file, or OpenCV reads no frame of it.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = os.fspath(path)
        if not os.path.isfile(self.path):
            raise DataError(f"{self.path}: there is no such file. Check the path.")
        reader = self._open()
        rate = reader.get(cv2.CAP_PROP_FPS)
        self.rate = float(rate) if np.isfinite(rate) and rate > 0 else 25.0
        reader.release()

    def frames(self, start: int = 0) -> Iterator[np.ndarray]:
        """Yields the frames from number `start`, uint8 `(H, W, 3)`, RGB.

        Frames are counted by decoding them: where a file says that one lies, it often does not.
        """
        reader = self._open()
        try:
            for number in itertools.count():
                if number < start:
                    if not reader.grab():
                        return
                    continue
                there, frame = reader.read()
                if not there:
                    return
                yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        finally:
            reader.release()

    def _open(self) -> cv2.VideoCapture:
        reader = cv2.VideoCapture(self.path)
        if not reader.isOpened() or not reader.grab():
            reader.release()
            raise DataError(
                f"{self.path}: expected a video, but no frame of it can be read. Convert it: "
                "ffmpeg -i IN -c:v libx264 out.mp4"
            )
        reader.release()
        return cv2.VideoCapture(self.path)
