"""Files that are written whole or not at all, one or several together."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping

from tfseg.errors import DataError

__all__ = ["write_whole"]


def write_whole(contents: Mapping[str, bytes]) -> None:
    """Writes files beside their names first and renames them when all are complete, so that
    nobody finds a part of one, or one without the others.

    Args:
        contents: Path to what the file shall hold. The folders must exist.

    Raises:
        DataError: If a file cannot be written; old ones stay as they were.
    """
    partial = {path: f"{path}.partial" for path in contents}
    path = ""
    try:
        for path, content in contents.items():
            with open(partial[path], "wb") as file:
                file.write(content)
        for path in contents:
            os.replace(partial[path], path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error}).") from error
    finally:
        for left in partial.values():
            with contextlib.suppress(OSError):
                os.remove(left)
