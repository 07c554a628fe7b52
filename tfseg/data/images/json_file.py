"""A JSON file, or an error that says what is wrong with it."""

from __future__ import annotations

import base64
import binascii
import json
import os

from tfseg.errors import DataError

__all__ = ["from_base64", "read_json", "read_text"]


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
    text = _bytes(path)
    if not text.strip():
        raise DataError(f"{path}: the {kind} is empty. Export it again.")
    try:
        return json.loads(_decoded(path, text, json.detect_encoding(text)))
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}: expected JSON, but line {error.lineno}, column {error.colno} is wrong "
            f"({error.msg}). The file may be cut off: export it again."
        ) from error
    except DataError:
        raise
    except (ValueError, RecursionError) as error:  # such as a number of 5000 digits
        raise DataError(f"{path}: expected JSON text, got something else ({error}).") from error


def read_text(path: str | os.PathLike) -> str:
    """Returns the text of a file in UTF-8, or in UTF-16 with a byte order mark.

    Raises:
        DataError: The file cannot be read or is in another encoding.
    """
    text = _bytes(path)
    is_wide = text.startswith((b"\xff\xfe", b"\xfe\xff"))
    return _decoded(path, text, "utf-16" if is_wide else "utf-8-sig")


def _bytes(path: str | os.PathLike) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error


def _decoded(path: str | os.PathLike, text: bytes, encoding: str) -> str:
    try:
        return text.decode(encoding)
    except UnicodeDecodeError as error:
        if b"\0" in text:
            raise DataError(f"{path}: expected JSON text, got binary data.") from error
        line = text.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}: it is written in another encoding than UTF-8 (line {line}, byte "
            f"0x{text[error.start]:02x}), as old programs on Windows do. Save it as UTF-8, such as "
            "with iconv -f GBK -t UTF-8 (or -f WINDOWS-1252)."
        ) from error


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
