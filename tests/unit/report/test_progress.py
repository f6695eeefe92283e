"""The foot of the terminal: what it says, and that it fits."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eltbuild.report.labels import Label
from eltbuild.report.progress import Progress, region
from eltbuild.report.text import width_of
from eltbuild.run.events import Finished, Started

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def lookup(node: str) -> Label:
    kind, _, name = node.partition(".")
    return Label(kind, name)


def started(node: str) -> Started:
    return Started(node, 1, 10, "t", NOON)


def test_nothing_is_guessed_from_nothing() -> None:
    progress = Progress(lookup, ("table.a", "table.b"), 0.0)
    progress.started(started("table.a"), 0.0)
    assert progress.seconds_left(50.0) is None


def test_left_is_guessed_from_nodes_of_the_same_kind() -> None:
    nodes = tuple(f"table.{index}" for index in range(8)) + tuple(f"test.{index}" for index in range(4))
    progress = Progress(lookup, nodes, 0.0)
    for index in range(4):
        progress.finished(Finished(node=f"table.{index}", status="success", seconds=10.0))
    for index in range(2):
        progress.finished(Finished(node=f"test.{index}", status="pass", seconds=1.0))
    left = progress.seconds_left(42.0)
    assert left == pytest.approx(4 * 10 + 2 * 1)


def test_left_is_taken_from_the_last_run_where_known_and_shared_by_threads() -> None:
    progress = Progress(lookup, ("table.a", "table.b", "table.c"), 0.0, {"table.a": 30.0, "table.b": 30, "table.c": 30})
    progress.started(started("table.a"), 0.0)
    progress.started(started("table.b"), 0.0)
    assert progress.seconds_left(10.0) == pytest.approx((90 - 20) / 2)


def test_skipped_nodes_teach_nothing() -> None:
    progress = Progress(lookup, tuple(f"table.{index}" for index in range(10)), 0.0)
    for index in range(5):
        progress.finished(Finished(node=f"table.{index}", status="skipped"))
    assert progress.seconds_left(10.0) is None


def test_the_longest_running_come_first_and_the_rest_is_counted() -> None:
    progress = Progress(lookup, tuple(f"table.n{index}" for index in range(20)), 0.0)
    for index in range(20):
        progress.started(started(f"table.n{index}"), float(index))
    lines = region(progress, 100.0, width=70, height=12, colour=False, unicode=False)
    assert lines[0].split() == ["|", "table", "n0", "1m", "40s"]
    assert lines[-2].strip() == "... and 16 more"
    assert lines[-1].strip().endswith("0 of 20 - 1m 40s")


@given(
    st.integers(1, 160), st.integers(1, 60), st.integers(0, 30), st.integers(0, 30), st.booleans(),
    st.text(st.characters(categories=["L", "M", "N"]), min_size=1, max_size=40),
)  # fmt: skip
def test_no_line_is_wider_than_the_terminal(
    width: int, height: int, running: int, done: int, unicode: bool, name: str
) -> None:
    total = running + done
    progress = Progress(lambda node: Label("incremental", name), tuple(map(str, range(total))), 0.0)
    for index in range(running):
        progress.started(started(str(index)), 0.0)
    for index in range(running, total):
        progress.finished(Finished(node=str(index), status="error", seconds=1.0))
    lines = region(progress, 4000.0, width=max(width, 18), height=height, colour=False, unicode=unicode)
    assert len(lines) <= max(1, min(8, height // 3)) + 2
    assert all(width_of(line) <= max(width, 18) for line in lines)
    if not unicode:
        assert all(not set("⠋━─…·") & set(line) for line in lines)
