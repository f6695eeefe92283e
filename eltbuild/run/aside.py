"""Questions to the warehouse from the main thread, asked in another one, so that waiting for them can be stopped.

Signals reach the main thread only, and only between two steps of Python: an engine that works in it is deaf to them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from eltbuild.adapter import Adapter, Answer, Connection
from eltbuild.errors import DatabaseError
from eltbuild.relation import Belongings, Column, Constraint, Relation, RelationInfo
from eltbuild.run.stop import PATIENCE, TICK, Stop

if TYPE_CHECKING:
    import pyarrow

T = TypeVar("T")
BETWEEN = 0.2
"""Seconds between two attempts to cancel: one may come just before a statement begins."""

CONNECTING = 1.0
"""Seconds that a session which is being opened is waited for: that cannot be cancelled."""


class Aside:
    """A thread that does one thing after another while the caller waits."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._calls: SimpleQueue[tuple[int, Callable[[], Any]] | None] = SimpleQueue()
        self._replies: SimpleQueue[tuple[int, Any, BaseException | None]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._asked = 0
        self._done = 0

    @property
    def busy(self) -> bool:
        """Whether something was begun that has not ended; between two calls: whose end nobody waited for."""
        return self._done < self._asked

    def do(self, call: Callable[[], T], cancel: Callable[[], None], patience: float = PATIENCE) -> T:
        """What the call gives; raises what it raises.

        Asked to stop meanwhile, it is cancelled until it ends or patience does, and `KeyboardInterrupt` is raised.
        """
        if self.busy:
            raise DatabaseError("the session does not answer any more", lost=True)
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="aside", daemon=True)
            self._thread.start()
        try:
            self._asked += 1
            self._calls.put((self._asked, call))
            value, error = self._reply()
        except KeyboardInterrupt:
            self._wait(cancel, patience)
            raise
        if error is not None:
            raise error
        result: T = value
        return result

    def _reply(self) -> tuple[Any, BaseException | None]:
        while True:
            self._stop.heed()
            try:
                number, value, error = self._replies.get(timeout=TICK)
            except Empty:
                continue
            # An earlier one is that of a call whose end was not waited for.
            if number == self._asked:
                if error is not None:
                    # Perhaps it has been cancelled already, by whoever asked to stop.
                    self._stop.heed()
                return value, error

    def _wait(self, cancel: Callable[[], None], patience: float) -> None:
        """Cancel what runs until it has ended."""
        end = time.monotonic() + patience
        while self.busy and time.monotonic() < end and not self._stop.urgent:
            cancel()
            pause = time.monotonic() + BETWEEN
            while self.busy and time.monotonic() < pause:
                time.sleep(TICK)

    def end(self) -> None:
        """The thread ends when it has nothing more to do."""
        self._calls.put(None)

    def _serve(self) -> None:
        while (asked := self._calls.get()) is not None:
            number, call = asked
            value, failure = None, None
            try:
                value = call()
            except BaseException as error:
                failure = error
            self._done = number
            self._replies.put((number, value, failure))
            del call, value, failure, asked


class Foreground:
    """A session for the main thread: each call is done aside, and stops when the program is asked to."""

    def __init__(self, connect: Callable[[], Connection], stop: Stop | None = None) -> None:
        self._aside = Aside(stop or Stop())
        self.inner = self._aside.do(connect, _nothing, CONNECTING)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def _do(self, call: Callable[[], T]) -> T:
        return self._aside.do(call, self.inner.cancel)

    def execute(self, sql: str) -> Answer:
        """Run one statement, or several."""
        return self._do(lambda: self.inner.execute(sql))

    def read(self, sql: str) -> pyarrow.Table:
        """The rows of a query as Arrow."""
        return self._do(lambda: self.inner.read(sql))

    def load(self, relation: Relation, rows: Any) -> int:
        """Append rows in bulk."""
        return self._do(lambda: self.inner.load(relation, rows))

    def relation(self, relation: Relation) -> RelationInfo | None:
        """What stands at that place."""
        return self._do(lambda: self.inner.relation(relation))

    def relations(self, schemas: Sequence[Relation]) -> Sequence[RelationInfo]:
        """All relations of some schemas."""
        return self._do(lambda: self.inner.relations(schemas))

    def columns(self, query: str) -> Sequence[Column]:
        """The columns of a query."""
        return self._do(lambda: self.inner.columns(query))

    def belongings(self, relation: Relation) -> Belongings:
        """What hangs on a relation."""
        return self._do(lambda: self.inner.belongings(relation))

    def constraints(self, relation: Relation) -> Sequence[Constraint]:
        """What a table enforces."""
        return self._do(lambda: self.inner.constraints(relation))

    def loaded_at(self, relation: Relation) -> datetime | None:
        """When rows last came into a table."""
        return self._do(lambda: self.inner.loaded_at(relation))

    def hold(self, name: str) -> bool:
        """Take a lock."""
        return self._do(lambda: self.inner.hold(name))

    def release(self, name: str) -> None:
        """Give a lock back."""
        self._do(lambda: self.inner.release(name))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside commits together or not at all."""
        inner = self.inner.transaction()
        self._do(inner.__enter__)
        try:
            yield
        except BaseException as error:
            given = error
            # What was abandoned is rolled back by the engine when its session goes.
            if self._aside.busy or not self._do(lambda: inner.__exit__(type(given), given, given.__traceback__)):
                raise
        else:
            self._do(lambda: inner.__exit__(None, None, None))

    def handed(self) -> Connection:
        """The session, for another thread from now on; nothing may be asked here any more."""
        self._aside.end()
        return self.inner

    def cancel(self) -> None:
        """Stop what runs now."""
        self.inner.cancel()

    def close(self) -> None:
        """Give the session back, unless what it was last asked for never ended."""
        if not self._aside.busy:
            self.inner.close()
        self._aside.end()


def _nothing() -> None:
    """There is nothing to cancel yet."""


def foreground(adapter: Adapter, stop: Stop | None = None) -> Connection:
    """A session that can be stopped where this is the main thread, else a plain one. Raises `DatabaseError`."""
    if threading.current_thread() is not threading.main_thread():
        return adapter.connect()
    return Foreground(adapter.connect, stop)
