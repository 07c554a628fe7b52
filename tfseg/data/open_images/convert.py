"""Open Images' masks as a COCO dataset that `tfseg train --data` takes, with an account of it."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Iterable

from PIL import Image

from tfseg import files
from tfseg.data.open_images.files import REPORT_NAME
from tfseg.data.open_images.masks import segmentation, tight_box
from tfseg.data.open_images.objects import ImageFile, ImageObjects, read_image_file, read_objects
from tfseg.data.open_images.plan import Plan, Progress, Source, make_plan
from tfseg.data.open_images.report import OpenImagesReport
from tfseg.data.open_images.rules import SelectionRules
from tfseg.data.open_images.split import balanced_split, train_size
from tfseg.data.open_images.target import check_target, link
from tfseg.data.reading.problem import Problem
from tfseg.errors import ConfigError, DataError

__all__ = ["ConversionOptions", "convert_open_images"]


@dataclasses.dataclass(frozen=True)
class ConversionOptions:
    """How the dataset is written.

    Attributes:
        masks: "rle", exact run lengths; or "polygons", which annotation tools can edit but which
            fill the holes of a mask.
        train_images: Number of training images, the rest validates. None: the paper's 131.
        val_fraction: Share for validation instead.
        seed: Seed of the split.
        copy_images: Copies of the images, where links to them would otherwise do. Images out of
            archives and images that are turned by their EXIF tag are always files of their own.
        drop_mismatched: Leave out masks whose box in the CSV is another one.
        overwrite: Replace what an earlier conversion wrote.
    """

    masks: str = "rle"
    train_images: int | None = None
    val_fraction: float | None = None
    seed: int = 0
    copy_images: bool = False
    drop_mismatched: bool = False
    overwrite: bool = False

    def __post_init__(self):
        if self.masks not in ("rle", "polygons"):
            raise ConfigError(f"masks: expected 'rle' or 'polygons', got {self.masks!r}.")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ConfigError(f"seed: expected a number of at least 0, got {self.seed!r}.")
        train_size(2**40, self.train_images, self.val_fraction)


def convert_open_images(
    source: str | os.PathLike | Source,
    out: str | os.PathLike,
    rules: SelectionRules | None = None,
    options: ConversionOptions | None = None,
    progress: Progress | None = None,
) -> OpenImagesReport:
    """Writes a COCO dataset from Open Images and returns what was kept and dropped and why.

    The folder `out` gets `train.json`, `val.json`, `images/`, `open_images_report.json` (whole)
    and `open_images_report.txt`. It appears when all is written, or not at all. What is wrong
    with a line, a mask or an image costs that object and stands in the report.

    The defaults are the clothing paper's section 4: partition F, the supersets Person, Vehicle
    and Clothing, at least 200 masks a class, Suit, Dress and Jeans, 131 training images.

    Args:
        source: The folder that Open Images was downloaded into, or a `Source`.
        out: The folder to write.
        rules: What is wanted.
        options: How it is written.
        progress: Called with a stage, what is done, and what is to be done or None.

    Raises:
        DataError: Text files are missing or unusable, `out` exists, or nothing is left.
        ConfigError: Unknown names, or numbers that contradict each other.
    """
    source = source if isinstance(source, Source) else Source(source)
    rules, options = rules or SelectionRules(), options or ConversionOptions()
    out = os.path.realpath(out)
    check_target(out, source.folder, options.overwrite)
    plan = make_plan(source, rules, progress)
    if options.train_images is not None:
        train_size(len(plan.rows), options.train_images, None)
    try:
        with files.replacing_folder(out, error=DataError) as partial:
            os.mkdir(partial / "images")
            return _Writer(plan, options, os.fspath(partial), out).write(progress)
    finally:
        plan.index.close()


class _Writer:
    """Goes through the images once and writes everything into a folder."""

    def __init__(self, plan: Plan, options: ConversionOptions, folder: str, out: str):
        self.plan, self.options, self.folder, self.out = plan, options, folder, out
        self.images: list[dict] = []
        self.annotations: list[list[dict]] = []

    def write(self, progress: Progress | None) -> OpenImagesReport:
        """Writes the dataset and returns the report."""
        total = len(self.plan.rows)
        for number, image_id in enumerate(self.plan.rows, 1):
            self._add(image_id)
            if progress:
                progress("images", number, total)
        if not self.images:
            self._nothing_left()
        self._missing_masks()
        objects = [[record["category_id"] for record in group] for group in self.annotations]
        count = train_size(len(objects), self.options.train_images, self.options.val_fraction)
        parts = dict(zip(("train", "val"), balanced_split(objects, count, self.options.seed)))
        for part, positions in parts.items():
            self._write_coco(part, positions)
        report = self._report(parts)
        report.to_json(os.path.join(self.folder, REPORT_NAME))
        text = os.path.join(self.folder, REPORT_NAME.replace(".json", ".txt"))
        with open(text, "w", encoding="utf-8") as file:
            file.write(f"{report}\n")
        return report

    def _add(self, image_id: str) -> None:
        plan = self.plan
        try:
            image_file = read_image_file(plan, image_id)
        except DataError as error:
            for row in plan.rows[image_id]:
                plan.ledger.drop("unreadable_image", row.label)
            text = f"{error} {_objects(len(plan.rows[image_id]))} left out."
            where = f"image {image_id}"
            plan.problems.append(Problem("error", "unreadable_image", where, text, image_id))
            return
        found = read_objects(
            plan,
            image_id,
            image_file.size,
            image_file.orientation,
            drop_mismatched=self.options.drop_mismatched,
        )
        plan.problems += found.problems
        for rule, row in found.lost:
            plan.ledger.drop(rule, row.label)
        if found.rows:
            self.images.append(self._image(image_file, image_id))
            self.annotations.append(self._records(found))

    def _image(self, image_file: ImageFile, image_id: str) -> dict:
        """Puts an image into the folder and returns its record."""
        origin = image_file.place if isinstance(image_file.place, str) else image_file.place[1]
        name = f"{image_id}{os.path.splitext(origin)[1].lower()}"
        target = os.path.join(self.folder, "images", name)
        if image_file.orientation != 1:
            # Upright, so that readers that do not look at the tag see the same image.
            Image.fromarray(image_file.pixels).save(target, quality=95)
        elif isinstance(image_file.place, str) and not self.options.copy_images:
            link(image_file.place, target, image_file.data)
        else:
            with open(target, "wb") as file:
                file.write(image_file.data)
        height, width = image_file.size
        return {"id": len(self.images) + 1, "file_name": name, "height": height, "width": width}

    def _records(self, found: ImageObjects) -> list[dict]:
        start = self.annotations[-1][-1]["id"] + 1 if self.annotations else 1
        records = []
        for number, (row, mask) in enumerate(zip(found.rows, found.masks), start):
            y1, x1, y2, x2 = tight_box(mask)
            records.append(
                {
                    "id": number,
                    "image_id": len(self.images),
                    "category_id": self.plan.class_id(row),
                    "segmentation": segmentation(mask, self.options.masks),
                    "area": int(mask.sum()),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "iscrowd": 0,
                    "mask_file": row.mask,
                }
            )
        return records

    def _nothing_left(self) -> None:
        faults = [problem for problem in self.plan.problems if problem.severity == "error"]
        told = "; ".join(str(problem) for problem in faults[:3])
        more = f"; and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise DataError(f"no mask is left to be written, so nothing was. {told}{more}")

    def _missing_masks(self) -> None:
        """Warns of classes that faults brought below the number that was asked for."""
        kept = self._kept(range(len(self.images)))
        for number, mid in enumerate(self.plan.choice.mids, 1):
            least = max(self.plan.rules.min_masks, 1)
            if kept[number] < least:
                text = (
                    f"{kept[number]} of its {self.plan.masks[mid]} masks could be used, fewer than "
                    f"the {least} asked for. It is kept; see what was left out."
                )
                where = f"class {self.plan.class_names[number - 1]} ({mid})"
                self.plan.problems.append(Problem("warning", "class_below_minimum", where, text))

    def _kept(self, positions: Iterable[int]) -> Counter:
        return Counter(
            record["category_id"] for position in positions for record in self.annotations[position]
        )

    def _write_coco(self, part: str, positions: list[int]) -> None:
        content = {
            "info": {"description": f"Open Images, {self.plan.source.subset}: {part}, by tfseg"},
            "images": [self.images[position] for position in positions],
            "annotations": [
                record for position in positions for record in self.annotations[position]
            ],
            "categories": [
                {"id": number, "name": name, "mid": mid}
                for number, (mid, name) in enumerate(
                    zip(self.plan.choice.mids, self.plan.class_names), 1
                )
            ],
        }
        with open(os.path.join(self.folder, f"{part}.json"), "w", encoding="utf-8") as file:
            file.write(json.dumps(content, ensure_ascii=False))  # dump() takes five times as long

    def _report(self, parts: dict[str, list[int]]) -> OpenImagesReport:
        plan, rules = self.plan, self.plan.rules
        kept = {part: self._kept(positions) for part, positions in parts.items()}
        source = {**dataclasses.asdict(plan.metadata), "folder": os.fspath(plan.source.folder)}
        source.update(subset=plan.source.subset, archives=plan.index.archives)
        settings = {**dataclasses.asdict(rules), **dataclasses.asdict(self.options)}
        settings.update(train_images=len(parts["train"]), val_images=len(parts["val"]))
        return OpenImagesReport(
            out=self.out,
            source=source,
            settings=settings,
            rows=plan.ledger.rows,
            rules=plan.ledger.entries(),
            classes=tuple(_class_entries(plan, kept)),
            images={part: len(positions) for part, positions in parts.items()},
            problems=tuple(plan.problems),
        )


def _class_entries(plan: Plan, kept: dict[str, Counter]):
    """Yields an account of each class: those kept by id, then the others, most lines first."""
    outside = plan.ledger.labels("superset")
    lines = plan.lines + outside
    others = [mid for mid, _ in lines.most_common() if mid not in plan.choice.mids]
    for mid in (*plan.choice.mids, *others):
        number = plan.choice.mids.index(mid) + 1 if mid in plan.choice.mids else None
        counts = {part: counter[number] if number else 0 for part, counter in kept.items()}
        reason = plan.choice.dropped.get(mid, "superset" if mid in outside else None)
        if number is None and reason is None:
            reason = "missing_mask_file"
        yield {
            "mid": mid,
            "name": plan.names.title(mid),
            "id": number,
            "reason": reason,
            "rows": lines[mid],
            "masks": plan.masks[mid],
            "kept": sum(counts.values()),
            **counts,
            "dropped": plan.ledger.of_class(mid),
        }


def _objects(count: int) -> str:
    return "Its object is" if count == 1 else f"Its {count} objects are"
