"""Parsings kept in a file: what is found, what is parsed again, what goes on where it stopped."""

from __future__ import annotations

import os
import sqlite3
import types

import numpy as np
import pytest

from tfseg.engine.batches import Answer
from tfseg.errors import ConfigError, DataError
from tfseg.search import ParsingIndex, save_gallery, understand
from tfseg.search.page import place_in_words
from tfseg.structures import Attribute, Prediction, rle
from tfseg.visualize import save_png

SIZE = (40, 60)
WORN = {
    "a.png": [("skirt", 0.8, "red", 0.6), ("coat", 0.9, "blue", 0.9)],
    "b.png": [("skirt", 0.9, "red", 0.9)],
    "inner/c.png": [("skirt", 0.9, "blue", 0.9), ("coat", 0.5, "red", 0.5)],
}


class Parser:
    """Says of each file what is worn there, and remembers what it was asked."""

    system = "parser"
    config = types.SimpleNamespace(attributes=("skirt", "coat"), colors=("red", "blue"))

    def __init__(self, folder, stop_at=None):
        self.folder, self.stop_at, self.asked = folder, stop_at, []

    def predict_each(self, images, *, batch_size):
        for path in images:
            name = path.relative_to(self.folder).as_posix()
            if name == self.stop_at:
                raise KeyboardInterrupt
            self.asked.append(name)
            if name.startswith("broken"):
                yield Answer(error=DataError("it is broken"))
                continue
            yield Answer(prediction=self.prediction(WORN[name]))

    def prediction(self, worn):
        mask = np.zeros(SIZE, bool)
        mask[2:20, 4:10] = True
        attributes = [
            Attribute(name, score, rle.encode(mask), {"color": (color, sure)})
            for name, score, color, sure in worn
        ]
        return Prediction.from_masks(
            mask[None],
            boxes=[[2, 4, 20, 10]],
            class_ids=[1],
            scores=[0.9],
            class_names=("person",),
            attributes=(tuple(attributes),),
        )


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for name in WORN:
        save_png(folder / name, np.full((*SIZE, 3), 90, np.uint8))
    (folder / ".hidden").mkdir()
    save_png(folder / ".hidden" / "d.png", np.zeros((4, 4, 3), np.uint8))
    return folder


@pytest.fixture
def file(tmp_path):
    return tmp_path / "parsings.sqlite"


def found(index, query):
    hits = index.search(understand(query, index.vocabulary))
    return {hit.path: pytest.approx(hit.score) for hit in hits}


def test_what_is_found_and_how_sure(photos, file):
    with ParsingIndex(file, photos) as index:
        assert index.vocabulary is None and index.search(()) == []
        index.update(Parser(photos), "m")
        # The person's own score, 0.9, is in both numbers and counts once.
        assert found(index, "red skirt") == {"b.png": 0.9, "a.png": 0.8 * 0.6 / 0.9}
        assert list(found(index, "red skirt")) == ["b.png", "a.png"]
        assert found(index, "skirt and blue coat") == {"a.png": 0.8}
        assert found(index, "red") == {
            "b.png": 0.9,
            "a.png": 0.8 * 0.6 / 0.9,
            "inner/c.png": 0.25 / 0.9,
        }
        assert found(index, "red coat with red skirt") == {}
        (hit,) = index.search(understand("blue skirt", index.vocabulary))
        assert hit.box == (2, 4, 20, 10) and hit.size == SIZE and hit.found == ("skirt",)
        assert "red coat" in hit.sentence and rle.area(hit.masks)[0] == 18 * 6
        assert len(index.search(understand("red", index.vocabulary), limit=1)) == 1


def test_it_goes_on_where_it_stopped_and_notices_changes(photos, file):
    with ParsingIndex(file, photos) as index, pytest.raises(KeyboardInterrupt):
        index.update(Parser(photos, stop_at="b.png"), "m")
    with ParsingIndex(file, photos) as index:
        again = Parser(photos)
        index.update(again, "m")
        assert again.asked == ["b.png", "inner/c.png"]
        assert index.change() == ((), ())
        index.update(again, "m")
        assert len(again.asked) == 2
        (photos / "a.png").unlink()
        save_png(photos / "b.png", np.full((*SIZE, 3), 91, np.uint8))
        os.utime(photos / "b.png", ns=(1, 1))
        (photos / "broken.png").write_bytes(b"no")
        assert index.change() == (("b.png", "broken.png"), ("a.png",))
        assert index.update(again, "m").gone == ("a.png",)
        assert list(found(index, "skirt")) == ["b.png", "inner/c.png"]
        assert index.faults == {"broken.png": "it is broken"} and len(index) == 3
        assert index.change() == ((), ())  # a fault is kept too
        with sqlite3.connect(file) as database:  # nothing is left of what is gone
            assert database.execute("SELECT count(*) FROM people").fetchone()[0] == 2
            assert database.execute("SELECT count(*) FROM parts").fetchone()[0] == 3


def test_what_does_not_fit(photos, file, tmp_path):
    with ParsingIndex(file, photos) as index:
        index.update(Parser(photos), "m")
        with pytest.raises(ConfigError, match="another model's.*--rebuild"):
            index.update(Parser(photos), "other weights")
        index.clear()
        assert len(index) == 0 and index.vocabulary is None
        index.update(Parser(photos), "other weights")
        boxes = types.SimpleNamespace(system="mask_rcnn", config=types.SimpleNamespace())
        with pytest.raises(ConfigError, match="'mask_rcnn' model does not say what people wear"):
            index.update(boxes, "other weights")
    with pytest.raises(DataError, match="expected a folder of images"):
        ParsingIndex(file, tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("no database, but as long as the head of one. " * 9)
    with pytest.raises(DataError, match="expected a file of parsings that tfseg made"):
        ParsingIndex(tmp_path / "notes.txt", photos)
    with sqlite3.connect(tmp_path / "other.sqlite") as database:
        database.execute("CREATE TABLE mine (a)")
    with pytest.raises(DataError, match="expected a file of parsings that tfseg made"):
        ParsingIndex(tmp_path / "other.sqlite", photos)
    with pytest.raises(DataError, match="cannot be kept there"):
        ParsingIndex(tmp_path / "notes.txt" / "a.sqlite", photos)


def test_the_page_holds_the_hits(photos, file, tmp_path):
    with ParsingIndex(file, photos) as index:
        index.update(Parser(photos), "m")
        hits = index.search(understand("red skirt", index.vocabulary))
    page = save_gallery(tmp_path / "out" / "search.html", "red <skirt>", hits, photos)
    text = page.read_text()
    assert text.count("data:image/jpeg") == 2 and "red &lt;skirt&gt;" in text
    assert "score 0.90" in text and "top left: rows 2 to 20, columns 4 to 10" in text
    (photos / "a.png").unlink()
    save_png(photos / "b.png", np.zeros((9, 9, 3), np.uint8))
    text = save_gallery(page, "red skirt", hits, photos).read_text()
    assert text.count("cannot be shown") == 2 and "changed since it was parsed" in text
    assert "Nobody was found" in save_gallery(page, "red", [], photos).read_text()
    assert place_in_words((30, 20, 40, 40), (40, 60)) == "bottom centre"
    assert place_in_words((10, 20, 30, 40), (40, 60)) == "centre"
