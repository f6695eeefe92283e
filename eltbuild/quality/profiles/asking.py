"""A relation profiled by whoever can answer queries: which questions come one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from eltbuild.quality.profiles.profile import NOTHING, ColumnProfile, column_profile, groups_of
from eltbuild.quality.profiles.questions import (
    EXACT_CELLS,
    Asked,
    Key,
    asked_of,
    bins_of,
    frequent,
    is_grouped,
    questions,
)
from eltbuild.relation import Column
from eltbuild.sql.aggregates import APPROXIMATE_DISTINCT
from eltbuild.sql.writer import Writer

Ask = Callable[[str], Sequence[Sequence[Any]]]
"""The rows of a query."""
ATONCE = 100
"""How many keys one query groups by at most."""


def profiled(
    columns: Iterable[Column], relation: str, writer: Writer, ask: Ask
) -> tuple[int, tuple[ColumnProfile, ...]]:
    """How many rows there are, and what stands in each column. `relation` is what stands after FROM.

    One query for all columns, one more for what is frequent; more only where there are hundreds of columns. Where the
    engine can estimate how many values differ, it is first asked for the number of rows.
    """
    asked = asked_of(list(columns))
    approximate = False
    if writer.dialect in APPROXIMATE_DISTINCT:
        rows = int(ask(f"select count(*) from {relation}")[0][0])
        approximate = rows * len(asked) > EXACT_CELLS
    told: dict[int, dict[str, Any]] = {}
    rows = 0
    for question in questions(asked, relation, writer, approximate):
        (row,) = ask(question.sql)
        rows = int(row[0])
        told |= question.answers(row)
    keys = _keys(asked, told)
    groups = NOTHING
    if keys and rows:
        found = [
            (start + int(which), *rest)
            for start in range(0, len(keys), ATONCE)
            for which, *rest in ask(frequent(keys[start : start + ATONCE], relation, writer))
        ]
        groups = groups_of(keys, found)
    return rows, tuple(column_profile(one, rows, told[one.place], not approximate, groups) for one in asked)


def _keys(columns: Sequence[Asked], told: dict[int, dict[str, Any]]) -> list[Key]:
    """What the second question groups by."""
    keys = [Key(column) for column in columns if is_grouped(column, told[column.place], len(columns))]
    for column in columns:
        bins = bins_of(column, told[column.place])
        if bins is not None:
            keys.append(Key(column, bins))
    return keys
