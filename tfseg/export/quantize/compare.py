"""Float32, float16 and both int8 files side by side: how good, how large and how fast they are."""

from __future__ import annotations

import dataclasses
import importlib.util
import logging
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tfseg.data.aligned import align_classes
from tfseg.errors import ExportError
from tfseg.export.quantize.flatbuffer import facts
from tfseg.export.quantize.profile import OperationTime, profile
from tfseg.export.quantize.runner import OpenVinoRunner, PhoneRunner, Runner, to_logits
from tfseg.geometry.proportional import ImageFit

__all__ = [
    "FileResult",
    "RuntimeResult",
    "compare",
    "latencies",
    "measures",
    "phone_fit",
]

MEASURES = ("miou", "person_iou", "iou_person_image_mean", "boundary_f")
THREADS = (1, 2)

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class RuntimeResult:
    """What a runtime makes of a file.

    Attributes:
        measures: Name to number, or empty without images.
        milliseconds: Threads to the median time of one image.
    """

    measures: Mapping[str, float]
    milliseconds: Mapping[int, float]


@dataclasses.dataclass(frozen=True)
class FileResult:
    """One row of the table.

    Attributes:
        name: Of the file.
        size: Bytes.
        measures: Name to number with LiteRT, or empty without images.
        milliseconds: Threads to LiteRT's median time of one image.
        float_tensors: How many of its tensors are float.
        operations: LiteRT's time by kind of operation on one thread, the slowest first.
        openvino: The same with OpenVINO, or None where that is not installed or fails.
    """

    name: str
    size: int
    measures: Mapping[str, float]
    milliseconds: Mapping[int, float]
    float_tensors: int
    operations: Sequence[OperationTime]
    openvino: RuntimeResult | None = None


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
        files: Name to content; all take images of one size.
        estimator: Whose files they are: it turns logits into predictions and measures them.
        dataset: Images with truth, the same for all, or None. Its classes are matched with the
            model's by name.
        limit: The first images alone.
        rounds: Of timing; in each, every file has one turn.
        progress: Called with images done and their number.
    """
    kinds: dict[str, type[Runner]] = {"litert": PhoneRunner}
    if _runs_with_openvino(files):
        kinds["openvino"] = OpenVinoRunner

    def runners(threads: int = 1) -> dict[tuple[str, str], Runner]:
        return {
            (runtime, name): kind(content, threads)
            for runtime, kind in kinds.items()
            for name, content in files.items()
        }

    found = {}
    if dataset is not None:
        found = measures(runners(), estimator, dataset, limit, progress)
    times = {threads: latencies(runners(threads), rounds) for threads in THREADS}
    results = {
        key: RuntimeResult(found.get(key, {}), {count: times[count][key] for count in THREADS})
        for key in times[1]
    }
    rows = []
    for name, content in files.items():
        own = results["litert", name]
        row = FileResult(
            name=name,
            size=len(content),
            measures=own.measures,
            milliseconds=own.milliseconds,
            float_tensors=len(facts(content).float_tensors),
            operations=profile(content),
            openvino=results.get(("openvino", name)),
        )
        rows.append(row)
    return rows


def _runs_with_openvino(files: Mapping[str, bytes]) -> bool:
    """Returns whether OpenVINO is installed and runs all files. If it fails, that is said, and the
    table goes without it: files that took hours to train are not lost for it."""
    if importlib.util.find_spec("openvino") is None:
        return False
    try:
        for content in files.values():
            runner = OpenVinoRunner(content)
            runner(np.zeros((*runner.image_shape, 3), np.uint8))
    except (Exception, SystemExit) as error:  # its import ends the process where a DLL is missing
        log.warning("the table goes without OpenVINO, which does not run here: %s", error)
        return False
    return True


def phone_fit(estimator, image_shape: tuple[int, int]) -> ImageFit:
    """Returns how an image meets a file of one size: stretched if the model learnt so, else fitted
    in with its proportions, black around it."""
    kind = "stretch" if estimator.config.image_fit == "stretch" else "letterbox"
    return ImageFit(tuple(image_shape), kind)


def measures(runners: Mapping, estimator, dataset, limit=None, progress=None) -> dict:
    """Returns for each runner its measures on a dataset, at the images' own sizes."""
    shapes = {runner.image_shape for runner in runners.values()}
    if len(shapes) != 1:
        raise ExportError(f"expected files of one image size, got {sorted(shapes)}.")
    dataset = align_classes(dataset, estimator.class_names)
    fit = phone_fit(estimator, shapes.pop())
    evaluators = {key: estimator._evaluator() for key in runners}
    count = len(dataset) if limit is None else min(limit, len(dataset))
    for index in range(count):
        sample = dataset[index]
        plan = fit.plan(sample.size)
        picture = plan.image(sample.image)
        for key, runner in runners.items():
            prediction = estimator._decode(
                {"logits": to_logits(runner(picture))},
                plan,
                score_threshold=None,
                image_id=sample.image_id,
                path=None,
            )
            evaluators[key].update(sample, prediction)
        if progress is not None:
            progress(index + 1, count)
    reports = {key: evaluator.compute() for key, evaluator in evaluators.items()}
    return {
        key: {name: float(report[name]) for name in MEASURES if name in report}
        for key, report in reports.items()
    }


def latencies(runners: Mapping, rounds: int = 15) -> dict:
    """Returns for each runner the median milliseconds of one image; they take turns, so that a
    busy moment meets all of them."""
    random = np.random.default_rng(0)
    seconds: dict = {key: [] for key in runners}
    for turn in range(rounds + 2):
        for key, runner in runners.items():
            picture = random.integers(0, 256, (*runner.image_shape, 3), np.uint8)
            runner.raw(picture)  # what the others left in the caches is not this one's fault
            begin = time.perf_counter()
            runner.invoke()
            if turn >= 2:
                seconds[key].append(time.perf_counter() - begin)
    return {key: 1e3 * float(np.median(each)) for key, each in seconds.items()}
