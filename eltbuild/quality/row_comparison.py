"""Rows compared as multisets, by value. Nothing is run here."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from eltbuild.relation import Column
from eltbuild.sql.inline import is_json
from eltbuild.values import dataclass

Row = tuple[Any, ...]
Key = tuple[Any, ...]

TOLERANCE = 1e-9
SINGLE_TOLERANCE = 1e-6
"""How far floats may be apart and still be equal, relative to their size; of double and of single precision."""
SINGLE = frozenset({"real", "float4", "float32"})
PAIRED = 200
"""Among how many rows of each side partners are looked for."""
TRIES = 1_000_000
"""How often two rows are compared float by float, over all."""
NULL = ("NoneType", None)
"""The form of NULL."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a difference: a row that was expected, one that was there, or two that belong together."""

    expected: Row | None
    actual: Row | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two multisets of rows differ. `same` counts the rows that both have."""

    columns: tuple[str, ...]
    same: int
    lines: tuple[Line, ...]
    equal: Callable[[int, Any, Any], bool]
    """`(column, value, value)`: whether two values are one."""
    types: tuple[str, ...] = ()
    """The columns' types."""


def compare(columns: Sequence[Column], expected: Sequence[Row], actual: Sequence[Row], dialect: str) -> Comparison:
    """The difference between the rows, in any order. Numbers count by value, floats within a tolerance."""
    key, tolerances = _keys(columns), tuple(_tolerance(column.type, dialect) for column in columns)
    json_columns = _json_columns(columns)

    def equal(index: int, left: Any, right: Any) -> bool:
        as_json = index in json_columns
        return _close(_value(left, as_json), _value(right, as_json), tolerances[index])

    missing, unexpected, same = _unmatched(expected, actual, key)
    missing, unexpected, near = _without_near(missing, unexpected, key, tolerances)
    lines = tuple(_lines(missing, unexpected, key, tolerances))
    names, types = tuple(column.name for column in columns), tuple(column.type for column in columns)
    return Comparison(names, same + near, lines, equal, types)


def differ(columns: Sequence[Column], expected: Sequence[Row], actual: Sequence[Row], dialect: str) -> bool:
    """Whether `compare` finds a difference, without looking which rows belong together."""
    key, tolerances = _keys(columns), tuple(_tolerance(column.type, dialect) for column in columns)
    missing, unexpected, _ = _unmatched(expected, actual, key)
    if len(missing) == len(unexpected):
        missing, unexpected, _ = _without_near(missing, unexpected, key, tolerances)
    return bool(missing or unexpected)


def _keys(columns: Sequence[Column]) -> Callable[[Row], Key]:
    """What gives the form of a row in which equal ones are equal."""
    as_json = tuple(index in _json_columns(columns) for index in range(len(columns)))
    return lambda row: tuple(map(_value, row, as_json))


def _json_columns(columns: Sequence[Column]) -> frozenset[int]:
    return frozenset(index for index, column in enumerate(columns) if is_json(column.type))


def _tolerance(type_name: str, dialect: str) -> float:
    name = type_name.casefold()
    single = name in SINGLE or (dialect == "duckdb" and name == "float")
    return SINGLE_TOLERANCE if single else TOLERANCE


def _unmatched(
    expected: Sequence[Row], actual: Sequence[Row], key: Callable[[Row], Key]
) -> tuple[list[Row], list[Row], int]:
    """The rows of each side that the other lacks, and how many both have."""
    there = Counter(map(key, actual))
    missing: list[Row] = []
    matched: Counter[Key] = Counter()
    for row in expected:
        own = key(row)
        if matched[own] < there[own]:
            matched[own] += 1
        else:
            missing.append(row)
    same = matched.total()
    unexpected: list[Row] = []
    for row in actual:
        own = key(row)
        if matched[own]:
            matched[own] -= 1
        else:
            unexpected.append(row)
    return missing, unexpected, same


def _without_near(
    missing: list[Row], unexpected: list[Row], key: Callable[[Row], Key], tolerances: Sequence[float]
) -> tuple[list[Row], list[Row], int]:
    """What is left when rows that differ only in the last digits of floats count as the same."""
    wanted, found = list(map(key, missing)), list(map(key, unexpected))
    floats = [any(_has_float(row[index]) for row in (*wanted, *found)) for index in range(len(tolerances))]
    if not any(floats):
        return missing, unexpected, 0

    def rough(row: Key) -> Key:
        return tuple(_without_numbers(value) if loose else value for value, loose in zip(row, floats, strict=True))

    candidates: dict[Key, list[int]] = defaultdict(list)
    for index, row in enumerate(found):
        candidates[rough(row)].append(index)
    taken: set[int] = set()
    left: list[Row] = []
    tries = iter(range(TRIES))
    for number, row in enumerate(wanted):
        near = (
            index
            for index in candidates.get(rough(row), ())
            if index not in taken and next(tries, None) is not None and all(map(_close, row, found[index], tolerances))
        )
        partner = next(near, None)
        if partner is None:
            left.append(missing[number])
        else:
            taken.add(partner)
    return left, [row for index, row in enumerate(unexpected) if index not in taken], len(taken)


