"""What publishing knows without a warehouse: names of its own, and what of others stays or goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from planning import node, writer

from eltbuild.errors import CompileError
from eltbuild.plan import indexes, materialized_views
from eltbuild.plan.extras import grants, stored, too_long
from eltbuild.plan.materialize import MATERIALIZATIONS, asks_columns, warnings
from eltbuild.plan.nouns import Facts
from eltbuild.plan.publish import ASIDE, WORKING, leftover
from eltbuild.project.resources import ColumnSpec
from eltbuild.relation import Belongings, Column, Dependant, Grant, Index, Relation, RelationInfo, Rule
from eltbuild.sql import rights

PLACE = Relation("shop", "main", "orders")
POSTGRES = writer("postgres")


def facts(
    config: dict[str, Any], belongings: Belongings, columns: tuple[Column, ...] = (), kind: Any = "table"
) -> Facts:
    existing = RelationInfo(PLACE, kind, (Column("id", "integer"),))
    return Facts(
        node=node(config), query="select 1", relation=PLACE, existing=existing, belongings=belongings, columns=columns,
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["orders", "n" * 63, "ü" * 31, "a" * 200, "__dbt_tmp"])
def test_working_names_end_in_the_suffix_of_their_run(name: str) -> None:
    for word in (WORKING, ASIDE, "__py"):
        made = POSTGRES.beside(PLACE.named(name), f"{word}0a1b2c3d").identifier or ""
        assert len(made.encode()) <= 63
        assert leftover(made) == "0a1b2c3d"


@pytest.mark.parametrize(
    "name", ["orders", "orders__dbt_tmp", "orders__dbt_tmp0a1b2c3", "orders__dbt_tmp0a1b2c3d_", "x__py0A1B2C3D", "", "__py"]
)  # fmt: skip
def test_other_names_are_not_taken_for_working_names(name: str) -> None:
    assert leftover(name) is None


# Indexes


@pytest.mark.parametrize("name", ["orders", "n" * 63, "ü" * 31])
def test_an_index_of_a_config_is_known_for_one(name: str) -> None:
    place = PLACE.named(name)
    model = node({"indexes": [{"columns": ["id"], "unique": True}, {"columns": "kind", "type": "hash"}]})
    for index in indexes.wanted(model, place, POSTGRES):
        assert indexes.is_configured(index, place, POSTGRES)
        assert not indexes.is_configured(index, PLACE.named("others"), POSTGRES)
        assert not indexes.is_configured(replace(index, name=index.name[:-1]), place, POSTGRES)
        assert not indexes.is_configured(replace(index, constraint="UNIQUE (id)"), place, POSTGRES)


def test_so_is_one_that_dbt_has_made() -> None:
    assert indexes.is_configured(Index("0123456789abcdef" * 2, "using btree (id)"), PLACE, POSTGRES)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({"columns": ["two words", 'quo"te', "Id", '"Id"']}, '("two words", "quo""te", "id", "Id")'),
        ({"columns": ["lower(name)", "id"]}, '(lower(name), "id")'),
        ({"columns": ["id desc", "name text_pattern_ops"]}, "(id desc, name text_pattern_ops)"),
        ({"columns": "id", "type": "hash"}, 'using hash ("id")'),
    ],
)
def test_columns_of_indexes_are_names_or_expressions(given: dict[str, Any], made: str) -> None:
    (index,) = indexes.wanted(node({"indexes": [given]}), PLACE, POSTGRES)
    assert index.definition == made


def test_an_index_goes_with_its_column_and_that_is_told() -> None:
    hangs = Belongings(
        indexes=(
            Index("stays", "(id)", columns=("ID",)), Index("goes", "(name, id)", columns=("name", "id")),
            Index("orders__0123456789", "(name)", columns=("name",)),
        ),
    )  # fmt: skip
    told = [problem.message for problem in warnings(facts({"materialized": "table"}, hangs, (Column("id"),)), POSTGRES)]
    assert told == ["the index `goes` goes with the old `shop.main.orders`: the new one has no `name`"]
    assert len(warnings(facts({"materialized": "view"}, hangs, (Column("id"), Column("name"))), POSTGRES)) == 2
    assert not warnings(facts({"materialized": "incremental"}, hangs, (Column("id"),)), POSTGRES)
    assert not warnings(replace(facts({"materialized": "table"}, hangs, (Column("id"),)), existing=None), POSTGRES)


RULES = (Rule("positive", "CHECK ((amount > 0))", ("amount",)), Rule("orders_id_check", "CHECK ((id > 1))", ("id",)))
PROMISE = {"materialized": "table", "contract": {"enforced": True}}


def promised(config: dict[str, Any], belongings: Belongings, *constraints: dict[str, Any]) -> Facts:
    """A model with a contract for its column, over a table that stands."""
    given = facts(config, belongings, (Column("id", "integer"),))
    spec = ColumnSpec("id", data_type="integer", constraints=constraints)
    existing = RelationInfo(PLACE, "table", (Column("id", "integer", nullable=True),))
    return replace(given, node=replace(given.node, columns={"id": spec}), existing=existing)


def told_of(given: Facts) -> list[str]:
    return [problem.message for problem in warnings(given, POSTGRES)]


def test_a_constraint_that_the_new_table_cannot_have_is_told() -> None:
    start = "the constraint `positive` goes with the old `shop.main.orders`: "
    without = facts({"materialized": "table"}, Belongings(rules=RULES), (Column("id", "integer"),))
    assert told_of(without) == [f"{start}the new one has no `amount`"]
    assert told_of(promised(PROMISE, Belongings(rules=RULES))) == [f"{start}the contract does not name it"]


def test_what_a_table_that_stays_does_not_get_is_told() -> None:
    fast = Belongings(bound=("trigger audit",))
    constraints = [{"type": kind, "expression": "id > 0"} for kind in ("check", "not_null", "primary_key")]
    (told,) = told_of(promised({**PROMISE, "unlogged": True}, fast, *constraints))
    for part in ("`check`", "`not_null` of its column `id`", "`primary_key`", "`unlogged: true`", "is not applied"):
        assert part in told
    key = Index("orders_pkey", "", True, ("id",), "PRIMARY KEY (id)")
    assert not told_of(promised(PROMISE, replace(fast, indexes=(key,)), {"type": "primary_key"}))
    assert not told_of(promised(PROMISE, replace(fast, rules=RULES[1:]), {"type": "check", "expression": "id > 1"}))


def test_a_materialized_view_that_is_left_as_it_is_is_told_of() -> None:
    config = {
        "materialized": "materialized_view",
        "indexes": [{"columns": ["id"]}],
        "on_configuration_change": "continue",
    }
    stands = facts(config, Belongings(owner="me"), kind="materialized_view")
    (problem,) = warnings(stands, POSTGRES)
    assert problem.severity == "warning"
    standing = Belongings(owner="me", indexes=indexes.wanted(stands.node, PLACE, POSTGRES))
    assert not materialized_views.warnings(replace(stands, belongings=standing), POSTGRES)


# Rights


@pytest.mark.parametrize(
    ("config", "role", "same"),
    [
        ("reader", "reader", True), ("Reader", "reader", True), ('"Odd ""role"""', 'Odd "role"', True),
        ("public", "public", True), ("PUBLIC", "public", True), ("reader", "reader2", False), ('"', '"', True),
    ],
)  # fmt: skip
def test_roles_of_configs_are_those_of_the_catalogue(config: str, role: str, same: bool) -> None:
    assert (stored(config) == role.casefold()) is same
    made = grants(node({"grants": {"SELECT": [config]}}), PLACE, POSTGRES, (Grant("select", role),))
    assert (not made) is same


