"""A JSON file, or an error that says what is wrong with it."""

from __future__ import annotations

import base64
import binascii
import json
import os

from tfseg.errors import DataError

__all__ = ["from_base64", "read_json"]


def read_json(path: str | os.PathLike, kind: str = "annotation file"):
    """Returns what a JSON file holds.

    Args:
        path: The file, in UTF-8, with or without a byte order mark.
        kind: What to call it in an error.

    Raises:
        DataError: No such file, a folder, empty, cut off, or no JSON; with the line.
    """
    path = os.fspath(path)
    if os.path.isdir(path):
        raise DataError(f"{path}: expected {_article(kind)} {kind} (JSON), got a folder.")
    if not os.path.exists(path):
        raise DataError(f"{path}: there is no such {kind}. Check the path.")
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    if not text.strip():
        raise DataError(f"{path}: the {kind} is empty. Export it again.")
    try:
        return json.loads(text.decode("utf-8-sig") if text.startswith(b"\xef\xbb\xbf") else text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}: expected JSON, but line {error.lineno}, column {error.colno} is wrong "
            f"({error.msg}). The file may be cut off: export it again."
        ) from error
    except (ValueError, RecursionError) as error:  # such as a number of 5000 digits
        raise DataError(f"{path}: expected JSON text, got something else ({error}).") from error


def _article(noun: str) -> str:
    return "an" if noun[:1].lower() in "aeiou" else "a"


def from_base64(text: str) -> bytes:
    """Returns the bytes of base64 text, with or without a `data:` address before it.

    Raises:
        DataError: The text is no base64.
    """
    body = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError(f"expected base64 text, but it cannot be decoded ({error}).") from error
