"""The port through which templates ask the warehouse: blank while settling, live at a node's turn."""

from __future__ import annotations

import time
from typing import Protocol

from eltbuild.adapter import Answer, Connection
from eltbuild.jinja.clock import pause
from eltbuild.relation import Relation, RelationInfo


class Introspector(Protocol):
    """Two questions; what cannot be answered is None."""

    @property
    def live(self) -> bool:
        """Whether there is a warehouse behind it."""
        ...

    def query(self, sql: str) -> Answer | None:
        """Run SQL. Raises `DatabaseError`."""
        ...

    def relation(self, relation: Relation) -> RelationInfo | None:
        """What stands at that place, with its columns."""
        ...


class Blank:
    """Knows nothing: what a template says before any warehouse was asked."""

    live = False

    def query(self, sql: str) -> Answer | None:
        """Nothing."""
        return None

    def relation(self, relation: Relation) -> RelationInfo | None:
        """Nothing."""
        return None


class Live:
    """Asks a connection. `waited` is how long the warehouse took, in seconds."""

    live = True

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.waited = 0.0

    def query(self, sql: str) -> Answer | None:
        """The answer of the warehouse."""
        started = time.monotonic(), time.thread_time()
        try:
            return self.connection.execute(sql)
        finally:
            self._waited(started)

    def relation(self, relation: Relation) -> RelationInfo | None:
        """The catalogue's word."""
        started = time.monotonic(), time.thread_time()
        try:
            return self.connection.relation(relation)
        finally:
            self._waited(started)

    def _waited(self, started: tuple[float, float]) -> None:
        """The time that the warehouse took is not the template's."""
        self.waited += time.monotonic() - started[0]
        pause(time.thread_time() - started[1])


BLANK = Blank()
