"""What `tfseg predict` writes, one class for each kind: drawings, cut-outs, people, COCO results.

Each has `add(prediction, item, path, name)`, called for every image - `item` is a path or a
sample, `name` that of its PNG file - and `finish(failed)`, which writes what all of them share and
returns how many there were, the text for `--json`, and a line for the user.
"""

from __future__ import annotations

import json
from pathlib import Path

from tfseg.cli import outputs
from tfseg.cli.cutouts import Cutter, people_paths
from tfseg.errors import ConfigError

__all__ = ["CocoFiles", "CutOuts", "Drawings", "People", "summary"]


class _Recorded:
    """Keeps a record of every image.

    Args:
        out: The folder, or None to write nothing.
        model_dir: Of the model, for the records.
    """

    def __init__(self, out: str | None, model_dir: str):
        self.out = None if out is None else Path(out)
        self.model_dir, self.records = model_dir, []

    def _text(self, failed: list[dict]) -> str:
        content = {"model": self.model_dir, "images": self.records, "failed": failed}
        return json.dumps(content, indent=2)

    def _record(self, prediction, path: str, drawing: Path | None, **more) -> None:
        # `drawing` relative to the folder.
        name = None if drawing is None else drawing.name
        self.records.append({**_record(prediction, path, name), **more})


class Drawings(_Recorded):
    """Objects drawn on their images, and predictions.json."""

    def add(self, prediction, item, path: str, name: str) -> None:
        """Draws one image."""
        drawing = None if self.out is None else self.out / name
        if drawing is not None:
            _draw(prediction, picture(item), drawing)
        self._record(prediction, path, drawing)

    def finish(self, failed: list[dict]) -> tuple[int, str, str]:
        """Writes predictions.json."""
        text, count = self._text(failed), len(self.records)
        if self.out is None:
            return count, text, ""
        outputs.write_text(self.out / "predictions.json", text)
        return count, text, f"wrote {self._made()} and predictions.json to {self.out}"

    def _made(self) -> str:
        return _counted(len(self.records), "drawing")


class People(Drawings):
    """One drawing of an image's people, and one cut-out for each of them.

    Args:
        out: A folder, or the file of the only drawing; then there are no cut-outs.
        model_dir: Of the model.
        cutter: Cuts out.
        file: `out`, if it is a file, else None.
        names: Of all drawings: no cut-out takes one of them.
    """

    def __init__(self, out: str, model_dir: str, cutter: Cutter, file: Path | None, names):
        super().__init__(out, model_dir)
        self.cutter, self.file, self.taken, self.cut = cutter, file, set(names), 0

    def add(self, prediction, item, path: str, name: str) -> None:
        """Draws one image and cuts its people out."""
        image = picture(item)
        if self.file is not None:
            _draw(prediction, image, self.file)
            self._record(prediction, path, self.file)
            return
        paths = people_paths(self.out, name, self.taken)
        cut = self.cutter.write_people(image, prediction, paths)
        _draw(prediction, image, self.out / name)
        self._record(prediction, path, self.out / name, cut_outs=[one.name for one in cut])
        self.cut += len(cut)

    def finish(self, failed: list[dict]) -> tuple[int, str, str]:
        """Writes predictions.json beside what is in a folder."""
        if self.file is not None:
            line = f"wrote {self.file}" if self.records else ""
            return len(self.records), self._text(failed), line
        return super().finish(failed)

    def _made(self) -> str:
        return f"{super()._made()}, {_counted(self.cut, 'cut-out')}"


class CutOuts(_Recorded):
    """The foreground of each image, or each of its people.

    Args:
        out: A folder or a file.
        model_dir: Of the model.
        cutter: Cuts out.
        file: `out`, if it is a file, else None.
        people: Whether each person gets a file of its own, in the folder.
        names: Of all images.
    """

    def __init__(self, out, model_dir: str, cutter: Cutter, file: Path | None, people: bool, names):
        super().__init__(out, model_dir)
        if people and file is not None:
            raise ConfigError(f"--out {out}: people are cut out one by one; name a folder.")
        self.cutter, self.file, self.people = cutter, file, people
        self.taken, self.count = set(names), 0

    def add(self, prediction, item, path: str, name: str) -> None:
        """Cuts out of one image."""
        image = picture(item)
        if self.people:
            paths = people_paths(self.out, name, self.taken)
            cut = self.cutter.write_people(image, prediction, paths)
            self._record(prediction, path, None, cut_outs=[one.name for one in cut])
            self.count += len(cut)
            return
        target = self.file or self.out / name
        self.cutter.write(image, prediction, target)
        self._record(prediction, path, target)
        self.count += 1

    def finish(self, failed: list[dict]) -> tuple[int, str, str]:
        """Nothing is left to write."""
        made = _counted(self.count, "cut-out")
        place = f"{made} to {self.out}" if self.file is None else f"{self.file}"
        return len(self.records), self._text(failed), f"wrote {place}" if self.count else ""


class CocoFiles:
    """COCO result files.

    Args:
        out: A folder, a JSON file, or None to write nothing.
        dataset: Numbers the images and the categories; or None.
        as_text: Whether the records are asked for as text too.
    """

    def __init__(self, out: str | None, dataset, as_text: bool):
        self.out = None if out is None else Path(out)
        self.dataset, self.as_text, self.found = dataset, as_text, []

    def add(self, prediction, item, path: str, name: str) -> None:
        """Keeps the prediction."""
        self.found.append(prediction)

    def finish(self, failed: list[dict]) -> tuple[int, str, str]:
        """Writes the files."""
        from tfseg.results import coco as coco_results

        line, text = "", ""
        if self.out is not None:
            is_file = self.out.suffix.lower() == ".json"
            out = self.out if is_file else self.out / "predictions.json"
            out.parent.mkdir(parents=True, exist_ok=True)
            written = coco_results.write_coco_results(self.found, out, dataset=self.dataset)
            line = f"wrote {', '.join(written)}"
        if self.as_text:
            text = json.dumps(coco_results.coco_results(self.found, dataset=self.dataset))
        return len(self.found), text, line


def picture(item):
    """Returns the pixels of a path or a sample, uint8 `(H, W, D)`."""
    from tfseg.data.images import images

    return images.read_image(item) if isinstance(item, str) else item.image


def summary(prediction) -> str:
    """Returns what was found, in words."""
    if not len(prediction):
        return "nothing found"
    counts = {name: prediction.names.count(name) for name in dict.fromkeys(prediction.names)}
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _draw(prediction, image, target: Path) -> None:
    from tfseg.visualize import draw, save_picture, save_png

    save = save_png if target.suffix.lower() == ".png" else save_picture
    save(target, draw(image, prediction))


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
