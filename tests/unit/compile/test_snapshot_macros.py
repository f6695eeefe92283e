"""Built-in macros of snapshots: what a table holds after they have run on a real DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from renderings import DuckDB, rendering, rows, value

from eltbuild.jinja.errors import TemplateError


@pytest.fixture
def duck() -> Iterator[DuckDB]:
    opened = DuckDB()
    yield opened
    opened.database.close()


def snapshot(duck: DuckDB, kind: str, config: dict[str, Any], source: str) -> None:
    """What a snapshot's run does, by the macros alone: make the table, or stage and merge."""
    made = rendering(introspector=duck, config=config)
    scope = made.scope
    scope["strategy"] = scope[f"snapshot_{kind}_strategy"](
        {"compiled_code": source},
        "snapshotted_data",
        "source_data",
        config,
        bool(rows(duck, "from duckdb_tables() where table_name = 'orders'")),
    )
    scope["code"] = source
    if not rows(duck, "select 1 from information_schema.tables where table_name = 'orders'"):
        duck.database.execute(f"create table orders as {value('build_snapshot_table(strategy, code)', made)}")
        return
    scope["target"] = scope["api"].Relation.create("memory", "main", "orders", type="table")
    scope["staging"] = scope["build_snapshot_staging_table"](scope["strategy"], source, scope["target"])
    names = [
        column[0]
        for column in rows(
            duck,
            "select column_name from information_schema.columns where table_name = 'orders' order by ordinal_position",
        )
    ]
    scope["names"] = names
    duck.database.execute(value("snapshot_merge_sql(target, staging, names)", made))


def history(duck: DuckDB, *more: str) -> list[tuple[Any, ...]]:
    columns = ", ".join(("id", "v", "dbt_valid_from::date::varchar", "dbt_valid_to::date::varchar", *more))
    return rows(duck, f"select {columns} from orders order by id, dbt_valid_from, v")


DAYS = "select * from (values {}) as s(id, v, upd)"


def test_snapshot_by_timestamp(duck: DuckDB) -> None:
    config = {"unique_key": "id", "updated_at": "upd"}
    snapshot(
        duck, "timestamp", config, DAYS.format("(1, 'a', timestamp '2020-01-01'), (2, 'b', timestamp '2020-01-01')")
    )
    snapshot(
        duck,
        "timestamp",
        config,
        DAYS.format(
            "(1, 'A', timestamp '2020-02-01'), (2, 'B', timestamp '2020-01-01'), (3, 'c', timestamp '2020-02-01')"
        ),
    )
    assert history(duck) == [
        (1, "a", "2020-01-01", "2020-02-01"),
        (1, "A", "2020-02-01", None),
        (2, "b", "2020-01-01", None),
        (3, "c", "2020-02-01", None),
    ]
    assert rows(duck, "select dbt_scd_id = md5('1|2020-01-01 00:00:00') from orders where v = 'a'") == [(True,)]
    snapshot(duck, "timestamp", config, DAYS.format("(1, 'A', timestamp '2020-02-01')"))
    assert len(history(duck)) == 4


@pytest.mark.parametrize(
    ("hard", "expected"),
    [
        ("ignore", [(1, "a", False), (2, "b", False)]),
        ("invalidate", [(1, "a", False), (2, "b", True)]),
        ("new_record", [(1, "a", False), (2, "b", True), (2, "b", False)]),
    ],
)
def test_rows_that_vanish(duck: DuckDB, hard: str, expected: list[tuple[Any, ...]]) -> None:
    config = {"unique_key": ["id"], "updated_at": "upd", "hard_deletes": hard}
    both = DAYS.format("(1, 'a', timestamp '2020-01-01'), (2, 'b', timestamp '2020-01-01')")
    one = DAYS.format("(1, 'a', timestamp '2020-01-01')")
    snapshot(duck, "timestamp", config, both)
    snapshot(duck, "timestamp", config, one)
    snapshot(duck, "timestamp", config, one)
    found = rows(duck, "select id, v, dbt_valid_to is not null from orders order by id, dbt_valid_from")
    assert found == expected
    if hard == "new_record":
        flags = rows(duck, "select dbt_is_deleted from orders where id = 2 order by dbt_valid_from")
        assert flags == [("False",), ("True",)]
        snapshot(duck, "timestamp", config, both)
        last = rows(duck, "select dbt_is_deleted from orders where id = 2 and dbt_valid_to is null")
        assert last == [("False",)]


def test_snapshot_by_check(duck: DuckDB) -> None:
    config: dict[str, Any] = {"unique_key": "id", "check_cols": ["v"]}
    pairs = "select * from (values {}) as s(id, v, w)"
    snapshot(duck, "check", config, pairs.format("(1, 'a', 1), (2, null, 1), (3, 'c', 1)"))
    snapshot(duck, "check", config, pairs.format("(1, 'a', 2), (2, 'b', 1), (3, null, 1)"))
    found = rows(duck, "select id, v, dbt_valid_to is null from orders order by id, dbt_valid_to nulls last")
    assert found == [(1, "a", True), (2, None, False), (2, "b", True), (3, "c", False), (3, None, True)]
    snapshot(duck, "check", {**config, "check_cols": "all"}, pairs.format("(1, 'a', 9), (2, 'b', 1), (3, null, 1)"))
    assert rows(duck, "select id from orders where dbt_valid_to is not null order by 1") == [(1,), (2,), (3,)]


def test_a_row_that_is_valid_has_the_end_that_the_config_gives(duck: DuckDB) -> None:
    config = {"unique_key": "id", "updated_at": "upd", "dbt_valid_to_current": "timestamp '9999-12-31'"}
    snapshot(duck, "timestamp", config, DAYS.format("(1, 'a', timestamp '2020-01-01')"))
    snapshot(duck, "timestamp", config, DAYS.format("(1, 'b', timestamp '2020-02-01')"))
    assert history(duck) == [(1, "a", "2020-01-01", "2020-02-01"), (1, "b", "2020-02-01", "9999-12-31")]


def test_strategies_are_found_by_name() -> None:
    made = rendering(macros={"snapshot_mine_strategy": "{% macro snapshot_mine_strategy() %}found{% endmacro %}"})
    assert value("strategy_dispatch('mine')()", made) == "found"
    assert value("strategy_dispatch('shop.mine')()", made) == "found"
    with pytest.raises(TemplateError, match="no snapshot strategy `other`"):
        value("strategy_dispatch('other')", made)
