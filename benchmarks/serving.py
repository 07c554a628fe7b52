"""A served model under load: many clients, images of mixed sizes, some of them broken.

The server is `tests/serving/loopback.py`, a process that speaks TensorFlow Serving's protocols and
runs the real SavedModel in Python: its times are an upper bound for the real server, what is
measured of crashes, wrong answers and memory is not. `--url` asks a server that runs already.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import harness
import numpy as np
from PIL import Image

SIDES = (96, 160, 256, 400)


def main() -> None:
    """Sends `--requests` by `--clients` threads, and prints what came back and how fast."""
    parser = harness.arguments(__doc__)
    parser.add_argument("--model", default="portrait", help="folder or name of a saved model")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--broken", type=int, default=100, help="one request in so many")
    parser.add_argument("--protocol", choices=("rest", "grpc"), default="rest")
    parser.add_argument("--url", help="a server that runs; --model is then its name there")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.url:
            measured = load(args, args.url, args.model, None)
        else:
            with served(args.model, folder) as (urls, process):
                measured = load(args, urls[args.protocol == "grpc"], "model", process)
    print(table(measured))
    results = {"benchmark": "serving", "settings": vars(args), **measured}
    output = args.output or harness.ROOT / "benchmarks" / "results" / "serving.json"
    print(f"wrote {harness.write({**results, 'machine': harness.machine()}, output)}")


class served:  # noqa: N801, used as a function
    """Exports a model and serves it in a process of its own: `((rest, grpc), process)`."""

    def __init__(self, model: str, folder: str):
        import tfseg

        saved = Path(folder, "model", "1")
        tfseg.load(model).export(saved)
        script = harness.ROOT / "tests" / "serving" / "loopback.py"
        words = [sys.executable, str(script), str(saved.parent), "model"]
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=quiet)
        rest, grpc = self.process.stdout.readline().split()
        self.urls = f"http://127.0.0.1:{rest}", f"grpc://127.0.0.1:{grpc}"

    def __enter__(self):
        return self.urls, self.process

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(60)


def load(args, url: str, name: str, process) -> dict:
    """Returns counts, latencies and the server's memory on the way."""
    from tfseg.errors import DataError
    from tfseg.serving import Client

    client = Client(url, name, timeout=600)
    files = images()
    expected = [client.predict(file)[0].to_json() for file in files]  # and warms up
    cut = files[0][: len(files[0]) // 2]
    counts = dict.fromkeys(("answered", "refused", "wrong", "failed"), 0)
    latencies, memory, lock = [], [_resident(process)], threading.Lock()
    numbers = iter(range(args.requests))

    def work() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            broken = number % args.broken == args.broken // 2
            index = number * 7 % len(files)
            begin = time.perf_counter()
            try:
                (found,) = client.predict(cut if broken else files[index])
                right = not broken and found.to_json() == expected[index]
                what = "answered" if right else "wrong"
            except DataError:
                what = "refused" if broken else "wrong"
            except Exception as error:  # counted and shown: none may happen
                what = "failed"
                print(f"request {number}: {type(error).__name__}: {error}", file=sys.stderr)
            with lock:
                latencies.append(time.perf_counter() - begin)
                counts[what] += 1
                if len(latencies) % max(1, args.requests // 10) == 0:
                    memory.append(_resident(process))

    begin = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(args.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "counts": counts,
        "seconds": time.perf_counter() - begin,
        "latencies": latencies,
        "memory_mb": memory,
    }


def images() -> list[bytes]:
    """Returns files of smooth colours, JPEG and PNG, of sizes from thumbnails to screens."""
    found, random = [], np.random.default_rng(0)
    for number, side in enumerate(SIDES * 2):
        size = (side, side * (3 + number % 3) // 4)
        coarse = Image.fromarray(random.integers(0, 256, (6, 6, 3)).astype(np.uint8))
        file = io.BytesIO()
        coarse.resize(size, Image.Resampling.BICUBIC).save(file, ("JPEG", "PNG")[number % 2])
        found.append(file.getvalue())
    return found


def table(measured: dict) -> str:
    """Returns what was measured as lines of text."""
    times = np.sort(measured["latencies"])
    at = {share: times[min(len(times) - 1, int(share * len(times)))] for share in (0.5, 0.95, 0.99)}
    counts = ", ".join(f"{number} {what}" for what, number in measured["counts"].items())
    memory = " ".join("?" if mb is None else f"{mb:.0f}" for mb in measured["memory_mb"])
    return "\n".join(
        [
            f"{len(times)} requests in {measured['seconds']:.1f} s: "
            f"{len(times) / measured['seconds']:.1f} a second",
            f"latency: median {at[0.5]:.3f} s, 95 % {at[0.95]:.3f} s, 99 % {at[0.99]:.3f} s, "
            f"longest {times[-1]:.3f} s",
            counts,
            f"memory of the server, MB: {memory}",
        ]
    )


def _resident(process) -> float | None:
    """Returns the memory of the server's process in MB, None where nobody tells."""
    if process is None:
        return None
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return None
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


if __name__ == "__main__":
    main()
