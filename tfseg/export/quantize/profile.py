"""Where a TFLite file spends its time, operation by operation.

The interpreter's Python interface reports no times of its own, so each operation is cut out as a
model of one operation and run alone, on the same kernels. What the interpreter saves by running two
neighbours as one is not seen; the sum beside the whole file's time tells how much that is.
"""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from tfseg.export.quantize.flatbuffer import (
    model_of,
    operation_names,
    runs_each_time,
    single_operation,
)
from tfseg.export.quantize.optional import litert

__all__ = ["OperationTime", "profile"]


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


def profile(content: bytes, *, threads: int = 1, runs: int = 7) -> list[OperationTime]:
    """Returns the time of each kind of operation, the slowest first.

    Args:
        content: A TFLite file of one graph.
        threads: Threads of the interpreter.
        runs: Runs of each operation; their median counts.
    """
    model = model_of(content)
    times: dict[str, list[float]] = {}
    for index, (name, runs_too) in enumerate(zip(operation_names(model), runs_each_time(model))):
        if not runs_too:
            continue
        times.setdefault(name, []).append(_alone(single_operation(model, index), threads, runs))
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
