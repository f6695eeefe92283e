"""The structured log: the records that schedulers key on, in the form in which they read them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from eltbuild.errors import Place, Problem
from eltbuild.project.project import Project
from eltbuild.report.invocation import Invocation
from eltbuild.report.log import Log
from eltbuild.report.recorder import Recorder
from eltbuild.run.events import Event, Finished, Message, RunFinished, RunStarted, Started
from eltbuild.secrecy import mask_secrets

Logged = Callable[..., list[dict[str, Any]]]
INFO_KEYS = {"name", "code", "level", "msg", "ts", "invocation_id", "pid", "thread", "category", "extra"}
NODE_KEYS = {
    "unique_id", "resource_type", "node_name", "node_path", "materialized", "node_status", "node_started_at",
    "node_finished_at", "node_relation", "node_checksum", "meta",
}  # fmt: skip


@pytest.fixture
def logged(project: Project, invocation: Invocation) -> Logged:
    """The records of some events as a reader gets them."""

    def log(*events: Event, level: str = "info", secrets: set[str] | None = None) -> list[dict[str, Any]]:
        stream = io.StringIO()
        writer = Log(stream, invocation, level=level, mask=mask_secrets(secrets or set()))
        writer.follow(Recorder(project))
        for event in events:
            writer.handle(event)
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    return log


def names(records: list[dict[str, Any]]) -> list[str]:
    return [record["info"]["name"] for record in records]


def test_every_record_has_the_envelope(logged: Logged, events: list[Event]) -> None:
    for record in logged(*events, level="debug"):
        assert set(record) == {"info", "data"}
        assert set(record["info"]) == INFO_KEYS
        datetime.strptime(record["info"]["ts"], "%Y-%m-%dT%H:%M:%S.%fZ")
        if "node_info" in record["data"]:
            assert set(record["data"]["node_info"]) == NODE_KEYS


def test_the_order_of_a_node_at_level_info(logged: Logged, events: list[Event]) -> None:
    seed = [record for record in logged(*events) if "seed.shop.countries" in json.dumps(record["data"])]
    assert names(seed) == ["NodeStart", "LogStartLine", "LogSeedResult", "NodeFinished"]
    assert [record["data"]["node_info"]["node_status"] for record in seed] == [
        "started",
        "started",
        "success",
        "success",
    ]
    finished = seed[-1]["data"]
    assert finished["run_result"]["adapter_response"]["rows_affected"] == 336776
    assert finished["node_info"]["node_relation"] == {
        "database": "shop", "schema": "main", "alias": "countries", "relation_name": '"shop"."main"."countries"',
    }  # fmt: skip
    assert finished["node_info"]["node_finished_at"] == "2026-01-02T12:00:01.250000"


def test_results_by_type_of_node(logged: Logged, events: list[Event]) -> None:
    records = {record["info"]["name"]: record for record in logged(*events)}
    model = records["LogModelResult"]
    assert (model["info"]["code"], model["info"]["level"], model["data"]["status"]) == ("Q012", "error", "error")
    assert model["data"]["group"]["owner"]["email"] == "core@example.com"
    assert records["LogFreshnessResult"]["data"]["table_name"] == "events"
    assert records["SkippingDetails"]["data"]["node_name"] == "unique_orders_v2_id"
    assert records["StatsLine"]["data"]["stats"] == {
        "pass": 2, "warn": 2, "error": 1, "skip": 1, "noop": 0, "partial": 0, "reused": 0, "total": 6,
    }  # fmt: skip
    assert records["RunResultError"]["data"]["msg"].startswith("models/marts/orders_v2.sql:3:8")
    assert records["FoundStats"]["data"]["stat_line"].startswith("1 analysis, 2 data tests")


def test_tests_tell_failures_and_what_they_hang_on(logged: Logged, events: list[Event]) -> None:
    tests = [record["data"] for record in logged(*events) if record["info"]["name"] == "LogTestResult"]
    assert [(one["name"], one["status"], one["num_failures"]) for one in tests] == [
        ("positive", "warn", 3),
        ("orders::adds", "pass", 0),
    ]


def test_no_finished_unit_test_on_a_stream(logged: Logged, events: list[Event]) -> None:
    """dagster-dbt looks every finished node up among the manifest's nodes, where unit tests are not."""
    finished = [record for record in logged(*events) if record["info"]["name"] == "NodeFinished"]
    assert "unit_test" not in {record["data"]["node_info"]["resource_type"] for record in finished}
    debug = [record for record in logged(*events, level="debug") if record["info"]["name"] == "NodeFinished"]
    assert "unit_test" in {record["data"]["node_info"]["resource_type"] for record in debug}


