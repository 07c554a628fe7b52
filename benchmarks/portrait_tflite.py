"""The portrait network as TFLite files: size, latency and the time of each kind of operation.

Weights are random, which changes no speed: float32, float16, and both kinds of int8, on 1 and 2
threads, in turn, with LiteRT and, where it is installed, with OpenVINO. `tfseg quantize` writes the
same table, with measures, for a trained model.

    python benchmarks/portrait_tflite.py --preset light --size 256 192
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
from pathlib import Path

import numpy as np


def main() -> None:
    """Prints the table, and writes it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--preset", default="light", choices=["light", "paper", "dilated", "nano"])
    parser.add_argument("--size", nargs=2, type=int, default=(256, 192), metavar=("H", "W"))
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--keep", metavar="DIR", help="write the files there")
    parser.add_argument("--output", default="benchmarks/results/portrait_tflite.json")
    args = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tfseg.export.phone.compare import compare
    from tfseg.export.phone.part import phone_part
    from tfseg.export.phone.table import table_text
    from tfseg.models.portrait import PortraitSegmenter

    shape = tuple(args.size)
    part = phone_part(PortraitSegmenter(preset=args.preset, image_size=shape))
    files = converted(part)
    if args.keep:
        for name, content in files.items():
            Path(args.keep, f"{name}.tflite").write_bytes(content)
    rows = compare(files, part, rounds=args.rounds)
    details = {
        "preset": args.preset,
        "image": f"{shape[0]} x {shape[1]} (rows x columns)",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
    print(table_text(rows, details))
    results = {"benchmark": "portrait_tflite", "details": details}
    results["files"] = [dataclasses.asdict(row) for row in rows]
    Path(args.output).parent.mkdir(parents=True, exist_ok=True)
    Path(args.output).write_text(json.dumps(results, indent=2) + "\n")


def converted(part) -> dict[str, bytes]:
    """Returns the four files of a model with whatever weights it has."""
    from tfseg.export.phone import convert, rounding
    from tfseg.export.phone.optional import tf_keras

    network = rounding.equalized(part.network(tf_keras()))
    images = np.random.default_rng(0).integers(0, 256, (4, *part.image_size, 3), np.uint8)
    aware = rounding.quantised(network)
    rounding.calibrate(aware, network, [part.reading.values(images)])
    return {
        "float32": convert.float_file(network),
        "float16": convert.float_file(network, half=True),
        "int8_post_training": convert.post_training_file(network, images, part.reading),
        "int8": convert.int8_file(aware, part.reading),
    }


if __name__ == "__main__":
    main()
