"""What stands in the database, where PostgreSQL has more of it than others."""

from __future__ import annotations

import pytest
from eltbuild_postgres.connection import PostgresConnection

from eltbuild.errors import DatabaseError
from eltbuild.relation import Belongings, Column, Relation

from .conftest import DATABASE

TRIAL = Relation(DATABASE, "trial", None)


def test_names_that_differ_in_letter_case_alone_are_two(connection: PostgresConnection) -> None:
    connection.execute('create table orders (a integer); create table "Orders" ("A" integer)')
    found = [connection.relation(TRIAL.named(name)) for name in ("orders", "Orders", "ORDERS")]
    assert [info and info.columns[0].name for info in found] == ["a", "A", None]
    assert connection.relation(Relation(DATABASE, "Trial", "orders")) is None
    assert connection.relation(Relation(DATABASE.upper(), "trial", "orders")) is None


def test_kinds_of_relations(connection: PostgresConnection) -> None:
    connection.execute(
        "create table whole (a integer) partition by range (a);"
        "create table part partition of whole for values from (1) to (10);"
        "create view v as select * from whole; create materialized view m as select * from whole;"
        "create unlogged table u (a integer); create sequence s; create type c as (a integer); create index i on u (a);"
        "create foreign data wrapper nothing; create server far foreign data wrapper nothing;"
        "create foreign table f (a integer) server far"
    )
    kinds = {info.relation.identifier: info.kind for info in connection.relations([TRIAL])}
    assert kinds == {
        "whole": "table", "part": "table", "v": "view", "m": "materialized_view", "u": "table", "f": "external",
    }  # fmt: skip
    connection.execute("drop foreign data wrapper nothing cascade")


def test_types_as_they_are_spelled(connection: PostgresConnection) -> None:
    connection.execute(
        "create type mood as enum ('a'); create domain amount as numeric(12, 3); set search_path = public;"
        "create table trial.t (a varchar(256), b numeric(10, 2), c timestamptz(3), d integer[], e trial.mood,"
        " f trial.amount, g char(3), h interval day to second)"
    )
    info = connection.relation(TRIAL.named("t"))
    assert info is not None
    assert [column.type for column in info.columns] == [
        "character varying(256)", "numeric(10,2)", "timestamp(3) with time zone", "integer[]", "trial.mood",
        "trial.amount", "character(3)", "interval day to second",
    ]  # fmt: skip
    # A result knows of no domain.
    expected = [column.type.replace("trial.amount", "numeric(12,3)") for column in info.columns]
    assert [column.type for column in connection.columns("select * from trial.t")] == expected
    answer = connection.execute("select a, b, c, d, g from trial.t")
    assert [column.type for column in answer.columns] == [
        "character varying", "numeric", "timestamp with time zone", "integer[]", "character",
    ]  # fmt: skip


def test_a_relation_without_columns_and_one_that_lost_some(connection: PostgresConnection) -> None:
    connection.execute("create table nothing (); create table t (a integer, b text); alter table t drop column a")
    empty, less = connection.relation(TRIAL.named("nothing")), connection.relation(TRIAL.named("t"))
    assert empty is not None
    assert less is not None
    assert (empty.columns, less.columns) == ((), (Column("b", "text", True),))


def test_whole_schemas_are_described_at_once(connection: PostgresConnection) -> None:
    connection.execute("create table b (x integer not null); create table a (); comment on column b.x is 'why'")
    described = connection.described([TRIAL])
    assert list(described) == [connection.relation(TRIAL.named(name)) for name in ("a", "b")]
    assert described[1].columns == (Column("x", "integer", False, "why"),)
    assert described[1].owner == "postgres"
    assert connection.described([Relation("elsewhere", "trial", None)]) == ()


def test_a_bare_name_is_first_of_all_a_temporary_table(connection: PostgresConnection) -> None:
    connection.execute("create temp table passing (a integer); create index on passing (a)")
    connection.execute("create table if not exists public.lasting (b integer)")
    passing, lasting = (connection.relation(Relation(None, None, name)) for name in ("passing", "lasting"))
    assert passing is not None
    assert lasting is not None
    assert (passing.relation, lasting.relation) == (
        Relation(None, None, "passing"),
        Relation(DATABASE, "public", "lasting"),
    )
    assert len(connection.belongings(passing.relation).indexes) == 1
    assert connection.relation(Relation(DATABASE, "public", "passing")) is None
    connection.execute("drop table public.lasting")


def test_a_session_that_was_made_bare_answers_all_the_same(connection: PostgresConnection) -> None:
    connection.execute("create table t (a integer primary key)")
    for statement in ("select 1", "discard all", "deallocate all"):
        connection.execute(statement)
        assert [index.name for index in connection.belongings(TRIAL.named("t")).indexes] == ["t_pkey"]


def test_what_hangs_on_a_relation_of_another_database_is_not_known(connection: PostgresConnection) -> None:
    connection.execute("create table t (a integer primary key)")
    assert connection.belongings(Relation("elsewhere", "trial", "t")) == Belongings()


@pytest.mark.parametrize("query", ["select 1 as a; select 2", "select $1::integer as a; drop table t"])
def test_several_statements_are_not_described(connection: PostgresConnection, query: str) -> None:
    with pytest.raises(DatabaseError, match="multiple commands"):
        connection.columns(query)


def test_a_merge_that_meets_a_row_twice_is_refused_only_where_the_row_stands(connection: PostgresConnection) -> None:
    """So whoever merges by a key has to look at the keys before."""
    if int(connection.execute("show server_version_num").scalar()) < 150_000:
        pytest.skip("MERGE came with PostgreSQL 15")
    connection.execute("create table t (a integer, b text); insert into t values (1, 'old')")
    merge = (
        "merge into t using (values ({0}, 'x'), ({0}, 'y')) as s (a, b) on s.a = t.a"
        " when matched then update set b = s.b when not matched then insert values (s.a, s.b)"
    )
    with pytest.raises(DatabaseError, match="second time") as caught:
        connection.execute(merge.format(1))
    assert caught.value.code == "21000"
    assert connection.execute(merge.format(2)).affected == 2
    assert connection.execute("select count(*) from t where a = 2").scalar() == 2
