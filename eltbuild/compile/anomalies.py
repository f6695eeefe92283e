"""The SQL of tests that compare a measure with its history: what each asks of its relation. Nothing is run here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.errors import CompileError
from eltbuild.project.anomaly_tests import Anomaly, anomaly_of, wrong_arguments
from eltbuild.project.resources import Node
from eltbuild.sql.aggregates import counted_values, filtered, quantiles
from eltbuild.sql.values import spelled_type

POINTS = tuple(step / 20 for step in range(21))
"""The quantiles by which a distribution of numbers is known."""
NAMES: Mapping[str, tuple[str, ...]] = {
    "null_rate_anomaly": ("row_count", "filled"),
    "freshness_anomaly": ("latest",),
    "distribution_anomaly": ("quantiles",),
    "metric_anomaly": ("metric", "row_count"),
}
"""How the values of a test's own query are called, where not as the test."""
COUNTED = "count(*)"
"""Beside it, or `having` it, an engine refuses an expression that is no aggregate, and has a value in each row."""
CATEGORIES = 50
"""How many of the most frequent values a distribution over categories is known by."""


def anomaly_in(node: Node, arguments: Mapping[str, Any]) -> Anomaly:
    """What a test asks for, by its arguments as they are rendered. Raises `CompileError`."""
    assert node.test is not None
    given = {key: value for key, value in arguments.items() if key not in ("model", "tested")}
    wrong = tuple(wrong_arguments(node.test.name, given, node.place))
    if wrong:
        raise CompileError(*wrong)
    return anomaly_of(node.test.name, given)


def text_of(anomaly: Anomaly, rows: str, dialect: str) -> str:
    """The test's own query: one row with what it measures. `rows` stands after FROM."""
    expressions, queries = asked(anomaly, rows, dialect, "")
    if queries:
        return queries[0]
    names = NAMES.get(anomaly.test, (anomaly.test.removesuffix("_anomaly"),))
    listed = ", ".join(f"{text} as {name}" for text, name in zip(expressions, names, strict=True))
    return f"select {listed}\nfrom {rows}"


def asked(anomaly: Anomaly, relation: str, dialect: str, where: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The aggregates over the rows for which the condition holds, and the queries with one value, that a test needs."""
    column = anomaly.column
    match anomaly.test:
        case "row_count_anomaly":
            return (filtered("count(*)", where),), ()
        case "null_rate_anomaly":
            return (filtered("count(*)", where), filtered(f"count({column})", where)), ()
        case "freshness_anomaly":
            return (filtered(f"max({column})", where),), ()
        case "distribution_anomaly" if anomaly.categories:
            return (), (counted_values(column, relation, dialect, CATEGORIES, where),)
        case "distribution_anomaly":
            return (quantiles(column, POINTS, dialect, where),), ()
    number = f"cast({anomaly.expression} as {spelled_type('double', dialect)})"
    if where:
        # Nothing is known of an expression of the user's but that it stands in a query.
        return (), (f"select {number} from {relation} where {where} having {COUNTED} >= 0",)
    return (number, COUNTED), ()
