"""A small shop with one of everything, and a run of it, for all tests of the report room."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from eltbuild.adapter import Target
from eltbuild.compile.compiled import Compiled, Cte
from eltbuild.errors import Place, Problem
from eltbuild.project.project import Project, Settings
from eltbuild.project.resources import (
    ColumnSpec,
    Doc,
    Exposure,
    Group,
    Macro,
    Node,
    Ref,
    Source,
    SourceRef,
    TestCase,
    UnitTest,
    Unmanaged,
)
from eltbuild.relation import Relation
from eltbuild.report.invocation import Invocation
from eltbuild.run.events import Finished, Results, RunFinished, RunStarted, Started, Timing

NOON = datetime(2026, 1, 2, 12, 0, 0, 250000, tzinfo=UTC)


def at(identifier: str, schema: str = "main") -> Relation:
    return Relation("shop", schema, identifier)


def nodes() -> dict[str, Node]:
    made = [
        Node(
            id="seed.shop.countries", resource_type="seed", name="countries", package="shop", path="countries.csv",
            original_path="seeds/countries.csv", fqn=("shop", "countries"), checksum="aa", relation=at("countries"),
            columns={"id": ColumnSpec("id", "the id")}, config={"column_types": {"id": "integer"}},
        ),
        Node(
            id="model.shop.small", resource_type="model", name="small", package="shop", path="staging/small.sql",
            original_path="models/staging/small.sql", fqn=("shop", "staging", "small"), checksum="bb",
            code="select * from {{ ref('countries') }}", config={"materialized": "ephemeral", "tags": ["stg"]},
            refs=(Ref("countries"),), parents=("seed.shop.countries",),
        ),
        Node(
            id="model.shop.orders.v2", resource_type="model", name="orders", package="shop", path="marts/orders_v2.sql",
            original_path="models/marts/orders_v2.sql", fqn=("shop", "marts", "orders", "v2"), checksum="cc",
            code="select * from {{ ref('small') }}", relation=at("orders_v2"), refs=(Ref("small"),),
            source_refs=(SourceRef("raw", "events"),), parents=("source.shop.raw.events", "model.shop.small"),
            config={
                "materialized": "table", "contract": {"enforced": True}, "pre_hook": "select 1",
                "post-hook": [{"sql": "select 2", "transaction": False}], "meta": {"a": 1}, "access": "public",
            },
            columns={"id": ColumnSpec("id", "the id", "integer", constraints=({"type": "not_null"},))},
            constraints=({"type": "primary_key", "columns": ["id"]},), access="public", group="core", version=2,
            latest_version=2, deprecation_date="2030-01-01", patch_path="shop://models/_models.yml",
            extra={"time_spine": {"standard_granularity_column": "day"}}, place=Place("models/marts/orders_v2.sql"),
        ),
        Node(
            id="snapshot.shop.old", resource_type="snapshot", name="old", package="shop", path="old.sql",
            original_path="snapshots/all.sql", fqn=("shop", "all", "old"), checksum="dd", relation=at("old", "snaps"),
            code="select * from {{ ref('countries') }}", refs=(Ref("countries"),), parents=("seed.shop.countries",),
            config={"strategy": "check", "check_cols": "all", "unique_key": "id"},
        ),
        Node(
            id="test.shop.unique_orders_v2_id.1234567890", resource_type="test", name="unique_orders_v2_id",
            package="shop", path="unique_orders_v2_id.sql", original_path="models/_models.yml",
            fqn=("shop", "unique_orders_v2_id"), code="{{ test_unique(**_dbt_generic_test_kwargs) }}",
            refs=(Ref("orders", version="2"),), parents=("model.shop.orders.v2",),
            test=TestCase("unique", None, {"column_name": "id"}, "id", "model.shop.orders.v2", "models.orders"),
            place=Place("models/_models.yml", 12, 9),
        ),
        Node(
            id="test.shop.positive", resource_type="test", name="positive", package="shop", path="positive.sql",
            original_path="tests/positive.sql", fqn=("shop", "positive"), checksum="ee", code="select 1 where false",
            refs=(Ref("orders"),), parents=("model.shop.orders.v2",), config={"severity": "warn"},
        ),
        Node(
            id="analysis.shop.look", resource_type="analysis", name="look", package="shop", path="analysis/look.sql",
            original_path="analyses/look.sql", fqn=("shop", "analysis", "look"), checksum="ff", code="select 1",
            refs=(Ref("orders"),), parents=("model.shop.orders.v2",), columns={"id": ColumnSpec("id")},
        ),
        Node(
            id="operation.shop.shop-on-run-end-0", resource_type="operation", name="shop-on-run-end-0", package="shop",
            path="hooks/shop-on-run-end-0.sql", original_path="./dbt_project.yml",
            fqn=("shop", "hooks", "shop-on-run-end-0"), checksum="11", code="select 1", extra={"index": 1},
        ),
        Node(
            id="function.shop.area", resource_type="function", name="area", package="shop", path="area.sql",
            original_path="functions/area.sql", fqn=("shop", "area"), relation=at("area"), code="x * x",
            extra={
                "arguments": [{"name": "x", "data_type": "int"}], "returns": {"data_type": "int"},
                "overloads": [{"defined_in": "b", "arguments": [], "returns": {"data_type": "int"}, "raw_body": "1"}],
            },
        ),
    ]  # fmt: skip
    return {node.id: node for node in made}


def unmanaged() -> dict[str, Unmanaged]:
    made = [
        Unmanaged(
            id="metric.shop.n", resource_type="metric", name="n", package="shop", path="_models.yml",
            original_path="models/_models.yml", fqn=("shop", "n"), parents=("semantic_model.shop.sem",),
            body={"label": "N", "type": "simple", "type_params": {"measure": "events_n"}, "filter": "{{ x }} > 1"},
        ),
        Unmanaged(
            id="semantic_model.shop.sem", resource_type="semantic_model", name="sem", package="shop",
            path="_models.yml", original_path="models/_models.yml", fqn=("shop", "sem"), refs=(Ref("orders"),),
            parents=("model.shop.orders.v2",),
            body={
                "model": "ref('orders')", "defaults": {"agg_time_dimension": "day"},
                "entities": [{"name": "id", "type": "primary"}],
                "dimensions": [{"name": "day", "type": "time", "type_params": {"time_granularity": "day"}}],
                "measures": [{"name": "events_n", "agg": "count", "expr": "id"}],
            },
        ),
        Unmanaged(
            id="saved_query.shop.sq", resource_type="saved_query", name="sq", package="shop", path="_models.yml",
            original_path="models/_models.yml", fqn=("shop", "sq"), parents=("metric.shop.n",),
            body={
                "query_params": {"metrics": ["n"], "where": ["{{ a }}", "{{ b }}"]},
                "exports": [{"name": "out", "config": {"export_as": "table", "schema": "x"}}],
            },
        ),
    ]  # fmt: skip
    return {resource.id: resource for resource in made}


def build_project() -> Project:
    settings = Settings(name="shop")
    source = Source(
        id="source.shop.raw.events", name="events", source_name="raw", package="shop", path="_models.yml",
        original_path="models/_models.yml", fqn=("shop", "raw", "events"), relation=at("events", "raw"),
        identifier="events", loader="files", columns={"id": ColumnSpec("id")}, loaded_at_field="loaded_at",
        freshness={"warn_after": {"count": 12, "period": "hour"}},
        external={"location": "s3://x", "partitions": [{"name": "day"}]},
    )  # fmt: skip
    exposure = Exposure(
        id="exposure.shop.dash", name="dash", package="shop", path="_models.yml", original_path="models/_models.yml",
        fqn=("shop", "dash"), owner={"name": "Ann"}, refs=(Ref("orders"),), source_refs=(SourceRef("raw", "events"),),
        metrics=("n",), parents=("model.shop.orders.v2", "source.shop.raw.events"),
    )  # fmt: skip
    unit_test = UnitTest(
        id="unit_test.shop.orders.adds", name="adds", package="shop", path="_models.yml",
        original_path="models/_models.yml", fqn=("shop", "orders", "adds"), model="orders",
        given=({"input": "ref('small')", "format": "csv", "rows": "id,name\n1,a\n2,\n"},),
        expect={"rows": [{"id": 1}]}, parents=("model.shop.orders.v2",), checksum="ab",
    )  # fmt: skip
    macro = Macro(
        id="macro.shop.twice", name="twice", key="twice", kind="macro", package="shop", path="m.sql",
        original_path="macros/m.sql", text="{% macro twice(x) %}{{ x }}{% endmacro %}", arguments=({"name": "x"},),
    )  # fmt: skip
    group = Group(
        id="group.shop.core", name="core", package="shop", path="_models.yml", original_path="models/_models.yml",
        owner={"email": "core@example.com"},
    )  # fmt: skip
    off = Node(
        id="model.shop.off", resource_type="model", name="off", package="shop", path="off.sql",
        original_path="models/off.sql", fqn=("shop", "off"), config={"enabled": False},
    )  # fmt: skip
    return Project(
        root="/projects/shop",
        settings=settings,
        packages={"shop": settings},
        target=Target("shop", "dev", "duckdb", "shop", "main"),
        nodes=nodes(),
        sources={source.id: source},
        exposures={exposure.id: exposure},
        unit_tests={unit_test.id: unit_test},
        unmanaged=unmanaged(),
        macros={macro.id: macro},
        docs={
            "doc.shop.d": Doc(id="doc.shop.d", name="d", package="shop", path="d.md", original_path="d.md", text="D")
        },
        groups={group.id: group},
        selectors={
            "nightly": {"name": "nightly", "default": True, "definition": "2+tag:stg+"},
            "both": {"name": "both", "definition": {"union": ["models/marts", {"method": "tag", "value": "stg"}]}},
        },
        disabled=(off,),
    )


def build_compiled() -> dict[str, Compiled]:
    small = 'select * from "shop"."main"."countries"'
    return {
        "model.shop.small": Compiled(node="model.shop.small", query=small, sql=small),
        "model.shop.orders.v2": Compiled(
            node="model.shop.orders.v2",
            query="select * from __dbt__cte__small",
            sql=f"with __dbt__cte__small as (\n{small}\n) select * from __dbt__cte__small",
            ctes=(Cte("model.shop.small", small),),
        ),
        "snapshot.shop.old": Compiled(node="snapshot.shop.old", query=small, sql=small),
        "test.shop.unique_orders_v2_id.1234567890": Compiled(
            node="test.shop.unique_orders_v2_id.1234567890", query="select 1", sql="select 1"
        ),
        "operation.shop.shop-on-run-end-0": Compiled(
            node="operation.shop.shop-on-run-end-0", query="select 1", sql="select 1"
        ),
    }


def timing(seconds: float) -> tuple[Timing, ...]:
    middle = NOON + timedelta(milliseconds=10)
    return (Timing("compile", NOON, middle), Timing("execute", middle, middle + timedelta(seconds=seconds)))


def build_finished() -> tuple[Finished, ...]:
    common = {"total": 6, "at": NOON + timedelta(seconds=1), "thread": "Thread-1"}
    problem = Problem("Catalog Error: no table `x`\nLINE 3: x", Place("models/marts/orders_v2.sql", 3, 8), "add it")
    return (
        Finished(
            node="seed.shop.countries", status="success", seconds=0.42, rows=336776, message="INSERT 336776", index=1,
            response={"_message": "INSERT"}, timing=timing(0.4), relation_name='"shop"."main"."countries"', **common,
        ),
        Finished(node="test.shop.positive", status="warn", seconds=0.1, failures=3, index=2,
                 message="Got 3 results, configured to warn if != 0", compiled_code="select 1", **common),
        Finished(node="model.shop.orders.v2", status="error", seconds=1.5, error=problem, index=3,
                 compiled_code="select x", timing=timing(1.4), **common),
        Finished(node="test.shop.unique_orders_v2_id.1234567890", status="skipped", index=4,
                 message="because of main.orders_v2", **common),
        Finished(node="unit_test.shop.orders.adds", status="pass", seconds=0.2, failures=0, index=5, **common),
        Finished(node="source.shop.raw.events", status="warn", seconds=0.2, index=6, timing=timing(0.1),
                 extra={"max_loaded_at": NOON, "snapshotted_at": NOON, "age": 50000.0}, **common),
    )  # fmt: skip


def build_events() -> list[RunStarted | Started | Finished | RunFinished]:
    finished = build_finished()
    events: list[RunStarted | Started | Finished | RunFinished] = [
        RunStarted("build", tuple(one.node for one in finished), 2, NOON, "11111111-2222", "dev")
    ]
    for one in finished:
        events += [Started(one.node, one.index, one.total, one.thread, NOON), one]
    return [*events, RunFinished(2.5, NOON + timedelta(seconds=2.5))]


@pytest.fixture(scope="session")
def project() -> Project:
    return build_project()


@pytest.fixture(scope="session")
def compiled() -> dict[str, Compiled]:
    return build_compiled()


@pytest.fixture(scope="session")
def finished() -> tuple[Finished, ...]:
    return build_finished()


@pytest.fixture(scope="session")
def results(finished: tuple[Finished, ...]) -> Results:
    return Results(finished, 2.5)


@pytest.fixture
def events() -> list[RunStarted | Started | Finished | RunFinished]:
    return build_events()


@pytest.fixture(scope="session")
def noon() -> datetime:
    return NOON


@pytest.fixture(scope="session")
def invocation() -> Invocation:
    return Invocation(
        id="11111111-2222",
        command="build",
        started_at=NOON,
        arguments={"select": ["a"], "full_refresh": False},
        environment={"COLOR": "blue"},
        command_line="eltbuild build -s a",
    )
