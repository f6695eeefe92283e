"""The result of a query as templates read it: the part of agate's tables that templates use, over an `Answer`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from eltbuild.adapter import Answer
from eltbuild.jinja.bounds import checked_call
from eltbuild.jinja.clock import current

Say = Callable[[str], Any]
"""Where a template prints."""


class Named(tuple[Any, ...]):
    """A tuple whose items also have names: `row['id']`, `row.id`, `row[0]`."""

    _names: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[Any], names: Sequence[str]) -> Named:
        """The values with their names, in order."""
        made = cls(values)
        made._names = tuple(names)
        return made

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return tuple.__getitem__(self, self._index(key))
        return tuple.__getitem__(self, key)

    def _index(self, key: str) -> int:
        if key in self._names:
            return self._names.index(key)
        lowered = [name.lower() for name in self._names]
        if key.lower() in lowered:
            return lowered.index(key.lower())
        raise KeyError(key)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __contains__(self, key: object) -> bool:
        return (isinstance(key, str) and key in self._names) or tuple.__contains__(self, key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of that name, or the default."""
        try:
            return self[key]
        except KeyError:
            return default

    def keys(self) -> tuple[str, ...]:
        """The names."""
        return self._names

    def values(self) -> tuple[Any, ...]:
        """The values."""
        return tuple(self)

    def items(self) -> tuple[tuple[str, Any], ...]:
        """Names with values."""
        return tuple(zip(self._names, self, strict=True))

    def dict(self) -> dict[str, Any]:
        """The values by name."""
        return dict(self.items())


class ColumnType(str):
    """The warehouse's name of a type, with what agate's types can do with a value of it."""

    __slots__ = ()

    def jsonify(self, value: Any) -> Any:
        """The value as JSON has it: decimals as floating point numbers, times as ISO texts."""
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        return float(value) if isinstance(value, Decimal) else self.csvify(value)

    def csvify(self, value: Any) -> str | None:
        """The value as a text, None for null."""
        if value is None:
            return None
        return str(value.isoformat()) if isinstance(value, (date, time)) else str(value)

    def cast(self, value: Any) -> Any:
        """The value: it has its type already."""
        return value

    def test(self, value: Any) -> bool:
        """Whether the value can be of the type: those of a result are."""
        return True


class ResultColumn:
    """One column of a result."""

    def __init__(self, name: str, values: tuple[Any, ...], data_type: str = "", index: int = 0) -> None:
        self.name = name
        self.index = index
        self.data_type = ColumnType(data_type)
        self._values = values

    def values(self) -> tuple[Any, ...]:
        """All values in order."""
        return self._values

    def values_distinct(self) -> tuple[Any, ...]:
        """Each value once, in order of first appearance."""
        return tuple(dict.fromkeys(self._values))

    def values_without_nulls(self) -> tuple[Any, ...]:
        """The values that are not null."""
        return tuple(value for value in self._values if value is not None)

    def values_sorted(self) -> list[Any]:
        """The values in order, nulls last."""
        return sorted(self._values, key=nulls_last)

    def values_without_nulls_sorted(self) -> list[Any]:
        """The values that are not null, in order."""
        return sorted(self.values_without_nulls())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: Any) -> Any:
        return self._values[index]


