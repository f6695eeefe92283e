"""A profile as text for people and as JSON for programs. The format of the JSON is that of docs/profiles.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eltbuild.quality.anomaly_measures import span
from eltbuild.quality.profiles.kinds import NUMBERS, TIMES
from eltbuild.quality.profiles.profile import ColumnProfile, Profile, as_number, told_value
from eltbuild.quality.profiles.questions import UNITS
from eltbuild.report.sparks import bar, spark
from eltbuild.report.terminal import Terminal
from eltbuild.report.text import clean, count, cut, padded, styled, width_of

VERSION = 1
"""The version of the JSON's format."""
SLICES, FEW = 12, 8
"""How many characters a histogram has in a line, and where there is little room."""
NARROW = 100
LEAST = 72
"""The narrowest that a profile is written, where no terminal sets a width or a smaller one."""
PIPED = 120
STANDS_OUT = 5
"""How many times as frequent as the others a number must be to be told among the most frequent ones."""
TOLD = 4
"""How many of the most frequent values a line begins to tell."""


def profile_lines(profile: Profile, terminal: Terminal, *, details: bool = False) -> Iterator[str]:
    """One line for each column, as wide as the terminal; with `details` a block for each."""
    yield _headline(profile, terminal)
    if not profile.columns:
        return
    width = max(terminal.width, LEAST) if terminal.width else PIPED
    if details:
        for column in profile.columns:
            yield ""
            yield from _block(column, width, terminal)
        return
    yield ""
    yield from _table(profile.columns, width, terminal)


def _headline(profile: Profile, terminal: Terminal) -> str:
    looked = count(profile.rows, "row")
    if profile.sampled is not None:
        looked = f"a sample of {profile.sampled:,} of {looked}"
    name = styled(clean(profile.relation), "bold", terminal.colour)
    return f"{name}: {profile.resource_type}, {looked}, {count(len(profile.columns), 'column')}"


