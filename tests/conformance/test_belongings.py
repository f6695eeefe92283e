"""What hangs on a relation: asked before it is replaced, so that nothing of it is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conformance.bench import HOSTILE, Bench
from conformance.builds import built

from eltbuild.errors import CompileError, DatabaseError
from eltbuild.relation import Belongings, Column, Grant, Index, Relation

READER = "conformance reader"
"""A role that stands for other people; roles are those of all databases of a server."""


@pytest.fixture(autouse=True)
def _asked(bench: Bench) -> None:
    if not bench.adapter.capabilities.belongings:
        pytest.skip("nothing hangs on a relation there")


@pytest.fixture
def reader(bench: Bench) -> Iterator[str]:
    """A role of its own for the test, spelled; gone afterwards with all that it owns."""
    if not bench.adapter.capabilities.grants:
        pytest.skip("there are no roles")
    name = bench.writer.quote(f"{READER} {bench.warehouse.database}")
    bench.connection.execute(f"drop role if exists {name}; create role {name}")
    yield name
    other = bench.adapter.connect()
    other.execute(f"drop owned by {name} cascade; drop role {name}")
    other.close()


def of(bench: Bench, name: str = "t") -> Belongings:
    return bench.connection.belongings(bench.at(name))


def run(bench: Bench, *statements: str) -> None:
    """Run statements in which `{t}` and `{s}` stand for the table and the schema."""
    for sql in statements:
        bench.connection.execute(sql.replace("{t}", bench.spelled("t")).replace("{s}", _schema(bench)))


def _schema(bench: Bench) -> str:
    return bench.writer.quote(bench.schema.schema or "")


def test_a_bare_table_has_nothing(bench: Bench) -> None:
    bench.made("t")
    found = of(bench)
    assert (found.grants, found.indexes, found.dependants, found.bound, found.references) == ((), (), (), (), ())


def test_what_is_not_there_has_nothing(bench: Bench) -> None:
    assert of(bench, "nothing_such") == Belongings()
    assert bench.connection.belongings(Relation("no_such_database", "no_such_schema", "t")) == Belongings()
    with bench.connection.transaction():
        assert of(bench, "nothing_such") == Belongings()
        bench.made("t")
        assert of(bench).indexes == ()
    assert bench.count("t") == 1


def test_indexes_can_be_made_again_from_what_is_told(bench: Bench) -> None:
    bench.made("t", "select 1 as a, 'x' as b, 2 as \"c d\"")
    create = bench.writer.create_index
    bench.connection.execute(create(bench.at("t"), ["a", "c d"], name="one", unique=True))
    bench.connection.execute(f'create index "two ON x" on {bench.spelled("t")} (lower(b), a)')
    before = of(bench).indexes
    assert [(index.name, index.unique, index.columns) for index in before] == [
        ("one", True, ("a", "c d")), ("two ON x", False, ("a",)),
    ]  # fmt: skip
    bench.connection.execute(bench.writer.drop(bench.at("t")))
    bench.made("t", "select 1 as a, 'x' as b, 2 as \"c d\"")
    for index in before:
        sql = bench.writer.create_index_as(bench.at("t"), index.definition, name=index.name, unique=index.unique)
        bench.connection.execute(sql)
    assert of(bench).indexes == before


@pytest.mark.parametrize("kind", ["keyword", "double quote", "semicolon", "words", "dots", "comment", "emoji"])
def test_hostile_names_of_tables_and_indexes(bench: Bench, kind: str) -> None:
    name = HOSTILE[kind]
    bench.made(name, f"select 1 as {bench.writer.quote(name)}")
    bench.connection.execute(bench.writer.create_index(bench.at(name), [name], name=f"{name} USING (x"))
    (index,) = of(bench, name).indexes
    assert (index.name, index.columns) == (f"{name} USING (x", (name,))
    assert index.definition.endswith(f"({bench.writer.quote(name)})")


# Where there is more than indexes


@pytest.fixture
def views_are_bound(bench: Bench) -> None:
    """The rest of the tests is about engines in which a view keeps its table from being dropped."""
    if not bench.adapter.capabilities.binds_views:
        pytest.skip("views find their tables by name")


@pytest.mark.usefixtures("views_are_bound")
def test_views_on_views_in_an_order_in_which_they_can_be_made_again(bench: Bench) -> None:
    bench.made("t", "select 1 as id, 'x' as name")
    run(
        bench,
        "create view {s}.z as select id from {t}",
        "create view {s}.a as select z.id, t.name from {s}.z as z join {t} as t on t.id = z.id",
        "create materialized view {s}.m with (fillfactor = 70) as select id, count(*) as n from {s}.a group by id",
        "create unique index m_id on {s}.m (id)",
        "create view {s}.b with (security_barrier) as select n from {s}.m where n > 0",
        "comment on view {s}.a is 'it''s a view'",
        "comment on column {s}.a.name is 'who'",
    )
    views = of(bench).dependants
    assert [(view.relation.identifier, view.kind) for view in views] == [
        ("z", "view"), ("a", "view"), ("m", "materialized_view"), ("b", "view"),
    ]  # fmt: skip
    by_name = {view.relation.identifier: view for view in views}
    assert by_name["a"].comment == "it's a view"
    assert by_name["a"].columns == (Column("id", "integer", True, ""), Column("name", "text", True, "who"))
    assert by_name["m"].indexes == (Index("m_id", "USING btree (id)", True, ("id",)),)
    assert (by_name["m"].options, by_name["b"].options) == ("fillfactor=70", "security_barrier=true")
    assert all(view.ours and view.owner for view in views)
    bench.connection.execute(bench.writer.drop(bench.at("t"), cascade=True))
    bench.made("t", "select 1 as id, 'x' as name")
    for view in views:
        options = f"with ({view.options})" if view.options else ""
        sql = bench.writer.create_view_as(view.relation, view.query, kind=view.kind, options=options)
        bench.connection.execute(sql)
    again = of(bench).dependants
    assert [(view.relation, view.query, view.options) for view in again] == [
        (view.relation, view.query, view.options) for view in views
    ]


@pytest.mark.usefixtures("views_are_bound")
def test_queries_of_views_do_not_hang_on_the_search_path(bench: Bench) -> None:
    bench.made("t", "select 1 as id")
    run(bench, "create view {s}.v as select id from {t}", "set search_path = {s}")
    (view,) = of(bench).dependants
    assert f"{_schema(bench)}.t" in view.query
    with bench.connection.transaction():
        assert of(bench).dependants == (view,)
        assert bench.scalar("show search_path") == _schema(bench)
    assert bench.scalar("show search_path") == _schema(bench)
    run(bench, "begin")
    assert of(bench).dependants == (view,)
    assert bench.scalar("show search_path") == _schema(bench)
    run(bench, "rollback")


@pytest.mark.usefixtures("views_are_bound")
def test_rights_of_others(bench: Bench, reader: str) -> None:
    bench.made("t", "select 1 as id, 2 as b")
    run(
        bench,
        f"grant select on {{t}} to {reader} with grant option",
        "grant insert on {t} to public",
        f"grant update (b) on {{t}} to {reader}",
    )
    name = f"{READER} {bench.warehouse.database}"
    assert set(of(bench).grants) == {
        Grant("select", name, True), Grant("insert", "public"), Grant("update", name, column="b"),
    }  # fmt: skip


@pytest.mark.usefixtures("views_are_bound")
def test_a_view_of_somebody_else_is_not_ours(bench: Bench, reader: str) -> None:
    bench.made("t", "select 1 as id")
    run(
        bench,
        f"grant usage, create on schema {{s}} to {reader}",
        f"grant select on {{t}} to {reader}",
        "create view {s}.v as select id from {t}",
        f"alter view {{s}}.v owner to {reader}",
        "create table {s}.child (id integer)",
        "alter table {t} add primary key (id)",
        "alter table {s}.child add constraint known foreign key (id) references {t} (id)",
        f"alter table {{s}}.child owner to {reader}",
    )
    found = of(bench)
    # Whoever may do anything may do this, too.
    assert [(view.owner.split()[0], view.ours) for view in found.dependants] == [("conformance", True)]
    assert [(key.name, key.definition, key.ours) for key in found.references] == [
        ("known", f"FOREIGN KEY (id) REFERENCES {_schema(bench)}.t(id)", True)
    ]
    stranger = bench.writer.quote(f"conformance stranger {bench.warehouse.database}")
    run(
        bench,
        f"create role {stranger}",
        f"grant usage, create on schema {{s}} to {stranger}",
        f"alter table {{t}} owner to {stranger}",
        f"set role {stranger}",
    )
    found = of(bench)
    assert ([view.ours for view in found.dependants], [key.ours for key in found.references]) == ([False], [False])
    run(bench, "reset role", f"drop owned by {stranger} cascade", f"drop role {stranger}")


@pytest.mark.usefixtures("views_are_bound")
def test_indexes_of_constraints_are_told_as_such(bench: Bench) -> None:
    run(bench, "create table {t} (id integer constraint chosen primary key, a integer unique) with (fillfactor = 80)")
    found = of(bench)
    assert {index.name: index.constraint for index in found.indexes} == {
        "chosen": "PRIMARY KEY (id)", "t_a_key": "UNIQUE (a)",
    }  # fmt: skip
    assert found.options == "fillfactor=80"


BOUND = {
    "trigger watch": (
        "create function {s}.nothing() returns trigger language plpgsql as 'begin return new; end'",
        "create trigger watch before insert on {t} for each row execute function {s}.nothing()",
    ),
    "policy mine": ("create policy mine on {t} using (id > 0)",),
    "row security": ("alter table {t} enable row level security",),
    "rule twice": ("create rule twice as on delete to {t} do also select 1",),
    "statistics both": ("create statistics {s}.both (dependencies) on id, a from {t}",),
    "child {s}.heir": ("create table {s}.heir () inherits ({t})",),
    "function {s}.reads({t})": ("create function {s}.reads({t}) returns integer language sql as 'select 1'",),
    "function {s}.counts()": (
        "create function {s}.counts() returns bigint language sql begin atomic select count(*) from {t}; end",
    ),
    "column whole of table {s}.holder": ("create table {s}.holder (whole {t})",),
    "policy theirs on table {s}.other": (
        "create table {s}.other (id integer)",
        "create policy theirs on {s}.other using (exists (select from {t}))",
    ),
    "trigger instead of {s}.v": (
        "create view {s}.v as select id from {t}",
        "create function {s}.nothing() returns trigger language plpgsql as 'begin return new; end'",
        "create trigger instead instead of insert on {s}.v for each row execute function {s}.nothing()",
    ),
    "default of column id of {s}.v": (
        "create view {s}.v as select id from {t}",
        "alter view {s}.v alter column id set default 5",
    ),
    "publication conformance": ("create publication conformance for table {t}",),
}  # fmt: skip


@pytest.mark.usefixtures("views_are_bound")
@pytest.mark.parametrize("told", BOUND)
@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_made_again_is_told(bench: Bench, told: str) -> None:
    run(bench, "create table {t} (id integer, a integer)", *BOUND[told])
    expected = told.replace("{s}", _schema(bench)).replace("{t}", f"{_schema(bench)}.t")
    assert of(bench).bound == (expected,)


def test_constraints_without_an_index_stay(bench: Bench) -> None:
    _needs_rules(bench)
    t, p = bench.spelled("t"), bench.spelled("p")
    bench.connection.execute(f"create table {p} (id integer primary key); insert into {p} values (1), (2)")
    built(bench.connection, bench.writer, bench.at("t"), "select 1 as id, 5 as amount")
    bench.connection.execute(
        f"alter table {t} add constraint positive check (amount > 0);"
        f"alter table {t} add constraint known foreign key (id) references {p} (id);"
        f"create index by_amount on {t} (amount); comment on index {bench.spelled('by_amount')} is 'told'"
    )
    for number in (2, 1):
        built(bench.connection, bench.writer, bench.at("t"), f"select {number} as id, 7 as amount")
        found = bench.connection.belongings(bench.at("t"))
        assert [rule.name for rule in found.rules] == ["known", "positive"]
        assert [index.comment for index in found.indexes] == ["told"]
    with pytest.raises(CompileError, match=r"the constraint `positive` of the standing .* does not hold"):
        built(bench.connection, bench.writer, bench.at("t"), "select 1 as id, 0 as amount")
    assert bench.scalar(f"select amount from {t}") == 7
    with pytest.raises(DatabaseError):
        bench.connection.execute(f"insert into {t} values (9, 9)")


def test_a_contract_decides_on_constraints(bench: Bench) -> None:
    _needs_rules(bench)
    contract = {"contract": {"enforced": True}}
    columns = {
        "id": {"data_type": "integer", "constraints": ({"type": "check", "expression": "id > 0"},)},
        "amount": {"data_type": "integer"},
    }
    node = (bench.connection, bench.writer, bench.at("t"), "select 1 as id, 5 as amount", contract, columns)
    built(*node)
    bench.connection.execute(f"alter table {bench.spelled('t')} add constraint positive check (amount > 0)")
    built(*node)
    assert [rule.name for rule in bench.connection.belongings(bench.at("t")).rules] == ["t_id_check"]


def _needs_rules(bench: Bench) -> None:
    if not bench.adapter.capabilities.binds_views:
        pytest.skip(f"on {bench.warehouse.name} tables get no constraints")
