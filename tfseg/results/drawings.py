"""Predictions drawn on their images, with a record of all of them.

What writes predictions, here and in the other files of this room, has
`add(prediction, item, path, name)`, called for every image - `item` is the `Item` that was
predicted on, `name` that of its PNG file - and `finish(failed)`, which writes what all images share
and returns how many there were, the text for JSON, and a line for the user.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tfseg.errors import DataError
from tfseg.results import places
from tfseg.results.cut_outs import Cutter, people_paths
from tfseg.results.recorded import Recorded, pixels
from tfseg.results.records import counted
from tfseg.structures.prediction_json import label_map_record
from tfseg.visualize.answers import draw_answers
from tfseg.visualize.cutout import save_picture
from tfseg.visualize.files import save_png
from tfseg.visualize.parsing import draw_parsing, is_parsing
from tfseg.visualize.regions import named_maps

__all__ = ["Drawings", "People"]


class Drawings(Recorded):
    """Objects drawn on their images, and predictions.json; of systems that give label maps with
    names also the numbers of each as a PNG file, `photo_color.png`.

    Args:
        out: The folder, or None to write nothing.
        model_dir: Of the model, for the records.
        names: Of all drawings: no label map takes one of them.
    """

    def __init__(self, out: str | None, model_dir: str, names: Iterable[str] = ()):
        super().__init__(out, model_dir)
        self.taken = set(names)

    def add(self, prediction, item, path: str, name: str) -> None:
        """Draws one image."""
        drawing = None if self.out is None else self.out / name
        if drawing is not None:
            _draw(prediction, pixels(item), drawing)
        maps = {n: self._label_map(prediction, n, name) for n in named_maps(prediction)}
        self._record(prediction, path, drawing, **({"label_maps": maps} if maps else {}))

    def _label_map(self, prediction, label_map: str, name: str) -> dict:
        """Writes a label map, and returns its record; without a folder the record holds it."""
        labels, names = prediction.label_maps[label_map], prediction.names_of(label_map)
        if self.out is None:
            return label_map_record(labels, names)
        if labels.max(initial=0) > 255:
            raise DataError(
                f"label map {label_map!r} has the number {labels.max()}; a PNG file of numbers "
                "holds 0 to 255."
            )
        file = self.out / places.free_name(f"{Path(name).stem}_{label_map}", self.taken)
        save_picture(file, labels.astype(np.uint8))
        return {"file": file.name, "class_names": list(names)}

    def finish(self, failed: list[dict]) -> tuple[int, str, str]:
        """Writes predictions.json."""
        text, count = self._text(failed), len(self.records)
        if self.out is None:
            return count, text, ""
        places.write_text(self.out / "predictions.json", text)
        return count, text, f"wrote {self._made()} and predictions.json to {self.out}"

    def _made(self) -> str:
        return counted(len(self.records), "drawing")


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
        super().__init__(out, model_dir, names)
        self.cutter, self.file, self.cut = cutter, file, 0

    def add(self, prediction, item, path: str, name: str) -> None:
        """Draws one image and cuts its people out."""
        image = pixels(item)
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
        return f"{super()._made()}, {counted(self.cut, 'cut-out')}"


def _draw(prediction, image, target: Path) -> None:
    save = save_png if target.suffix.lower() == ".png" else save_picture
    sheet = draw_parsing if is_parsing(prediction) else draw_answers
    save(target, sheet(image, prediction))
