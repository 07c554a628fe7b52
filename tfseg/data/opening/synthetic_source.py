"""The format "synthetic" of `sources`: drawn people, named in a word."""

from __future__ import annotations

from tfseg.data.reading.format import Claim, Format, call
from tfseg.data.synthetic import SyntheticPeople
from tfseg.data.synthetic.spec import parse_spec
from tfseg.errors import DataError

__all__ = ["FORMAT"]

# Where the images of each split start counting, so that no two splits meet.
_START = {"train": 0, "val": 1_000_000, "test": 2_000_000}
_LENGTH = {"train": 1000, "val": 200, "test": 200}


def _claims(path: str, split: str) -> int:
    return Claim.CERTAIN * (path == "synthetic" or path.startswith("synthetic:"))


def _open(path: str, split: str, options: dict) -> SyntheticPeople:
    if split not in _START:
        raise DataError(f"drawn people have the splits {', '.join(_START)}, got {split!r}.")
    given = {**parse_spec(path), **options}
    length = given.pop("length", _LENGTH[split])
    other = given.pop("val_length", length)
    length = length if split == "train" else other
    given["start"] = _START[split] + int(given.get("start", 0))
    return call(SyntheticPeople, (length,), given)


FORMAT = Format(
    name="synthetic",
    marks='the word "synthetic", or "synthetic:length=500,size=256,seed=3,people=0-4"',
    reader=SyntheticPeople,
    claims=_claims,
    open=_open,
)
