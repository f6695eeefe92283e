"""The history as text: what stands where, and what gives way on a narrow terminal."""

from __future__ import annotations

from datetime import datetime

import pytest

from eltbuild.quality.trends import Trend
from eltbuild.report.history import aligned, notes, number, text_of_metrics, text_of_nodes, text_of_runs, text_of_tests
from eltbuild.report.terminal import Terminal
from eltbuild.report.text import width_of

PLAIN = Terminal()
WHEN = datetime(2026, 1, 2, 3, 4, 5)


def trend(name: str, statuses: str, seconds: float = 1.0, last: float = 1.0) -> Trend:
    words = {"p": "pass", "f": "fail", "w": "warn", "s": "skipped"}
    told = tuple(words[letter] for letter in statuses)
    took = (*(seconds for _ in told[1:]), last)
    since = WHEN if told[-1] == "fail" else None
    return Trend(node=f"test.{name}", name=name, kind="test", runs=len(told), statuses=told, seconds=took, last=WHEN,
                 failing_since=since)  # fmt: skip


def test_tests_that_fail_come_first_then_flaky_ones_then_those_that_warn() -> None:
    found = [trend("fine", "pppp"), trend("warns", "ppw"), trend("flaky", "pfpfp"), trend("fails", "pf")]
    lines = list(text_of_tests(found, PLAIN))
    assert [line.split()[0] for line in lines] == ["test", "fails", "flaky", "warns", "fine"]
    assert lines[1].endswith("·✗     failing since 2026-01-02 03:04:05")
    assert lines[2].endswith("·✗·✗·  flaky: failed in 2 of 5")


def test_what_takes_longest_comes_first() -> None:
    found = [trend("quick", "pp"), trend("slow", "pppp", 10.0, 35.0)]
    lines = list(text_of_nodes(found, PLAIN))
    assert lines[1].startswith("test slow")
    assert lines[1].endswith("3.5 times slower than usual")


def test_a_failure_that_is_over_is_told() -> None:
    assert list(notes(trend("a", "pfp"))) == ["failed in 1 of 3"]
    assert list(notes(trend("a", "ppp"))) == []


def test_without_unicode_there_is_none() -> None:
    ascii_only = Terminal(unicode=False)
    lines = [*text_of_tests([trend("a", "pfws")], ascii_only), *text_of_nodes([trend("a", "pp")], ascii_only)]
    assert all(line.isascii() for line in lines)
    assert ".F!-" in lines[1]


def test_runs_are_listed_and_drawn() -> None:
    row = {"started": WHEN, "command": "build", "status": "success", "nodes": 1200, "failed": 0, "warned": 2,
           "skipped": 0, "seconds": 3.25}  # fmt: skip
    lines = list(text_of_runs([row, {**row, "seconds": 1.0}, {**row, "command": "test"}], PLAIN))
    assert lines[0].split() == [
        "started",
        "(UTC)",
        "command",
        "status",
        "nodes",
        "failed",
        "warned",
        "skipped",
        "seconds",
    ]
    assert lines[1].split() == ["2026-01-02", "03:04:05", "build", "success", "1,200", "2", "3.25"]
    assert lines[-1] == "▃█  seconds of 2 runs of build, the latest one last"


def test_metrics_are_told_by_what_they_measure() -> None:
    rows = [
        {"subject": "model.shop.orders", "name": name, "value": value, "status": "pass"}
        for name, value in (("row_count", 1000.0), ("null_rate(a)", 0.0125), ("row_count", 2000.0))
    ]
    lines = list(text_of_metrics(rows, PLAIN))
    assert lines[1].split() == ["orders", "null_rate(a)", "1", "0.0125", "pass", "▅"]
    assert lines[2].split() == ["orders", "row_count", "2", "2,000", "pass", "▁█"]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_lines_fit_a_terminal(width: int) -> None:
    rows = [("a_very_long_name_" * 4, "1", "fine", "what there is to say of it " * 5)] * 2
    lines = list(aligned(("name", "n", "status", "note"), rows, (1,), Terminal(width=width)))
    assert all(width_of(line) <= width for line in lines)
    assert all(line.startswith("a_very") for line in lines[1:])


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0.0, "0"), (1234.0, "1,234"), (0.123456, "0.1235"), (1234567.5, "1,234,568"), (-2.5, "-2.5")],
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert number(value) == text
