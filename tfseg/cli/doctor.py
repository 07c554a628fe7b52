"""Find what would ruin a training, and name file and annotation.

Boxes without area, class ids out of range, empty or misaligned masks, unreadable or rotated
pictures, duplicates. The exit code is 1 if an error was found; warnings alone leave it 0.
"""

from __future__ import annotations

import argparse
import dataclasses
import json

from tfseg.cli import datasets

EXAMPLES = """\
  tfseg doctor ../shared/data/clothing_co_parsing
  tfseg doctor photos/ --split val --limit 200
  tfseg doctor photos/ --json > problems.json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words of this verb."""
    datasets.add_arguments(parser, positional=True, split="train")
    parser.add_argument("--limit", type=datasets.positive, help="look at the first N pictures only")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints the diagnosis; 1 if something needs repair."""
    from tfseg.data import doctor

    settings = datasets.data_section(args)
    dataset = datasets.open_split(args, settings, "train", args.split)
    diagnosis = doctor.diagnose(dataset, limit=args.limit)
    if args.json:
        problems = [dataclasses.asdict(problem) for problem in diagnosis.problems]
        print(json.dumps({"ok": diagnosis.ok, "problems": problems}, indent=2, default=str))
    else:
        print(diagnosis)
    return 0 if diagnosis.ok else 1
