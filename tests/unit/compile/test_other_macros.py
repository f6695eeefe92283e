"""Built-in macros of grants, comments, indexes, hooks, seeds and the catalogue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from renderings import DuckDB, T, rendering, rows, text, value

from eltbuild.jinja.errors import TemplateError


@pytest.fixture
def duck() -> Iterator[DuckDB]:
    opened = DuckDB()
    yield opened
    opened.database.close()


# Grants, comments, indexes ----------------------------------------------------------------------------------


def test_grants_as_text() -> None:
    made = rendering("postgres")
    assert value(f"get_grant_sql({T}, 'select', ['a', 'b'])", made) == 'grant select on "memory"."main"."t" to a, b'
    assert value(f"get_revoke_sql({T}, 'select', ['a'])", made) == 'revoke select on "memory"."main"."t" from a'
    lists = f"get_dcl_statement_list({T}, {{'select': ['a', 'b'], 'insert': []}}, get_grant_sql) | length"
    assert value(lists, made) == "1"
    assert value(lists, rendering("databricks")) == "2"


def test_only_the_difference_of_grants_is_applied(duck: DuckDB) -> None:
    rights = "select * from (values ('a', 'SELECT'), ('old', 'SELECT')) v(grantee, privilege_type)"
    show = "{% macro get_show_grant_sql(relation) %}" + rights + "{% endmacro %}"
    call = "{% macro call_dcl_statements(statements) %}{% do log(statements | join(' | ')) %}{% endmacro %}"
    made = rendering("postgres", duck, macros={"get_show_grant_sql": show, "call_dcl_statements": call})
    said: list[str] = []
    made.scope["log"] = said.append
    value(f"apply_grants({T}, {{'select': ['A', 'new']}}, should_revoke=true)", made)
    assert said == [
        'revoke SELECT on "memory"."main"."t" from old | grant select on "memory"."main"."t" to new'.replace(
            "SELECT", "select"
        )
    ]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("should_revoke(none, true)", "False"),
        (f"should_revoke({T}, false)", "True"),
        (f"should_revoke({T}, true)", "False"),
    ],
)
def test_should_revoke(call: str, expected: str) -> None:
    assert value(call, rendering("postgres")) == expected


def test_descriptions_become_comments(duck: DuckDB) -> None:
    duck.database.execute('create table t (id int, "Name" varchar)')
    made = rendering(introspector=duck, config={"persist_docs": {"relation": True, "columns": True}})
    made.scope["described"] = {
        "description": "it's $dbt$ -- all",
        "columns": {
            "ID": {"name": "ID", "description": "the id's"},
            "Name": {"name": "Name", "description": "who", "quote": True},
            "gone": {"name": "gone", "description": "nothing"},
        },
    }
    value(f"persist_docs({T}, described)", made)
    assert rows(duck, "select comment from duckdb_tables()") == [("it's $dbt$ -- all",)]
    assert rows(duck, "select comment from duckdb_columns() where table_name = 't' order by column_index") == [
        ("the id's",),
        ("who",),
    ]


def test_indexes(duck: DuckDB) -> None:
    duck.database.execute("create table t as select 1 as id")
    made = rendering(introspector=duck, config={"indexes": [{"columns": ["id"], "unique": True}]})
    value(f"create_indexes({T})", made)
    assert rows(duck, "select is_unique from duckdb_indexes()") == [(True,)]
    assert " using hash (id)" in value(
        f"get_create_index_sql({T}, {{'columns': ['id'], 'type': 'hash'}})", rendering("postgres")
    )
    with pytest.raises(TemplateError, match="list of `columns`"):
        value(f"get_create_index_sql({T}, {{'columns': 'id'}})", made)


# Hooks, headers, previews -----------------------------------------------------------------------------------


def test_hooks_run_on_their_side_of_the_transaction(duck: DuckDB) -> None:
    duck.database.execute("create table log (what varchar)")
    made = rendering(introspector=duck)
    made.scope["hooks"] = [
        "insert into log values ('plain {{ this.identifier }}')",
        {"sql": "insert into log values ('outside')", "transaction": False},
        value("before_begin(\"insert into log values ('before')\")", made),
        "{{ '' }}",
    ]
    value("run_hooks(hooks, inside_transaction=False)", made)
    assert rows(duck, "from log") == [("outside",), ("before",)]
    value("run_hooks(hooks)", made)
    assert rows(duck, "from log")[2:] == [("plain orders",)]


def test_hooks_as_text() -> None:
    made = rendering()
    assert json.loads(value("after_commit('select 1')", made)) == {"sql": "select 1", "transaction": False}
    assert json.loads(value("in_transaction('select 1')", made)) == {"sql": "select 1", "transaction": True}


def test_set_sql_header() -> None:
    made = rendering()
    text("{% call set_sql_header(config) %}set x = 1;{% endcall %}", made)
    assert made.config == {"sql_header": "set x = 1;"}


def test_previews() -> None:
    made = rendering()
    assert value("get_show_sql('select 1', none, 5)", made) == "select 1\nlimit 5\n"
    assert value("get_show_sql('select 1', 'set x = 1;', none)", made) == "set x = 1;\nselect 1"


# Seeds and the catalogue ------------------------------------------------------------------------------------


def test_seeds_are_created_and_filled(duck: DuckDB) -> None:
    made = rendering(introspector=duck)
    made.scope["table"] = made.scope["run_query"](
        "select 1 as id, 'it''s' as name, true as ok, null as nothing, 1.50 as d"
    )
    made.scope["seed"] = {"config": {"column_types": {"id": "bigint"}}}
    made.scope["this"] = made.scope["api"].Relation.create("memory", "main", "orders")
    value("create_csv_table(seed, table)", made)
    value("load_csv_rows(seed, table)", made)
    assert rows(duck, "select id, name, ok::varchar, nothing, typeof(id) from orders") == [
        (1, "it's", "true", None, "BIGINT")
    ]
    value("reset_csv_table(seed, false, this, table)", made)
    assert rows(duck, "select count(*) from orders") == [(0,)]
    assert value("get_seed_column_quoted_csv({'config': {'quote_columns': false}}, ['a', 'b'])", made) == "a, b"


def test_the_catalogue_is_a_table(duck: DuckDB) -> None:
    duck.database.execute("create table t as select 1 as id")
    made = rendering(introspector=duck)
    call = "get_catalog(api.Relation.create(database='memory').information_schema(), ['MAIN'])"
    assert value(f"{call}.rows[0].values()", made).startswith(
        "('memory', 'main', 't', 'BASE TABLE', None, 'id', 1, 'INTEGER'"
    )
    assert value(f"get_catalog_for_single_relation({T}).rows | length", made) == "1"
    assert value("check_schema_exists('memory', 'main').rows[0][0]", made) == "1"
    assert value("check_schema_exists('memory', 'nowhere').rows[0][0]", made) == "0"
    assert value("check_schema_exists(information_schema_name('memory'), 'main').rows[0][0]", made) == "1"
    assert "main" in value("list_schemas('memory').columns[0].values()", made)


def test_freshness_is_asked(duck: DuckDB) -> None:
    duck.database.execute(
        "create table t as select timestamp '2020-01-01' as upd union all select timestamp '2020-01-02'"
    )
    made = rendering(introspector=duck)
    made.scope["result"] = made.scope["collect_freshness"](value(T, made), "upd", "upd < '2020-01-02'")
    assert value("result.table.rows[0]['max_loaded_at']", made) == "2020-01-01 00:00:00"
    made.scope["result"] = made.scope["collect_freshness_custom_sql"](value(T, made), "select max(upd) from t")
    assert value("result.table.rows[0][0]", made) == "2020-01-02 00:00:00"


def test_schemas_are_created_and_dropped(duck: DuckDB) -> None:
    made = rendering(introspector=duck)
    made.scope["place"] = made.scope["api"].Relation.create("memory", "extra", "t")
    value("create_schema(place)", made)
    assert value("check_schema_exists('memory', 'extra').rows[0][0]", made) == "1"
    value("drop_schema(place)", made)
    assert value("check_schema_exists('memory', 'extra').rows[0][0]", made) == "0"


# Python code -------------------------------------------------------------------------------------------------


def test_the_code_behind_a_python_model_runs() -> None:
    made = rendering(config={"limit": 5})
    made.scope["ref"] = lambda *names, v=None: f"relation of {'.'.join(names)}"
    made.scope["source"] = lambda *names: f"source of {'.'.join(names)}"
    made.scope["given"] = {
        "refs": [{"name": "a", "package": None, "version": None}, {"name": "b", "package": "p", "version": 2}],
        "sources": [["raw", "t"]],
        "config": {"limit": 5, "config_keys_used": ["limit", "other"], "config_keys_defaults": [1, 2]},
    }
    names: dict[str, Any] = {}
    exec(value("py_script_postfix(given)", made), names)
    dbt = names["dbtObj"](str.upper)
    assert dbt.ref("a") == "RELATION OF A"
    assert dbt.ref("p", "b", v=2) == "RELATION OF P.B"
    assert dbt.source("raw", "t") == "SOURCE OF RAW.T"
    assert (dbt.config.get("limit"), dbt.config.get("other"), dbt.config.get("none", 7)) == (5, 2, 7)
    assert (dbt.this.identifier, dbt.is_incremental) == ("orders", False)
