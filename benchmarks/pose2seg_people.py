"""How long Pose2Seg takes by the number of people in an image.

    python benchmarks/pose2seg_people.py [--variant light] [--people 0 1 2 4 8 16 32 100]

Milliseconds of `predict`, medians over rounds; weights are random, which takes as long.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

import tfseg
from tfseg.structures.poses import coco_poses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--variant", default="light")
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--people", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 100])
    parser.add_argument("--rounds", type=int, default=10)
    args = parser.parse_args()
    model = tfseg.Pose2Seg(variant=args.variant, image_size=args.image_size)
    model.fitted = True
    image = np.random.default_rng(0).integers(0, 255, (480, 640, 3)).astype(np.uint8)
    pose = model.config.pose_templates.joints[0] * [300, 300, 1]
    for count in args.people:
        shift = np.c_[np.linspace(0, 300, count), np.linspace(0, 150, count), np.zeros(count)]
        poses = coco_poses(pose + shift[:, None])
        wall, cpu = [], []
        for turn in range(args.rounds + 1):
            begin = time.perf_counter(), time.process_time()
            model.predict(image, poses=poses)
            if turn:
                wall.append(time.perf_counter() - begin[0])
                cpu.append(time.process_time() - begin[1])
        middle = [1e3 * statistics.median(times) for times in (wall, cpu)]
        print(f"{count:4d} people  {middle[0]:8.1f} ms  {middle[1]:8.1f} ms of CPU", flush=True)


if __name__ == "__main__":
    main()
