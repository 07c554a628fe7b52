"""Many people through a network that sees a few at a time; no network is needed for it."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.models.pose2seg import crowds


class Network:
    """Its features are the image, and a person's logits say whose they are."""

    def __init__(self):
        self.images, self.chunks = [], []

    def __call__(self, inputs):
        if "owners" not in inputs:
            self.images.append(len(inputs["image"]))
            return {"features": inputs["image"].astype(np.float32)}
        owners, matrices = inputs["owners"], inputs["matrices"]
        self.chunks.append(len(owners))
        image = inputs["features"][owners, 0, 0, 0]
        assert inputs["poses"].shape == (len(owners), 17, 3)
        values = np.stack([image, matrices[:, 0, 0]], axis=-1)
        return {"logits": np.broadcast_to(values[:, None, None], (len(owners), 4, 4, 2))}


def row(number, count):
    places = crowds.CHUNK * -(-count // crowds.CHUNK)
    align = np.zeros((places, 2, 3), np.float32)
    align[:count, 0, 0] = 1 + np.arange(count)
    image = np.full((8, 8, 3), number, np.uint8)
    return {"image": image, "align": align, "joints": np.zeros((places, 17, 3), np.float32)}


@pytest.mark.parametrize("fixed", [False, True])
def test_everyone_gets_an_answer_in_order(fixed):
    counts, network = [3, 0, 100, 1, 7], Network()
    rows = [row(10 + k, count) for k, count in enumerate(counts)]
    found = crowds.answer(network, rows, images=2, fixed=fixed)
    for number, (count, one) in enumerate(zip(counts, found, strict=True)):
        assert len(one["logits"]) == count
        if count:
            assert (one["logits"][..., 0] == 10 + number).all()
            np.testing.assert_array_equal(one["logits"][:, 0, 0, 1], 1 + np.arange(count))
    assert max(network.chunks) == crowds.CHUNK
    if fixed:
        assert set(network.chunks) <= {1, 2, 4, 8} and set(network.images) == {2}


def test_without_people_nothing_is_computed():
    network = Network()
    (one,) = crowds.answer(network, [row(1, 0)], images=4, fixed=False)
    assert len(one["logits"]) == 0 and not network.images
