"""How fresh something is: the questions, and what their answers mean."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from eltbuild.errors import CompileError
from eltbuild.quality.freshness import (
    EARLIEST,
    LATEST,
    NEVER,
    Watched,
    aged,
    check_rules,
    moment_of,
    question,
    question_of_all,
    told,
    verdict,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = {"warn_after": {"count": 1, "period": "hour"}, "error_after": {"count": 2, "period": "day"}}


def watched(field: str = "at", query: str = "", **rules: object) -> Watched:
    return Watched("source.shop.raw.t", "source `raw.t`", {**RULES, **rules}, "raw.t", field, query)


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (timedelta(minutes=60), "pass"),
        (timedelta(minutes=60, microseconds=1), "warn"),
        (timedelta(days=2), "warn"),
        (timedelta(days=2, seconds=1), "error"),
        (timedelta(hours=-5), "pass"),
    ],
)
def test_a_rule_is_broken_by_what_is_older(age: timedelta, status: str) -> None:
    found = verdict(watched(), NOW - age, NOW)
    assert (found.status, found.seconds) == (status, age.total_seconds())


def test_what_was_never_loaded_is_no_age() -> None:
    found = verdict(watched(), None, NOW)
    assert (found.status, found.loaded_at, found.is_empty) == ("error", NEVER, True)
    assert told(watched(), found) == "nothing was ever loaded: it has no row, or none with a value in `at`"
    filtered = watched("", "select max(at) from raw.t", filter="a > 1")
    assert told(filtered, verdict(filtered, None, NOW)) == "nothing was ever loaded: no row passes its filter"


def test_the_verdict_names_the_rule_and_its_limit() -> None:
    found = verdict(watched(), NOW - timedelta(days=3), NOW)
    assert told(watched(), found) == "3d 0h old, and error_after is 2 days"
    assert told(watched(), verdict(watched(), NOW, NOW)) == "0.0s old"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0s old"), (42, "42.0s old"), (60, "1m 00s old"), (3_599, "59m 59s old"), (50_000, "13h 53m old"),
        (172_800, "2d 0h old"), (99 * 86_400 + 7_300, "99d 2h old"), (400 * 86_400, "400 days old"),
        (2_000 * 86_400, "2,000 days old"), (-7_200, "2h 00m ahead"),
    ],
)  # fmt: skip
def test_ages_read_well(seconds: float, text: str) -> None:
    assert aged(seconds) == text


def test_times_without_an_offset_are_those_of_utc() -> None:
    naive = datetime(2026, 3, 1, 9)
    tokyo = datetime(2026, 3, 1, 18, tzinfo=timezone(timedelta(hours=9)))
    expected = naive.replace(tzinfo=UTC)
    assert [moment_of(watched(), one) for one in (naive, tokyo, "2026-03-01T18:00:00+09:00", " 2026-03-01 09:00 ")] == [
        expected
    ] * 4
    assert moment_of(watched(), date(2026, 3, 1)) == datetime(2026, 3, 1, tzinfo=UTC)
    assert moment_of(watched(), None) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("infinity", LATEST), (" Infinity", LATEST), ("290000-01-01 00:00:00", LATEST), ("12026-01-01", LATEST),
        ("9999-12-31T23:59:59-12:00", LATEST), ("-infinity", EARLIEST), ("0044-03-15 BC", EARLIEST),
        ("290309-12-22 (BC) 00:00:00", EARLIEST), ("0001-01-01T00:00:00+12:00", EARLIEST),
    ],
)  # fmt: skip
def test_times_beyond_the_calendar_are_its_ends(value: str, expected: datetime) -> None:
    assert moment_of(watched(), value) == expected
    assert verdict(watched(), expected, datetime(2026, 3, 1, tzinfo=UTC)).is_empty is False


@pytest.mark.parametrize("value", [5, "yesterday", "BC", "infinity war", b"2026", True])
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(CompileError, match="`at` is no time"):
        moment_of(watched(), value)
    with pytest.raises(CompileError, match="what its loaded_at_query gives is no time"):
        moment_of(watched("", "select 1"), value)


def test_several_are_one_question_of_one_row() -> None:
    several = [watched(filter="a > 1 -- no more"), watched("", "select max(b) from other;")]
    assert question_of_all(several) == (
        "select (select max(at) from raw.t\nwhere a > 1 -- no more\n) as max_loaded_at_1,\n"
        "(select max(b) from other\n) as max_loaded_at_2,\n"
        "current_timestamp as snapshotted_at"
    )
    assert question(several[0]).endswith("from raw.t\nwhere a > 1 -- no more")
    ended = [watched(filter="a > 1; "), watched("", "select 1; -- it is")]
    assert question_of_all(ended).startswith(
        "select (select max(at) from raw.t\nwhere a > 1\n) as max_loaded_at_1,\n(select 1  -- it is\n) as"
    )


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"count": 1, "period": "week"}, "`period` of `warn_after` of source `raw.t` cannot be `week`"),
        ({"count": "many", "period": "day"}, "`count` of `warn_after` of source `raw.t` must be a whole number"),
        ({"count": True, "period": "day"}, "must be a whole number, not `True`"),
    ],
)
def test_rules_that_make_no_sense_are_refused(rule: object, message: str) -> None:
    with pytest.raises(CompileError) as refused:
        check_rules(watched(warn_after=rule))
    assert message in str(refused.value)