@pytest.mark.parametrize(
    ("grantee", "written"),
    [
        ("reader", "reader"), ('"Odd role"', '"Odd role"'), ("group staff", "group staff"), ("it's", '"it\'s"'),
        ("a; drop table x", '"a; drop table x"'), ('a" to b', '"a"" to b"'), ("user@example.com", '"user@example.com"'),
    ],
)  # fmt: skip
def test_roles_of_any_name_can_be_given_rights(grantee: str, written: str) -> None:
    assert rights.grant(POSTGRES, "select", PLACE, "table", [grantee]).endswith(f" to {written}")


def test_a_privilege_is_words() -> None:
    with pytest.raises(CompileError, match="is no privilege"):
        rights.grant(POSTGRES, "select on x to y; grant all", PLACE, "table", ["reader"])
    assert rights.grant(writer("bigquery"), "roles/bigquery.dataViewer", PLACE, "table", ["a"]).startswith(
        "grant `roles/"
    )


# Names


def test_names_that_would_be_cut_are_told_by_their_bytes() -> None:
    model = node({})
    assert too_long(model, PLACE.named("n" * 63), POSTGRES) is None
    problem = too_long(model, PLACE.named("ü" * 32), POSTGRES)
    assert problem is not None
    assert "64 bytes" in problem.message
    told = too_long(model, Relation("d" * 99, "s" * 64, "t"), POSTGRES)
    assert told is not None
    assert "`schema`" in told.hint
    assert too_long(model, PLACE.named("n" * 1000), writer("duckdb")) is None


# What is asked beforehand


@pytest.mark.parametrize(
    ("config", "hangs", "asks"),
    [
        ({"materialized": "table"}, Belongings(owner="me"), False),
        ({"materialized": "table"}, Belongings(owner="me", grants=(Grant("select", "x"),)), False),
        ({"materialized": "table"}, Belongings(owner="me", grants=(Grant("select", "x", column="id"),)), True),
        ({"materialized": "table"}, Belongings(indexes=(Index("i", "(id)"),)), True),
        ({"materialized": "table"}, Belongings(bound=("trigger t",)), True),
        ({"materialized": "table"}, Belongings(dependants=(Dependant(PLACE, "view", "select 1"),)), True),
        ({"materialized": "view"}, Belongings(owner="me"), True),
        ({"materialized": "view"}, Belongings(), False),
        ({"materialized": "seed"}, Belongings(bound=("trigger t",)), False),
    ],
)
def test_the_columns_of_the_query_are_asked_for_where_something_hangs_on_them(
    config: dict[str, Any], hangs: Belongings, asks: bool
) -> None:
    assert asks_columns(MATERIALIZATIONS[config["materialized"]], facts(config, hangs)) is asks
