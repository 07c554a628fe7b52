"""Installs tfseg: `pip install .`, with extras such as `pip install ".[jax,serving]"`."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
VERSION = re.search(
    r'^__version__ = "([^"]+)"', (ROOT / "tfseg" / "__init__.py").read_text("utf-8"), re.MULTILINE
).group(1)

# What tests/versions runs on; limits as low as that lets them be, so that nothing of what Google
# Colab ships has to be replaced. `make test` takes the newest, by constraints.txt.
CORE = [
    "tensorflow>=2.19,<2.22",
    "keras>=3.10,<4",
    "numpy>=2.0",
    "scipy>=1.14",
    "h5py>=3.11",
    "pycocotools>=2.0.8",
    "opencv-python>=4.11",
    "imgaug>=0.4.0,<0.5",
    "scikit-image>=0.24",
    "pillow>=10.3",
    "matplotlib>=3.9",
    "pyyaml>=6.0.1",
    "tensorboard>=2.19",
]
LITERT = "ai-edge-litert>=2.0"
EXTRAS = {
    # Runs the portrait model's TFLite file, without loading TensorFlow.
    "lite": [LITERT],
    "quantize": ["tensorflow-model-optimization>=0.8,<0.9", "tf_keras>=2.19,<2.22", LITERT],
    # Of its own, for it has no builds for some systems that have all others.
    "openvino": ["openvino>=2026.0"],
    "keras-cv": ["keras-cv>=0.9,<0.10"],
    "keras-hub": ["keras-hub>=0.29"],
    "jax": ["jax>=0.7"],
    "serving": ["tensorflow-serving-api>=2.19"],
    "parquet": ["pyarrow>=15"],
    "onnx": ["tf2onnx>=1.16", "onnxruntime>=1.20"],
    # Runs the notebooks of colab/ without a browser.
    "notebooks": ["nbclient>=0.10", "ipykernel>=6"],
    "dev": [
        "pytest>=8",
        "pytest-cov>=5",
        "pytest-xdist>=3.6",
        "hypothesis>=6.100",
        "scikit-learn>=1.5",
        "ruff>=0.12",
        "safetensors>=0.5",
        "jax>=0.7",
        "keras-cv>=0.9,<0.10",
        "keras-hub>=0.29",
        "pyarrow>=15",
    ],
}
# Tests install what they test.
EXTRAS["dev"] += [
    requirement
    for name in ("quantize", "openvino", "notebooks", "serving")
    for requirement in EXTRAS[name]
]
EXTRAS["all"] = sorted({name for names in EXTRAS.values() for name in names})
# For PyTorch's own files; outside "all", for it may bring gigabytes of CUDA.
EXTRAS["torch"] = ["torch>=2.5"]


# Of a trained model what `tfseg.load` and its reader need, and the TFLite file that `litert.json`
# names; the other forms for telephones and servers stay in the checkout.
MODEL_PARTS = (
    *("model.json", "model.weights.h5", "labels.txt", "*.md"),
    *("litert.json", "light.tflite"),
)


class BuildWithConfigs(build_py):
    """Copies `configs/` and the trained models of `savedmodels/` into the built package, where an
    installed tfseg looks for them."""

    def run(self):
        """Builds, then adds the files."""
        super().run()
        if getattr(self, "editable_mode", False):
            return  # a checkout reads them in their place
        models = [folder.parent for folder in (ROOT / "savedmodels").glob("*/model.json")]
        parts = [path for folder in models for part in MODEL_PARTS for path in folder.glob(part)]
        for source in sorted([*(ROOT / "configs").rglob("*.yaml"), *parts]):
            target = Path(self.build_lib, "tfseg", source.relative_to(ROOT))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


setup(
    name="tfseg",
    version=VERSION,
    description="Instance and people segmentation with Keras 3: train, predict, measure, export.",
    long_description=(ROOT / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["tfseg", "tfseg.*"]),
    include_package_data=True,
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["tfseg=tfseg.cli.main:main"]},
    cmdclass={"build_py": BuildWithConfigs},
)
