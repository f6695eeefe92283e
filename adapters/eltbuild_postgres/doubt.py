"""How a transaction ended whose session was lost while it committed: asked of the server by another session."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

import psycopg

from eltbuild.errors import DatabaseError
from eltbuild.values import dataclass
from eltbuild_postgres.connecting import PATIENCE, Session, connected
from eltbuild_postgres.settings import Opening

Fate = Literal["committed", "aborted", "unknown"]
PAUSE = 0.05
IN_THE_FUTURE = "22023"
"""What is said of a number that the server has not given yet."""

LIFE = (
    "pg_catalog.pg_postmaster_start_time()::text,"
    " array(select pid from pg_catalog.pg_stat_activity where datid is null)"
)
MARK = (
    f"select pg_catalog.txid_current_if_assigned(), {LIFE}, a.pid, a.backend_start::text"
    " from pg_catalog.pg_stat_activity as a where a.pid = pg_catalog.pg_backend_pid()"
)
END = (
    "select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity"
    " where pid = %s and backend_start::text = %s"
)
"""Ends the session of a number that began then; numbers are given again."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a row of `MARK` tells of a transaction, before it is committed.

    `number` is None where it has written nothing. `started` and `processes` tell one life of a server from the next:
    when it was started, and the processes that do its own work; where one of its processes crashes all of them end.
    """

    number: int | None
    started: str
    processes: Sequence[int]
    session: int
    since: str


def fate_of(mark: Mark, opening: Opening) -> tuple[Fate, Session | None]:
    """How the transaction ended, and the session that told so; "unknown" where nobody can tell.

    A server that crashed may have forgotten a number, and given it to another transaction: what it says of one that
    was committed is to be trusted only where it has not been down since.
    """
    try:
        session = connected(opening, patient=True)
    except DatabaseError:
        return "unknown", None
    try:
        # Its process may not have noticed yet that nobody listens, and would hold its locks until then.
        session.execute(END, [mark.session, mark.since])
        told = _told(mark, session)
        row = session.execute(f"select {LIFE}").fetchone()
    except psycopg.Error:
        session.close()
        return "unknown", None
    if told == "aborted":
        return "aborted", session
    lasts = row is not None and row[0] == mark.started and not set(row[1]).isdisjoint(mark.processes)
    if told == "in progress" and not lasts:
        # With the server all that was under way was ended: this is somebody else's.
        return "aborted", session
    return ("committed" if told == "committed" and lasts else "unknown"), session


def _told(mark: Mark, session: Session) -> str | None:
    """What the server says of the transaction; waits while it is under way, for it comes to its end."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            row = session.execute("select pg_catalog.txid_status(%s)", [mark.number]).fetchone()
        except psycopg.Error as error:
            # Not even its number was kept.
            if error.sqlstate == IN_THE_FUTURE:
                return "aborted"
            raise
        told = row[0] if row else None
        if told != "in progress" or time.monotonic() > deadline:
            return told
        time.sleep(PAUSE)
