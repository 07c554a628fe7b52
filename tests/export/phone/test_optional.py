"""Packages of the extra: what their absence says, and what their presence must not change."""

import importlib
import os
import subprocess
import sys

import pytest

from tfseg.errors import ExportError
from tfseg.export.phone import optional


def test_a_missing_package_is_named_with_its_remedy(monkeypatch):
    for load, module, extra in (
        (optional.tf_keras, "tf_keras", "quantize"),
        (optional.tfmot, "tensorflow_model_optimization", "quantize"),
        (optional.litert, "ai_edge_litert.interpreter", "quantize"),
        (optional.openvino, "openvino", "openvino"),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ExportError, match=rf'pip install "tfseg\[{extra}\]"') as error:
            load()
        assert module.split(".")[0] in str(error.value)


def test_openvino_reports_to_nobody(tmp_path):
    pytest.importorskip("openvino")
    code = (
        "import sys\n"
        "from tfseg.export.phone import optional\n"
        "optional.openvino().Core()\n"
        "print('openvino_telemetry' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.strip() == "False" and not list(tmp_path.iterdir())


def test_the_environment_stays_as_it_was(monkeypatch):
    def imported(name):
        os.environ["TF_USE_LEGACY_KERAS"] = "1"  # what tfmot does when it is imported
        return name

    monkeypatch.setattr(importlib, "import_module", imported)
    for before in (None, "0"):
        monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
        if before is not None:
            monkeypatch.setenv("TF_USE_LEGACY_KERAS", before)
        assert optional.tfmot() == "tensorflow_model_optimization"
        assert os.environ.get("TF_USE_LEGACY_KERAS") == before


@pytest.mark.slow
def test_keras_stays_keras_3_for_everybody_else():
    code = (
        "import os, keras, tensorflow as tf\n"
        "from tfseg.export.phone import optional\n"
        "optional.tfmot(); optional.tf_keras()\n"
        "print('TF_USE_LEGACY_KERAS' in os.environ, tf.keras.__version__[0], keras.__version__[0])"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.split() == ["False", "3", "3"]