class Table:
    """Rows and columns of a result, by position and by name."""

    def __init__(
        self, names: Sequence[str], rows: Sequence[Sequence[Any]], types: Sequence[str] = (), say: Say | None = None
    ) -> None:
        self.say = say
        self.column_names = distinct_names(names)
        self.column_types = tuple(map(ColumnType, types)) or (ColumnType(),) * len(self.column_names)
        self.rows = Named.of([Named.of(row, self.column_names) for row in rows], [str(i) for i in range(len(rows))])
        self.row_names = None

    @classmethod
    def of(cls, answer: Answer, say: Say | None = None) -> Table:
        """The table of an answer, names of columns as the warehouse gave them. `say`: where it is printed."""
        return cls(
            [column.name for column in answer.columns],
            [tuple(_plain(value) for value in row) for row in answer.rows],
            [column.type for column in answer.columns],
            say,
        )

    def __str__(self) -> str:
        return structure(self)

    @property
    def columns(self) -> Named:
        """The columns, by position and by name."""
        parts = [
            ResultColumn(name, tuple(row[i] for row in self.rows), kind, i)
            for i, (name, kind) in enumerate(zip(self.column_names, self.column_types, strict=True))
        ]
        return Named.of(parts, self.column_names)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def __getitem__(self, key: Any) -> Any:
        return self.rows[key]

    def _with(self, rows: Sequence[Sequence[Any]]) -> Table:
        return Table(self.column_names, rows, self.column_types, self.say)

    def select(self, key: Any) -> Table:
        """Only those columns."""
        names = [key] if isinstance(key, str) else list(key)
        kinds = dict(zip(self.column_names, self.column_types, strict=True))
        rows = [[row[name] for name in names] for row in self.rows]
        return Table(names, rows, [kinds.get(name, "") for name in names], self.say)

    def exclude(self, key: Any) -> Table:
        """All but those columns."""
        left_out = {key} if isinstance(key, str) else set(key)
        return self.select([name for name in self.column_names if name not in left_out])

    def rename(self, column_names: Any = None, **_: Any) -> Table:
        """The same rows under other names (a list, or a mapping from old to new)."""
        if isinstance(column_names, Mapping):
            names: Sequence[str] = [column_names.get(name, name) for name in self.column_names]
        else:
            names = list(column_names or self.column_names)
        return Table(names, list(self.rows), self.column_types, self.say)

    def limit(self, start_or_stop: int | None = None, stop: int | None = None, step: int | None = None) -> Table:
        """A slice of the rows."""
        rows = self.rows[slice(start_or_stop) if stop is None else slice(start_or_stop, stop, step)]
        return self._with(rows)

    def where(self, test: Callable[[Any], bool]) -> Table:
        """The rows for which the test holds."""
        return self._with([row for row in self.rows if checked_call(current(), test, row)])

    def find(self, test: Callable[[Any], bool]) -> Any:
        """The first row for which the test holds, or none."""
        return next((row for row in self.rows if checked_call(current(), test, row)), None)

    def distinct(self, key: Any = None) -> Table:
        """Each row once; with a key, the first row of each of its values."""
        seen: dict[Any, Any] = {}
        for row in self.rows:
            seen.setdefault(tuple(row) if key is None else _picked(row, key), row)
        return self._with(list(seen.values()))

    def order_by(self, key: Any, reverse: bool = False) -> Table:
        """The rows sorted by a column, by several, or by what a function says of them."""

        def place(row: Any) -> Any:
            found = _picked(row, key)
            return tuple(map(nulls_last, found)) if isinstance(found, tuple) else nulls_last(found)

        return self._with(sorted(self.rows, key=place, reverse=reverse))

    def group_by(self, key: Any, key_name: str | None = None, key_type: Any = None) -> Groups:
        """Tables by the values of a column, or by what a function says of the rows."""
        groups: dict[Any, list[Any]] = {}
        for row in self.rows:
            groups.setdefault(_picked(row, key), []).append(row)
        name = key_name or (key if isinstance(key, str) else "group")
        return Groups({value: self._with(rows) for value, rows in groups.items()}, name)

    def dict(self) -> dict[str, Any]:
        """Columns by name."""
        return {column.name: list(column) for column in self.columns}

    def join(
        self, right_table: Table, left_key: Any = None, right_key: Any = None, inner: bool = False, **_: Any
    ) -> Table:
        """Each row with the first of the other table that has the same key; with `inner`, only rows that have one."""
        key, other = left_key or self.column_names[0], right_key or left_key or right_table.column_names[0]
        names = [name for name in right_table.column_names if name != other]
        found: dict[Any, list[Any]] = {}
        for row in right_table.rows:
            found.setdefault(row[other], [row[name] for name in names])
        nothing: list[Any] = [None] * len(names)
        rows = [[*row, *found.get(row[key], nothing)] for row in self.rows if not inner or row[key] in found]
        return Table([*self.column_names, *names], rows, (), self.say)

    def _said(self, text: str) -> None:
        if self.say is not None:
            self.say(text)

    def print_table(self, max_rows: int | None = 20, max_columns: int | None = 6, **more: Any) -> None:
        """Print the first rows and columns."""
        self._said(printed(self, max_rows, max_columns, more.get("max_column_width", 20)))

    def print_structure(self, **_: Any) -> None:
        """Print names and kinds of the columns."""
        self._said(structure(self))

    def print_json(self, **more: Any) -> None:
        """Print the rows as a JSON list."""
        self._said(json.dumps([row.dict() for row in self.rows], default=_in_json, indent=more.get("indent")))

    def print_csv(self, **_: Any) -> None:
        """Print the rows as CSV."""
        import csv
        import io

        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.column_names)
        for row in self.rows:
            writer.writerow([kind.csvify(value) for kind, value in zip(self.column_types, row, strict=True)])
        self._said(out.getvalue().rstrip("\n"))

    def to_json(self, *_: Any, **__: Any) -> str:
        """The rows as a JSON list."""
        return json.dumps([row.dict() for row in self.rows], default=str)


