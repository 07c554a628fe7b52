"""Train a model on your images.

CONFIG is an experiment file: your own, or one that comes with tfseg, such as
configs/mask_rcnn/clothing_light.yaml. The run folder gets the settings, logs (CSV and
TensorBoard), checkpoints, the best and the final model, and report/index.html.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from tfseg.cli import datasets, quiet
from tfseg.cli.configs import find_config
from tfseg.errors import ConfigError

EXAMPLES = """\
  tfseg train configs/mask_rcnn/clothing_light.yaml --data ../shared/data/clothing_co_parsing
  tfseg train my.yaml --data photos/ --run-dir runs/mine --set train.batch_size=2
  tfseg train my.yaml --data photos/ --weights runs/other/best      # start from another model
  tfseg train my.yaml --data photos/ --run-dir runs/mine --resume   # go on after a stop"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    parser.add_argument("config", metavar="CONFIG", help="experiment file (YAML)")
    datasets.add_arguments(parser)
    datasets.add_split_arguments(parser)
    parser.add_argument("--run-dir", metavar="DIR", help="default: runs/NAME of the config")
    parser.add_argument("--epochs", type=datasets.positive, help="in place of the config's stages")
    parser.add_argument("--weights", metavar="PATH", help="weights or saved model to start from")
    parser.add_argument("--resume", action="store_true", help="go on where --run-dir stopped")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting, such as model.backbone=resnet50; may be repeated",
    )


def run(args: argparse.Namespace) -> int:
    """Trains, and says where everything is."""
    from tfseg import models
    from tfseg.config import files

    path = find_config(args.config)
    loaded = files.load_config(path, overrides=args.set)
    if not args.resume:
        _refuse_to_overwrite(_run_dir(args))
    name = loaded.get("system", models.DEFAULT)
    whole_maps = models.learns_maps(name)
    train, val = datasets.open_both(args, datasets.section_of(args, loaded), whole_maps=whole_maps)
    quiet.import_backend()
    system = models.system(name)
    model = system(files.build(system.config_class, loaded, classes=tuple(train.class_names)))
    if args.weights and not _goes_on(args):
        print(model.load_weights(args.weights, skip_mismatch=True))
    print(_opening(loaded, train, val, _run_dir(args)))
    model.fit(train, val, epochs=args.epochs, run_dir=_run_dir(args), resume=args.resume)
    print(_closing(_run_dir(args)))
    return 0


def after_interrupt(args: argparse.Namespace) -> str:
    """Returns how to go on after Ctrl-C."""
    words = ["tfseg", "train", args.config]
    for name in ("data", "format", "train_split", "val_split", "val_fraction", "epochs", "weights"):
        if getattr(args, name) is not None:
            words += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    for text in args.set:
        words += ["--set", text]
    words += ["--run-dir", str(_run_dir(args)), "--resume"]
    return f"Finished epochs are kept; go on with:\n  {shlex.join(words)}"


def _run_dir(args: argparse.Namespace) -> Path:
    return Path(args.run_dir or Path("runs", Path(args.config).stem))


def _goes_on(args: argparse.Namespace) -> bool:
    """Whether the weights come from the run's checkpoint: a run that was stopped before its first
    one begins again, from the weights that it was to start from."""
    from tfseg.engine.checkpoint import run_checkpoint

    return args.resume and run_checkpoint(_run_dir(args)).is_file()


def _refuse_to_overwrite(run_dir: Path) -> None:
    if any((run_dir / "checkpoints").glob("*")):
        raise ConfigError(
            f"{run_dir} holds a run already. Go on with it by --resume, or choose another "
            "--run-dir."
        )


def _opening(loaded, train, val, run_dir: Path) -> str:
    names = ", ".join(train.class_names)
    held_out = f"{len(val)} for validation" if val is not None else "no validation"
    about = str(loaded.get("description") or "").strip().split("\n")[0]
    lines = [about] if about else []
    lines += [f"{len(train)} images to train on, {held_out}; classes: {names}"]
    return "\n".join([*lines, f"everything goes to {run_dir}"])


def _closing(run_dir: Path) -> str:
    best = run_dir / ("best" if (run_dir / "best").is_dir() else "final")
    lines = [f"trained: {best}"]
    report = run_dir / "report" / "index.html"
    if report.is_file():
        lines.append(f"report:  {report}")
    lines.append(f"next:    tfseg predict {best} PHOTOS --out drawn")
    return "\n".join(lines)
