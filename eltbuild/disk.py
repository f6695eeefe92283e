"""Files of our own: written whole or not at all, for their owner's eyes, and read without trust.

A new file is written beside the old one under a name of its own and takes its place in one step. Whoever is killed
meanwhile leaves that file behind; `sweep` tells it from those that are being written by the lock that died with its
process.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PRIVATE = 0o600
PRIVATE_FOLDER = 0o700
ENDING = ".eltbuild-new"
"""How the names of files end that are being written."""
YOUNG = 5.0
"""Seconds within which an empty one may be about to be locked."""
LARGEST = 1 << 30
"""Bytes of the largest file that is read whole."""

_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def replacing(path: str | Path, *, mode: int | None = PRIVATE, durable: bool = False) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when the block ends well, and vanishes when it does not.

    Until then, what stood there stands. It has that mode whatever the umask is; without one, what the umask leaves.
    A link at `path` is replaced, not followed, and so is an empty folder. With `durable` a loss of power cannot leave
    less than the whole. Missing folders are made. Raises `OSError`.
    """
    target = Path(path)
    beside = target.parent / f".{os.urandom(8).hex()}{ENDING}"
    handle = _new(beside, 0o666 if mode is None else mode)
    try:
        with os.fdopen(handle, "wb") as file:
            _lock(handle)
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(handle, mode)
            yield file
            file.flush()
            if durable:
                os.fsync(handle)
            if os.name != "nt":
                _put(beside, target)
        if os.name == "nt":
            _put(beside, target)
        if durable:
            sync_folder(target.parent)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def _new(path: Path, mode: int) -> int:
    """A new file, opened to write; most often its folder is there."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS
    try:
        return os.open(path, flags, mode)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, mode)


def _put(beside: Path, target: Path) -> None:
    try:
        os.replace(beside, target)
    except IsADirectoryError:
        # Only an empty one can go; what somebody keeps there, stays.
        target.rmdir()
        os.replace(beside, target)


def sync_folder(folder: Path) -> None:
    """The name of a new file is on the disk, too, where folders can be asked for that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _lock(handle: int) -> bool:
    """Whether the lock of a file is ours now; True where the system has none."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def write_whole(path: str | Path, data: bytes, *, mode: int | None = PRIVATE, durable: bool = False) -> None:
    """The bytes stand at `path`, as `replacing` puts them there. Raises `OSError`."""
    with replacing(path, mode=mode, durable=durable) as file:
        file.write(data)


def holds(path: str | Path, data: bytes) -> bool:
    """Whether a file at `path` has these bytes already and is its owner's alone, so that it need not be written."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _FLAGS)
    except OSError:
        return False
    try:
        status = os.fstat(handle)
        own = stat.S_ISREG(status.st_mode) and (os.name == "nt" or stat.S_IMODE(status.st_mode) == PRIVATE)
        return own and status.st_size == len(data) and os.read(handle, len(data) + 1) == data
    except OSError:
        return False
    finally:
        os.close(handle)


def sweep(folder: str | Path) -> None:
    """Delete what killed writers left in a folder; what is being written stays. Never raises."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in [entry for entry in entries if entry.name.startswith(".") and entry.name.endswith(ENDING)]:
            with suppress(OSError):
                _sweep(entry.path)


def _sweep(path: str) -> None:
    handle = os.open(path, os.O_RDWR | getattr(os, "O_NONBLOCK", 0) | _FLAGS)
    try:
        status = os.fstat(handle)
        young = not status.st_size and time.time() - status.st_mtime < YOUNG
        if stat.S_ISREG(status.st_mode) and not young and _lock(handle):
            os.unlink(path)
    finally:
        os.close(handle)


def read_whole(path: str | Path, most: int = LARGEST) -> bytes:
    """The bytes of a file, which may be anything: a pipe, a folder or a device is refused, and never waited for.

    Raises `OSError`.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is no file")
        if status.st_size > most:
            raise OSError("it is too large")
        return file.read(most)


def open_private(path: str | Path) -> BinaryIO:
    """A file to append to, for its owner only, made where there is none; one that others can read is closed to them.

    A link, a pipe or a device in its place is refused. Missing folders are made. Raises `OSError`.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0) | _FLAGS
    try:
        handle = os.open(target, flags, PRIVATE)
    except OSError:
        if target.is_symlink():
            raise OSError("it is a link, which is not followed") from None
        if not target.is_dir():
            raise
        target.rmdir()
        handle = os.open(target, flags, PRIVATE)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is no file")
        if hasattr(os, "fchmod") and status.st_mode & 0o077 | (status.st_mode & 0o600 ^ 0o600):
            os.fchmod(handle, PRIVATE)
    except BaseException:
        os.close(handle)
        raise
    return os.fdopen(handle, "ab")


def private_folder(path: str | Path) -> None:
    """The folder is there, made for its owner only. Raises `OSError`."""
    folder = Path(path)
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        folder.mkdir(mode=PRIVATE_FOLDER)
        folder.chmod(PRIVATE_FOLDER)
    if not folder.is_dir():
        raise NotADirectoryError("a file stands in the place of the folder")
