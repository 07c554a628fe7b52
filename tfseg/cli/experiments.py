"""Run experiments one after another on one dataset, and compare them.

EXPERIMENT is an experiment file, the name of one that comes with tfseg (t3_dim_512), or a folder of
them. All are trained on the same data with the same seed, each in its own folder in --out, which
also gets table.md, table.csv, experiments.json and figures/, renewed after each experiment. Stop it
at any time, by Ctrl-C or by force: the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from tfseg.cli import datasets, quiet
from tfseg.cli.configs import find_config, shipped
from tfseg.errors import ConfigError

EXAMPLES = """\
  tfseg experiments --list                  # the clothing paper's experiments and what it reports
  tfseg experiments base t3_dim_512 t3_anchor_16 --data photos/ --weights mask_rcnn_coco.h5
  tfseg experiments configs/mask_rcnn/cpu --data ../shared/data/clothing_co_parsing \\
      --weights runs/clothing_pretrain_light/final --out runs/experiments"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    parser.add_argument("experiments", nargs="+", metavar="EXPERIMENT", help="file, name or folder")
    datasets.add_arguments(parser)
    datasets.add_split_arguments(parser)
    parser.add_argument(
        "--out", default="runs/experiments", metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all experiments; default: 0")
    parser.add_argument(
        "--weights",
        metavar="PATH",
        help="weights or saved model that each experiment starts from; {name} in it stands for the "
        "experiment's name",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting of every experiment, such as train.batch_size=2; may be repeated",
    )
    parser.add_argument(
        "--list",
        action=_List,
        nargs=0,
        help="print the clothing paper's experiments and what it reports, and stop",
    )


class _List(argparse.Action):
    """Answers at once, like --help: no data and no experiment need be named."""

    def __call__(self, parser, namespace, values, option_string=None):
        from tfseg.studies.experiment_files import read_all
        from tfseg.studies.experiment_table import describe

        folder = shipped() or Path("configs")
        found = [one for path in sorted(folder.glob("*/*.yaml")) for one in read_all([path])]
        # The first and the last setting of a paper around its experiments.
        found = [one for one in found if one.paper.says]
        if not found:
            parser.error(f"the experiment files that come with tfseg are missing from {folder}.")
        found.sort(key=lambda one: (one.path.parent, one.name == "final", one.name))
        print(describe(found), end="")
        parser.exit()


def run(args: argparse.Namespace) -> int:
    """Trains what is not trained yet, and prints the table; 1 if an experiment failed."""
    from tfseg.studies.experiment_files import read_all

    found = read_all(_paths(args.experiments), [*args.set, f"train.seed={args.seed}"])
    from tfseg import models

    maps = all(models.learns_maps(one.loaded.get("system", models.DEFAULT)) for one in found)
    train, val = datasets.open_both(args, _data_section(found), whole_maps=maps)
    quiet.import_backend()
    from tfseg.studies.experiments import run_experiments

    outcomes = run_experiments(
        found,
        lambda experiment: _estimator(experiment, train.class_names),
        train,
        val,
        args.out,
        weights=args.weights,
        about=_about(args, found),
    )
    out = Path(args.out)
    print((out / "table.md").read_text(encoding="utf-8"))
    print(f"table:   {out / 'table.md'}, {out / 'table.csv'}\nfigures: {out / 'figures'}")
    return 0 if all(outcome.state == "finished" for outcome in outcomes) else 1


def after_interrupt(args: argparse.Namespace) -> str:
    """Returns how to go on after Ctrl-C."""
    return f"Finished epochs are kept; the same command goes on:\n  {_command(args)}"


def _paths(words: list[str]) -> list[Path]:
    """Returns the experiment files that the words mean; a folder means all files in it."""
    paths = []
    for word in words:
        folder = _folder(word)
        if folder is None:
            paths.append(find_config(word))
            continue
        inside = sorted(folder.glob("*.yaml"))
        if not inside:
            raise ConfigError(f"{word}: no experiment file (*.yaml) in this folder.")
        paths += inside
    return paths


def _folder(word: str) -> Path | None:
    """Returns the folder that a word means, at its path or among the shipped files, or None."""
    path = Path(word)
    inside = path.relative_to("configs") if path.parts[:1] == ("configs",) else path
    places = [path, shipped() / inside] if shipped() and inside.parts else [path]
    return next((place for place in places if place.is_dir()), None)


def _data_section(found) -> dict:
    """Returns how the experiments read the data; it has to be the same for all."""
    first = found[0]
    for other in found[1:]:
        if other.loaded["data"] != first.loaded["data"]:
            raise ConfigError(
                f"{first.name} and {other.name} read other data ({dict(first.loaded['data'])} and "
                f"{dict(other.loaded['data'])}), so that they cannot be compared. Run them apart."
            )
    return first.loaded["data"]


def _estimator(experiment, classes):
    from tfseg import models
    from tfseg.config import files

    system = models.system(experiment.loaded.get("system", models.DEFAULT))
    config = files.build(system.config_class, experiment.loaded, classes=tuple(classes))
    return system(config)


def _about(args: argparse.Namespace, found) -> dict:
    settings = found[0].loaded["data"]
    share = args.val_fraction or settings.get("val_fraction")
    val = args.val_split or settings.get("val_split", "val")
    return {
        "data": args.data or settings.get("path"),
        "train_split": args.train_split or settings.get("train_split", "train"),
        "val_split": f"{share:g} of them set aside" if share else val,
        "command": _command(args),
    }


def _command(args: argparse.Namespace) -> str:
    words = ["tfseg", "experiments", *args.experiments]
    for name in ("data", "format", "train_split", "val_split", "val_fraction", "weights", "out"):
        if getattr(args, name) is not None:
            words += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    words += ["--seed", str(args.seed)]
    for text in args.set:
        words += ["--set", text]
    return shlex.join(words)
