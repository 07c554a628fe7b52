"""Batches of fixed shapes, prepared ahead of the training step, the same after every restart.

The stream is endless and a pure function of `(seed, step)`: step `s` holds positions
`s * batch_size` to `(s + 1) * batch_size` of the passes over the dataset laid end to end, each
pass in its own order. Batches run across the border of two passes, so every batch is full and a
compiled training step sees one shape only. With `shuffle=False` every pass has the dataset's
own order: `batches(0, steps_per_pass)` shows each image at least once, and fills the last
batch from the start of the dataset when the sizes do not divide.

Work is done by threads: decoding, resizing and augmentation run in OpenCV and NumPy, which
release Python's lock, and nothing is copied between processes. `benchmarks/loader.py` measures
the alternatives.
"""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

import numpy as np

from tfseg.errors import ConfigError, DataError, TFSegError

__all__ = ["Loader"]

_REMEMBERED_STEPS = 256


class Loader:
    """Prepares batches of encoded samples in order, some steps ahead of their use.

    Args:
        dataset: Anything with `__len__` and `__getitem__(int) -> Sample`; with `workers > 1` it
            is read by several threads at once.
        encode: `encode(sample, seed) -> dict[str, array]`, the same shapes for every sample.
        batch_size: Samples in a batch; may exceed the length of the dataset.
        shuffle: A new order for each pass, drawn from `(seed, pass)`.
        seed: Start of all randomness: the orders, and the seed that each sample's augmentation
            and encoding get, drawn from `(seed, pass, index)`.
        augment: `augment(sample, seed) -> Sample`, applied before `encode`, or None.
        workers: Threads; 0 prepares each batch in the caller's thread when it is asked for.
        prefetch: Batches prepared ahead; bounds the memory in use.

    Raises:
        ConfigError: If a number is out of range.
        DataError: If the dataset is empty.
    """

    def __init__(
        self,
        dataset,
        encode: Callable[..., Mapping[str, np.ndarray]],
        *,
        batch_size: int,
        shuffle: bool = True,
        seed: int = 0,
        augment: Callable | None = None,
        workers: int = 2,
        prefetch: int = 4,
    ):
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("workers", workers, 0),
            ("prefetch", prefetch, 1),
        ):
            if int(value) != value or value < least:
                raise ConfigError(f"Loader: {name} must be an integer >= {least}, got {value!r}.")
        if len(dataset) == 0:
            raise DataError(
                "the dataset is empty: a loader needs at least one sample. Check the annotation "
                "file, the split and the chosen classes."
            )
        self.dataset = dataset
        self.encode = encode
        self.batch_size = int(batch_size)
        self.shuffle = bool(shuffle)
        self.seed = int(seed)
        self.augment = augment
        self.workers = int(workers)
        self.prefetch = int(prefetch)
        self._length = len(dataset)
        self._orders: dict[int, np.ndarray] = {}
        self._names: collections.OrderedDict[int, list] = collections.OrderedDict()
        self._lock = threading.Lock()

    @property
    def steps_per_pass(self) -> int:
        """The number of batches that show every sample at least once."""
        return -(-self._length // self.batch_size)

    def indices(self, step: int) -> list[tuple[int, int]]:
        """Returns `(pass, index)` of each sample in the batch of a step."""
        first = int(step) * self.batch_size
        places = [divmod(first + i, self._length) for i in range(self.batch_size)]
        return [(turn, int(self._order(turn)[position])) for turn, position in places]

    def sample_seed(self, turn: int, index: int) -> int:
        """Returns the seed of one sample in one pass: an integer in [0, 2**63)."""
        return int(_hash(self.seed, turn, 2, np.array([index], np.uint64))[0] >> np.uint64(1))

    def image_ids(self, step: int) -> list:
        """Returns the ids of the images in the batch of a step, for messages.

        Recent steps are remembered; for others the samples are read again.
        """
        with self._lock:
            known = self._names.get(step)
        if known is not None:
            return list(known)
        return [self.dataset[index].image_id for _, index in self.indices(step)]

    def batches(self, start_step: int = 0, count: int | None = None) -> _Stream:
        """Returns the batches of steps `start_step`, `start_step + 1`, ...

        The iterator has `close()`, which ends its threads after the samples at hand and may be
        called from any thread; letting go of the iterator does the same.

        Args:
            start_step: The first step; resuming there gives what an unbroken run would see.
            count: Number of batches; None never ends.

        Returns:
            An iterator of dicts, name to `(B, ...)`: the arrays of `encode` stacked. It raises
            DataError, naming the image, if one cannot be read, augmented or encoded.
        """
        if start_step < 0 or (count is not None and count < 0):
            raise ConfigError(
                f"Loader.batches: start_step and count must not be negative, got {start_step} "
                f"and {count}."
            )
        return _Stream(self, int(start_step), count)

    def _prepare(self, turn: int, index: int) -> tuple[object, Mapping[str, np.ndarray]]:
        seed = self.sample_seed(turn, index)
        where = f"sample {index} of the dataset"
        try:
            sample = self.dataset[index]
            where = getattr(sample, "where", where)
            if self.augment is not None:
                sample = self.augment(sample, seed)
            encoded = self.encode(sample, seed)
            return sample.image_id, {name: np.asarray(value) for name, value in encoded.items()}
        except TFSegError as error:
            named = where in str(error)
            raise type(error)(str(error) if named else f"{where}: {error}") from error
        except Exception as error:
            raise DataError(
                f"{where} (index {index}, seed {seed}) could not be prepared: "
                f"{type(error).__name__}: {error}"
            ) from error

    def _stack(self, step: int, prepared: list) -> dict[str, np.ndarray]:
        names = [name for name, _ in prepared]
        with self._lock:
            self._names[step] = names
            while len(self._names) > _REMEMBERED_STEPS:
                self._names.popitem(last=False)
        first = prepared[0][1]
        for name, arrays in prepared:
            if {k: v.shape for k, v in arrays.items()} != {k: v.shape for k, v in first.items()}:
                raise DataError(
                    f"image {name!r}: encode must return the same shapes for every sample; "
                    f"image {names[0]!r} gave {_shapes(first)}, this one {_shapes(arrays)}."
                )
        return {key: np.stack([arrays[key] for _, arrays in prepared]) for key in first}

    def _order(self, turn: int) -> np.ndarray:
        """Returns the order of one pass, a permutation of the dataset's indices."""
        turn = turn if self.shuffle else 0
        with self._lock:
            if turn not in self._orders:
                while len(self._orders) > 4:
                    self._orders.pop(next(iter(self._orders)))
                order = np.arange(self._length, dtype=np.uint64)
                if self.shuffle:
                    order = np.argsort(_hash(self.seed, turn, 1, order), kind="stable")
                self._orders[turn] = order
            return self._orders[turn]


class _Stream(Iterator):
    """One walk along a loader's batches; owns the threads that prepare them."""

    def __init__(self, loader: Loader, start: int, count: int | None):
        self._loader = loader
        self._step = self._following = start
        self._end = None if count is None else start + count
        self._waiting: collections.deque[list[Future]] = collections.deque()
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._closed = False

    def __next__(self) -> dict[str, np.ndarray]:
        if self._closed or self._step == self._end:
            self.close()
            raise StopIteration
        try:
            batch = self._loader._stack(self._step, self._prepared())
        except CancelledError:
            raise StopIteration from None
        except BaseException:
            self.close()
            raise
        self._step += 1
        return batch

    def close(self):
        """Ends the threads: samples at hand are finished, none is started any more."""
        self._stop(wait=True)

    def __del__(self):
        # Whichever thread collects this must not wait, it may be one of the pool's own.
        self._stop(wait=False)

    def _prepared(self) -> list:
        loader = self._loader
        if loader.workers == 0:
            return [loader._prepare(*item) for item in loader.indices(self._step)]
        with self._lock:
            if self._closed:
                raise CancelledError
            if self._pool is None:
                self._pool = ThreadPoolExecutor(loader.workers, "tfseg-loader")
            while len(self._waiting) < loader.prefetch and self._following != self._end:
                items = loader.indices(self._following)
                self._waiting.append([self._pool.submit(loader._prepare, *i) for i in items])
                self._following += 1
            tasks = self._waiting.popleft()
        return [task.result() for task in tasks]

    def _stop(self, wait: bool):
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
            self._waiting.clear()
        if pool is not None:
            pool.shutdown(wait=wait, cancel_futures=True)


def _shapes(arrays: Mapping[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {value.shape}" for name, value in arrays.items())


def _hash(seed: int, turn: int, purpose: int, values: np.ndarray) -> np.ndarray:
    """Returns uint64 hashes of `(seed, turn, purpose, value)`, unrelated for unequal inputs.

    The finaliser is SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
    generators, 2014). Own arithmetic keeps resumed trainings the same across NumPy versions.
    """
    mask = (1 << 64) - 1
    state = 0
    for word in (seed, turn, purpose):
        state = int(_mix(np.array([(state ^ (word & mask)) & mask], np.uint64))[0])
    return _mix(values ^ np.uint64(state))


def _mix(values: np.ndarray) -> np.ndarray:
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
