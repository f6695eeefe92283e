"""The questions of a profile: aggregates over all columns in one query, then what is frequent in one more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eltbuild.quality.profiles.kinds import FLOATS, LONG, NUMBERS, TIMES, Kind, kind_of
from eltbuild.relation import Column
from eltbuild.sql.aggregates import APPROXIMATE_DISTINCT, ELEMENTS, quantiles
from eltbuild.sql.writer import Writer
from eltbuild.values import dataclass

POINTS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The quantiles that are asked for."""
BINS = 20
TOP = 10
"""How many of the most frequent values are told."""
SHOWN = 120
"""Characters of a value that are kept."""
LARGE = "1e150"
"""Greater numbers are not averaged: their squares have no place in a number of double precision."""
SMALL = "1e-307"
"""Lesser decimals are taken for 0 where they are averaged: not each has a place in a number of double precision."""
MOST = 1500
"""How many values one query is asked for at most."""
EXACT_CELLS = 20_000_000
"""So many values are counted one by one for how many of them differ; of more it is told about, where engines can."""
GROUPED = 100_000
"""A column with more different values is not asked which are the most frequent."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A column as it is asked about. In the queries its value is `c0` and its number, if it has one, `x0`."""

    place: int
    name: str
    type: str
    kind: Kind

    @property
    def value(self) -> str:
        """What stands for its value in a query."""
        return f"c{self.place}"

    @property
    def number(self) -> str:
        """What stands for its number: the value, seconds since 1970, or the length."""
        return f"x{self.place}"


def asked_of(columns: Sequence[Column]) -> list[Asked]:
    """The columns, numbered."""
    return [Asked(place, column.name, column.type, kind_of(column.type)) for place, column in enumerate(columns)]


def prepared(columns: Sequence[Asked], relation: str, writer: Writer, extra: Mapping[str, str] | None = None) -> str:
    """A query for the rows under the names that the questions use. `extra`: more of its columns, by name."""
    parts = [part for column in columns for part in _columns(column, writer)]
    parts += [f"{text} as {name}" for name, text in (extra or {}).items()]
    return f"select {', '.join(parts)} from {relation}"


def _columns(column: Asked, writer: Writer) -> Iterator[str]:
    name = writer.quote(column.name)
    comparable = column.kind in NUMBERS | TIMES | {"text", "boolean"}
    value = name if comparable else f"cast({name} as {writer.type_name('text')})"
    yield f"{value} as {column.value}"
    number = _number(column, writer)
    if number:
        yield f"{number} as {column.number}"


def _number(column: Asked, writer: Writer) -> str:
    name, double = writer.quote(column.name), writer.type_name("double")
    match column.kind:
        case "integer":
            return f"cast({name} as {double})"
        case "decimal":
            tiny = "" if column.type.casefold() in FLOATS else f"when {name} between -{SMALL} and {SMALL} then 0 "
            return f"case {tiny}when {name} between -{LARGE} and {LARGE} then cast({name} as {double}) end"
        case "date" | "timestamp" | "time" | "interval":
            seconds = f"extract(epoch from {name})"
            return f"case when {seconds} between -{LARGE} and {LARGE} then cast({seconds} as {double}) end"
        case "text":
            return f"length({name})"
        case "list":
            form = ELEMENTS.get(writer.dialect)
            return form.format(name) if form else ""
        case "binary":
            return f"octet_length({name})"
        case "boolean":
            return f"case when {name} then 1 when not {name} then 0 end"
    return ""


# The first question


FACTS: Sequence[tuple[frozenset[Kind], Mapping[str, str]]] = (
    (
        NUMBERS | TIMES,
        {
            "numbers": "count({1})", "low": "min({1})", "high": "max({1})", "mean": "avg({1})",
            "stddev": "stddev_samp({1})", "min": "cast(min({0}) as {2})", "max": "cast(max({0}) as {2})",
        },
    ),
    (
        NUMBERS,
        {"zeros": "count(case when {0} = 0 then 1 end)", "negative": "count(case when {1} < 0 then 1 end)"},
    ),
    (
        frozenset({"text"}),
        {"min": f"substring(min({{0}}), 1, {SHOWN})", "max": f"substring(max({{0}}), 1, {SHOWN})"},
    ),
    (
        LONG,
        {
            "shortest": "min({1})", "longest": "max({1})", "length": "avg({1})",
            "empty": "count(case when {1} = 0 then 1 end)",
        },
    ),
    (frozenset({"boolean"}), {"true": "count(case when {1} = 1 then 1 end)"}),
)  # fmt: skip
"""What is asked of the columns of some kinds: 0 the value, 1 its number, 2 the type of texts."""


def facts(column: Asked, writer: Writer, approximate: bool) -> Mapping[str, str]:
    """The aggregates that are asked of a column, by the names of what they tell."""
    value, number, text = column.value, column.number, writer.type_name("text")
    form = APPROXIMATE_DISTINCT.get(writer.dialect) if approximate else None
    told = {"filled": f"count({value})", "distinct": (form or "count(distinct {0})").format(value)}
    if column.kind in NUMBERS | TIMES:
        told["quantiles"] = quantiles(number, POINTS, writer.dialect)
    for kinds, asked in FACTS:
        if column.kind in kinds and (column.kind != "list" or writer.dialect in ELEMENTS):
            told |= {name: form.format(value, number, text) for name, form in asked.items()}
    return told


