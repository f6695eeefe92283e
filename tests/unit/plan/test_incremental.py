"""Incremental models on a real DuckDB: operations, columns, configs of merge, rows of Python models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow
from hypothesis import given, settings
from hypothesis import strategies as st
from planning import Warehouse, hours, node, statements

from eltbuild.plan.nouns import Load

Row = tuple[int | None, str | None, int | None]
FIELDS = ("id", "kind", "amount")
TYPES = {"id": "integer", "kind": "varchar", "amount": "integer"}


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


def test_first_build_and_full_refresh_are_one_statement_and_ask_no_columns() -> None:
    warehouse = Warehouse()
    model = node({"materialized": "incremental", "unique_key": "id"})
    assert len(warehouse.build(model, query_of([(1, "a", 1)]))) == 1
    operations = warehouse.build(model, query_of([(2, "b", 2)]), full_refresh=True)
    assert len(operations) == 1
    assert held(warehouse) == [(2, "b", 2)]


def test_append_is_one_statement_and_merge_looks_at_its_rows_first() -> None:
    labels = []
    for config in ({"incremental_strategy": "append"}, {"incremental_strategy": "merge", "unique_key": "id"}):
        warehouse, model = Warehouse(), node({"materialized": "incremental", **config})
        warehouse.build(model, query_of([(1, "a", 1)]))
        labels.append([operation.label for operation in warehouse.build(model, query_of([(1, "a", 2)]))])
    assert labels == [["main"], ["stage", "check", "main", "drop"]]


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
