"""Expectations as measures give the verdicts, observed values and counts that Great Expectations itself gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from conformance.bench import Bench
from conformance.expectation_cases import CASES, COLUMNS, CONDITIONS, FIRST_OF_EACH, TABLES, TYPES
from conformance.targets import WAREHOUSES

from eltbuild.errors import CompileError
from eltbuild.project.expectation_types import EXPECTATIONS
from eltbuild.project.expectations import LIBRARY_ONLY
from eltbuild.quality.expectations.expectation import Expectation
from eltbuild.quality.expectations.judged import Judged, carried
from eltbuild.quality.expectations.planning import planned
from eltbuild.quality.expectations.row_conditions import condition_of
from eltbuild.quality.measures.measure import Measure, fused
from eltbuild.relation import Column, Relation
from eltbuild.run.testing.library import Library
from eltbuild.values import replace

TOLD = ("element_count", "missing_count", "unexpected_count", "unexpected_percent", "missing_percent",
        "unexpected_percent_total", "unexpected_percent_nonmissing", "observed_value", "details")  # fmt: skip
"""What is told of a result but for examples."""


ONE_OF_EACH = pytest.mark.parametrize(
    "warehouse", {found.type: found for found in WAREHOUSES}.values(), indirect=True, ids=lambda found: found.type
)
"""Each engine once: where its database lies makes no difference here."""


@pytest.fixture(scope="module")
def library() -> Library:
    """Great Expectations, once for all tests."""
    return Library()


def told(judged: Judged) -> tuple[bool, dict[str, Any]]:
    """The verdict, the observed value and the counts; those of no rows are 0 here, which the library calls null."""
    found = {key: carried(judged.result[key]) for key in TOLD if key in judged.result}
    if found.get("element_count") == 0:
        found["unexpected_count"] = found["unexpected_count"] or 0
    return judged.success, found


@contextmanager
def plainly_named(bench: Bench, *names: str) -> Iterator[Relation]:
    """The first of the tables where Great Expectations can name it: it quotes no names of schemas. A view of each."""
    schema = bench.scalar("select current_schema()")
    views = [Relation(None, schema, name.replace(" ", "_")) for name in names]
    try:
        for view, name in zip(views, names, strict=True):
            sql = f"select * from {bench.writer.relation(bench.at(name))}"
            bench.connection.execute(f"create view {bench.writer.relation(view)} as {sql}")
        yield views[0]
    finally:
        for view in views:
            bench.connection.execute(f"drop view if exists {bench.writer.relation(view)}")


def theirs(library: Library, bench: Bench, expectation: Expectation, conditions: bool = False) -> Any:
    """What Great Expectations tells; or what it says of an error of its own."""
    try:
        return told(library.judge(expectation, bench.connection, conditions=conditions))
    except CompileError as error:
        return str(error)


def expectation_of(bench: Bench, type: str, arguments: dict[str, Any], columns: tuple[Column, ...]) -> Expectation:
    stands = bench.at("looked at")
    return Expectation(
        type, "looked at", arguments, bench.writer.relation(stands), columns, bench.adapter.dialect, stands
    )


def rows_in(bench: Bench, name: str, rows: Any) -> Relation:
    """A table of the rows."""
    place = bench.at(name)
    kinds = [bench.writer.type_name(kind) for kind in TYPES]
    names = [bench.writer.names([column]) for column in COLUMNS]
    lines = ", ".join(f"{name} {kind}" for name, kind in zip(names, kinds, strict=True))
    bench.connection.execute(f"create table {bench.writer.relation(place)} ({lines})")
    for row in rows:
        values = ", ".join(
            f"cast({bench.writer.literal(value)} as {kind})" for value, kind in zip(row, kinds, strict=True)
        )
        bench.connection.execute(f"insert into {bench.writer.relation(place)} values ({values})")
    return place


def ask(bench: Bench, expectations: list[Expectation]) -> list[Judged]:
    """All of them in one query, which looks at the table once."""
    plans = [planned(expectation) for expectation in expectations]
    measures = [Measure(plan.expressions, lambda values: None, plan.queries) for plan in plans if plan is not None]
    assert len(measures) == len(plans)
    question = fused(expectations[0].relation, measures)
    row = bench.connection.execute(question.sql).rows[0]
    return [plan.judge(question.values(number, row)) for number, plan in enumerate(plans) if plan is not None]


@ONE_OF_EACH
@pytest.mark.parametrize("table", TABLES)
def test_all_in_one_scan_as_great_expectations_one_by_one(bench: Bench, library: Library, table: str) -> None:
    rows = TABLES[table]()
    cases = CASES if len(rows) > 3 else FIRST_OF_EACH
    place = rows_in(bench, "looked at", rows)
    rows_in(bench, "expected_rows", TABLES["one row"]())
    columns = tuple(bench.connection.columns(f"select * from {bench.writer.relation(place)}"))
    ours = [expectation_of(bench, type, dict(given), columns) for type, given in cases]
    found = ask(bench, ours)
    different = []
    with plainly_named(bench, "looked at", "expected_rows") as stands:
        for (type, given), expectation, judged in zip(cases, ours, found, strict=True):
            expected = theirs(library, bench, replace(expectation, arguments=given, stands=stands))
            if told(judged) != expected:
                different.append((type, given, told(judged), expected))
    assert different == []


@ONE_OF_EACH
def test_only_the_rows_of_a_condition(bench: Bench, library: Library) -> None:
    place = rows_in(bench, "looked at", TABLES["many rows"]())
    columns = tuple(bench.connection.columns(f"select * from {bench.writer.relation(place)}"))
    looked_at = ("expect_column_values_to_be_unique", "expect_column_mean_to_be_between",
                 "expect_column_values_to_be_in_set", "expect_table_row_count_to_equal",
                 "expect_column_sum_to_be_between", "expect_column_values_to_not_be_null")  # fmt: skip
    for condition, parser in CONDITIONS:
        for type, given in CASES:
            if type not in looked_at:
                continue
            whole = expectation_of(bench, type, {**given, "row_condition": condition}, columns)
            scoped = replace(whole, scope=condition_of(whole))
            more = {"row_condition": condition, **({"condition_parser": parser} if parser else {})}
            expected = theirs(library, bench, replace(whole, arguments={**given, **more}), conditions=True)
            assert told(ask(bench, [scoped])[0]) == expected, (type, given, condition)


@ONE_OF_EACH
def test_the_query_of_what_fails_gives_as_many_rows_as_are_counted(bench: Bench) -> None:
    place = rows_in(bench, "looked at", TABLES["many rows"]())
    columns = tuple(bench.connection.columns(f"select * from {bench.writer.relation(place)}"))
    seen = 0
    for type, given in CASES:
        if not EXPECTATIONS[type].by_row or "type" in type.rpartition("_to_be_")[2]:
            continue
        for scope in ("", "id > 3"):
            expectation = replace(expectation_of(bench, type, given, columns), scope=scope)
            plan = planned(expectation)
            assert plan is not None
            counted = ask(bench, [expectation])[0].result["unexpected_count"]
            rows = bench.connection.execute(f"select count(*) from (\n{plan.rows}\n) as failing").scalar()
            assert rows == counted, (type, given, scope)
            seen += bool(counted)
    assert seen > 20


def test_every_expectation_that_is_a_measure_is_compared() -> None:
    assert {type for type, _ in CASES} == EXPECTATIONS.keys() - LIBRARY_ONLY


@ONE_OF_EACH
@pytest.mark.parametrize(
    ("type", "given", "success"),
    [
        ("expect_column_values_to_be_increasing", {"column": "order"}, True),
        ("expect_column_values_to_be_decreasing", {"column": "order"}, False),
        ("expect_column_values_to_be_dateutil_parseable", {"column": "name", "mostly": 0.01}, False),
        ("expect_column_values_to_be_json_parseable", {"column": "name"}, False),
        ("expect_column_values_to_match_strftime_format", {"column": "name", "strftime_format": "%Y"}, False),
        (
            "expect_query_results_to_match_comparison",
            {"base_query": "select 1 as a", "comparison_query": "select 2 as a", "comparison_data_source_name": "same"},
            False,
        ),
        (
            "expect_column_kl_divergence_to_be_less_than",
            {"column": 'Odd "name" ünï', "partition_object": {"values": ["x1", "y"], "weights": [0.5, 0.5]},
             "threshold": 100},
            False,
        ),
    ],
)  # fmt: skip
def test_the_others_run_in_the_library(
    bench: Bench, library: Library, type: str, given: dict[str, Any], success: bool
) -> None:
    place = rows_in(bench, "looked at", TABLES["an even number of rows, all with values"]())
    columns = tuple(bench.connection.columns(f"select * from {bench.writer.relation(place)}"))
    expectation = expectation_of(bench, type, given, columns)
    assert planned(expectation) is None
    with bench.connection.transaction():
        bench.connection.execute(f"delete from {bench.writer.relation(place)} where id < 0")
        assert library.judge(expectation, bench.connection).success is success
        assert bench.connection.execute("select 1").scalar() == 1
