import sys
from pathlib import Path

import pytest

# `foreign_files` is imported by these tests.
sys.path.insert(0, str(Path(__file__).parent))

NARROW = dict(
    image_size=64,
    pyramid_channels=16,
    box_head_channels=32,
    mask_head_channels=256,
    classes=("a", "b", "c"),
    backbone="resnet50",
)


@pytest.fixture(scope="session")
def matterport_model():
    """A ResNet-50 with narrow heads. Tests change its weights and nothing else."""
    from tfseg import MaskRCNN

    model = MaskRCNN(**NARROW)
    assert model.keras_model.built
    return model


@pytest.fixture(scope="session")
def torchvision_model():
    """The same with torchvision's arithmetic."""
    from tfseg import MaskRCNN

    model = MaskRCNN(origin="torchvision", rpn_channels=16, **NARROW)
    assert model.keras_model.built
    return model
