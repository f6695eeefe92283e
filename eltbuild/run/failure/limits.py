"""How long a node may take; what takes longer is cancelled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from eltbuild.adapter import Target
from eltbuild.errors import DatabaseError, EltbuildError
from eltbuild.project.durations import retries_of, seconds_of
from eltbuild.project.resources import Node
from eltbuild.run.aside import BETWEEN
from eltbuild.run.failure.attempts import Attempts
from eltbuild.run.sessions import Connections
from eltbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """The longest time, and who says so."""

    seconds: float
    whose: str

    def __str__(self) -> str:
        return f"timed out after {self.seconds:g} s ({self.whose})"


def limit_of(node: Node | None, target: Target) -> Limit | None:
    """The node's own `timeout`, else the `node_timeout` of the target; None for no limit."""
    given = node.config.get("timeout") if node is not None else None
    if given is not None:
        return Limit(seconds_of(given), "its `timeout`")
    if target.node_timeout is not None:
        return Limit(target.node_timeout, f"`node_timeout` of target `{target.name}`")
    return None


def attempts_of(node: Node | None, target: Target) -> Attempts:
    """As often as the node's own `retries` says, else `node_retries` of the target, else the default."""
    given = node.config.get("retries") if node is not None else None
    retries = target.node_retries if given is None else retries_of(given)
    return Attempts() if retries is None else Attempts(retries)


@contextmanager
def limited(connections: Connections, limit: Limit | None) -> Iterator[threading.Event]:
    """When the time is over, what this thread's connection does is cancelled until the block ends.

    Gives an event that is set from then on. Raises `DatabaseError` in place of the error to which that leads. What
    cannot be cancelled, as Python code, goes on to its end, and then nothing more is begun.
    """
    over = threading.Event()
    if limit is None:
        yield over
        return
    ended = threading.Event()
    mine = connections.mine()

    def watch() -> None:
        if ended.wait(limit.seconds):
            return
        over.set()
        while not ended.is_set():
            mine.halt()
            ended.wait(BETWEEN)

    watcher = threading.Thread(target=watch, name="limit", daemon=True)
    watcher.start()
    try:
        yield over
    except EltbuildError as error:
        if over.is_set():
            sql = error.sql if isinstance(error, DatabaseError) else ""
            raise DatabaseError(str(limit), sql=sql, code="timeout") from error
        raise
    finally:
        ended.set()
        watcher.join()
        if over.is_set() and not connections.cancelled:
            mine.go_on()
