"""Tests fused and alone: whatever the rows are, the verdict, the count and the message are the same."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import pytest
import yaml
from conformance.bench import Bench
from conformance.plain_queries import Maker
from conformance.projects import Project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planning import node as planned

from eltbuild.compile.compiler import Compiler
from eltbuild.compile.relations import text_of
from eltbuild.errors import DatabaseError
from eltbuild.project.resources import Node
from eltbuild.quality import data_tests
from eltbuild.quality.data_tests import Outcome
from eltbuild.quality.measures.measure import Measure, outcomes
from eltbuild.quality.measures.recognition import MANY, measured
from eltbuild.quality.measures.uniqueness import FEW

FOLDER = Path(__file__).parent / "measured"
NUMBERS = ("id", "n", "n_records")
TEXTS = ("code", 'größe "x"', "select", "eltbuild_value_0")
PLAIN = ("id", "n", "n_records", "eltbuild_value_0", "code", "day")
TABLE = 'Odd "things"'

SOME = FEW + 1
Texts: TypeAlias = Sequence[tuple[Node, str]]

numbers = st.none() | st.integers(-1, 4)
texts = st.none() | st.sampled_from(["", "a", "A", "b", "it's", "ä ''", "xyz"])
days = st.none() | st.dates(datetime.date(2023, 12, 30), datetime.date(2024, 1, 3))
rows = st.lists(st.tuples(*[numbers] * len(NUMBERS), *[texts] * len(TEXTS), days), max_size=7)
others = st.lists(st.tuples(numbers), max_size=4)


@dataclass(frozen=True, slots=True)
class Written:
    """A test with its text."""

    node: Node
    sql: str
    measure: Measure


def given_tests(kind: str, column: str, other: str) -> Any:
    """The tests of a kind of column, named after it."""
    text = (FOLDER / "tests.yml").read_text(encoding="utf-8").replace("OTHERS", json.dumps(other)[1:-1])
    return yaml.safe_load(text.replace("NAME", "".join(filter(str.isalnum, column.replace("_", "x")))))[kind]


def sources(bench: Bench) -> str:
    """A properties file with all tests of both tables."""
    other = bench.spelled("others").replace("\\", "\\\\")
    columns = [
        {"name": name if name in PLAIN else bench.writer.quote(name), "data_tests": given_tests(kind, name, other)}
        for kind, names in (("numbers", NUMBERS), ("texts", TEXTS), ("days", ("day",)))
        for name in names
    ]
    things = {"name": "things", "identifier": TABLE, "data_tests": given_tests("table", "", other), "columns": columns}
    source = {"name": "raw", "schema": bench.schema.schema, "tables": [{"name": "others"}, things]}
    return json.dumps({"version": 2, "sources": [source]})


@pytest.fixture
def compiled(bench: Bench, tmp_path: Path) -> tuple[str, Texts]:
    """The table as its tests name it, and the tests with their texts."""
    files = {
        "tests/generic/kinds.sql": (FOLDER / "kinds.sql").read_text(encoding="utf-8"),
        "models/sources.yml": sources(bench),
    }
    with Project(bench, tmp_path).write(files).opened("compile") as opened:
        compiler = Compiler(opened.session)
        nodes = [node for node in opened.project.nodes.values() if node.resource_type == "test"]
        texts = [(node, compiler.compile(node).sql or "") for node in nodes]
        return text_of(opened.session, "source.shop.raw.things", {}), texts


def written(bench: Bench, relation: str, texts: Texts, rows: int | None) -> Sequence[Written]:
    """The tests as they are measured of a table of about so many rows."""
    found = [(node, sql, measured(node, sql, relation, bench.writer, rows)) for node, sql in texts]
    return [Written(node, sql, measure) for node, sql, measure in found if measure is not None]


def create(bench: Bench) -> None:
    """Both tables, empty."""
    typed = [*((name, "integer") for name in NUMBERS), *((name, "varchar") for name in TEXTS), ("day", "date")]
    names = ", ".join(f"{bench.writer.quote(name)} {kind}" for name, kind in typed)
    bench.connection.execute(f"create table {bench.spelled(TABLE)} ({names})")
    bench.connection.execute(f"create table {bench.spelled('others')} (other_id integer)")


def fill(bench: Bench, name: str, given: Sequence[Sequence[Any]]) -> None:
    """The table holds these rows and no others."""
    bench.connection.execute(f"delete from {bench.spelled(name)}")
    if given:
        values = ", ".join(f"({', '.join(map(bench.writer.literal, row))})" for row in given)
        bench.connection.execute(f"insert into {bench.spelled(name)} values {values}")


def alone(bench: Bench, test: Written) -> Outcome:
    """How the test ends when it is asked by itself."""
    return data_tests.verdict(test.node, bench.connection.execute(data_tests.question(test.node, test.sql)))


def fused(bench: Bench, relation: str, tests: Sequence[Written]) -> Mapping[str, Outcome | None]:
    """How the tests end when they are asked together."""
    found = outcomes(relation, [test.measure for test in tests], lambda sql: bench.connection.execute(sql).rows[0])
    return {test.node.id: outcome for test, outcome in zip(tests, found, strict=True)}


def test_fused_and_alone_are_the_same(bench: Bench, compiled: tuple[str, Texts]) -> None:
    relation, texts = compiled
    tests = written(bench, relation, texts, SOME)
    create(bench)
    told: set[str] = set()

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rows, others)
    def same(things: Sequence[Sequence[Any]], other: Sequence[Sequence[Any]]) -> None:
        fill(bench, TABLE, things)
        fill(bench, "others", other)
        together = fused(bench, relation, tests)
        for test in tests:
            by_itself = alone(bench, test)
            found = together[test.node.id]
            if found is None:
                assert by_itself.failures, f"{test.node.name} fails nowhere: {test.measure.expressions}"
            else:
                assert found == by_itself, f"{test.node.name}: {test.measure}"
                told.add(test.node.id)

    same()
    assert told == {test.node.id for test in tests}


@pytest.mark.parametrize("rows", [None, SOME, MANY])
def test_many_rows(bench: Bench, compiled: tuple[str, Texts], rows: int | None) -> None:
    """What is told of few rows in one way is told of many in another."""
    relation, texts = compiled
    tests = written(bench, relation, texts, rows)
    create(bench)
    columns = ["i"] * len(NUMBERS) + [f"'k' || i {'/ 2' if n else ''}" for n in range(len(TEXTS))] + ["null"]
    series = "generate_series(1, 12000)"
    bench.connection.execute(f"insert into {bench.spelled(TABLE)} select {', '.join(columns)} from {series} as s(i)")
    together = fused(bench, relation, tests)
    for test in tests:
        by_itself = alone(bench, test)
        allowed = (by_itself, None) if by_itself.failures else (by_itself,)
        assert together[test.node.id] in allowed, f"{test.node.name}: {test.measure}"


AGGREGATES = ("not_null", "in_range", "holds", "holds_of_each", "matches", "length_between", "not_blank", "not_in_set",
              "grouped_in_set", "row_count_between", "distinct_count", "has_value", "not_constant",
              "filled", "recent", "pairs", "accepted_values", "aggregate_between", "failing_amount")  # fmt: skip
ASKED = ("relationships", "in_set", "has_some_value", "unique_combination", "sequential", "apart", "as_many_rows",
         "same_values", "found_where")  # fmt: skip
LIMITED = ("holds_between", "holds_subquery", "quantile_", "rows_")


def test_which_kinds_are_aggregates(bench: Bench, compiled: tuple[str, Texts]) -> None:
    for test in written(bench, *compiled, rows=None):
        assert test.node.test is not None
        kind, name = test.node.test.name, test.node.name
        if kind in AGGREGATES and not any(part in name for part in LIMITED) and "_field" not in name:
            assert test.measure.expressions, (name, test.sql)
        if kind in ASKED:
            assert test.measure.queries, (name, test.sql)
            assert not test.measure.expressions, (name, test.sql)


ROWS = ((1, 2, "x", 1), (2, 1, "y", 2), (2, None, "x", None), (None, 3, None, 1), (0, 3, "it's", 2), (3, 3, "", 3))
CONFIGS = (
    {},
    {"limit": 2},
    {"warn_if": "> 1", "error_if": "> 3"},
    {"fail_calc": "count(*) + 1"},
    {"fail_calc": "max(COLUMN)"},
)


@pytest.mark.parametrize("seed", range(3))
def test_any_plain_query(bench: Bench, seed: int) -> None:
    """Whatever names hide others: what is an aggregate says what the query says, or is refused as that is."""
    relation = bench.spelled("plain")
    bench.connection.execute(f'create table {relation} (a integer, b integer, c varchar, "A b" integer)')
    random = Random(seed)
    maker = Maker(random, relation)
    told = 0
    for number in range(120):
        if number % 20 == 0:
            fill(bench, "plain", random.sample(ROWS, number // 20))
        sql, column = maker.query()
        config = {key: str(value).replace("COLUMN", column) for key, value in random.choice(CONFIGS).items()}
        node = replace(planned({}, "plain", resource_type="test"), config=config)
        measure = measured(node, sql, relation, bench.writer)
        assert measure is not None
        test = Written(node, sql, measure)
        try:
            found = fused(bench, relation, [test])[node.id]
        except DatabaseError:
            continue
        if found is not None:
            assert found == alone(bench, test), (sql, config, measure.expressions)
            told += bool(measure.expressions)
    assert told > 30
