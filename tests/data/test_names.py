import subprocess
import sys

import pytest
from each_case import each

import tfseg.data


@each("name", tfseg.data.__all__)
def test_every_public_name_is_there(name):
    assert getattr(tfseg.data, name).__name__ == name
    assert name in dir(tfseg.data)


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="tfseg.data.*'CocoDatset'"):
        tfseg.data.CocoDatset  # noqa: B018, asking is the test


def test_importing_the_room_and_a_reader_loads_no_heavy_library():
    code = """
import sys, tfseg.data
found = {"cv2", "PIL", "scipy", "numpy"} & set(sys.modules)
import tfseg.data.doctor.doctor
found |= {"tensorflow", "keras", "imgaug", "matplotlib"} & set(sys.modules)
sys.exit(", ".join(found) or 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
