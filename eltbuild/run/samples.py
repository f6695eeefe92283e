"""`--sample`: a span of time in words or as two times. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from eltbuild.errors import CompileError, Problem, UsageError
from eltbuild.run.batches import floor, moment, shifted

_SPAN = re.compile(r"^\s*(\d+)\s*(hour|day|month|year)s?\s*$", re.I)


def window(text: str, now: datetime) -> tuple[datetime, datetime]:
    """The first time and the time before which the sample ends. Raises `UsageError`.

    So many days are the day that is under way, and so many whole ones before it.
    """
    span = _SPAN.match(text)
    if span:
        size = span[2].lower()
        return shifted(floor(now, size), size, -int(span[1])), now
    import yaml

    try:
        found = yaml.safe_load(text)
        return moment(found["start"]), moment(found.get("end") or now + timedelta(seconds=0))
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, CompileError):
        raise UsageError(
            Problem(
                f"--sample {text!r} is no span of time",
                hint="write '3 days', or '{start: 2013-01-01, end: 2013-02-01}'",
            )
        ) from None
