"""Predictions without end of `tfseg predict`: which commands are such, and their run."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import tfseg
from tfseg.cli import cutouts, extras, inputs
from tfseg.errors import ConfigError, DataError, TFSegError
from tfseg.results import endless, places, streams
from tfseg.results.records import summary

__all__ = ["ENDINGS", "FORMATS", "is_stream", "listed", "run", "video_of"]

FORMATS = ("jsonl", "parquet", "video")
ENDINGS = (".jsonl", ".parquet", ".mp4")
_BATCH_SIZE = 4


def listed(file: str) -> list[str]:
    """Returns the paths in a text file, one a line; relative ones count from its folder.

    Raises:
        DataError: If it cannot be read, or holds none.
    """
    try:
        lines = Path(file).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: expected a list of images, a path a line ({error}).") from error
    found = [os.path.join(os.path.dirname(file), line.strip()) for line in lines if line.strip()]
    if not found:
        raise DataError(f"{file}: the list is empty; expected a path a line.")
    return found


def video_of(args: argparse.Namespace, dataset):
    """Returns the video that is to be predicted on, or None.

    Raises:
        ConfigError: If it does not stand alone, or the format does not fit.
    """
    from tfseg.data.images.video import Video, is_video

    videos = [word for word in args.images if is_video(word)] if dataset is None else []
    if not videos:
        if args.format == "video":
            raise ConfigError("--format video: INPUT is no video; drawn writes images.")
        return None
    if len(args.images) > 1:
        raise ConfigError(
            f"{videos[0]}: a video is predicted alone; got {len(args.images)} inputs."
        )
    if args.json or args.instances or args.format == "cutout" or cutouts.words(args):
        raise ConfigError(
            f"{videos[0]}: of a video there are --format video, drawn, jsonl, coco and parquet."
        )
    return Video(videos[0])


def is_stream(args: argparse.Namespace, model, dataset) -> bool:
    """Returns whether a command's images are predicted on without end.

    Raises:
        ConfigError: For a format that these arguments do not have.
    """
    form = args.format or ("cutout" if getattr(model, "cuts_out", False) else "drawn")
    plain = args.out is not None and not args.json and not args.instances and dataset is None
    plain = plain and not cutouts.words(args) and args.detector is None
    if form in FORMATS and not plain:
        raise ConfigError(
            f"--format {form}: needs --out and images, a list or a video; it does not go with a "
            "dataset, --json, --instances or what is about cut-outs."
        )
    return plain and form in (*FORMATS, "drawn", "coco")


def run(args: argparse.Namespace, model, named: list[tuple[str, str]], video=None) -> int:
    """Predicts on all images, or on a video; 1 if some could not be read."""
    stream = _stream(args, model, named, video)
    given = extras.of_files(args, model, None if video is not None else len(named))
    threshold = 0.0 if args.format == "coco" and args.score_threshold is None else None
    threshold = args.score_threshold if threshold is None else threshold

    def predict(sources) -> Iterator:
        options = {"batch_size": _BATCH_SIZE, "score_threshold": threshold}
        return model.predict_iter(sources, **options, **given)

    def told(path: str, found) -> None:
        if isinstance(found, Exception):
            print(f"tfseg: {found}", file=sys.stderr)
        else:
            print(f"{path}: {summary(found)}")

    def sources(start: int) -> Iterator[tuple]:
        if video is not None:
            return _frames(video, start)
        return ((path, path, name) for path, name in named[start:])

    def resumed(done: int) -> None:
        of = f" of {len(named)}" if video is None else ""
        print(f"going on behind {done}{of} images that were done before")

    task = _task(args, named, video, threshold)
    count, failed, written = endless.predict_on(
        sources, predict, stream, task, told=told, resumed=resumed
    )
    print(stream.told(count, written))
    if failed:
        names = "".join(f"\n  {one['file']}" for one in failed)
        total = count + len(failed)
        print(f"tfseg: {len(failed)} of {total} images failed{names}", file=sys.stderr)
    return 1 if failed else 0


def _stream(args: argparse.Namespace, model, named: list[tuple[str, str]], video) -> streams.Stream:
    """Returns what writes the results; places are checked before the work."""
    form = args.format or ("video" if video is not None and args.out.endswith(".mp4") else "drawn")
    read = inputs.files_read(args, named)
    if form == "drawn":
        names = inputs.names_of_drawings(args.out, read, [name for _, name in named])
        return streams.DrawnImages(args.out, args.model_dir, names)
    if form == "coco":
        return streams.Coco(inputs.coco_file(args.out, read), model.class_names)
    ending = ENDINGS[FORMATS.index(form)]
    places.check_place(args.out, (ending,), "--out")
    out = args.out if args.out.lower().endswith(ending) else f"{args.out}/predictions{ending}"
    places.check_inputs_stay(read, [Path(out)], "--out")
    if form == "video":
        return streams.DrawnVideo(out, video)
    return streams.JsonLines(out) if form == "jsonl" else streams.Parquet(out)


def _frames(video, start: int) -> Iterator[tuple]:
    from tfseg.engine.ahead import prefetched
    from tfseg.structures import Sample

    stem = Path(video.path).stem
    for number, frame in enumerate(prefetched(video.frames(start)), start):
        where = f"{video.path} frame {number}"
        yield Sample(frame, number), where, f"{stem}_{number:06d}.png"


def _task(args: argparse.Namespace, named, video, threshold) -> dict:
    """Returns what must be the same for a prediction to go on."""
    read = [path for path, _ in named] if video is None else [video.path]
    given = {name: [file, _state(file)] for name, file in inputs.extra_files(args).items()}
    return {
        "model": args.model_dir,
        "weights": _stamp(args.model_dir),
        "inputs": _digest(read),
        "format": args.format,
        "score_threshold": threshold,
        "engine": args.engine,
        "extras": given,
        "tfseg": tfseg.__version__,
    }


def _digest(paths: list[str]) -> str:
    """Returns what changes when the files do: others, in another order, or with other contents."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path}\0{_state(path)}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _state(path: str) -> str:
    """Returns a file's size and time of change, which differ once another takes its name."""
    try:
        found = os.stat(path)
    except OSError:  # its reading says what is wrong
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"


def _stamp(model_dir: str) -> str:
    """Returns what changes when the model does."""
    from tfseg.engine.checkpoint import read_model_json
    from tfseg.engine.model_json import digest_of_weights
    from tfseg.engine.named_models import find_model

    try:
        return str(digest_of_weights(read_model_json(find_model(model_dir))))
    except TFSegError:  # its loading has said what is wrong, if anything is
        return ""
