"""Runs and what they built, kept in a file of the project's folder, where the target has no place for them.

It is known on this machine only: runs elsewhere neither see it nor are seen.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from eltbuild.adapter import Connection
from eltbuild.errors import DatabaseError, EltbuildError, Problem, UsageError
from eltbuild.relation import Relation
from eltbuild.state.lines import Remembered, condensed, end_line, line, read_lines
from eltbuild.state.records import Built, Ended, Interval, Observed, Retention, Run
from eltbuild.values import replace

FOLDER = ".eltbuild/state"
PATIENCE = 30.0
"""Seconds to wait for others that write into the file: that takes them milliseconds."""
PAUSE = 0.02
LARGE = 5_000_000
"""Bytes from which on a file is written anew without what is of no use any more."""
TOLD = 1.0
"""Seconds between two times that endings are written."""
KEPT = Retention()
KEPT_ENDINGS = 20
"""Of how many runs it is kept how their nodes ended, once the file has grown large."""


class LocalStore:
    """The file of one target."""

    sure = True
    locks = True
    certain = True

    def __init__(self, root: Path, target: str) -> None:
        name = re.sub(r"[^\w.-]", "_", target) or "_"
        self.folder = root / FOLDER
        self.file = self.folder / f"{name}.jsonl"
        self._lock = self.folder / f"{name}.lock"
        self._guard = threading.RLock()
        self._inside = 0
        self._held: int | None = None

    def prepare(self) -> None:
        """The folder is there. Raises `OSError`."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        ignored = self.folder.parent / ".gitignore"
        if not ignored.exists():
            ignored.write_text("*\n", encoding="utf-8")
        os.close(_opened(self.file, os.O_APPEND))

    # Reading and writing

    def read(self) -> Remembered:
        """What the file holds."""
        refuse_other(self.file)
        try:
            text = self.file.read_bytes().decode("utf-8", errors="replace")
        except FileNotFoundError:
            return Remembered()
        return read_lines(text.split("\n"))

    def add(self, lines: Iterable[str]) -> None:
        """The lines are in the file, and on the disk. Raises `DatabaseError`."""
        try:
            with self.exclusively():
                descriptor = _opened(self.file, os.O_APPEND)
                try:
                    _written(descriptor, ("" if self._is_whole() else "\n") + "".join(lines))
                finally:
                    os.close(descriptor)
        except OSError as error:
            raise DatabaseError(f"{self.file} cannot be written: {error.strerror or error}") from error

    def _is_whole(self) -> bool:
        """Whether the last line has its end: a machine that lost its power may have cut it."""
        with self.file.open("rb") as file:
            file.seek(0, os.SEEK_END)
            if not file.tell():
                return True
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def tidy(self, kept: Retention = KEPT) -> None:
        """A file that has grown large is written anew."""
        with self.exclusively():
            if self.file.stat().st_size < LARGE:
                return
            beside = self.file.with_suffix(".new")
            since = datetime.now(UTC) - timedelta(days=kept.days)
            descriptor = _opened(beside, os.O_TRUNC)
            try:
                _written(descriptor, "".join(condensed(self.read(), kept.runs, KEPT_ENDINGS, since)))
            finally:
                os.close(descriptor)
            os.replace(beside, self.file)

    def runs(self, project: str, home: str) -> Sequence[Run]:
        """The runs of a project from one home, newest first."""
        found = [run for run in self.read().runs.values() if (run.project, run.home) == (project, home)]
        return sorted(found, key=lambda run: -run.number)

    def of_run(self, run: Run) -> tuple[Sequence[Built], Sequence[Interval], Sequence[Ended]]:
        """What a run has recorded."""
        found = self.read()
        return (
            [one for one in found.built if one.run == run.number],
            [one for one in found.intervals if one.run == run.number],
            [one for one in found.ended if one.run == run.number],
        )

    # Claims

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Inside, no other process of this machine reads claims or writes. Raises `UsageError` after a while."""
        with self._guard:
            descriptor = None if self._inside else self._waited()
            self._inside += 1
            try:
                yield
            finally:
                self._inside -= 1
                if descriptor is not None:
                    os.close(descriptor)

    def _waited(self) -> int:
        deadline = time.monotonic() + PATIENCE
        while (descriptor := _locked(self._lock)) is None:
            if time.monotonic() > deadline:
                raise UsageError(Problem(f"another process has held {self._lock} for {PATIENCE:.0f} s"))
            time.sleep(PAUSE)
        return descriptor

    def running(self) -> tuple[Sequence[Run], datetime]:
        """The runs that have not ended."""
        return [run for run in self.read().runs.values() if run.ended is None], datetime.now(UTC)

    def unlocked(self, run: Run) -> bool:
        """Whether no process holds the lock of that run."""
        path = self._lock_of(run)
        if not path.exists():
            return True
        descriptor = _locked(path)
        if descriptor is None:
            return False
        os.close(descriptor)
        return True

    def lose(self, run: Run) -> bool:
        """That run has ended as lost."""
        self._end(run, "lost")
        return True

    def start(self, run: Run) -> Run:
        """The run is written down under the next number, and this process holds its lock."""
        now = datetime.now(UTC)
        number = max(max(self.read().runs, default=0) + 1, int(now.timestamp() * 1_000_000))
        started = replace(run, number=number, started=now, heartbeat=now)
        self._held = _locked(self._lock_of(started))
        self.add([line(started)])
        return started

    def withdraw(self, run: Run) -> None:
        """The run has ended before it began anything."""
        self._end(run, "cancelled")

    def _end(self, run: Run, status: str) -> None:
        self.add([end_line(run.number, status, datetime.now(UTC))])
        with suppress(OSError):
            self._lock_of(run).unlink()

    def end(self, run: Run, status: str) -> None:
        """The run has ended so, and its lock is free."""
        try:
            self._end(run, status)
        finally:
            if self._held is not None:
                os.close(self._held)
                self._held = None

    def _lock_of(self, run: Run) -> Path:
        return self.folder / f"{run.invocation}.run"


class LocalLease:
    """A run's hold on its claims, and its pen, in the file. A process that lives cannot lose it."""

    def __init__(self, store: LocalStore, run: Run) -> None:
        self.run = run
        self._store = store
        self._guard = threading.Lock()
        self._endings: list[Ended | Observed] = []
        self._told = time.monotonic()

    def check(self) -> None:
        """Nothing can have happened to it."""

    def together(self, relation: Relation) -> bool:
        """Never: a file is no part of a transaction."""
        return False

    def carry(self, connection: Connection, *records: Built | Interval) -> None:
        """The records are written."""
        self.write(*records)

    def write(self, *records: Built | Interval) -> None:
        """The records are written and on the disk. Raises `DatabaseError`."""
        now = datetime.now(UTC)
        self._store.add([line(replace(record, at=now)) for record in records])

    def stands(self, connection: Connection, node: str, start: datetime | None) -> bool | None:
        """Nobody can tell."""
        return None

    def named(self, prefix: str) -> Sequence[Run]:
        """The runs whose invocation begins so."""
        return [run for run in self._store.read().runs.values() if run.invocation.startswith(prefix)]

    def ended(self, ended: Ended, observed: Sequence[Observed] = ()) -> None:
        """How the node ended is written, soon; where that fails, with what ends later. Never raises."""
        now = datetime.now(UTC)
        with self._guard:
            self._endings += [replace(ended, at=now), *(replace(one, at=now) for one in observed)]
            if time.monotonic() - self._told > TOLD:
                with suppress(EltbuildError):
                    self._tell()

    def _tell(self) -> None:
        self._told = time.monotonic()
        if self._endings:
            self._store.add([line(one) for one in self._endings])
            self._endings.clear()

    def close(self, status: str) -> str:
        """The run has ended so; why that could not be written, or ""."""
        try:
            with self._guard:
                self._tell()
            self._store.end(self.run, status)
        except EltbuildError as error:
            return error.problems[0].message
        return ""


def _opened(path: Path, how: int) -> int:
    """The file, made if need be, for its owner only. Raises `OSError`, also where it is no file."""
    refuse_other(path)
    # A pipe that takes the file's place just now is not waited for.
    flags = os.O_WRONLY | os.O_CREAT | how | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.open(path, flags, 0o600)


def refuse_other(path: Path) -> None:
    """Raise `OSError` where something else than a file has that name: a folder, or a pipe, which nobody answers at."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no file", str(path))


def _written(descriptor: int, text: str) -> None:
    data = memoryview(text.encode("utf-8"))
    while data:
        data = data[os.write(descriptor, data) :]
    os.fsync(descriptor)


def _locked(path: Path) -> int | None:
    """The file with its lock held until it is closed; None where somebody else holds that."""
    descriptor = _opened(path, 0)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
