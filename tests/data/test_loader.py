"""Order, reproducibility, fixed shapes, errors and clean endings of the loader."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from each_case import each

from tfseg.data.loader import Loader, _hash, _mix
from tfseg.errors import ConfigError, DataError, WeightsError
from tfseg.structures import Sample


class Numbered:
    """Sample i is a 2 x 3 image of value i; reading some of them takes longer than others."""

    class_names = ("thing",)

    def __init__(self, length, delay=0.0):
        self.length, self.delay, self.reads = length, delay, 0

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        self.reads += 1
        time.sleep(self.delay * (index % 3))
        return Sample(np.full((2, 3, 3), index, np.uint8), f"picture-{index}")


def encode(sample, seed):
    return {"value": sample.image[0, 0, 0], "seed": np.int64(seed), "image": sample.image}


def values(loader, start=0, count=10):
    return [batch["value"].tolist() for batch in loader.batches(start, count)]


# Threads of trainings in other files, which end when the collector comes to their streams.
_OTHERS: set = set()


def loader_threads():
    running = [t for t in threading.enumerate() if t.name.startswith("tfseg-loader")]
    return [thread for thread in running if thread not in _OTHERS]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    _OTHERS.update(loader_threads())
    yield
    for _ in range(200):
        if not loader_threads():
            return
        time.sleep(0.01)
    raise AssertionError(f"still running: {loader_threads()}")


@each("workers", [0, 1, 4])
def test_every_pass_shows_every_sample_once(workers):
    loader = Loader(Numbered(7, 0.001), encode, batch_size=3, workers=workers)
    assert loader.steps_per_pass == 3
    stream = sum(values(loader, 0, 14), [])
    passes = [stream[i * 7 : i * 7 + 7] for i in range(6)]
    assert all(sorted(one) == list(range(7)) for one in passes)
    assert len({tuple(one) for one in passes}) > 3


def test_order_does_not_depend_on_threads_or_on_where_it_starts():
    whole = values(Loader(Numbered(7), encode, batch_size=3, workers=0, seed=5), 0, 12)
    threaded = Loader(Numbered(7, 0.002), encode, batch_size=3, workers=4, prefetch=3, seed=5)
    assert values(threaded, 0, 12) == whole
    assert values(threaded, 8, 4) == whole[8:]
    assert values(Loader(Numbered(7), encode, batch_size=3, seed=6), 0, 12) != whole


def test_order_and_seeds_are_the_same_for_ever():
    """Resumed trainings rely on these very numbers; a change breaks them."""
    loader = Loader(Numbered(5), encode, batch_size=5, seed=3)
    orders = [[index for _, index in loader.indices(step)] for step in (0, 1)]
    assert orders == [[1, 2, 4, 0, 3], [1, 2, 3, 4, 0]]
    assert loader.sample_seed(2, 4) == 1676456511868952438


def test_hash_is_splitmix():
    """The first output of SplitMix64 seeded with 0, as published."""
    assert int(_mix(np.zeros(1, np.uint64))[0]) == 0xE220A8397B1DCDAF


def test_sample_seeds_differ_and_stay():
    loader = Loader(Numbered(9), encode, batch_size=9, seed=1)
    batches = list(loader.batches(0, 4))
    seeds = np.concatenate([batch["seed"] for batch in batches])
    assert len(set(seeds.tolist())) == 36 and (seeds >= 0).all()
    again = list(loader.batches(2, 1))[0]
    np.testing.assert_array_equal(again["seed"], batches[2]["seed"])


def test_hashes_look_uniform():
    keys = _hash(0, 0, 1, np.arange(20000, dtype=np.uint64))
    assert len(np.unique(keys)) == 20000
    counts = np.histogram(keys / 2.0**64, bins=20, range=(0, 1))[0]
    assert abs(counts - 1000).max() < 160
    ones = np.unpackbits(keys.view(np.uint8)).mean()
    assert abs(ones - 0.5) < 0.005


def test_unshuffled_stream_is_in_order_and_goes_round():
    loader = Loader(Numbered(5), encode, batch_size=2, shuffle=False)
    assert values(loader, 0, loader.steps_per_pass) == [[0, 1], [2, 3], [4, 0]]


def test_batch_larger_than_the_data_set():
    loader = Loader(Numbered(2), encode, batch_size=5, shuffle=False)
    assert loader.steps_per_pass == 1
    assert values(loader, 0, 2) == [[0, 1, 0, 1, 0], [1, 0, 1, 0, 1]]
    stream = sum(values(Loader(Numbered(2), encode, batch_size=5), 0, 2), [])
    assert all(sorted(stream[i : i + 2]) == [0, 1] for i in range(0, 10, 2))


def test_shapes_are_stacked():
    batch = next(Loader(Numbered(4), encode, batch_size=2).batches())
    assert batch["image"].shape == (2, 2, 3, 3) and batch["image"].dtype == np.uint8


def test_augmentation_runs_before_encoding_with_the_samples_own_seed():
    def augment(sample, seed):
        return sample.replace(image=np.full((2, 3, 3), seed % 251, np.uint8))

    batch = next(Loader(Numbered(4), encode, batch_size=4, augment=augment).batches())
    np.testing.assert_array_equal(batch["value"], batch["seed"] % 251)


def test_names_of_the_pictures_in_a_batch():
    data = Numbered(6)
    loader = Loader(data, encode, batch_size=2, shuffle=False, workers=0)
    list(loader.batches(0, 2))
    reads = data.reads
    assert loader.image_ids(1) == ["picture-2", "picture-3"]
    assert data.reads == reads
    assert loader.image_ids(2) == ["picture-4", "picture-5"]


def test_nothing_is_read_before_it_is_asked_for_and_little_ahead():
    data = Numbered(100)
    stream = Loader(data, encode, batch_size=1, workers=2, prefetch=3).batches()
    assert data.reads == 0
    next(stream)
    time.sleep(0.05)
    assert 1 <= data.reads <= 3
    stream.close()


@each("end", ["close", "delete", "exception", "interrupt"])
def test_threads_end_when_the_consumer_stops_early(end):
    loader = Loader(Numbered(50, 0.002), encode, batch_size=2, workers=3)
    if end in ("exception", "interrupt"):
        error = RuntimeError if end == "exception" else KeyboardInterrupt
        with pytest.raises(error):
            for _ in loader.batches():
                assert loader_threads()
                raise error
        return
    stream = loader.batches()
    next(stream)
    assert loader_threads()
    if end == "close":
        stream.close()
        assert not loader_threads()
        assert list(stream) == []
        stream.close()
    else:
        del stream


def test_closing_from_another_thread_ends_a_waiting_consumer():
    class Slow(Numbered):
        def __getitem__(self, index):
            time.sleep(0.05)
            return super().__getitem__(index)

    stream, seen = Loader(Slow(9), encode, batch_size=4, workers=1).batches(), []
    consumer = threading.Thread(target=lambda: seen.extend(stream))
    consumer.start()
    time.sleep(0.06)
    stream.close()
    consumer.join(5)
    assert not consumer.is_alive() and len(seen) < 5


def test_errors_end_the_stream_and_its_threads():
    def broken(sample, seed):
        raise ValueError("no good")

    stream = Loader(Numbered(5), broken, batch_size=1).batches()
    with pytest.raises(DataError):
        next(stream)
    assert not loader_threads() and list(stream) == []


@each("workers", [0, 2])
def test_errors_of_workers_name_the_picture(workers):
    def broken(sample, seed):
        if sample.image_id == "picture-3":
            raise ValueError("no good")
        return encode(sample, seed)

    loader = Loader(Numbered(5), broken, batch_size=1, shuffle=False, workers=workers)
    with pytest.raises(DataError, match=r"image 'picture-3'.*index 3.*ValueError: no good") as info:
        values(loader)
    assert isinstance(info.value.__cause__, ValueError)


def test_own_errors_keep_their_kind():
    def broken(sample, seed):
        raise WeightsError("expected something else")

    with pytest.raises(WeightsError, match="image 'picture-0': expected something else"):
        values(Loader(Numbered(1), broken, batch_size=1))


def test_errors_of_reading_name_the_position():
    class Broken(Numbered):
        def __getitem__(self, index):
            raise OSError("disk on fire")

    with pytest.raises(DataError, match="sample 0 of the dataset.*disk on fire"):
        values(Loader(Broken(1), encode, batch_size=1))


def test_unequal_shapes_name_both_pictures():
    def uneven(sample, seed):
        return {"image": np.zeros(int(sample.image[0, 0, 0]))}

    with pytest.raises(DataError, match=r"'picture-1'.*'picture-0' gave image \(0,\)"):
        values(Loader(Numbered(2), uneven, batch_size=2, shuffle=False))


def test_empty_data_set():
    with pytest.raises(DataError, match="empty"):
        Loader(Numbered(0), encode, batch_size=1)


@each("setting", [{"batch_size": 0}, {"workers": -1}, {"prefetch": 0.5}])
def test_numbers_out_of_range(setting):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        Loader(Numbered(1), encode, **{"batch_size": 1, **setting})


def test_negative_step():
    with pytest.raises(ConfigError, match="start_step"):
        Loader(Numbered(1), encode, batch_size=1).batches(-1)


def test_a_stream_of_no_batches():
    assert list(Loader(Numbered(3), encode, batch_size=1).batches(0, 0)) == []


def test_an_abandoned_stream_does_not_keep_the_program_alive():
    code = """
import numpy as np
from tfseg.data.loader import Loader
from tfseg.structures import Sample

class Data:
    def __len__(self): return 3
    def __getitem__(self, index): return Sample(np.zeros((2, 2, 3), np.uint8), index)

stream = Loader(Data(), lambda s, seed: {"image": s.image}, batch_size=1).batches()
next(stream)
raise KeyboardInterrupt
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0 and done.stderr.strip().endswith("KeyboardInterrupt")
