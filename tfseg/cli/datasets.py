"""The words that name a dataset, the same for every verb that needs one."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Mapping
from pathlib import Path

from tfseg.cli.configs import find_config
from tfseg.errors import ConfigError, DataError

__all__ = [
    "add_arguments",
    "add_set_argument",
    "add_split_arguments",
    "data_section",
    "not_negative",
    "open_both",
    "open_split",
    "place",
    "positive",
    "section_of",
]

_NO_VAL = (
    "Set a share of the training images aside for it (--val-fraction 0.2), or go without "
    "(--val-split none)."
)
_NO_VAL_OF_PARTS = (
    "Name the images for validation with data.val_parts, or go without (--val-split none)."
)


def positive(text: str) -> int:
    """Returns a whole number of at least 1, for argparse."""
    return _whole(text, 1)


def not_negative(text: str) -> int:
    """Returns a whole number of at least 0, for argparse."""
    return _whole(text, 0)


def share(text: str) -> float:
    """Returns a number from 0 to 1, for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"expected a score between 0 and 1, got {text}")
    return number


def _whole(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"expected a number of at least {least}, got {text}")
    return number


def add_arguments(
    parser: argparse.ArgumentParser, *, positional: bool = False, split: str | None = None
) -> None:
    """Adds the folder or file of a dataset, its format and, with `split` as the default, which
    part of it and how an experiment file reads it."""
    what = "folder or annotation file of the dataset; 'synthetic' draws people"
    if positional:
        parser.add_argument("data", metavar="DATASET", help=what)
    else:
        parser.add_argument("--data", metavar="PATH", help=what)
    parser.add_argument("--format", metavar="NAME", help=format_help())
    if split:
        parser.add_argument("--split", help=f"part of the data; default: {split}")
        parser.add_argument(
            "--config", metavar="FILE", help="read the data as this experiment file says"
        )
        add_set_argument(parser)


def format_help() -> str:
    """Returns the help of an argument that names a format."""
    from tfseg.data.opening.formats import FORMATS

    return f"layout of the data, one of {', '.join(FORMATS)}; default: recognise it"


def add_set_argument(parser: argparse.ArgumentParser) -> None:
    """Adds how the data is read, in the words that `tfseg train` takes."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="data.KEY=VALUE",
        help="read the data so, as in training: data.drop_invalid=true; may be repeated",
    )


def add_split_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds which part is trained on and which one is for validation."""
    parser.add_argument("--train-split", metavar="NAME", help="default: train")
    parser.add_argument("--val-split", metavar="NAME", help="default: val; 'none' to go without")
    parser.add_argument(
        "--val-fraction",
        type=float,
        metavar="X",
        help="set aside this share of the training images for validation, such as 0.2",
    )


def data_section(args: argparse.Namespace) -> dict:
    """Returns the `data` settings of the experiment file that the words name, if they name one,
    with those that `--set` changes."""
    from tfseg.config import files

    for text in args.set:
        if not text.strip().startswith("data."):
            raise ConfigError(
                f"--set {text}: only settings of the data count here, such as data.classes=[shoe]."
            )
    if getattr(args, "config", None):
        return section_of(args, files.load_config(find_config(args.config), args.set))
    return files.override(files.LoadedConfig({"data": {}}, {}), args.set)["data"]


def section_of(args: argparse.Namespace, loaded) -> dict:
    """Returns the `data` settings of an experiment file, and notes in the words where each was
    written, see `_meant_for`.

    Args:
        args: The words.
        loaded: What `tfseg.config.files.load_config` returned.
    """
    args.places = {
        name: loaded.places.get(f"data.{name}", "").rpartition(", line")[0]
        for name in loaded["data"]
    }
    return loaded["data"]


def open_split(
    args: argparse.Namespace, settings: Mapping, part: str, split: str | None, **options
):
    """Returns one part of the dataset; see `place` for the arguments.

    With `val_fraction` among the settings, the parts "train" and "val" are shares of the training
    images, the same ones at every call.
    """
    from tfseg.data import dataset
    from tfseg.data.opening import sources

    share = settings.get("val_fraction")
    if share is None or split not in (None, "train", "val"):
        where, given = place(args, settings, part, split, **options)
        return sources.open_dataset(where, **given)
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share < 1:
        raise ConfigError(f"val_fraction: expected a number between 0 and 1, got {share!r}.")
    if "parts" in settings:
        raise ConfigError("val_fraction is for one dataset; with data.parts name data.val_parts.")
    where, given = place(args, settings, "train", None, **options)
    parts = dataset.train_val_split(sources.open_dataset(where, **given), share)
    return parts[0] if (split or part) == "train" else parts[1]


