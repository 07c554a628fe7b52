"""Find, draw and cut out the objects in images.

A model that finds objects fills the folder OUT with one drawn PNG an image and predictions.json,
with class, score, box (y1, x1, y2, x2 in pixels) and run-length mask of each object.

A portrait model cuts people out: OUT is a PNG file with transparency (or WebP; with --background
also JPEG), for several images a folder. With --instances each person is cut out, beside one
drawing of all: OUT is a folder, or a file for the drawing alone. --format drawn gives the drawings
of the other models.

A model that gives poses a mask takes them with --poses: a file that a pose estimator wrote in
COCO's form. Images that it does not name are taken for images without people.

An image that cannot be read is named and the others go on; the exit code is then 1.

Any number of images will do: few are in memory at once. INPUT may also be a list of images (.txt, a
path a line, counted from its folder) or one video. --format jsonl writes a line of JSON an image,
parquet a table (pip install 'tfseg[parquet]'), video the drawn video. What is interrupted goes on
where it stopped when the same command runs again, for these, for coco and for drawn.

With --format coco, OUT (a folder, or the JSON file to write) gets COCO result files instead, for
pycocotools: NAME.json with boxes and masks, NAME.segm.json with masks alone (mask AP by size needs
it), and, unless an annotation file numbers the images, NAME.images.json, which lists them: they
count from 1. All detections are written, as evaluation wants them.

INPUT may also be one dataset: an annotation file (.json), "synthetic", or with --split,
--data-format or --set a folder that `tfseg evaluate --data` understands. Image and category ids are
then those of the dataset.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tfseg.cli import cutouts, datasets, engines, extras, inputs, people, streaming
from tfseg.data.images.image_files import SUFFIXES, images_in
from tfseg.errors import ConfigError, DataError
from tfseg.results import coco, places
from tfseg.results.coco_output import CocoOutput
from tfseg.results.cut_outs import CutOuts, Cutter
from tfseg.results.drawings import Drawings, People
from tfseg.results.records import summary

EXAMPLES = """\
  tfseg predict runs/clothing/best photo.jpg --out drawn
  tfseg predict runs/clothing/best photos/ more/*.png --out drawn --score-threshold 0.9
  tfseg predict runs/clothing/best photos/ --json > predictions.json
  tfseg predict runs/clothing/best photos/ --format coco --out predictions.json
  tfseg predict runs/clothing/best photos/ --format jsonl --out predictions.jsonl
  tfseg predict runs/clothing/best list.txt --format parquet --out predictions.parquet
  tfseg predict runs/clothing/best clip.mp4 --format video --out drawn.mp4
  tfseg predict runs/clothing/best data/ --split val --format coco --out coco_files
  tfseg predict portrait photo.jpg --out cut.png
  tfseg predict portrait photo.jpg --out blurred.jpg --background blur
  tfseg predict portrait photos/ --out cut --background beach.jpg
  tfseg predict portrait photo.jpg --out people --instances --boxes boxes.json
  tfseg predict runs/pose2seg/best photos/ --poses poses.json --out drawn"""

_BATCH_SIZE = 4  # images of equal shape that are computed at once


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    parser.add_argument(
        "model_dir", help="folder of a saved model, such as runs/x/best, or the name of one"
    )
    parser.add_argument(
        "images",
        nargs="+",
        metavar="INPUT",
        help="images and folders of images, or one dataset",
    )
    parser.add_argument("--split", help="INPUT is a dataset: which part of it; default: val")
    parser.add_argument("--data-format", metavar="NAME", help="its layout; default: recognise it")
    datasets.add_set_argument(parser)
    parser.add_argument(
        "--format",
        choices=["drawn", "cutout", "coco", *streaming.FORMATS],
        help="drawn: images and predictions.json; cutout: people cut out, the default "
        "of models that do; coco: COCO result files; jsonl, parquet: all predictions in one file; "
        "video: the video INPUT, drawn",
    )
    parser.add_argument(
        "--out",
        metavar="OUT",
        help="folder; for some kinds also a file; without it and --json what was found is said",
    )
    cutouts.add_arguments(parser)
    parser.add_argument(
        "--instances",
        action="store_true",
        help="person by person: a model that cuts out needs --boxes or --detector for it",
    )
    extras.add_arguments(parser)
    people.add_detector(parser)
    parser.add_argument(
        "--score-threshold", type=datasets.share, help="keep objects of at least this score"
    )
    engines.add_argument(parser)
    parser.add_argument("--json", action="store_true", help="print the predictions as JSON")


def run(args: argparse.Namespace) -> int:
    """Predicts image by image; 1 if some could not be read."""
    if args.out is None and args.format is not None and not args.json:
        raise ConfigError(f"--format {args.format}: give --out, where it is to be written.")
    _check_words(args)
    places.check_place(args.out, (".json", *SUFFIXES, *streaming.ENDINGS), "--out")
    cutter = cutouts.cutter(args)
    dataset = _dataset(args)
    if (video := streaming.video_of(args, dataset)) is not None:
        if args.out is None:
            raise ConfigError(f"{args.images[0]}: for a video give --out, such as drawn.mp4.")
        model = engines.load(args.model_dir, args.engine)
        return streaming.run(args, model, [], video)
    named = _named(_images(args.images)) if dataset is None else _places(len(dataset))
    if dataset is None and not args.json and (faults := _faults_if_none_is_there(named)):
        for fault in faults:
            print(f"tfseg: {fault}", file=sys.stderr)
        return _status(len(faults), 0)
    model = engines.load(args.model_dir, args.engine, network=args.detector is not None)
    if streaming.is_stream(args, model, dataset):
        return streaming.run(args, model, named)
    files = _files(args, model, cutter, named, dataset)
    given = extras.of_files(args, model, len(named))
    if args.detector is not None:
        given["boxes"] = people.load_detector(args.detector, model.config.foreground_name)
    images = [path for path, _ in named] if dataset is None else dataset
    failed = _predict(args, model, images, named, given, files)
    count, text, line = files.finish(failed)
    if line:
        _say(args, line)
    if args.json:
        print(text)
    elif args.out is None:
        print("--out FOLDER writes images, --json prints boxes, scores and masks")
    return _status(len(failed), count)


def _status(failed: int, done: int) -> int:
    """Returns the exit status, and says how many images failed."""
    if failed:
        print(f"tfseg: {failed} of {failed + done} images failed", file=sys.stderr)
    return 1 if failed else 0


def _faults_if_none_is_there(named: list[tuple]) -> list[str]:
    """Returns what is wrong with the files, if there is none to be read: loading a model to say so
    takes seconds."""
    from tfseg.data.images.images import check_file

    faults = []
    for path, _ in named:
        try:
            check_file(path)
        except DataError as error:
            faults.append(str(error))
        else:
            return []
    return faults


def _check_words(args: argparse.Namespace) -> None:
    """Refuses words that do not go together, whatever the model."""
    has_boxes = people.check_words(args)
    if args.instances and not has_boxes:
        raise ConfigError(
            "--instances: give the boxes of the people, --boxes FILE.json, or a model that finds "
            "them, --detector MODEL_DIR."
        )
    if has_boxes and not args.instances:
        raise ConfigError("--boxes and --detector are for --instances; add it.")
    pictured = [w for w in ("--background", "--alpha") if getattr(args, w[2:])]
    if pictured and (args.out is None or args.format in ("drawn", "coco")):
        what = "needs --out" if args.out is None else f"makes no sense with --format {args.format}"
        raise ConfigError(f"{pictured[0]}: {what}; it is about images that are cut out.")


def _files(args, model, cutter: Cutter, named, dataset):
    """Returns what writes the kind of files that the words and the model ask for."""
    if args.out is None and not args.json:
        return _Counted()
    form = args.format
    names, read = [name for _, name in named], inputs.files_read(args, named, dataset)
    if not getattr(model, "cuts_out", False):
        for word in cutouts.words(args):
            raise ConfigError(
                f"{word}: a {model.system} model finds objects and cuts nothing out; the "
                "models that do have the label map alpha, such as the one that comes with tfseg."
            )
        form = form or "drawn"
    if form == "coco":
        inputs.coco_file(args.out, read)  # a place that can be written
        coco.unlisted_categories(dataset, model.class_names)  # before the work
        return CocoOutput(args.out, dataset, args.json)
    if form == "drawn" or args.out is None:
        names = inputs.names_of_drawings(args.out, read, names)
        return Drawings(args.out, args.model_dir, names)
    if args.score_threshold is not None and not args.instances:
        raise ConfigError("--score-threshold: a cut-out has no score; it is for --instances.")
    drawn = form is None and args.instances
    file = places.one_file(args.out, len(named), cutter.transparent and not drawn, "--out")
    folder = Path(args.out)
    made = [*names, "predictions.json"] if drawn else names
    targets = [file] if file else [folder / name for name in made]
    places.check_inputs_stay(read, targets, "--out")
    names += places.inputs_inside(read, folder)
    if not drawn:
        if args.instances and file is not None:
            raise ConfigError(f"--out {args.out}: people are cut out one by one; name a folder.")
        return CutOuts(args.out, args.model_dir, cutter, file, args.instances, names)
    if file is not None and (args.alpha or args.background):
        raise ConfigError(f"--out {args.out}: for cut-outs of each person name a folder.")
    return People(args.out, args.model_dir, cutter, file, names)


class _Counted:
    """What keeps nothing of the predictions, which are said one by one."""

    count = 0

    def add(self, prediction, item, path: str, name: str) -> None:
        """Counts one."""
        self.count += 1

    def finish(self, failed: list[dict]) -> tuple[int, str, str]:
        """Returns how many there were."""
        return self.count, "", ""


def _predict(args, model, images, named, given: dict, files) -> list[dict]:
    """Hands every prediction to `files`; what fails is said, and returned."""
    threshold, failed = args.score_threshold, []
    if args.format == "coco" and threshold is None:
        threshold = 0.0
    size = min(_BATCH_SIZE, len(named)) or 1
    answers = model.predict_each(images, batch_size=size, score_threshold=threshold, **given)
    for (path, name), answer in zip(named, answers):
        try:
            if answer.error is not None:
                raise answer.error
            path = answer.prediction.path or path
            files.add(answer.prediction, answer.item, path, name)
        except (DataError, OSError) as error:
            failed.append({"file": path, "error": str(error)})
            print(f"tfseg: {error}", file=sys.stderr)
            continue
        _say(args, f"{path}: {summary(answer.prediction)}")
    return failed


def _dataset(args: argparse.Namespace):
    """Returns the dataset that the words name, or None."""
    given = args.split is not None or args.data_format is not None or args.set
    drawn = [w for w in args.images if w.partition(":")[0] == "synthetic"]
    meant = drawn + [w for w in args.images if w.lower().endswith(".json")]
    if not given and not meant:
        return None
    if len(args.images) > 1:
        which = meant[0] if meant else "--split, --data-format or --set"
        raise ConfigError(f"{which}: a dataset is predicted alone; got {len(args.images)} inputs.")
    words = argparse.Namespace(data=args.images[0], format=args.data_format, set=args.set)
    return datasets.open_split(words, datasets.data_section(args), "val", args.split)


def _places(count: int) -> list[tuple[str, str]]:
    """Returns the place of each sample of a dataset, with the name of its PNG file."""
    digits = len(str(count))
    return [(f"image {number}", f"{number:0{digits}d}.png") for number in range(1, count + 1)]


def _say(args: argparse.Namespace, line: str) -> None:
    print(line, file=sys.stderr if args.json else sys.stdout)


def _images(words: list[str]) -> list[str]:
    """Returns the files, folders replaced by the images directly inside."""
    files = []
    for word in words:
        if os.path.isdir(word):
            files += map(str, images_in(Path(word)))
        else:
            files += streaming.listed(word) if word.lower().endswith(".txt") else [word]
    return files


def _named(files: list[str]) -> list[tuple[str, str]]:
    """Returns each file with the name of its PNG file."""
    return list(zip(files, places.names_of(files)))
