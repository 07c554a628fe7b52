"""The loss of a map against a plain computation."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from tfseg.models.hptr.losses import map_loss

pytestmark = pytest.mark.both_backends


def plain(logits, labels, counted, classes):
    """Returns focal + dice of one image, pixel by pixel."""
    focal, overlap, present = 0.0, [], 0
    for channel, number in enumerate(classes):
        p = 1 / (1 + np.exp(-logits[..., channel][counted].astype(np.float64)))
        t = (labels[counted] == number).astype(float)
        right = np.where(t == 1, p, 1 - p)
        weight = np.where(t == 1, 0.25, 0.75)
        focal += np.mean(-weight * (1 - right) ** 2 * np.log(right))
        if t.any():
            present += 1
            overlap.append(1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1))
    return focal / max(present, 1) + (np.mean(overlap) if overlap else 0.0)


@pytest.mark.parametrize("background", [True, False])
def test_map_loss(background):
    random = np.random.default_rng(0)
    logits = random.normal(size=(3, 6, 8, 3)).astype(np.float32)
    labels = random.choice([0, 1, 2], (3, 6, 8)).astype(np.uint8)
    labels[0, :2] = 255
    labels[2] = 255  # an image without this map
    padding = np.zeros((3, 6, 8), bool)
    padding[1, :, 5:] = True
    classes = (0, 1, 2) if background else (1, 2, 3)
    wanted = np.mean(
        [plain(logits[i], labels[i], (labels[i] != 255) & ~padding[i], classes) for i in range(2)]
    )
    found = map_loss(logits, labels, padding, background=background)
    assert float(found) == pytest.approx(wanted, rel=1e-5)
    assert float(map_loss(logits[2:], labels[2:], padding[2:])) == 0
    # Constant maps stay what they are when they are enlarged.
    flat = np.broadcast_to(logits[:1, :1, :1], (1, 3, 4, 3))
    wide = np.broadcast_to(logits[:1, :1, :1], (1, 6, 8, 3))
    ours = map_loss(ops.array(flat), labels[1:2], padding[:1])
    assert float(ours) == pytest.approx(plain(wide[0], labels[1], ~padding[0], (0, 1, 2)), rel=1e-5)
