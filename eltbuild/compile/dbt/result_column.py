"""A column of a query's result as templates read it, its type, and its values as templates know them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

KINDS: Sequence[tuple[str, frozenset[type]]] = (
    ("Integer", frozenset({int})), ("Number", frozenset({int, Decimal, float})), ("Boolean", frozenset({bool})),
    ("Date", frozenset({date})), ("DateTime", frozenset({datetime})),
)  # fmt: skip
KEPT = frozenset({type(None), bool, int, str, Decimal, date, datetime})


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


def nulls_last(value: Any) -> tuple[bool, Any]:
    """By which a value is sorted: nulls come behind all others."""
    return (value is None, value)


def kind_of(values: Sequence[Any]) -> str:
    """What a column holds, in agate's words."""
    kinds = {type(value) for value in values} - {type(None)}
    for name, members in KINDS:
        if kinds <= members:
            return name
    return "Text"


def plain_value(value: Any) -> Any:
    """The value as templates know it: floating point numbers as decimals, lists and records as JSON, others as text."""
    kind = type(value)
    if kind in KEPT:
        return value
    if kind is float:
        return Decimal(repr(value))
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value, default=in_json)
    return str(value)


def in_json(value: Any) -> Any:
    """What JSON has no word for, within a list or a record."""
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, (date, time)) else str(value)
