"""Semantic models and metrics within the entries of models, as dbt 1.12 has them in its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from eltbuild import Project
from eltbuild.errors import ProjectError
from eltbuild.project.projection.semantics import unmanaged_dict
from eltbuild.project.resources import Unmanaged

PROPERTIES = """
models:
  - name: orders
    description: All orders
    semantic_model: {name: sales, config: {meta: {a: 1}}}
    agg_time_dimension: day
    columns:
      - name: id
        description: The order
        config: {meta: {c: 3}}
        entity: {type: primary, name: order}
      - name: customer_id
        config: {meta: {c: 3}}
        entity: {type: foreign, config: {meta: {d: 4}}}
      - name: ordered_at
        granularity: day
        dimension: {type: time, name: day}
      - name: status
        config: {meta: {b: 1, c: 3}}
        dimension: {type: categorical, config: {meta: {b: 2}}}
    derived_semantics:
      dimensions: [{name: big, type: categorical, expr: amount > 3}]
    metrics:
      - {name: many, type: simple, agg: count, expr: 1, description: How many}
      - {name: middle, agg: percentile, percentile: 0.5, percentile_type: discrete, expr: amount, hidden: true}
      - name: last
        type: simple
        agg: sum
        expr: amount
        non_additive_dimension: {name: day, window_agg: max, group_by: [customer_id]}
      - {name: over_time, type: cumulative, input_metric: many, window: 7 days}
      - {name: share, type: ratio, numerator: many, denominator: {name: last, filter: "{{ Dimension('x') }} = 1"}}
      - {name: change, type: derived, expr: a - many, input_metrics: [{name: many, alias: a, offset_window: 1 month}]}
      - {name: won, type: conversion, entity: order, base_metric: many, conversion_metric: last}
  - {name: plain, metrics: [{name: unread, type: simple, agg: count, expr: 1}]}
  - {name: without, semantic_model: {enabled: false}}
  - {name: gone, semantic_model: true, config: {enabled: false}}
metrics:
  - {name: above, type: ratio, numerator: many, denominator: last}
"""


@pytest.fixture
def found(tmp_path: Path) -> Mapping[str, Unmanaged]:
    (tmp_path / "models").mkdir()
    (tmp_path / "dbt_project.yml").write_text("name: shop\nversion: '1.0'\n")
    for name in ("orders", "plain", "without", "gone"):
        (tmp_path / f"models/{name}.sql").write_text("select 1 as id")
    (tmp_path / "models/s.yml").write_text(PROPERTIES)
    return Project.load(tmp_path, environ={}).resources.unmanaged


def shown(found: Mapping[str, Unmanaged], id: str) -> dict[str, Any]:
    return dict(unmanaged_dict(found[id]))


def test_which_there_are_and_what_they_stand_on(found: Mapping[str, Unmanaged]) -> None:
    assert {id: item.parents for id, item in found.items()} == {
        "semantic_model.shop.sales": ("model.shop.orders",),
        "metric.shop.many": ("semantic_model.shop.sales",),
        "metric.shop.middle": ("semantic_model.shop.sales",),
        "metric.shop.last": ("semantic_model.shop.sales",),
        "metric.shop.over_time": ("metric.shop.many",),
        "metric.shop.share": ("metric.shop.many", "metric.shop.last"),
        "metric.shop.change": ("metric.shop.many",),
        "metric.shop.won": ("metric.shop.many", "metric.shop.last"),
        "metric.shop.above": ("metric.shop.many", "metric.shop.last"),
    }


def test_a_semantic_model(found: Mapping[str, Unmanaged]) -> None:
    model = shown(found, "semantic_model.shop.sales")
    assert (model["model"], model["description"]) == ("ref('orders')", "All orders")
    assert model["defaults"] == {"agg_time_dimension": "day"}
    entities = [(e["name"], e["type"], e["expr"], e["description"], e["config"]["meta"]) for e in model["entities"]]
    # Meta of a column goes to a dimension beside its own, to an entity only in the place of its own.
    assert entities == [
        ("order", "primary", "id", "The order", {"a": 1, "c": 3}),
        ("customer_id", "foreign", None, "", {"a": 1, "d": 4}),
    ]
    assert [(d["name"], d["expr"], d["type_params"], d["config"]["meta"]) for d in model["dimensions"]] == [
        ("day", "ordered_at", {"time_granularity": "day", "validity_params": None}, {"a": 1}),
        ("status", None, None, {"a": 1, "b": 2, "c": 3}),
        ("big", "amount > 3", None, {"a": 1}),
    ]


def test_the_parameters_of_metrics(found: Mapping[str, Unmanaged]) -> None:
    params = {id.split(".")[-1]: shown(found, id)["type_params"] for id in found if id.startswith("metric")}
    assert (params["many"]["expr"], params["many"]["is_private"]) == ("1", False)
    assert params["many"]["metric_aggregation_params"] == {
        "semantic_model": "sales",
        "agg": "count",
        "agg_params": {"percentile": None, "use_discrete_percentile": False, "use_approximate_percentile": False},
        "agg_time_dimension": "day",
        "non_additive_dimension": None,
    }
    middle = params["middle"]["metric_aggregation_params"]["agg_params"]
    assert (middle["percentile"], middle["use_discrete_percentile"], params["middle"]["is_private"]) == (
        0.5,
        True,
        True,
    )
    assert params["last"]["metric_aggregation_params"]["non_additive_dimension"] == {
        "name": "day",
        "window_choice": "max",
        "window_groupings": ["customer_id"],
    }
    over = params["over_time"]["cumulative_type_params"]
    assert (over["metric"]["name"], over["window"]) == ("many", {"count": 7, "granularity": "day"})
    assert params["share"]["denominator"]["filter"] is not None
    assert params["change"]["metrics"][0]["offset_window"] == {"count": 1, "granularity": "month"}
    assert params["won"]["conversion_type_params"]["conversion_metric"]["name"] == "last"


def test_what_is_no_semantic_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "dbt_project.yml").write_text("name: shop\nversion: '1.0'\n")
    (tmp_path / "models/a.sql").write_text("select 1 as id")
    (tmp_path / "models/s.yml").write_text("models:\n  - name: a\n    semantic_model: [1]\n")
    with pytest.raises(ProjectError, match="semantic_model"):
        Project.load(tmp_path, environ={})
