"""What the manifest says beyond its keys."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from effort import steps

from eltbuild.compile.compiled import Compiled
from eltbuild.project.project import Project
from eltbuild.project.resources import Node
from eltbuild.relation import Relation
from eltbuild.report.invocation import Invocation, custom_environment
from eltbuild.report.manifest import criterion_dict, manifest, write_manifest


@pytest.fixture(scope="module")
def value(project: Project, compiled: dict[str, Compiled], invocation: Invocation, noon: datetime) -> dict[str, Any]:
    return manifest(project, compiled, invocation=invocation, now=noon)


def test_metadata(value: dict[str, Any]) -> None:
    metadata = value["metadata"]
    assert metadata["dbt_schema_version"] == "https://schemas.getdbt.com/dbt/manifest/v12.json"
    assert metadata["dbt_version"] == "1.12.6"
    assert metadata["generated_at"] == "2026-01-02T12:00:00.250000Z"
    assert metadata["project_id"] == "fb54f3c5992b96d001bb16e8e92d968d"
    assert metadata["env"] == {"COLOR": "blue"}


def test_a_model_with_everything(value: dict[str, Any]) -> None:
    node = value["nodes"]["model.shop.orders.v2"]
    assert node["relation_name"] == '"shop"."main"."orders_v2"'
    assert (node["database"], node["schema"], node["alias"]) == ("shop", "main", "orders_v2")
    assert node["config"]["pre-hook"] == [{"transaction": True, "index": None, "sql": "select 1"}]
    assert node["config"]["post-hook"] == [{"transaction": False, "index": None, "sql": "select 2"}]
    assert node["contract"]["enforced"]
    assert len(node["contract"]["checksum"]) == 64
    assert node["constraints"][0]["columns"] == ["id"]
    assert node["primary_key"] == ["id"]
    assert node["deprecation_date"] == "2030-01-01T00:00:00+00:00"
    assert node["compiled_path"] == "target/compiled/shop/models/marts/orders_v2.sql"
    assert node["extra_ctes"][0]["sql"].startswith(" __dbt__cte__small as (\nselect")
    assert node["depends_on"]["nodes"] == ["source.shop.raw.events", "model.shop.small"]


def test_what_was_not_compiled_says_so(value: dict[str, Any]) -> None:
    node = value["nodes"]["analysis.shop.look"]
    assert node["compiled_path"] is None
    assert "compiled_code" not in node


def test_paths_of_compiled_text(value: dict[str, Any]) -> None:
    paths = {node["name"]: node["compiled_path"] for node in value["nodes"].values() if "compiled_path" in node}
    assert paths["old"] == "target/compiled/shop/snapshots/all.sql/old.sql"
    assert paths["unique_orders_v2_id"] == "target/compiled/shop/models/_models.yml/unique_orders_v2_id.sql"


def test_a_generic_test_belongs_to_the_group_of_its_model(value: dict[str, Any]) -> None:
    test = value["nodes"]["test.shop.unique_orders_v2_id.1234567890"]
    assert (test["group"], test["attached_node"], test["column_name"]) == ("core", "model.shop.orders.v2", "id")
    assert value["group_map"] == {"core": ["model.shop.orders.v2", "test.shop.unique_orders_v2_id.1234567890"]}
    assert test["schema"] == "main_dbt_test__audit"


def test_the_maps_are_each_others_inverse_and_sorted(value: dict[str, Any], project: Project) -> None:
    parents, children = value["parent_map"], value["child_map"]
    assert set(parents) == set(children) == {resource.id for resource in project.resources()}
    edges = {(parent, id) for id, known in parents.items() for parent in known}
    assert edges == {(id, child) for id, known in children.items() for child in known}
    assert all(known == sorted(known) for known in [*parents.values(), *children.values()])
    assert parents["model.shop.orders.v2"] == ["model.shop.small", "source.shop.raw.events"]


def test_selectors_are_mappings(value: dict[str, Any]) -> None:
    assert value["selectors"]["nightly"]["definition"] == {
        "method": "tag", "value": "stg", "parents": True, "parents_depth": 2, "children": True,
    }  # fmt: skip
    union = value["selectors"]["both"]["definition"]["union"]
    assert union == [{"method": "path", "value": "models/marts"}, {"method": "tag", "value": "stg"}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("orders", {"method": "fqn", "value": "orders"}),
        ("@orders", {"method": "fqn", "value": "orders", "childrens_parents": True}),
        ("+tag:x+3", {"method": "tag", "value": "x", "parents": True, "children": True, "children_depth": 3}),
        ("config.meta.owner:x", {"method": "config.meta.owner", "value": "x"}),
        ("", {"method": "fqn", "value": ""}),
    ],
)
def test_criteria(text: str, expected: dict[str, Any]) -> None:
    assert criterion_dict(text) == expected


def test_rows_of_unit_tests_given_as_csv(value: dict[str, Any]) -> None:
    given = value["unit_tests"]["unit_test.shop.orders.adds"]["given"][0]
    assert given["rows"] == [{"id": "1", "name": "a"}, {"id": "2", "name": None}]


def test_metrics_and_semantic_models(value: dict[str, Any]) -> None:
    metric = value["metrics"]["metric.shop.n"]
    assert metric["type_params"]["measure"]["name"] == "events_n"
    assert metric["filter"] == {"where_filters": [{"where_sql_template": "{{ x }} > 1"}]}
    relation = value["semantic_models"]["semantic_model.shop.sem"]["node_relation"]
    assert relation["relation_name"] == '"shop"."main"."orders_v2"'
    exports = value["saved_queries"]["saved_query.shop.sq"]["exports"]
    assert exports[0]["config"]["schema_name"] == "x"


def test_disabled_resources_are_listed_by_id(value: dict[str, Any]) -> None:
    assert [one["config"]["enabled"] for one in value["disabled"]["model.shop.off"]] == [False]


def test_the_file_holds_the_value(
    project: Project, compiled: dict[str, Compiled], invocation: Invocation, noon: datetime, tmp_path: Path
) -> None:
    path = tmp_path / "manifest.json"
    write_manifest(path, project, compiled, invocation=invocation, now=noon)
    assert json.loads(path.read_text()) == json.loads(
        json.dumps(manifest(project, compiled, invocation=invocation, now=noon))
    )


def test_custom_environment() -> None:
    environ = {"DBT_ENV_CUSTOM_ENV_A": "1", "DBT_ENV_CUSTOM_ENV_": "x", "HOME": "/", "ELTBUILD_ENV_CUSTOM_ENV_B": "2"}
    assert custom_environment(environ) == {"A": "1", "B": "2"}


def many(project: Project, number: int) -> tuple[Project, dict[str, Compiled]]:
    model = project.nodes["model.shop.orders.v2"]
    test = project.nodes["test.shop.unique_orders_v2_id.1234567890"]
    nodes: dict[str, Node] = {}
    for index in range(number):
        id = f"model.shop.m{index}"
        nodes[id] = replace(model, id=id, name=f"m{index}", relation=Relation("shop", "main", f"m{index}"))
        for turn in range(4):
            id = f"test.shop.t{index}_{turn}"
            nodes[id] = replace(test, id=id, name=f"t{index}_{turn}", parents=(f"model.shop.m{index}",))
    return replace(project, nodes=nodes), {id: Compiled(node=id, query="q", sql="select 1") for id in nodes}


def test_the_cost_grows_with_the_project_and_no_faster(
    project: Project, invocation: Invocation, noon: datetime, tmp_path: Path
) -> None:
    def effort(number: int) -> int:
        large, compiled = many(project, number)
        write_manifest(tmp_path / "m.json", large, compiled, invocation=invocation, now=noon)
        return steps(lambda: write_manifest(tmp_path / "m.json", large, compiled, invocation=invocation, now=noon))

    assert effort(200) < 5 * effort(50)
