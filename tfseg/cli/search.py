"""Find people in a folder of images by what they wear.

The model parses each image once; what it says is kept in an SQLite file. A search that was stopped
goes on where it was, images that are new or were changed are parsed, and those that are gone are
forgotten. Later searches look into the file alone, which takes no time.

QUERY names what one person wears: "red skirt", "long dark coat and white shoes", "striped shirt".
Plurals and synonyms are understood (jeans are pants, black is dark).

An image that cannot be read is named and the others are searched; the exit code is then 1, as it is
where nobody is found.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from tfseg.cli import quiet
from tfseg.cli.datasets import positive
from tfseg.cli.progress import show_progress
from tfseg.errors import WeightsError

EXAMPLES = """\
  tfseg search "red skirt" photos/
  tfseg search "long dark coat and white shoes" photos/ --out coats.html
  tfseg search "striped shirt" photos/ --model runs/people/best --index parsings.sqlite --json"""

_INDEX = ".tfseg_parsings.sqlite"
_SHIPPED = "parsing"
_SHOWN = 10  # lines of the answer in the terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    parser.add_argument("query", metavar="QUERY", help="what somebody wears, in words")
    parser.add_argument("folder", metavar="FOLDER", help="images; folders inside are searched too")
    parser.add_argument(
        "--model",
        default=_SHIPPED,
        metavar="MODEL_DIR",
        help="folder of a saved model that says what people wear, or the name of one; default: "
        f"{_SHIPPED}",
    )
    parser.add_argument(
        "--index", metavar="FILE", help=f"where parsings are kept; default: FOLDER/{_INDEX}"
    )
    parser.add_argument("--rebuild", action="store_true", help="forget all parsings first")
    parser.add_argument(
        "--out", metavar="FILE", default="search.html", help="page to write; default: search.html"
    )
    parser.add_argument(
        "--limit", type=positive, default=100, help="people on the page, at most; default: 100"
    )
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")


def run(args: argparse.Namespace) -> int:
    """Parses what is new, searches, and writes the page; 1 if nobody was found, or if images could
    not be read."""
    from tfseg.search import ParsingIndex, check_images, save_gallery, understand

    check_images(args.folder)  # before the index is made
    folder, identity = _model(args.model)
    with ParsingIndex(args.index or Path(args.folder, _INDEX), args.folder) as index:
        if args.rebuild:
            index.clear()
        if index.vocabulary is not None:
            understand(args.query, index.vocabulary)  # before the work
        _update(index, folder, identity, args.query)
        hits = index.search(understand(args.query, index.vocabulary), limit=args.limit)
        faults, images = index.faults, len(index)
    page = save_gallery(args.out, args.query, hits, args.folder)
    if args.json:
        print(json.dumps([_record(hit) for hit in hits]))
    else:
        _tell(hits, images - len(faults), page)
    for path, fault in faults.items():
        print(f"tfseg: {path}: {fault}", file=sys.stderr)
    if faults:
        print(f"tfseg: {len(faults)} of {images} images failed", file=sys.stderr)
    return 0 if hits and not faults else 1


def after_interrupt(args: argparse.Namespace) -> str:
    """Returns what to do next."""
    return "Give the same command again: what was parsed is kept."


def _model(name: str) -> tuple[Path, str]:
    """Returns the folder of the model and what tells it from others.

    Raises:
        WeightsError: If there is none.
    """
    from tfseg import files
    from tfseg.engine.checkpoint import MODEL_FILE
    from tfseg.engine.named_models import find_model
    from tfseg.search.index import REMEDY

    try:
        folder = find_model(name)
    except WeightsError as error:
        if name != _SHIPPED:
            raise
        raise WeightsError(
            f"no model {_SHIPPED!r} comes with this tfseg. {REMEDY} ({error})"
        ) from None
    if not (folder / MODEL_FILE).is_file():
        raise WeightsError(f"{folder}: no saved model here (there is no {MODEL_FILE}).")
    weights = sorted(folder.glob("*.h5"))
    return folder, " ".join(files.sha256(path) for path in (folder / MODEL_FILE, *weights))


def _update(index, folder: Path, identity: str, query: str) -> None:
    """Brings the parsings up to date; the model is loaded only if there is something to parse."""
    change = index.change()
    fresh = index.vocabulary is None or not index.belongs_to(identity)
    if not (change.missing or change.gone or fresh):
        return
    from tfseg import models
    from tfseg.search.index import vocabulary_of
    from tfseg.search.words import understand

    quiet.import_backend()
    model = models.load(os.fspath(folder))
    understand(query, vocabulary_of(model))  # before the work
    index.update(model, identity, progress=show_progress)


def _record(hit) -> dict:
    return {
        "file": hit.path,
        "person": hit.number,
        "score": hit.score,
        "box": list(hit.box),
        "found": list(hit.found),
        "sentence": hit.sentence,
    }


def _tell(hits, images: int, page: Path) -> None:
    for hit in hits[:_SHOWN]:
        print(f"{hit.score:.2f}  {hit.path}  {hit.sentence}")
    if len(hits) > _SHOWN:
        print(f"... and {len(hits) - _SHOWN} more")
    print(f"{len(hits)} people in {images} images; wrote {page}")
