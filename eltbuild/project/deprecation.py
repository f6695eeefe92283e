"""Until when a model is meant to be used. Who is told of it is decided elsewhere."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any


def moment_of(value: Any) -> datetime | None:
    """A `deprecation_date` as a moment, in UTC where it names no offset; None for what is no date."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return None