class Groups:
    """The tables that a grouping made: by position where an integer is asked for, else by key; tables in a loop."""

    def __init__(self, tables: Mapping[Any, Table], key_name: str) -> None:
        self._tables = dict(tables)
        self.key_name = key_name

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, those of each table."""
        return next(iter(self._tables.values())).column_names if self._tables else ()

    def __getitem__(self, key: Any) -> Any:
        return self.values()[key] if isinstance(key, (int, slice)) else self._tables[key]

    def __iter__(self) -> Iterator[Table]:
        return iter(self._tables.values())

    def __len__(self) -> int:
        return len(self._tables)

    def get(self, key: Any, default: Any = None) -> Any:
        """The table of a key, or the default."""
        return self._tables.get(key, default)

    def keys(self) -> tuple[Any, ...]:
        """The keys, in order of first appearance."""
        return tuple(self._tables)

    def values(self) -> tuple[Table, ...]:
        """The tables."""
        return tuple(self._tables.values())

    def items(self) -> tuple[tuple[Any, Table], ...]:
        """Keys with tables."""
        return tuple(self._tables.items())

    def dict(self) -> dict[Any, Table]:
        """The tables by key."""
        return dict(self._tables)

    def _each(self, made: Callable[[Table], Table]) -> Groups:
        return Groups({key: made(table) for key, table in self._tables.items()}, self.key_name)

    def select(self, key: Any) -> Groups:
        """Only those columns of each."""
        return self._each(lambda table: table.select(key))

    def exclude(self, key: Any) -> Groups:
        """All but those columns of each."""
        return self._each(lambda table: table.exclude(key))

    def where(self, test: Callable[[Any], bool]) -> Groups:
        """The rows of each for which the test holds."""
        return self._each(lambda table: table.where(test))

    def limit(self, start_or_stop: int | None = None, stop: int | None = None, step: int | None = None) -> Groups:
        """A slice of each."""
        return self._each(lambda table: table.limit(start_or_stop, stop, step))

    def distinct(self, key: Any = None) -> Groups:
        """The rows of each, every one once."""
        return self._each(lambda table: table.distinct(key))

    def order_by(self, key: Any, reverse: bool = False) -> Groups:
        """The rows of each in order."""
        return self._each(lambda table: table.order_by(key, reverse))


class Cursor:
    """What `adapter.add_query` leaves to be fetched: the rows of an answer, each once."""

    def __init__(self, answer: Answer | None) -> None:
        columns = answer.columns if answer is not None else ()
        self._rows = list(answer.rows) if answer is not None else []
        self.description = [(column.name, column.type, None, None, None, None, None) for column in columns]
        self.rowcount = len(self._rows) if answer is None or answer.affected is None else answer.affected

    def fetchone(self) -> Any:
        """The next row, or none."""
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int = 1) -> list[Any]:
        """The next rows."""
        found, self._rows = self._rows[:size], self._rows[size:]
        return found

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        return self.fetchmany(len(self._rows))


def nulls_last(value: Any) -> tuple[bool, Any]:
    """By which a value is sorted: nulls come behind all others."""
    return (value is None, value)


def _picked(row: Any, key: Any) -> Any:
    """The values of a row by which it is sorted or grouped: of a column, of several, or what a function says."""
    if isinstance(key, (list, tuple)):
        return tuple(row[name] for name in key)
    return checked_call(current(), key, row) if callable(key) else row[key]


def distinct_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names, a number behind each that was there before: `a`, `a_2`, `a_3`."""
    if len(set(names)) == len(names):
        return tuple(names)
    out: list[str] = []
    for name in names:
        made, count = name, 1
        while made in out:
            count += 1
            made = f"{name}_{count}"
        out.append(made)
    return tuple(out)


