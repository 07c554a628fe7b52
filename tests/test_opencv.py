import sys

import pytest

from tfseg.errors import DataError


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "tfseg.opencv", raising=False)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(DataError, match="pip install opencv-python"):
        import tfseg.opencv  # noqa: F401
