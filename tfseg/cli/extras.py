"""What systems take besides images, as options of a command: `--boxes FILE`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from tfseg.errors import ConfigError

__all__ = ["add_arguments", "add_evaluation_arguments", "of_evaluation", "of_files"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds an option for each extra that a system declares."""
    for name, extra in _declared().items():
        parser.add_argument(f"--{name}", metavar="FILE", help=extra.option_help)


def add_evaluation_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the same for an evaluation, which has the truth as well."""
    for name, extra in _declared().items():
        parser.add_argument(f"--{name}", metavar="WHICH", help=extra.evaluation_help)


def of_files(args: argparse.Namespace, model, count: int, *, required: bool = True) -> dict:
    """Returns the extras of `predict` that the arguments name, read from their files.

    Args:
        args: What was given.
        model: Whose extras these are to be.
        count: Number of images.
        required: Whether the model must be given what it cannot do without; False where samples
            bring it.

    Raises:
        ConfigError: If the model takes none of that name, needs one that is not given, or one value
            is to serve several images.
        DataError: If a file holds something else.
    """
    from tfseg.engine.extras import from_file

    given = _given(
        args, model, lambda extra, file: from_file(extra, file, count, _label(extra, file))
    )
    for extra in getattr(model, "predict_extras", ()):
        if required and extra.required and extra.name not in given:
            raise ConfigError(
                f"--{extra.name}: a {model.system} model needs {extra.name} for each image, "
                f"--{extra.name} FILE. {extra.option_help}."
            )
    return given


def of_evaluation(args: argparse.Namespace, model) -> dict:
    """Returns the extras of `evaluate` that the arguments name: "truth", or what a file holds."""
    from tfseg.engine.extras import TRUTH, from_file

    def value(extra, word: str):
        return word if word == TRUTH else from_file(extra, word, None, _label(extra, word))

    return _given(args, model, value)


def _given(args: argparse.Namespace, model, value: Callable) -> dict:
    taken, given = {extra.name: extra for extra in getattr(model, "predict_extras", ())}, {}
    for name in _declared():
        word = getattr(args, name, None)
        if word is None:
            continue
        if name not in taken:
            takes = f" It takes --{', --'.join(taken)}." if taken else ""
            raise ConfigError(f"--{name}: a {model.system} model takes no {name}.{takes}")
        given[name] = value(taken[name], word)
    return given


def _declared() -> dict:
    """Returns the extras of all systems; what is imported for it checks the backend, and commands
    choose theirs before."""
    from tfseg import models

    return models.declared_extras()


def _label(extra, file: str) -> str:
    return f"--{extra.name} {file}"
