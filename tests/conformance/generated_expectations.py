"""Tables and expectations made by chance, the same for the same seed: arguments, conditions and values that are odd."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from eltbuild.project.expectation_types import EXPECTATIONS, Argument
from eltbuild.project.expectations import LIBRARY_ONLY

NUMBERS = ("id", "other", "amount", "price", "big")
TEXTS = ("name", 'It\'s "odd" ünï', "code")
TIMES = ("day", "moment")
COLUMNS: Mapping[str, str] = {
    "id": "integer", "other": "integer", "amount": "double", "price": "decimal(10, 2)", "big": "bigint",
    "name": "text", "It's \"odd\" ünï": "text", "code": "varchar(10)", "day": "date", "moment": "timestamp",
    "Flag": "boolean", "order": "integer",
}  # fmt: skip
"""The columns and their types."""
WORDS = (
    "a",
    "b",
    "ab",
    "",
    "A",
    "x'y",
    'q"q',
    "b\\c",
    "100%",
    "a_b",
    "ünï",
    "日本",
    " a ",
    "line\nbreak",
    "{%",
    "null",
)
MEASURES = tuple(sorted(EXPECTATIONS.keys() - LIBRARY_ONLY))

Row = tuple[Any, ...]


def _amount(pick: random.Random) -> float:
    odd = [float("nan"), float("inf"), float("-inf"), -0.0, 1e300] if pick.random() < 0.2 else [0.0]
    return pick.choice([-1.5, 0.0, 0.25, 2.5, 3.0, 1000000.125, 1 / 3, *odd])


_VALUES: Mapping[str, Callable[[random.Random, int], Any]] = {
    "id": lambda pick, count: pick.randrange(max(count - 3, 1)),
    "other": lambda pick, count: pick.randrange(max(count - 3, 1)),
    "amount": lambda pick, count: _amount(pick),
    "price": lambda pick, count: Decimal(pick.randrange(-300, 900)) / 100,
    "big": lambda pick, count: pick.choice([0, -1, 3, 2**40, 9007199254740993]),
    "name": lambda pick, count: pick.choice(WORDS),
    'It\'s "odd" ünï': lambda pick, count: pick.choice(["x1", "x2", "y"]),
    "code": lambda pick, count: pick.choice(["A", "B", "12", "1.5", "ünï"]),
    "day": lambda pick, count: date(2024, 2, 27) + timedelta(days=pick.randrange(6)),
    "moment": lambda pick, count: datetime(2024, 2, 28, 22) + timedelta(minutes=15 * pick.randrange(20)),
    "Flag": lambda pick, count: pick.random() < 0.5,
    "order": lambda pick, count: None,
}


def rows_of(seed: int) -> Sequence[Row]:
    """The rows of a table: from none to some dozens, with gaps and values that come again."""
    pick = random.Random(seed)
    count = pick.choice([0, 1, 2, 5, 12, 31, 40])
    missing = {name: pick.choice([0, 0, 0.15, 0.5, 1.0]) for name in COLUMNS}
    plain = pick.random() < 0.6
    rows = []
    for number in range(count):
        row = {name: None if pick.random() < missing[name] else made(pick, count) for name, made in _VALUES.items()}
        row["order"] = number
        if plain and row["amount"] is not None and not abs(row["amount"]) < 1e9:
            row["amount"] = 0.5
        rows.append(tuple(row.values()))
    return rows


@dataclass(frozen=True, slots=True)
class Case:
    """An expectation to be asked of a table."""

    type: str
    arguments: Mapping[str, Any]
    scope: str = ""
    """A condition on the rows, in SQL; "" for all."""


SCOPES = ("", "", "", '"order" > 3', '"order" < 0', "name <> 'a'", '"Flag" or id = 2')


def cases_of(seed: int, each: int) -> Sequence[Case]:
    """That many cases of each expectation that is a measure."""
    pick = random.Random(seed)
    return [_case(type, pick) for type in MEASURES for _ in range(each)]


def _case(type: str, pick: random.Random) -> Case:
    kind = EXPECTATIONS[type]
    found: dict[str, Any] = {}
    columns = _columns(type, pick)
    for argument in kind.arguments.values():
        if argument.name in ("row_condition", "condition_parser", "notes"):
            continue
        wanted = argument.required or argument.name in (*kind.either[:1], "type_list")
        if wanted or pick.random() < (0.6 if argument.name in ("mostly", "min_value", "max_value") else 0.4):
            found[argument.name] = _value(type, argument, columns, pick)
    if "distinct" in type and None in found.get("value_set", ()):
        # With NULL in the set the library finds no distinct value unexpected, whatever there is.
        found["value_set"].remove(None)
    low, high = found.get("min_value"), found.get("max_value")
    if low is not None and high is not None and low > high:
        found["min_value"], found["max_value"] = high, low
    return Case(type, found, pick.choice(SCOPES))


_OF_NUMBERS = ("mean", "median", "stdev", "sum", "z_scores", "outliers", "quantile", "multicolumn_sum")
_OF_TEXTS = ("regex", "like", "lengths")


def _columns(type: str, pick: random.Random) -> Sequence[str]:
    """Columns of one kind, of which the expectation can say something."""
    if any(word in type for word in _OF_NUMBERS):
        known: Sequence[str] = NUMBERS
    elif any(word in type for word in _OF_TEXTS):
        known = TEXTS
    elif ("_be_between" in type and "values" in type) or "greater" in type:
        known = pick.choice([NUMBERS, NUMBERS, TIMES])
    else:
        known = pick.choice([NUMBERS, TEXTS, TIMES, ("Flag",)])
    columns = pick.sample(known, len(known))
    if columns[0] in ("day", "moment") or len(columns) == 1:
        # A day is never equal to a time, and there is one truth only.
        return columns
    same = {"id": ["id", "other", "order"], "other": ["other", "id"]}
    return same.get(columns[0], columns)


def _value(type: str, argument: Argument, columns: Sequence[str], pick: random.Random) -> Any:
    made = _BY_NAME.get(argument.name)
    if made is not None:
        return made(columns, pick)
    if "|" in argument.kind:
        return pick.choice(argument.kind.split("|"))
    return _BY_KIND[argument.kind](columns, pick)


def _literal(column: str, pick: random.Random) -> Any:
    """A value as JSON has it, such as a column of that name holds."""
    value = _VALUES[column](pick, 12)
    if isinstance(value, float) and not abs(value) < 1e9:
        return 0.25
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat(" ") if isinstance(value, datetime) else str(value) if isinstance(value, date) else value


def _bound(columns: Sequence[str], pick: random.Random) -> Any:
    if columns[0] in TIMES:
        return str(datetime(2024, 2, 28, 23, 30)) if pick.random() < 0.5 else "2024-02-29"
    return pick.choice([0, 1, 3, -1.5, 0.25, 2.5, 9])


def _literals(columns: Sequence[str], pick: random.Random) -> list[Any]:
    found = [_literal(columns[0], pick) for _ in range(pick.randrange(1, 5))]
    return list(dict.fromkeys([*found, None] if pick.random() < 0.1 else found))


def _quantiles(columns: Sequence[str], pick: random.Random) -> Any:
    shares = sorted(pick.sample([0.0, 0.1, 0.25, 0.5, 0.9, 1.0], 3))
    return {
        "quantiles": shares,
        "value_ranges": [[pick.choice([None, -1, 0]), pick.choice([None, 1, 3])] for _ in shares],
    }


_BY_NAME: Mapping[str, Callable[[Sequence[str], random.Random], Any]] = {
    "column": lambda columns, pick: columns[0],
    "column_A": lambda columns, pick: columns[0],
    "column_B": lambda columns, pick: columns[1 % len(columns)],
    "column_list": lambda columns, pick: list(columns[: pick.choice([2, 2, 3])]),
    "column_set": lambda columns, pick: pick.choice([list(COLUMNS), ["id", "amount"], ["id", "zz"], []]),
    "column_index": lambda columns, pick: pick.choice([0, 1, -1, 20]),
    "mostly": lambda columns, pick: pick.choice([0, 1, 0.5, 0.9, 1.0, round(pick.random(), 3)]),
    "value_pairs_set": lambda columns, pick: [
        [_literal(columns[0], pick), _literal(columns[1 % len(columns)], pick)] for _ in range(3)
    ],
    "regex": lambda columns, pick: pick.choice(["^a", "b$", r"\d", "[ünï]", "^$", "a|b", r"^.$", "x'y", "%"]),
    "regex_list": lambda columns, pick: pick.choice([["^a", "b$"], ["ü"], [r"^\w*$", "a", "%"]]),
    "like_pattern": lambda columns, pick: pick.choice(["a%", "%b", "_", "", "%ü%", "x'%", "%%"]),
    "like_pattern_list": lambda columns, pick: pick.choice([["a%", "%b"], ["_"], ["%ü%", "", "x'%"]]),
    "escape": lambda columns, pick: "!",
    "type_": lambda columns, pick: pick.choice(["INTEGER", "integer", "VARCHAR", "TEXT", "DATE", "TIMESTAMP", "DOUBLE"]),
    "type_list": lambda columns, pick: pick.choice([["INTEGER", "BIGINT"], ["TEXT"], ["BOOLEAN", "DATE"], []]),
    "value": lambda columns, pick: pick.choice([0, 1, 2, 12, 31]),
    "sum_total": lambda columns, pick: pick.choice([0, 2, 10, 0.25]),
    "threshold": lambda columns, pick: pick.choice([0.5, 1, 2, -1]),
    "multiplier": lambda columns, pick: pick.choice([0, 0.5, 1.5, 3]),
    "unexpected_rows_query": lambda columns, pick: pick.choice(
        ["select * from {batch} where id > 3", "select name from {batch} group by name having count(*) > 1",
         'select id from {batch} where "Flag"']
    ),
    "other_table_name": lambda columns, pick: "other rows",
}  # fmt: skip
_BY_KIND: Mapping[str, Callable[[Sequence[str], random.Random], Any]] = {
    "bound": _bound,
    "number": lambda columns, pick: pick.choice([0, 0.5, 1, 2.5, 100]),
    "whole": lambda columns, pick: pick.choice([0, 1, 2, 5, 31]),
    "truth": lambda columns, pick: pick.random() < 0.5,
    "list": _literals,
    "values": _literals,
    "quantiles": _quantiles,
    "any": lambda columns, pick: False,
}
