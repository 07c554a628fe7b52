"""A report to open from disk: one HTML file with every number, curve and image inside."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tfseg.errors import DataError
from tfseg.files import write_whole
from tfseg.structures import Prediction, Report, Sample
from tfseg.structures.semantic import CLASS_MAP, IGNORED
from tfseg.visualize import report_tables
from tfseg.visualize.class_maps import MISTAKES, draw_errors
from tfseg.visualize.curves import training_charts
from tfseg.visualize.draw import draw
from tfseg.visualize.files import as_colours, check_picture, encoded
from tfseg.visualize.page import escape, frame, inline_jpeg, legend
from tfseg.visualize.reduced import reduced
from tfseg.visualize.regions import as_map, as_regions, is_map, named_maps

__all__ = ["Example", "write_html"]

_LONG_SIDE = 560  # more would be shrunk on the page until labels cannot be read


@dataclasses.dataclass(frozen=True, eq=False)
class Example:
    """An image for the report, its prediction beside its truth. Where the prediction has a
    class map, the plain photo stands before them and a map of the errors behind; then come its
    other label maps, as far as their classes have names.

    Attributes:
        image: uint8 `(H, W, 3)`.
        truth: The annotated sample, or None.
        prediction: What was found.
        score: How good it is, 1 the best; None or NaN if not known.
        group: A heading, for instance "Best" or "Worst". "": the better half of all such
            images goes under "Best", the other under "Worst".
        caption: Words below; "" gives the image's id or file.
    """

    image: np.ndarray
    truth: Sample | None
    prediction: Prediction
    score: float | None = None
    group: str = ""
    caption: str = ""


def write_html(
    directory: str | os.PathLike,
    report: Report | None,
    *,
    history: Mapping[str, Sequence[float]] | None = None,
    terms: Mapping[str, str] | None = None,
    examples: Sequence = (),
    title: str = "Evaluation",
) -> Path:
    """Writes `index.html` and returns its path. The file needs no network and no other file; it
    is written whole or not at all. What is not given is left out.

    Args:
        directory: Where to; made if need be.
        report: The measures. None: only curves and images.
        history: name to a number per epoch, see `curves.training_charts`.
        terms: Titles of the terms of the loss, see there.
        examples: Objects with `image`, `truth`, `prediction` and `score`, such as `Example`.
        title: The heading. All text is escaped: class names may hold any characters.

    Raises:
        DataError: If an example lacks a part or its sizes do not fit.
        TFSegError: If the file cannot be written.
    """
    report = report if report is not None else Report({})
    sections = [
        ("numbers", "Headline numbers", report_tables.headline(report)),
        ("pictures", "Predictions", _pictures(examples)),
        ("training", "Training", _training(history or {}, terms, report)),
        ("classes", "Per class", report_tables.per_class(report)),
        ("curves", "Precision and recall", report_tables.curves(report)),
        ("confusion", "Confusion table", report_tables.confusion(report)),
        ("measures", "All measures", report_tables.measures(report)),
        ("details", "Details", report_tables.details(report)),
    ]
    sections = [section for section in sections if section[2]]
    if not sections:
        sections = [("empty", "Nothing to show", "<p>No measures, curves or images yet.</p>")]
    page = frame(title, _lead(report), sections)
    return write_whole(Path(directory) / "index.html", page.encode("utf-8"))


def _lead(report: Report) -> str:
    parts = []
    for key, one, many in (
        ("images", "image", "images"),
        ("objects", "object", "objects"),
        ("predictions", "prediction", "predictions"),
    ):
        value = report.details.get(key)
        if isinstance(value, int):
            parts.append(f"{value:,} {one if value == 1 else many}")
    return "Measured on " + ", ".join(parts) + "." if parts else "Segmentation report."


def _training(history: Mapping, terms: Mapping | None, report: Report) -> str:
    charts = training_charts(history, terms=terms, measures=report.measures)
    return f'<div class="charts">{"".join(charts)}</div>' if charts else ""


def _pictures(examples: Sequence) -> str:
    groups: dict[str, list] = {}
    loose = []
    for example in examples:
        group = getattr(example, "group", "")
        (groups.setdefault(group, []) if group else loose).append(example)
    loose.sort(key=lambda one: -_score(one) if math.isfinite(_score(one)) else math.inf)
    known = sum(math.isfinite(_score(one)) for one in loose)
    if known < 2:
        groups.update({"Examples": loose} if loose else {})
    else:
        half = (known + 1) // 2
        groups["Best"], groups["Worst"] = loose[:half], loose[half:known][::-1]
        groups.update({"Not scored": loose[known:]} if loose[known:] else {})
    parts = []
    if any(math.isfinite(_score(example)) for example in examples):
        parts.append("<p>The number beside an image is its score: 1 is the best.</p>")
    if any(_has_map(example) for example in examples):
        parts.append(legend(MISTAKES, "Colours of the errors"))
    for name, members in groups.items():
        figures = "".join(_figure(example) for example in members)
        parts.append(f'<h3>{escape(name)}</h3><div class="examples">{figures}</div>')
    return "".join(parts)


def _score(example) -> float:
    score = getattr(example, "score", None)
    return math.nan if score is None else float(score)


def _figure(example) -> str:
    missing = [name for name in ("image", "truth", "prediction") if not hasattr(example, name)]
    if missing:
        raise DataError(
            f"an example of type {type(example).__name__} lacks {', '.join(missing)}. Pass "
            f"tfseg.visualize.report.Example(image, truth, prediction, score)."
        )
    truth, prediction = example.truth, example.prediction
    if truth is not None and is_map(prediction):
        truth = as_map(truth)
    name = getattr(example, "caption", "") or (
        Path(prediction.path).name if prediction.path else _identity(example)
    )
    score = f"{_score(example):.2f}" if math.isfinite(_score(example)) else "n/a"
    names = prediction.class_names
    pictures, four = [], _has_map(example)
    if four:
        image = check_picture(as_colours(example.image))
        plain = _image(image, Sample(image), names, f"Photo {name}", counted=False)
        pictures.append(("photo", plain))
    if truth is not None:
        pictures.append(("truth", _image(example.image, truth, names, f"Truth of {name}")))
    pictures.append(("prediction", _image(example.image, prediction, names, f"Found in {name}")))
    if four:
        pictures.append(("errors", _errors(example, f"Errors in {name}")))
    pictures += _maps(example, name)
    pair = "".join(f"<div>{picture}{label}</div>" for label, picture in pictures)
    return (
        f'<figure class="example{" wide" * four}"><figcaption><span>{escape(name)}</span>'
        f'<b>{score}</b></figcaption><div class="pair{" four" * four}">{pair}</div></figure>'
    )


def _maps(example, name: str) -> list[tuple[str, str]]:
    """Returns label and image of each named label map: the truth, if it has the map, and what was
    found."""
    pictures = []
    for label_map in named_maps(example.prediction):
        names = example.prediction.names_of(label_map)
        if example.truth is not None and label_map in example.truth.label_maps:
            words = f"Truth of {name}, {label_map}"
            picture = _image(example.image, example.truth, names, words, label_map=label_map)
            pictures.append((escape(f"truth: {label_map}"), picture))
        words = f"Found in {name}, {label_map}"
        picture = _image(example.image, example.prediction, names, words, label_map=label_map)
        pictures.append((escape(label_map), picture))
    return pictures


def _has_map(example) -> bool:
    maps = getattr(getattr(example, "prediction", None), "label_maps", {})
    return CLASS_MAP in maps and getattr(example, "truth", None) is not None


def _identity(example) -> str:
    owner = example.truth if example.truth is not None else example.prediction
    return f"image {owner.image_id}"


def _image(
    image: np.ndarray,
    objects: Prediction | Sample,
    names: tuple,
    words: str,
    counted: bool = True,
    label_map: str | None = None,
) -> str:
    image, objects = reduced(as_colours(image), objects, _LONG_SIDE)
    options = dict(class_names=names, min_side=320, text_scale=1.35, label_map=label_map)
    picture = draw(image, objects, **options)
    told = f"{words}: {_counts(image, objects, names, label_map)}" if counted else words
    return _inline(picture, told)


def _inline(picture: np.ndarray, words: str) -> str:
    content = encoded(picture, "JPEG", quality=86, subsampling=0)
    return inline_jpeg(content, words, picture.shape[:2])


def _counts(
    image: np.ndarray, objects: Prediction | Sample, names: tuple, label_map: str | None
) -> str:
    if label_map is not None or is_map(objects):
        regions = as_regions(image, objects, label_map or CLASS_MAP)
        ids = [i for i in regions.class_ids if i != IGNORED]
        found = [names[i - 1] if 0 < i <= len(names) else f"class {i}" for i in ids]
        return ", ".join(found) or "background alone"
    known = [names[i - 1] if 0 < i <= len(names) else f"class {i}" for i in objects.class_ids]
    counts = {name: known.count(name) for name in dict.fromkeys(known)}
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "no objects"


def _errors(example, words: str) -> str:
    image, truth = reduced(as_colours(example.image), as_map(example.truth), _LONG_SIDE)
    _, prediction = reduced(as_colours(example.image), example.prediction, _LONG_SIDE)
    picture = draw_errors(image, truth, prediction, min_side=320)
    classes, found = truth.label_maps[CLASS_MAP], prediction.label_maps[CLASS_MAP]
    counted = classes != IGNORED
    share = float((counted & (classes != found)).sum() / max(1, counted.sum()))
    return _inline(picture, f"{words}: {share:.1%} of the pixels")
