"""How often something is tried, and what must not be tried again."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from eltbuild.errors import DatabaseError
from eltbuild.run.sessions import Connections
from eltbuild.values import dataclass

T = TypeVar("T")
Tell = Callable[[str], None]
"""Told before each new attempt: `attempt 2 of 6 in 1.3 s: ...`."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """The seconds between attempts: each `factor` times the one before, none above `longest`, before jitter."""

    first: float
    factor: float
    longest: float

    def before(self, attempt: int) -> float:
        """The pause before the second attempt, the third ..., up to half as much shorter or longer by chance.

        So those that have been in each other's way do not meet again.
        """
        return min(self.first * self.factor ** (attempt - 2), self.longest) * random.uniform(0.5, 1.5)


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often something is tried again, where the warehouse says that the same may succeed a little later."""

    retries: int = 5
    conflict: Pauses = Pauses(0.05, 3, 10)
    """Another session was in the way, or the session was lost: about 6 seconds in all."""
    outage: Pauses = Pauses(0.25, 4, 30)
    """The warehouse cannot be reached: about 50 seconds in all, for a server to come back."""

    def pause(self, attempt: int, away: bool) -> float:
        """The seconds before that attempt, the second or a later one. `away`: there is no session."""
        return (self.outage if away else self.conflict).before(attempt)


AT_START = Attempts(4, outage=Pauses(0.25, 2, 4))
"""For the first session of a run: a wrong address is not waited for as long as a server that has answered before."""


def repeated(
    call: Callable[[], T], connections: Connections, attempts: Attempts, tell: Tell, idempotent: bool = False
) -> T:
    """What the call gives, tried again after a pause where that can help and nothing of it has been kept.

    What is `idempotent` in its transactions may be tried again also where they were committed. Each attempt asks for a
    session that was not lost. Where the warehouse was found out of reach, however long that was waited for, the next to
    ask does not wait again.
    """
    mine = connections.mine()
    mine.idempotent = idempotent
    attempt = 1
    while True:
        mine.kept, mine.repeats = "nothing", attempt <= attempts.retries
        try:
            return call()
        except DatabaseError as error:
            away = not mine.connected
            if mine.halted.is_set() or not (error.transient or error.lost):
                raise
            if mine.kept != "nothing":
                raise with_note(error, _KEPT[mine.kept]) from error
            if not error.transient:
                raise
            attempt += 1
            if attempt > attempts.retries + 1 or (away and connections.down):
                connections.down = connections.down or away
                raise with_note(error, f"given up after {attempt - 1} attempts" if attempt > 2 else "") from error
            pause = attempts.pause(attempt, away)
            tell(trying(attempt, attempts, pause, error))
            if connections.pause(pause):
                raise


def trying(attempt: int, attempts: Attempts, pause: float, error: DatabaseError) -> str:
    """What is told before an attempt."""
    first = error.message.strip().partition("\n")[0]
    return f"attempt {attempt} of {attempts.retries + 1} in {pause:.1f} s: {first}"


_KEPT = {
    "something": "not tried again: a part of it stands already",
    "unknown": "not tried again: the connection was lost before the answer came, so it may or may not have been done",
}


def with_note(error: DatabaseError, note: str) -> DatabaseError:
    """The same error with something to add."""
    if not note:
        return error
    return DatabaseError(
        f"{error.message}\n{note}",
        sql=error.sql,
        line=error.line,
        column=error.column,
        code=error.code,
        transient=error.transient,
        lost=error.lost,
        hint=error.problems[0].hint if error.problems else "",
    )
