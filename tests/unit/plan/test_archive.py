"""How a relation is kept under another name, as operations: nothing that was to be kept is ever dropped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest
from planning import CAPABILITIES, NOON, Warehouse, node, statements, writer

from eltbuild.plan.archive import copied, kept_suffix, renamed, view_query, view_text
from eltbuild.plan.going_on import goes_on, is_movable
from eltbuild.plan.materialize import MATERIALIZATIONS
from eltbuild.plan.nouns import Facts, Operation, Seize
from eltbuild.relation import Belongings, Column, Dependant, Index, Reference, Relation, RelationInfo, RelationKind
from eltbuild.sql.writer import Writer

ORDERS = Relation("shop", "main", "orders")
SUFFIX = kept_suffix(NOON, "_ab12cd34")


def facts(materialized: str, kind: RelationKind = "table", **given: object) -> Facts:
    standing = RelationInfo(ORDERS, kind, (Column("id", "integer"),))
    more = {"strategy": "check", "check_cols": ["id"], "unique_key": "id"} if materialized == "snapshot" else {}
    made = node({"materialized": materialized, **more}, resource_type="snapshot" if more else "model")
    return replace(
        Facts(node=made, query="select 1 as id", relation=ORDERS, existing=standing, now=NOON, temporary="ab12cd34"),
        **given,  # type: ignore[arg-type]
    )


def test_a_name_that_is_too_long_keeps_its_end_and_stays_unique() -> None:
    long = RelationInfo(ORDERS.named("o" * 63), "table")
    other = RelationInfo(ORDERS.named("o" * 62 + "p"), "table")
    [first], [second] = (statements(renamed(info, Belongings(), SUFFIX, writer("postgres"))) for info in (long, other))
    names = [text.rsplit('"', 2)[1] for text in (first, second)]
    assert names[0] != names[1]
    assert all(name.endswith("__kept_20260101_ab12cd34") and len(name) <= 63 for name in names)


def test_indexes_leave_their_names_to_those_that_come() -> None:
    hangs = Belongings(indexes=(Index("by_id", "using btree (id)"), Index("pk", "", constraint="PRIMARY KEY (id)")))
    made = statements(renamed(RelationInfo(ORDERS, "table"), hangs, SUFFIX, writer("postgres")))
    assert made == [
        'alter table "shop"."main"."orders" rename to "orders__kept_20260101_ab12cd34"',
        'alter index "shop"."main"."by_id" rename to "by_id__kept_20260101_ab12cd34"',
        'alter index "shop"."main"."pk" rename to "pk__kept_20260101_ab12cd34"',
    ]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("CREATE VIEW orders AS SELECT 1;", "SELECT 1"),
        ('CREATE VIEW "my shop"."a ""b"" as" AS SELECT 1 AS "as"', 'SELECT 1 AS "as"'),
        ("create view a.b.c as\n  with x as (select 1) from x", "with x as (select 1) from x"),
        ("CREATE VIEW orders (a, b) AS SELECT 1, 2;", ""),
        (" SELECT 1 AS a;", "SELECT 1 AS a"),
        ("", ""),
    ],
)
def test_the_query_of_a_view(text: str, query: str) -> None:
    assert view_query(text) == query


def test_a_copy_is_a_table_with_the_rows_or_a_view_with_the_query() -> None:
    place = '"shop"."main"."orders__kept_20260101_ab12cd34"'
    table, view = RelationInfo(ORDERS, "table"), RelationInfo(ORDERS, "view")
    rows = f'create table {place} as (\nselect * from "shop"."main"."orders"\n)'
    assert statements(copied(table, SUFFIX, "", writer())) == [rows]
    assert statements(copied(view, SUFFIX, "select 1", writer())) == [f"create view {place} as (\nselect 1\n)"]
    assert statements(copied(view, SUFFIX, "", writer())) == [rows]


def test_the_text_of_a_view_is_asked_for_by_names_as_values() -> None:
    odd = Relation("d", "it's", "a.b")
    assert view_text(odd, writer("postgres")) == """select pg_get_viewdef('"d"."it''s"."a.b"'::regclass)"""
    assert "table_schema = 'it''s' and table_name = 'a.b'" in view_text(odd, writer())


GOES_ON = {
    "incremental": True,
    "snapshot": True,
    "seed": True,
    "table": False,
    "view": False,
    "test": False,
    "mine": True,
}


@pytest.mark.parametrize("materialized", GOES_ON)
def test_what_goes_on_with_the_rows_that_stand_there(materialized: str) -> None:
    assert goes_on(facts(materialized)) is GOES_ON[materialized]
    assert not goes_on(facts(materialized, "view"))
    assert not goes_on(facts(materialized, existing=None))
    if materialized in ("incremental", "seed"):
        assert not goes_on(facts(materialized, full_refresh=True))


VIEW = Dependant(ORDERS.named("v"), "view", "select 1")


@pytest.mark.parametrize(
    ("hangs", "movable"),
    [
        (Belongings(), True),
        (Belongings(dependants=(VIEW,)), True),
        (Belongings(dependants=(replace(VIEW, ours=False),)), False),
        (Belongings(dependants=(replace(VIEW, kind="materialized_view"),)), False),
        (Belongings(bound=("trigger audit",)), False),
        (Belongings(references=(Reference(ORDERS.named("r"), "fk", "", ours=False),)), False),
    ],
)
def test_what_holds_a_relation_to_its_name(hangs: Belongings, movable: bool) -> None:
    assert is_movable(facts("table", belongings=hangs), writer("postgres")) is movable
    assert not is_movable(facts("table", belongings=hangs), writer("snowflake"))


def flat(operations: Iterable[Operation]) -> Iterator[Operation]:
    """All operations, also those that are done only under locks, or in the stead of others."""
    for operation in operations:
        yield operation
        if isinstance(operation, Seize):
            yield from flat((*operation.then, *operation.otherwise))


WHOLE = ("table", "view", "test", "incremental", "materialized_view")


@pytest.mark.parametrize("kind", ["table", "view", "materialized_view"])
@pytest.mark.parametrize("materialized", WHOLE)
@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_what_is_to_be_kept_is_renamed_and_never_dropped(dialect: str, materialized: str, kind: RelationKind) -> None:
    able = replace(CAPABILITIES[dialect], materialized_views=True)
    given = facts(materialized, kind, archive_suffix=SUFFIX, full_refresh=True, columns=(Column("id", "integer"),))
    if materialized == "test":
        given = replace(given, node=node({"materialized": "test", "store_failures_as": "table"}))
    made = statements(tuple(flat(MATERIALIZATIONS[materialized].materialize(given, Writer(dialect, able)))))
    word = kind.replace("_", " ")
    assert f'alter {word} "shop"."main"."orders" rename to "orders__kept_20260101_ab12cd34"' in made
    harm = ("drop", "create or replace", "delete", "truncate")
    assert not [text for text in made if text.startswith(harm) and '"orders"' in text]


@pytest.mark.parametrize("materialized", ["table", "view"])
def test_the_old_one_stands_under_its_new_name(materialized: str) -> None:
    warehouse = Warehouse()
    warehouse.connection.execute("create table orders as select 3 as id")
    warehouse.build(node({"materialized": materialized}), "select 7 as id", archive_suffix=SUFFIX)
    assert warehouse.rows("from orders") == [(7,)]
    assert warehouse.rows("from orders__kept_20260101_ab12cd34") == [(3,)]
