"""What a prediction without end is written as: JSON lines, COCO results, Parquet, drawings.

Each has `record(prediction, item, path, name)`, called for every image in turn, which returns what
the journal keeps of it, and `finish(journal)`, which writes the files from the journal, record by
record: memory does not grow with the number of images. `restore(record)` meets the records of an
earlier run.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from tfseg import files
from tfseg.data.coco.coco_writer import category_records, image_numbers
from tfseg.errors import ConfigError, DataError
from tfseg.results import places
from tfseg.results.drawings import Drawings
from tfseg.results.journal import Journal
from tfseg.results.records import counted
from tfseg.structures import Prediction

__all__ = ["Coco", "DrawnImages", "DrawnVideo", "JsonLines", "Parquet", "Stream"]

_ROWS = 1000  # images of a Parquet row group


class Stream:
    """Base of the kinds: keeps the whole prediction.

    Args:
        out: The file that is written.
    """

    def __init__(self, out: str | os.PathLike):
        self.out = Path(out)

    def record(self, prediction: Prediction, item, path: str, name: str) -> dict:
        """Returns what the journal keeps of an image."""
        return {"prediction": prediction.to_dict()}

    def restore(self, record: dict) -> None:
        """Takes notice of an image of an earlier run."""

    def finish(self, journal: Journal) -> list[Path]:
        """Writes the files, and returns them."""
        raise NotImplementedError

    def told(self, count: int, written: list[Path]) -> str:
        """Returns a line for the user, of so many images."""
        return f"wrote {', '.join(map(str, written))}"


class JsonLines(Stream):
    """One line of JSON an image: `Prediction.to_dict()`, or `{"path", "error"}` of an image that
    failed."""

    def finish(self, journal: Journal) -> list[Path]:
        """Writes the file."""
        with files.replacing_file(self.out, error=DataError) as partial:
            with open(partial, "w", encoding="utf-8") as file:
                for record in journal.records():
                    line = record.get("prediction")
                    line = line or {"path": record["file"], "error": record["error"]}
                    file.write(json.dumps(line) + "\n")
        return [self.out]


class Coco(Stream):
    """COCO result files as `tfseg.results.coco` writes them: `NAME.json`, `NAME.segm.json` and
    `NAME.images.json`.

    Args:
        out: `NAME.json`.
        class_names: Name of class id k at position k - 1.
    """

    def __init__(self, out: str | os.PathLike, class_names: Iterable[str]):
        super().__init__(out)
        self.class_names = tuple(class_names)

    def finish(self, journal: Journal) -> list[Path]:
        """Writes the three files, all or none."""
        ids = [record["prediction"]["image_id"] for record in _answered(journal)]
        numbers = image_numbers(ids)
        del ids
        paths = list(places.coco_files(self.out))
        with contextlib.ExitStack() as stack:
            both, masks, images = (stack.enter_context(_text(stack, path)) for path in paths)
            both.write("[")
            masks.write("[")
            head = {"info": {"description": "images that tfseg predicted on"}}
            images.write(json.dumps(head)[:-1] + ', "images": [')
            comma = ""
            for place, (record, number) in enumerate(zip(_answered(journal), numbers)):
                found = Prediction.from_dict(record["prediction"])
                images.write((", " if place else "") + json.dumps(self._image(found, number)))
                for one in found.to_coco():
                    one = {**one, "image_id": number}
                    both.write(comma + json.dumps(one))
                    del one["bbox"]
                    masks.write(comma + json.dumps(one))
                    comma = ", "
            both.write("]")
            masks.write("]")
            categories = category_records(self.class_names, range(1, len(self.class_names) + 1))
            images.write(f'], "annotations": [], "categories": {json.dumps(categories)}}}')
        return paths

    def _image(self, found: Prediction, number: int) -> dict:
        folder = os.path.dirname(os.path.abspath(self.out))
        name = os.path.relpath(found.path, folder) if found.path else str(found.image_id)
        return {
            "id": number,
            "file_name": name,
            "height": found.size[0],
            "width": found.size[1],
        }


class Parquet(Stream):
    """A Parquet file with a row an image, its objects in a list; needs pyarrow."""

    def __init__(self, out: str | os.PathLike):
        super().__init__(out)
        if importlib.util.find_spec("pyarrow") is None:
            raise ConfigError(
                "Parquet files are written by pyarrow, which is not installed: pip install "
                "'tfseg[parquet]'."
            )

    def finish(self, journal: Journal) -> list[Path]:
        """Writes the file, a thousand images at a time."""
        import pyarrow
        from pyarrow import parquet

        schema = _schema(pyarrow)
        with files.replacing_file(self.out, error=DataError) as partial:
            with parquet.ParquetWriter(str(partial), schema, compression="zstd") as writer:
                rows = []
                for record in journal.records():
                    rows.append(_parquet_row(record))
                    if len(rows) == _ROWS:
                        writer.write_table(pyarrow.Table.from_pylist(rows, schema))
                        rows = []
                writer.write_table(pyarrow.Table.from_pylist(rows, schema))
        return [self.out]


class DrawnImages(Stream):
    """A drawing of each image and predictions.json, as `Drawings`.

    Args:
        out: The folder.
        model_dir: Of the model, for the records.
        names: Of all drawings.
    """

    def __init__(self, out: str | os.PathLike, model_dir: str, names: Iterable[str] = ()):
        super().__init__(out)
        self.drawings = Drawings(str(out), model_dir, names)

    def record(self, prediction: Prediction, item, path: str, name: str) -> dict:
        """Draws the image, and returns its record in predictions.json."""
        self.drawings.add(prediction, item, path, name)
        return {"drawn": self.drawings.records.pop()}

    def restore(self, record: dict) -> None:
        """Takes the names that an earlier run used."""
        maps = record.get("drawn", {}).get("label_maps", {})
        self.drawings.taken.update(one["file"] for one in maps.values())

    def finish(self, journal: Journal) -> list[Path]:
        """Writes predictions.json."""
        path = self.out / "predictions.json"
        with files.replacing_file(path, error=DataError) as partial:
            with open(partial, "w", encoding="utf-8") as file:
                file.write(f'{{\n  "model": {json.dumps(self.drawings.model_dir)},\n')
                drawn = (r["drawn"] for r in journal.records() if "drawn" in r)
                _write_list(file, "images", drawn)
                file.write(",\n")
                _write_list(file, "failed", _failed(journal))
                file.write("\n}\n")
        return [path]

    def told(self, count: int, written: list[Path]) -> str:
        """Returns a line for the user, of so many images."""
        return f"wrote {counted(count, 'drawing')} and predictions.json to {self.out}"


class DrawnVideo(Stream):
    """A video with the objects drawn on its frames.

    Args:
        out: The MP4 file.
        video: What was predicted on; it is read a second time.
    """

    def __init__(self, out: str | os.PathLike, video):
        super().__init__(out)
        self.video = video

    def finish(self, journal: Journal) -> list[Path]:
        """Draws and writes the video."""
        from tfseg.visualize.draw import draw
        from tfseg.visualize.video import write_video

        def frames() -> Iterator[np.ndarray]:
            for frame, record in zip(self.video.frames(), journal.records()):
                content = record.get("prediction")
                if content is None:
                    yield frame
                else:
                    yield draw(frame, Prediction.from_dict(content), legend=False)

        write_video(self.out, frames(), self.video.rate)
        return [self.out]


def _answered(journal: Journal) -> Iterator[dict]:
    return (record for record in journal.records() if "prediction" in record)


def _failed(journal: Journal) -> Iterator[dict]:
    for record in journal.records():
        if "error" in record:
            yield {"file": record["file"], "error": record["error"]}


@contextlib.contextmanager
def _text(stack: contextlib.ExitStack, path: Path) -> Iterator:
    partial = stack.enter_context(files.replacing_file(path, error=DataError))
    with open(partial, "w", encoding="utf-8") as file:
        yield file


def _write_list(file, name: str, entries: Iterable[dict]) -> None:
    """Writes `"name": [...]` as `json.dumps(..., indent=2)` does inside an object."""
    file.write(f'  "{name}": [')
    empty = True
    for entry in entries:
        text = json.dumps(entry, indent=2).replace("\n", "\n    ")
        file.write(f"{'' if empty else ','}\n    {text}")
        empty = False
    file.write("]" if empty else "\n  ]")


def _schema(pyarrow):
    """Returns the columns: an image's file, id and size, its objects, what else is known of it as
    JSON, and why it failed."""
    one = pyarrow.struct(
        [
            ("class_id", pyarrow.int32()),
            ("class", pyarrow.string()),
            ("score", pyarrow.float32()),
            *((edge, pyarrow.float32()) for edge in ("y1", "x1", "y2", "x2")),
            ("mask", pyarrow.string()),
            ("more", pyarrow.string()),
        ]
    )
    return pyarrow.schema(
        [
            ("path", pyarrow.string()),
            ("image_id", pyarrow.string()),
            ("height", pyarrow.int32()),
            ("width", pyarrow.int32()),
            ("objects", pyarrow.list_(one)),
            ("label_maps", pyarrow.string()),
            ("error", pyarrow.string()),
        ]
    )


def _parquet_row(record: dict) -> dict:
    found = record.get("prediction")
    if found is None:
        return {"path": record["file"], "error": record["error"]}
    maps = found.get("label_maps")
    return {
        "path": found["path"] or record["file"],
        "image_id": str(found["image_id"]),
        "height": found["size"][0],
        "width": found["size"][1],
        "objects": [_parquet_object(one) for one in found["objects"]],
        "label_maps": json.dumps(maps) if maps else None,
    }


def _parquet_object(one: dict) -> dict:
    more = {name: one[name] for name in ("keypoints", "attributes") if name in one}
    return {
        **{name: one[name] for name in ("class_id", "class", "score")},
        **dict(zip(("y1", "x1", "y2", "x2"), one["box"])),
        "mask": one["mask"]["counts"],
        "more": json.dumps(more) if more else None,
    }
