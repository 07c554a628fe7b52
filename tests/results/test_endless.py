"""A prediction that was killed and goes on equals, byte for byte, one that was not killed."""

import json
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tfseg.errors import ConfigError, DataError
from tfseg.results import endless, streams
from tfseg.results.coco import write_coco_results
from tfseg.results.journal import Journal
from tfseg.structures import Prediction

COUNT = 2 * endless.CHUNK + 9
NAMES = ("cat", "dog")


class Killed(BaseException):
    pass


def found(number):
    """What a model says; the seventh of each ten cannot be read."""
    if number % 10 == 7:
        return SimpleNamespace(prediction=None, item=None, error=DataError(f"{number}: cut off"))
    masks = np.zeros((number % 3, 6, 8), bool)
    masks[:, 1:4, number % 5 :] = True
    prediction = Prediction.from_masks(
        masks,
        boxes=[[1, number % 5, 4, 8]] * len(masks),
        class_ids=[1 + number % 2] * len(masks),
        scores=[0.1 + number / 10000] * len(masks),
        class_names=NAMES,
        image_id=f"image{number}",
        label_maps={"classes": np.full((6, 8), number % 2, np.uint8)},
    )
    image = np.full((6, 8, 3), number % 256, np.uint8)
    item = SimpleNamespace(image=image, sample=None, path=None)
    return SimpleNamespace(prediction=prediction, item=item, error=None)


def run(stream, kill=None, task=None, asked=None, count=COUNT):
    """Predicts; `kill` is the image at which everything ends."""

    def predict(numbers):
        for number in numbers:
            if number == kill:
                raise Killed
            if asked is not None:
                asked.append(number)
            yield found(number)

    def sources(start):
        return ((k, f"image {k}", f"{k:03d}.png") for k in range(start, count))

    silent = {"told": lambda *_: None}
    return endless.predict_on(sources, predict, stream, task or {"model": "a"}, **silent)


KINDS = {
    "jsonl": lambda out: streams.JsonLines(out / "predictions.jsonl"),
    "coco": lambda out: streams.Coco(out / "predictions.json", NAMES),
    "drawn": lambda out: streams.DrawnImages(out, "model", [f"{k:03d}.png" for k in range(COUNT)]),
    "parquet": lambda out: streams.Parquet(out / "predictions.parquet"),
}


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("kind", list(KINDS))
def test_killed_and_started_again_equals_an_uninterrupted_run(tmp_path, kind):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    count, failed, written = run(KINDS[kind](whole))
    assert (count, len(failed)) == (COUNT - 13, 13) and all(path.is_file() for path in written)
    asked = []
    for kill in (endless.CHUNK + 5, 2 * endless.CHUNK + 1):
        with pytest.raises(Killed):
            run(KINDS[kind](broken), kill, asked=asked)
        (journal,) = broken.glob(".predictions.journal*")
        with open(journal, "ab") as file:
            file.write(b'{"file": "half a li')  # what a cut of the power leaves
    assert run(KINDS[kind](broken), asked=asked)[:2] == (count, failed)
    assert len(asked) == COUNT + 5 + 1  # nothing that was done is done again but the open chunks
    assert content(broken) == content(whole)
    assert not list(broken.glob(".*"))


def test_the_results_hold_what_was_found(tmp_path):
    predictions = [found(k).prediction for k in range(COUNT) if k % 10 != 7]
    written = run(KINDS["coco"](tmp_path))[2]
    (tmp_path / "other").mkdir()
    expected = write_coco_results(predictions, tmp_path / "other" / "predictions.json")
    for one, other in zip(written, expected, strict=True):
        assert json.loads(one.read_text()) == json.loads(Path(other).read_text())
    (lines,) = run(KINDS["jsonl"](tmp_path))[2]
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(rows) == COUNT and rows[7] == {"path": "image 7", "error": "7: cut off"}
    for row, wanted in zip((r for r in rows if "error" not in r), predictions, strict=True):
        assert Prediction.from_dict(row).to_dict() == wanted.to_dict()
    run(KINDS["drawn"](tmp_path / "drawn"))
    told = json.loads((tmp_path / "drawn" / "predictions.json").read_text())
    assert len(told["images"]) == len(predictions) and len(told["failed"]) == 13
    assert all((tmp_path / "drawn" / one["drawing"]).is_file() for one in told["images"])


def test_parquet_holds_a_row_an_image(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    (file,) = run(KINDS["parquet"](tmp_path))[2]
    rows = parquet.read_table(str(file)).to_pylist()
    assert len(rows) == COUNT and rows[7]["error"] == "7: cut off"
    wanted = found(5).prediction
    assert (rows[5]["height"], rows[5]["width"], rows[5]["image_id"]) == (6, 8, "image5")
    assert [one["class"] for one in rows[5]["objects"]] == wanted.names
    assert [one["mask"] for one in rows[5]["objects"]] == [r["counts"] for r in wanted.rles]
    assert rows[3]["objects"] == []


def test_a_journal_of_something_else_is_not_touched(tmp_path):
    with pytest.raises(Killed):
        run(KINDS["jsonl"](tmp_path), 70)
    (journal,) = tmp_path.glob(".predictions*")
    before = journal.read_bytes()
    with pytest.raises(ConfigError, match=r"something else \(other model\).*remove that file"):
        run(KINDS["jsonl"](tmp_path), task={"model": "b"})
    assert journal.read_bytes() == before
    with Journal(journal, {"model": "a"}) as open_one:
        assert open_one.done == endless.CHUNK == len(list(open_one.records()))


@pytest.mark.slow
def test_memory_stays_flat_over_thousands_of_images(tmp_path):
    class Large(streams.JsonLines):
        def record(self, prediction, item, path, name):
            assert item.image.size
            return super().record(prediction, item, path, name)

    peaks = []
    for count in (200, 4000):
        tracemalloc.start()
        run(Large(tmp_path / f"{count}.jsonl"), count=count)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # The failed ones are listed at the end; all else is forgotten.
    assert peaks[1] < peaks[0] + 400 * 1000, peaks
