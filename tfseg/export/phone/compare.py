"""Files side by side: how good, how large and how fast they are, and where the time goes."""

from __future__ import annotations

import dataclasses
import importlib.util
import logging
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tfseg.data.aligned import align_classes
from tfseg.errors import ExportError
from tfseg.export.phone.flatbuffer import (
    facts,
    model_of,
    operation_names,
    runs_each_time,
    single_operation,
)
from tfseg.export.phone.optional import litert
from tfseg.export.phone.part import PhonePart, Reading
from tfseg.export.phone.runner import OpenVinoRunner, PhoneRunner, Runner

__all__ = ["FileResult", "OperationTime", "RuntimeResult", "compare", "measures", "profile"]

THREADS = (1, 2)

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class OperationTime:
    """What one kind of operation costs.

    Attributes:
        operation: Such as "CONV_2D".
        count: How often it occurs.
        milliseconds: All of them together, each at its median.
        share: Of the sum over all operations.
    """

    operation: str
    count: int
    milliseconds: float
    share: float


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
    part: PhonePart | None = None,
    dataset=None,
    *,
    limit: int | None = None,
    rounds: int = 15,
    progress: Callable[[int, int | None], None] | None = None,
) -> list[FileResult]:
    """Returns one row for each file, in their order.

    Args:
        files: Name to content; all take images of one size.
        part: Whose files they are: it turns outputs into predictions. Without it nothing is
            measured but size and time.
        dataset: Images with truth, the same for all, or None. Its classes are matched with the
            model's by name.
        limit: The first images alone.
        rounds: Of timing; in each, every file has one turn.
        progress: Called with images done and their number.
    """
    kinds: dict[str, type[Runner]] = {"litert": PhoneRunner}
    if _runs_with_openvino(files):
        kinds["openvino"] = OpenVinoRunner
    reading = Reading() if part is None else part.reading

    def runners(threads: int = 1) -> dict[tuple[str, str], Runner]:
        return {
            (runtime, name): kind(content, threads, reading)
            for runtime, kind in kinds.items()
            for name, content in files.items()
        }

    found = {}
    if dataset is not None:
        found = measures(runners(), part, dataset, limit, progress)
    times = {threads: _latencies(runners(threads), rounds) for threads in THREADS}
    results = {
        key: RuntimeResult(found.get(key, {}), {count: times[count][key] for count in THREADS})
        for key in times[1]
    }
    return [
        FileResult(
            name=name,
            size=len(content),
            measures=results["litert", name].measures,
            milliseconds=results["litert", name].milliseconds,
            float_tensors=len(facts(content).float_tensors),
            operations=profile(content),
            openvino=results.get(("openvino", name)),
        )
        for name, content in files.items()
    ]


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


def measures(runners: Mapping, part: PhonePart, dataset, limit=None, progress=None) -> dict:
    """Returns for each runner what the system measures first on a dataset, at the images' own
    sizes."""
    shapes = {runner.image_shape for runner in runners.values()}
    if len(shapes) != 1:
        raise ExportError(f"expected files of one image size, got {sorted(shapes)}.")
    estimator = part.estimator
    dataset = align_classes(dataset, estimator.class_names)
    evaluators = {key: estimator._evaluator() for key in runners}
    count = len(dataset) if limit is None else min(limit, len(dataset))
    for index in range(count):
        sample = dataset[index]
        plan = part.plan(sample.size)
        image = plan.image(sample.image)
        for key, runner in runners.items():
            evaluators[key].update(sample, part.prediction(runner(image), sample, plan))
        if progress is not None:
            progress(index + 1, count)
    first = [measure.name for measure in estimator.measures if measure.places]
    reports = {key: evaluator.compute() for key, evaluator in evaluators.items()}
    return {
        key: {name: float(report[name]) for name in first if name in report}
        for key, report in reports.items()
    }


def _latencies(runners: Mapping, rounds: int) -> dict:
    """Returns for each runner the median milliseconds of one image; they take turns, so that a
    busy moment meets all of them."""
    random = np.random.default_rng(0)
    seconds: dict = {key: [] for key in runners}
    for turn in range(rounds + 2):
        for key, runner in runners.items():
            image = random.integers(0, 256, (*runner.image_shape, 3), np.uint8)
            runner.raw(image)  # what the others left in the caches is not this one's fault
            begin = time.perf_counter()
            runner.invoke()
            if turn >= 2:
                seconds[key].append(time.perf_counter() - begin)
    return {key: 1e3 * float(np.median(each)) for key, each in seconds.items()}


def profile(content: bytes, *, threads: int = 1, runs: int = 7) -> list[OperationTime]:
    """Returns the time of each kind of operation, the slowest first.

    The interpreter's Python interface reports no times of its own, so each operation is cut out as
    a model of one operation and run alone, on the same kernels. What the interpreter saves by
    running two neighbours as one is not seen; the sum beside the whole file's time tells how much
    that is.

    Args:
        content: A TFLite file of one graph.
        threads: Threads of the interpreter.
        runs: Runs of each operation; their median counts.
    """
    model = model_of(content)
    times: dict[str, list[float]] = {}
    for index, (name, runs_too) in enumerate(zip(operation_names(model), runs_each_time(model))):
        if runs_too:
            alone = _alone(single_operation(model, index), threads, runs)
            times.setdefault(name, []).append(alone)
    total = sum(map(sum, times.values())) or 1.0
    found = [
        OperationTime(name, len(each), 1e3 * sum(each), sum(each) / total)
        for name, each in times.items()
    ]
    return sorted(found, key=lambda entry: -entry.milliseconds)


def _alone(content: bytes, threads: int, runs: int) -> float:
    """Returns the median seconds of a model of one operation."""
    interpreter = litert().Interpreter(model_content=content, num_threads=threads)
    interpreter.allocate_tensors()
    random = np.random.default_rng(0)
    for entry in interpreter.get_input_details():
        values = random.uniform(-100, 100, entry["shape"])
        interpreter.set_tensor(entry["index"], values.astype(entry["dtype"]))
    seconds = []
    for _ in range(runs + 1):
        begin = time.perf_counter()
        interpreter.invoke()
        seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds[1:]))
