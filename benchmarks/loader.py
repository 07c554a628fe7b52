"""Which host prepares training images fastest: threads, processes, Keras or tf.data.

    python benchmarks/loader.py [--rounds 5] [--pictures 32] [--output FILE]

Every host does the same work for one image: a sample of 512 x 512 with 8 masks and 17 key
points each, held in memory, is augmented (`aug_all_a`) and encoded (image, boxes, mini masks of
56 x 56), two images a batch. The hosts take turns, round after round, so that whatever else the
machine does hits all of them; ratios are taken within a round, to the main thread. Start-up is
left out. Processes are spawned, since a process that holds TensorFlow must not fork.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from tfseg.data.augment import presets
from tfseg.data.loader import Loader
from tfseg.geometry.mini_masks import mini_masks
from tfseg.opencv import cv2
from tfseg.structures import Sample

SIDE, OBJECTS, BATCH = 512, 8, 2


class Pictures:
    """Sixteen samples in memory, made once."""

    class_names = ("thing",)

    def __init__(self):
        self.samples = [self._make(index) for index in range(16)]

    @staticmethod
    def _make(index: int) -> Sample:
        rng = np.random.default_rng(index)
        masks = np.zeros((OBJECTS, SIDE, SIDE), np.uint8)
        for mask in masks:
            centre = tuple(int(v) for v in rng.integers(60, SIDE - 60, 2))
            axes = tuple(int(v) for v in rng.integers(20, 130, 2))
            cv2.ellipse(mask, centre, axes, float(rng.integers(180)), 0, 360, 1, -1)
        noise = rng.integers(0, 256, (SIDE // 8, SIDE // 8, 3), np.uint8)
        image = cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        points = np.full((OBJECTS, 17, 3), 2, np.float32)
        points[..., :2] = rng.uniform(0, SIDE - 1, (OBJECTS, 17, 2))
        ids = np.arange(1, OBJECTS + 1)
        return Sample(image, index, ids, masks.astype(bool), keypoints=points)

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]


def encode(sample: Sample, seed: int) -> dict[str, np.ndarray]:
    masks = np.zeros((100, 56, 56), np.uint8)
    masks[: len(sample)] = mini_masks(sample.masks, sample.boxes, 56)
    boxes = np.zeros((100, 4), np.float32)
    boxes[: len(sample)] = sample.boxes
    return {"image": sample.image, "gt_boxes": boxes, "gt_masks": masks}


def make_loader(workers: int) -> Loader:
    augment = presets.build("aug_all_a")
    return Loader(Pictures(), encode, batch_size=BATCH, augment=augment, workers=workers)


def own_host(workers: int, opencv_threads: int | None = None) -> Callable[[int], None]:
    loader = make_loader(workers)

    def run(pictures: int):
        before = cv2.getNumThreads()
        if opencv_threads is not None:
            cv2.setNumThreads(opencv_threads)
        try:
            for _ in loader.batches(0, pictures // BATCH):
                pass
        finally:
            cv2.setNumThreads(before)

    return run


_in_process: list[Loader] = []


def _start_process():
    _in_process.append(make_loader(0))


def _one_batch(step: int) -> dict[str, np.ndarray]:
    return next(_in_process[0].batches(step, 1))


def process_host(pool: ProcessPoolExecutor) -> Callable[[int], None]:
    def run(pictures: int):
        for _ in pool.map(_one_batch, range(pictures // BATCH)):
            pass

    return run


def keras_host(workers: int) -> Callable[[int], None]:
    import keras
    from keras.src.trainers.data_adapters.py_dataset_adapter import OrderedEnqueuer

    loader = make_loader(0)

    class Batches(keras.utils.PyDataset):
        count = 0

        def __len__(self):
            return self.count

        def __getitem__(self, step):
            return next(loader.batches(step, 1))

    def run(pictures: int):
        batches = Batches(workers=workers, max_queue_size=4)
        batches.count = pictures // BATCH
        queue = OrderedEnqueuer(batches, workers=workers, max_queue_size=4)
        queue.start()
        output = queue.get()
        for _ in range(batches.count):
            next(output)
        queue.stop()

    return run


def tf_data_host(parallel: int) -> Callable[[int], None]:
    import tensorflow as tf

    loader = make_loader(0)

    def one(step):
        batch = next(loader.batches(int(step), 1))
        return batch["image"], batch["gt_boxes"], batch["gt_masks"]

    kinds = (tf.uint8, tf.float32, tf.uint8)

    def run(pictures: int):
        steps = tf.data.Dataset.range(pictures // BATCH)
        stream = steps.map(
            lambda step: tf.numpy_function(one, [step], kinds), num_parallel_calls=parallel
        )
        for _ in stream.prefetch(4):
            pass

    return run


@contextlib.contextmanager
def hosts() -> Iterator[dict[str, Callable[[int], None]]]:
    """Yields host name to a function that prepares so many images."""
    found = {
        "main thread": own_host(0),
        "1 thread": own_host(1),
        "2 threads": own_host(2),
        "4 threads": own_host(4),
        "main thread, OpenCV on 1 core": own_host(0, 1),
        "2 threads, OpenCV on 1 core": own_host(2, 1),
    }
    for name, make in (
        ("Keras PyDataset, 2 threads", lambda: keras_host(2)),
        ("tf.data map, 2 calls", lambda: tf_data_host(2)),
    ):
        try:
            found[name] = make()
        except ImportError as error:
            print(f"{name}: skipped, {error}")
    with ProcessPoolExecutor(2, get_context("spawn"), _start_process) as pool:
        list(pool.map(_one_batch, range(4)))
        found["2 processes"] = process_host(pool)
        yield found


def measure(rounds: int, pictures: int) -> dict[str, dict]:
    speeds: dict[str, list[float]] = {}
    with hosts() as found:
        for run in found.values():
            run(BATCH)
        for turn in range(rounds):
            names = list(found)
            for name in names if turn % 2 == 0 else reversed(names):
                start = time.perf_counter()
                found[name](pictures)
                speeds.setdefault(name, []).append(pictures / (time.perf_counter() - start))
    base = speeds["main thread"]
    results = {}
    for name, values in speeds.items():
        ratios = [value / other for value, other in zip(values, base)]
        results[name] = {
            "pictures_per_second": statistics.median(values),
            "pictures_per_second_range": [min(values), max(values)],
            "ratio_to_main_thread": statistics.median(ratios),
            "ratio_range": [min(ratios), max(ratios)],
        }
    return results


def table(results: dict[str, dict]) -> str:
    lines = [f"{'host':32} {'pictures/s':>18} {'ratio to main thread':>24}"]
    for name, one in sorted(results.items(), key=lambda item: -item[1]["ratio_to_main_thread"]):
        low, high = one["pictures_per_second_range"]
        least, most = one["ratio_range"]
        speed = f"{one['pictures_per_second']:.0f} ({low:.0f}-{high:.0f})"
        ratio = f"{one['ratio_to_main_thread']:.2f} ({least:.2f}-{most:.2f})"
        lines.append(f"{name:32} {speed:>18} {ratio:>24}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=32, help="for each host and round")
    parser.add_argument("--output", default="benchmarks/results/loader.json")
    options = parser.parse_args()
    results = measure(options.rounds, options.pictures)
    print(table(results))
    record = {
        "work": f"{SIDE} x {SIDE}, {OBJECTS} masks, aug_all_a, mini masks, batches of {BATCH}",
        "machine": {"cores": os.cpu_count(), "system": platform.platform()},
        "load_average": os.getloadavg(),
        "versions": {"python": platform.python_version(), "opencv": cv2.__version__},
        "rounds": options.rounds,
        "pictures": options.pictures,
        "hosts": results,
    }
    os.makedirs(os.path.dirname(options.output) or ".", exist_ok=True)
    with open(f"{options.output}.partial", "w", encoding="utf-8") as file:
        file.write(json.dumps(record, indent=2) + "\n")
    os.replace(f"{options.output}.partial", options.output)
    print(f"written: {options.output}")


if __name__ == "__main__":
    main()
