"""What a retry goes on with, by local results and by the journal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from eltbuild.commands.claiming import without_secrets
from eltbuild.commands.unfinished import of_results, of_run, resumable, taken_over
from eltbuild.errors import UsageError
from eltbuild.relation import Relation
from eltbuild.state.records import Built, Ended, Run, RunStatus

NOON = datetime(2013, 1, 31, 12, 3, 11, tzinfo=UTC)


def run(invocation: str, status: RunStatus = "running", minutes: int = 0, **more) -> Run:
    values = {"command": "build", "host": "here", "folder": "/p", "nodes": ("a", "b", "c", "d", "e", "f"), **more}
    return Run(
        number=1, invocation=invocation, project="shop", target="dev", status=status,
        started=NOON + timedelta(minutes=minutes), **values,
    )  # fmt: skip


def built(*nodes: str) -> list[Built]:
    return [Built(run=1, project="shop", relation=Relation("d", "s", node), kind="table", node=node) for node in nodes]


def ended(**statuses: str) -> list[Ended]:
    return [Ended(run=1, node=node, status=status) for node, status in statuses.items()]


def test_a_killed_run_is_gone_on_with_where_it_stopped() -> None:
    left = of_run(run("i", "lost"), built("a", "b", "c"), ended(b="error", d="pass", e="skipped"), alone={"c"})
    assert left.nodes == ("b", "c", "e", "f")
    assert left.note == "continues build of 12:03:11 UTC (killed): 2 of 6 nodes are done"
    assert left.continues == 1


def test_a_run_that_ended_is_known_by_what_it_wrote() -> None:
    left = of_run(run("i", "error", nodes=()), built("a"), ended(b="error", d="pass"), alone=set())
    assert left.nodes == ("b",)
    assert "2 of 3 nodes are done" in left.note


def test_events_that_built_nothing_are_no_success() -> None:
    begun = [Built(run=1, project="shop", relation=Relation("d", "s", "a"), kind="table", node="a", event="begun")]
    assert of_run(run("i", nodes=("a",)), begun, [], alone=set()).nodes == ("a",)


@pytest.mark.parametrize(
    ("runs", "results", "found"),
    [
        ([run("b"), run("a", "success")], "a", "b"),
        ([run("b", "lost"), run("a", "success")], "a", "b"),
        ([run("b", "error"), run("a", "success")], "a", None),
        ([run("b", "success"), run("a", "lost")], "b", None),
        ([run("b", host="elsewhere"), run("a")], "a", None),
        ([run("b", folder="/other"), run("a")], "a", None),
        ([run("c", command="orphans"), run("b"), run("a")], "a", "b"),
        ([run("b", "error", host="elsewhere")], None, "b"),
        ([run("b", "success")], None, "b"),
        ([], None, None),
        ([run("b", minutes=-5)], "of no run that is known", None),
        ([run("b", minutes=5)], "of no run that is known", "b"),
    ],
    ids=["killed later", "found dead later", "ended later: not here", "killed before", "elsewhere", "another folder",
         "no run", "no results: anywhere", "no results: also a good one", "nothing", "killed before unknown results",
         "killed after unknown results"],
)  # fmt: skip
def test_the_journal_is_believed_where_it_knows_more(runs: list[Run], results: str | None, found: str | None) -> None:
    chosen = resumable(runs, results, NOON if results else None, "here", "/p")
    assert (chosen.invocation if chosen else None) == found


def test_flags_are_taken_over_but_for_those_given_and_nonsense() -> None:
    arguments = {
        "full_refresh": True,
        "empty": "yes",
        "vars": {"a": 1},
        "select": ["x"],
        "event_time_start": "2013-01-01",
    }
    assert taken_over(arguments, {"vars"}, ()) == {"full_refresh": True, "event_time_start": "2013-01-01"}


def test_a_flag_with_a_secret_is_not_kept_and_asked_for() -> None:
    kept = without_secrets(
        {"vars": {"key": "s3cret!"}, "empty": True, "select": ("a",)}, lambda text: text.replace("s3cret!", "*")
    )
    assert kept == {"empty": True, "select": ["a"], "hidden": ["vars"]}
    with pytest.raises(UsageError, match="given --vars with a secret in it"):
        taken_over(kept, (), kept["hidden"])
    assert taken_over(kept, {"vars"}, kept["hidden"]) == {"empty": True}


def test_results_of_a_command_that_cannot_be_retried_are_a_builds() -> None:
    last = {
        "args": {"which": "freshness"},
        "results": [{"unique_id": "a", "status": "error"}, {"unique_id": "b", "status": "pass"}, 1],
    }
    left = of_results(last)
    assert (left.command, left.nodes, left.note) == ("build", ("a",), "")