def _with_maps(where: str, given: dict) -> dict:
    from tfseg.data.opening import sources

    chosen = given.get("format", "auto") != "auto" or given.keys() & {"parts", "val_parts"}
    others = given.keys() - {"split", "format", "classes", "synonyms", "drop_invalid", "keep_empty"}
    if chosen or others or not Path(where).is_dir():
        return given
    is_voc = sources.recognise(where, given["split"]) == "voc"
    return {**given, "format": "voc_semantic"} if is_voc else given


def place(
    args: argparse.Namespace,
    settings: Mapping,
    part: str,
    split: str | None,
    *,
    whole_maps: bool = False,
    **options,
) -> tuple[str, dict]:
    """Returns where a dataset lies, and the options that open one part of it.

    Args:
        args: The words; `data` and `format` outrank the settings.
        settings: The section `data` of an experiment file: `path`, `train_split`, `val_split`,
            `val_fraction`, and options of `tfseg.open_dataset`, among which are `parts` and
            `val_parts`: a set made of several.
        part: "train" or "val"; the settings may give it another name.
        split: The name that the words give, or None.
        whole_maps: For networks that label every pixel: where nobody names a format, PASCAL VOC is
            read with its void pixels, which are neither learnt nor measured, not by its objects.
        options: Further options; they outrank the settings.

    Raises:
        ConfigError: If nobody says where the images are.
    """
    given = {**_meant_for(args, settings), **options}
    where = args.data or given.pop("path", None)
    given.pop("path", None)
    given.pop("val_fraction", None)
    splits = {name: given.pop(f"{name}_split", name) for name in ("train", "val")}
    if args.format is not None:
        given["format"] = args.format
    if where is None and given.keys() & {"parts", "val_parts"}:
        where = ""  # each part says where it lies
    if where is None:
        raise ConfigError("no images named: give --data PATH, or data.path in the config.")
    given = {"split": split or splits[part], **given}
    return where, _with_maps(where, given) if whole_maps else given


def _meant_for(args: argparse.Namespace, settings: Mapping) -> Mapping:
    """Returns the `data` settings that hold for `--data`: where an experiment file draws its
    images and these are real ones, how they are drawn is left; what `--set` or a file that
    extends it says stays."""
    drawn = [
        str(place).partition(":")[0] == "synthetic" for place in (settings.get("path"), args.data)
    ]
    if args.data is None or drawn != [True, False]:
        return settings
    said = {
        text.partition("=")[0].strip().removeprefix("data.") for text in getattr(args, "set", ())
    }
    places = getattr(args, "places", {})
    said |= {name for name, file in places.items() if file not in ("", places.get("path"))}
    parts = {"train_split", "val_split", "val_fraction"}
    return {name: value for name, value in settings.items() if name in said | parts}


def open_both(args: argparse.Namespace, settings: Mapping, *, whole_maps: bool = False):
    """Returns the training and the validation set, which is None where there is none.

    Args:
        args: The words of `add_arguments` and `add_split_arguments`.
        settings: The section `data` of an experiment file.
        whole_maps: See `place`.
    """
    from tfseg.data.reading.part_names import MissingPartError

    settings = _split_settings(args, settings)
    opened = functools.partial(open_split, args, settings, split=None, whole_maps=whole_maps)
    train = opened("train")
    if str(settings.get("val_split", "val")).lower() == "none":
        return train, None
    where, _ = place(args, settings, "val", None)
    if "val_fraction" in settings or "val_split" in settings:
        return train, opened("val")
    if Path(where).is_file():
        raise ConfigError(f"{where} is one file, so it has no part for validation. {_NO_VAL}")
    try:
        return train, opened("val")
    except MissingPartError as error:
        advice = _NO_VAL_OF_PARTS if "parts" in settings else _NO_VAL
        raise DataError(f"{error} {advice}") from error


def _split_settings(args: argparse.Namespace, settings: Mapping) -> dict:
    """Returns the `data` settings with what the words say about parts, which outranks them."""
    if args.val_split is not None and args.val_fraction is not None:
        raise ConfigError("--val-split and --val-fraction: give one of them.")
    settings = dict(settings)
    if args.val_split is not None:
        settings.pop("val_fraction", None)
    for name in ("train_split", "val_split", "val_fraction"):
        if getattr(args, name) is not None:
            settings[name] = getattr(args, name)
    return settings
