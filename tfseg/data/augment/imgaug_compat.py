"""The one place that imports imgaug 0.4.0, which predates NumPy 2.

`imgaug` and `iaa` (its augmenters) are ready for use after importing them from here. imgaug reads
`numpy.sctypes`, which NumPy 2 removed, once while it is imported; the name is lent to it for that
moment and taken away again, so that NumPy stays as everyone else knows it. `numpy.complex`, which
its clouds and fog ask for while they run, is given to that one module of imgaug alone, and so are
32-bit maps to its elastic change, whose numbers NumPy 2 no longer shortens by itself. Warnings
about its ageing calls are silenced for imgaug's own modules only.
"""

from __future__ import annotations

import contextlib
import types
import warnings
from collections.abc import Iterator

import numpy as np

from tfseg.errors import DataError
from tfseg.opencv import cv2, missing_library

__all__ = ["iaa", "imgaug"]


@contextlib.contextmanager
def _lent_numpy_names() -> Iterator[None]:
    """Gives NumPy the name that imgaug asks for, and takes it away at the end."""
    if hasattr(np, "sctypes"):
        yield
        return
    np.sctypes = {
        "int": [np.int8, np.int16, np.int32, np.int64],
        "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
        "float": [np.float16, np.float32, np.float64, np.longdouble],
        "complex": [np.complex64, np.complex128, np.clongdouble],
        "others": [bool, object, bytes, str, np.void],
    }
    try:
        yield
    finally:
        del np.sctypes


class _NumpyWithComplex(types.ModuleType):
    """NumPy, and the name `complex` that it had until 1.24."""

    complex = complex

    def __getattr__(self, name: str):
        return getattr(np, name)


class _OpenCVWithShortMaps(types.ModuleType):
    """OpenCV, whose `convertMaps` takes maps of any floating-point type."""

    @staticmethod
    def convertMaps(first, second, *args, **options):  # noqa: N802
        """Returns OpenCV's fixed-point maps."""
        return cv2.convertMaps(np.float32(first), np.float32(second), *args, **options)

    def __getattr__(self, name: str):
        return getattr(cv2, name)


def _import_failure(error: ImportError) -> DataError:
    """Returns the error to raise when imgaug cannot be imported, with the remedy."""
    text = str(error)
    if "cv2" in text or ".so" in text:
        return missing_library(error)
    return DataError(f"augmentation needs imgaug ({error}). Install it: pip install imgaug==0.4.0")


with _lent_numpy_names(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    try:
        import imgaug
        import imgaug.augmenters as iaa
        import imgaug.parameters
    except ImportError as error:
        raise _import_failure(error) from error

imgaug.parameters.np = _NumpyWithComplex("numpy")
imgaug.augmenters.geometric.cv2 = _OpenCVWithShortMaps("cv2")
warnings.filterwarnings("ignore", module=r"imgaug(\.|$)")
