"""How tables and views take the place of others: what readers meet meanwhile, and what is left of the old ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow
import pytest
from conformance.bench import Bench
from conformance.builds import built

from eltbuild.adapter import Answer, Connection
from eltbuild.errors import CompileError, DatabaseError
from eltbuild.plan import keeping
from eltbuild.plan.publish import leftover

ROWS = 300
TABLE = {"materialized": "table"}
VIEW = {"materialized": "view"}
STORED = {"materialized": "materialized_view"}


def rows(bench: Bench, mark: int, more: int = 0) -> str:
    """A query for `ROWS` rows that all have the same mark, with as many more columns."""
    columns = "".join(f", {number} as c{number}" for number in range(more))
    return f"select n as id, {mark} as mark{columns} from ({bench.numbers(1000)}) as numbers where n < {ROWS}"


def build(bench: Bench, name: str, query: str, config: dict[str, Any] | None = None, **given: Any) -> Answer:
    """Build it as a run does that tries again what another session was in the way of."""
    connection = given.pop("connection", bench.connection)
    while True:
        try:
            return built(connection, bench.writer, bench.at(name), query, config, **given)
        except DatabaseError as error:
            if not error.transient:
                raise


def needs(bench: Bench, *capabilities: str) -> None:
    """Skip where the engine has not all of these."""
    for name in capabilities:
        if not getattr(bench.adapter.capabilities, name):
            pytest.skip(f"{bench.warehouse.name} has no {name}")


# Readers


@dataclass
class Polls:
    """What readers met."""

    reads: int = 0
    wrong: list[object] = field(default_factory=list)


@contextmanager
def polled(bench: Bench, sources: Sequence[str], begin: str = "") -> Iterator[Polls]:
    """Readers that count the rows and marks of each source again and again; each found both at least once.

    `begin`: what opens a transaction, in which they then read all sources one after the other.
    """
    found, stop = Polls(), threading.Event()
    groups = [sources] if begin else [[source] for source in sources]
    started = threading.Barrier(len(groups) + 1)

    def read(connection: Connection, group: Sequence[str]) -> None:
        for source in group:
            answer = connection.execute(f"select count(*), count(distinct mark) from {source}")
            found.reads += 1
            if answer.rows != ((ROWS, 1),):
                found.wrong.append((source, answer.rows))
            if begin:
                time.sleep(0.02)

    def poll(group: Sequence[str]) -> None:
        connection = bench.adapter.connect()
        started.wait()
        while not stop.is_set():
            try:
                if begin:
                    with connection.transaction():
                        connection.execute(begin)
                        read(connection, group)
                else:
                    read(connection, group)
            except DatabaseError as error:
                found.wrong.append((group, str(error)))
            time.sleep(0.2 if begin else 0.002)
        connection.close()

    threads = [threading.Thread(target=poll, args=(group,)) for group in groups]
    for thread in threads:
        thread.start()
    started.wait()
    try:
        yield found
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not found.wrong, found.wrong[:5]
    assert found.reads >= len(groups)


def test_readers_meet_the_old_rows_or_the_new(bench: Bench) -> None:
    config = (
        {**TABLE, "indexes": [{"columns": ["id"], "unique": True}]} if bench.adapter.capabilities.indexes else TABLE
    )
    t, v = bench.spelled("t"), bench.spelled("v")
    build(bench, "t", rows(bench, 0), config)
    build(bench, "v", f"select id, mark from {t}", VIEW)
    with polled(bench, [t, v]):
        for number in range(1, 13):
            build(bench, "t", rows(bench, number, number % 3), config)
            build(bench, "v", f"select id, mark{', 1 as more' if number % 2 else ''} from {t}", VIEW)
            if number % 6 == 0:
                build(bench, "v", f"select id, mark from {t}", TABLE)
    assert bench.scalar(f"select max(mark) from {v}") == 12


def test_a_table_that_reads_itself_is_read_meanwhile(bench: Bench) -> None:
    t = bench.spelled("t")
    build(bench, "t", rows(bench, 0))
    with polled(bench, [t]):
        for _ in range(5):
            build(bench, "t", f"select id, mark + 1 as mark from {t}")
    assert bench.scalar(f"select max(mark) from {t}") == 5


def test_readers_of_several_relations_at_once_are_never_turned_away(bench: Bench) -> None:
    """Whatever the order in which they come to the table and the views on it, none ends up in a deadlock."""
    needs(bench, "binds_views")
    t, v, w = (bench.spelled(name) for name in "tvw")
    build(bench, "t", rows(bench, 0))
    build(bench, "v", f"select id, mark from {t}", VIEW)
    build(bench, "w", f"select id, mark from {v}", VIEW)
    joined = [
        f"(select a.id, a.mark from {one} as a join {other} as b on a.id = b.id) as j"
        for one, other in ((t, v), (w, t), (v, w))
    ]
    with (
        polled(bench, joined),
        polled(bench, [t, w, v], "set transaction isolation level read committed"),
        polled(bench, [w, t], "set transaction isolation level read committed"),
    ):
        for number in range(1, 5):
            build(bench, "t", rows(bench, number, number % 2))


def test_rows_are_exchanged_where_readers_never_let_go(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody leaves a transaction open in which a table was read; other columns have to wait for its end."""
    needs(bench, "binds_views")
    monkeypatch.setattr(keeping, "SOON", 1)
    monkeypatch.setattr(keeping, "PATIENCE", 1)
    t, v = bench.spelled("t"), bench.spelled("v")
    build(bench, "t", rows(bench, 0, 1))
    build(bench, "v", f"select id, mark from {t}", VIEW)
    reader = bench.adapter.connect()
    with reader.transaction():
        assert reader.execute(f"select max(mark) from {t}").scalar() == 0
        with polled(bench, [t, v]):
            build(bench, "t", rows(bench, 1, 1))
            assert reader.execute(f"select max(mark) from {v}").scalar() == 1
            with pytest.raises(DatabaseError, match="always in use by others") as told:
                built(bench.connection, bench.writer, bench.at("t"), rows(bench, 2, 0))
            assert told.value.transient
    build(bench, "t", rows(bench, 3, 0))
    assert bench.scalar(f"select max(mark) from {v}") == 3
    assert leftovers(bench) == []
    reader.close()


