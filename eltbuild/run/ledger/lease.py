"""A run's hold on its claims while it lasts: its lock, its heartbeats, and how its nodes ended, all by one session.

It works in a thread of its own, so that a run is heard of however long its nodes take.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from eltbuild.adapter import Adapter, Answer, Connection
from eltbuild.errors import DatabaseError, EltbuildError
from eltbuild.relation import Relation
from eltbuild.run.ledger.database_store import brief_of, lock_of
from eltbuild.state.records import Built, Ended, Interval, Observed, Run
from eltbuild.state.tables import Tables

TICK = 1.0
"""Seconds between two looks at what has ended."""
BEAT = 5.0
"""Seconds between two heartbeats."""
ATONCE = 500
"""How many endings one statement tells."""
COMMITTING = 30.0
"""Seconds that a commit may take whose answer was lost."""
FAREWELL = 5.0
"""Seconds that the last words may take where the database is away."""

LOST = "this run has lost its claim: another one found it dead and took over; nothing more of it is published"
LOST_HINT = "it was paused, or cut off from the database, for too long; go on with eltbuild retry"


class Lease:
    """One run's. Its methods may be called from any thread."""

    def __init__(
        self, adapter: Adapter, connection: Connection, tables: Tables, run: Run, on_lost: Callable[[], None]
    ) -> None:
        self.tables = tables
        self.run = run
        self.lost = False
        """Whether another run has ended this one."""
        self._adapter = adapter
        self._connection: Connection | None = connection
        self._on_lost = on_lost
        self._guard = threading.RLock()
        self._over = threading.Event()
        self._endings: list[Ended] = []
        self._observed: list[Observed] = []
        self._beat = time.monotonic()
        # Where nobody else can come in, nobody wants to hear of it.
        self._beats = not tables.writer.capabilities.single_process
        self._thread = threading.Thread(target=self._live, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises `DatabaseError` where another run has ended this one."""
        if self.lost:
            raise lost()

    def stands(self, connection: Connection, node: str, start: datetime | None) -> bool | None:
        """Whether the run's record of a node, or of its slice that begins then, is committed; None if nobody can tell.

        Whatever of the run is being committed is waited for, up to a limit. Raises `DatabaseError`.
        """
        end = time.monotonic() + COMMITTING
        while not connection.execute(self.tables.is_quiet(self.run)).rows:
            if not connection.execute(self.tables.is_running(self.run)).rows:
                break
            if time.monotonic() > end:
                return None
            time.sleep(0.1)
        return bool(connection.execute(self.tables.recorded(self.run, node, start)).rows)

    def named(self, prefix: str) -> Sequence[Run]:
        """The runs whose invocation begins so. Raises `DatabaseError`."""
        with self._guard:
            return [brief_of(row) for row in self._done(self.tables.named(prefix)).rows]

    def ended(self, ended: Ended, observed: Sequence[Observed] = ()) -> None:
        """A node has ended, and has observed that; written down soon."""
        # Not guarded: whoever tells of an end must not wait for a session that does not answer.
        self._observed += observed
        self._endings.append(ended)

    def together(self, relation: Relation) -> bool:
        """Whether data at that place and a record of it can commit in one transaction."""
        database = (self.tables.schema.database or "").lower()
        return self.tables.writer.capabilities.transactional_ddl and relation.key[0] in ("", database)

    def carry(self, connection: Connection, *records: Built | Interval) -> None:
        """The records are written by that session, within its transaction. Raises `DatabaseError`."""
        first, *others = records
        answer = connection.execute(self.tables.record(self.run, first))
        if answer.affected == 0:
            self.lose()
            raise lost()
        # From the first one on, nobody can end the run before this transaction ends.
        if others:
            connection.execute(self.tables.take_over(others))

    def write(self, *records: Built | Interval) -> None:
        """The records are written and committed. Raises `DatabaseError`, also where another run has ended this one."""
        with self._guard:
            for record in records:
                if self._done(self.tables.record(self.run, record)).affected == 0:
                    self.lose()
                    raise lost()

    def lose(self) -> None:
        """Another run has ended this one."""
        if not self.lost:
            self.lost = True
            self._on_lost()

    def close(self, status: str) -> str:
        """The run has ended so, and its claims are free; why that could not be written down, or ""."""
        self._over.set()
        self._thread.join(FAREWELL)
        if not self._guard.acquire(timeout=FAREWELL):
            return "its session does not answer"
        try:
            return self._farewell(status)
        finally:
            self._guard.release()
            self._hang_up()

    def _farewell(self, status: str) -> str:
        end = time.monotonic() + FAREWELL
        while True:
            try:
                self._tell()
                if self.lost or self._done(self.tables.end(self.run, status)).affected != 0:
                    return ""
                # Ended by another run, unless a node that was abandoned still holds the row.
                if not self._done(self.tables.is_running(self.run)).rows:
                    return ""
                why = "something of it is still being committed"
            except EltbuildError as error:
                if self.lost:
                    return ""
                why = str(error.problems[0].message)
                if isinstance(error, DatabaseError) and not (error.lost or error.transient):
                    return why
            if time.monotonic() > end:
                return why
            time.sleep(0.1)

    def _live(self) -> None:
        """The life of the thread."""
        while not self._over.wait(TICK):
            try:
                with self._guard:
                    self._tell()
                    if self._beats and time.monotonic() - self._beat >= BEAT:
                        self._be_heard()
            except EltbuildError:
                # Without a session it is tried again; what could not be told now is told later.
                continue
            if self.lost:
                return

    def _tell(self) -> None:
        while self._endings:
            some: Sequence[Ended] = self._endings[:ATONCE]
            self._done(self.tables.ending(some))
            del self._endings[: len(some)]
        while self._observed:
            seen: Sequence[Observed] = self._observed[:ATONCE]
            self._done(self.tables.observing(seen))
            del self._observed[: len(seen)]

    def _be_heard(self) -> None:
        self._done(self.tables.heard(self.run))
        self._beat = time.monotonic()
        if not self._done(self.tables.is_running(self.run)).rows:
            self.lose()

    def _done(self, sql: str) -> Answer:
        """The answer of a statement; by a new session where the old one is gone."""
        fresh = self._connection is None
        connection = self._connection or self._again()
        try:
            return connection.execute(sql)
        except DatabaseError as error:
            if not error.lost:
                raise
            self._hang_up()
            if fresh:
                raise
        return self._again().execute(sql)

    def _again(self) -> Connection:
        """A new session that holds the run's lock. Raises `DatabaseError`, also where somebody else holds it."""
        connection = self._adapter.connect()
        try:
            if not connection.hold(lock_of(self.run)):
                raise DatabaseError("another run is looking whether this one is dead", lost=True)
            if not connection.execute(self.tables.is_running(self.run)).rows:
                self.lose()
                raise lost()
            mark(connection, self.tables, self.run)
        except BaseException:
            with suppress(EltbuildError):
                connection.close()
            raise
        self._connection = connection
        return connection

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(EltbuildError):
                connection.close()


def mark(connection: Connection, tables: Tables, run: Run) -> None:
    """The session is one of the run's: whoever finds that dead ends it, too."""
    marking = tables.mark(run)
    if marking:
        connection.execute(marking)


def lost() -> DatabaseError:
    """The error of whatever would publish something for a run that another one has ended."""
    return DatabaseError(LOST, hint=LOST_HINT)
