"""The HTML report: whole, self-contained, escaped, and content with missing pieces."""

from __future__ import annotations

import base64
import io
import math
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tfseg.errors import DataError, TFSegError
from tfseg.metrics import instances
from tfseg.structures import Prediction, Report, Sample
from tfseg.visualize import Example, write_html

VOID = {"meta", "img", "line", "circle", "polyline", "br"}
EVIL = '<script>alert("x")</script>'


class Page(HTMLParser):
    """Checks that tags close in order, and keeps text, tags and attributes."""

    def __init__(self, path):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def all(self, tag) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


def example(seed=0, size=(60, 80), **fields) -> Example:
    rng = np.random.default_rng(seed)
    mask = np.zeros((1, *size), bool)
    mask[0, size[0] // 4 : size[0] // 2, size[1] // 4 : size[1] // 2] = True
    truth = Sample(rng.integers(0, 256, (*size, 3), np.uint8), seed, class_ids=[1], masks=mask)
    prediction = Prediction.from_masks(
        mask, boxes=truth.boxes, class_ids=[2], scores=[0.75], class_names=("suit", EVIL)
    )
    return Example(truth.image, truth, prediction, **fields)


def full_report(classes=("suit", EVIL)) -> Report:
    curve = {"recall": [0, 0.5, 1], "precision": [1, 0.8, 0]}
    return Report(
        {"segm/AP": 0.4321, "segm/AP50": math.nan, "bbox/AP": 0.5, "map_matterport": 0.6},
        {"segm/AP": {c: 0.25 for c in classes}, "segm/AP50": {c: math.nan for c in classes}},
        {"segm/PR50": {c: curve for c in classes}},
        {
            "labels": [*classes, "background"],
            "counts": np.arange((len(classes) + 1) ** 2).reshape(len(classes) + 1, -1).tolist(),
            "iou": 0.5,
            "score": 0.5,
        },
        {"images": 3, "objects": 1, "data": EVIL, "config": {"model": {"backbone": "resnet50"}}},
        instances.MEASURES,
    )


def test_everything_is_on_the_page(tmp_path):
    history = {"loss": [3, 2, 1], "val_loss": [3, 2.5, 2], "segm/AP": [0.1, 0.2, 0.43]}
    examples = [example(i, score=score) for i, score in enumerate((0.9, 0.1, 0.5, 0.7))]
    path = write_html(tmp_path, full_report(), history=history, examples=examples, title="Suits")
    page = Page(path)
    assert path == tmp_path / "index.html"
    for words in (
        "Suits",
        "0.432",
        "n/a",
        "Best",
        "Worst",
        "Total loss",
        "Confusion table",
        "3 images",
        "1 object",
        "config.model.backbone",
        "resnet50",
        "map_matterport",
    ):
        assert words in page.text, words
    assert len(page.all("img")) == 8 and len(page.all("svg")) == 3
    cells = [
        int(n) for n in re.findall(r"<td class=\"(?:hit|miss)\"[^>]*>([\d,]+)</td>", page.source)
    ]
    assert cells == list(range(9))


def test_best_come_first_and_worst_with_the_lowest(tmp_path):
    examples = [example(i, score=score) for i, score in enumerate((0.9, 0.1, 0.5, 0.7))]
    text = Page(write_html(tmp_path, None, examples=examples)).text
    order = re.findall(r"image (\d)", text)
    assert order == ["0", "3", "1", "2"]


def test_named_groups_captions_and_unknown_scores(tmp_path):
    examples = [
        example(0, score=None, group="Hard ones", caption="at night"),
        example(1, score=math.nan),
        SimpleNamespace(
            image=example().image, truth=None, prediction=example().prediction, score=1
        ),
    ]
    page = Page(write_html(tmp_path, None, examples=examples))
    assert "Hard ones" in page.text and "at night" in page.text and "n/a" in page.text
    assert len(page.all("img")) == 5


def test_pictures_are_inside_with_words_for_those_who_cannot_see(tmp_path):
    large = example(1, size=(900, 1200), score=1.0, caption="beach")
    page = Page(write_html(tmp_path, None, examples=[large]))
    truth, found = page.all("img")
    assert truth["alt"] == "Truth of beach: 1 suit"
    assert found["alt"] == f"Found in beach: 1 {EVIL}"
    content = base64.b64decode(truth["src"].removeprefix("data:image/jpeg;base64,"))
    picture = Image.open(io.BytesIO(content))
    assert (picture.width, picture.height) == (int(truth["width"]), int(truth["height"]))
    assert max(picture.size) < 1200
    colour = np.asarray(picture)[picture.height * 3 // 8, picture.width * 3 // 8].astype(int)
    assert colour[0] > colour[1] + 40  # the first class is red


def test_no_text_becomes_markup_and_nothing_is_fetched(tmp_path):
    history = {EVIL + "loss": [1, 2]}
    examples = [example(caption=EVIL, group=EVIL)]
    path = write_html(tmp_path, full_report(), history=history, examples=examples, title=EVIL)
    page = Page(path)
    assert not page.all("script") and not page.all("link") and not page.all("iframe")
    assert EVIL in page.text
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/jpeg;base64,"))
    assert "url(" not in page.source and "@import" not in page.source
    assert "default-src 'none'" in page.source


def test_missing_pieces_are_left_out(tmp_path):
    assert "Nothing to show" in Page(write_html(tmp_path, None)).text
    assert "Nothing to show" in Page(write_html(tmp_path, Report({}), history={})).text
    only = Page(write_html(tmp_path, Report({"accuracy": math.nan})))
    assert "accuracy" in only.text and "Training" not in only.text
    assert "Predictions" not in only.text and "Confusion" not in only.text
    odd = Report({"segm/AP": 0.1}, curves={"segm/PR50": {}}, confusion={"labels": []})
    assert "Precision and recall" not in Page(write_html(tmp_path, odd)).text


def test_many_classes(tmp_path):
    page = Page(write_html(tmp_path, full_report([f"class {i}" for i in range(80)])))
    assert "mean of 80 classes" in page.text
    counts = re.findall(r">([\d,]+)</td></tr>", page.source)
    top = [int(n.replace(",", "")) for n in counts if "," in n]
    assert top == sorted(top, reverse=True) and len(top) == 20


def test_sections_are_linked(tmp_path):
    page = Page(write_html(tmp_path, full_report()))
    targets = {attributes.get("id") for _, attributes in page.tags}
    links = [a["href"].removeprefix("#") for a in page.all("a")]
    assert links and set(links) <= targets


def test_written_whole_or_not_at_all(tmp_path):
    path = write_html(tmp_path, full_report())
    before = path.read_text()
    with pytest.raises(DataError, match="lacks truth"):
        write_html(tmp_path, None, examples=[SimpleNamespace(image=1, prediction=2)])
    assert path.read_text() == before
    with pytest.raises(TFSegError, match="could not be written"):
        write_html(path, full_report())
