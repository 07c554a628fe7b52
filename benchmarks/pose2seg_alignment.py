"""What Pose2Seg does to each pose outside the network: alignment, skeleton, the mask's way back.

    python benchmarks/pose2seg_alignment.py [--rounds 30] [--people 1 10 100] [--size 1080 1920]

CPU milliseconds a person on one core, medians over rounds. Poses are the shipped templates, moved
about; every mask is a disc in its window.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import argparse
import statistics
import time

import numpy as np

from tfseg.geometry.affine import transform
from tfseg.models.pose2seg.config import Pose2SegConfig
from tfseg.models.pose2seg.decode import decode
from tfseg.models.pose2seg.skeleton.features import skeleton_features
from tfseg.models.pose2seg.targets import plan
from tfseg.opencv import cv2


def poses(count: int, size: tuple[int, int], config: Pose2SegConfig) -> np.ndarray:
    """Returns whole people all over an image, float64 `(N, 17, 3)`."""
    random = np.random.default_rng(0)
    found = np.repeat(config.pose_templates.joints[:1], count, axis=0)
    lengths = random.uniform(0.4, 0.9, count) * min(size)
    corners = random.uniform(0, 1, (count, 2)) * (np.array(size[::-1]) - lengths[:, None])
    found[..., :2] = found[..., :2] * lengths[:, None, None] + corners[:, None]
    found[..., :2] += random.normal(0, 0.01 * min(size), (count, 17, 2))
    return found


def milliseconds(function, rounds: int) -> float:
    """Returns the median CPU time of a call after one that is not counted."""
    function()
    times = []
    for _ in range(rounds):
        start = time.process_time()
        function()
        times.append(1e3 * (time.process_time() - start))
    return statistics.median(times)


def measure(variant: str, count: int, size: tuple[int, int], rounds: int) -> list[float]:
    """Returns milliseconds a person of alignment, skeleton and masks."""
    config = Pose2SegConfig(variant=variant)
    side, limbs, style = config.window, config.skeleton_limbs, config.skeleton_style
    people = poses(count, size, config)
    made = plan(people, size, config)
    joints = transform(made.joints, made.align)
    rows, columns = np.mgrid[:side, :side]
    disc = np.hypot(rows - side / 2, columns - side / 2) < side / 3
    logits = np.repeat(np.stack([~disc, disc], -1)[None].astype(np.float32), count, axis=0)
    steps = (
        lambda: plan(people, size, config),
        lambda: skeleton_features(joints, side, limbs, **style),
        lambda: decode(logits, made, people, np.ones(count)),
    )
    return [milliseconds(step, rounds) / count for step in steps]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--people", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--size", type=int, nargs=2, default=[1080, 1920])
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"{'variant':8} {'people':>6} {'align':>8} {'skeleton':>8} {'masks':>8}  ms a person")
    for variant in ("v1", "cvpr"):
        for count in arguments.people:
            times = measure(variant, count, tuple(arguments.size), arguments.rounds)
            print(f"{variant:8} {count:6d} " + " ".join(f"{each:8.2f}" for each in times))


if __name__ == "__main__":
    main()
