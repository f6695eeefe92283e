"""Incremental models on a real DuckDB: every strategy ends where a full refresh of what it should hold ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning import NOON, Warehouse, hours, node, statements

from eltbuild.errors import CompileError
from eltbuild.plan.nouns import Load

Row = tuple[int | None, str | None, int | None]
SOME = settings(max_examples=25)
FIELDS = ("id", "kind", "amount")
TYPES = {"id": "integer", "kind": "varchar", "amount": "integer"}

rows = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 4)),
        st.one_of(st.none(), st.sampled_from(["a", "b", ""])),
        st.one_of(st.none(), st.integers(0, 9)),
    ),
    max_size=8,
)
batches = st.lists(rows, min_size=1, max_size=4)


def query_of(batch: Sequence[Row]) -> str:
    """A query for the rows, with their types also where there are none."""
    casts = ", ".join(f"cast(column{i} as {TYPES[name]}) as {name}" for i, name in enumerate(FIELDS))
    values = ", ".join(f"({', '.join(literal(value) for value in row)})" for row in batch) or "(null, null, null)"
    return f"select {casts} from (values {values}) as given(column0, column1, column2){'' if batch else ' where false'}"


def literal(value: object) -> str:
    if value is None:
        return "null"
    return f"'{value}'" if isinstance(value, str) else str(value)


def held(warehouse: Warehouse) -> list[Any]:
    return sorted(warehouse.rows("select id, kind, amount from orders"), key=str)


def run_all(batches: Sequence[Sequence[Row]], **config: Any) -> Warehouse:
    warehouse = Warehouse()
    model = node({"materialized": "incremental", **config})
    for batch in batches:
        warehouse.build(model, query_of(batch))
    return warehouse


def one_per_key(batch: Sequence[Row], keys: Sequence[int]) -> list[Row]:
    """The batch without a second row of one key, which a merge may refuse."""
    return list({tuple(row[i] for i in keys): row for row in batch}.values())


def key_indexes(keys: Sequence[str]) -> list[int]:
    return [FIELDS.index(key) for key in keys]


@SOME
@given(batches)
def test_append_holds_every_row(batches: list[list[Row]]) -> None:
    warehouse = run_all(batches, incremental_strategy="append")
    assert held(warehouse) == sorted((row for batch in batches for row in batch), key=str)


@SOME
@given(batches, st.sampled_from([["id"], ["id", "kind"], ["kind", "amount"]]))
def test_delete_insert_holds_the_last_rows_of_each_key(batches: list[list[Row]], keys: list[str]) -> None:
    warehouse = run_all(batches, incremental_strategy="delete+insert", unique_key=keys)
    at = key_indexes(keys)
    expected: list[Row] = []
    for batch in batches:
        again = {tuple(row[i] for i in at) for row in batch}
        expected = [row for row in expected if tuple(row[i] for i in at) not in again] + batch
    assert held(warehouse) == sorted(expected, key=str)


@SOME
@given(batches)
def test_delete_insert_by_an_expression_matches_null_with_null(batches: list[list[Row]]) -> None:
    warehouse = run_all(batches, incremental_strategy="delete+insert", unique_key="id % 2")
    expected: list[Row] = []
    for batch in batches:
        again = {None if row[0] is None else row[0] % 2 for row in batch}
        expected = [row for row in expected if (None if row[0] is None else row[0] % 2) not in again] + batch
    assert held(warehouse) == sorted(expected, key=str)


@SOME
@given(batches, st.sampled_from([["id"], ["id", "kind"]]))
def test_merge_holds_the_last_row_of_each_key(batches: list[list[Row]], keys: list[str]) -> None:
    at = key_indexes(keys)
    unique = [one_per_key(batch, at) for batch in batches]
    warehouse = run_all(unique, incremental_strategy="merge", unique_key=keys)
    assert held(warehouse) == sorted(one_per_key([row for batch in unique for row in batch], at), key=str)


@SOME
@given(batches)
def test_insert_overwrite_holds_the_last_of_each_partition(batches: list[list[Row]]) -> None:
    warehouse = run_all(batches, incremental_strategy="insert_overwrite", partition_by="kind")
    expected: list[Row] = []
    for batch in batches:
        again = {row[1] for row in batch}
        expected = [row for row in expected if row[1] not in again] + batch
    assert held(warehouse) == sorted(expected, key=str)


@SOME
@given(batches)
def test_insert_overwrite_without_partitions_holds_the_last_batch(batches: list[list[Row]]) -> None:
    warehouse = run_all(batches, incremental_strategy="insert_overwrite")
    assert held(warehouse) == sorted(batches[-1], key=str)


@SOME
@given(st.lists(st.tuples(st.integers(0, 47), st.integers(0, 9)), max_size=20), st.permutations(range(4)))
def test_microbatches_in_any_order_and_again_equal_one_build(events: list[tuple[int, int]], order: list[int]) -> None:
    warehouse = Warehouse()
    warehouse.connection.execute("create table events(happened timestamp, v integer)")
    for hour, value in events:
        warehouse.connection.execute(
            "insert into events values ($1::timestamp + to_hours($2), $3)", [NOON, hour, value]
        )
    model = node({"materialized": "incremental", "incremental_strategy": "microbatch", "event_time": "happened"})
    for number in [*order, *order]:
        batch = hours(12 * number, 12 * number + 12)
        window = f"happened >= '{batch.start:%Y-%m-%d %H:%M}' and happened < '{batch.end:%Y-%m-%d %H:%M}'"
        warehouse.build(model, f"select * from events where {window}", batch=batch)
    assert not warehouse.rows("(from orders except all from events) union all (from events except all from orders)")


def test_first_build_and_full_refresh_are_one_statement_and_ask_no_columns() -> None:
    warehouse = Warehouse()
    model = node({"materialized": "incremental", "unique_key": "id"})
    assert len(warehouse.build(model, query_of([(1, "a", 1)]))) == 1
    operations = warehouse.build(model, query_of([(2, "b", 2)]), full_refresh=True)
    assert len(operations) == 1
    assert held(warehouse) == [(2, "b", 2)]


def test_append_and_merge_are_one_statement() -> None:
    for config in ({"incremental_strategy": "append"}, {"incremental_strategy": "merge", "unique_key": "id"}):
        warehouse, model = Warehouse(), node({"materialized": "incremental", **config})
        warehouse.build(model, query_of([(1, "a", 1)]))
        assert len(warehouse.build(model, query_of([(1, "a", 2)]))) == 1


def test_a_query_over_its_own_table_sees_it_as_it_was() -> None:
    for strategy in ("append", "delete+insert", "merge", "insert_overwrite", "microbatch"):
        warehouse = Warehouse()
        config = {
            "incremental_strategy": strategy,
            "unique_key": "id",
            "event_time": "happened",
            "materialized": "incremental",
        }
        warehouse.connection.execute("create table orders as select 1 as id, timestamp '2026-01-01 12:30' as happened")
        warehouse.build(
            node(config), "select max(id) + 1 as id, max(happened) as happened from orders", batch=hours(0, 1)
        )
        assert warehouse.rows("select max(id) from orders") == [(2,)], strategy


def test_merge_refuses_two_new_rows_of_one_key() -> None:
    warehouse = Warehouse()
    model = node({"materialized": "incremental", "incremental_strategy": "merge", "unique_key": "id"})
    warehouse.build(model, query_of([(1, "a", 1)]))
    with pytest.raises(Exception, match="same target row"):
        warehouse.build(model, query_of([(1, "b", 1), (1, "c", 1)]))
    assert held(warehouse) == [(1, "a", 1)]


@pytest.mark.parametrize("strategy", ["append", "delete+insert", "merge"])
@pytest.mark.parametrize("mode", ["ignore", "append_new_columns", "sync_all_columns"])
def test_a_new_column(strategy: str, mode: str) -> None:
    """The tables that dbt makes, but for merge under `ignore`, which fails there."""
    warehouse = Warehouse()
    key = None if strategy == "append" else "id"
    config = {"incremental_strategy": strategy, "on_schema_change": mode, "unique_key": key}
    model = node({"materialized": "incremental", **config})
    warehouse.build(model, "select 1 as id, 'a' as a, 1 as c")
    warehouse.build(model, "select 1 as id, 5::bigint as new, 'b' as a, 2 as c")
    new, old = ((1, "b", 2), (1, "a", 1)) if mode == "ignore" else ((1, "b", 2, 5), (1, "a", 1, None))
    assert sorted(warehouse.rows("from orders"), key=str) == sorted([new] if key else [new, old], key=str)


@pytest.mark.parametrize("strategy", ["append", "delete+insert", "merge"])
def test_a_column_that_is_gone(strategy: str) -> None:
    expected = {
        "append": [(1, "a", 1), (1, None, 2)],
        "delete+insert": [(1, None, 2)],
        "merge": [(1, "a", 2)],
    }[strategy]
    for mode in ("append_new_columns", "sync_all_columns", "ignore"):
        warehouse = Warehouse()
        config = {"incremental_strategy": strategy, "on_schema_change": mode, "materialized": "incremental"}
        model = node(config if strategy == "append" else {**config, "unique_key": "id"})
        warehouse.build(model, "select 1 as id, 'a' as a, 1 as c")
        if mode == "ignore" and strategy != "merge":
            with pytest.raises(CompileError, match="no longer gives `a`"):
                warehouse.build(model, "select 1 as id, 2 as c")
            continue
        warehouse.build(model, "select 1 as id, 2 as c")
        kept = [(row[0], row[2]) for row in expected] if mode == "sync_all_columns" else expected
        assert sorted(warehouse.rows("from orders"), key=str) == sorted(kept, key=str)


def test_another_type_is_taken_over_by_sync_alone() -> None:
    for mode in ("sync_all_columns", "append_new_columns", "fail"):
        warehouse = Warehouse()
        model = node({"materialized": "incremental", "unique_key": "id", "on_schema_change": mode})
        warehouse.build(model, "select 1 as id, 1 as c union all select 2, 2")
        if mode == "sync_all_columns":
            warehouse.build(model, "select 1 as id, 200000000000 as c")
            assert warehouse.rows("select id, c, typeof(c) from orders order by id") == [
                (1, 200000000000, "BIGINT"),
                (2, 2, "BIGINT"),
            ]
            continue
        with pytest.raises(Exception, match="INTEGER -> BIGINT" if mode == "fail" else "out of range"):
            warehouse.build(model, "select 1 as id, 200000000000 as c")
        assert warehouse.rows("select id, c from orders order by id") == [(1, 1), (2, 2)]


def test_columns_are_matched_without_letter_case() -> None:
    warehouse = Warehouse()
    model = node({"materialized": "incremental", "unique_key": "id", "on_schema_change": "fail"})
    warehouse.build(model, "select 1 as Id, 'a' as a")
    warehouse.build(model, "select 'b' as A, 1 as \"iD\"")
    assert warehouse.rows("from orders") == [(1, "b")]


def test_predicates_narrow_what_is_replaced() -> None:
    warehouse = Warehouse()
    config = {
        "materialized": "incremental",
        "unique_key": "id",
        "incremental_predicates": ["DBT_INTERNAL_DEST.amount > 5"],
    }
    warehouse.build(node(config), query_of([(1, "old", 1), (1, "new", 9)]))
    warehouse.build(node(config), query_of([(1, "next", 7)]))
    assert held(warehouse) == [(1, "next", 7), (1, "old", 1)]


def test_merge_clauses_and_conditions() -> None:
    warehouse = Warehouse()
    base = {"materialized": "incremental", "incremental_strategy": "merge", "unique_key": "id"}
    warehouse.build(node(base), query_of([(1, "a", 1), (2, "b", 5), (3, "c", 3)]))
    config = {**base, "merge_update_condition": "DBT_INTERNAL_SOURCE.amount > DBT_INTERNAL_DEST.amount"}
    warehouse.build(node(config), query_of([(1, "A", 2), (2, "B", 4)]))
    assert held(warehouse) == [(1, "A", 2), (2, "b", 5), (3, "c", 3)]
    clauses = {
        "when_matched": [{"action": "delete", "condition": "DBT_INTERNAL_SOURCE.amount is null"}, {"action": "update"}],
        "when_not_matched_by_source": [{"action": "update", "update": {"set_expressions": {"amount": "0"}}}],
    }
    warehouse.build(node({**base, "merge_clauses": clauses}), query_of([(1, "x", None), (2, "y", 6)]))
    assert held(warehouse) == [(2, "y", 6), (3, "c", 0)]


def test_rows_of_a_python_model() -> None:
    for strategy, expected in {
        "append": [(1, "a"), (1, "b"), (2, "c")],
        "delete+insert": [(1, "b"), (2, "c")],
        "merge": [(1, "b"), (2, "c")],
    }.items():
        warehouse = Warehouse()
        model = node(
            {"materialized": "incremental", "unique_key": "id", "incremental_strategy": strategy}, language="python"
        )
        warehouse.build(model, rows=pyarrow.table({"id": [1], "name": ["a"]}))
        warehouse.build(model, rows=pyarrow.table({"id": [1, 2], "name": ["b", "c"]}))
        assert sorted(warehouse.rows("from orders")) == expected
        warehouse.build(model, rows=pyarrow.table({"id": [7], "name": ["z"]}), empty=True)
        assert sorted(warehouse.rows("from orders")) == expected


HOSTILE = [
    'we"ird',
    "it's; drop table x; --",
    "sélect",
    "from",
    " spaced out ",
    "a.b",
    "\\back",
    "{{ jinja }}",
    "%s",
    "🦆",
]


@given(st.lists(st.sampled_from(HOSTILE), min_size=2, max_size=4, unique=True), st.sampled_from(HOSTILE))
@settings(max_examples=10)
def test_hostile_names_are_only_names(columns: list[str], table: str) -> None:
    quoted = ['"' + name.replace('"', '""') + '"' for name in columns]
    given = ", ".join(f"{number} as {name}" for number, name in enumerate(quoted))
    for strategy in ("append", "delete+insert", "merge"):
        warehouse = Warehouse()
        config = {"materialized": "incremental", "incremental_strategy": strategy, "unique_key": columns[:1]}
        for _ in range(2):
            warehouse.build(node(config, table), f"select {given}")
        place = '"' + table.replace('"', '""') + '"'
        assert len(warehouse.rows(f"from {place}")) == (2 if strategy == "append" else 1)


def test_a_staged_run_has_five_operations_at_most() -> None:
    warehouse, model = Warehouse(), node({"materialized": "incremental", "unique_key": ["id", "kind"]})
    warehouse.build(model, query_of([(1, "a", 1)]))
    operations = warehouse.build(model, query_of([(1, "a", 2)]))
    assert [operation.label for operation in operations] == ["stage", "delete", "main", "drop"]
    assert not any(isinstance(operation, Load) for operation in operations)
    assert len(statements(operations)) == 4
