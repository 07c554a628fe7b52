"""The one way to write a file or a folder whole or not at all; checksums, and locks of folders.

A file is written under a hidden name beside its own, flushed to the disk, and renamed. A folder is
filled beside its place and takes it by two renames; killed between them, it is found again by
`recovered`. What was there before stays until then.

`error` is the kind of error that a function raises, for the room that calls it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import json
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tfseg.errors import TFSegError

__all__ = [
    *("check_folder", "check_seal", "locked", "process_runs", "recovered", "replacing_file"),
    *("replacing_folder", "seal", "sha256", "write_together", "write_whole"),
]

_SEAL = b"\ntfseg sha256 %s\n"
_SEAL_LENGTH = len(_SEAL % bytes(64))
_UNTOUCHED = "What was there before is untouched; free some space or choose another folder."
_numbers = itertools.count(1)
_held: set[str] = set()


def write_whole(
    path: str | os.PathLike, content: bytes, *, error: type[TFSegError] = TFSegError
) -> Path:
    """Writes a file whole or not at all, makes the folders above it, and returns its path; see
    `replacing_file`."""
    with replacing_file(path, error=error) as partial, open(partial, "wb") as file:
        file.write(content)
    return Path(path)


@contextlib.contextmanager
def replacing_file(
    path: str | os.PathLike, *, error: type[TFSegError] = TFSegError, parents: bool = True
) -> Iterator[Path]:
    """Inside, write the file whose name it gives; in the end it takes the place of `path`.

    On any error it is removed and `path` stays as it was. `parents` makes the folders above it.

    Raises:
        error: If the disk is full or the folder cannot be written.
    """
    partial = _partial(Path(path))
    try:
        if parents:
            partial.parent.mkdir(parents=True, exist_ok=True)
        _sweep(Path(path))
        yield partial
        _flush(partial)
        os.replace(partial, path)
    except OSError as reason:
        raise _unwritten(path, reason, error) from reason
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def write_together(
    contents: Mapping[str | os.PathLike, bytes], *, error: type[TFSegError] = TFSegError
) -> None:
    """Writes several files, path to content, and renames them when all are complete, so that
    nobody finds one without the others. The folders must exist.

    Raises:
        error: If a file cannot be written; old ones stay as they were.
    """
    with contextlib.ExitStack() as stack:
        for path, content in contents.items():
            partial = stack.enter_context(replacing_file(path, error=error, parents=False))
            with open(partial, "wb") as file:
                file.write(content)
            _flush(partial)


def check_folder(directory: str | os.PathLike, *, error: type[TFSegError] = TFSegError) -> Path:
    """Returns the path of a folder that may be made or replaced.

    Raises:
        error: If the name is empty or a file's, or if this process stands in the folder.
    """
    _check_named(directory, error)
    target = Path(directory)
    if target.exists() and not target.is_dir():
        raise error(f"{target}: expected a folder, got a file. Choose another name.")
    if target.is_dir() and Path.cwd().is_relative_to(os.path.realpath(target)):
        raise error(
            f"{os.fspath(directory)}: this process stands in that folder ({Path.cwd()}), which "
            "is replaced as a whole. Name a folder inside it, or call from another one."
        )
    return target


@contextlib.contextmanager
def replacing_folder(
    directory: str | os.PathLike, *, error: type[TFSegError] = TFSegError
) -> Iterator[Path]:
    """Inside, fill the new empty folder that it gives; in the end it takes the place of
    `directory`, which a link may lead to.

    On any error the new folder is removed and the old one stays. Killed between the two renames
    it leaves the old one under another name, where `recovered` finds it.

    Raises:
        error: If it cannot be written, or see `check_folder`.
    """
    check_folder(directory, error=error)
    target = Path(os.path.realpath(recovered(directory, error=error)))
    partial, previous = _partial(target), _previous(target)
    missing = [folder for folder in target.parents if not folder.exists()]
    try:
        _sweep(target)
        partial.mkdir(parents=True)
        yield partial
        _exchange(partial, target, previous)
    except OSError as reason:
        raise _unwritten(directory, reason, error) from reason
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        recovered(target, error=error)
        for folder in missing:  # the deepest first; those that hold something stay
            with contextlib.suppress(OSError):
                folder.rmdir()


def recovered(directory: str | os.PathLike, *, error: type[TFSegError] = TFSegError) -> Path:
    """Returns the folder's path, after a replacement that was cut short between its two renames
    is taken back; raises `error` for an empty name."""
    _check_named(directory, error)
    target = Path(directory)
    previous = _previous(Path(os.path.realpath(target)))
    if previous.is_dir() and not target.exists():
        with contextlib.suppress(OSError):  # another process was faster
            os.rename(previous, os.path.realpath(target))
    return target


def _exchange(partial: Path, target: Path, previous: Path):
    """Puts `partial` in the place of `target`. A reader that comes between the two renames takes
    the first one back (`recovered`): then once more."""
    for tries_left in (2, 1, 0):
        shutil.rmtree(previous, ignore_errors=True)
        if target.exists():
            os.rename(target, previous)
        try:
            os.rename(partial, target)
            break
        except OSError:
            if not (tries_left and target.exists()):
                raise
    shutil.rmtree(previous, ignore_errors=True)


def _check_named(directory: str | os.PathLike, error: type[TFSegError]):
    name = os.fspath(directory)
    if not name or "\0" in name:
        raise error(f"{name!r}: expected the name of a folder; '.' is the current one.")


def _previous(target: Path) -> Path:
    return target.with_name(f".{target.name}.previous")


def _partial(target: Path) -> Path:
    """Returns a name beside the target that no other thread or process uses."""
    return target.with_name(f".{target.name}.{os.getpid()}.{next(_numbers)}.partial")


def _sweep(target: Path):
    """Removes what killed processes left beside the target; libraries insist on some endings."""
    pattern = re.compile(rf"\.{re.escape(target.name)}\.(\d+)\.\d+\.partial(\.\w+)?")
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(target.parent)):
            found = pattern.fullmatch(entry.name)
            if found and not process_runs(int(found[1])):
                is_folder = entry.is_dir(follow_symlinks=False)
                (shutil.rmtree if is_folder else os.unlink)(entry.path)


def process_runs(pid: int) -> bool:
    """Whether a process of this machine runs; True where that cannot be known."""
    try:
        if os.name != "nt":  # there, signal 0 would end it
            os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # somebody else's
        pass
    return True


def _flush(path: Path):
    with open(path, "rb+") as file:  # a full disk may show only here
        os.fsync(file.fileno())


def _unwritten(path, reason: OSError, error: type[TFSegError]) -> TFSegError:
    said = reason.strerror or reason
    return error(f"{os.fspath(path)}: could not be written ({said}). {_UNTOUCHED}")


@contextlib.contextmanager
def locked(
    path: str | os.PathLike, what: str, *, error: type[TFSegError] = TFSegError
) -> Iterator[None]:
    """Inside, no other process or thread gets past the same lock, the file `path`.

    It names its owner and is removed in the end. The system lets go of it when the owner ends, in
    whatever way; where a file system knows no locks, the owner's number tells whether it runs.

    Raises:
        error: If another one holds it, naming process, machine and time; `what` says what it
            does in the folder: "a training".
        OSError: If the file cannot be made.
    """
    path = Path(path)
    note = {"pid": os.getpid(), "host": platform.node(), "since": time.strftime("%F %T")}
    file = _taken(path, what, json.dumps(note).encode(), error)
    try:
        _held.add(os.path.realpath(path))
        yield
    finally:
        _held.discard(os.path.realpath(path))
        if os.name == "nt":  # there, open files cannot be removed
            file.close()
        with contextlib.suppress(OSError):
            path.unlink()
        file.close()


def _taken(path: Path, what: str, note: bytes, error: type[TFSegError]):
    """Returns the open file of a lock, with the note of its owner in it."""
    while True:
        file = open(path, "a+b")  # noqa: SIM115, it stays open while the lock is held
        got = _try_lock(file.fileno())
        owner = _owner(file)
        if got or not _runs(owner, path, known=got is False):
            file.truncate(0)
            file.write(note)
            file.flush()
            if got is None:  # two of them at the same moment: the note that stays has it
                time.sleep(0.2)
            owner = _owner(file)
            # Its owner may have removed the file; then somebody else can lock a new one.
            with contextlib.suppress(OSError):
                there = os.path.samestat(os.fstat(file.fileno()), os.stat(path))
                if there and owner == json.loads(note):
                    return file
            file.close()
            continue
        file.close()
        raise error(
            f"{path.parent}: {what} uses it already: process {owner.get('pid', 'unknown')} on "
            f"{owner.get('host', 'an unknown machine')}, since {owner.get('since', 'just now')}. "
            f"Wait for it, or choose another folder. If it has ended, remove {path}."
        )


def _try_lock(descriptor: int) -> bool | None:
    """Returns whether the lock was free; None where the file system knows no locks."""
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # what is locked cannot be read
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as reason:
        return False if reason.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK) else None
    return True


def _owner(file) -> dict:
    try:
        file.seek(0)
        note = json.loads(file.read(1000))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) and isinstance(note.get("pid"), int) else {}


def _runs(owner: dict, path: Path, known: bool) -> bool:
    """Whether a lock's owner runs. `known`: the system says that somebody holds the lock, which
    may be a forked child that outlived the owner."""
    if not owner or owner.get("host") != platform.node():
        return known or bool(owner)
    if owner["pid"] == os.getpid():  # this one's, or of the same number before a restart
        return known or os.path.realpath(path) in _held
    return process_runs(owner["pid"])


def sha256(content: bytes | str | os.PathLike) -> str:
    """Returns the SHA-256 of bytes, or of the file of that path, as 64 hexadecimal digits."""
    if isinstance(content, (bytes, bytearray, memoryview)):
        return hashlib.sha256(content).hexdigest()
    with open(content, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(content: bytes) -> bytes:
    """Returns the checksum to write behind a file's content, which it carries wherever it is
    copied: readers of HDF5 and zip ignore what follows the end of their format."""
    return _SEAL % sha256(content).encode()


def check_seal(
    path: str | os.PathLike, *, error: type[TFSegError] = TFSegError, remedy: str = "Copy it again."
) -> bool:
    """Returns whether a file bears a checksum (`seal`); files of older versions do not.

    Raises:
        error: If the file is not what the checksum says.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        left = os.fstat(file.fileno()).st_size - _SEAL_LENGTH
        file.seek(max(left, 0))
        told = file.read()
        # As much of the frame as a damaged one has, and chance never.
        if left < 0 or sum(a == b for a, b in zip(told, _SEAL)) < 10:
            return False
        file.seek(0)
        while left > 0 and (chunk := file.read(min(left, 1 << 20))):
            digest.update(chunk)
            left -= len(chunk)
    if told != _SEAL % digest.hexdigest().encode():
        raise error(
            f"{os.fspath(path)}: damaged, or changed after it was written: it differs from its own "
            f"checksum. {remedy}"
        )
    return True
