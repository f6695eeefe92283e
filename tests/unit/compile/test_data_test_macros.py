"""Built-in macros that name things, and those of data tests, run on a real DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from renderings import DuckDB, S, T, rendering, rows, value

from eltbuild.jinja.errors import TemplateError


@pytest.fixture
def duck() -> Iterator[DuckDB]:
    opened = DuckDB()
    yield opened
    opened.database.close()


@pytest.fixture
def filled(duck: DuckDB) -> DuckDB:
    duck.database.execute("create table t (id int, part varchar, n int)")
    duck.database.execute("insert into t values (1, 'a', 10), (2, 'a', 20), (2, 'b', 21), (null, 'a', 30)")
    duck.database.execute(
        "create table s as select * from (values (2, 'a', 99), (3, 'c', 40), (null, 'a', 31)) as v(id, part, n)"
    )
    return duck


@pytest.mark.parametrize(
    ("call", "target", "expected"),
    [
        ("generate_schema_name(none, model)", "dev", "main"),
        ("generate_schema_name(' extra ', model)", "dev", "main_extra"),
        ("generate_schema_name_for_env('extra', model)", "dev", "main"),
        ("generate_schema_name_for_env('extra', model)", "prod", "extra"),
        ("generate_schema_name_for_env(none, model)", "prod", "main"),
        ("generate_alias_name(none, {'name': 'a', 'version': '1.2'})", "dev", "a_v1_2"),
        ("generate_alias_name(' b ', {'name': 'a'})", "dev", "b"),
        ("generate_alias_name(node={'name': 'a', 'version': none})", "dev", "a"),
        ("generate_database_name(none, model)", "dev", "shop"),
        ("generate_database_name(' other ', model)", "dev", "other"),
        ("generate_latest_version_pointer_alias(none, {'name': 'a', 'version': 2})", "dev", "a"),
    ],
)
def test_names(call: str, target: str, expected: str) -> None:
    assert value(call, rendering(target=target)) == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (f"test_unique({T}, 'id')", [(2, 2)]),
        (f"test_not_null({T}, 'id')", [(None,)]),
        (f"test_accepted_values({T}, 'part', ['a'])", [("b", 1)]),
        (f"test_accepted_values({T}, 'n', [10, 20, 30], quote=false)", [(21, 1)]),
        (f"test_accepted_values(model={T}, column_name='id', values=['1'])", [(2, 2)]),
        (f"test_relationships({T}, 'part', {S}, 'part')", [("b",)]),
    ],
)
def test_data_tests_find_their_failures(filled: DuckDB, call: str, expected: list[tuple[Any, ...]]) -> None:
    assert rows(filled, value(call, rendering(introspector=filled))) == expected


def test_quotes_in_accepted_values(duck: DuckDB) -> None:
    duck.database.execute("create table t as select * from (values ('it''s'), ('b')) v(x)")
    for written in ("it's", "it''s"):
        made = rendering()
        made.scope["values"] = [written, "b"]
        assert rows(duck, value(f"test_accepted_values({T}, 'x', values)", made)) == []
    with pytest.raises(TemplateError, match="something in it"):
        value(f"test_accepted_values({T}, 'x', [])", rendering())


def test_kept_failures_have_whole_rows() -> None:
    assert "select *" in value(f"test_not_null({T}, 'id')", rendering(flags={"STORE_FAILURES": True}))
    assert "select id" in value(
        f"test_not_null({T}, 'id')", rendering(config={"store_failures": False}, flags={"STORE_FAILURES": True})
    )


def test_where_makes_a_subquery() -> None:
    assert value(f"get_where_subquery({T})", rendering()) == '"memory"."main"."t"'
    filtered = value(f"get_where_subquery({T})", rendering(config={"where": "id > 1"}))
    assert filtered == '(select * from "memory"."main"."t" where id > 1) dbt_subquery'


def test_failures_are_counted_and_judged(filled: DuckDB) -> None:
    sql = value("get_test_sql('select * from t', 'count(*)', '!= 0', '> 5', 3)", rendering())
    assert rows(filled, sql) == [(3, True, False)]