def test_two_sessions_rebuild_what_one_view_stands_on(bench: Bench) -> None:
    needs(bench, "binds_views")
    for name in ("t", "u"):
        build(bench, name, rows(bench, 0))
    build(bench, "v", f"select t.id, t.mark * 0 as mark from {bench.spelled('t')} as t, {bench.spelled('u')} as u"
          " where t.id = u.id", VIEW)  # fmt: skip
    other, done = bench.adapter.connect(), threading.Event()

    def rebuild() -> None:
        while not done.is_set():
            build(bench, "u", rows(bench, 1), connection=other)

    thread = threading.Thread(target=rebuild)
    with polled(bench, [bench.spelled("v")]):
        thread.start()
        for number in range(1, 6):
            build(bench, "t", rows(bench, number))
        done.set()
        thread.join()
    assert len(bench.connection.belongings(bench.at("u")).dependants) == 1


@pytest.mark.parametrize("kind", ["seed", "table in place"])
def test_who_has_an_older_view_of_the_data_keeps_it(bench: Bench, kind: str) -> None:
    if kind == "seed":

        def make(number: int) -> None:
            build(bench, "t", "", {"materialized": "seed"}, rows=pyarrow.table({"n": [number] * ROWS}))
    else:
        needs(bench, "binds_views", "materialized_views")

        def make(number: int) -> None:
            build(bench, "t", f"select {number} as n")
            if not number:
                build(bench, "s", f"select n from {bench.spelled('t')}", STORED)

    make(0)
    reader = bench.adapter.connect()
    postgres = bench.warehouse.type == "postgres"
    question = f"select max(n) from {bench.spelled('t')}"
    with reader.transaction():
        reader.execute("set transaction isolation level repeatable read" if postgres else question)
        reader.execute("select 1")
        make(1)
        assert reader.execute(question).scalar() == 0
    assert reader.execute(question).scalar() == 1
    reader.close()


# What hangs on a relation


