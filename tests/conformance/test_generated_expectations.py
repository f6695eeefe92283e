"""Expectations made by chance, as measures and by Great Expectations itself: the same verdicts, counts, values, errors.

ELTBUILD_EXPECTATION_SEEDS tells how many tables are tried where that is done by hand; a few are tried always.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from conformance.bench import Bench
from conformance.generated_expectations import COLUMNS, Case, cases_of, rows_of
from conformance.test_expectations import ONE_OF_EACH, plainly_named, told

from eltbuild.errors import CompileError, EltbuildError
from eltbuild.project.expectations import wrong_arguments
from eltbuild.quality.expectations.expectation import Expectation
from eltbuild.quality.expectations.judged import Judged, carried, exemplified
from eltbuild.quality.expectations.planning import EXAMPLES, planned
from eltbuild.quality.measures.measure import Measure, fused
from eltbuild.relation import Column, Relation
from eltbuild.run.testing.library import Library
from eltbuild.values import replace

SEEDS = range(int(os.environ.get("ELTBUILD_EXPECTATION_SEEDS", "1")))
CASES = 2 if "ELTBUILD_EXPECTATION_SEEDS" in os.environ else 1
"""How many cases of each expectation there are for a table."""


@pytest.fixture(scope="module")
def library() -> Library:
    """Great Expectations, once for all tests."""
    return Library()


def made(bench: Bench, name: str, rows: Any) -> Relation:
    """A table of the rows, in one statement."""
    place = bench.at(name)
    kinds = [bench.writer.type_name(kind) for kind in COLUMNS.values()]
    names = [bench.writer.names([column]) for column in COLUMNS]
    lines = ", ".join(f"{column} {kind}" for column, kind in zip(names, kinds, strict=True))
    bench.connection.execute(f"create table {bench.writer.relation(place)} ({lines})")
    values = [
        ", ".join(f"cast({_literal(bench, value)} as {kind})" for value, kind in zip(row, kinds, strict=True))
        for row in rows
    ]
    if values:
        lines = ", ".join(f"({line})" for line in values)
        bench.connection.execute(f"insert into {bench.writer.relation(place)} values {lines}")
    return place


def _literal(bench: Bench, value: Any) -> str:
    if isinstance(value, float):
        # Not every engine has a spelling for all of them but this one.
        return f"'{value!r}'"
    return bench.writer.literal(value)


Found = tuple[bool, Mapping[str, Any], list[str] | None] | str


def ours(bench: Bench, expectation: Expectation) -> Found:
    """What is told of the expectation as a measure, with the unexpected values where they are few."""
    try:
        plan = planned(expectation)
        assert plan is not None
        question = fused(expectation.relation, (Measure(plan.expressions, lambda values: None, plan.queries),))
        found = plan.judge(question.values(0, bench.connection.execute(question.sql).rows[0]))
        if plan.examples:
            found = exemplified(found, bench.connection.execute(plan.examples).rows)
    except EltbuildError as error:
        return f"error: {error}"
    return (*told(found), _listed(found, "partial_unexpected_list"))


def theirs(library: Library, bench: Bench, expectation: Expectation) -> Found:
    """What Great Expectations tells of it."""
    try:
        found = library.judge(expectation, bench.connection, whole=True)
    except CompileError as error:
        return f"error: {error}"
    success, result = told(found)
    if expectation.type == "unexpected_rows_expectation":
        # The rows themselves are not told as a result.
        result.pop("details", None)
    return success, result, _listed(found, "unexpected_list")


def _listed(found: Judged, key: str) -> list[str] | None:
    """The unexpected values as texts in an order of their own; None where some of them are not told."""
    values, count = found.result.get(key), found.result.get("unexpected_count") or 0
    if values is None or not 0 < count <= EXAMPLES:
        return None
    return sorted(
        str(carried(list(value.values()) if isinstance(value, dict) else list(value) if _many(value) else value))
        for value in values
    )


def _many(value: Any) -> bool:
    return isinstance(value, (list, tuple))


LIMITS = re.compile(
    "'type'$"  # Of a query it knows no types,
    "|'TextClause' object has no attribute 'name'"  # and no name to say which table it is.
    r"|unable to parse condition: col\("  # A name of a column with quotes in it.
    "|can't compare datetime.datetime to datetime.date"  # One bound is a day, the other a time.
    "|operator does not exist: (date|timestamp without time zone) (=|<>) character varying"  # Dates as texts.
    "|integer out of range"  # A whole number that four bytes do not hold.
)
"""Errors of the library's own, where there is an answer all the same."""


def same(found: Found, expected: Found) -> bool:
    """Whether both mean the same: an error is one, whatever it says."""
    if isinstance(expected, str):
        return isinstance(found, str) or LIMITS.search(expected) is not None
    if isinstance(found, str):
        return False
    listed = found[2] is None or expected[2] is None or found[2] == expected[2]
    return listed and found[0] == expected[0] and _near(found[1], expected[1])


def _near(found: Any, expected: Any) -> bool:
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        return found.keys() == expected.keys() and all(_near(found[key], expected[key]) for key in found)
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(_near, found, expected))
    if isinstance(found, float) and isinstance(expected, (int, float)):
        return found == pytest.approx(expected, rel=1e-12, abs=1e-12)
    return bool(found == expected)


def expectation_of(bench: Bench, case: Case, stands: Relation, columns: tuple[Column, ...]) -> Expectation:
    relation = bench.writer.relation(stands)
    return Expectation(
        case.type, "looked at", case.arguments, relation, columns, bench.adapter.dialect, stands, case.scope
    )


@ONE_OF_EACH
@pytest.mark.parametrize("seed", SEEDS)
def test_measures_are_as_the_library_has_it(bench: Bench, library: Library, seed: int) -> None:
    made(bench, "looked at", rows_of(seed))
    made(bench, "other rows", rows_of(seed + 1))
    seen: Counter[str] = Counter()
    different = []
    with plainly_named(bench, "looked at", "other rows") as stands:
        columns = tuple(bench.connection.columns(f"select * from {bench.writer.relation(stands)}"))
        for case in cases_of(seed, CASES):
            if tuple(wrong_arguments(case.type, case.arguments, None)):
                seen["refused"] += 1
                continue
            expectation = expectation_of(bench, case, stands, columns)
            plain = expectation
            if "other_table_name" in case.arguments:
                expectation = plain = replace(plain, arguments={**case.arguments, "other_table_name": "other_rows"})
            found, expected = ours(bench, expectation), theirs(library, bench, plain)
            seen["errors" if isinstance(found, str) else "verdicts"] += 1
            if not same(found, expected):
                different.append((case.type, dict(case.arguments), case.scope, found, expected))
    assert different == []
    assert seen["verdicts"] > seen["errors"] + seen["refused"]
