"""Which slices of a microbatch model are missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eltbuild.plan.nouns import Batch
from eltbuild.relation import Relation
from eltbuild.run.ledger.known import Known
from eltbuild.run.slices import missing
from eltbuild.state.records import Built, Interval

DAILY = Relation("shop", "main", "daily")
FIRST = datetime(2024, 1, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return FIRST + timedelta(days=number)


def known(*spans: tuple[float, float], since: int = 1, run: int = 1) -> list[Interval]:
    return [
        Interval(run=run, since=since, project="shop", relation=DAILY, node="m", start=day(a), end=day(b))
        for a, b in spans
    ]


def planned(*numbers: int) -> list[Batch]:
    return [Batch(day(number), day(number + 1)) for number in numbers]


@pytest.mark.parametrize(
    ("spans", "first", "lacking"),
    [
        ([(0, 1), (1, 2)], 2, []),
        ([(0, 1), (1, 2)], 4, [2, 3]),
        ([(0, 1), (2, 3)], 3, [1]),
        ([(0, 0)], 2, [0, 1]),
        ([(0, 0), (0, 1)], 2, [1]),
        ([(0, 1), (1, 1.5)], 3, [1, 2]),
        ([(0, 31)], 31, []),
        ([(0, 31)], 32, [31]),
        ([(3, 4)], 1, []),
    ],
    ids=["none", "a schedule that was missed", "one that failed", "built empty", "partly built empty",
         "the day was not over", "months before", "months before, and a day", "older ones asked for"],
)  # fmt: skip
def test_what_never_stood_whole_is_missing(spans, first: int, lacking: list[int]) -> None:
    found = missing(known(*spans), planned(first, first + 1), "day")
    assert [(batch.start, batch.end) for batch in found] == [(day(n), day(n + 1)) for n in lacking]


def test_nothing_is_missing_where_nothing_is_planned() -> None:
    assert missing(known((0, 1)), [], "day") == ()


@given(st.sets(st.integers(0, 20)), st.integers(0, 25))
def test_known_and_missing_slices_make_one_whole(stand: set[int], first: int) -> None:
    whole = known((0, 0), *((n, n + 1) for n in sorted(stand)))
    lacking = {(batch.start - FIRST).days for batch in missing(whole, planned(first), "day")}
    assert lacking | {n for n in stand if n < first} == set(range(first))
    assert not lacking & stand


def test_slices_of_an_older_table_count_for_nothing() -> None:
    built = Built(run=5, project="shop", relation=DAILY, kind="table")
    mixed = [*known((0, 1), (1, 2), since=1, run=3), *known((4, 5), since=5, run=5), *known((0, 1), since=1, run=2)]
    memory = Known("shop", [built], mixed)
    assert [interval.start for interval in memory.intervals(DAILY) or ()] == [day(4)]
    assert memory.since(DAILY, 9) == 5
    memory.afresh(DAILY)
    assert memory.intervals(DAILY) is None
    assert memory.since(DAILY, 9) == 9


def test_a_table_that_was_dropped_has_no_slices() -> None:
    gone = Built(run=6, project="shop", relation=DAILY, kind="table", event="dropped")
    assert Known("shop", [gone], known((0, 1))).intervals(DAILY) is None


def test_the_letter_case_of_a_place_does_not_matter() -> None:
    memory = Known("shop", [Built(run=5, project="shop", relation=DAILY, kind="table")], known((0, 1)))
    assert memory.owner(DAILY.named("DAILY")) == "shop"
    assert memory.intervals(DAILY.named("Daily"))


def test_names_that_differ_in_letter_case_are_two_where_the_engine_says_so() -> None:
    mine, theirs = DAILY.named("Orders"), DAILY.named("orders")
    events = [
        Built(run=1, project="shop", relation=mine, kind="table"),
        Built(run=2, project="other", relation=theirs, kind="table"),
    ]
    exact = Known("shop", events, exact=True)
    assert (exact.owner(mine), exact.owner(theirs)) == ("shop", "other")
    assert Known("shop", events).owner(mine) == "other"
