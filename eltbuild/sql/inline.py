"""Rows written out as a query, each value cast to its column's type; and the types that bare values suggest."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from eltbuild.errors import CompileError, Problem
from eltbuild.relation import Column
from eltbuild.sql.quoting import quote_string
from eltbuild.sql.writer import Writer

VALUES = frozenset({
    "duckdb", "postgres", "materialize", "risingwave", "snowflake", "trino", "presto", "athena", "spark", "databricks",
    "tsql", "fabric",
})  # fmt: skip
"""Dialects that take `(values ...)` for a table; the others get one SELECT for each row."""

WHOLE = re.compile(r"[+-]?\d{1,18}")
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
TRUTH = re.compile(r"true|false", re.IGNORECASE)
DATE = re.compile(r"\d{4}-\d\d-\d\d")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?")
ZONED = re.compile(TIMESTAMP.pattern + r" ?(?:Z|[+-]\d\d(?::?\d\d)?)")

TIMES = (("date", DATE), ("timestamp", TIMESTAMP), ("timestamptz", ZONED))
WORDS = (("bigint", WHOLE), ("double", NUMBER), ("boolean", TRUTH), *TIMES)
"""Types that texts suggest, where all of them look like it; the first one that fits."""


def rows_query(columns: Sequence[Column], rows: Sequence[Sequence[Any]], writer: Writer) -> str:
    """A query that gives the rows, its columns named and typed as told; a column without a type is not cast.

    Values are None, bool, int, float, Decimal, str, date, time, datetime, and lists and mappings of these. Raises
    `CompileError` for others.
    """
    if not rows:
        nulls = [f"{_cast('null', column.type)} as {writer.quote(column.name)}" for column in columns]
        return f"select {', '.join(nulls)}\nwhere false"
    written = [_cells([row[index] for row in rows], column.type, writer) for index, column in enumerate(columns)]
    names = [writer.quote(column.name) for column in columns]
    # One cast for each column, not for each value: engines plan that many times faster.
    selected = ", ".join(
        f"{name if is_cast else _cast(name, column.type)} as {name}"
        for name, column, (_, is_cast) in zip(names, columns, written, strict=True)
    )
    lines = list(zip(*(cells for cells, _ in written), strict=True))
    if writer.dialect in VALUES:
        values = ",\n  ".join(f"({', '.join(cells)})" for cells in lines)
        return f"select {selected}\nfrom (values\n  {values}\n) as given_rows ({', '.join(names)})"
    queries = "\n  union all\n  ".join(
        "select " + ", ".join(f"{cell} as {name}" for cell, name in zip(cells, names, strict=True)) for cells in lines
    )
    return f"select {selected}\nfrom (\n  {queries}\n) as given_rows"


def _cells(values: Sequence[Any], type_name: str, writer: Writer) -> tuple[list[str], bool]:
    """The values of a column, all of one kind, and whether each of them has been cast already."""
    kinds = {type(value) for value in values if value is not None}
    if not kinds.isdisjoint((list, tuple, dict)):
        return [_cast(_literal(value, type_name, writer), type_name) for value in values], True
    if len(kinds) == 1 and kinds <= {bool, int, float}:
        return [writer.literal(value) for value in values], False
    return ["null" if value is None else quote_string(_text(value), writer.dialect) for value in values], False


def _cast(text: str, type_name: str) -> str:
    return f"cast({text} as {type_name})" if type_name else text


def _text(value: Any) -> str:
    """A value as engines read it from a text. Raises `CompileError` for what has no such form."""
    match value:
        case bool():
            return str(value).lower()
        case datetime():
            return value.isoformat(sep=" ")
        case date() | time():
            return value.isoformat()
        case str() | int() | float() | Decimal():
            return str(value)
    raise CompileError(Problem(f"a {type(value).__name__} cannot be written as a SQL literal: {value!r}"))


def _literal(value: Any, type_name: str, writer: Writer) -> str:
    if isinstance(value, (list, tuple, dict)):
        return _nested(value, type_name, writer)
    if value is None or isinstance(value, (bool, int, float)):
        return writer.literal(value)
    return quote_string(_text(value), writer.dialect)


def _nested(value: Any, type_name: str, writer: Writer) -> str:
    """A list or a record: in the engine's own words where the column's type is nested, else as JSON."""
    own = NESTED.get(writer.dialect)
    if own is not None and (type_name.endswith("]") or type_name.casefold().startswith(("struct", "map", "list"))):
        return own(value, type_name, writer)
    return _as_json(value, writer)


def _as_json(value: Any, writer: Writer) -> str:
    return quote_string(json.dumps(value, default=_json_value, ensure_ascii=False), writer.dialect)


def _duckdb_nested(value: Any, type_name: str, writer: Writer) -> str:
    """`[...]` and `{...}`, their values as texts: the cast types each, and members that are not there become NULL."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_duckdb_nested(item, '', writer) for item in value)}]"
    if isinstance(value, dict):
        members = (
            f"{quote_string(str(name), writer.dialect)}: {_duckdb_nested(item, '', writer)}"
            for name, item in value.items()
        )
        return f"{{{', '.join(members)}}}" if value else "map {}"
    return "null" if value is None else quote_string(_text(value), writer.dialect)


