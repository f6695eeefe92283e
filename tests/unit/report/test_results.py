"""`run_results.json`, `sources.json` and `catalog.json` beyond their keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from eltbuild.project.project import Project
from eltbuild.project.projection.frame import quoted
from eltbuild.relation import Column, Relation, RelationInfo
from eltbuild.report.catalog import catalog
from eltbuild.report.invocation import Invocation
from eltbuild.report.run_results import result_dict, run_results
from eltbuild.report.sources import sources
from eltbuild.run.events import Finished, Results


def written(finished: Finished, project: Project) -> dict[str, Any]:
    return result_dict(finished, project, quoted("duckdb"))


def test_run_results(results: Results, project: Project, invocation: Invocation, noon: datetime) -> None:
    value = run_results(results, project=project, invocation=invocation, now=noon)
    assert value["metadata"]["dbt_schema_version"].endswith("/run-results/v6.json")
    assert value["args"]["which"] == "build"
    assert value["args"]["select"] == ["a"]
    by_id = {one["unique_id"]: one for one in value["results"]}
    seed = by_id["seed.shop.countries"]
    assert seed["adapter_response"] == {"_message": "INSERT", "rows_affected": 336776}
    assert seed["compiled"] is None
    assert seed["timing"][0] == {
        "name": "compile",
        "started_at": "2026-01-02T12:00:00.250000Z",
        "completed_at": "2026-01-02T12:00:00.260000Z",
    }
    model = by_id["model.shop.orders.v2"]
    assert model["message"].startswith("models/marts/orders_v2.sql:3:8: Catalog Error")
    assert model["compiled"] is True
    skipped = by_id["test.shop.unique_orders_v2_id.1234567890"]
    assert (skipped["status"], skipped["compiled"], skipped["failures"], skipped["timing"]) == (
        "skipped", False, None, [],
    )  # fmt: skip


def test_cancelled_is_written_as_error_because_readers_know_no_such_status(project: Project) -> None:
    assert written(Finished(node="model.shop.orders.v2", status="cancelled"), project)["status"] == "error"


def test_batches(project: Project) -> None:
    batches = {"successful": [["a", "b"]]}
    one = Finished(node="model.shop.orders.v2", status="partial success", batches=batches)
    assert written(one, project)["batch_results"] == {"successful": [["a", "b"]], "failed": []}


def test_a_relation_is_named_whatever_became_of_the_node_but_never_for_a_seed(project: Project) -> None:
    for status in ("success", "error", "skipped"):
        one = written(Finished(node="model.shop.orders.v2", status=status), project)
        assert one["relation_name"] == '"shop"."main"."orders_v2"'
    seed = Finished(node="seed.shop.countries", status="success", relation_name='"shop"."main"."countries"')
    assert written(seed, project)["relation_name"] is None
    for id in ("test.shop.positive", "model.shop.small"):
        assert written(Finished(node=id, status="skipped"), project)["relation_name"] is None


def test_a_test_that_passes_has_no_failures_whatever_rows_it_found(project: Project) -> None:
    one = Finished(node="test.shop.positive", status="pass", failures=3)
    assert written(one, project)["failures"] == 0
    assert written(replace(one, status="warn"), project)["failures"] == 3


def test_sources_hold_only_what_was_asked(
    results: Results, project: Project, invocation: Invocation, noon: datetime
) -> None:
    broken = Finished(node="source.shop.raw.events", status="runtime error", message="no such table")
    both = replace(results, finished=(*results.finished, broken))
    value = sources(both, project=project, invocation=invocation, now=noon)
    good, bad = value["results"]
    assert good["max_loaded_at"] == "2026-01-02T12:00:00.250000+00:00"
    assert good["max_loaded_at_time_ago_in_s"] == 50000.0
    assert good["criteria"]["warn_after"] == {"count": 12, "period": "hour"}
    assert bad == {"unique_id": "source.shop.raw.events", "error": "no such table", "status": "runtime error"}


def test_the_catalog_finds_nodes_whatever_the_case_of_names(
    project: Project, invocation: Invocation, noon: datetime
) -> None:
    place = Relation("SHOP", "MAIN", "COUNTRIES")
    found = RelationInfo(place, "table", (Column("ID", "INT", comment="the id"), Column("N", "TEXT")), owner="ann")
    other = RelationInfo(Relation("shop", "main", "stranger"), "view")
    value = catalog(project, [found, other], invocation=invocation, now=noon, rows={place: 2}, errors=["raw: denied"])
    assert list(value["nodes"]) == ["seed.shop.countries"]
    entry = value["nodes"]["seed.shop.countries"]
    assert entry["metadata"]["type"] == "BASE TABLE"
    assert entry["metadata"]["owner"] == "ann"
    assert entry["columns"]["N"] == {"type": "TEXT", "index": 2, "name": "N", "comment": None}
    assert entry["stats"]["has_stats"]["value"] is True
    assert entry["stats"]["row_count"]["value"] == 2
    assert value["errors"] == ["raw: denied"]
    assert value["sources"] == {}
