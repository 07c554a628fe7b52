import sys

import pytest


def test_a_missing_system_library_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "tfseg.data.opencv", raising=False)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ImportError, match="apt-get install libgl1"):
        import tfseg.data.opencv  # noqa: F401
