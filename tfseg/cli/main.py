"""`tfseg VERB ...`: finds the verb's file, runs it, and turns errors into one clear line."""

from __future__ import annotations

import argparse
import difflib
import importlib
import logging
import sys
from collections.abc import Sequence

import tfseg
from tfseg.cli import quiet, streams

__all__ = ["VERBS", "main"]

# Verb to what it does, in the order of a first day with tfseg. Each is `tfseg/cli/<verb>.py`,
# with `EXAMPLES`, `add_arguments(parser)` and `run(args) -> exit code`.
VERBS = {
    "demo": "train a small model on drawn people, in minutes, and show everything it makes",
    "doctor": "find what would ruin a training: broken images, boxes, masks, ids",
    "open-images": "make a dataset of Open Images' masks, and say what was kept and why",
    "coco": "write any dataset as a COCO annotation file",
    "convert": "turn weights of Matterport, torchvision or Keras into a model of tfseg",
    "templates": "make pose templates from the people of a dataset",
    "train": "train a model on your images",
    "experiments": "train several experiments in turn on the same data, and compare them",
    "evaluate": "measure a model on images with known truth",
    "predict": "find and draw the objects in images",
    "search": "find people in a folder of images by what they wear",
    "inspect": "look inside a model at work on one image, step by step",
    "export": "write a model as a SavedModel, for TensorFlow Serving or any TensorFlow",
    "quantize": "make the files that phones run of a model, and compare them",
}
OK, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130

_EPILOG = """exit codes: 0 done; 1 it failed, or problems were found; 2 wrong use, settings or data;
130 stopped by Ctrl-C.  `tfseg VERB --help` has examples."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    Args:
        argv: Words after `tfseg`; those of the process if None.
    """
    streams.mend()
    try:
        try:
            return _main(list(sys.argv[1:] if argv is None else argv))
        finally:
            sys.stdout.flush()  # here, where a closed pipe is understood
    except BrokenPipeError:
        # The reader of our output (`| head`) has seen enough; say nothing at exit either.
        streams.silence_broken()
        return FAILED
    except OSError as error:  # of stdout or stderr itself: a full disk
        streams.silence_broken()
        print(f"tfseg: {_sentence(error)}", file=sys.stderr)
        return FAILED


def _main(argv: list[str]) -> int:
    if not argv or argv[0] not in VERBS:
        return _no_verb(argv)
    try:
        verb = importlib.import_module(f"tfseg.cli.{argv[0].replace('-', '_')}")
        args = _parser(argv[0], verb).parse_args(argv[1:])
    except tfseg.errors.TFSegError as error:  # of the backend, which options of models ask for
        print(f"tfseg: {_sentence(error)}", file=sys.stderr)
        return WRONG_USE
    quiet.silence(args.debug)
    return _run(verb, args)


def _no_verb(argv: list[str]) -> int:
    """Answers `tfseg`, `tfseg --help`, `tfseg --version` and words that are no verb."""
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:<{width}}  {what}" for name, what in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="tfseg",
        usage="tfseg VERB ...",
        description=f"Instance segmentation with Keras 3.\n\nverbs:\n{verbs}",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tfseg {tfseg.__version__}")
    words = [word for word in argv if not word.startswith("-")]
    if not words or argv[0] in ("-h", "--help", "--version"):
        parser.parse_args(argv)
        parser.print_help()
        return OK
    near = difflib.get_close_matches(words[0], VERBS, n=1, cutoff=0.5)
    hint = f"Did you mean '{near[0]}'?" if near else f"Verbs: {', '.join(VERBS)}."
    print(f"tfseg: there is no verb '{words[0]}'. {hint}", file=sys.stderr)
    return WRONG_USE


def _parser(name: str, verb) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"tfseg {name}",
        description=verb.__doc__,
        epilog=f"examples:\n{verb.EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verb.add_arguments(parser)
    parser.add_argument("--debug", action="store_true", help="show tracebacks and all log lines")
    return parser


def _run(verb, args: argparse.Namespace) -> int:
    try:
        return int(verb.run(args) or OK)
    except KeyboardInterrupt:
        hint = getattr(verb, "after_interrupt", lambda args: "")(args)
        print(f"\nStopped. {hint}".rstrip(), file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except (tfseg.errors.TFSegError, OSError) as error:
        if args.debug:
            logging.getLogger("tfseg").exception("the traceback, because of --debug")
        print(f"tfseg: {_sentence(error)}", file=sys.stderr)
        return exit_code(error)


def exit_code(error: Exception) -> int:
    """Returns 2 for what the user can put right in words, settings or data, else 1."""
    errors = tfseg.errors
    wrong = (errors.ConfigError, errors.DataError, errors.WeightsError, errors.NotFittedError)
    return WRONG_USE if isinstance(error, (*wrong, FileNotFoundError)) else FAILED


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'the system'}: {error.strerror}"
    text = str(error)
    in_python = "drop_invalid=True" in text
    return f"{text} (In a command: --set data.drop_invalid=true.)" if in_python else text


if __name__ == "__main__":
    sys.exit(main())
