"""Aggregates that engines spell differently: under a condition, quantiles, counts by value. Text only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eltbuild.sql.values import spelled_type

QUANTILES: Mapping[str, str] = {
    "duckdb": "quantile_cont({0}, [{1}])",
    "postgres": "percentile_cont(array[{1}]::double precision[]) within group (order by {0})",
}
"""Several quantiles of an expression as one list."""

PAIRS: Mapping[str, str] = {
    "duckdb": "list([cast({0} as varchar), cast({1} as varchar)])",
    "postgres": "json_agg(json_build_array({0}, {1}))",
}
"""A list of pairs from two columns."""


def filtered(aggregate: str, condition: str) -> str:
    """The aggregate over the rows for which the condition holds; over all rows without one."""
    return f"{aggregate} filter (where {condition})" if condition else aggregate


def quantiles(expression: str, points: Sequence[float], dialect: str, condition: str = "") -> str:
    """The quantiles of a number at these points, as one list of floating point numbers."""
    form = QUANTILES.get(dialect, QUANTILES["postgres"])
    number = f"cast({expression} as {spelled_type('double', dialect)})"
    return filtered(form.format(number, ", ".join(f"{point:g}" for point in points)), condition)


def counted_values(expression: str, relation: str, dialect: str, most: int, condition: str = "") -> str:
    """A query with one value: pairs of the most frequent values of an expression, as texts, and how often they are."""
    text = spelled_type("text", dialect)
    where = f" where {condition}" if condition else ""
    rows = (
        f"select cast({expression} as {text}) as counted_value, count(*) as times from {relation}{where} "
        f"group by 1 order by 2 desc, 1 limit {int(most)}"
    )
    pairs = PAIRS.get(dialect, PAIRS["postgres"]).format("counted_value", "times")
    return f"select {pairs} from ({rows}) as counted_values"


APPROXIMATE_DISTINCT: Mapping[str, str] = {"duckdb": "approx_count_distinct({0})"}
"""How many values there are, about, at little cost; engines that are not listed count them."""

ELEMENTS: Mapping[str, str] = {"duckdb": "len({0})", "postgres": "cardinality({0})"}
"""How many elements a list has."""

SAMPLE: Mapping[str, str] = {"duckdb": "select * from {0} using sample reservoir({1} rows) repeatable (42)"}
"""So many rows of a relation, drawn at random."""


def sample(relation: str, rows: int, dialect: str) -> str:
    """A query for so many rows of a relation, drawn at random."""
    form = SAMPLE.get(dialect, "select * from {0} order by random() limit {1}")
    return form.format(relation, int(rows))
