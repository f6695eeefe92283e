"""Ledgers, opened: claimed for a run that writes, or only read. What they hold is `eltbuild.state`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from eltbuild.adapter import Adapter, Connection
from eltbuild.errors import DatabaseError, EltbuildError, Problem, UsageError
from eltbuild.relation import Relation
from eltbuild.run.aside import Foreground
from eltbuild.run.events import Message
from eltbuild.run.ledger.claims import Store, attempt, in_the_way, patience, refusal, span
from eltbuild.run.ledger.database_store import DatabaseStore, Forbidden
from eltbuild.run.ledger.known import Known
from eltbuild.run.ledger.lease import Lease, mark
from eltbuild.run.ledger.local_store import FOLDER, LocalLease, LocalStore
from eltbuild.run.ledger.port import Forgetful, Ledger
from eltbuild.run.ledger.run_ledger import RunLedger
from eltbuild.run.stop import Stop
from eltbuild.sql.writer import Writer
from eltbuild.state.records import Built, Interval, Retention, Run
from eltbuild.state.tables import Tables
from eltbuild.values import dataclass, field

SCHEMA = "eltbuild"
"""The schema of the state, unless the profile's target or the project's flags name another as `state_schema`."""
PAUSE = 1.0
"""Seconds between two looks whether another run has ended."""
REMINDER = 60.0
"""Seconds between two words on what is waited for."""
DOUBT = 60.0
"""Seconds that a run which may be dead is waited for without being asked to."""

Told = Generator[Message, None, Ledger]


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Where the state of a target is kept, and what reaching it takes."""

    adapter: Adapter
    writer: Writer
    schema: Relation
    root: Path
    """The project's folder, for the local file."""
    target: str
    project: str
    stop: Stop = field(default_factory=Stop)
    mask: Callable[[str], str] = str
    """Hides secrets in what is written down."""
    tell: Callable[[str], None] = lambda text: None
    """Where a warning goes that comes up in the end."""
    now: datetime
    """When the run began, by the clock of this process."""
    whole: bool = True
    """Whether slices are built with all their rows."""
    retention: Retention = field(default_factory=Retention)
    """How long history is kept."""
    observing: bool = False
    """Whether the run compares with what others observed: then there is a state, though it claims nothing."""

    @property
    def tables(self) -> Tables:
        """The statements on the state's tables."""
        return Tables(self.writer, self.schema)

    @property
    def local(self) -> LocalStore:
        """The file that stands in for the tables."""
        return LocalStore(self.root, self.target)


def claimed(books: Books, run: Run, *, wait: str | None = None, on_lost: Callable[[], None] = lambda: None) -> Told:
    """The ledger of a run whose claims are its own from now on until `close`; what is waited for is told meanwhile.

    A run that claims and observes nothing is written down only where there is a state already. `on_lost` is called,
    in another thread, when another run has found this one dead.

    Raises `UsageError` where another run holds some of the claims, or the wait is over; `DatabaseError` where the
    target cannot be reached.
    """
    waiting = Waiting(books, wait)
    session = yield from waiting.connected()
    try:
        store = DatabaseStore(session, books.tables)
        try:
            with store.exclusively():
                make = bool(run.claims) or books.observing
                kept = store.prepare(make=make, update=True)
                if make:
                    yield from _moved(books.local, store)
            if not kept:
                session.close()
                return Forgetful()
            started = yield from waiting.claimed(store, run)
            known, forgotten = _read(store, started, books.retention)
            history = store.observed(run.project, run.home) if books.observing else ()
        except Forbidden as error:
            seen = _seen(store)
            session.close()
            return (yield from _local(books, run, waiting, str(error.problems[0].message), seen))
        mark(session, books.tables, started)
        connection = session.handed()
    except BaseException:
        with suppress(EltbuildError):
            session.close()
        raise
    lease = Lease(books.adapter, connection, books.tables, started, on_lost)
    if forgotten:
        runs = "1 run is" if forgotten == 1 else f"{forgotten} runs are"
        yield Message(f"history: {runs} forgotten, of which the last {books.retention.runs} are kept (history_runs)")
    return RunLedger(lease, known, now=books.now, whole=books.whole, mask=books.mask, told=books.tell, history=history)


def _read(store: DatabaseStore, run: Run, kept: Retention) -> tuple[Known, int]:
    """What is known when a run begins, and how many runs are forgotten from now on."""
    built, forgotten = store.built(), 0
    with suppress(DatabaseError):  # a run that begins at the same time may be tidying, too
        forgotten = store.tidy(run, len(built), kept)
    return Known(run.project, built, store.intervals(), store.exact), forgotten


def _moved(local: LocalStore, store: DatabaseStore) -> Generator[Message, None, None]:
    """What was kept in the file, while there was no place for it in the target, is kept there from now on."""
    if not local.file.is_file():
        return
    store.take_over(local.read())
    with suppress(OSError):
        local.file.replace(local.file.with_suffix(".moved"))
    yield Message(f"what was kept in {FOLDER}/{local.file.name} is kept in `{store.tables.schema}` from now on")


def _seen(store: DatabaseStore) -> tuple[Sequence[Built], Sequence[Interval]]:
    """What can be read of a state that cannot be written."""
    try:
        return (store.built(), store.intervals()) if store.prepare(make=False) else ((), ())
    except (Forbidden, DatabaseError):
        return (), ()


