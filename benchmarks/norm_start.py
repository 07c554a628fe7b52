"""How a network from a file with folded normalisations begins: three ways, and from random weights.

    python benchmarks/norm_start.py mobilenet_v2_1.0_224_quant.tflite ../shared/data --steps 24

Trains the portrait network's encoder with its plain decoder for a few steps on portrait crops of
Clothing Co-Parsing: normalisations calibrated on 256 images, frozen, learning as loaded, and from
random weights. Prints the last losses and the person's IoU on crops of val.txt, and writes
benchmarks/results/norm_start.json. Seconds are those of the processor.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

WAYS = {
    "calibrated": {"norm": "batch"},
    "frozen": {"norm": "frozen"},
    "as loaded": {"norm": "batch", "norm_images": 0},
    "random": {"norm": "batch", "weights": None},
}


class Small:
    """Crops of one part, read once and kept small."""

    class_names = ("person",)

    def __init__(self, data: str, split: str, count: int, height: int):
        from tfseg.data.published.portrait_crops import PortraitCropsDataset
        from tfseg.geometry.resize import SquareResize

        crops = PortraitCropsDataset(Path(data, "clothing_co_parsing"), split)
        resize = SquareResize(height, height)
        count = min(count, len(crops))
        self._samples = [resize.plan(crops[i].size).sample(crops[i]) for i in range(count)]

    def __len__(self):
        return len(self._samples)

    def __getitem__(self, index):
        return self._samples[index]


def arm(way: dict, args, train: Small, val: Small) -> dict:
    """Returns losses, IoU and seconds of one way."""
    from tfseg import PortraitSegmenter

    begin, way = time.process_time(), {"weights": args.weights, **way}
    epochs = max(args.steps // 4, 1)
    model = PortraitSegmenter(
        decoder="aspp",
        image_size=(128, 96),
        norm=way["norm"],
        norm_momentum=0.9,
        train={
            "batch_size": 16,
            "steps_per_epoch": 4,
            "stages": [{"epochs": epochs, "layers": "all"}],
            "optimizer": "adamw",
            "learning_rate": args.learning_rate,
            "schedule": "cosine",
            "warmup_steps": 4,
            "norm_images": way.get("norm_images", 256),
            "seed": args.seed,
        },
    )
    if way["weights"]:
        model.load_weights(way["weights"])
    model.fit(train)
    losses = [round(float(row["loss"]), 4) for row in model.history]
    iou = float(model.evaluate(val, batch_size=8)["miou"])
    return {"losses": losses, "miou": round(iou, 4), "seconds": time.process_time() - begin}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("weights", help="a TFLite file that begins with MobileNetV2")
    parser.add_argument("data", help="the folder that clothing_co_parsing lies in")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--learning-rate", type=float, default=0.001)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--output", default=str(Path(__file__).parent / "results"))
    args = parser.parse_args()

    train, val = Small(args.data, "train", 320, 160), Small(args.data, "val", 24, 160)
    found = {}
    for name in args.ways:
        found[name] = arm(WAYS[name], args, train, val)
        print(f"{name:<12}", json.dumps(found[name]), flush=True)
    Path(args.output).mkdir(parents=True, exist_ok=True)
    content = {"arguments": vars(args), "ways": found}
    Path(args.output, "norm_start.json").write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
