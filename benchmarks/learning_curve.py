"""How a small network goes on from random weights when it is given an hour: mask AP50 over time.

    python benchmarks/learning_curve.py --run-dir runs/hour --epochs 100

Trains `configs/mask_rcnn/demo.yaml` at half its width, from random weights and for more epochs (the
learning rate falls to zero at the last one), measures 100 unseen drawn images every few epochs,
and writes the curve as JSON and PNG. The run can be continued with --resume.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(__file__).resolve().parent.parent


def curve(history: list[dict]) -> list[dict]:
    """Returns minutes of training and mask and box AP50 of each measured epoch."""
    points, seconds = [], 0.0
    for row in history:
        seconds += float(row.get("seconds") or 0)
        if row.get("segm/AP50") not in (None, ""):
            points.append(
                {
                    "epoch": int(row["epoch"]),
                    "minutes": round(seconds / 60, 2),
                    "segm/AP50": round(float(row["segm/AP50"]), 4),
                    "bbox/AP50": round(float(row["bbox/AP50"]), 4),
                }
            )
    return points


def save_plot(points: list[dict], path: Path) -> None:
    """Draws the curve."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.4), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    minutes = [point["minutes"] for point in points]
    for name, label in (("segm/AP50", "masks"), ("bbox/AP50", "boxes")):
        axes.plot(minutes, [point[name] for point in points], marker="o", markersize=3, label=label)
    axes.set(xlabel="minutes of training", ylabel="AP50 on unseen drawn people", ylim=(0, 1))
    axes.axhline(0.8, color="0.6", linewidth=0.8, linestyle="--")
    axes.grid(alpha=0.25)
    axes.legend(loc="lower right")
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run-dir", default="runs/hour")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--every", type=int, default=5, help="epochs between measurements")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--out", default=str(Path(__file__).parent / "results"))
    args = parser.parse_args()

    from tfseg.config import files
    from tfseg.data.opening.sources import open_dataset
    from tfseg.models.mask_rcnn import MaskRCNN

    changes = [
        f"train.stages.0.epochs={args.epochs}",
        f"train.evaluate_every={args.every}",
        "train.monitor=segm/AP50",
        "train.steps_per_epoch=150",
        "train.learning_rate=0.002",
        "model.backbone_width=0.5",
        "model.norm=batch",
        # Each image is seen once.
        f"data.length={args.epochs * 150 * 8}",
    ]
    recipe = files.load_config(ROOT / "configs" / "mask_rcnn" / "demo.yaml", changes)
    options = dict(recipe["data"])
    path = options.pop("path")
    train = open_dataset(path, split="train", **options)
    val = open_dataset(path, split="val", **{**options, "size": 2 * options["size"]})
    config = files.build(MaskRCNN.config_class, recipe, classes=tuple(train.class_names))
    model = MaskRCNN(config).fit(train, val, run_dir=args.run_dir, resume=args.resume)
    points = curve(model.history)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    content = {"recipe": "configs/mask_rcnn/demo.yaml", "epochs": args.epochs, "points": points}
    (out / "learning_curve.json").write_text(json.dumps(content, indent=2) + "\n")
    save_plot(points, out / "learning_curve.png")
    for point in points:
        print(point)


if __name__ == "__main__":
    main()
