"""Records come back from rows and lines as they were."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eltbuild.relation import Relation
from eltbuild.state.lines import condensed, end_line, line, read_lines
from eltbuild.state.records import Built, Ended, Interval, Observed, Run
from eltbuild.state.rows import (
    BUILT,
    ENDED,
    INTERVALS,
    OBSERVED,
    RUNS,
    built_of,
    ended_of,
    interval_of,
    observed_of,
    row,
    run_of,
)

NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=12)
PLACES = st.builds(Relation, st.none() | NAMES, st.none() | NAMES, NAMES)
TIMES = st.datetimes(
    min_value=datetime(1990, 1, 1),
    max_value=datetime(2100, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7))]),
)
RUN = st.builds(
    Run,
    number=st.integers(0, 2**62),
    invocation=NAMES,
    project=NAMES,
    target=NAMES,
    command=NAMES,
    arguments=st.dictionaries(NAMES, NAMES | st.booleans() | st.lists(NAMES, max_size=2), max_size=3),
    nodes=st.lists(NAMES, max_size=3).map(tuple),
    claims=st.lists(PLACES.map(lambda place: place.key), max_size=3).map(tuple),
    process=st.integers(0, 2**31),
    started=st.none() | TIMES,
    ended=st.none() | TIMES,
)
OTHERS = {
    built_of: st.builds(
        Built, run=st.integers(0, 2**62), project=NAMES, relation=PLACES, kind=st.just("view"), node=NAMES, at=TIMES
    ),
    interval_of: st.builds(
        Interval, run=st.just(1), since=st.just(2), project=NAMES, relation=PLACES, node=NAMES, start=TIMES, end=TIMES
    ),
    ended_of: st.builds(
        Ended,
        run=st.just(1),
        node=NAMES,
        status=NAMES,
        seconds=st.floats(0, 1e6),
        message=NAMES,
        at=TIMES,
        rows=st.none() | st.integers(0, 2**62),
        failures=st.none() | st.integers(0, 2**62),
    ),
    observed_of: st.builds(
        Observed,
        run=st.just(1),
        project=NAMES,
        node=NAMES,
        subject=NAMES,
        name=NAMES,
        detail=NAMES,
        at=TIMES,
        value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    ),
}


@given(RUN)
def test_a_run_comes_back(run: Run) -> None:
    assert run_of(row(run)) == run
    assert read_lines([line(run)]).runs == {run.number: run}


@given(st.data(), st.sampled_from(list(OTHERS)))
def test_other_records_come_back(data, read) -> None:
    record = data.draw(OTHERS[read])
    assert read(row(record)) == record
    found = read_lines(line(record).split("\n"))
    assert [*found.built, *found.intervals, *found.ended, *found.observed] == [record]


def test_rows_have_the_columns_of_their_tables() -> None:
    place = Relation("d", "s", "t")
    now = datetime(2013, 1, 1, tzinfo=UTC)
    for record, table in (
        (Run(invocation="i", project="p", target="t", command="c"), RUNS),
        (Built(run=1, project="p", relation=place, kind="table"), BUILT),
        (Interval(run=1, since=1, project="p", relation=place, node="n", start=now, end=now), INTERVALS),
        (Ended(run=1, node="n", status="pass"), ENDED),
        (Observed(subject="m", name="row_count"), OBSERVED),
    ):
        assert len(row(record)) == len(table.columns)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "{\"what\": \"runs\", \"row\": [1]}", "\ufffd\ufffd", "{\"what\": \"built\", \"row\": [1, \"p\", \"nothing\", \"table\", \"built\", \"n\", \"\", null]}",
     "{\"what\": \"end\", \"run\": 99, \"status\": \"error\", \"at\": \"2013-01-01\"}", "[" * 10_000],
)  # fmt: skip
def test_damaged_lines_are_counted_and_passed_over(text: str) -> None:
    good = Ended(run=1, node="n", status="pass")
    found = read_lines([text, line(good)])
    assert found.ended == [good]
    assert found.damaged == bool(text)


def test_a_cut_line_is_damaged() -> None:
    whole = line(Ended(run=1, node="n", status="pass"))
    assert all(read_lines([whole[:length]]).damaged for length in range(1, len(whole) - 1))


def test_the_end_of_a_run_frees_its_claims_and_keeps_what_a_lost_one_left() -> None:
    run = Run(
        number=7, invocation="i", project="p", target="t", command="c", nodes=("a", "b"), claims=(("d", "s", "t"),)
    )
    at = datetime(2013, 1, 1, tzinfo=UTC)
    ended = read_lines([line(run), end_line(7, "error", at)]).runs[7]
    assert (ended.ended, ended.status, ended.claims, ended.nodes) == (at, "error", (), ())
    assert read_lines([line(run), end_line(7, "lost", at)]).runs[7].nodes == ("a", "b")


def test_condensed_lines_say_the_same_of_what_is_of_use() -> None:
    at = datetime(2013, 1, 1, tzinfo=UTC)
    place = Relation("d", "s", "T")
    runs = [Run(number=n, invocation=f"i{n}", project="p", target="t", command="c", started=at) for n in range(1, 6)]
    old = [Built(run=n, project="p", relation=place, kind="table", node=str(n)) for n in range(1, 6)]
    slices = [Interval(run=n, since=since, project="p", relation=place, node="n", start=at, end=at + timedelta(1))
              for n, since in ((1, 1), (2, 2), (3, 2))]  # fmt: skip
    endings = [Ended(run=n, node="n", status="pass") for n in range(1, 6)]
    lines = [*map(line, runs), end_line(4, "success", at), *map(line, (*old, *slices, *endings))]
    found = read_lines(condensed(read_lines(lines), runs=3, endings=2))
    assert found.damaged == 0
    assert list(found.runs) == [3, 4, 5]
    assert found.runs[4] == replace(runs[3], ended=at, status="success")
    assert found.built == old[-1:]
    assert found.intervals == slices[-1:]
    assert found.ended == endings[-2:]
    assert all(json.loads(text) for text in condensed(read_lines(lines), runs=3, endings=2))


def test_what_is_no_finite_number_was_not_observed() -> None:
    values = (1, "shop", "dev/main", "test.shop.t", "model.shop.a", "row_count", float("nan"), "", "pass", None)
    assert observed_of(values).value is None
