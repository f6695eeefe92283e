"""Each capability is tried: what is claimed works, what is not claimed does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from tempfile import TemporaryDirectory

import pytest
from conformance.bench import Bench, patiently
from conformance.gaps import gap

from eltbuild.adapter import Adapter, Capabilities
from eltbuild.errors import DatabaseError
from eltbuild.relation import Relation
from eltbuild.sql import external_files as files
from eltbuild.sql import rights
from eltbuild.sql.comments import comment_on, comment_on_columns
from eltbuild.sql.writer import SOURCE, TARGET


def transactional_ddl(bench: Bench) -> None:
    bench.made("old")

    def work() -> None:
        with bench.connection.transaction():
            bench.made("new")
            bench.connection.execute(bench.writer.drop(bench.at("old")))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert [info.relation.identifier for info in bench.connection.relations([bench.schema])] == ["old"]


def create_or_replace_table(bench: Bench) -> None:
    bench.made("t", "select 1 as a")
    bench.connection.execute(bench.writer.create_table_as(bench.at("t"), "select 2 as b, 3 as c", replace=True))
    assert bench.connection.execute(f"select * from {bench.spelled('t')}").rows == ((2, 3),)


def create_or_replace_view(bench: Bench) -> None:
    bench.connection.execute(bench.writer.create_view_as(bench.at("v"), "select 1 as a"))
    bench.connection.execute(bench.writer.create_view_as(bench.at("v"), "select 2 as a, 3 as b", replace=True))
    assert bench.connection.execute(f"select * from {bench.spelled('v')}").rows == ((2, 3),)


def rename_relation(bench: Bench) -> None:
    bench.made("t")
    bench.connection.execute(bench.writer.rename(bench.at("t"), bench.at("T new")))
    bench.connection.execute(bench.writer.create_view_as(bench.at("v"), "select 2 as a"))
    bench.connection.execute(bench.writer.rename(bench.at("v"), bench.at("V new"), "view"))
    found = [(info.relation.identifier, info.kind) for info in bench.connection.relations([bench.schema])]
    assert sorted(found) == [("T new", "table"), ("V new", "view")]


def _merged(bench: Bench, *clauses: str) -> object:
    target = bench.made("t", "select 1 as id, 'old' as v union all select 2, 'old'")
    source = "select 2 as id, 'new' as v union all select 3, 'new'"
    sql = bench.writer.merge(bench.at("t"), bench.writer.lines(source), [f"{SOURCE}.id = {TARGET}.id"], clauses)
    bench.connection.execute(sql)
    return bench.connection.execute(f"select id, v from {target} order by id").rows


def merge(bench: Bench) -> None:
    rows = _merged(
        bench,
        f"when matched then update set v = {SOURCE}.v",
        f"when not matched then insert (id, v) values ({SOURCE}.id, {SOURCE}.v)",
    )
    assert rows == ((1, "old"), (2, "new"), (3, "new"))


def merge_by_source(bench: Bench) -> None:
    assert _merged(bench, "when not matched by source then delete") == ((2, "old"),)


def insert_overwrite(bench: Bench) -> None:
    bench.made("t", "select 1 as a")
    bench.connection.execute(f"insert overwrite table {bench.spelled('t')} select 2 as a")
    assert bench.connection.execute(f"select a from {bench.spelled('t')}").rows == ((2,),)


def materialized_views(bench: Bench) -> None:
    bench.connection.execute(f"create materialized view {bench.spelled('m')} as select 1 as a")
    assert bench.scalar(f"select a from {bench.spelled('m')}") == 1


def indexes(bench: Bench) -> None:
    bench.made("t", "select 1 as a, 2 as b")
    bench.connection.execute(
        bench.writer.create_index(bench.at("t"), ["a", "b"], name="conformance_index", unique=True)
    )
    with pytest.raises(DatabaseError):
        bench.connection.execute(f"insert into {bench.spelled('t')} values (1, 2)")


def comments(bench: Bench) -> None:
    bench.made("t", "select 1 as a, 2 as b")
    before = bench.connection.relation(bench.at("t"))
    assert before is not None
    assert (before.comment, [column.comment for column in before.columns]) == ("", ["", ""])
    text = 'it\'s said: "Grüße" 😀\nin two lines; -- really'
    bench.connection.execute(comment_on(bench.writer, bench.at("t"), "table", text))
    for sql in comment_on_columns(bench.writer, bench.at("t"), "table", {"b": text}):
        bench.connection.execute(sql)
    found = bench.connection.relation(bench.at("t"))
    assert found is not None
    assert (found.comment, [column.comment for column in found.columns]) == (text, ["", text])
    assert [info.comment for info in bench.connection.relations([bench.schema])] == [text]


def grants(bench: Bench) -> None:
    bench.made("t")
    bench.connection.execute(rights.grant(bench.writer, "select", bench.at("t"), "table", ["public"]))


def schemas(bench: Bench) -> None:
    place = Relation(bench.schema.database, "another one", "t")
    bench.connection.execute(bench.writer.create_schema(place))
    bench.connection.execute(bench.writer.create_schema(place))
    bench.connection.execute(bench.writer.create_table_as(place, "select 1 as a"))
    bench.connection.execute(bench.writer.drop_schema(place))
    assert bench.connection.relation(place) is None


def cascade_drop(bench: Bench) -> None:
    bench.made("t")
    bench.connection.execute(bench.writer.create_view_as(bench.at("v"), f"select * from {bench.spelled('t')}"))
    bench.connection.execute(bench.writer.drop(bench.at("t"), cascade=True))
    assert bench.connection.relation(bench.at("t")) is None


def binds_views(bench: Bench) -> None:
    bench.made("t", "select 1 as a")
    bench.connection.execute(bench.writer.create_view_as(bench.at("v"), f"select a from {bench.spelled('t')}"))
    bench.connection.execute(bench.writer.rename(bench.at("t"), bench.at("t_old")))
    bench.made("t", "select 2 as a")
    assert bench.scalar(f"select a from {bench.spelled('v')}") == 1
    with pytest.raises(DatabaseError):
        bench.connection.execute(bench.writer.drop(bench.at("t_old"), cascade=False))


def belongings(bench: Bench) -> None:
    bench.made("t", "select 1 as a, 2 as b")
    bench.connection.execute(bench.writer.create_index(bench.at("t"), ["b"], name="conformance_index"))
    assert [index.name for index in bench.connection.belongings(bench.at("t")).indexes] == ["conformance_index"]


def holds_referenced(bench: Bench) -> None:
    parent = bench.writer.relation(Relation(None, bench.schema.schema, "parent"))
    bench.connection.execute(f"create table {bench.spelled('parent')} (id integer primary key)")
    bench.connection.execute(f"create table {bench.spelled('child')} (id integer references {parent} (id))")
    with pytest.raises(DatabaseError):
        bench.connection.execute(bench.writer.drop(bench.at("parent"), cascade=True))
    bench.connection.execute(bench.writer.drop(bench.at("child")))


def exact_names(bench: Bench) -> None:
    bench.made("t", "select 1 as a")
    bench.made("T", "select 2 as a")
    assert [bench.count("t"), bench.count("T")] == [1, 1]
    assert {info.relation.identifier for info in bench.connection.relations([bench.schema])} == {"t", "T"}


def session_locks(bench: Bench) -> None:
    first, second = bench.adapter.connect(), bench.adapter.connect()
    assert first.hold("a lock")
    assert not second.hold("a lock")
    first.close()
    assert patiently(lambda: second.hold("a lock"))
    second.close()


def merge_checks_keys(bench: Bench) -> None:
    for key in (1, 2):
        bench.made("t", "select 1 as id, 'old' as v")
        rows = f"select {key} as id, 'a' as v union all select {key}, 'b'"
        clauses = [
            f"when matched then update set v = {SOURCE}.v",
            f"when not matched then insert (id, v) values ({SOURCE}.id, {SOURCE}.v)",
        ]
        sql = bench.writer.merge(bench.at("t"), bench.writer.lines(rows), [f"{SOURCE}.id = {TARGET}.id"], clauses)
        with pytest.raises(DatabaseError):
            bench.connection.execute(sql)
        assert bench.count("t") == 1
        bench.connection.execute(bench.writer.drop(bench.at("t")))


def external_files(bench: Bench) -> None:
    with TemporaryDirectory() as folder:
        location = f"{folder}/rows.parquet"
        bench.connection.execute(f"copy (select 1 as a) to {files.quoted(location)} (format parquet)")
        rows = f"select a from {files.reading(location, 'parquet')}"
        assert bench.connection.execute(rows).rows == ((1,),)


def savepoints(bench: Bench) -> None:
    with bench.connection.transaction():
        bench.connection.execute("savepoint here")
        savepoint = getattr(bench.connection, "savepoint", None)
        assert savepoint is not None
        with savepoint() as take_back:
            with pytest.raises(DatabaseError):
                bench.connection.execute("select nothing_of_that_name")
            take_back()
        bench.made("t")
    assert bench.count("t") == 1


TRIALS: Mapping[str, Callable[[Bench], None]] = {
    trial.__name__: trial
    for trial in (
        transactional_ddl, create_or_replace_table, create_or_replace_view, rename_relation, merge, merge_by_source,
        insert_overwrite, materialized_views, indexes, comments, grants, schemas, cascade_drop, binds_views, belongings,
        session_locks, savepoints, merge_checks_keys, holds_referenced, exact_names, external_files,
    )
}  # fmt: skip

BREACHES: Mapping[str, tuple[str, str]] = {
    "not_null": ("a integer not null", "(null)"),
    "check": ("a integer, check (a > 0)", "(-1)"),
    "unique": ("a integer, unique (a)", "(1), (1)"),
    "primary_key": ("a integer, primary key (a)", "(1), (1)"),
    "foreign_key": ("a integer, foreign key (a) references {parent} (id)", "(7)"),
}
"""By constraint: the columns of a table that has it, and rows that break it."""


@pytest.mark.parametrize("name", TRIALS)
def test_what_is_claimed_works_and_what_is_not_does_not(bench: Bench, name: str) -> None:
    if getattr(bench.adapter.capabilities, name):
        TRIALS[name](bench)
        return
    if name in bench.warehouse.beyond:
        pytest.skip("some versions can")
    with pytest.raises((DatabaseError, AssertionError, pytest.fail.Exception)):
        TRIALS[name](bench)


@pytest.mark.parametrize("kind", BREACHES)
def test_constraints_that_are_enforced(bench: Bench, kind: str) -> None:
    columns, values = BREACHES[kind]
    if kind == "foreign_key":
        bench.connection.execute(f"create table {bench.spelled('parent')} (id integer primary key)")
    # Named without its database: some engines take any name with one for another database.
    line = columns.format(parent=bench.writer.relation(Relation(None, bench.schema.schema, "parent")))

    def breach() -> None:
        bench.connection.execute(f"create table {bench.spelled('child')} ({line})")
        bench.connection.execute(f"insert into {bench.spelled('child')} values {values}")

    if kind in bench.adapter.capabilities.enforced_constraints:
        with pytest.raises(DatabaseError):
            breach()
        assert bench.count("child") == 0
        bench.connection.execute(bench.writer.drop(bench.at("child")))
    else:
        breach()


def test_constraints_are_told(bench: Bench) -> None:
    kinds = bench.adapter.capabilities.enforced_constraints
    parent = bench.writer.relation(Relation(None, bench.schema.schema, "parent"))
    lines = {
        "not_null": "a integer not null",
        "check": "check (a < b)",
        "unique": "unique (b, a)",
        "primary_key": "primary key (c)",
        "foreign_key": f"foreign key (d) references {parent} (id)",
    }
    if "foreign_key" in kinds:
        bench.connection.execute(f"create table {bench.spelled('parent')} (id integer primary key)")
    given = ["b integer", "c integer", "d integer", *(line for kind, line in lines.items() if kind in kinds)]
    given += [] if "not_null" in kinds else ["a integer"]
    bench.connection.execute(f"create table {bench.spelled('child')} ({', '.join(given)})")
    found = {one.kind: set(one.columns) for one in bench.connection.constraints(bench.at("child"))}
    known = {"check": {"a", "b"}, "unique": {"a", "b"}, "primary_key": {"c"}, "foreign_key": {"d"}}
    assert found == {kind: columns for kind, columns in known.items() if kind in kinds}
    assert bench.connection.constraints(bench.at("nowhere")) == ()
    bench.made("plain")
    assert bench.connection.constraints(bench.at("plain")) == ()
    bench.connection.execute(bench.writer.drop(bench.at("child")))


def test_when_rows_came_is_told_or_not_known(bench: Bench) -> None:
    bench.made("t")
    found = bench.connection.loaded_at(bench.at("t"))
    assert found is None or found.tzinfo is not None
    assert bench.connection.loaded_at(bench.at("nowhere")) is None


def test_how_long_a_name_may_be(bench: Bench) -> None:
    limit = bench.adapter.capabilities.identifier_length
    name = "n" * (limit or 1000)
    bench.made(name)
    assert bench.connection.relation(bench.at(name)) is not None
    assert [info.relation.identifier for info in bench.connection.relations([bench.schema])] == [name]


def test_strategies_fit_together(adapter: Adapter) -> None:
    able = adapter.capabilities
    assert able.default_incremental_strategy in able.incremental_strategies
    assert ("merge" in able.incremental_strategies) == able.merge
    assert able.enforced_constraints <= set(BREACHES)


def test_every_capability_is_tried() -> None:
    values = {"enforced_constraints", "identifier_length", "default_incremental_strategy", "incremental_strategies"}
    # What the engine itself is not asked for.
    others = {*values, "layouts", "reads_csv", "single_process", "strategy_from_start"}
    assert set(TRIALS) | others == {field.name for field in dataclasses.fields(Capabilities)}


@gap("duckdb", "notyet", "an index keeps its table from being renamed and changed")
def test_a_table_with_an_index_can_be_renamed(bench: Bench) -> None:
    bench.made("t", "select 1 as a, 2 as b")
    bench.connection.execute(bench.writer.create_index(bench.at("t"), ["a"], name="conformance_index"))
    bench.connection.execute(bench.writer.rename(bench.at("t"), bench.at("t_new")))
    assert bench.count("t_new") == 1
