"""One connection of a run: it outlives its session, and whoever wants it to stop may say so from any thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from eltbuild.adapter import Answer, Connection
from eltbuild.errors import DatabaseError
from eltbuild.relation import Belongings, Column, Constraint, Relation, RelationInfo
from eltbuild.run.statements import ends_transaction, only_reads

if TYPE_CHECKING:
    import pyarrow

Log = Callable[[str, float, str], None]
"""`(sql, seconds, node)`: told of each statement."""

Kept = Literal["nothing", "unknown", "something"]
"""What stands for good of the work that is being done: `unknown` where the end of a transaction got no answer."""

LONGEST_CANCEL = 5.0
"""Seconds that a cancellation on its way is waited for before the session is used again."""


class Commented:
    """A connection that puts a comment in front of each statement, and counts lines without it.

    It outlives its session: one that was lost is replaced by `renew`. Used by one thread at a time; `halt` by any.
    """

    def __init__(self, connect: Callable[[], Connection], log: Log | None = None) -> None:
        self.comment = ""
        self.after = ""
        self.node = ""
        self.lost = True
        """Whether there is no session, or one that is of no use any more."""
        self.asked = 0
        """How many questions it has not answered yet, one within another."""
        self.kept: Kept = "nothing"
        self.idempotent = False
        """Whether its transactions do the same when they are repeated, so that nothing need be kept in mind of them."""
        self.repeats = False
        """Whether what is done now will be tried again where it fails for a reason that passes, unless some is kept."""
        self.encloses = False
        """Whether one transaction of its own is around all that is done, so that nothing else may end it."""
        self.awaits = False
        """Whether what its transaction has done may not be seen yet, for its tests have still to pass."""
        self.halted = threading.Event()
        """Set while nothing may begin: what runs shall end."""
        self._connect = connect
        self._inner: Connection | None = None
        self._depth = 0
        self._unjudged = False
        self._log = log
        self._cancelling: threading.Thread | None = None
        self._sent: list[str] | None = None

    @property
    def connected(self) -> bool:
        """Whether there is a session, lost or not; none where the last attempt to open one failed."""
        return self._inner is not None

    @property
    def within(self) -> bool:
        """Whether it is in the midst of a transaction."""
        return self._depth > 0

    @property
    def ends_later(self) -> bool:
        """Whether it is in the midst of a transaction that nothing may end which is done in it."""
        return self.within and (self.encloses or self.awaits)

    @property
    def inner(self) -> Connection:
        """The session. Raises `DatabaseError` where there is none."""
        if self._inner is None:
            raise DatabaseError("there is no connection to the warehouse", lost=True)
        return self._inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    # The session

    def renew(self) -> None:
        """There is a new session. Raises `DatabaseError` where the warehouse cannot be reached."""
        self._refuse()
        before, self._inner = self._inner, None
        if before is not None:
            with suppress(DatabaseError):
                before.close()
        self._depth = 0
        self._inner = self._connect()
        self.lost = False
        self._refuse()

    def halt(self) -> None:
        """Stop what runs now, and let nothing begin until `go_on`. Does not wait; may be called again and again."""
        self.halted.set()
        inner, before = self._inner, self._cancelling
        # Cancelling may take its time: it can be a message over a network that is not there any more.
        if inner is not None and (before is None or not before.is_alive()):
            self._cancelling = threading.Thread(target=_cancel, args=(inner,), name="cancel", daemon=True)
            self._cancelling.start()

    def go_on(self) -> None:
        """Things may begin again, and no cancellation that is still on its way can meet them."""
        if self._cancelling is not None:
            self._cancelling.join(LONGEST_CANCEL)
            self._cancelling = None
        self.halted.clear()

    def _refuse(self) -> None:
        if self.halted.is_set():
            raise DatabaseError("the statement was cancelled")

    @contextmanager
    def _asked(self) -> Iterator[Connection]:
        """The session, for one question; notes when it is lost by that."""
        self._refuse()
        self.asked += 1
        try:
            yield self.inner
        except DatabaseError as error:
            # Once it is lost, all that follows fails for that reason.
            self.lost = error.lost = self.lost or error.lost
            raise
        finally:
            self.asked -= 1

    @contextmanager
    def _alone(self, sql: str) -> Iterator[None]:
        """Notes what is done outside of a transaction, where each statement that writes commits by itself."""
        if self._depth or (not self._unjudged and only_reads(sql)):
            yield
            return
        before, self.kept = self.kept, "unknown"
        try:
            yield
        except DatabaseError as error:
            if not error.lost or (error.transient and not self._unjudged):
                self.kept = "something" if ";" in sql.strip().rstrip(";") else before
            raise
        self.kept = "something"

    @contextmanager
    def unjudged(self) -> Iterator[None]:
        """What is done inside may leave something behind whatever it looks like: a hook may call what writes."""
        before, self._unjudged = self._unjudged, True
        try:
            yield
        finally:
            self._unjudged = before

    @contextmanager
    def awaiting(self, tests: bool) -> Iterator[None]:
        """Nothing that is done inside ends the transaction, where `tests` have to pass before that."""
        before, self.awaits = self.awaits, tests
        try:
            yield
        finally:
            self.awaits = before

    @contextmanager
    def passing(self) -> Iterator[None]:
        """What is done inside is of no consequence: it is done again, or undone, by whoever comes next."""
        before = self.kept
        try:
            yield
        finally:
            self.kept = before

    def dismiss(self, sql: str) -> None:
        """Clear something up, also while nothing may begin; nothing happens where there is no session for it."""
        before = self.kept
        with suppress(DatabaseError):
            if not self.lost:
                self.inner.execute(sql)
        self.kept = before

    @contextmanager
    def noted(self) -> Iterator[list[str]]:
        """The statements that are executed inside, without the comment."""
        before, self._sent = self._sent, []
        try:
            yield self._sent
        finally:
            self._sent = before

    # What connections do

    def execute(self, sql: str) -> Answer:
        """Run one statement with the comment."""
        if self._sent is not None:
            self._sent.append(sql)
        return self._executed(sql)

    def _executed(self, sql: str) -> Answer:
        if self.ends_later and ends_transaction(sql):
            raise self._unfinished(sql)
        if self._log is not None:
            return self._logged(sql)
        with self._asked() as inner, self._alone(sql):
            if not self.comment and not self.after:
                return inner.execute(sql)
            try:
                return inner.execute(f"{self.comment}{sql}{self.after}")
            except DatabaseError as error:
                error.sql = sql
                error.line = max(error.line - self.comment.count("\n"), 0)
                raise

    def _unfinished(self, sql: str) -> DatabaseError:
        if self.encloses:
            text = "this would end the transaction in which all of the run is published"
            return DatabaseError(text, sql=sql, hint="leave it out, or use --publish audited")
        text = "this would show the rows before its tests have passed"
        return DatabaseError(text, sql=sql, hint="leave it out, or use `publish: immediate`")

    def _logged(self, sql: str) -> Answer:
        assert self._log is not None
        log, self._log = self._log, None
        started = time.monotonic()
        try:
            return self._executed(sql)
        finally:
            self._log = log
            log(f"{self.comment}{sql}{self.after}", time.monotonic() - started, self.node)

    def read(self, sql: str) -> pyarrow.Table:
        """The rows of a query as Arrow."""
        with self._asked() as inner:
            return inner.read(sql)

    def load(self, relation: Relation, rows: Any) -> int:
        """Append rows in bulk."""
        with self._asked() as inner, self._alone("insert"):
            return inner.load(relation, rows)

    def relation(self, relation: Relation) -> RelationInfo | None:
        """What stands at that place."""
        with self._asked() as inner:
            return inner.relation(relation)

    def relations(self, schemas: Sequence[Relation]) -> Sequence[RelationInfo]:
        """All relations of some schemas."""
        with self._asked() as inner:
            return inner.relations(schemas)

    def columns(self, query: str) -> Sequence[Column]:
        """The columns of a query."""
        with self._asked() as inner:
            return inner.columns(query)

    def belongings(self, relation: Relation) -> Belongings:
        """What hangs on a relation."""
        with self._asked() as inner:
            return inner.belongings(relation)

    def constraints(self, relation: Relation) -> Sequence[Constraint]:
        """What a table enforces."""
        with self._asked() as inner:
            return inner.constraints(relation)

    def loaded_at(self, relation: Relation) -> datetime | None:
        """When rows last came into a table."""
        with self._asked() as inner:
            return inner.loaded_at(relation)

    def hold(self, name: str) -> bool:
        """Take a lock."""
        with self._asked() as inner:
            return inner.hold(name)

    def release(self, name: str) -> None:
        """Give a lock back."""
        with self._asked() as inner:
            inner.release(name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside commits together or not at all; `kept` tells afterwards which."""
        if self._depth:
            with self.inner.transaction():
                yield
            return
        before, ending = self.kept, False
        with self._asked() as inner:
            try:
                with inner.transaction():
                    self._depth = 1
                    yield
                    self._refuse()
                    ending = True
                    self.kept = before if self.idempotent else "unknown"
            except DatabaseError as error:
                # Without an answer nobody knows, unless the adapter has found out.
                if error.transient or not error.lost:
                    self.kept = before
                error.transient = error.transient or (ending and error.lost and self.idempotent)
                raise
            finally:
                self._depth = 0
        self.kept = before if self.idempotent else "something"

    @contextmanager
    def trial(self, able: bool) -> Iterator[Callable[[], bool]]:
        """Gives what takes back a statement that was refused; it says whether more can be done after that.

        `able`: whether the engine can do so within a transaction.
        """
        if not (able and self._depth):
            yield lambda: not self._depth
            return
        with self._asked() as inner, inner.savepoint() as take_back:  # type: ignore[attr-defined]

            def back() -> bool:
                self._refuse()
                take_back()
                return True

            yield back

    def cancel(self) -> None:
        """Stop what runs now."""
        if self._inner is not None:
            self._inner.cancel()

    def close(self) -> None:
        """Give the session back."""
        if self._inner is not None:
            self._inner.close()


def _cancel(connection: Connection) -> None:
    """What runs on it is told to end, as far as it can be reached."""
    with suppress(DatabaseError):
        connection.cancel()
