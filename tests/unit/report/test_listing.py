"""What `ls` prints."""

from __future__ import annotations

import json

from eltbuild.project.project import Project
from eltbuild.report.listing import at_path, listing
from eltbuild.values import replace


def test_names_paths_and_selectors(project: Project) -> None:
    resources = [project.resource(id) for id in (
        "source.shop.raw.events", "model.shop.orders.v2", "exposure.shop.dash", "unit_test.shop.orders.adds",
        "metric.shop.n", "function.shop.area", "test.shop.positive",
    )]  # fmt: skip
    known = [resource for resource in resources if resource is not None]
    assert len(known) == 7
    assert list(listing(known, project, output="name")) == [
        "dash", "area", "n", "orders.v2", "raw.events", "positive", "adds",
    ]  # fmt: skip
    assert list(listing(known, project, output="selector")) == [
        "exposure:shop.dash", "shop.area", "metric:shop.n", "shop.marts.orders.v2", "source:shop.raw.events",
        "shop.positive", "unit_test:shop.adds",
    ]  # fmt: skip
    versioned = [replace(project.unit_tests["unit_test.shop.orders.adds"], version=2)]
    assert list(listing(versioned, project, output="name")) == ["adds_v2"]
    assert list(listing(versioned, project, output="selector")) == ["unit_test:shop.adds_v2"]
    paths = list(listing(known, project, output="path"))
    assert paths[3] == "models/marts/orders_v2.sql"


def test_json_has_the_default_keys_that_a_resource_has(project: Project) -> None:
    rows = {row["unique_id"]: row for row in map(json.loads, listing(project.resources(), project, output="json"))}
    assert set(rows) == {resource.id for resource in project.resources()}
    assert set(rows["model.shop.small"]) == {
        "name", "resource_type", "package_name", "original_file_path", "unique_id", "alias", "config", "tags",
        "depends_on", "direct_parents",
    }  # fmt: skip
    assert rows["model.shop.small"]["config"]["materialized"] == "ephemeral"
    assert set(rows["source.shop.raw.events"]) == {
        "name", "resource_type", "package_name", "original_file_path", "unique_id", "source_name", "tags", "config",
    }  # fmt: skip


def test_keys_asked_for_with_dots(project: Project) -> None:
    node = project.nodes["model.shop.orders.v2"]
    keys = ["name", "config.meta.a", "columns.id.description", "depends_on.nodes", "nothing", "config.nothing"]
    (row,) = listing([node], project, output="json", keys=keys)
    assert json.loads(row) == {
        "name": "orders",
        "config.meta.a": 1,
        "columns.id.description": "the id",
        "depends_on.nodes": ["source.shop.raw.events", "model.shop.small"],
    }


def test_keys_that_hold_dots_themselves() -> None:
    assert at_path({"meta": {"a.b": {"c": 1}}}, "meta.a.b.c") == 1
