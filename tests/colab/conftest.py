"""A file in the layout of `mask_rcnn_coco.h5`, of full size in its shapes and small on disk."""

import sys
from pathlib import Path

import pytest

# `foreign_files` writes the layout.
sys.path.insert(0, str(Path(__file__).parents[1] / "convert"))


@pytest.fixture(scope="session")
def generated_coco(tmp_path_factory):
    """Weights that keep every activation near the size of its input: kernels take means, and each
    residual branch ends in zero. HDF5 stores a number in place of each array."""
    from foreign_files import matterport_shapes, write_matterport

    shapes = matterport_shapes("resnet101", classes=81, pyramid=256, rpn=512, box=1024, mask=256)
    values = {}
    for layer, variables in shapes.items():
        values[layer] = dict.fromkeys(variables, 0.0)
        if "kernel" in variables:
            *window, inputs, _ = variables["kernel"]
            values[layer]["kernel"] = 1.0 / (inputs * (window[0] * window[1] if window else 1))
        else:
            values[layer]["moving_variance"] = 1.1  # not that of a layer that never saw an image
            values[layer]["gamma"] = 0.0 if layer.endswith("branch2c") else 1.0
    path = tmp_path_factory.mktemp("coco") / "mask_rcnn_coco.h5"
    write_matterport(path, shapes, values=values)
    return path
