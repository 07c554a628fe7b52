"""The training pass learns: drawn people are told apart by their poses alone."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.data.synthetic import SyntheticPeople
from tfseg.models.pose2seg import targets
from tfseg.models.pose2seg.config import Pose2SegConfig
from tfseg.models.pose2seg.decode import decode
from tfseg.models.pose2seg.network import build

CONFIG = Pose2SegConfig(
    variant="light",
    image_size=128,
    window_size=32,
    feature_width=16,
    norm="group",
    people_per_image=3,
    people_per_batch=6,
)


def iou(ours, truth):
    return (ours & truth).sum() / max((ours | truth).sum(), 1)


@pytest.mark.slow
def test_a_few_drawn_people_are_learnt_by_heart():
    keras.utils.set_random_seed(1)
    dataset = SyntheticPeople(4, size=128, seed=11, people=(2, 3))
    samples = [dataset[index] for index in range(len(dataset))]
    rows = [targets.training_inputs(s.image, s.keypoints, s.masks, CONFIG) for s in samples]
    inputs = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    network = build(CONFIG)
    network.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    history = network.fit(inputs, batch_size=2, epochs=100, verbose=0, shuffle=True)
    losses = history.history["mask_loss"]
    assert losses[-1] < 0.2 * losses[0]
    answers, bounds = [], []
    for sample in samples:
        made = targets.plan(sample.keypoints, sample.size, CONFIG)
        row = {
            "image": targets.network_image(sample.image, made, CONFIG)[None],
            "align": made.align[None].astype(np.float32),
            "joints": made.joints[None].astype(np.float32),
        }
        logits = ops.convert_to_numpy(network(row, training=False)["logits"])[0]
        found = decode(logits, made, sample.keypoints, np.ones(len(made)))
        shown = targets.window_masks(sample.masks, made, CONFIG)
        best = decode(
            np.stack([1 - shown, shown], -1) * 9.0, made, sample.keypoints, np.ones(len(made))
        )
        answers += [iou(*pair) for pair in zip(found.masks, sample.masks)]
        bounds += [iou(*pair) for pair in zip(best.masks, sample.masks)]
    # The bound is what the windows can show of these small people.
    assert np.mean(answers) > 0.85 * np.mean(bounds) and np.mean(bounds) > 0.7
