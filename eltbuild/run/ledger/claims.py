"""Who may write what: runs claim relations, and two that want the same one do not run at once.

The rules are here, and the questions that they ask of a `Store`; how runs are kept and found dead is the store's.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timedelta
from typing import Protocol

from eltbuild.errors import Problem, UsageError
from eltbuild.state.records import Key, Run
from eltbuild.values import dataclass, replace

GRACE = timedelta(seconds=20)
"""How long a run that has lost its lock may be silent before it is taken for dead: it may be finding its way back."""
SILENCE = timedelta(seconds=60)
"""The same for a run whose lock is held, perhaps by a session that nobody is at any more, and where there are no

locks. Whoever is only paused so long can publish nothing afterwards.
"""
SHOWN = 3
"""How many relations a refusal names."""


class Store(Protocol):
    """Where runs are kept. Its methods raise `DatabaseError`."""

    sure: bool
    """Whether nobody else can begin a run between `exclusively` and its end."""
    locks: bool
    """Whether a run that has died gives its lock back."""
    certain: bool
    """Whether a lock proves its run alive or dead; a session may be on its way back, or left behind, otherwise."""

    def exclusively(self) -> AbstractContextManager[None]:
        """Inside, nobody else looks at runs or begins one, where the store is `sure`."""
        ...

    def running(self) -> tuple[Sequence[Run], datetime]:
        """The runs that have not ended, and the time by the clock of their heartbeats."""
        ...

    def unlocked(self, run: Run) -> bool:
        """Whether nobody holds the lock of that run."""
        ...

    def lose(self, run: Run) -> bool:
        """That run has ended as `lost`, and can publish nothing more; False where it is just committing something."""
        ...

    def start(self, run: Run) -> Run:
        """The run is written down, numbered, and holds its lock."""
        ...

    def withdraw(self, run: Run) -> None:
        """The run is not written down any more."""
        ...


@dataclass(frozen=True, slots=True)
class Conflict:
    """A run that holds what another one wants."""

    holder: Run
    relations: tuple[Key, ...]
    now: datetime
    doubtful: bool = False
    """Whether it may be dead; a little later it can be told."""


def attempt(store: Store, run: Run) -> Run | tuple[Conflict, ...]:
    """The run begun, its claims its own; or who is in its way, and then nothing of it is written."""
    with store.exclusively():
        found = _rivals(store, run)
        if found:
            return found
        started = store.start(run)
        if not store.sure:
            # Whoever began at the same moment is seen now by one of the two at least: that one steps back.
            found = _rivals(store, started)
            if found:
                store.withdraw(started)
                return tuple(replace(conflict, doubtful=True) for conflict in found)
        return started


def _rivals(store: Store, run: Run) -> tuple[Conflict, ...]:
    """The runs that live, or may, and claim what this one claims; those found dead are ended, whatever they claim."""
    runs, now = store.running()
    out = []
    for other in runs:
        if other.invocation == run.invocation:
            continue
        dead = is_dead(store, other, now)
        if dead and store.lose(other):
            continue
        relations = common(run, other)
        if relations:
            out.append(Conflict(other, relations, now, doubtful=dead is not False))
    return tuple(out)


def common(one: Run, other: Run) -> tuple[Key, ...]:
    """The relations that both claim, sorted."""
    return tuple(sorted(frozenset(one.claims).intersection(other.claims)))


def is_dead(store: Store, run: Run, now: datetime) -> bool | None:
    """Whether a run that has not ended can do so no more; None where that is not clear yet."""
    silence = now - (run.heartbeat or run.started or now)
    if not store.locks:
        return silence > SILENCE
    if not store.unlocked(run):
        return not store.certain and silence > SILENCE
    if store.certain or silence > GRACE or _has_no_process(run):
        return True
    return None


def _has_no_process(run: Run) -> bool:
    """Whether the run was this machine's and its process is gone."""
    if run.host != host() or run.process <= 0 or sys.platform == "win32":
        return False
    try:
        os.kill(run.process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def host() -> str:
    """This machine's name."""
    with suppress(AttributeError):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "")


def refusal(conflicts: Sequence[Conflict], waited: str = "") -> Problem:
    """Who is in the way, since when, and what can be done."""
    first = conflicts[0]
    more = f"; and {len(conflicts) - 1} more" if len(conflicts) > 1 else ""
    hint = "wait for it with --wait, or for so long with --wait 10m"
    return Problem(f"{in_the_way(first)}{more}{waited}", hint=hint, name="AnotherRun")


def in_the_way(conflict: Conflict) -> str:
    """A run that holds what another one wants, in words."""
    number, run = len(conflict.relations), conflict.holder
    names = ", ".join(".".join(filter(None, key)) for key in conflict.relations[:SHOWN])
    rest = ", ..." if number > SHOWN else ""
    what = "1 of the relations" if number == 1 else f"{number} of the relations"
    return f"another run holds {what} of this one ({names}{rest}): {described(run, conflict.now)}"


def described(run: Run, now: datetime) -> str:
    """A run in words: what, by whom, where, since when, and when it was last heard of."""
    by = f" by {run.user}" if run.user else ""
    where = f" on {run.host} (process {run.process})" if run.host else ""
    since = f" since {moment(run.started, now)}" if run.started else ""
    heard = f", last heard of {span(now - run.heartbeat)} ago" if run.heartbeat and run.heartbeat != run.started else ""
    return f"`eltbuild {run.command}`{by}{where}{since}{heard}"


def moment(time: datetime, now: datetime) -> str:
    """A time that has passed, and how long ago: `12:03:11 UTC (4 min)`."""
    day = "" if time.date() == now.date() else f"{time:%Y-%m-%d} "
    return f"{day}{time:%H:%M:%S} UTC ({span(now - time)})"


def span(time: timedelta) -> str:
    """A span of time in its largest unit."""
    seconds = max(int(time.total_seconds()), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (seconds >= size and not seconds % size):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def patience(text: str | None) -> float | None:
    """How many seconds `--wait` waits: None where it was not given, infinite where it has no end.

    Raises `UsageError` for what is no duration.
    """
    if text is None:
        return None
    if text == "forever":
        return float("inf")
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise UsageError(Problem(f"--wait {text}: that is no duration", hint="write --wait, --wait 90s or --wait 10m"))
    return float(found[1]) * _SECONDS[found[2]]
