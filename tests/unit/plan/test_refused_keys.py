"""Keys that come more than once where one row for each is meant: refused before anything is written, on every engine

in the same words."""

from __future__ import annotations

from typing import Any

import pytest
from planning import ENGINES, Warehouse, node

from eltbuild.errors import CompileError

KEYED: dict[str, Any] = {"materialized": "incremental", "incremental_strategy": "merge", "unique_key": "id"}
DATA = "select cast(id as integer) as id, cast(name as varchar(5)) as name from (values {}) as given(id, name)"


def rows(values: str) -> str:
    return DATA.format(values)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("standing", ["(7, 'x'), (8, 'y')", "(1, 'x')"])
def test_merge_refuses_two_new_rows_of_one_key(engine: str, standing: str) -> None:
    """Also where no row of that key stands, for which MERGE itself would insert both."""
    warehouse, model = Warehouse(engine), node(KEYED)
    warehouse.build(model, rows(standing))
    before = warehouse.rows("select * from orders order by id")
    with pytest.raises(CompileError) as caught:
        warehouse.build(
            model, rows("(7, 'a'), (9, 'b'), (7, 'c'), (5, 'd'), (9, 'e'), (7, 'f'), (null, 'g'), (null, 'h')")
        )
    problem = caught.value.problems[0]
    assert problem.message == (
        "the unique_key (id) of `orders` comes more than once in the new rows: 7 (3 times), 9 (2 times), NULL (2 times)"
    )
    assert "delete+insert" in problem.hint
    assert warehouse.rows("select * from orders order by id") == before


@pytest.mark.parametrize("engine", ENGINES)
def test_a_key_of_several_columns_is_told_whole_and_many_are_counted(engine: str) -> None:
    warehouse, model = Warehouse(engine), node({**KEYED, "unique_key": ["name", "id"]})
    warehouse.build(model, rows("(1, 'a')"))
    with pytest.raises(CompileError) as caught:
        warehouse.build(model, rows(", ".join(f"({number}, 'a')" for number in [*range(1200), *range(1200), 3])))
    assert str(caught.value).startswith(
        "the unique_key (name, id) of `orders` comes more than once in the new rows: ('a', 3) (3 times), ('a', 0) (2"
        " times), ('a', 1) (2 times), ('a', 2) (2 times), ('a', 4) (2 times) and 1,195 more\n"
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_two_keys_that_become_one_in_the_tables_type_are_no_two_keys(engine: str) -> None:
    warehouse, model = Warehouse(engine), node(KEYED)
    warehouse.build(model, "select cast(1 as integer) as id")
    with pytest.raises(CompileError, match=r"1\.4 does not fit"):
        warehouse.build(model, "select cast(1.4 as double precision) as id union all select 1")


@pytest.mark.parametrize("engine", ENGINES)
def test_custom_clauses_are_no_way_around(engine: str) -> None:
    clauses = {"when_matched": [{"action": "do_nothing"}], "when_not_matched": [{"action": "insert"}]}
    warehouse, model = Warehouse(engine), node({**KEYED, "merge_clauses": clauses})
    warehouse.build(model, rows("(1, 'a')"))
    warehouse.build(model, rows("(1, 'b'), (2, 'c')"))
    with pytest.raises(CompileError, match=r"3 \(2 times\)"):
        warehouse.build(model, rows("(3, 'd'), (3, 'd')"))
    assert warehouse.rows("select * from orders order by id") == [(1, "a"), (2, "c")]


@pytest.mark.parametrize("engine", ENGINES)
def test_delete_insert_replaces_the_rows_of_a_key_as_a_group(engine: str) -> None:
    warehouse, model = Warehouse(engine), node({**KEYED, "incremental_strategy": "delete+insert"})
    warehouse.build(model, rows("(1, 'a'), (1, 'b'), (null, 'c'), (2, 'd')"))
    warehouse.build(model, rows("(1, 'e'), (null, 'f'), (null, 'g')"))
    assert sorted(warehouse.rows("select * from orders"), key=str) == [(1, "e"), (2, "d"), (None, "f"), (None, "g")]


# Snapshots

SNAPSHOT = {"materialized": "snapshot", "strategy": "check", "check_cols": ["name"], "unique_key": "id"}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("deletes", ["ignore", "invalidate", "new_record"])
def test_a_snapshot_tells_keys_that_repeat_and_records_them(engine: str, deletes: str) -> None:
    warehouse = Warehouse(engine)
    model = node({**SNAPSHOT, "hard_deletes": deletes}, "history", resource_type="snapshot")
    wrong = rows("(1, 'a'), (2, 'b'), (2, 'b'), (2, 'c'), (null, 'd'), (null, 'e')")
    warehouse.build(model, wrong)
    said = "the unique_key (id) of `history` comes more than once in its query: 2 (3 times), NULL (2 times)"
    assert [problem.message for problem in warehouse.warned] == [said]
    assert warehouse.rows("select count(*) from history") == [(6,)]
    warehouse.build(model, wrong)
    assert [problem.message for problem in warehouse.warned] == [said, said]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_snapshot_by_two_columns_and_an_expression(engine: str) -> None:
    warehouse = Warehouse(engine)
    model = node({**SNAPSHOT, "unique_key": ["id % 2", "name"]}, "history", resource_type="snapshot")
    warehouse.build(model, rows("(1, 'a'), (2, 'a')"))
    assert not warehouse.warned
    warehouse.build(model, rows("(1, 'a'), (2, 'a'), (3, 'a')"))
    assert "(id % 2, name) of `history` comes more than once in its query: (1, 'a')" in warehouse.warned[0].message
