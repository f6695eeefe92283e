"""By which column, and where, the rows that a model reads are divided."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import duckdb
import pytest
from planning import node, writer

from eltbuild.adapter import Answer
from eltbuild.errors import CompileError
from eltbuild.relation import Column
from eltbuild.run.history import Axis, Read, axis, boundaries, filtered_columns, text_of

ORDERS = Read("orders", "orders", "orders", (Column("ID"), Column("at"), Column("amount")))
USERS = Read("users", "users", "users", (Column("id"), Column("name")))
MODEL = node({"unique_key": ["user, id"]})


def chosen(*reads: Read, asked: str = "", filtered: tuple[str, ...] = (), of: Any = MODEL) -> Axis | None:
    return axis(of, reads, asked, filtered, writer())


def test_what_is_asked_for_comes_first_then_event_time_then_the_filter_then_the_key() -> None:
    timed = Read("orders", "orders", "orders", ORDERS.columns, "AT")
    assert chosen(timed, USERS, asked="id", filtered=("amount",)) == Axis({"orders": '"ID"', "users": '"id"'}, "`id`")
    found = chosen(timed, USERS, filtered=("amount",))
    assert found == Axis({"orders": '"at"'}, "`AT` of orders")
    found = chosen(ORDERS, USERS, filtered=("nowhere", "amount"))
    assert found == Axis({"orders": '"amount"'}, "`amount`, which its filter names")
    found = chosen(ORDERS, USERS)
    assert found is not None
    assert found.columns == {"orders": '"ID"', "users": '"id"'}
    assert chosen(ORDERS, of=node({})) is None


def test_a_column_that_nothing_has_is_a_mistake() -> None:
    with pytest.raises(CompileError, match="`amout`") as caught:
        chosen(ORDERS, USERS, asked="amout")
    assert caught.value.problems[0].hint == "did you mean `amount`?"


@pytest.mark.parametrize(
    ("increment", "expected"),
    [
        ("select * from a where day > (select max(day) from this)", ("day",)),
        ("select * from a as x where x.day >= date '2024-01-01'", ("day",)),
        ("select * from a where date_trunc('day', at) > (select max(d) from this) and size < 3", ("at", "size")),
        ("select * from (select * from a where '2024-01-01' <= at) as b", ("at",)),
        ("select * from a where at between '2024-01-01' and '2024-01-02'", ("at",)),
        ("select * from a where id not in (select id from this)", ()),
        ("select * from a where kept > 1", ()),
        ("this is no SQL (", ()),
    ],
)
def test_what_a_filter_names(increment: str, expected: tuple[str, ...]) -> None:
    assert filtered_columns("select * from a where kept > 1", increment, "duckdb") == expected


class Asking:
    """A connection that answers questions."""

    def execute(self, sql: str) -> Answer:
        return Answer(rows=tuple(duckdb.sql(sql).fetchall()))


def cut(values: str, deltas: int) -> tuple[Any, ...]:
    read = Read("r", "r", f"(values {values}) as t(v)", (Column("v"),))
    other = Read("s", "s", "(select 1 as v)", (Column("v"),))
    return boundaries(Asking(), Axis({"r": "v", "s": "v"}, ""), (read, other), deltas)  # type: ignore[arg-type]


def test_the_second_half_comes_in_parts() -> None:
    assert cut(", ".join(f"({n})" for n in range(12)), 3) == (6, 8, 10)
    assert cut("(1), (2)", 3) == (2,)
    assert cut("(1), (1), (1), (1), (2), (2)", 2) == (2,)
    assert cut("(5), (null), (5)", 3) == ()
    assert cut("(null)", 3) == ()


def test_values_as_engines_take_them() -> None:
    east = timezone(timedelta(hours=2))
    assert text_of(datetime(2024, 1, 1, 2, tzinfo=east)) == "2024-01-01 00:00:00+00:00"
    assert text_of(datetime(2024, 1, 1, 2, 0, 0, 5)) == "2024-01-01 02:00:00.000005"
    assert text_of(datetime(2024, 1, 1, tzinfo=UTC)) == "2024-01-01 00:00:00+00:00"
    assert (text_of(date(2024, 1, 1)), text_of(7), text_of("a")) == ("2024-01-01", "7", "a")