@pytest.fixture
def roles(bench: Bench) -> Iterator[tuple[str, str]]:
    """Two roles, as they are stored: one that the session acts as, and another one; gone afterwards."""
    needs(bench, "grants", "binds_views")
    names = tuple(f'publisher "{word}" {bench.warehouse.database}' for word in ("ours", "theirs"))
    spelled = [bench.writer.quote(name) for name in names]
    schema = bench.writer.quote(bench.schema.schema or "")
    for name in spelled:
        bench.connection.execute(f"drop role if exists {name}; create role {name}")
        bench.connection.execute(f"grant all on schema {schema} to {name}")
    bench.connection.execute(f"set role {spelled[0]}")
    yield names[0], names[1]
    bench.connection.execute("reset role")
    for name in spelled:
        bench.connection.execute(f"drop owned by {name} cascade; drop role {name}")


def acting(bench: Bench, role: str, *statements: str) -> None:
    """Run statements as that role."""
    before = bench.scalar("select current_user")
    bench.connection.execute("reset role")
    bench.connection.execute(f"set role {bench.writer.quote(role)}")
    for sql in statements:
        bench.connection.execute(sql)
    bench.connection.execute("reset role")
    bench.connection.execute(f"set role {bench.writer.quote(before)}")


def standing(bench: Bench, name: str) -> object:
    """All that hangs on a relation, with its comments."""
    info = bench.connection.relation(bench.at(name))
    assert info is not None
    comments = {column.name: column.comment for column in info.columns if column.comment}
    return bench.connection.belongings(bench.at(name)), info.comment, comments, info.owner


def leftovers(bench: Bench) -> list[str]:
    """The relations that a build has left for its own use."""
    found = [info.relation.identifier or "" for info in bench.connection.relations([bench.schema])]
    return [name for name in found if leftover(name)]


def test_a_rebuilt_table_keeps_indexes_and_comments(bench: Bench) -> None:
    needs(bench, "indexes", "comments", "belongings")
    t = bench.spelled("t")
    config = {**TABLE, "indexes": [{"columns": ["id"], "unique": True}, {"columns": ["id", "mark"]}]}
    build(bench, "t", rows(bench, 0), config)
    bench.connection.execute(f'create index "By ""hand""" on {t} (mark)')
    bench.connection.execute(f"create unique index of_two on {t} (mark, id)")
    bench.connection.execute(f"comment on table {t} is 'It''s \"kept\"; -- {{ }}'")
    bench.connection.execute(f"comment on column {t}.mark is 'A mark'")
    before = standing(bench, "t")
    for number in range(1, 4):
        build(bench, "t", rows(bench, number, number), config)
        assert standing(bench, "t") == before
    assert leftovers(bench) == []


def test_an_index_of_a_config_comes_and_goes_with_it(bench: Bench) -> None:
    needs(bench, "indexes", "belongings")

    def names() -> list[tuple[str, ...]]:
        return sorted(index.columns for index in bench.connection.belongings(bench.at("t")).indexes)

    for _ in range(2):
        build(bench, "t", rows(bench, 0), {**TABLE, "indexes": [{"columns": ["id"]}, {"columns": ["mark"]}]})
        assert names() == [("id",), ("mark",)]
    build(bench, "t", rows(bench, 0), {**TABLE, "indexes": [{"columns": ["mark"], "unique": False}]})
    assert names() == [("mark",)]
    build(bench, "t", rows(bench, 0))
    assert names() == []


def test_an_index_that_new_rows_break_refuses_them(bench: Bench) -> None:
    needs(bench, "indexes", "belongings")
    build(bench, "t", rows(bench, 0))
    bench.connection.execute(f"create unique index only_once on {bench.spelled('t')} (id)")
    with pytest.raises(CompileError, match="the index `only_once` cannot be made on the new rows"):
        build(bench, "t", f"select 1 as id, mark from ({rows(bench, 1)}) as r")
    assert bench.scalar(f"select count(distinct id) from {bench.spelled('t')}") == ROWS
    assert leftovers(bench) == []


