"""What the values of a CSV column are taken for, where Arrow and dbt differ: whole numbers, dates and times."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

DAYS = r"^\s*\d{4}-\d{1,2}-\d{1,2}\s*$"
SPACED = r"^\s*\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{1,2}:\d{1,2}\s*$"
ISO = r"^\s*\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?\s*$"
OFFSET = r"(Z|[+-]\d\d(:?\d\d)?)$"
UNDERSCORED = re.compile(r"\s*[-+]?[0-9]+(_[0-9]+)*(\.[0-9]+(_[0-9]+)*)?\s*")
"""Numbers that Arrow does not know and that an engine's own reader does."""
LARGEST = 308
"""Numbers of more digits are none that a warehouse could hold."""
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


def as_written_numbers(texts: Any, plainly: bool) -> Any:
    """The column as numbers where all its values are written as such: `1,000`, `$5`, `7%`, `1_000`; else text.

    `plainly`: the engine reads files itself and knows only the last of these.
    """
    import pyarrow

    values: list[Decimal | None] = []
    for text in texts.to_pylist():
        number = None if text is None else _number(text, plainly)
        if text is not None and number is None:
            return texts
        values.append(number)
    known = [value for value in values if value is not None]
    if not known:
        return texts
    if all(value == value.to_integral_value() and abs(value) < EXACT for value in known):
        whole = [None if value is None else int(value) for value in values]
        return pyarrow.chunked_array([whole], pyarrow.int64())
    return pyarrow.chunked_array([[None if value is None else float(value) for value in values]], pyarrow.float64())


def _number(text: str, plainly: bool) -> Decimal | None:
    """The number that a text stands for: signs of percent and of currencies around it, and commas in it, are passed."""
    if plainly:
        return Decimal(text.strip()) if UNDERSCORED.fullmatch(text) else None
    plain = text.strip().strip("%")
    minus = plain.startswith("-")
    plain = plain.removeprefix("-")
    plain = plain.strip("".join({letter for letter in plain if unicodedata.category(letter) == "Sc"}) or None)
    try:
        number = Decimal(plain.replace(",", ""))
    except InvalidOperation:
        return None
    return (-number if minus else number) if number.is_finite() and number.adjusted() < LARGEST else None


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
