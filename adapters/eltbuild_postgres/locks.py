"""Locks by name: advisory ones of the session, which end with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from eltbuild.errors import DatabaseError
from eltbuild_postgres.connecting import Session

ENDING = 5.0
"""Seconds that the process of a lost session may take to end."""
PAUSE = 0.05


class Locks:
    """Those that one session holds. They are locks of its database; another database knows nothing of them."""

    def __init__(self, fetch: Callable[[str], list[tuple[Any, ...]]]) -> None:
        self._fetch = fetch
        self._names: set[str] = set()

    def hold(self, name: str) -> bool:
        """Take a lock without waiting; False where another session holds it."""
        if name not in self._names:
            if not self._fetch(_taking(name))[0][0]:
                return False
            self._names.add(name)
        return True

    def release(self, name: str) -> None:
        """Give a lock back; nothing happens where it is not held."""
        if name not in self._names:
            return
        self._names.discard(name)
        try:
            self._fetch(f"select pg_catalog.pg_advisory_unlock({_key(name)})")
        except DatabaseError as error:
            # With the session its locks are gone.
            if not error.lost:
                raise

    def taken_over(self, session: Session) -> bool:
        """Whether another session could get hold of all of them, in place of one that is about to end."""
        deadline = time.monotonic() + ENDING
        for name in self._names:
            while not session.execute(_taking(name).encode()).fetchall()[0][0]:
                if time.monotonic() > deadline:
                    return False
                time.sleep(PAUSE)
        return True


def _taking(name: str) -> str:
    return f"select pg_catalog.pg_try_advisory_lock({_key(name)})"


def _key(name: str) -> int:
    """The number of a lock: the same for a name everywhere and always."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), signed=True)
