"""Tests against history measure the same on every warehouse, with other tests in one scan and alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conformance.bench import Bench

from eltbuild.compile.anomalies import anomaly_in, text_of
from eltbuild.project.resources import Node, TestCase
from eltbuild.quality.anomaly_measures import Compared, measure_of, outcome_of
from eltbuild.quality.data_tests import Outcome
from eltbuild.quality.measures.measure import fused
from eltbuild.state.records import Observed

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
ROWS = """\
select i as id, i * 1.5 as amount, case i % 4 when 0 then null when 1 then 'open' else 'it''s' end as status,
  timestamp '2026-01-10 00:00:00' - i * interval '1 hour' as loaded_at
from generate_series(1, 100) as s(i)"""
SUBJECT = "model.shop.orders"


def compared(bench: Bench, test: str, arguments: Mapping[str, Any], config: Mapping[str, Any], values: Any) -> Compared:
    """The test with seven observations before it."""
    node = Node(
        id="test.shop.t", resource_type="test", name="t", package="shop", path="t.sql", original_path="models/m.yml",
        config=config, test=TestCase(test, "eltbuild", arguments, anomaly=True),
    )  # fmt: skip
    bare = Compared(node, anomaly_in(node, arguments), SUBJECT, (), NOW)
    history = [
        Observed(run=run, subject=SUBJECT, name=bare.name, status="pass", at=NOW - timedelta(days=10 - run), **given)
        for run, given in enumerate([values] * 7)
    ]
    return Compared(node, bare.anomaly, SUBJECT, history, NOW)


CASES: list[tuple[str, dict[str, Any], str, Any, float | None, bool]] = [
    ("row_count_anomaly", {}, "", 100.0, 100.0, True),
    ("row_count_anomaly", {}, "amount > 75", 100.0, 50.0, False),
    ("null_rate_anomaly", {"column_name": "status"}, "", 0.25, 0.25, True),
    ("null_rate_anomaly", {"column_name": "status"}, "id % 4 <> 0", 0.25, 0.0, False),
    ("freshness_anomaly", {"column_name": "loaded_at"}, "", 3600.0, 13 * 3600.0, False),
    ("freshness_anomaly", {"column_name": "cast(loaded_at as date)"}, "", 36 * 3600.0, 36 * 3600.0, True),
    ("metric_anomaly", {"expression": "sum(amount)"}, "", 7575.0, 7575.0, True),
    ("metric_anomaly", {"expression": "max(id) - min(id)"}, "id > 10", 99.0, 89.0, False),
    ("distribution_anomaly", {"column_name": "amount"}, "", [1.5 + i * 7.425 for i in range(21)], 0.0, True),
    ("distribution_anomaly", {"column_name": "amount"}, "id > 50", [1.5 + i * 7.425 for i in range(21)], 0.5, False),
    (
        "distribution_anomaly", {"column_name": "status", "categories": True}, "",
        {"it's": 0.5, "open": 0.25, "NULL": 0.25}, 0.0, True,
    ),
    (
        "distribution_anomaly", {"column_name": "status", "categories": True}, "status is not null",
        {"it's": 0.5, "open": 0.25, "NULL": 0.25}, None, False,
    ),
    ("row_count_anomaly", {}, "1 = 0", 0.0, 0.0, True),
]  # fmt: skip


@pytest.mark.parametrize(("test", "arguments", "where", "before", "value", "usual"), CASES)
def test_what_is_measured(
    bench: Bench, test: str, arguments: dict[str, Any], where: str, before: Any, value: float | None, usual: bool
) -> None:
    place = bench.spelled("orders")
    bench.connection.execute(bench.writer.create_table_as(bench.at("orders"), ROWS))
    given = {"value": before} if isinstance(before, float) else {"detail": json.dumps(before)}
    asked = compared(bench, test, arguments, {"where": where} if where else {}, given)
    measure = measure_of(asked, place, bench.writer.dialect)
    other = measure_of(compared(bench, "row_count_anomaly", {}, {}, {"value": 100.0}), place, bench.writer.dialect)
    question = fused(place, [other, measure])
    together = measure.outcome(question.values(1, bench.connection.execute(question.sql).rows[0]))
    assert isinstance(together, Outcome)
    rows = f"(select * from {place} where {where}) as dbt_subquery" if where else place
    answer = bench.connection.execute(text_of(asked.anomaly, rows, bench.writer.dialect))
    assert len(answer.rows) == 1
    alone = outcome_of(asked, answer.rows[0])
    assert alone == together
    assert together.verdict == ("pass" if usual else "fail"), together.message
    (observed,) = together.observed
    if value is not None:
        assert observed.value == pytest.approx(value, abs=0.02)


@pytest.mark.parametrize(
    ("test", "arguments"),
    [
        ("null_rate_anomaly", {"column_name": "status"}),
        ("freshness_anomaly", {"column_name": "loaded_at"}),
        ("metric_anomaly", {"expression": "sum(amount)"}),
        ("distribution_anomaly", {"column_name": "amount"}),
        ("distribution_anomaly", {"column_name": "status", "categories": True}),
    ],
)
def test_of_no_rows_there_is_nothing_to_compare(bench: Bench, test: str, arguments: dict[str, Any]) -> None:
    place = bench.spelled("orders")
    bench.connection.execute(bench.writer.create_table_as(bench.at("orders"), f"{ROWS} where 1 = 0"))
    asked = compared(bench, test, arguments, {}, {"value": 0.0})
    question = fused(place, [measure_of(asked, place, bench.writer.dialect)])
    outcome = measure_of(asked, place, bench.writer.dialect).outcome(
        question.values(0, bench.connection.execute(question.sql).rows[0])
    )
    assert isinstance(outcome, Outcome)
    assert (outcome.verdict, outcome.observed) == ("pass", ())
    assert outcome.message is not None
    assert outcome.message.startswith("no value")


@pytest.mark.parametrize(
    ("config", "verdict"),
    [
        ({}, "fail"),
        ({"severity": "warn"}, "warn"),
        ({"error_if": "> 100"}, "warn"),
        ({"error_if": "> 100", "warn_if": "> 50"}, "pass"),
        ({"warn_if": "> 5", "error_if": ">= 30"}, "fail"),
    ],
)
def test_limits_are_compared_with_the_score(bench: Bench, config: dict[str, Any], verdict: str) -> None:
    asked = compared(bench, "row_count_anomaly", {}, config, {"value": 200.0})
    outcome = outcome_of(asked, (100,))
    assert (outcome.verdict, outcome.failures) == (verdict, 30)


@pytest.mark.parametrize("detail", ["", "{bad", "[1, 2]", "7", '{"a": "b"}', "[" + "NaN," * 20 + "NaN]"])
@pytest.mark.parametrize("categories", [True, False])
def test_what_is_remembered_and_is_no_distribution_counts_for_nothing(
    bench: Bench, detail: str, categories: bool
) -> None:
    arguments = {"column_name": "status", "categories": categories}
    asked = compared(bench, "distribution_anomaly", arguments, {}, {"detail": detail})
    given = [["open", 3]] if categories else list(range(21))
    outcome = outcome_of(asked, (given,))
    assert (outcome.verdict, outcome.message) == ("pass", "learning: 0 of 7 observations are known")


def test_a_table_that_only_grows_is_compared_by_its_changes(bench: Bench) -> None:
    asked = compared(bench, "row_count_anomaly", {"compare": "change"}, {}, {"value": 0.0})
    grown = [
        Observed(run=run, subject=SUBJECT, name="row_count", value=100.0 * run + run % 3, status="pass",
                 at=NOW - timedelta(days=20 - run))
        for run in range(12)
    ]  # fmt: skip
    asked = Compared(asked.node, asked.anomaly, SUBJECT, grown, NOW)
    assert outcome_of(asked, (1202,)).verdict == "pass"
    stuck = outcome_of(asked, (1102,))
    assert (stuck.verdict, stuck.observed[0].value) == ("fail", 1102.0)
    assert "the change of row_count is 0" in str(stuck.message)
    # Nine days have gone by since: nine times as much is no more than before, nineteen times is.
    assert outcome_of(asked, (2002,)).verdict == "pass"
    assert outcome_of(asked, (3002,)).verdict == "fail"