def test_no_record_is_an_error_when_nothing_failed(logged: Logged) -> None:
    run: list[Event] = [
        RunStarted("run", ("seed.shop.countries",), 1, datetime.now(UTC), "id"),
        Started("seed.shop.countries", 1, 1, "t", datetime.now(UTC)),
        Message("a problem that was mended", level="debug"),
        Finished(node="seed.shop.countries", status="success", index=1, total=1),
        RunFinished(0.1, datetime.now(UTC)),
    ]
    assert {record["info"]["level"] for record in logged(*run, level="debug")} <= {"info", "debug"}


def test_hooks(logged: Logged) -> None:
    id = "operation.shop.shop-on-run-end-0"
    moment = datetime.now(UTC)
    records = logged(Started(id, 1, 1, "main", moment), Finished(node=id, status="success", index=1, total=1))
    assert names(records) == ["LogHookStartLine", "LogHookEndLine"]
    assert records[1]["data"]["statement"] == "shop-on-run-end-0"


def test_messages(logged: Logged) -> None:
    node = "model.shop.orders.v2"
    records = logged(
        Message('{"columns": {}}', kind="log", node=node),
        Message("debugged", kind="log", level="debug"),
        Message("row", kind="print"),
        Message("note"),
        Message("", problem=Problem("old", Place("a.yml", 3), severity="warning", name="OldKey")),
        Message("select 1", kind="sql", level="debug", seconds=0.5, node=node),
        level="debug",
    )
    assert names(records) == [
        "JinjaLogInfo", "JinjaLogDebug", "PrintEvent", "Note", "OldKey", "SQLQuery", "SQLQueryStatus",
    ]  # fmt: skip
    assert records[0]["info"]["msg"] == '{"columns": {}}'
    assert records[0]["data"]["node_info"]["unique_id"] == node
    assert records[4]["info"]["level"] == "warn"
    assert records[6]["data"]["elapsed"] == 0.5


def test_secrets_are_masked_and_json_stays_json(logged: Logged) -> None:
    secrets = {'pass"word', "12345"}
    records = logged(Message('x pass"word y', kind="log"), Message("port 12345"), secrets=secrets)
    assert [record["info"]["msg"] for record in records] == ["x ***** y", "port *****"]


def test_levels(logged: Logged, events: list[Event]) -> None:
    assert names(logged(*events, level="none")) == []
    errors = logged(*events, level="error")
    assert set(names(errors)) == {"LogModelResult", "RunResultFailure", "RunResultError"}


def test_what_is_said_beside_runs(invocation: Invocation) -> None:
    stream = io.StringIO()
    log = Log(stream, invocation, level="debug")
    log.begun()
    log.adapter_registered("duckdb")
    log.listed('{"name": "a"}')
    log.artifact_written("WritableManifest", "/t/manifest.json")
    log.printed("orders", "| a |", said="Previewing node 'orders':\n| a |", id="model.shop.orders", compiled=False)
    log.printed("orders", "select 1", said="Compiled node 'orders' is:\nselect 1", compiled=True, style="json")
    log.problems([Problem("broken", Place("a.sql", 1))])
    log.completed(success=False)
    records = {record["info"]["name"]: record for record in map(json.loads, stream.getvalue().splitlines())}
    assert records["MainReportVersion"]["data"]["version"] == "=1.12.6"
    assert records["PrintEvent"]["info"]["msg"] == '{"name": "a"}'
    assert records["ArtifactWritten"]["data"]["artifact_type"] == "WritableManifest"
    assert records["ShowNode"]["data"]["preview"] == "| a |"
    assert records["ShowNode"]["info"]["msg"] == "Previewing node 'orders':\n| a |"
    assert records["CompiledNode"]["data"]["compiled"] == "select 1"
    assert records["CompiledNode"]["data"]["output_format"] == "json"
    assert records["MainEncounteredError"]["info"]["level"] == "error"
    assert records["CommandCompleted"]["data"]["success"] is False


def test_text_formats(project: Project, invocation: Invocation, events: list[Event]) -> None:
    for format, expected in (
        ("text", "Concurrency: 2 threads"),
        ("debug", "[info ] [Thread-1]: 1 of 6 START seed file"),
    ):
        stream = io.StringIO()
        log = Log(stream, invocation, format=format, level="debug")  # type: ignore[arg-type]
        log.follow(Recorder(project))
        for event in events:
            log.handle(event)
        assert expected in stream.getvalue()


def test_a_closed_pipe_does_not_end_the_run(project: Project, invocation: Invocation, events: list[Event]) -> None:
    class Gone(io.StringIO):
        writes = 0

        def write(self, text: str) -> int:
            self.writes += 1
            raise BrokenPipeError

    stream = Gone()
    log = Log(stream, invocation)
    log.follow(Recorder(project))
    for event in events:
        log.handle(event)
    assert stream.writes == 1