# Values ---------------------------------------------------------------------------------------------------


def _value(value: Any, as_json: bool) -> Any:
    """The value in a form in which equal ones are equal and can be hashed."""
    match value:
        case None | bool():
            return (type(value).__name__, value)
        case int() | Decimal() | float():
            return ("nan",) if value != value else ("number", value)
        case str():
            return _parsed(value) if as_json else value
        case datetime():
            return value.astimezone(UTC) if value.tzinfo is not None else value
        case list() | tuple():
            return ("list", *(_value(item, False) for item in value))
        case Mapping():
            items = [(_value(name, False), _value(item, False)) for name, item in value.items()]
            return ("record", *sorted(items, key=repr))
        case bytearray() | memoryview():
            return bytes(value)
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value


def _parsed(text: str) -> Any:
    try:
        return ("json", _value(json.loads(text), False))
    except (ValueError, RecursionError):
        return text


def _without_numbers(value: Any) -> Any:
    """The form of a value with all numbers taken out: rows that are nearly the same have this in common."""
    if isinstance(value, tuple):
        return "number" if value[:1] == ("number",) else tuple(map(_without_numbers, value))
    return value


def _has_float(value: Any) -> bool:
    """Whether the form of a value holds a float."""
    if isinstance(value, tuple):
        return isinstance(value[1], float) if value[:1] == ("number",) else any(map(_has_float, value))
    return False


def _close(left: Any, right: Any, tolerance: float) -> bool:
    """Whether two values, in the form that `_value` gives, are the same but for the last digits of floats."""
    if left == right:
        return True
    if not (isinstance(left, tuple) and isinstance(right, tuple) and len(left) == len(right)):
        return False
    if left[:1] == ("number",) == right[:1]:
        pair = (left[1], right[1])
        return any(isinstance(number, float) for number in pair) and _near(*pair, tolerance)
    return all(_close(a, b, tolerance) for a, b in zip(left, right, strict=True))


def _near(left: Any, right: Any, tolerance: float) -> bool:
    try:
        return math.isclose(left, right, rel_tol=tolerance, abs_tol=tolerance * 1e-3)
    except (OverflowError, TypeError, ValueError):
        return False


# The difference -------------------------------------------------------------------------------------------


def _lines(
    missing: Sequence[Row], unexpected: Sequence[Row], key: Callable[[Row], Key], tolerances: Sequence[float]
) -> Iterator[Line]:
    """Rows that differ in some cells beside each other, then what is only on one side.

    Rows belong together that agree in the first cell, where keys stand, or in half of all, or that are alone on both
    sides.
    """
    if len(missing) == len(unexpected) == 1:
        yield Line(missing[0], unexpected[0])
        return
    wanted, found = list(map(key, missing[:PAIRED])), list(map(key, unexpected[:PAIRED]))
    scores = [
        (_likeness(row, other, tolerances), -number, -index)
        for number, row in enumerate(wanted)
        for index, other in enumerate(found)
    ]
    partners: dict[int, int] = {}
    taken: set[int] = set()
    for score, number, index in sorted(scores, reverse=True):
        if score > 0 and -number not in partners and -index not in taken:
            partners[-number] = -index
            taken.add(-index)
    for number, row in enumerate(missing):
        if number in partners:
            yield Line(row, unexpected[partners[number]])
    for number, row in enumerate(missing):
        if number not in partners:
            yield Line(row, None)
    for index, row in enumerate(unexpected):
        if index not in taken:
            yield Line(None, row)


def _likeness(row: Key, other: Key, tolerances: Sequence[float]) -> float:
    """How many cells agree, 0 where the rows do not belong together; cells to the left decide between equals."""
    cells = enumerate(zip(row, other, tolerances, strict=True))
    agreeing = [index for index, (left, right, near) in cells if left != NULL and _close(left, right, near)]
    told = sum(1 for pair in zip(row, other, strict=True) if pair != (NULL, NULL))
    if 0 not in agreeing and 2 * len(agreeing) < told:
        return 0.0
    return sum(1 + 1 / (1000 * (index + 1)) for index in agreeing)