def kind_of(values: Sequence[Any]) -> str:
    """What a column holds, in agate's words."""
    kinds = {type(value) for value in values} - {type(None)}
    for name, members in KINDS:
        if kinds <= members:
            return name
    return "Text"


def structure(table: Table) -> str:
    """Names and kinds of the columns, as a small table."""
    rows = [(column.name, kind_of(column.values())) for column in table.columns]
    return _lines(("column", "data_type"), rows, {})


def printed(table: Table, max_rows: int | None, max_columns: int | None, width: int | None) -> str:
    """The first rows and columns as a table of text: numbers to the right, nothing for none, dots for what is more."""
    names = [_cut(name, width) for name in table.column_names[:max_columns]]
    rows = [[_cell(value, width) for value in row[: len(names)]] for row in table.rows[:max_rows]]
    right = {
        index
        for index, column in enumerate(tuple(table.columns)[: len(names)])
        if kind_of(column.values()) in ("Integer", "Number")
    }
    if max_columns is not None and len(table.column_names) > max_columns:
        names, rows = [*names, "..."], [[*row, "..."] for row in rows]
    if max_rows is not None and len(table.rows) > max_rows:
        rows.append(["..."] * len(names))
    return _lines(names, rows, dict.fromkeys(right, True))


def _lines(names: Sequence[str], rows: Sequence[Sequence[str]], right: Mapping[int, bool]) -> str:
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        said = [
            cell.rjust(width) if right.get(index) else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(said) + " |"

    return "\n".join([line(names), line(["-" * width for width in widths]), *map(line, rows)])


def _cell(value: Any, width: int | None) -> str:
    return "" if value is None else f"{value:,}" if type(value) is int else _cut(str(value), width)


def _cut(text: str, width: int | None) -> str:
    return text if width is None or len(text) <= width else text[: width - 3] + "..."


KINDS: Sequence[tuple[str, frozenset[type]]] = (
    ("Integer", frozenset({int})), ("Number", frozenset({int, Decimal, float})), ("Boolean", frozenset({bool})),
    ("Date", frozenset({date})), ("DateTime", frozenset({datetime})),
)  # fmt: skip


KEPT = frozenset({type(None), bool, int, str, Decimal, date, datetime})


def _plain(value: Any) -> Any:
    """The value as templates know it: floating point numbers as decimals, lists and records as JSON, others as text."""
    kind = type(value)
    if kind in KEPT:
        return value
    if kind is float:
        return Decimal(repr(value))
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value, default=_in_json)
    return str(value)


def _in_json(value: Any) -> Any:
    """What JSON has no word for, within a list or a record."""
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, (date, time)) else str(value)
