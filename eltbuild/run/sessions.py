"""Connections of a run: one for each thread, all of them cancelled and closed together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from eltbuild.adapter import Adapter, Answer, Connection
from eltbuild.errors import DatabaseError
from eltbuild.relation import Column, Relation, RelationInfo

if TYPE_CHECKING:
    import pyarrow

Log = Callable[[str, float, str], None]
"""`(sql, seconds, node)`: told of each statement."""


class Commented:
    """A connection that puts a comment in front of each statement, and counts lines without it."""

    def __init__(self, inner: Connection, log: Log | None = None) -> None:
        self.inner = inner
        self.comment = ""
        self.after = ""
        self.node = ""
        self._log = log

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def execute(self, sql: str) -> Answer:
        """Run one statement with the comment."""
        if self._log is not None:
            return self._logged(sql)
        if not self.comment and not self.after:
            return self.inner.execute(sql)
        try:
            return self.inner.execute(f"{self.comment}{sql}{self.after}")
        except DatabaseError as error:
            error.sql = sql
            error.line = max(error.line - self.comment.count("\n"), 0)
            raise

    def _logged(self, sql: str) -> Answer:
        import time

        assert self._log is not None
        log, self._log = self._log, None
        started = time.monotonic()
        try:
            return self.execute(sql)
        finally:
            self._log = log
            log(sql, time.monotonic() - started, self.node)

    def read(self, sql: str) -> pyarrow.Table:
        """The rows of a query as Arrow."""
        return self.inner.read(sql)

    def load(self, relation: Relation, rows: Any) -> int:
        """Append rows in bulk."""
        return self.inner.load(relation, rows)

    def relation(self, relation: Relation) -> RelationInfo | None:
        """What stands at that place."""
        return self.inner.relation(relation)

    def relations(self, schemas: Sequence[Relation]) -> Sequence[RelationInfo]:
        """All relations of some schemas."""
        return self.inner.relations(schemas)

    def columns(self, query: str) -> Sequence[Column]:
        """The columns of a query."""
        return self.inner.columns(query)

    def transaction(self) -> AbstractContextManager[None]:
        """Everything inside commits together or not at all."""
        return self.inner.transaction()

    def cancel(self) -> None:
        """Stop what runs now."""
        self.inner.cancel()

    def close(self) -> None:
        """Give the session back."""
        self.inner.close()


class Connections:
    """One connection for each thread that asks, from one adapter."""

    def __init__(self, adapter: Adapter, log: Log | None = None) -> None:
        self._adapter = adapter
        self._log = log
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: list[Commented] = []
        self._cancelled = False

    def here(self) -> Commented:
        """This thread's connection, opened when it is first asked for. Raises `DatabaseError`."""
        held: Commented | None = getattr(self._local, "connection", None)
        if held is None:
            held = Commented(self._adapter.connect(), self._log)
            self._local.connection = held
            with self._lock:
                self._open.append(held)
        return held

    def cancel(self) -> None:
        """Stop whatever runs on any of them."""
        with self._lock:
            self._cancelled = True
            for connection in self._open:
                connection.cancel()

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()
