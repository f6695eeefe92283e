"""Results of queries as templates see them: the values that agate would give."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from eltbuild.adapter import Answer
from eltbuild.compile.dbt.table import Table
from eltbuild.relation import Column


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (0.1, Decimal("0.1")),
        (1e20, Decimal("1e+20")),
        (Decimal("1.50"), Decimal("1.50")),
        ("x", "x"),
        (date(2024, 2, 29), date(2024, 2, 29)),
        (datetime(2024, 2, 29, 10, tzinfo=UTC), datetime(2024, 2, 29, 10, tzinfo=UTC)),
        (time(10, 30), "10:30:00"),
        (timedelta(days=1, seconds=1), "1 day, 0:00:01"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (["a", None, 1.5], '["a", null, 1.5]'),
        ((1, 2), "[1, 2]"),
        ({"a": [date(2024, 1, 1), Decimal("1.5")], "b": UUID(int=1)},
         '{"a": ["2024-01-01", 1.5], "b": "00000000-0000-0000-0000-000000000001"}'),
    ],
)  # fmt: skip
def test_values(value: Any, found: Any) -> None:
    table = Table.of(Answer((Column("v", "t"),), ((value,),)))
    given = table.columns[0].values()[0]
    assert (type(given), given) == (type(found), found)


def test_a_list_is_read_back_from_json() -> None:
    table = Table.of(Answer((Column("v", "t[]"),), (([{"a": 1}],),)))
    assert json.loads(table.rows[0]["v"]) == [{"a": 1}]


def test_a_table_gives_its_rows_by_number() -> None:
    table = Table.of(Answer((Column("n", "t"),), ((7,), (8,))))
    assert (table[0]["n"], table[-1]["n"], len(table[:1])) == (7, 8, 1)
