"""Who may run beside whom: the rules, and the words for it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from eltbuild.errors import UsageError
from eltbuild.run.ledger.claims import GRACE, SILENCE, Conflict, attempt, host, moment, patience, refusal, span
from eltbuild.state.records import Run

NOW = datetime(2013, 1, 31, 12, 7, 11, tzinfo=UTC)
ORDERS, USERS = ("shop", "main", "orders"), ("shop", "main", "users")


@dataclass
class Table:
    """Runs in memory; `held` are the invocations whose locks are held."""

    sure: bool = True
    locks: bool = True
    certain: bool = False
    runs: list[Run] = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    committing: set[str] = field(default_factory=set)
    meanwhile: Run | None = None
    """Begins between a first look and a start."""

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        yield

    def running(self) -> tuple[Sequence[Run], datetime]:
        return [run for run in self.runs if run.ended is None], NOW

    def unlocked(self, run: Run) -> bool:
        return run.invocation not in self.held

    def lose(self, run: Run) -> bool:
        if run.invocation in self.committing:
            return False
        self.runs = [replace(one, ended=NOW, status="lost") if one == run else one for one in self.runs]
        return True

    def start(self, run: Run) -> Run:
        if self.meanwhile is not None:
            self.runs.append(self.meanwhile)
        started = replace(run, number=len(self.runs) + 1)
        self.runs.append(started)
        return started

    def withdraw(self, run: Run) -> None:
        self.runs.remove(run)


def run(invocation: str, *claims: tuple[str, str, str], silent: timedelta = timedelta(0), **more) -> Run:
    return Run(
        invocation=invocation, project="shop", target="dev", command="build", claims=claims,
        started=NOW - timedelta(minutes=4), heartbeat=NOW - silent, **more,
    )  # fmt: skip


def statuses(table: Table) -> dict[str, str]:
    return {one.invocation: one.status for one in table.runs}


def test_disjoint_runs_go_on_side_by_side() -> None:
    table = Table(runs=[run("a", USERS)], held={"a"})
    assert isinstance(attempt(table, run("b", ORDERS)), Run)
    assert statuses(table) == {"a": "running", "b": "running"}


def test_a_run_that_wants_what_another_holds_is_not_written_down() -> None:
    table = Table(runs=[run("a", USERS, ORDERS)], held={"a"})
    found = attempt(table, run("b", ORDERS))
    assert isinstance(found, tuple)
    assert [(one.holder.invocation, one.relations, one.doubtful) for one in found] == [("a", (ORDERS,), False)]
    assert statuses(table) == {"a": "running"}


@pytest.mark.parametrize(
    ("table", "silent", "process", "dead"),
    [
        (Table(), GRACE + timedelta(seconds=1), 0, True),
        (Table(), timedelta(0), 0, None),
        (Table(certain=True), timedelta(0), 0, True),
        (Table(), timedelta(0), 2**22 + 1, True),
        (Table(), timedelta(0), os.getpid(), None),
        (Table(held={"a"}), SILENCE - timedelta(seconds=1), 0, False),
        (Table(held={"a"}), SILENCE + timedelta(seconds=1), 0, True),
        (Table(held={"a"}, certain=True), SILENCE * 1000, 0, False),
        (Table(sure=False, locks=False), SILENCE + timedelta(seconds=1), 0, True),
        (Table(sure=False, locks=False), SILENCE - timedelta(seconds=1), 0, False),
    ],
    ids=["silent", "may be back soon", "certain", "no process", "process lives", "locked",
         "locked by nobody any more", "certainly locked", "no locks: silent",
         "no locks: heard of"],
)  # fmt: skip
def test_who_is_dead_makes_room(table: Table, silent: timedelta, process: int, dead: bool | None) -> None:
    table.runs.append(run("a", ORDERS, silent=silent, host=host(), process=process))
    found = attempt(table, run("b", ORDERS))
    if dead:
        assert statuses(table) == {"a": "lost", "b": "running"}
    else:
        assert isinstance(found, tuple)
        assert found[0].doubtful == (dead is None)


def test_a_dead_run_is_ended_whatever_it_claims() -> None:
    table = Table(runs=[run("a", USERS)], certain=True)
    attempt(table, run("b", ORDERS))
    assert statuses(table) == {"a": "lost", "b": "running"}


def test_a_dead_run_that_is_committing_is_waited_for() -> None:
    table = Table(runs=[run("a", ORDERS)], certain=True, committing={"a"})
    found = attempt(table, run("b", ORDERS))
    assert isinstance(found, tuple)
    assert found[0].doubtful


def test_without_locks_whoever_sees_another_after_its_own_start_steps_back() -> None:
    table = Table(sure=False, locks=False, meanwhile=run("a", ORDERS))
    found = attempt(table, run("b", ORDERS))
    assert isinstance(found, tuple)
    assert found[0].doubtful
    assert statuses(table) == {"a": "running"}


def test_a_refusal_says_who_what_and_since_when() -> None:
    holder = run("a", ORDERS, user="ada", host="host-a", process=123, silent=timedelta(seconds=2))
    told = refusal([Conflict(holder, (ORDERS,), NOW), Conflict(holder, (USERS,), NOW)], " (waited 10 min)")
    assert told.message == (
        "another run holds 1 of the relations of this one (shop.main.orders): `eltbuild build` by ada on host-a "
        "(process 123) since 12:03:11 UTC (4 min), last heard of 2 s ago; and 1 more (waited 10 min)"
    )
    assert "--wait" in told.hint


def test_a_refusal_names_some_of_many() -> None:
    many = tuple(("d", "s", f"t{number}") for number in range(9))
    told = refusal([Conflict(run("a"), many, NOW)])
    assert "9 of the relations of this one (d.s.t0, d.s.t1, d.s.t2, ...)" in told.message


def test_spans_and_moments() -> None:
    shown = [span(timedelta(seconds=seconds)) for seconds in (-1, 0, 59, 60, 119, 120, 3600, 7199, 86400, 400_000)]
    assert shown == ["0 s", "0 s", "59 s", "1 min", "119 s", "2 min", "1 h", "119 min", "1 d", "4 d"]
    assert moment(NOW - timedelta(days=2), NOW) == "2013-01-29 12:07:11 UTC (2 d)"


def test_patience() -> None:
    told = [patience(text) for text in (None, "forever", "90", "90s", "10m", "1.5h", " 2 D ")]
    assert told == [None, float("inf"), 90, 90, 600, 5400, 172800]


@pytest.mark.parametrize("text", ["", "soon", "-5", "10x", "1h30m", "m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no duration"):
        patience(text)
