"""Every `on_schema_change` with every change of columns, for every strategy, on every engine: it does what it says, or

nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from planning import ENGINES, Warehouse, hours, node

from eltbuild.errors import CompileError
from eltbuild.plan.incremental import notes
from eltbuild.plan.reconcile import MODES, rebuilds
from eltbuild.project.resources import Node

STRATEGIES: Mapping[str, Mapping[str, Any]] = {
    "append": {},
    "delete+insert": {"unique_key": "id"},
    "merge": {"unique_key": "id"},
    "insert_overwrite": {"partition_by": "id"},
    "microbatch": {"event_time": "at"},
}
TRIED = {"duckdb": tuple(STRATEGIES), "postgres": ("delete+insert", "merge")}
"""All ways to reconcile columns pass through these two."""
IN, OUT = "cast('2026-01-01 12:45:00' as timestamp)", "cast('2026-01-01 15:00:00' as timestamp)"
"""Within the slice of time that is built, and behind it."""
BEGUN = (
    f"select 1 as id, cast('a' as varchar(10)) as a, cast(10 as integer) as n, {IN} as at"
    f" union all select 2, 'z', 99, {OUT}"
)
CHANGES: Mapping[str, str] = {
    "added": f"{IN} as at, 20 as n, cast('new' as varchar(10)) as x, 1 as id, 'b' as a",
    "removed": f"1 as id, 20 as n, {IN} as at",
    "renamed": f"1 as id, 'b' as b, 20 as n, {IN} as at",
    "reordered": f"{IN} as at, 20 as n, 1 as id, 'b' as a",
    "letter case": f'1 as "ID", \'b\' as "A", 20 as n, {IN} as at',
    "wider": f"1 as id, 'b' as a, cast(3000000000 as bigint) as n, {IN} as at",
    "wider in name": f"1 as id, 'b' as a, cast(20 as bigint) as n, {IN} as at",
    "narrower": f"1 as id, 'b' as a, cast(20 as smallint) as n, {IN} as at",
    "rounded": f"1 as id, 'b' as a, cast(2.5 as double precision) as n, {IN} as at",
    "number as text": f"1 as id, 'b' as a, cast('20' as varchar(10)) as n, {IN} as at",
    "text as number": f"1 as id, cast(7 as integer) as a, 20 as n, {IN} as at",
    "zoned": "1 as id, 'b' as a, 20 as n, cast('2026-01-01 12:45:00+00' as timestamp with time zone) as at",
}
"""What the query gives after the first build."""


@dataclass(frozen=True)
class Left:
    """What the table is afterwards, `at` left aside: the row that stays, the new one, whether the user is told."""

    columns: str
    old: tuple[Any, ...]
    new: tuple[Any, ...]
    told: bool = False
    merged: tuple[Any, ...] = ()
    """The new row where a merge updates it."""


SAME = Left("id a n", (2, "z", 99), (1, "b", 20))
GONE, LOST, CHANGED = "no longer gives `a`", "not fit", "have changed"
ADDED = Left("id a n x", (2, "z", 99, None), (1, "b", 20, "new"), True)
TYPES_STAY = {
    "reordered": SAME,
    "letter case": SAME,
    "wider": LOST,
    "wider in name": SAME,
    "narrower": SAME,
    "rounded": LOST,
    "number as text": LOST,
    "text as number": Left("id a n", (2, "z", 99), (1, "7", 20)),
    "zoned": LOST,
}
ALL_CHANGED = {name: SAME if name in ("reordered", "letter case") else CHANGED for name in CHANGES}
LEAVES: Mapping[str, Mapping[str, Left | str]] = {
    "ignore": {
        **TYPES_STAY,
        "added": Left("id a n", (2, "z", 99), (1, "b", 20), True),
        "removed": GONE,
        "renamed": GONE,
    },
    "append_new_columns": {
        **TYPES_STAY,
        "added": ADDED,
        "removed": Left("id a n", (2, "z", 99), (1, None, 20), True, (1, "a", 20)),
        "renamed": Left("id a n b", (2, "z", 99, None), (1, None, 20, "b"), True, (1, "a", 20, "b")),
    },
    "sync_all_columns": {
        "added": ADDED,
        "removed": Left("id n", (2, 99), (1, 20)),
        "renamed": Left("id n b", (2, 99, None), (1, 20, "b"), True),
        "reordered": SAME,
        "letter case": SAME,
        "wider": Left("id a n", (2, "z", 99), (1, "b", 3000000000)),
        "wider in name": SAME,
        "narrower": SAME,
        "rounded": Left("id a n", (2, "z", 99), (1, "b", 2.5)),
        "number as text": Left("id a n", (2, "z", "99"), (1, "b", "20")),
        "text as number": "would become",
        "zoned": "would hang on a time zone",
    },
    "fail": ALL_CHANGED,
    "full_refresh": ALL_CHANGED,
}
"""What each mode makes of each change, or the words with which it refuses."""
PARTIAL = Left("id a n", (2, "z", 99), (), True, (1, "a", 20))
"""A merge under `ignore` leaves columns alone that the query no longer gives, and says so."""


def model(strategy: str, mode: str) -> Node:
    config = {"materialized": "incremental", "incremental_strategy": strategy, "on_schema_change": mode}
    return node({**config, **STRATEGIES[strategy]})


def held(warehouse: Warehouse) -> tuple[str, list[tuple[Any, ...]]]:
    """The columns but `at`, and the rows by them."""
    names = [column.name for column in warehouse.columns("select * from orders") if column.name != "at"]
    rows = warehouse.rows(f"select {', '.join(names)} from orders")
    return " ".join(names), sorted(rows, key=str)


def left_by(mode: str, change: str, strategy: str) -> Left | str:
    outcome = LEAVES[mode][change]
    return PARTIAL if strategy == "merge" and mode == "ignore" and outcome == GONE else outcome


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("mode", LEAVES)
def test_it_does_what_it_says_or_nothing_is_written(mode: str, change: str, engine: str) -> None:
    query = f"select {CHANGES[change]}"
    for strategy in TRIED[engine]:
        left, warehouse, made = left_by(mode, change, strategy), Warehouse(engine), model(strategy, mode)
        warehouse.build(made, BEGUN)
        before = (held(warehouse), warehouse.columns("select * from orders"))
        if isinstance(left, str):
            with pytest.raises(CompileError, match=left):
                warehouse.build(made, query, batch=hours(0, 1))
            assert (held(warehouse), warehouse.columns("select * from orders")) == before, strategy
            continue
        assert bool(notes(warehouse.facts(made, query), warehouse.writer)) is left.told, strategy
        warehouse.build(made, query, batch=hours(0, 1))
        new = left.merged or left.new if strategy == "merge" else left.new
        rows = [left.old, new]
        if strategy == "append":
            rows.append({"id n": (1, 10)}.get(left.columns) or with_first(left))
        assert held(warehouse) == (left.columns, sorted(rows, key=str)), strategy


def with_first(left: Left) -> tuple[Any, ...]:
    """The row that append leaves beside the new one, in the columns and types of the others."""
    kind = type(left.old[2])
    plain = (1, "a", kind(10)) if left.columns.startswith("id a") else (1, 10)
    return (*plain, *(None for _ in left.columns.split()[len(plain) :]))


def test_every_mode_and_change_is_tried() -> None:
    assert set(LEAVES) == set(MODES)
    assert all(set(outcomes) == set(CHANGES) for outcomes in LEAVES.values())


@pytest.mark.parametrize("engine", ENGINES)
def test_full_refresh_tells_whoever_runs_the_node_what_has_changed(engine: str) -> None:
    warehouse = Warehouse(engine)
    made = model("append", "full_refresh")
    warehouse.build(made, BEGUN)

    def why(change: str, of: Node = made) -> str:
        return rebuilds(warehouse.facts(of, f"select {CHANGES[change]}"), warehouse.writer)

    assert why("reordered") == why("letter case") == ""
    assert [line.split()[:2] for line in why("renamed").splitlines()] == [["new:", "b"], ["missing:", "a"]]
    assert why("rounded").split()[:2] == ["type:", "n"]
    refusing = node({**made.config, "full_refresh": False})
    assert why("reordered", refusing) == ""
    with pytest.raises(CompileError, match="have changed") as caught:
        why("added", refusing)
    assert "full_refresh: false" in caught.value.problems[0].hint


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_said(engine: str) -> None:
    warehouse = Warehouse(engine)
    warehouse.build(model("append", "ignore"), BEGUN)

    def said(mode: str, change: str, strategy: str = "append") -> Sequence[str]:
        return notes(warehouse.facts(model(strategy, mode), f"select {CHANGES[change]}"), warehouse.writer)

    assert said("ignore", "added") == (
        "the query of `orders` gives `x`, which the table does not have: left out (`on_schema_change: ignore`)",
    )
    assert said("append_new_columns", "renamed") == (
        "the query of `orders` no longer gives `a`: new rows hold NULL there",
        "`orders` gets the new column `b`: rows that it has already hold NULL there (--full-refresh fills it)",
    )
    assert said("sync_all_columns", "removed") == ()
    assert said("ignore", "removed", "merge") == (
        "the query of `orders` no longer gives `a`: new rows hold NULL there",
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_values_that_a_type_cannot_hold_are_shown(engine: str) -> None:
    warehouse, made = Warehouse(engine), node({"materialized": "incremental", "unique_key": "id"})
    warehouse.build(made, "select cast(1 as integer) as id, cast(1 as decimal(4, 1)) as v")
    more = ", ".join(f"({n}, {n}.25)" for n in range(5))
    with pytest.raises(CompileError) as caught:
        warehouse.build(made, f"select id, cast(v as decimal(8, 2)) as v from (values {more}) as t(id, v)")
    told = str(caught.value)
    assert "`v` of `orders` is " in told
    assert ", ... do not fit" in told
    warehouse.build(made, "select 2 as id, cast(1.5 as decimal(8, 2)) as v")
    assert sorted(warehouse.rows("select id, cast(v as varchar) from orders")) == [(1, "1.0"), (2, "1.5")]


@pytest.mark.parametrize("engine", ENGINES)
def test_null_fits_every_type(engine: str) -> None:
    """An engine may call a bare NULL a number, or a text."""
    for mode in ("ignore", "append_new_columns"):
        warehouse, made = Warehouse(engine), model("merge", mode)
        warehouse.build(made, BEGUN)
        columns = warehouse.columns("select * from orders")
        warehouse.build(made, "select 1 as id, null as a, null as n, cast(null as boolean) as at")
        assert held(warehouse) == ("id a n", [(1, None, None), (2, "z", 99)])
        assert warehouse.columns("select * from orders") == columns


def test_a_bare_null_changes_no_columns_type() -> None:
    warehouse, made = Warehouse(), model("merge", "sync_all_columns")
    warehouse.build(made, BEGUN)
    if warehouse.columns("select null as a")[0].type != '"NULL"':
        pytest.skip("this DuckDB calls a bare NULL a number")
    warehouse.build(made, f"select 1 as id, null as a, 20 as n, {IN} as at")
    assert held(warehouse) == ("id a n", [(1, None, 20), (2, "z", 99)])
    assert [c.type for c in warehouse.columns("from orders")] == ["INTEGER", "VARCHAR", "INTEGER", "TIMESTAMP"]


@pytest.mark.parametrize("engine", ENGINES)
def test_texts_may_grow_under_every_mode(engine: str) -> None:
    for mode in MODES:
        warehouse, made = Warehouse(engine), model("merge", mode)
        warehouse.build(made, BEGUN)
        warehouse.build(made, f"select 1 as id, cast('{'b' * 20}' as varchar(20)) as a, 20 as n, {IN} as at")
        assert held(warehouse)[1] == [(1, "b" * 20, 20), (2, "z", 99)], mode


# Snapshots


@pytest.mark.parametrize("engine", ENGINES)
def test_a_snapshot_takes_what_fits_its_columns_and_refuses_the_rest(engine: str) -> None:
    config = {"materialized": "snapshot", "strategy": "check", "check_cols": "all", "unique_key": "id"}
    made = node(config, "history", resource_type="snapshot")
    warehouse = Warehouse(engine)

    def take(value: str) -> list[Any]:
        warehouse.build(made, f"select cast(1 as integer) as id, {value} as v")
        return warehouse.rows("select v, dbt_valid_to is null from history order by dbt_valid_from")

    assert take("cast(1 as integer)") == [(1, True)]
    assert take("cast(2 as smallint)") == [(1, False), (2, True)]
    assert take("cast(3 as double precision)") == [(1, False), (2, False), (3, True)]
    before = warehouse.rows("select * from history order by dbt_valid_from")
    for value, said in (
        ("cast(3.5 as double precision)", "3.5 does not fit"),
        ("cast('4' as varchar(3))", "cannot hold"),
    ):
        with pytest.raises(CompileError, match=said):
            take(value)
        assert warehouse.rows("select * from history order by dbt_valid_from") == before
