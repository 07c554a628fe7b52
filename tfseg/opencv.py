"""OpenCV, or an error that names what the system lacks."""

from __future__ import annotations

from tfseg.errors import DataError

__all__ = ["cv2", "missing_library"]


def missing_library(error: ImportError) -> DataError:
    """Returns the error to raise when OpenCV cannot be imported, with the remedy."""
    if any(name in str(error) for name in ("libGL", "libgthread", "libglib")):
        return DataError(
            f"OpenCV needs a system library that is not installed ({error}). On Debian and "
            "Ubuntu: apt-get install libgl1 libglib2.0-0"
        )
    return DataError(
        f"OpenCV cannot be imported ({error}). Install it: pip install opencv-python; not "
        "opencv-python-headless beside it, whichever came last breaks the other."
    )


try:
    import cv2
except ImportError as error:
    raise missing_library(error) from error
