"""The span of time that a run is about, as its flags give it."""

from __future__ import annotations

from datetime import datetime

from eltbuild.commands.options import Options
from eltbuild.compile.session import Session
from eltbuild.errors import CompileError, Problem, UsageError
from eltbuild.run.batches import moment
from eltbuild.values import replace

Window = tuple[datetime | None, datetime | None]


def window_of(options: Options, session: Session) -> Window:
    """From when, until when; None where nothing is said. Raises `UsageError` for what is no such span."""
    window = (
        time_of("--event-time-start", options.event_time_start),
        time_of("--event-time-end", options.event_time_end),
    )
    if window[0] and window[1] and window[0] >= window[1]:
        raise UsageError(Problem("--event-time-start must lie before --event-time-end"))
    # As in dbt, the span of a sample is that of the batches, whatever the other flags ask for.
    sampled: Window | None = session.flag("SAMPLE_WINDOW")
    return sampled or window


def time_of(flag: str, text: str | None) -> datetime | None:
    """The time that a flag names, None where it was not given. Raises `UsageError`."""
    try:
        return moment(text) if text else None
    except CompileError as error:
        raise UsageError(*(replace(p, message=f"{flag}: {p.message}") for p in error.problems)) from None
