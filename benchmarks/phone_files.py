"""TFLite files in turn on this processor: milliseconds a picture, as ratios to the first file.

Needs NumPy and ai-edge-litert alone, neither TensorFlow nor tfseg, so that it runs on small ARM
boards and servers as well. Files take one picture a round each, so that whatever else the machine
does hits all of them; the ratio is the median of the ratios within rounds.

    python benchmarks/phone_files.py phone/float32.tflite phone/int8.tflite --threads 1
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

# Those with which XNNPACK adds up products of bytes.
DOT_PRODUCTS = ("avx512_vnni", "avx_vnni", "asimddp", "i8mm")


def runner(path: str, threads: int) -> Callable[[], None]:
    """Returns a function that runs a file once on random numbers."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=threads)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]
    numbers = np.random.default_rng(0).uniform(-1, 1, source["shape"])
    scale = 127 if source["dtype"] == np.int8 else 1
    interpreter.set_tensor(source["index"], (numbers * scale).astype(source["dtype"]))
    return interpreter.invoke


def measure(files: list[str], threads: int, rounds: int) -> dict[str, list[float]]:
    """Returns the seconds of each file in each round."""
    runners = {path: runner(path, threads) for path in files}
    for run in runners.values():
        run()
    seconds: dict[str, list[float]] = {path: [] for path in files}
    for _ in range(rounds):
        for path, run in runners.items():
            start = time.perf_counter()
            run()
            seconds[path].append(time.perf_counter() - start)
    return seconds


def processor() -> str:
    """Returns the processor's name and which dot products of bytes it has."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return f"{platform.processor() or platform.machine()}, instructions not known"
    lines = (line.partition(":") for line in text.splitlines())
    facts = {name.strip(): value.strip() for name, _, value in lines}
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    found = [name for name in DOT_PRODUCTS if name in flags]
    name = facts.get("model name", platform.machine())
    return f"{name}, dot products of bytes: {', '.join(found) or 'none'}"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=50)
    args = parser.parse_args()
    seconds = measure(args.files, args.threads, args.rounds)
    print(f"{processor()}; {args.threads} thread(s), {args.rounds} rounds")
    first = seconds[args.files[0]]
    for path, own in seconds.items():
        low, middle, high = (1e3 * q for q in statistics.quantiles(own, n=4))
        faster = statistics.median(a / b for a, b in zip(first, own))
        size = Path(path).stat().st_size / 1e6
        print(f"{path:40} {size:6.1f} MB  {middle:7.1f} ms ({low:.1f}-{high:.1f})  {faster:5.2f}x")


if __name__ == "__main__":
    main()