def test_what_fails_leaves_the_old_relation_and_nothing_else(bench: Bench) -> None:
    t = bench.spelled("t")
    failing = f"select 1 / (case when mark = 0 then cast('x' as integer) else 1 end) as id from {t}"
    for config, kind in ((TABLE, "table"), (VIEW, "view")):
        build(bench, "t", rows(bench, 0), config)
        for _ in range(2):
            with pytest.raises(DatabaseError):
                build(bench, "t", failing if kind == "table" else "select no_such_column", TABLE)
            info = bench.connection.relation(bench.at("t"))
            assert info is not None
            assert (info.kind, bench.count("t")) == (kind, ROWS)
        assert leftovers(bench) == []


def hung(bench: Bench, roles: tuple[str, str]) -> object:
    """The table `t` and all that can hang on it and be made again; what that is."""
    t, theirs = bench.spelled("t"), roles[1]
    schema, other = bench.writer.quote(bench.schema.schema or ""), bench.writer.quote(theirs)
    build(bench, "t", rows(bench, 0))
    for sql in (
        f"grant select on {t} to public",
        f"grant insert, update on {t} to {other} with grant option",
        f"grant references (id), update (mark) on {t} to {other}",
        f"comment on table {t} is 'It''s kept'",
        f"comment on column {t}.mark is 'A mark'",
        f"alter table {t} add constraint \"The Key\" primary key (id)",
        f"alter table {t} add constraint twice unique (mark, id) include (id) deferrable initially deferred",
        f"create index partial on {t} (mark desc nulls last) where id > 3",
        f"create index expressed on {t} using hash ((mark + 1))",
        f"alter table {t} set (fillfactor = 70)",
        f"create view {schema}.\"v One\" with (security_barrier) as select id, mark from {t}",
        f"create view {schema}.v2 as select v.id as \"I d\", t.mark from {schema}.\"v One\" as v join {t} as t on v.id = t.id",
        f"create materialized view {schema}.stored as select \"I d\", mark from {schema}.v2",
        f"create unique index stored_id on {schema}.stored (\"I d\")",
        f"create view {schema}.last as select * from {schema}.stored",
        f"comment on view {schema}.v2 is 'A view'; comment on column {schema}.v2.\"I d\" is 'An id'",
        f"comment on materialized view {schema}.stored is 'Stored'",
        f"grant select on {schema}.v2, {schema}.stored to {other} with grant option",
        f"grant select (mark) on {schema}.\"v One\" to {other}",
        f"create table {schema}.lines (id int constraint to_t references {t})",
    ):  # fmt: skip
        bench.connection.execute(sql)
    return standing(bench, "t")


def validated(found: Any) -> str:
    """All that hangs there as a text, without whether foreign keys have looked at the rows that were there before."""
    return repr(found).replace(" NOT VALID", "")


def test_a_rebuilt_table_keeps_all_that_hangs_on_it(bench: Bench, roles: tuple[str, str]) -> None:
    before = hung(bench, roles)
    for number, more in ((1, 1), (2, 0), (3, 2)):
        # Without the column of before it cannot be done in place, and all is made again.
        build(bench, "t", rows(bench, number, more))
        assert validated(standing(bench, "t")) == validated(before)
        assert bench.scalar(f"select max(mark) from {bench.spelled('v2')}") == number
    schema = bench.writer.quote(bench.schema.schema or "")
    bench.connection.execute(f"insert into {schema}.lines values (1)")
    with pytest.raises(DatabaseError, match="to_t"):
        bench.connection.execute(f"insert into {schema}.lines values ({ROWS})")
    assert leftovers(bench) == []


def test_new_relations_get_no_rights_that_the_old_one_had_not(bench: Bench, roles: tuple[str, str]) -> None:
    other = bench.writer.quote(roles[1])
    build(bench, "t", rows(bench, 0))
    build(bench, "v", f"select id, mark from {bench.spelled('t')}", VIEW)
    schema = bench.writer.quote(bench.schema.schema or "")
    bench.connection.execute(f"alter default privileges in schema {schema} grant all on tables to {other}, public")
    build(bench, "t", rows(bench, 1))
    build(bench, "t", rows(bench, 2), {**TABLE, "grants": {"select": [roles[1]]}})
    build(bench, "v", f"select mark from {bench.spelled('t')}", VIEW)
    assert [grant.privilege for grant in bench.connection.belongings(bench.at("t")).grants] == ["select"]
    assert bench.connection.belongings(bench.at("v")).grants == ()


