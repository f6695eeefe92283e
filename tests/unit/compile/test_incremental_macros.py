"""Built-in macros of incremental models: their text is run on a real DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from renderings import DuckDB, S, T, rendering, rows, run, value

from eltbuild.jinja.errors import TemplateError


@pytest.fixture
def duck() -> Iterator[DuckDB]:
    opened = DuckDB()
    yield opened
    opened.database.close()


ARGUMENTS = (
    f"{{'target_relation': {T}, 'temp_relation': {S}, 'unique_key': KEY,"
    f" 'dest_columns': adapter.get_columns_in_relation({T}), 'incremental_predicates': WHERE}}"
)


@pytest.fixture
def filled(duck: DuckDB) -> DuckDB:
    duck.database.execute("create table t (id int, part varchar, n int)")
    duck.database.execute("insert into t values (1, 'a', 10), (2, 'a', 20), (2, 'b', 21), (null, 'a', 30)")
    duck.database.execute(
        "create table s as select * from (values (2, 'a', 99), (3, 'c', 40), (null, 'a', 31)) as v(id, part, n)"
    )
    return duck


@pytest.mark.parametrize(
    ("strategy", "key", "where", "expected"),
    [
        ("append", "none", "none", "1a10 2a20 2a99 2b21 3c40 Na30 Na31"),
        ("delete_insert", "'id'", "none", "1a10 2a99 3c40 Na30 Na31"),
        ("delete_insert", "['id', 'part']", "none", "1a10 2a99 2b21 3c40 Na30 Na31"),
        ("delete_insert", "['id']", "['n > 20']", "1a10 2a20 2a99 3c40 Na30 Na31"),
        ("delete_insert", "['id', 'part']", "['DBT_INCREMENTAL_TARGET.n > 20']", "1a10 2a20 2a99 2b21 3c40 Na30 Na31"),
        ("merge", "['id', 'part']", "none", "1a10 2a99 2b21 3c40 Na30 Na31"),
        ("merge", "none", "none", "1a10 2a20 2a99 2b21 3c40 Na30 Na31"),
        ("merge", "['id', 'part']", "['DBT_INTERNAL_DEST.n > 50']", "1a10 2a20 2a99 2b21 3c40 Na30 Na31"),
        ("insert_overwrite", "none", "none", "2a99 3c40 Na31"),
        ("insert_overwrite", "none", "['n > 20']", "1a10 2a20 2a99 3c40 Na31"),
        ("default", "'id'", "none", "1a10 2a99 3c40 Na30 Na31"),
        ("default", "none", "none", "1a10 2a20 2a99 2b21 3c40 Na30 Na31"),
    ],
)
def test_strategies(filled: DuckDB, strategy: str, key: str, where: str, expected: str) -> None:
    arguments = ARGUMENTS.replace("KEY", key).replace("WHERE", where)
    run(filled, f"get_incremental_{strategy}_sql({arguments})")
    found = rows(filled, "select id, part, n from t order by id nulls last, part, n")
    assert " ".join(f"{'N' if id is None else id}{part}{n}" for id, part, n in found) == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"merge_update_columns": ["n"]}, [(2, "a", 99)]),
        ({"merge_exclude_columns": ["N"]}, [(2, "a", 20)]),
    ],
)
def test_a_merge_writes_the_columns_that_the_config_names(
    filled: DuckDB, config: dict[str, Any], expected: list[tuple[Any, ...]]
) -> None:
    made = rendering(introspector=filled, config=config)
    run(filled, f"get_merge_sql({T}, {S}, ['id', 'part'], adapter.get_columns_in_relation({T}))", made)
    assert rows(filled, "select * from t where id = 2 and part = 'a'") == expected


def test_merge_columns_cannot_be_named_twice() -> None:
    with pytest.raises(TemplateError, match="cannot both be set"):
        value("get_merge_update_columns(['a'], ['b'], [])", rendering())


def test_a_custom_strategy_of_the_project_is_called_by_the_default() -> None:
    macro = "{% macro duckdb__get_incremental_append_sql(arg_dict) %}mine{% endmacro %}"
    made = rendering(macros={"duckdb__get_incremental_append_sql": macro})
    assert value("get_incremental_default_sql({'unique_key': none})", made) == "mine"


@pytest.mark.parametrize(
    ("config", "flag", "expected"),
    [
        ({}, True, "True"),
        ({"full_refresh": False}, True, "False"),
        ({}, False, "False"),
        ({"full_refresh": True}, False, "True"),
    ],
)
def test_full_refresh(config: dict[str, Any], flag: bool, expected: str) -> None:
    assert value("should_full_refresh()", rendering(config=config, flags={"FULL_REFRESH": flag})) == expected
