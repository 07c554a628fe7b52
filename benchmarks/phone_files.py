"""TFLite files in turn on this processor: milliseconds an image, as ratios to the first file.

Needs NumPy and ai-edge-litert alone, neither TensorFlow nor tfseg, so that it runs on small ARM
boards and servers as well; `--openvino` runs every file with OpenVINO too. Each takes one image
a round, so that whatever else the machine does hits all of them; the ratio is the median of the
ratios within rounds.

    python benchmarks/phone_files.py phone/float32.tflite phone/int8.tflite --threads 1 --openvino
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

# Those with which XNNPACK adds up products of bytes.
DOT_PRODUCTS = ("avx512_vnni", "avx_vnni", "asimddp", "i8mm")


def litert_runner(path: str, threads: int) -> Callable[[], None]:
    """Returns a function that runs a file once on random numbers."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=threads)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]
    interpreter.set_tensor(source["index"], random_picture(source["shape"], source["dtype"]))
    return interpreter.invoke


def openvino_runner(path: str, threads: int) -> Callable[[], None]:
    """Returns a function that runs a file once on random numbers, with OpenVINO."""
    sys.modules.setdefault("openvino_telemetry", None)  # would report the import to its makers
    import openvino

    # Float files in float32, as LiteRT computes them: some processors would take bfloat16.
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.compile_model(path, "CPU", settings).create_infer_request()
    source = request.get_input_tensor(0)
    source.data[...] = random_picture(source.data.shape, source.data.dtype)
    return request.infer


def random_picture(shape, kind) -> np.ndarray:
    """Returns random numbers between -1 and 1, or the bytes that mean them."""
    numbers = np.random.default_rng(0).uniform(-1, 1, shape)
    return (numbers * (127 if kind == np.int8 else 1)).astype(kind)


def measure(runners: dict[tuple, Callable[[], None]], rounds: int) -> dict[tuple, list[float]]:
    """Returns the seconds of each runner in each round."""
    for run in runners.values():
        run()
    seconds: dict[tuple, list[float]] = {key: [] for key in runners}
    for _ in range(rounds):
        for key, run in runners.items():
            start = time.perf_counter()
            run()
            seconds[key].append(time.perf_counter() - start)
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
    parser.add_argument("--openvino", action="store_true", help="run them with OpenVINO as well")
    args = parser.parse_args()
    kinds = {"LiteRT": litert_runner, **({"OpenVINO": openvino_runner} if args.openvino else {})}
    runners = {
        (path, runtime): kind(path, args.threads)
        for runtime, kind in kinds.items()
        for path in args.files
    }
    seconds = measure(runners, args.rounds)
    print(f"{processor()}; {args.threads} thread(s), {args.rounds} rounds")
    first = next(iter(seconds.values()))
    for (path, runtime), own in seconds.items():
        low, middle, high = (1e3 * q for q in statistics.quantiles(own, n=4))
        faster = statistics.median(a / b for a, b in zip(first, own))
        size = Path(path).stat().st_size / 1e6
        told = f"{middle:7.1f} ms ({low:.1f}-{high:.1f})  {faster:5.2f}x"
        print(f"{path:40} {size:6.1f} MB  {runtime:9} {told}")


if __name__ == "__main__":
    main()