def _postgres_nested(value: Any, type_name: str, writer: Writer) -> str:
    if isinstance(value, dict):
        return _as_json(value, writer)
    return f"array[{', '.join(_literal(item, type_name, writer) for item in value)}]" if value else "'{}'"


NESTED: Mapping[str, Callable[[Any, str, Writer], str]] = {"duckdb": _duckdb_nested, "postgres": _postgres_nested}
"""How dialects write lists and records that become values of a nested type."""


def _json_value(value: Any) -> Any:
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return _text(value)


def is_json(type_name: str) -> bool:
    """Whether values of the type are JSON, whatever its name in full."""
    return type_name.casefold() in ("json", "jsonb", "variant", "super")


def suggested_type(values: Iterable[Any], writer: Writer, words: bool = False) -> str:
    """The type of a column that holds these values, in the writer's dialect; empty where only NULLs tell nothing.

    Texts that are all dates or times count as such; with `words` (they come from CSV) also numbers and truth values.
    """
    present = [value for value in values if value is not None]
    if not present:
        return ""
    if all(isinstance(value, str) for value in present):
        return writer.type_name(_of_texts(present, WORDS if words else TIMES))
    return _of_values(present, writer)


def _of_texts(texts: Sequence[str], patterns: Iterable[tuple[str, re.Pattern[str]]]) -> str:
    return next((name for name, pattern in patterns if all(map(pattern.fullmatch, texts))), "text")


def _of_values(values: Sequence[Any], writer: Writer) -> str:
    if all(isinstance(value, (list, tuple)) for value in values):
        return _of_lists(values, writer)
    if all(isinstance(value, dict) for value in values):
        return _of_records(values, writer)
    kinds = {type(value) for value in values}
    if kinds == {int} and max(map(abs, values)) >= 2**63:
        return writer.type_name("decimal(38, 0)")
    for name, among in SCALARS:
        if kinds <= among:
            zoned = name == "timestamp" and any(getattr(value, "tzinfo", None) is not None for value in values)
            return writer.type_name("timestamptz" if zoned else name)
    return writer.type_name("text")


SCALARS: tuple[tuple[str, frozenset[type]], ...] = (
    ("boolean", frozenset({bool})),
    ("bigint", frozenset({int})),
    ("double", frozenset({int, float, Decimal})),
    ("date", frozenset({date})),
    ("timestamp", frozenset({date, datetime})),
    ("time", frozenset({time})),
    ("interval", frozenset({timedelta})),
)
"""The type of values of those classes, the narrowest first."""


def _of_lists(values: Sequence[Any], writer: Writer) -> str:
    inner = suggested_type([item for value in values for item in value], writer) or writer.type_name("text")
    return f"{inner}[]" if writer.dialect in ("duckdb", "postgres") else "json"


def _of_records(values: Sequence[dict[Any, Any]], writer: Writer) -> str:
    names = dict.fromkeys(str(name) for value in values for name in value)
    if writer.dialect != "duckdb" or not names:
        return "jsonb" if writer.dialect == "postgres" else "json"
    members = [
        f"{writer.quote(name)} {suggested_type([value.get(name) for value in values], writer) or 'varchar'}"
        for name in names
    ]
    return f"struct({', '.join(members)})"
