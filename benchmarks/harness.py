"""Runs tfseg and its peers in turn and compares medians, with their spread.

A benchmark is one file that describes its contestants twice: to the parent as a command, and to
the worker process as a function `prepare(settings) -> (step, facts)`. Workers live side by side in
one process group and work one at a time, A B A B ..., so that a machine that slows down slows
both. A peer that cannot be prepared is named as skipped. Only the standard library is needed here,
so that a worker may run in another environment than tfseg's.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOOTSTRAP_DRAWS = 2000


@dataclasses.dataclass(frozen=True)
class Contestant:
    """Something that can be measured.

    Attributes:
        name: As it appears in tables; a worker is chosen by it.
        python: The interpreter that has its libraries.
        peer: Whether it may be skipped; tfseg may not.
        settings: Passed to its `prepare`, over the common ones.
    """

    name: str
    python: str = sys.executable
    peer: bool = False
    settings: Mapping = dataclasses.field(default_factory=dict)


class Parts(dict):
    """What a step may return to have its parts kept too: name to seconds."""


@contextlib.contextmanager
def timing(took: dict, name: str):
    """Puts the seconds of a block into a dict."""
    begin = time.perf_counter()
    yield
    took[name] = time.perf_counter() - begin


class Worker:
    """A contestant's process: prepares once, then runs a step whenever it is asked."""

    def __init__(self, contestant: Contestant, script: str, settings: Mapping, threads: int):
        self.contestant = contestant
        environment = {**os.environ, **_thread_variables(threads)}
        environment["TF_CPP_MIN_LOG_LEVEL"] = environment.get("TF_CPP_MIN_LOG_LEVEL", "3")
        # Greetings of libraries would hide the table.
        self.said = tempfile.TemporaryFile()  # noqa: SIM115, closed in close()
        try:
            self.process = subprocess.Popen(
                [contestant.python, script, "--worker", contestant.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.said,
                text=True,
                env=environment,
                cwd=ROOT,
            )
        except OSError as error:
            self.process, self.ready = None, {"error": str(error)}
            return
        self.ready = self._ask({**settings, **contestant.settings, "threads": threads})

    def run(self) -> dict:
        """Returns `{"wall": seconds, "cpu": seconds}` of one step."""
        answer = self._ask({"run": True})
        if "error" in answer:
            print(self.complaint(), file=sys.stderr)
            raise RuntimeError(f"{self.contestant.name} failed: {answer['error']}")
        return answer

    def close(self):
        """Lets the process end."""
        if self.process is None:
            self.said.close()
            return
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.said.close()

    def complaint(self) -> str:
        """Returns the end of what the process said on stderr."""
        self.said.seek(0)
        return self.said.read().decode(errors="replace")[-2000:]

    def _ask(self, message: Mapping) -> dict:
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except OSError as error:
            return {"error": str(error)}
        return json.loads(line) if line else {"error": f"ended with {self.process.wait()}"}


def serve(workers: Mapping[str, Callable], name: str) -> None:
    """The worker's side: answers the parent until it closes the pipe.

    Args:
        workers: Name of a contestant to its `prepare(settings) -> (step, facts)`.
        name: The one to be.
    """
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not be taken for an answer
    settings = json.loads(sys.stdin.readline())
    try:
        step, facts = workers[name](settings)
    except Exception as error:
        if not isinstance(error, ImportError):
            traceback.print_exc()
        channel.write(json.dumps({"error": f"{type(error).__name__}: {error}"[:500]}) + "\n")
        return
    channel.write(json.dumps({"facts": facts}) + "\n")
    for _ in sys.stdin:
        try:
            answer = _timed(step)
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        channel.write(json.dumps(answer) + "\n")


def _timed(step: Callable) -> dict:
    wall, cpu = time.perf_counter(), time.process_time()
    result = step()
    took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return {**took, **result} if isinstance(result, Parts) else took


def contest(
    contestants: Sequence[Contestant],
    script: str,
    *,
    settings: Mapping,
    rounds: int = 10,
    warmup: int = 2,
    threads: int | None = None,
    pause: float = 0.3,
) -> dict:
    """Returns all times of all contestants, measured in turn.

    Args:
        contestants: The first is the one that ratios are about.
        script: The benchmark's file; it is run with `--worker NAME`.
        settings: Sent to each worker.
        rounds: Timed steps of each.
        warmup: Steps before, which are not counted.
        threads: Of each contestant; None: all that this process may use.
        pause: Seconds between turns, in which the last one's threads go to sleep.

    Returns:
        `{"runs": {name: {"wall": [...], "cpu": [...], "facts": {...}}}, "skipped": {name: why},
        "settings", "machine"}`.
    """
    threads = threads or len(os.sched_getaffinity(0))
    workers, skipped, before = [], {}, os.getloadavg()[0]
    try:
        for contestant in contestants:
            print(f"preparing {contestant.name}", file=sys.stderr)
            worker = Worker(contestant, script, settings, threads)
            if "error" not in worker.ready:
                workers.append(worker)
                continue
            complaint = worker.complaint()
            worker.close()
            if not contestant.peer:
                print(complaint, file=sys.stderr)
                raise RuntimeError(f"{contestant.name} failed: {worker.ready['error']}")
            skipped[contestant.name] = worker.ready["error"]
        runs = {
            worker.contestant.name: {"facts": worker.ready["facts"], "wall": [], "cpu": []}
            for worker in workers
        }
        for turn in range(warmup + rounds):
            for worker in workers:
                time.sleep(pause)
                took = worker.run()
                if turn >= warmup:
                    for name, value in took.items():
                        runs[worker.contestant.name].setdefault(name, []).append(value)
            print(f"round {turn + 1} of {warmup + rounds}", file=sys.stderr)
    finally:
        for worker in workers:
            worker.close()
    facts = {**settings, "rounds": rounds, "warmup": warmup, "threads": threads}
    return {
        "benchmark": Path(script).stem,
        "runs": runs,
        "skipped": skipped,
        "settings": facts,
        "machine": {**machine(), "load_before": before},
    }


def ratio(first: Sequence[float], second: Sequence[float]) -> dict:
    """Returns median(first) / median(second) with the 95 % interval of a bootstrap over rounds.

    Both are drawn by the same rounds, since neighbours in time share the machine's mood.
    """
    draw = random.Random(0)
    count = min(len(first), len(second))
    ratios = sorted(
        statistics.median(first[i] for i in rows) / statistics.median(second[i] for i in rows)
        for rows in (draw.choices(range(count), k=count) for _ in range(BOOTSTRAP_DRAWS))
    )
    return {
        "ratio": statistics.median(first) / statistics.median(second),
        "low": ratios[int(0.025 * BOOTSTRAP_DRAWS)],
        "high": ratios[int(0.975 * BOOTSTRAP_DRAWS)],
    }


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Returns the lower quartile, the median and the upper quartile."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def show(results: dict) -> str:
    """Returns the table of one contest, and fills `results["ratios"]`.

    A ratio above 1 says that the peer takes longer than the first contestant.
    """
    runs = results["runs"]
    first = next(iter(runs))
    width = max(24, 2 + max(map(len, runs)))
    lines = [f"{'':<{width}}{'wall s (quartiles)':<28}{'CPU s':<10}facts"]
    for name, run in runs.items():
        low, middle, high = quartiles(run["wall"])
        facts = ", ".join(f"{key} {value}" for key, value in run["facts"].items())
        wall = f"{middle:.4f} ({low:.4f}-{high:.4f})"
        lines.append(f"{name:<{width}}{wall:<28}{statistics.median(run['cpu']):<10.3f}{facts}")
    results["ratios"] = {}
    for name, run in runs.items():
        if name == first:
            continue
        wall = ratio(run["wall"], runs[first]["wall"])
        cpu = ratio(run["cpu"], runs[first]["cpu"])
        results["ratios"][name] = {"wall": wall, "cpu": cpu}
        lines.append(
            f"{name} / {first}: wall {wall['ratio']:.2f} "
            f"(95 %: {wall['low']:.2f}-{wall['high']:.2f}), CPU {cpu['ratio']:.2f} "
            f"({cpu['low']:.2f}-{cpu['high']:.2f}); above 1: {first} is faster"
        )
    lines += [f"skipped {name}: {why}" for name, why in results["skipped"].items()]
    return "\n".join(lines)


def write(results: dict, path: str | os.PathLike) -> Path:
    """Writes everything that was measured as JSON, whole or not at all, and returns the path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.partial")
    temporary.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, path)
    return path


def machine() -> dict:
    """Returns what the numbers depend on: processor, cores, memory, system, commit, date."""
    model = platform.processor()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "commit": commit or None,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def arguments(description: str, **defaults) -> argparse.ArgumentParser:
    """Returns the parser of the words that every benchmark knows."""
    parser = argparse.ArgumentParser(description=description.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=defaults.get("rounds", 10))
    parser.add_argument("--warmup", type=int, default=defaults.get("warmup", 2))
    parser.add_argument("--threads", type=int, help="default: all cores that may be used")
    parser.add_argument("--output", metavar="FILE", help="default: benchmarks/results/NAME.json")
    parser.add_argument(
        "--peer-python",
        default=os.environ.get("TFSEG_PEER_PYTHON", sys.executable),
        help="interpreter that has the peer's libraries; default: TFSEG_PEER_PYTHON, or this one",
    )
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser


def finish(results: dict, output: str | None = None) -> None:
    """Shows the results of a contest and writes them."""
    table = show(results)
    name = output or ROOT / "benchmarks" / "results" / f"{results['benchmark']}.json"
    print(f"{table}\nwrote {write(results, name)}")


def _thread_variables(threads: int) -> dict[str, str]:
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    return {**dict.fromkeys(names, str(threads)), "TF_NUM_INTEROP_THREADS": str(threads)}