@dataclass(frozen=True, slots=True)
class Question:
    """A query with one row, and which value of it tells what of which column; the first one is the number of rows."""

    sql: str
    names: tuple[tuple[int, str], ...]

    def answers(self, row: Sequence[Any]) -> dict[int, dict[str, Any]]:
        """What the row tells, by the place of the column."""
        found: dict[int, dict[str, Any]] = {}
        for (place, name), value in zip(self.names, row[1:], strict=True):
            found.setdefault(place, {})[name] = value
        return found


def questions(columns: Sequence[Asked], relation: str, writer: Writer, approximate: bool) -> list[Question]:
    """The first questions: one, unless there are more columns than a query can be asked about."""
    out: list[Question] = []
    part: list[tuple[Asked, Mapping[str, str]]] = []
    width = 0
    for column in columns:
        told = facts(column, writer, approximate)
        if part and width + len(told) > MOST:
            out.append(_question(part, relation, writer))
            part, width = [], 0
        part.append((column, told))
        width += len(told)
    return [*out, _question(part, relation, writer)]


def _question(part: Sequence[tuple[Asked, Mapping[str, str]]], relation: str, writer: Writer) -> Question:
    rows = prepared([column for column, _ in part], relation, writer) if part else f"select 1 as c0 from {relation}"
    listed = ",\n  ".join(["count(*)", *(text for _, told in part for text in told.values())])
    names = tuple((column.place, name) for column, told in part for name in told)
    return Question(f"select\n  {listed}\nfrom (\n{rows}\n) as profiled", names)


# The second question


@dataclass(frozen=True, slots=True)
class Bins:
    """Equal slices of the span of a column's numbers."""

    low: float
    width: float
    number: int = BINS

    @property
    def high(self) -> float:
        """Where the last one ends."""
        return self.low + self.width * self.number

    def place(self, number: str, double: str) -> str:
        """The slice that a number lies in, from 0 on; SQL."""
        slice = f"floor(({number} - cast('{self.low!r}' as {double})) / cast('{self.width!r}' as {double}))"
        return f"case when {number} is not null then least({self.number - 1}, greatest(0, {slice})) end"


UNITS: Mapping[str, float] = {"integer": 1.0, "date": 86_400.0}
"""Kinds of which each slice holds as many possible values as the others."""


def bins_of(column: Asked, told: Mapping[str, Any]) -> Bins | None:
    """How the numbers of a column are put into slices; None where they are not."""
    if column.kind not in NUMBERS | TIMES or told.get("low") is None or told.get("high") is None:
        return None
    low, high = float(told["low"]), float(told["high"])
    if not high > low or (high - low) / BINS <= abs(low) * 1e-14:
        return None
    unit = UNITS.get(column.kind)
    if unit is None or high - low > 1e14 * unit:
        return Bins(low, (high - low) / BINS)
    values = round((high - low) / unit) + 1
    each = -(-values // BINS)
    return Bins(low, each * unit, -(-values // each))


def is_grouped(column: Asked, told: Mapping[str, Any], columns: int) -> bool:
    """Whether it is asked which values of a column are the most frequent: not where hardly any comes twice."""
    distinct, filled = int(told.get("distinct") or 0), int(told.get("filled") or 0)
    most = max(1000, GROUPED // max(1, columns // 10))
    return 0 < distinct <= most and distinct < filled * (1 if distinct <= TOP else 0.9)


@dataclass(frozen=True, slots=True)
class Key:
    """What rows are grouped by: the value of a column, or the slice that its number lies in."""

    column: Asked
    bins: Bins | None = None

    @property
    def name(self) -> str:
        """What stands for it in a query."""
        return f"b{self.column.place}" if self.bins else self.column.value


def frequent(keys: Sequence[Key], relation: str, writer: Writer) -> str:
    """The second question: rows of a key's number, its value as text, how often that is, and how many such there are.

    All keys are grouped by in one scan. Of values the most frequent ones are told, of slices all.
    """
    double, text = writer.type_name("double"), writer.type_name("text")
    columns = list(dict.fromkeys(key.column for key in keys))
    slices = {key.name: key.bins.place(_number_of(key.column, writer), double) for key in keys if key.bins}
    rows = prepared(columns, relation, writer, slices)
    names = [key.name for key in keys]
    which = " ".join(f"when grouping({name}) = 0 then {number}" for number, name in enumerate(names))
    value = f"coalesce({', '.join(f'cast({name} as {text})' for name in names)})"
    sets = ", ".join(f"({name})" for name in names)
    all_of = ", ".join(str(number) for number, key in enumerate(keys) if key.bins)
    everything = f" or which in ({all_of})" if all_of else ""
    return f"""\
select which, substring({value}, 1, {SHOWN}) as told, times, {writer.quote("known")}
from (
  select {", ".join(names)}, which, times,
    row_number() over (partition by which order by times desc) as place,
    count(*) over (partition by which) as {writer.quote("known")}
  from (
    select {", ".join(names)}, case {which} end as which, count(*) as times
    from (
{rows}
    ) as profiled
    group by grouping sets ({sets})
  ) as counted
) as placed
where place <= {TOP + 1}{everything}
order by which, times desc"""


def _number_of(column: Asked, writer: Writer) -> str:
    return f"({_number(column, writer)})"