def _table(columns: Sequence[ColumnProfile], width: int, terminal: Terminal) -> Iterator[str]:
    ellipsis = "…" if terminal.unicode else "..."
    header = ("column", "type", "nulls", "distinct", "", "values")
    cells = [
        (_in_line(column.name), _type(column), _share(column.nulls, column.rows), _distinct(column, terminal),
         _shape(column, SLICES if width >= NARROW else FEW, terminal), summary(column, terminal))
        for column in columns
    ]  # fmt: skip
    widths = [max(map(width_of, line)) for line in zip(header, *cells, strict=True)]
    widths[0] = min(widths[0], max(12, width // 4))
    widths[1] = min(widths[1], max(9, width // 8))
    widths[5] = max(10, width - sum(widths[:5]) - 10)
    for number, line in enumerate((header, *cells)):
        parts = [
            padded(cut(cell, size, ellipsis), size, right=index in (2, 3))
            for index, (cell, size) in enumerate(zip(line, widths, strict=True))
        ]
        text = "  ".join(parts).rstrip()
        yield styled(text, "dim", terminal.colour) if number == 0 else text


def _type(column: ColumnProfile) -> str:
    """A type, the long names shortened."""
    text = _in_line(column.type).lower()
    for long, short in SHORT.items():
        text = text.replace(long, short)
    return text


SHORT: Mapping[str, str] = {
    "timestamp with time zone": "timestamptz", "timestamp without time zone": "timestamp",
    "time without time zone": "time", "time with time zone": "timetz", "character varying": "varchar",
    "double precision": "double", '"null"': "null",
}  # fmt: skip


def _share(part: int, whole: int) -> str:
    return "" if not part else percent(part, whole)


def percent(part: int, whole: int) -> str:
    """A share in at most six characters; what is there at all is never 0%, what is missing never 100%."""
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 0.1:
        return "<0.1%"
    if 99.9 < share < 100:
        return ">99.9%"
    return f"{share:.1f}".removesuffix(".0") + "%"


def _distinct(column: ColumnProfile, terminal: Terminal) -> str:
    about = "" if column.exact else "≈" if terminal.unicode else "~"
    return "unique" if column.is_unique and column.filled > 1 else f"{about}{column.distinct:,}"


def _shape(column: ColumnProfile, slices: int, terminal: Terminal) -> str:
    """How often each value is, where there are few; else the histogram, or how often the most frequent values are."""
    if column.kind == "integer" and 1 < column.distinct == len(column.top):
        known = sorted(column.top, key=lambda one: as_number(one.value) or 0)
        return spark([float(one.rows) for one in known[:slices]], unicode=terminal.unicode)
    if column.histogram is not None:
        return spark(_slices(column.histogram.rows, slices), unicode=terminal.unicode)
    if column.distinct > 1 and column.top and column.kind not in NUMBERS | TIMES:
        return spark([float(one.rows) for one in column.top], unicode=terminal.unicode)
    return ""


def _slices(rows: Sequence[int], number: int) -> list[float]:
    """The same histogram in no more slices than that."""
    if len(rows) <= number:
        return [float(value) for value in rows]
    size = len(rows) / number
    out = [0.0] * number
    for index, value in enumerate(rows):
        start, end = index / size, (index + 1) / size
        for place in range(int(start), min(number, int(end - 1e-9) + 1)):
            out[place] += value * (min(end, place + 1) - max(start, place)) / (end - start)
    return out


def summary(column: ColumnProfile, terminal: Terminal) -> str:
    """What there is to say of the values, the most telling first."""
    if not column.filled:
        return "no values" if not column.rows else "only NULL"
    parts = [*_span(column, terminal), *_frequent(column), *_odd(column), *_lengths(column)]
    return ", ".join(parts)


PLUS_MINUS = {True: "±", False: "+-"}


def _span(column: ColumnProfile, terminal: Terminal) -> Iterator[str]:
    if column.kind == "boolean" and column.true is not None:
        yield f"true {percent(column.true, column.filled)}"
        return
    if column.kind not in NUMBERS | TIMES or column.low is None or column.high is None:
        return
    low, high = (shown(column, value) for value in (column.low, column.high))
    if low == high and (column.distinct == 1 or column.not_finite):
        yield f"always {low}"
        return
    if low == high:
        # They differ in digits that a number of double precision does not have.
        yield f"{_quoted(column.min)} to {_quoted(column.max)}"
        return
    yield f"{low} to {high}"
    if column.quantiles:
        yield f"median {shown(column, column.quantiles['0.5'])}"
    if column.kind in NUMBERS and column.mean is not None:
        spread = f" {PLUS_MINUS[terminal.unicode]} {number(column.stddev)}" if column.stddev is not None else ""
        yield f"mean {number(column.mean)}{spread}"


def _frequent(column: ColumnProfile) -> Iterator[str]:
    if column.kind in NUMBERS | TIMES or column.kind == "boolean":
        return
    only = column.top[0].value if column.top else column.min
    if column.distinct == 1 and only is not None:
        yield f"always {_quoted(only)}"
    elif column.top and not column.is_unique:
        yield from (f"{_quoted(one.value)} {percent(one.rows, column.filled)}" for one in column.top[:TOLD])
    elif column.kind == "text" and column.min is not None and column.max is not None:
        yield f"{_quoted(column.min)} to {_quoted(column.max)}"


def _odd(column: ColumnProfile) -> Iterator[str]:
    if column.not_finite:
        yield f"{percent(column.not_finite, column.filled)} NaN, infinite or vast"
    if column.empty and column.kind != "other":
        yield f"{percent(column.empty, column.filled)} empty"
    if column.negative and column.kind in NUMBERS and column.low is not None and column.high and column.high > 0:
        yield f"{percent(column.negative, column.filled)} negative"


def _lengths(column: ColumnProfile) -> Iterator[str]:
    if column.shortest is None or column.longest is None:
        return
    unit = {"list": " elements", "binary": " bytes"}.get(column.kind, "")
    span = f"{column.shortest:,}" if column.shortest == column.longest else f"{column.shortest:,} to {column.longest:,}"
    yield f"length {span}{unit}"


def _in_line(text: str) -> str:
    return clean(text).replace("\n", " ")


def _quoted(value: str | None) -> str:
    text = _in_line(value or "")
    return cut(text, 30) if text.strip() == text and text else f"'{text}'"


def shown(column: ColumnProfile, value: float) -> str:
    """A number of a column in the words of its type."""
    if column.kind in NUMBERS:
        return number(value)
    if column.kind == "interval":
        return span(value)
    told = str(told_value(column, value))
    return told.removesuffix(" 00:00:00") if column.kind == "timestamp" else told


def number(value: float | None) -> str:
    """A number with as many digits as tell something."""
    if value is None:
        return ""
    size = abs(value)
    if value == int(value) and size < 1e15:
        # A year has no commas.
        return f"{int(value):,}" if size >= 10_000 else str(int(value))
    if size >= 1e15 or size < 1e-4:
        return f"{value:.3g}"
    # What is rounded up to 10,000 has no exponent.
    return f"{value:,.0f}" if size >= 9_999.5 else f"{value:.4g}"


# Details


def _block(column: ColumnProfile, width: int, terminal: Terminal) -> Iterator[str]:
    head = styled(_in_line(column.name), "bold", terminal.colour)
    yield f"{head}  {_type(column)}"
    for label, text in _facts(column, terminal):
        yield f"  {label:<11}{cut(text, width - 13, '…' if terminal.unicode else '...')}"
    for rows in (_top_rows(column), _histogram_rows(column)):
        if rows:
            yield ""
            yield from _bars(rows, column.filled, width, terminal)


def _facts(column: ColumnProfile, terminal: Terminal) -> Iterator[tuple[str, str]]:
    nulls = f"{column.nulls:,} ({percent(column.nulls, column.rows)})" if column.nulls else "none"
    yield "nulls", nulls
    about = "" if column.exact else "about "
    yield "distinct", f"{about}{column.distinct:,}" + (", each once" if column.is_unique else "")
    if column.not_finite and column.low is not None and column.high is not None:
        yield "range", f"{shown(column, column.low)} to {shown(column, column.high)}"
    elif column.min is not None and column.max is not None:
        yield "range", f"{_quoted(column.min)} to {_quoted(column.max)}"
    if column.mean is not None and column.kind in NUMBERS | TIMES:
        spread = "" if column.stddev is None else f", standard deviation {_spread(column)}"
        yield "mean", f"{shown(column, column.mean)}{spread}"
    if column.quantiles:
        told = (f"{float(at) * 100:g}%: {shown(column, value)}" for at, value in column.quantiles.items())
        yield "quantiles", "  ".join(told)
    rest = [*_odd(column), *(f"{percent(column.zeros, column.filled)} zero" for _ in (0,) if column.zeros)]
    if column.true is not None and column.filled:
        rest.append(f"{percent(column.true, column.filled)} true")
    if rest:
        yield "holds", ", ".join(rest)
    if column.length is not None:
        yield "length", f"{', '.join(_lengths(column)).removeprefix('length ')}, mean {number(round(column.length, 1))}"


def _spread(column: ColumnProfile) -> str:
    return number(column.stddev) if column.kind in NUMBERS else span(column.stddev or 0.0)


def _top_rows(column: ColumnProfile) -> list[tuple[str, int]]:
    told = column.top
    if not told or column.is_unique or column.kind == "boolean":
        return []
    even = told[0].rows * column.distinct < STANDS_OUT * column.filled
    if column.kind in NUMBERS | TIMES and column.distinct > len(told) and even:
        return []
    return [(_quoted(one.value), one.rows) for one in told]


def _histogram_rows(column: ColumnProfile) -> list[tuple[str, int]]:
    told = column.histogram
    if told is None or column.distinct <= len(column.top):
        return []
    size = (told.high - told.low) / len(told.rows)
    begin = "" if size == UNITS.get(column.kind) else "from "
    return [(f"{begin}{shown(column, told.low + size * place)}", rows) for place, rows in enumerate(told.rows)]


def _bars(rows: Sequence[tuple[str, int]], whole: int, width: int, terminal: Terminal) -> Iterator[str]:
    label = min(max(width_of(text) for text, _ in rows), 32)
    room = max(8, min(40, width - label - 14))
    most = max(number for _, number in rows) or 1
    for text, number in rows:
        drawn = padded(bar(number / most, room, unicode=terminal.unicode), room)
        yield f"  {padded(cut(text, label), label)}  {drawn}  {percent(number, whole) if number else '':>6}".rstrip()


# For programs


def profile_value(profile: Profile, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A profile as JSON has it."""
    return {
        "metadata": {"format": VERSION, **metadata},
        "unique_id": profile.node,
        "name": profile.name,
        "resource_type": profile.resource_type,
        "relation_name": profile.relation,
        "rows": profile.rows,
        "sampled": profile.sampled,
        "columns": [column_value(column) for column in profile.columns],
    }


def _least(exact: float | None, finite: float | None) -> float | None:
    """The number with all its digits, where it is one."""
    return finite if exact is None else exact


def column_value(column: ColumnProfile) -> dict[str, Any]:
    """A column as JSON has it; what does not apply to its kind is left out."""
    told: dict[str, Any] = {
        "name": column.name, "type": column.type, "kind": column.kind, "nulls": column.nulls,
        "distinct": column.distinct, "distinct_is_exact": column.exact,
    }  # fmt: skip
    numeric = column.kind in NUMBERS
    optional = {
        "min": _least(as_number(column.min), column.low) if numeric else column.min,
        "max": _least(as_number(column.max), column.high) if numeric else column.max,
        "mean": told_value(column, column.mean),
        "stddev": column.stddev,
        "quantiles": {at: told_value(column, value) for at, value in (column.quantiles or {}).items()} or None,
        "not_finite": column.not_finite or None,
        "zeros": column.zeros,
        "negative": column.negative,
        "true": column.true,
        "length": None if column.length is None else {
            "min": column.shortest, "max": column.longest, "mean": column.length,
        },
        "empty": column.empty,
        "top": [{"value": one.value, "rows": one.rows} for one in column.top] or None,
        "histogram": None if column.histogram is None else {
            "low": told_value(column, column.histogram.low), "high": told_value(column, column.histogram.high),
            "rows": list(column.histogram.rows),
        },
    }  # fmt: skip
    return told | {key: value for key, value in optional.items() if value is not None}
