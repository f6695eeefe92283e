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

    def items(self) -> list[tuple[str, Any]]:
        """Names with values."""
        return list(zip(self._names, self, strict=True))

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

    def __init__(self, name: str, values: tuple[Any, ...], data_type: str = "") -> None:
        self.name = name
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
        return sorted(self._values, key=lambda value: (value is None, value))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: Any) -> Any:
        return self._values[index]


class Table:
    """Rows and columns of a result, by position and by name."""

    def __init__(self, names: Sequence[str], rows: Sequence[Sequence[Any]], types: Sequence[str] = ()) -> None:
        self.column_names = tuple(names)
        self.column_types = tuple(map(ColumnType, types)) or (ColumnType(),) * len(self.column_names)
        self.rows = Named.of([Named.of(row, self.column_names) for row in rows], [str(i) for i in range(len(rows))])
        self.row_names = None

    @classmethod
    def of(cls, answer: Answer) -> Table:
        """The table of an answer; column names as the warehouse gave them."""
        return cls(
            [column.name for column in answer.columns],
            [tuple(_plain(value) for value in row) for row in answer.rows],
            [column.type for column in answer.columns],
        )

    @property
    def columns(self) -> Named:
        """The columns, by position and by name."""
        parts = [
            ResultColumn(name, tuple(row[i] for row in self.rows), kind)
            for i, (name, kind) in enumerate(zip(self.column_names, self.column_types, strict=True))
        ]
        return Named.of(parts, self.column_names)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def _with(self, rows: Sequence[Sequence[Any]]) -> Table:
        return Table(self.column_names, rows, self.column_types)

    def select(self, key: Any) -> Table:
        """Only those columns."""
        names = [key] if isinstance(key, str) else list(key)
        return Table(names, [[row[name] for name in names] for row in self.rows])

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
        return Table(names, list(self.rows), self.column_types)

    def limit(self, start_or_stop: int | None = None, stop: int | None = None, step: int | None = None) -> Table:
        """A slice of the rows."""
        rows = self.rows[slice(start_or_stop) if stop is None else slice(start_or_stop, stop, step)]
        return self._with(rows)

    def where(self, test: Callable[[Any], bool]) -> Table:
        """The rows for which the test holds."""
        return self._with([row for row in self.rows if checked_call(current(), test, row)])

    def distinct(self, key: Any = None) -> Table:
        """Each row once; with a key, the first row of each of its values."""
        seen: dict[Any, Any] = {}
        for row in self.rows:
            seen.setdefault(tuple(row) if key is None else row[key], row)
        return self._with(list(seen.values()))

    def order_by(self, key: Any, reverse: bool = False) -> Table:
        """The rows sorted by a column."""
        return self._with(sorted(self.rows, key=lambda row: (row[key] is None, row[key]), reverse=reverse))

    def group_by(self, key: Any) -> dict[Any, Table]:
        """Tables by the values of a column."""
        groups: dict[Any, list[Any]] = {}
        for row in self.rows:
            groups.setdefault(row[key], []).append(row)
        return {value: self._with(rows) for value, rows in groups.items()}

    def dict(self) -> dict[str, Any]:
        """Columns by name."""
        return {column.name: list(column) for column in self.columns}

    def print_table(self, max_rows: int = 20, **_: Any) -> str:
        """The first rows as text."""
        lines = ["| " + " | ".join(self.column_names) + " |"]
        lines += ["| " + " | ".join(map(str, row)) + " |" for row in self.rows[:max_rows]]
        return "\n".join(lines)

    def print_structure(self, **_: Any) -> str:
        """Names and types as text."""
        return "\n".join(f"{name}: {kind}" for name, kind in zip(self.column_names, self.column_types, strict=True))

    def to_json(self, *_: Any, **__: Any) -> str:
        """The rows as a JSON list."""
        return json.dumps([row.dict() for row in self.rows], default=str)

    print_json = to_json


KEPT = frozenset({type(None), bool, int, str, Decimal, date, datetime, bytes})


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
