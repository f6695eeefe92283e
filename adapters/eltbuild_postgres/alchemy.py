"""SQLAlchemy over a session of PostgreSQL, for libraries that want one.

Whatever is done goes through the session that is given, within its transaction: nothing here opens, commits or closes
anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import psycopg
from sqlalchemy.pool import StaticPool

URL = "postgresql+psycopg://"

Working = Callable[[str], AbstractContextManager[None]]
"""A statement is under way: it can be cancelled, and what goes wrong is noted."""


def arguments(session: psycopg.Connection[Any], working: Working) -> tuple[str, Mapping[str, Any]]:
    """The URL and the arguments of `sqlalchemy.create_engine` for an engine that is that session."""
    given = {"creator": lambda: Session(session, working), "poolclass": StaticPool, "use_native_hstore": False}
    return URL, given


class Cursor(psycopg.Cursor[Any]):
    """A cursor whose statements are those of the session: they can be cancelled like all others."""

    def __init__(self, session: psycopg.Connection[Any], working: Working) -> None:
        super().__init__(session)
        self._working = working

    def execute(self, query: Any, *args: Any, **more: Any) -> Any:
        """Run a statement. Raises `eltbuild.errors.DatabaseError`."""
        with self._working(str(query)):
            return super().execute(query, *args, **more)


class Session:
    """A session as SQLAlchemy wants one. Its transaction is somebody else's: nothing is begun or ended."""

    def __init__(self, session: psycopg.Connection[Any], working: Working) -> None:
        self._session = session
        self._working = working

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def cursor(self, *args: Any, **more: Any) -> Any:
        """A cursor that holds all rows on this side."""
        return Cursor(self._session, self._working)

    def commit(self) -> None:
        """Nothing: who opened the transaction ends it."""

    def rollback(self) -> None:
        """Nothing: who opened the transaction ends it."""

    def close(self) -> None:
        """Nothing: the session is in use elsewhere."""
