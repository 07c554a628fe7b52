"""Find and draw the objects in pictures.

OUT gets one drawn PNG a picture, and predictions.json with class, score, box (y1, x1, y2, x2 in
pixels) and run-length mask of each object. A picture that cannot be read is named and the others
go on; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from tfseg.cli import quiet
from tfseg.errors import DataError

EXAMPLES = """\
  tfseg predict runs/clothing/best photo.jpg --out drawn
  tfseg predict runs/clothing/best photos/ more/*.png --out drawn --score-threshold 0.9
  tfseg predict runs/clothing/best photos/ --json > predictions.json"""
PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    parser.add_argument("model_dir", help="folder of a saved model, such as runs/x/best")
    parser.add_argument("images", nargs="+", help="pictures, and folders of pictures")
    parser.add_argument("--out", metavar="DIR", help="folder for drawings and predictions.json")
    parser.add_argument(
        "--score-threshold", type=_share, help="keep objects of at least this score"
    )
    parser.add_argument("--json", action="store_true", help="print predictions.json as well")


def run(args: argparse.Namespace) -> int:
    """Predicts picture by picture; 1 if some could not be read."""
    if args.out is None and not args.json:
        print("tfseg predict: give --out DIR for drawings, or --json.", file=sys.stderr)
        return 2
    from tfseg import models

    quiet.import_backend()
    model = models.load(args.model_dir)
    found, failed = [], []
    for path, drawing in _named(_pictures(args.images)):
        try:
            (prediction,) = model.predict([path], score_threshold=args.score_threshold)
        except (DataError, OSError) as error:
            failed.append({"file": path, "error": str(error)})
            print(f"tfseg: {error}", file=sys.stderr)
            continue
        if args.out is not None:
            _draw(prediction, path, Path(args.out, drawing))
        found.append(_record(prediction, path, drawing if args.out is not None else None))
        _say(args, f"{path}: {_summary(prediction)}")
    content = {"model": args.model_dir, "images": found, "failed": failed}
    text = json.dumps(content, indent=2)
    if args.out is not None:
        _write(Path(args.out, "predictions.json"), text)
        _say(args, f"wrote {len(found)} drawings and predictions.json to {args.out}")
    if args.json:
        print(text)
    if failed:
        print(
            f"tfseg: {len(failed)} of {len(found) + len(failed)} pictures failed", file=sys.stderr
        )
    return 1 if failed else 0


def _share(text: str) -> float:
    number = float(text)
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


def _named(files: list[str]) -> list[tuple[str, str]]:
    """Returns each file with the name of its drawing; equal stems get a number."""
    taken, named = set(), []
    for file in files:
        stem, name, number = Path(file).stem, f"{Path(file).stem}.png", 2
        while name in taken:
            name, number = f"{stem}_{number}.png", number + 1
        taken.add(name)
        named.append((file, name))
    return named


def _draw(prediction, path: str, target: Path) -> None:
    from tfseg.data import images
    from tfseg.visualize import draw, save_png

    save_png(target, draw(images.read_image(path), prediction))


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
