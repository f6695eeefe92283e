"""Sessions: what is DuckDB's own way and not asked of every adapter."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow
import pytest
from eltbuild_duckdb import DuckDBAdapter
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.duckdb.conftest import Opened

from eltbuild.adapter import Target
from eltbuild.errors import DatabaseError
from eltbuild.relation import Relation, RelationInfo

MAP = pyarrow.map_(pyarrow.string(), pyarrow.int32())


def at(name: str) -> Relation:
    return Relation("memory", "main", name)


@pytest.mark.parametrize(
    ("sql", "affected", "rows"),
    [
        ("insert into t select 1 from range(3)", 3, ()),
        ("with a as (select 1) insert into t from a", 1, ()),
        ("/* said */ -- before\n;\ninsert into t values (1)", 1, ()),
        ("insert into t values (7) returning a", None, ((7,),)),
        ("merge into t using (select 9 as a) as s on t.a = s.a when not matched then insert (a) values (s.a)", 1, ()),
        ("copy (select 1) to '/dev/null'", 1, ()),
        ("truncate t", 1, ()),
        ("from t", None, ((1,),)),
        ("describe t", None, (("a", "INTEGER", "YES", None, None, None),)),
        ("explain insert into t values (1)", None, None),
        ("call pragma_version()", None, None),
        ("pragma version", None, None),
        ("set threads = 1", None, ()),
        ("checkpoint", None, ()),
        ("create macro f(x) as x + 1", None, ()),
        ("prepare p as insert into t values (1)", None, ()),
        ("vacuum", None, ()),
        ("attach ':memory:' as other", None, ()),
    ],
)
def test_what_statements_answer(opened: Opened, sql: str, affected: int | None, rows: Any) -> None:
    connection = opened().connect()
    connection.execute("create table t as select 1 as a")
    answer = connection.execute(sql)
    assert answer.affected == affected
    if rows is not None:
        assert answer.rows == rows
        assert bool(answer.columns) == bool(rows)
    else:
        assert answer.rows


def test_a_statement_that_duckdb_makes_several_of(opened: Opened) -> None:
    connection = opened().connect()
    connection.execute("create table t as select 1 as k, 2 as v")
    assert connection.execute("pivot t on k using sum(v)").rows == ((2,),)
    assert connection.execute("select 1; pivot t on k using sum(v); select 3 as x").scalar() == 3
    assert connection.execute("select 1 as a; pivot t on k using sum(v);").rows == ((2,),)
    with pytest.raises(DatabaseError):
        connection.execute("pivot no_such_table on k using sum(v); select 1")


@pytest.mark.parametrize(
    "lead", ["", "\n\n", "  ", "-- said\n", "/* said */ ", "/* said\nin /* two */ lines */\n-- and more\n\n  ", ";\n"]
)
@pytest.mark.parametrize(
    "sql",
    [
        "select\n  1 as a,\n  nothing_such\nfrom (select 1 as a) as t",
        "create table x as\nselect nothing_such from (select 1 as a) as t",
        "select * from\n  nothing_such",
        "select nothing_such(1)",
        "select\t1,\t'😀',\tnothing_such\tfrom (select 1 as a) as t",
        "select 1,\r\n-- 世界\r\n  nothing_such from (select 1 as a) as t",
        "select 1;\n/* then */ select 2;\n  select nothing_such from (select 1 as a) as t",
    ],
)
def test_the_place_is_right_behind_any_comment(opened: Opened, lead: str, sql: str) -> None:
    text = lead + sql
    connection = opened().connect()
    with pytest.raises(DatabaseError) as caught:
        connection.execute(text)
    index = text.index("nothing_such")
    line, column = text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)
    assert (caught.value.line, caught.value.column, caught.value.sql) == (line, column, text)
    if ";" not in text:
        query = text if "create" not in text else None
        if query:
            with pytest.raises(DatabaseError) as caught:
                connection.read(query)
            assert (caught.value.line, caught.value.column) == (line, column)
            with pytest.raises(DatabaseError) as caught:
                connection.columns(query)
            assert (caught.value.line, caught.value.column) == (line, column)


BLANKS = [" ", "\n", "\t", "\r\n", " /* ü😀 */ ", "\n-- c 世界\n", " " * 60]
COLUMNS = ["a", "'ü'", "'😀😀'", "a + 1", "cast(a as varchar)", f"'{'x' * 90}'", "sum(a) over ()"]
FORMS = [
    "{}", "create table x as\n(\n{}\n)", "insert into t {}", "/* x */\n{}", "-- c\nselect 1;\n{}", "with c as ({}) from c",
]  # fmt: skip


@given(st.data())
@settings(max_examples=60)
def test_the_place_is_right_in_any_text(data: st.DataObject) -> None:
    columns = data.draw(st.lists(st.sampled_from(COLUMNS), max_size=20))
    columns.insert(data.draw(st.integers(0, len(columns))), "nothing_such")
    blank = data.draw(st.sampled_from(BLANKS))
    query = f"select{blank}{f',{blank}'.join(columns)}{blank}from t"
    sql = data.draw(st.sampled_from(FORMS)).replace("{}", query)
    adapter = DuckDBAdapter(Target("shop", "dev", "duckdb", "memory", "main", fields={"path": ":memory:"}))
    connection = adapter.connect()
    connection.execute("create table t as select 1 as a")
    with pytest.raises(DatabaseError) as caught:
        connection.execute(sql)
    adapter.close()
    index = sql.index("nothing_such")
    assert (caught.value.line, caught.value.column) == (
        sql.count("\n", 0, index) + 1,
        index - sql.rfind("\n", 0, index),
    )


def test_two_sessions_in_conflict(opened: Opened) -> None:
    adapter = opened()
    one, two = adapter.connect(), adapter.connect()
    one.execute("create table t as select 1 as a")

    def both() -> None:
        with one.transaction(), two.transaction():
            one.execute("update t set a = 2")
            two.execute("update t set a = 3")

    with pytest.raises(DatabaseError) as caught:
        both()
    assert caught.value.transient
    assert one.execute("select a from t").scalar() == 1
    with two.transaction():
        two.execute("update t set a = 3")
    assert one.execute("select a from t").scalar() == 3


def test_a_commit_of_the_user_s_own_is_no_error(opened: Opened) -> None:
    connection = opened().connect()
    with connection.transaction():
        connection.execute("create table t as select 1 as a; commit")
    assert connection.execute("select a from t").scalar() == 1


def test_a_transaction_that_the_user_left_open(opened: Opened) -> None:
    connection = opened().connect()
    connection.execute("begin")
    with pytest.raises(DatabaseError) as caught, connection.transaction():
        raise AssertionError
    assert "hook" in caught.value.problems[0].hint
    with connection.transaction():
        connection.execute("create table t as select 1 as a")
    assert connection.execute("select a from t").scalar() == 1


def test_transactions_may_be_switched_off(opened: Opened) -> None:
    connection = opened(disable_transactions=True).connect()

    def work() -> None:
        with connection.transaction():
            connection.execute("create table t as select 1 as a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert connection.execute("select a from t").scalar() == 1


def test_a_session_closed_with_work_undone_frees_the_table(opened: Opened) -> None:
    adapter = opened()
    one, two = adapter.connect(), adapter.connect()
    one.execute("create table t as select 1 as a")
    two.execute("begin; update t set a = 2")
    two.close()
    one.execute("update t set a = 3")
    assert one.execute("select a from t").scalar() == 3


def test_the_catalogue_tells_the_same_by_both_ways(opened: Opened) -> None:
    connection = opened().connect()
    connection.execute(
        """create table "Odd" (
            a integer not null, b decimal(10, 2), e enum('x', 'y'), s struct(a integer, "b c" varchar[]),
            m map(varchar, integer), u union(n integer, t varchar), l integer[3], j json, z timestamptz,
            primary key (a)
        )"""
    )
    connection.execute('create view v as select * from "Odd"')

    def asked() -> list[RelationInfo | None]:
        return [connection.relation(at(name)) for name in ("Odd", "odd", "v", "V", "none", "a.b")]

    looked_up = asked()
    with connection.transaction():
        listed = asked()
    assert looked_up == listed
    assert [info and info.kind for info in listed] == ["table", "table", "view", "view", None, None]


def test_a_comment_made_later_is_seen(opened: Opened) -> None:
    adapter = opened()
    one, two = adapter.connect(), adapter.connect()
    one.execute("create table t as select 1 as a; create table u as select 1 as a")

    def comments() -> list[str]:
        info = one.relation(at("t"))
        assert info is not None
        return [info.comment, info.columns[0].comment]

    assert comments() == ["", ""]
    two.execute("select 1; COMMENT\n ON COLUMN t.a is 'the a'")
    assert comments() == ["", "the a"]
    two.execute("comment on table t is 'the t'")
    assert comments() == ["the t", "the a"]


def test_everything_with_its_columns(opened: Opened) -> None:
    connection = opened().connect()
    connection.execute("create table b as select 1 as y, 'x' as x; comment on column b.x is 'the x'")
    connection.execute("create view a as select 1 as z")
    found = connection.described([Relation("memory", "main", None), Relation("memory", "none", None)])
    assert [(info.relation.identifier, [column.name for column in info.columns]) for info in found] == [
        ("a", ["z"]),
        ("b", ["y", "x"]),
    ]
    assert found[1].columns[1].comment == "the x"
    assert connection.described([]) == ()


def test_temporary_tables_are_found_when_asked_for(opened: Opened) -> None:
    connection = opened().connect()
    connection.execute("create temp table t as select 1 as a; create table t2 as select 1 as b")
    for place in (Relation(None, None, "t"), Relation("temp", "main", "t")):
        info = connection.relation(place)
        assert info is not None
        assert [column.name for column in info.columns] == ["a"]
    info = connection.relation(Relation(None, None, "t2"))
    assert info is not None
    assert info.relation == at("t2")


def test_python_models_have_a_session_of_their_own(opened: Opened) -> None:
    connection = opened().connect()
    connection.execute("create table t as select 41 as a")
    rows = pyarrow.table({"a": [1]})
    session = connection.session
    assert session is connection.session
    assert session.sql("select t.a + rows.a from t, rows").fetchall() == [(42,)]
    assert rows.num_rows == 1
    with pytest.raises(DatabaseError):
        connection.execute("select * from rows")
    relation = connection.table("select * from t")
    assert isinstance(relation, duckdb.DuckDBPyRelation)
    assert connection.load(at("t"), relation.filter("a = 41")) == 1
    assert connection.execute("select count(*) from t").scalar() == 2
    with pytest.raises(DatabaseError, match="no_such"):
        connection.table("select * from no_such")
    connection.close()
    with pytest.raises(DatabaseError):
        _ = connection.session


def test_a_python_model_s_query_is_cancelled_too(opened: Opened) -> None:
    connection = opened().connect()
    session = connection.session
    threading.Timer(0.3, connection.cancel).start()
    started = time.monotonic()
    with pytest.raises(duckdb.InterruptException):
        session.execute("select sum(a.range * b.range) from range(10000000) as a, range(10000000) as b").fetchall()
    assert time.monotonic() - started < 5


def test_statements_are_tried_again_where_the_profile_asks_for_it(opened: Opened, tmp_path: Path) -> None:
    late = tmp_path / "late.csv"
    query = f"select a from read_csv('{late}')"
    with pytest.raises(DatabaseError):
        opened().connect().execute(query)
    connection = opened(retries={"query_attempts": 3}).connect()
    threading.Timer(0.3, late.write_text, ["a\n1\n"]).start()
    assert connection.execute(query).scalar() == 1
    started = time.monotonic()
    with pytest.raises(DatabaseError):
        connection.execute("select bogus")
    assert time.monotonic() - started < 0.5


def test_waiting_for_another_try_is_cut_short(opened: Opened) -> None:
    connection = opened(retries={"query_attempts": 9}).connect()
    threading.Timer(0.2, connection.cancel).start()
    started = time.monotonic()
    with pytest.raises(DatabaseError):
        connection.execute("from read_csv('/no/such.csv')")
    assert time.monotonic() - started < 5


def test_rows_that_could_not_be_loaded_are_let_go(opened: Opened) -> None:
    connection = opened().connect()
    connection.execute("create table t (a integer)")

    def work() -> None:
        with connection.transaction():
            connection.load(at("t"), pyarrow.table({"a": ["no number"]}))

    for _ in range(3):
        with pytest.raises(DatabaseError):
            work()
        with pytest.raises(DatabaseError):
            connection.load(at("t"), pyarrow.table({"a": ["no number"]}))
    assert connection.execute("select count(*) from duckdb_views() where view_name like '%eltbuild%'").scalar() == 0
    assert connection.load(at("t"), pyarrow.table({"A": ["7"]})) == 1


@pytest.mark.parametrize(
    ("array", "kind", "value"),
    [
        (pyarrow.array([[1, 2]]), "integer[]", [1, 2]),
        (pyarrow.array([[1, 2]], pyarrow.list_(pyarrow.int32(), 2)), "integer[2]", (1, 2)),
        (pyarrow.array([{"b": "x", "a": 1}]), "struct(a integer, b varchar)", {"a": 1, "b": "x"}),
        (pyarrow.array([[("k", 1)]], MAP), "map(varchar, integer)", {"k": 1}),
        (pyarrow.array([b"\x00\xff"]), "blob", b"\x00\xff"),
        (pyarrow.array([2**64 - 1], pyarrow.uint64()), "hugeint", 2**64 - 1),
        (pyarrow.array(['{"a": 1}']), "json", '{"a": 1}'),
        (pyarrow.array(["x"]), "enum('x', 'y')", "x"),
    ],
    ids=["list", "array", "struct", "map", "blob", "uint64", "json", "enum"],
)
def test_nested_and_other_types_are_loaded(opened: Opened, array: Any, kind: str, value: Any) -> None:
    connection = opened().connect()
    connection.execute(f"create table t (v {kind})")
    assert connection.load(at("t"), pyarrow.table({"v": array})) == 1
    assert connection.execute("select v from t").scalar() == value


def test_missing_columns_get_their_default(opened: Opened) -> None:
    connection = opened().connect()
    connection.execute("create table t (a integer, b integer default 7, c integer)")
    connection.load(at("t"), pyarrow.table({"a": [1]}))
    assert connection.execute("from t").rows == ((1, 7, None),)
