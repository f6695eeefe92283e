"""Steps of the protocol that the driver has no call for: describing a query, leaving a COPY, noticing a lost server."""

from __future__ import annotations

import selectors
from collections.abc import Iterator

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

INTERVAL = 0.1
"""Seconds after which a wait looks up, so that a key pressed by the user is seen."""
SELECTOR = getattr(selectors, "PollSelector", selectors.SelectSelector)
"""A poll takes any number of a file, and keeps no file of its own."""


def described(pgconn: PGconn, query: bytes) -> PGresult:
    """What a query would give, without running it. Raises `psycopg.Error`; several statements are refused."""
    pgconn.send_prepare(b"", query)
    _last(pgconn)
    pgconn.send_describe_prepared(b"")
    return _last(pgconn)


def columns(result: PGresult) -> list[tuple[str, int, int]]:
    """Name, type and modifier of each column, types by PostgreSQL's numbers."""
    return [
        ((result.fname(index) or b"").decode(), result.ftype(index), result.fmod(index))
        for index in range(result.nfields)
    ]


def _last(pgconn: PGconn) -> PGresult:
    last: PGresult | None = None
    for result in results(pgconn):
        if last is None or last.status != ExecStatus.FATAL_ERROR:
            last = result
    if last is None:
        raise psycopg.OperationalError("the server gave no answer")
    if last.status == ExecStatus.FATAL_ERROR:
        raise psycopg.errors.error_from_result(last, encoding="utf-8")
    return last


def results(pgconn: PGconn) -> Iterator[PGresult]:
    """All results that are still to come. Raises `psycopg.OperationalError` where the server is gone."""
    while pgconn.flush():
        _wait(pgconn, writing=True)
    while True:
        while pgconn.is_busy():
            _wait(pgconn)
        result = pgconn.get_result()
        if result is None:
            return
        yield result


def _wait(pgconn: PGconn, *, writing: bool = False) -> None:
    """Until the server has said something, or takes something."""
    events = 0
    while not events:
        events = _ready(pgconn, INTERVAL, writing)
    if events & selectors.EVENT_READ:
        pgconn.consume_input()


def _ready(pgconn: PGconn, seconds: float, writing: bool = False) -> int:
    """What the socket is ready for, after that time at the latest; 0 for nothing."""
    asked = selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0)
    with SELECTOR() as selector:
        selector.register(pgconn.socket, asked)
        found = selector.select(seconds)
    return found[0][1] if found else 0


def leave_copy(pgconn: PGconn) -> None:
    """A COPY that nobody serves is over, and with it the statement that began it."""
    for result in results(pgconn):
        if result.status == ExecStatus.COPY_IN:
            pgconn.put_copy_end(b"nobody gives rows to this COPY")
        while result.status == ExecStatus.COPY_OUT:
            size, _ = pgconn.get_copy_data(1)
            if size < 0:
                break
            if not size:
                _wait(pgconn)


def is_gone(pgconn: PGconn) -> bool:
    """Whether the server has closed the connection while nothing was asked of it."""
    if not _ready(pgconn, 0):
        return False
    try:
        pgconn.consume_input()
    except psycopg.Error:
        return True
    return pgconn.status != psycopg.pq.ConnStatus.OK
