"""What is remarkable about how nodes did."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from eltbuild.quality.trends import Trend, trends

FIRST = datetime(2026, 1, 1)


def trend(statuses: str, seconds: list[float] | None = None) -> Trend:
    """p passes, f fails, s is skipped."""
    names = {"p": "pass", "f": "fail", "s": "skipped", "w": "warn"}
    took = seconds or [1.0] * len(statuses)
    rows = [
        {"node": "test.a", "name": "a", "kind": "test", "status": names[letter], "seconds": one, "rows": None,
         "started": FIRST + timedelta(days=day)}
        for day, (letter, one) in enumerate(zip(statuses, took, strict=True))
    ]  # fmt: skip
    (found,) = trends(rows)
    return found


@pytest.mark.parametrize(
    ("statuses", "flaky"),
    [("pppp", False), ("pfpp", False), ("ppff", False), ("pfpf", True), ("pfspf", True), ("fpfp", True), ("w", False)],
)
def test_who_is_flaky(statuses: str, flaky: bool) -> None:
    assert trend(statuses).is_flaky is flaky


@pytest.mark.parametrize(("statuses", "day"), [("ppff", 3), ("fff", 1), ("ffp", None), ("pfsf", 4)])
def test_since_when_it_fails(statuses: str, day: int | None) -> None:
    since = trend(statuses).failing_since
    assert (since.day if since else None) == day


@pytest.mark.parametrize(
    ("seconds", "slower"),
    [
        ([1, 1, 1, 3], 3.0),
        ([1, 1, 1, 1.2], 0.0),
        ([0.001, 0.001, 0.001, 0.1], 0.0),
        ([1, 1, 3], 0.0),
        ([1, 9, 1, 1, 3], 3.0),
    ],
)
def test_who_is_slower_than_usual(seconds: list[float], slower: float) -> None:
    assert trend("p" * len(seconds), seconds).slower == pytest.approx(slower)
    assert trend("p" * (len(seconds) - 1) + "s", seconds).slower == 0


def test_a_run_in_which_it_was_skipped_says_nothing_of_its_time() -> None:
    assert trend("pspp", [2.0, 0.0, 2.0, 2.0]).usual == 2.0
