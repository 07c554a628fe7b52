"""Float32, float16 and both int8 files side by side: how good, how large, how fast, and why."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tfseg.data.whole_files import write_whole
from tfseg.errors import ExportError
from tfseg.export.quantize.flatbuffer import facts
from tfseg.export.quantize.profile import OperationTime, profile
from tfseg.export.quantize.runner import PhoneRunner, to_logits
from tfseg.models.portrait.fit import PictureFit

__all__ = ["FileResult", "compare", "latencies", "measures", "phone_fit", "write_table"]

MEASURES = ("miou", "person_iou", "iou_person_image_mean", "boundary_f")
THREADS = (1, 2)
_TITLES = {
    "miou": "mIoU",
    "person_iou": "person IoU",
    "iou_person_image_mean": "person IoU, image mean",
    "boundary_f": "boundary F",
}


@dataclasses.dataclass(frozen=True)
class FileResult:
    """One row of the table.

    Attributes:
        name: Of the file.
        size: Bytes.
        measures: Name to number, or empty without pictures.
        milliseconds: Threads to the median time of one picture.
        float_tensors: How many of its tensors are float.
        operations: Time by kind of operation on one thread, the slowest first.
    """

    name: str
    size: int
    measures: Mapping[str, float]
    milliseconds: Mapping[int, float]
    float_tensors: int
    operations: Sequence[OperationTime]


def compare(
    files: Mapping[str, bytes],
    estimator,
    dataset=None,
    *,
    limit: int | None = None,
    rounds: int = 15,
    progress: Callable[[int, int | None], None] | None = None,
) -> list[FileResult]:
    """Returns one row for each file, in their order.

    Args:
        files: Name to content; all take pictures of one size.
        estimator: Whose files they are: it turns logits into predictions and measures them.
        dataset: Pictures with truth, the same for all, or None.
        limit: The first pictures alone.
        rounds: Of timing; in each, every file has one turn.
        progress: Called with pictures done and their number.
    """
    found = measures(files, estimator, dataset, limit, progress) if dataset is not None else {}
    times = {threads: latencies(files, threads, rounds) for threads in THREADS}
    return [
        FileResult(
            name,
            len(content),
            found.get(name, {}),
            {threads: times[threads][name] for threads in THREADS},
            len(facts(content).float_tensors),
            profile(content),
        )
        for name, content in files.items()
    ]


def phone_fit(estimator, image_shape: tuple[int, int]) -> PictureFit:
    """Returns how a picture meets a file of one size: stretched if the model learnt so, else fitted
    in with its proportions, black around it."""
    kind = "stretch" if estimator.config.image_fit == "stretch" else "letterbox"
    return PictureFit(tuple(image_shape), kind)


def measures(files, estimator, dataset, limit=None, progress=None) -> dict[str, dict]:
    """Returns for each file its measures on a data set, at the pictures' own sizes."""
    runners = {name: PhoneRunner(content) for name, content in files.items()}
    shapes = {runner.image_shape for runner in runners.values()}
    if len(shapes) != 1:
        raise ExportError(f"expected files of one picture size, got {sorted(shapes)}.")
    fit = phone_fit(estimator, shapes.pop())
    evaluators = {name: estimator._evaluator() for name in files}
    count = len(dataset) if limit is None else min(limit, len(dataset))
    for index in range(count):
        sample = dataset[index]
        plan = fit.plan(sample.size)
        picture = plan.image(sample.image)
        for name, runner in runners.items():
            prediction = estimator._decode(
                {"logits": to_logits(runner(picture))},
                plan,
                score_threshold=None,
                image_id=sample.image_id,
                path=None,
            )
            evaluators[name].update(sample, prediction)
        if progress is not None:
            progress(index + 1, count)
    reports = {name: evaluator.compute() for name, evaluator in evaluators.items()}
    return {
        name: {key: float(report[key]) for key in MEASURES if key in report}
        for name, report in reports.items()
    }


def latencies(files: Mapping[str, bytes], threads: int = 1, rounds: int = 15) -> dict[str, float]:
    """Returns for each file the median milliseconds of one picture; files take turns, so that a
    busy moment meets all of them."""
    runners = {name: PhoneRunner(content, threads) for name, content in files.items()}
    random = np.random.default_rng(0)
    seconds: dict[str, list[float]] = {name: [] for name in files}
    for turn in range(rounds + 2):
        for name, runner in runners.items():
            picture = random.integers(0, 256, (*runner.image_shape, 3), np.uint8)
            runner.raw(picture)  # what the others left in the caches is not this file's fault
            begin = time.perf_counter()
            runner.interpreter.invoke()
            if turn >= 2:
                seconds[name].append(time.perf_counter() - begin)
    return {name: 1e3 * float(np.median(each)) for name, each in seconds.items()}


def write_table(rows: Sequence[FileResult], folder: Path, details: Mapping) -> None:
    """Writes `comparison.json` and `comparison.md` into a folder, both or neither.

    Args:
        rows: Of `compare`, the float32 file first: others are compared with it.
        folder: Exists.
        details: What was measured: picture size, number of pictures, machine.
    """
    content = {"details": dict(details), "files": [dataclasses.asdict(row) for row in rows]}
    text = json.dumps(content, indent=2) + "\n"
    write_whole(
        {
            str(folder / "comparison.json"): text.encode(),
            str(folder / "comparison.md"): table_text(rows, details).encode(),
        }
    )


def table_text(rows: Sequence[FileResult], details: Mapping) -> str:
    """Returns the table as Markdown."""
    keys = [key for key in MEASURES if any(key in row.measures for row in rows)]
    head = ["file", *(_TITLES[key] for key in keys), "MB", "smaller"]
    head += [f"ms, {threads} thread{'s' * (threads > 1)}" for threads in THREADS]
    head += ["faster", "float tensors"]
    first, body = rows[0], []
    for row in rows:
        cells = [row.name, *(f"{row.measures.get(key, float('nan')):.4f}" for key in keys)]
        cells += [f"{row.size / 1e6:.2f}", f"{first.size / row.size:.1f}x"]
        cells += [f"{row.milliseconds[threads]:.1f}" for threads in THREADS]
        cells += [f"{first.milliseconds[1] / row.milliseconds[1]:.2f}x", str(row.float_tensors)]
        body.append(cells)
    said = "\n".join(f"- {key}: {value}" for key, value in details.items())
    parts = ["# The files side by side", said, _markdown(head, body)]
    parts.append(
        f"Smaller and faster: than {first.name}, on one thread. Times are medians of runs in turn."
    )
    parts.append("## Where one thread spends its time\n\nEach operation run alone, in sum.")
    for row in rows:
        cells = [
            [entry.operation, str(entry.count), f"{entry.milliseconds:.2f}", f"{entry.share:.0%}"]
            for entry in row.operations[:8]
        ]
        parts += [f"### {row.name}", _markdown(["operation", "count", "ms", "share"], cells)]
    return "\n\n".join(parts) + "\n"


def _markdown(head: list[str], body: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *body])
