"""What the values of a CSV column are taken for, where Arrow and dbt differ: whole numbers, dates and times."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

DAYS = r"^\s*\d{4}-\d{1,2}-\d{1,2}\s*$"
SPACED = r"^\s*\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{1,2}:\d{1,2}\s*$"
ISO = r"^\s*\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?\s*$"
OFFSET = r"(Z|[+-]\d\d(:?\d\d)?)$"
EXACT = 2.0**53
"""Up to here a double holds every whole number."""


def looks_dated(texts: Any) -> bool:
    """Whether the first value begins like a date."""
    valid = texts.drop_null()
    head = valid[0].as_py().lstrip() if len(valid) else ""
    return bool(head[:4].isdigit() and head[4:5] == "-")


def as_whole_numbers(numbers: Any) -> Any:
    """The column as whole numbers where it holds no fraction: `1.0` is 1."""
    import pyarrow
    from pyarrow import compute

    if len(numbers) == numbers.null_count:
        return numbers
    # A value of Python's own among the arguments would have Arrow import pandas, to see whether it is one of its kinds.
    whole = compute.all(compute.equal(compute.floor(numbers), numbers)).as_py()
    return numbers.cast(pyarrow.int64()) if whole and compute.max(compute.abs(numbers)).as_py() < EXACT else numbers


def as_moments(texts: Any, drops_offset: bool) -> Any:
    """The column as dates or as timestamps without a zone, where all its values are written in the same way; else text.

    The ways: `2020-1-31`; `2020-1-31 10:00:00`; ISO 8601 with `T`. An offset is dropped, or applied, so that UTC
    remains.
    """
    import pyarrow
    from pyarrow import compute

    def all_match(pattern: str) -> bool:
        return bool(compute.all(compute.match_substring_regex(texts, pattern)).as_py())

    try:
        if all_match(DAYS):
            return pyarrow.chunked_array([[_day(text) for text in texts.to_pylist()]], pyarrow.date32())
        if all_match(SPACED):
            return _cast(compute.utf8_trim_whitespace(texts))
        if all_match(ISO):
            return _iso(compute.utf8_trim_whitespace(texts), drops_offset)
    except (ValueError, pyarrow.ArrowInvalid):  # the 30th of February
        pass
    return texts


def _cast(texts: Any) -> Any:
    import pyarrow

    try:
        return texts.cast(pyarrow.timestamp("us"))
    except pyarrow.ArrowInvalid:
        values = [text and datetime.strptime(text, "%Y-%m-%d %H:%M:%S") for text in texts.to_pylist()]
        return pyarrow.chunked_array([values], pyarrow.timestamp("us"))


def _iso(texts: Any, drops_offset: bool) -> Any:
    import pyarrow
    from pyarrow import compute

    if drops_offset or not compute.any(compute.match_substring_regex(texts, OFFSET)).as_py():
        plain = compute.replace_substring_regex(texts, r"(T[^Z+-]*).*$", r"\1")
        return compute.replace_substring_regex(plain, r"(\.\d{6})\d+", r"\1").cast(pyarrow.timestamp("us"))
    values = [text and _in_utc(datetime.fromisoformat(text)) for text in texts.to_pylist()]
    return pyarrow.chunked_array([values], pyarrow.timestamp("us"))


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    year, month, day = text.strip().split("-")
    return date(int(year), int(month), int(day))
