"""Find and draw the objects in pictures.

OUT gets one drawn PNG a picture, and predictions.json with class, score, box (y1, x1, y2, x2 in
pixels) and run-length mask of each object. A picture that cannot be read is named and the others
go on; the exit code is then 1.

With --format coco, OUT (a folder, or the JSON file to write) gets COCO result files instead, for
pycocotools: NAME.json with boxes and masks, NAME.segm.json with masks alone (mask AP by size needs
it), and, unless an annotation file numbers the pictures, NAME.images.json, which lists them: they
count from 1. All detections are written, as evaluation wants them.

INPUT may also be one data set: an annotation file (.json), "synthetic", or with --split,
--data-format or --set a folder that `tfseg evaluate --data` understands. Image and category ids are
then those of the data set.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tfseg.cli import datasets, quiet
from tfseg.errors import ConfigError, DataError

EXAMPLES = """\
  tfseg predict runs/clothing/best photo.jpg --out drawn
  tfseg predict runs/clothing/best photos/ more/*.png --out drawn --score-threshold 0.9
  tfseg predict runs/clothing/best photos/ --json > predictions.json
  tfseg predict runs/clothing/best photos/ --format coco --out predictions.json
  tfseg predict runs/clothing/best val.json --format coco --out predictions.json
  tfseg predict runs/clothing/best data/ --split val --format coco --out coco_files"""
PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    parser.add_argument("model_dir", help="folder of a saved model, such as runs/x/best")
    parser.add_argument(
        "images",
        nargs="+",
        metavar="INPUT",
        help="pictures and folders of pictures, or one data set",
    )
    parser.add_argument("--split", help="INPUT is a data set: which part of it; default: val")
    parser.add_argument("--data-format", metavar="NAME", help="its layout; default: recognise it")
    datasets.add_set_argument(parser)
    parser.add_argument(
        "--format",
        choices=["drawn", "coco"],
        default="drawn",
        help="drawn: pictures and predictions.json (default); coco: COCO result files",
    )
    parser.add_argument("--out", metavar="OUT", help="folder; with --format coco also a JSON file")
    parser.add_argument(
        "--score-threshold", type=_share, help="keep objects of at least this score"
    )
    parser.add_argument("--json", action="store_true", help="print the predictions as JSON")


def run(args: argparse.Namespace) -> int:
    """Predicts picture by picture; 1 if some could not be read."""
    if args.out is None and not args.json:
        print("tfseg predict: give --out for files, or --json.", file=sys.stderr)
        return 2
    _check_out(args.out)
    from tfseg import models
    from tfseg.data import coco_results

    dataset = _dataset(args)
    named = _named(_pictures(args.images)) if dataset is None else _samples(dataset)
    quiet.import_backend()
    model = models.load(args.model_dir)
    failed: list[dict] = []
    threshold = args.score_threshold
    if args.format == "coco":
        threshold = 0.0 if threshold is None else threshold
        coco_results.unlisted_categories(dataset, model.class_names)  # before the work
    predictions = _predictions(args, model, named, threshold, failed)
    if args.format == "coco":
        count, text = _write_coco(args, predictions, dataset)
    else:
        count, text = _write_drawn(args, predictions, failed)
    if args.json:
        print(text)
    if failed:
        print(f"tfseg: {len(failed)} of {len(failed) + count} pictures failed", file=sys.stderr)
    return 1 if failed else 0


def _check_out(out: str | None) -> None:
    """Refuses a place that cannot be written before the work, not after it."""
    if out is None:
        return
    place = Path(out)
    place = place.parent if place.suffix.lower() == ".json" else place
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise ConfigError(f"--out {out}: {place} is a file; name a folder, or a .json file.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise ConfigError(f"--out {out}: the folder {place} cannot be written to.")


def _dataset(args: argparse.Namespace):
    """Returns the data set that the words name, or None."""
    given = args.split is not None or args.data_format is not None or args.set
    drawn = [w for w in args.images if w.partition(":")[0] == "synthetic"]
    meant = drawn + [w for w in args.images if w.lower().endswith(".json")]
    if not given and not meant:
        return None
    if len(args.images) > 1:
        which = meant[0] if meant else "--split, --data-format or --set"
        raise ConfigError(f"{which}: a data set is predicted alone; got {len(args.images)} inputs.")
    words = argparse.Namespace(data=args.images[0], format=args.data_format, set=args.set)
    return datasets.open_split(words, datasets.data_section(args), "val", args.split)


def _samples(dataset) -> Iterator[tuple]:
    """Yields a function that reads each sample, its file or place, and its drawing's name."""
    digits = len(str(len(dataset)))
    for index in range(len(dataset)):
        yield (
            (lambda index=index: dataset[index]),
            f"picture {index + 1}",
            f"{index + 1:0{digits}d}.png",
        )


def _predictions(args, model, named, threshold, failed: list[dict]) -> Iterator[tuple]:
    """Yields `(prediction, picture, file, name of its drawing)`; what fails is said and noted."""
    for source, path, drawing in named:
        try:
            item = source() if callable(source) else source
            (prediction,) = model.predict([item], score_threshold=threshold)
        except (DataError, OSError) as error:
            failed.append({"file": path, "error": str(error)})
            print(f"tfseg: {error}", file=sys.stderr)
            continue
        path = prediction.path or path
        _say(args, f"{path}: {_summary(prediction)}")
        yield prediction, item, path, drawing


def _write_drawn(args, predictions, failed: list[dict]) -> tuple[int, str]:
    """Draws the pictures and writes predictions.json; returns their number and the text."""
    found = []
    for prediction, item, path, drawing in predictions:
        if args.out is not None:
            _draw(prediction, item, Path(args.out, drawing))
        found.append(_record(prediction, path, drawing if args.out is not None else None))
    content = {"model": args.model_dir, "images": found, "failed": failed}
    text = json.dumps(content, indent=2)
    if args.out is not None:
        _write(Path(args.out, "predictions.json"), text)
        _say(args, f"wrote {len(found)} drawings and predictions.json to {args.out}")
    return len(found), text


def _write_coco(args, predictions, dataset) -> tuple[int, str]:
    """Writes COCO result files; returns the number of pictures and the records as text."""
    from tfseg.data import coco_results

    found = [prediction for prediction, *_ in predictions]
    if args.out is not None:
        out = Path(args.out)
        out = out if out.suffix.lower() == ".json" else out / "predictions.json"
        out.parent.mkdir(parents=True, exist_ok=True)
        written = coco_results.write_coco_results(found, out, dataset=dataset)
        _say(args, f"wrote {', '.join(written)}")
    text = json.dumps(coco_results.coco_results(found, dataset=dataset)) if args.json else ""
    return len(found), text


def _share(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"expected a score between 0 and 1, got {text}")
    return number


def _say(args: argparse.Namespace, line: str) -> None:
    print(line, file=sys.stderr if args.json else sys.stdout)


def _pictures(words: list[str]) -> list[str]:
    """Returns the files, folders replaced by the pictures directly inside."""
    files = []
    for word in words:
        path = Path(word)
        if not path.is_dir():
            files.append(word)
            continue
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES and p.is_file())
        if not inside:
            raise DataError(f"{word}: no pictures in this folder ({', '.join(sorted(PICTURES))}).")
        files += map(str, inside)
    return files


def _named(files: list[str]) -> list[tuple[str, str, str]]:
    """Returns each file, twice, with the name of its drawing; equal stems get a number."""
    taken, named = set(), []
    for file in files:
        stem, name, number = Path(file).stem, f"{Path(file).stem}.png", 2
        while name in taken:
            name, number = f"{stem}_{number}.png", number + 1
        taken.add(name)
        named.append((file, file, name))
    return named


def _draw(prediction, item, target: Path) -> None:
    from tfseg.data import images
    from tfseg.visualize import draw, save_png

    picture = images.read_image(item) if isinstance(item, str) else item.image
    save_png(target, draw(picture, prediction))


def _summary(prediction) -> str:
    if not len(prediction):
        return "nothing found"
    counts = {name: prediction.names.count(name) for name in dict.fromkeys(prediction.names)}
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _record(prediction, path: str, drawing: str | None) -> dict:
    objects = [
        {
            "class_id": int(class_id),
            "class": name,
            "score": round(float(score), 6),
            "box": [round(float(edge), 3) for edge in box],
            "mask": rle,
        }
        for class_id, name, score, box, rle in zip(
            prediction.class_ids,
            prediction.names,
            prediction.scores,
            prediction.boxes,
            prediction.rles,
        )
    ]
    height, width = prediction.size
    return {"file": path, "height": height, "width": width, "drawing": drawing, "objects": objects}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.partial")
    temporary.write_text(text + "\n", encoding="utf-8")
    os.replace(temporary, path)
