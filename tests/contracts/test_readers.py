"""Every reader of the package, and one of a user's own, keeps the contract of datasets."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import multiprocessing
import operator

import numpy as np
import pytest
import tiny_datasets
import toy_reader
from reader_contract import Maker, keeps_the_contract, write_image

from tfseg.data import open_dataset
from tfseg.data.opening import formats, sources
from tfseg.data.reading.format import open_part
from tfseg.errors import DataError

FIRST = operator.itemgetter(0)


def test_every_format_has_its_tiny_dataset():
    assert set(tiny_datasets.MAKERS) == set(formats.FORMATS)


@pytest.mark.parametrize("name", tiny_datasets.MAKERS)
def test_a_reader_keeps_the_contract(name, tmp_path):
    keeps_the_contract(tiny_datasets.maker(name), tmp_path)


def _strips(folder, parts, turned):
    for part, images in parts.items():
        lines = []
        for stem, objects in images.items():
            write_image(folder / f"{stem}.jpg", turned)
            lines += [f"{stem}.jpg {label} {' '.join(map(str, box))}" for label, box in objects]
        (folder / f"{part}.strips").write_text("\n".join(lines))


def test_a_reader_of_ones_own_takes_one_record_and_one_line(tmp_path, monkeypatch):
    """`toy_reader.py` is the reader; the line in the list of formats is the only other place."""
    maker = Maker(toy_reader.FORMAT, _strips)
    keeps_the_contract(maker, tmp_path)
    home = maker.written(tmp_path / "listed")
    with pytest.raises(DataError):
        open_dataset(home)
    monkeypatch.setitem(formats.HOMES, "strips", "toy_reader")
    assert sources.recognise(str(home)) == "strips"
    assert type(open_dataset(home, split="val")) is toy_reader.StripsDataset
    empty = tmp_path / "nothing"
    empty.mkdir()
    with pytest.raises(DataError, match=r"val\.strips \(strips\)"):
        open_dataset(empty, split="val")


class Shifted(toy_reader.StripsDataset):
    """Masks lie a few pixels beside their objects."""

    def _draw(self, record, size):
        moved = [(label, tuple(np.add(box, 4))) for label, box in record.content]
        return super()._draw(dataclasses.replace(record, content=moved), size)


class Deaf(toy_reader.StripsDataset):
    """Leaves nothing out, whatever it is told."""

    def __init__(self, file, *, classes=None, drop_invalid=False):
        super().__init__(file, classes=classes)


class Unsendable(toy_reader.StripsDataset):
    """Holds an open file."""

    def __init__(self, file, *, classes=None, drop_invalid=False):
        super().__init__(file, classes=classes, drop_invalid=drop_invalid)
        self.file = open(file)  # noqa: SIM115, the fault


@pytest.mark.parametrize(
    ("reader", "check"),
    [(Shifted, "truth_comes_back"), (Deaf, "damage_is_named"), (Unsendable, "copies_are_equal")],
)
def test_the_contract_finds_readers_that_break_it(reader, check, tmp_path):
    def open_it(path, split, options):
        return open_part(reader, toy_reader._find, path, split, options)

    broken = dataclasses.replace(toy_reader.FORMAT, reader=reader, open=open_it)
    with pytest.raises((AssertionError, DataError, TypeError)) as error:
        keeps_the_contract(Maker(broken, _strips), tmp_path)
    assert check in [entry.frame.code.name for entry in error.traceback]


def test_readers_are_sent_to_fresh_processes(tmp_path):
    """As a loader of another program does: spawned, so that nothing comes with a fork."""
    names = [name for name, (build, _) in tiny_datasets.MAKERS.items() if build]
    opened = []
    for name in names:
        maker = tiny_datasets.maker(name)
        opened.append(maker.open(maker.written(tmp_path / name)))
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        for dataset, sample in zip(opened, pool.map(FIRST, opened), strict=True):
            assert (sample.masks == dataset[0].masks).all()