def _local(
    books: Books, run: Run, waiting: Waiting, why: str, seen: tuple[Sequence[Built], Sequence[Interval]]
) -> Told:
    """The same, kept in a file; what was `seen` in the target is known besides."""
    if not run.claims and not books.observing:
        return Forgetful()
    store = books.local
    try:
        store.prepare()
        with store.exclusively():
            damaged = store.read().damaged
            store.tidy(books.retention)
    except OSError as error:
        text = f"no state can be kept: not in `{books.schema}` ({why}), and not in {store.file} ({error.strerror})"
        yield _warning(text, "nothing keeps runs apart now, and nothing is known of who built what", "NoState")
        return Forgetful()
    shown = f"{FOLDER}/{store.file.name}"
    yield _warning(
        f"the state cannot be kept in `{books.schema}` ({why}): it is kept in {shown}",
        "runs on other machines do not see it; give this role the right to that schema, or let `state_schema` in the "
        "profile's target name one that it may write to",
        "StateNotInTarget",
    )
    if damaged:
        lines = "1 line" if damaged == 1 else f"{damaged} lines"
        yield _warning(f"{lines} of {shown} cannot be read and count for nothing", "", "StateDamaged")
    started = yield from waiting.claimed(store, run)
    found = store.read()
    exact = books.writer.capabilities.exact_names
    known = Known(run.project, (*seen[0], *found.built), (*seen[1], *found.intervals), exact)
    home = (run.project, run.home)
    return RunLedger(
        LocalLease(store, started),
        known,
        now=books.now,
        whole=books.whole,
        mask=books.mask,
        told=books.tell,
        history=[one for one in found.observed if (one.project, one.home) == home] if books.observing else (),
    )


class Waiting:
    """How long a run waits for others, and what it says meanwhile."""

    def __init__(self, books: Books, wait: str | None) -> None:
        self._books = books
        self._began = time.monotonic()
        self._patience = patience(wait)
        self._told = -REMINDER

    def connected(self) -> Generator[Message, None, Foreground]:
        """A session with the target; waited for where something else has the database open, or it is just starting."""
        while True:
            try:
                return Foreground(self._books.adapter.connect, self._books.stop)
            except DatabaseError as error:
                if not error.transient:
                    raise
                if not self._goes_on():
                    raise self._refused(error) from error
                yield from self._tell(f"waiting: {error.message}")
            self._books.stop.sleep(PAUSE)

    def _refused(self, error: DatabaseError) -> EltbuildError:
        """What to say where nobody waits (any longer) for the database."""
        if not self._books.writer.capabilities.single_process:
            return error
        hint = f"wait for it with --wait; or {error.problems[0].hint}"
        return UsageError(Problem(f"{error.message}{self._waited()}", hint=hint, name="AnotherRun"))

    def claimed(self, store: Store, run: Run) -> Generator[Message, None, Run]:
        """The run begun; waited for others that hold what it claims. Raises `UsageError` where they go on."""
        doubted = time.monotonic()
        while True:
            found = attempt(store, run)
            if isinstance(found, Run):
                return found
            if all(conflict.doubtful for conflict in found) and time.monotonic() - doubted < DOUBT:
                yield from self._tell(f"waiting to see whether it lives: {in_the_way(found[0])}")
            elif self._goes_on():
                yield from self._tell(f"waiting: {in_the_way(found[0])}")
            else:
                raise UsageError(refusal(found, self._waited()))
            # Two that began at once and stepped back shall not meet again.
            self._books.stop.sleep(PAUSE * (0.5 + random.random()))

    def _goes_on(self) -> bool:
        return self._patience is not None and time.monotonic() - self._began < self._patience

    def _waited(self) -> str:
        if self._patience is None:
            return ""
        return f" (waited {span(timedelta(seconds=time.monotonic() - self._began))})"

    def _tell(self, text: str) -> Generator[Message, None, None]:
        if time.monotonic() - self._told >= REMINDER:
            self._told = time.monotonic()
            yield Message(text)


def journals(books: Books, connection: Connection) -> tuple[DatabaseStore | LocalStore, ...]:
    """Where the runs are written down that have been: the target, then the file where there is one. Nothing is made or

    changed. Where both are, the target can only be read, and what is in the file came later.

    Raises `UsageError` where the state is somebody else's or newer than this code.
    """
    found: list[DatabaseStore | LocalStore] = []
    store = DatabaseStore(connection, books.tables)
    with suppress(Forbidden):
        if store.prepare(make=False):
            found.append(store)
    if books.local.file.is_file():
        found.append(books.local)
    return tuple(found)


def reading(books: Books, connection: Connection) -> Known:
    """What is remembered, to read only. Nothing is made or changed.

    Raises `UsageError` where the state is somebody else's or newer than this code.
    """
    built: list[Built] = []
    intervals: list[Interval] = []
    for store in journals(books, connection):
        if isinstance(store, LocalStore):
            found = store.read()
            built, intervals = [*built, *found.built], [*intervals, *found.intervals]
        else:
            built, intervals = [*store.built()], [*store.intervals()]
    return Known(books.project, built, intervals, books.writer.capabilities.exact_names)


def _warning(text: str, hint: str, name: str) -> Message:
    return Message(text, "warn", kind="warning", problem=Problem(text, hint=hint, severity="warning", name=name))