def test_a_config_decides_on_the_rights_that_it_names(bench: Bench, roles: tuple[str, str]) -> None:
    theirs = roles[1]
    t = bench.spelled("t")
    build(bench, "t", rows(bench, 0), {**TABLE, "grants": {"select": ["public"], "insert": [theirs]}})
    bench.connection.execute(f"grant delete on {t} to public")
    for kind in (TABLE, VIEW, TABLE, {"materialized": "incremental", "incremental_strategy": "append"}):
        build(bench, "t", rows(bench, 0), {**kind, "grants": {"select": [f'"{theirs.replace(chr(34), chr(34) * 2)}"']}})
        found = {(grant.privilege, grant.grantee) for grant in bench.connection.belongings(bench.at("t")).grants}
        assert found == {("select", theirs), ("insert", theirs), ("delete", "public")}
    build(bench, "t", rows(bench, 0), {**TABLE, "grants": {"select": [], "insert": [], "delete": []}})
    assert bench.connection.belongings(bench.at("t")).grants == ()


def test_views_of_others_survive_in_place(bench: Bench, roles: tuple[str, str]) -> None:
    t, theirs = bench.spelled("t"), bench.spelled("theirs")
    build(bench, "t", rows(bench, 0), {**TABLE, "grants": {"select": [roles[1]]}})
    acting(bench, roles[1], f"create view {theirs} as select id, mark from {t}", f"grant select on {theirs} to public")
    before = standing(bench, "t")
    with polled(bench, [t, theirs]):
        for number in range(1, 8):
            build(bench, "t", rows(bench, number, number // 3))
    assert validated(standing(bench, "t")) == validated(before)
    assert bench.scalar(f"select max(mark) from {theirs}") == 7


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("select 1 as mark", "the column `id` is gone"),
        ("select 1::bigint as id, 2 as mark", "the column `id` was integer and is bigint"),
        ("select 1 as \"ID\", 1 as mark", "the column `id` is gone"),
    ],
)  # fmt: skip
def test_or_the_rebuild_says_why_not(bench: Bench, roles: tuple[str, str], query: str, why: str) -> None:
    t, theirs = bench.spelled("t"), bench.spelled("theirs")
    build(bench, "t", rows(bench, 0), {**TABLE, "grants": {"select": [roles[1]]}})
    acting(bench, roles[1], f"create view {theirs} as select id, mark from {t}")
    before = standing(bench, "t")
    with pytest.raises(CompileError) as told:
        build(bench, "t", query)
    assert f"view `{bench.at('theirs')}` of {roles[1]}" in str(told.value)
    assert why in str(told.value)
    assert standing(bench, "t") == before
    assert bench.count("t") == ROWS
    acting(bench, roles[1], f"do 'begin assert (select count(*) = {ROWS} from {theirs}); end'")


def test_what_cannot_be_made_again_keeps_its_table(bench: Bench, roles: tuple[str, str]) -> None:
    t, schema = bench.spelled("t"), bench.writer.quote(bench.schema.schema or "")
    build(bench, "t", rows(bench, 0))
    bench.connection.execute(
        f"create function {schema}.f() returns trigger language plpgsql as 'begin return new; end'"
    )
    bench.connection.execute(f"create trigger audit before insert on {t} for each row execute function {schema}.f()")
    bench.connection.execute(f"create policy only_some on {t} using (id > 1)")
    before = standing(bench, "t")
    build(bench, "t", rows(bench, 1, 1))
    assert standing(bench, "t") == before
    assert bench.scalar(f"select max(mark) from {t}") == 1
    with pytest.raises(CompileError, match="trigger audit"):
        build(bench, "t", rows(bench, 1), VIEW)


