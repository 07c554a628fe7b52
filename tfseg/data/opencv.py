"""OpenCV, or an error that says what its import lacks."""

from __future__ import annotations

__all__ = ["cv2"]

try:
    import cv2
except ImportError as error:
    raise ImportError(
        f"OpenCV cannot be loaded ({error}). On a bare server a system library is missing: "
        "apt-get install libgl1 libglib2.0-0 (or your system's libGL). Do not install "
        "opencv-python-headless beside opencv-python: whichever came last breaks the other."
    ) from error
