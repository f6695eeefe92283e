"""Resources as dictionaries: what templates and artifacts see."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from eltbuild.adapter import Target
from eltbuild.project.project import Project, Settings
from eltbuild.project.projection import (
    CONFIG_DEFAULTS,
    Frame,
    compiled_path,
    filled_config,
    graph_dict,
    model_dict,
    node_dict,
    primary_keys,
    quoted,
)
from eltbuild.project.projection.configs import hooks_list
from eltbuild.project.projection.nodes import moment
from eltbuild.project.resources import ColumnSpec, Node, TestCase
from eltbuild.relation import Relation

ORDERS = Node(
    id="model.shop.orders",
    resource_type="model",
    name="orders",
    package="shop",
    path="marts/orders.sql",
    original_path="models/marts/orders.sql",
    fqn=("shop", "marts", "orders"),
    code="select 1",
    relation=Relation("shop", "main", "orders"),
    columns={"id": ColumnSpec("id"), "name": ColumnSpec("name")},
    config={"materialized": "table", "meta": {"owner": "ann"}, "tags": ["a"]},
)


def shop(*nodes: Node) -> Project:
    settings = Settings(name="shop")
    return Project(
        root="/p",
        settings=settings,
        packages={"shop": settings},
        target=Target("shop", "dev", "duckdb", "shop", "main"),
        nodes={node.id: node for node in nodes},
    )


def data_test(name: str, column: str | None = None, **kwargs: object) -> Node:
    case = TestCase(name, None, kwargs, column, "model.shop.orders")
    id = f"test.shop.{name}_{column}"
    return Node(id=id, resource_type="test", name=id, package="shop", path="t.sql", original_path="m.yml", test=case)


def test_a_template_may_change_what_it_got() -> None:
    first = node_dict(ORDERS)
    first["config"]["tags"].append("b")
    first["config"]["meta"]["owner"] = "bob"
    first["meta"]["more"] = 1
    first["config"]["docs"]["show"] = False
    second = node_dict(ORDERS)
    assert second["config"]["tags"] == second["tags"] == ["a"]
    assert second["meta"] == second["config"]["meta"] == {"owner": "ann"}
    assert second["config"]["docs"]["show"] is True


@pytest.mark.parametrize("resource_type", sorted(CONFIG_DEFAULTS))
def test_defaults_are_new_on_each_call(resource_type: str) -> None:
    one, other = filled_config(resource_type, {}), filled_config(resource_type, {})
    assert one == other
    shared = [key for key in one if one[key] is other[key] and isinstance(one[key], (dict, list))]
    assert shared == []


def test_nodes_without_a_relation_are_said_to_be_where_they_would_be() -> None:
    test = node_dict(data_test("unique", "id"), shop())
    assert (test["database"], test["schema"], test["relation_name"]) == ("shop", "main_dbt_test__audit", None)
    assert test["alias"] == test["name"]
    view = node_dict(replace(ORDERS, relation=None), shop())
    assert (view["database"], view["schema"]) == ("shop", "main")


def test_relations_are_spelled_as_the_frame_says() -> None:
    assert node_dict(ORDERS, shop())["relation_name"] == '"shop"."main"."orders"'
    assert node_dict(ORDERS, Frame(spell=quoted("bigquery")))["relation_name"] == "`shop`.`main`.`orders`"
    assert quoted("duckdb")(Relation(None, "a", 'b"c')) == '"a"."b""c"'


def test_templates_see_more_than_the_file() -> None:
    more = set(model_dict(ORDERS)) - set(node_dict(ORDERS))
    assert more == {"config_call_dict", "unrendered_config_call_dict", "defer_relation", "batch"}


def test_the_graph_holds_every_section() -> None:
    graph = graph_dict(shop(ORDERS))
    assert graph["nodes"]["model.shop.orders"]["columns"]["id"]["name"] == "id"
    assert {"sources", "exposures", "groups", "metrics", "semantic_models", "saved_queries"} <= set(graph)


@pytest.mark.parametrize(
    ("given", "hooks"),
    [
        (None, []),
        ("", []),
        ("a", [{"sql": "a", "transaction": True, "index": None}]),
        (["a", {"sql": "b", "transaction": False}], [
            {"sql": "a", "transaction": True, "index": None}, {"sql": "b", "transaction": False, "index": None},
        ]),
    ],
)  # fmt: skip
def test_hooks_have_one_form(given: object, hooks: list[dict[str, object]]) -> None:
    assert hooks_list(given) == hooks


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (None, None),
        ("2030-01-02", "2030-01-02T00:00:00+00:00"),
        ("2030-01-02T03:04:05+02:00", "2030-01-02T03:04:05+02:00"),
        ("soon", "soon"),
    ],
)
def test_moments(written: str | None, read: str | None) -> None:
    assert moment(written) == read


def test_where_compiled_text_lies() -> None:
    assert compiled_path(ORDERS, "target") == "target/compiled/shop/models/marts/orders.sql"
    assert compiled_path(data_test("unique"), "out") == "out/compiled/shop/m.yml/t.sql"
    snapshot = replace(ORDERS, resource_type="snapshot", original_path="snapshots/all.sql", path="orders.sql")
    assert compiled_path(snapshot, "t") == "t/compiled/shop/snapshots/all.sql/orders.sql"
    assert compiled_path(replace(ORDERS, resource_type="seed"), "t") is None


def test_primary_keys_come_from_constraints_before_tests() -> None:
    tests = (data_test("unique", "id"), data_test("unique", "name"), data_test("not_null", "name"))
    assert primary_keys(shop(ORDERS)) == {}
    assert primary_keys(shop(ORDERS, tests[0])) == {"model.shop.orders": ("id",)}
    assert primary_keys(shop(ORDERS, *tests)) == {"model.shop.orders": ("name",)}
    several = data_test("unique_combination_of_columns", combination_of_columns=["id", "name"])
    assert primary_keys(shop(ORDERS, several)) == {"model.shop.orders": ("id", "name")}
    assert primary_keys(shop(ORDERS, data_test("unique", "Id", column_name='"Id"'))) == {"model.shop.orders": ('"Id"',)}
    declared = replace(ORDERS, constraints=({"type": "primary_key", "columns": ["id", "name"]},))
    assert primary_keys(shop(declared, *tests)) == {"model.shop.orders": ("id", "name")}
    column = replace(ORDERS, columns={"x": ColumnSpec("x", constraints=({"type": "primary_key"},))})
    assert primary_keys(shop(column, *tests)) == {"model.shop.orders": ("x",)}


def test_a_projection_costs_microseconds() -> None:
    began = time.process_time()
    for _ in range(2000):
        node_dict(ORDERS)
    assert time.process_time() - began < 0.4


@pytest.mark.parametrize(
    ("config", "stored"),
    [
        ({}, False),
        ({"store_failures": True}, True),
        ({"store_failures": True, "store_failures_as": "ephemeral"}, False),
        ({"store_failures_as": "view"}, True),
    ],
)
def test_only_a_test_that_stores_its_failures_has_a_relation(config: dict[str, object], stored: bool) -> None:
    relation = Relation("shop", "main_dbt_test__audit", "unique")
    test = replace(data_test("unique", "id"), relation=relation, config=config)
    fields = node_dict(test, shop())
    assert (fields["relation_name"] is not None) == stored
    assert fields["schema"] == "main_dbt_test__audit"


def test_an_ephemeral_model_has_no_relation() -> None:
    assert node_dict(replace(ORDERS, config={"materialized": "ephemeral"}))["relation_name"] is None