def test_a_foreign_key_of_others_is_not_broken(bench: Bench, roles: tuple[str, str]) -> None:
    t, lines = bench.spelled("t"), bench.spelled("lines")
    build(bench, "t", rows(bench, 0))
    bench.connection.execute(f"alter table {t} add primary key (id)")
    bench.connection.execute(f"grant references on {t} to {bench.writer.quote(roles[1])}")
    acting(
        bench, roles[1], f"create table {lines} (id int constraint to_t references {t} on delete cascade)",
        f"insert into {lines} values (1), (2)",
    )  # fmt: skip
    for config, given in ((TABLE, {}), ({"materialized": "seed"}, {"rows": pyarrow.table({"id": [1], "mark": [1]})})):
        with pytest.raises(CompileError, match="foreign key `to_t`"):
            build(bench, "t", rows(bench, 1) if not given else "", config, **given)
    acting(bench, roles[1], f"do 'begin assert (select count(*) = 2 from {lines}); end'")


def test_views_follow_tables_into_views_and_back(bench: Bench, roles: tuple[str, str]) -> None:
    t, schema = bench.spelled("t"), bench.writer.quote(bench.schema.schema or "")
    build(bench, "t", rows(bench, 0), {**TABLE, "grants": {"select": [roles[1]]}})
    bench.connection.execute(f"create view {schema}.v as select mark from {t}")
    bench.connection.execute(f"create view {schema}.w as select mark from {schema}.v")
    before = standing(bench, "t")
    kinds = [VIEW, TABLE, STORED, VIEW, STORED, TABLE]
    with polled(bench, [f"{schema}.w"]):
        for number, config in enumerate(kinds, 1):
            build(bench, "t", rows(bench, number), config)
            assert standing(bench, "t") == before
            assert bench.scalar(f"select max(mark) from {schema}.w") == number


def test_views_that_come_later_wait_on_the_old_table(bench: Bench) -> None:
    """As when a column is renamed in a table and in the model on it: no reader of the view is turned away."""
    needs(bench, "binds_views")
    t, v = bench.spelled("t"), bench.spelled("v")
    build(bench, "t", rows(bench, 0))
    build(bench, "v", f"select id, mark from {t}", VIEW)
    with pytest.raises(CompileError, match="reads `mark`"):
        build(bench, "t", f"select id, mark as new_mark from ({rows(bench, 1)}) as r")
    with polled(bench, [v]):
        build(
            bench,
            "t",
            f"select id, mark as new_mark from ({rows(bench, 1)}) as r",
            later=frozenset({bench.at("v").key}),
        )
        assert bench.scalar(f"select max(mark) from {v}") == 0
        build(bench, "v", f"select id, new_mark as mark from {t}", VIEW)
    assert bench.scalar(f"select max(mark) from {v}") == 1
    (old,) = leftovers(bench)
    bench.connection.execute(bench.writer.drop(bench.at(old), cascade=False))


def test_what_changes_meanwhile_is_not_lost(bench: Bench) -> None:
    """A right that somebody gives while the new table is made is known when it takes its place."""
    needs(bench, "binds_views", "grants")
    t = bench.spelled("t")
    build(bench, "t", rows(bench, 0))
    other = bench.adapter.connect()
    tries: list[int] = []

    class Meddling:
        """The session, with somebody who grants a right as soon as the new table is made for the first time."""

        def __getattr__(self, name: str) -> Any:
            return getattr(bench.connection, name)

        def execute(self, sql: str) -> Answer:
            answer = bench.connection.execute(sql)
            if sql.startswith("create table"):
                tries.append(1)
                if len(tries) == 1:
                    other.execute(f"grant select on {t} to public")
            return answer

    build(bench, "t", rows(bench, 1), connection=Meddling())
    assert len(tries) == 2
    assert [grant.grantee for grant in bench.connection.belongings(bench.at("t")).grants] == ["public"]


# Materialized views


