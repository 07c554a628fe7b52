"""Whether memory grows with the number of image sizes: predictions over many sizes, one process."""

from __future__ import annotations

import gc
import os
import sys
import time
from pathlib import Path

import harness
import numpy as np

FITS = ("native", "proportional", "padded")


def main() -> None:
    """Predicts images of `--sizes` sizes in turn, and prints the memory on the way."""
    parser = harness.arguments(__doc__)
    parser.add_argument("--predictions", type=int, default=1000)
    parser.add_argument("--sizes", type=int, default=50, help="image sizes, in turn")
    parser.add_argument("--side", type=int, default=96, help="of the smallest image")
    parser.add_argument(
        "--fit", choices=FITS, default="native", help="of the portrait model; padded: Mask R-CNN"
    )
    args = parser.parse_args()
    model = _model(args.fit, args.side)
    random = np.random.default_rng(0)
    numbers = range(args.sizes)
    shapes = [(args.side + 4 * i, args.side + 7 * ((3 * i) % args.sizes)) for i in numbers]
    marks, begin = [], time.perf_counter()
    wanted = {1, args.sizes, 100, 200, 500, args.predictions}
    for done in range(1, args.predictions + 1):
        shape = shapes[(done - 1) % len(shapes)]
        model.predict(random.integers(0, 256, (*shape, 3), np.uint8))
        if done in wanted:
            marks.append({"predictions": done, "mb": _resident(), "s": time.perf_counter() - begin})
            print("{predictions:>6} predictions: {mb:.0f} MB, {s:.0f} s".format(**marks[-1]))
    results = {"benchmark": "memory", "settings": vars(args), "runs": marks}
    output = args.output or harness.ROOT / "benchmarks" / "results" / f"memory_{args.fit}.json"
    print(f"wrote {harness.write({**results, 'machine': harness.machine()}, output)}")


def _model(fit: str, side: int):
    import tfseg

    if fit != "padded":
        return tfseg.load("portrait").set_params(image_fit=fit)
    model = tfseg.MaskRCNN(
        classes=("person",), backbone="mobilenet_v2", image_fit="padded", image_size=4 * side
    )
    model.keras_model  # noqa: B018, builds it
    model.fitted = True  # random weights take the same memory
    return model


def _resident() -> float:
    """Returns the process's resident memory in MB; of a system without /proc its peak."""
    gc.collect()
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    sys.exit(main())
