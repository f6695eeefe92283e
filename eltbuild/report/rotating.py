"""A log file that never grows without bound: opened late, kept open, turned over by size."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TextIO

from eltbuild.disk import open_private

MAX_BYTES = 10 * 1024 * 1024
BACKUPS = 5


class RotatingFile:
    """Text is appended to `path`; at `max_bytes` the file becomes `path.1`, and so on up to `path.<backups>`.

    The file is opened by the first `write`, and its size is counted, not asked for. Only its owner can read it. A file
    that cannot be opened or written, or that is a link, is told once to `warn`, and from then on nothing is written: a
    log must not end a run.
    """

    def __init__(
        self,
        path: str | Path,
        warn: Callable[[str], None],
        *,
        max_bytes: int = MAX_BYTES,
        backups: int = BACKUPS,
    ) -> None:
        self.path = Path(path)
        self._warn = warn
        self._max_bytes = max_bytes
        self._backups = backups
        self._file: TextIO | None = None
        self._size = 0
        self._broken = False
        self._lock = Lock()

    def write(self, text: str) -> None:
        """The text stands at the end of the file."""
        with self._lock:
            if self._broken:
                return
            try:
                self._append(text)
            except (OSError, ValueError) as error:
                self._give_up(error)

    def _append(self, text: str) -> None:
        file = self._file or self._open()
        length = len(text) if text.isascii() else len(text.encode("utf-8", "backslashreplace"))
        if self._max_bytes and self._size and self._size + length > self._max_bytes:
            file = self._turn_over()
        file.write(text)
        self._size += length

    def flush(self) -> None:
        """What was written is with the system, which keeps it whatever becomes of this process."""
        with self._lock:
            if self._file is not None and not self._broken:
                try:
                    self._file.flush()
                except (OSError, ValueError) as error:
                    self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._broken = True
        reason = getattr(error, "strerror", None) or str(error)
        self._warn(f"no log is written to `{self.path}`: {reason}")

    def _open(self) -> TextIO:
        opened = open_private(self.path)
        self._file = io.TextIOWrapper(opened, encoding="utf-8", errors="backslashreplace", newline="\n")
        self._size = os.fstat(opened.fileno()).st_size
        return self._file

    def _turn_over(self) -> TextIO:
        self._close()
        for number in range(self._backups, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            newer = self.path.with_name(f"{self.path.name}.{number - 1}") if number > 1 else self.path
            with suppress(FileNotFoundError):
                os.replace(newer, older)
        if self._backups == 0:
            self.path.unlink(missing_ok=True)
        return self._open()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def close(self) -> None:
        """What was written is on disk; a later `write` opens the file again."""
        with self._lock, suppress(OSError, ValueError):
            self._close()
