"""Make files for phones: convert, calibrate, train on through the rounding of int8, compare.

A system has them of the part that phones can run, all of it or its dense layers; one that has no
such part is refused with the reason. OUT gets float32.tflite, float16.tflite,
int8_post_training.tflite, int8.tflite (trained for it) and comparison.md: how good each is on the
validation images, how large and how fast, and where the time goes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tfseg import backend
from tfseg.cli import datasets, quiet
from tfseg.cli.progress import show_progress

EXAMPLES = """\
  tfseg quantize runs/portrait/best --data photos/ --out phone
  tfseg quantize runs/portrait/best --data photos/ --out phone --image-size 256 192 --epochs 5
  tfseg quantize runs/portrait/best --config configs/portrait/small.yaml --data photos/ --out phone
  tfseg quantize runs/portrait/best --data photos/ --out phone --resume   # go on after a stop"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument("model_dir", help="folder of a saved model, such as runs/x/best")
    datasets.add_arguments(parser)
    datasets.add_split_arguments(parser)
    parser.add_argument("--config", metavar="FILE", help="read the data as this file says")
    datasets.add_set_argument(parser)
    parser.add_argument("--out", metavar="DIR", required=True, help="folder to write")
    parser.add_argument(
        "--image-size",
        nargs=2,
        type=datasets.positive,
        metavar=("ROWS", "COLUMNS"),
        help="of the phone's images, best in multiples of 32; default: the model's own",
    )
    parser.add_argument(
        "--epochs", type=datasets.not_negative, default=3, help="0 calibrates only; default: 3"
    )
    parser.add_argument("--steps", type=datasets.positive, help="of an epoch; default: all images")
    parser.add_argument("--learning-rate", type=float, default=1e-4, help="default: 0.0001")
    parser.add_argument(
        "--kernel-limit",
        type=int,
        choices=[64, 127],
        default=64,
        help="greatest number of int8.tflite's kernels: within 64 no sum saturates on x86 "
        "processors without dot products of bytes (AVX2, with OpenVINO), for one bit; 127 uses all "
        "of int8, for phones and newer x86; default: 64, as the bit costs little (docs/phone.md)",
    )
    parser.add_argument("--batch-size", type=datasets.positive, help="default: the model's own")
    parser.add_argument("--augmentation", help="default: the model's own")
    parser.add_argument("--limit", type=datasets.positive, help="measure the first N images only")
    parser.add_argument("--license", default="", help="of the weights, for the files' description")
    parser.add_argument("--resume", action="store_true", help="go on where a training stopped")
    parser.add_argument("--overwrite", action="store_true", help="replace what OUT holds")


def run(args: argparse.Namespace) -> int:
    """Quantises, and prints the table."""
    backend.take_tensorflow()  # before what follows checks the backend
    from tfseg import models

    settings = datasets.data_section(args)
    quiet.import_backend()
    from tfseg.export import folder
    from tfseg.export.phone.part import require_phone_part

    folder.free_folder(args.out, args.overwrite)
    model = models.load(args.model_dir)
    require_phone_part(model, f"{args.model_dir}: ")
    train, val = datasets.open_both(args, settings, whole_maps=True)
    changed = {"batch_size": args.batch_size, "augmentation": args.augmentation}
    changed = {f"train__{key}": value for key, value in changed.items() if value is not None}
    model.set_params(**changed)
    from tfseg.export.phone.pipeline import quantize
    from tfseg.export.phone.training import FineTuning

    quantize(
        model,
        train,
        val,
        args.out,
        plan=FineTuning(args.epochs, args.steps, args.learning_rate, args.kernel_limit),
        image_size=None if args.image_size is None else tuple(args.image_size),
        limit=args.limit,
        resume=args.resume,
        overwrite=args.overwrite,
        license=args.license,
        progress=show_progress,
    )
    print(Path(args.out, "comparison.md").read_text(encoding="utf-8"))
    print(f"wrote {args.out}; docs/phone.md runs a file")
    return 0


def after_interrupt(args: argparse.Namespace) -> str:
    """Returns how to go on after Ctrl-C."""
    return "Finished epochs are kept beside OUT; go on with the same words and --resume."