def test_a_materialized_view_is_read_while_it_is_refreshed_and_made_anew(bench: Bench) -> None:
    needs(bench, "materialized_views")
    t, s = bench.spelled("t"), bench.spelled("s")
    build(bench, "t", rows(bench, 0))
    key = {**STORED, "indexes": [{"columns": ["id"], "unique": True}]}
    build(bench, "s", f"select id, mark from {t}", STORED)
    build(bench, "v", f"select id, mark from {s}", VIEW)
    with polled(bench, [t, s, bench.spelled("v")]):
        for number in range(1, 7):
            build(bench, "t", rows(bench, number, number // 2))
            build(bench, "s", f"select id, mark from {t}", key if number > 2 else STORED, full_refresh=number % 3 == 0)
            assert bench.scalar(f"select max(mark) from {s}") == number
    assert [index.columns for index in bench.connection.belongings(bench.at("s")).indexes] == [("id",)]
    assert leftovers(bench) == []


def test_indexes_of_a_materialized_view_follow_its_config(bench: Bench) -> None:
    needs(bench, "materialized_views", "indexes")
    query = "select 1 as a, 2 as b"
    one, two = ({**STORED, "indexes": [{"columns": [name], "unique": True}]} for name in "ab")

    def columns() -> list[tuple[str, ...]]:
        return [index.columns for index in bench.connection.belongings(bench.at("s")).indexes]

    build(bench, "s", query, one)
    bench.connection.execute(f"create index by_hand on {bench.spelled('s')} (a, b)")
    build(bench, "s", query, {**two, "on_configuration_change": "continue"})
    assert columns() == [("a", "b"), ("a",)]
    with pytest.raises(CompileError, match="indexes of the materialized view"):
        build(bench, "s", query, {**two, "on_configuration_change": "fail"})
    build(bench, "s", query, two)
    assert columns() == [("a", "b"), ("b",)]


# Names


@pytest.mark.parametrize("name", ["n" * 63, "ü" * 31, "😀" * 15, 'a "b" \' $$ {0} %s'])
def test_names_that_fill_what_the_engine_takes(bench: Bench, name: str) -> None:
    config: dict[str, Any] = {"contract": {"enforced": True}, "indexes": [{"columns": ["a"]}, {"columns": ["b", "a"]}]}
    integer = bench.writer.type_name("integer")
    keys = ({"type": "primary_key", "columns": ["a"]}, {"type": "unique", "columns": ["b", "a"]})
    if not bench.adapter.capabilities.indexes:
        config.pop("indexes")
        keys = ()
    for number in range(3):
        columns = {key: {"data_type": integer} for key in "ab"}
        build(bench, name, f"select {number} as a, 2 as b", {**TABLE, **config}, columns=columns, constraints=keys)
        assert bench.scalar(f"select a from {bench.spelled(name)}") == number
    assert leftovers(bench) == []


def test_a_name_that_would_be_cut_is_refused(bench: Bench) -> None:
    needs(bench, "identifier_length")
    limit = bench.adapter.capabilities.identifier_length
    for name in ("n" * (limit + 1), "ü" * (limit // 2 + 1)):
        for config in (TABLE, VIEW, {"materialized": "incremental"}):
            with pytest.raises(CompileError, match=f"is longer than {limit} characters"):
                build(bench, name, "select 1 as a", config)
    rows_ = pyarrow.table({"n" * limit + "1": [1], "n" * limit + "2": [2]})
    with pytest.raises(CompileError, match=f"longer names than the {limit} bytes"):
        build(bench, "seeded", "", {"materialized": "seed"}, rows=rows_)
    assert bench.connection.relations([bench.schema]) == ()
    for _ in range(2):
        rows_ = pyarrow.table({"n" * limit + "1": [1], "m": [2]})
        build(bench, "seeded", "", {"materialized": "seed", "column_types": {"n" * limit + "1": "bigint"}}, rows=rows_)
    (info,) = bench.connection.relations([bench.schema])
    assert [column.name for column in bench.connection.relation(info.relation).columns] == ["n" * limit, "m"]


def test_a_name_in_other_letter_case_is_what_the_engine_takes_it_for(bench: Bench) -> None:
    build(bench, "orders", "select 1 as a")
    build(bench, "Orders", "select 2 as a")
    found = {info.relation.identifier for info in bench.connection.relations([bench.schema])}
    kept = 1 if len(found) == 2 else 2
    assert [bench.scalar(f"select a from {bench.spelled(name)}") for name in ("orders", "Orders")] == [kept, 2]
