"""Train a light Mask R-CNN on drawn people, and show everything that a training makes.

It starts from the encoder of the portrait model that comes with tfseg.

Takes minutes on two CPU cores. OUT gets the run (settings, logs, checkpoints, report), drawn
predictions on unseen images, and a SavedModel, which is then run by a fresh process that has
TensorFlow alone.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from pathlib import Path

from tfseg.cli import datasets, quiet
from tfseg.errors import ConfigError

EXAMPLES = """\
  tfseg demo
  tfseg demo --out glimpse --epochs 2      # a glimpse: too short to find people well
  tfseg demo --out an_hour --epochs 100     # the same recipe, trained longer"""
CONFIG, START = "mask_rcnn/demo", "portrait"
PICTURES = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    parser.add_argument(
        "--out", metavar="DIR", help="default: demo_out, or demo_out_2, ... where that is taken"
    )
    parser.add_argument("--epochs", type=datasets.positive, help="default: those of the recipe")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting of the recipe, such as train.batch_size=4; may be repeated",
    )


def run(args: argparse.Namespace) -> int:
    """Trains, measures, draws, exports and serves; ends with the list of what was made."""
    out = _folder(args.out)
    started = time.monotonic()
    recipe, train, val = _recipe(args)
    print(f"Training on {len(train)} drawn images, {len(val)} others for measuring")
    quiet.import_backend()
    model = _train(recipe, train, val, out / "run", args.epochs)
    report = json.loads((out / "run" / "report" / "report.json").read_text())["metrics"]
    print(f"\nOn {len(val)} unseen images:")
    for name in ("segm/AP50", "segm/AP", "bbox/AP50", "bbox/AP"):
        print(f"  {name:<10} {'n/a' if report[name] is None else format(report[name], '.3f')}")
    photos = _draw_unseen(model, val, out)
    exported = model.export(
        out / "savedmodel" / "people" / "1",
        metrics=report,
        data=f"{len(train)} drawn images of people (tfseg.data.synthetic), measured on "
        f"{len(val)} others.",
        license="Apache-2.0, as tfseg itself: the images are drawn by it.",
    )
    served = _serve(model, exported, photos, out)
    print(f"\nDone in {(time.monotonic() - started) / 60:.1f} minutes. Made:")
    for path, what in _made(out, served):
        print(f"  {path}  {what}")
    print(
        "\nNext, with your own photographs and a COCO file of their annotations:\n"
        "  tfseg doctor PHOTOS_AND_JSON\n"
        "  tfseg train configs/mask_rcnn/clothing_light.yaml --data PHOTOS_AND_JSON\n"
        "or look for people in an image of yours with what was just trained (on drawings!):\n"
        f"  tfseg predict {out / 'run' / 'final'} PHOTO.jpg --out drawn"
    )
    return 0


def _folder(given: str | None) -> Path:
    """Returns a folder that holds no demo yet."""
    if given is None:
        names = itertools.chain(["demo_out"], (f"demo_out_{n}" for n in itertools.count(2)))
        return next(Path(name) for name in names if not Path(name, "run").exists())
    if Path(given, "run").exists():
        raise ConfigError(f"{given} holds a demo already. Remove it, or choose another --out.")
    return Path(given)


def _recipe(args: argparse.Namespace):
    """Returns the settings, the training images and the unseen ones."""
    from tfseg.cli.configs import find_config
    from tfseg.config import files
    from tfseg.data.opening.sources import open_dataset

    recipe = files.load_config(find_config(CONFIG), overrides=args.set)
    options = dict(recipe["data"])
    path = options.pop("path")
    train = open_dataset(path, split="train", **options)
    # The same drawings at twice the size: finer truth, and images one likes to look at.
    val = open_dataset(path, split="val", **{**options, "size": 2 * options["size"]})
    return recipe, train, val


def _train(recipe, train, val, run_dir: Path, epochs: int | None):
    from tfseg import models
    from tfseg.config import files

    system = models.system(recipe["system"])
    config = files.build(system.config_class, recipe, classes=tuple(train.class_names))
    model = system(config)
    print(model.load_weights(START, skip_mismatch=True))
    return model.fit(train, val, run_dir=run_dir, epochs=epochs)


def _draw_unseen(model, val, out: Path) -> list[Path]:
    """Writes unseen images, each with its drawn prediction, and one sheet of all."""
    from tfseg.visualize import draw, grid, save_png

    photos, sheet = [], []
    for index in range(min(PICTURES, len(val))):
        sample = val[index]
        (prediction,) = model.predict([sample])
        photos.append(out / "unseen" / f"{index + 1:02d}.png")
        drawing = draw(sample.image, prediction, min_side=512)
        save_png(photos[-1], sample.image)
        save_png(out / "predictions" / f"{index + 1:02d}.png", drawing)
        sheet.append(drawing)
    save_png(out / "predictions.png", grid(sheet, columns=4))
    return photos


def _serve(model, exported: Path, photos: list[Path], out: Path) -> Path:
    """Runs the SavedModel in a process without tfseg, and draws what it answered."""
    import numpy as np

    from tfseg.data.images.images import read_image
    from tfseg.export.serving import serve_check
    from tfseg.visualize import draw, save_png

    answer = serve_check(exported, photos[0])
    found = int(answer["num_detections"][0])
    (here,) = model.predict([photos[0]])
    boxes = answer["detection_boxes"][0, :found]
    apart = np.abs(boxes - here.boxes).max(initial=0) if found == len(here) else np.inf
    print(
        f"\nThe SavedModel, in a process with TensorFlow alone: {found} people in {photos[0]}, "
        f"{len(here)} by tfseg, boxes at most {apart:.3f} pixels apart"
    )
    drawing = draw(read_image(photos[0]), _as_prediction(answer, found, here), min_side=512)
    return save_png(out / "served.png", drawing)


def _as_prediction(answer: dict, found: int, here):
    """Returns the served outputs as a prediction: each small mask stretched over its box."""
    from tfseg.structures import Prediction, rle
    from tfseg.structures.pasting import paste_mask

    boxes = answer["detection_boxes"][0, :found]
    crops = [
        paste_mask(mask, box, here.size)
        for mask, box in zip(answer["detection_masks"][0, :found], boxes)
    ]
    return Prediction(
        size=here.size,
        boxes=boxes,
        class_ids=answer["detection_classes"][0, :found],
        scores=answer["detection_scores"][0, :found],
        rles=tuple(rle.encode_crop(crop, top, left, here.size) for crop, top, left in crops),
        class_names=here.class_names,
    )


def _made(out: Path, served: Path) -> list[tuple[str, str]]:
    """Returns every file or folder to look at, with what it is."""
    places = [
        (out / "predictions.png", "unseen images with what was found, on one sheet"),
        (out / "predictions", "the same, one file an image"),
        (out / "unseen", "the images themselves"),
        (out / "run" / "report" / "index.html", "the report: open it in a browser"),
        (out / "run" / "log.csv", "losses of each epoch"),
        (out / "run" / "tensorboard", "the same for TensorBoard"),
        (out / "run" / "config.yaml", "all settings"),
        (out / "run" / "checkpoints", "to go on by --resume"),
        (out / "run" / "best", "the model of the best epoch"),
        (out / "run" / "final", "the model: tfseg.MaskRCNN.load(...)"),
        (out / "savedmodel" / "people" / "1", "for TensorFlow Serving, with its model card"),
        (served, "what the SavedModel found"),
    ]
    there = [(path, what) for path, what in places if path.exists()]
    width = max(len(str(path)) for path, _ in there)
    return [(f"{str(path):<{width}}", what) for path, what in there]
