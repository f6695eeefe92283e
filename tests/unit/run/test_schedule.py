"""The schedule: order, skips, gates, interrupts. Work here is a function; nothing is mocked but what nodes do."""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from queue import SimpleQueue
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eltbuild.errors import DatabaseError, Interrupted, Problem, UsageError
from eltbuild.graph.graph import Graph
from eltbuild.run.events import FAILED, Event, Finished, Message, Started, Status
from eltbuild.run.order import arrange
from eltbuild.run.schedule import BLOCKING, Control, Rules, schedule
from eltbuild.run.titles import name, title

Parents = Mapping[str, tuple[str, ...]]


def worker(statuses: Mapping[str, Status] | None = None) -> Callable[[str, Started], Finished]:
    """Work that ends as told, and otherwise well."""
    given_statuses = statuses or {}

    def work(id: str, started: Started) -> Finished:
        return Finished(node=id, status=given_statuses.get(id, "success"))

    return work


def run(
    parents: Parents,
    nodes: Iterable[str] | None = None,
    statuses: Mapping[str, Status] | None = None,
    *,
    threads: int = 1,
    tests: Iterable[str] = (),
    fail_fast: bool = False,
    on_error: Mapping[str, str] = MappingProxyType({}),
) -> list[Event]:
    graph = Graph.from_parents(parents)
    return list(
        schedule(
            graph,
            list(parents) if nodes is None else nodes,
            worker(statuses),
            threads=threads,
            rules=Rules(tests=frozenset(tests), fail_fast=fail_fast, on_error=on_error),
        )
    )


def outcome(events: Iterable[Event]) -> dict[str, str]:
    return {event.node: event.status for event in events if isinstance(event, Finished)}


def messages(events: Iterable[Event]) -> dict[str, str | None]:
    return {event.node: event.message for event in events if isinstance(event, Finished)}


def started(events: Iterable[Event]) -> list[str]:
    return [event.node for event in events if isinstance(event, Started)]


# Order


def test_parents_end_before_children_begin() -> None:
    assert started(run({"c": ("b",), "b": ("a",), "a": ()})) == ["a", "b", "c"]


def test_the_longest_way_begins_first_and_ids_break_ties() -> None:
    parents = {"short": (), "also": (), "long": (), "longer": ("long",), "longest": ("longer",)}
    assert started(run(parents)) == ["long", "longer", "also", "longest", "short"]


def test_known_costs_decide_what_is_long() -> None:
    graph = Graph.from_parents({"cheap": (), "below": ("cheap",), "dear": ()})
    events = schedule(graph, graph.order, worker(), threads=1, rules=Rules(cost={"dear": 60.0}))
    assert started(events) == ["dear", "cheap", "below"]


def test_order_passes_through_what_was_not_chosen() -> None:
    parents = {"z": (), "gap": ("z",), "gap2": ("gap",), "a": ("gap2",)}
    assert started(run(parents, ["a", "z"])) == ["z", "a"]
    assert outcome(run(parents, ["a", "z"], {"z": "error"})) == {"z": "error", "a": "skipped"}


def test_events_tell_index_total_and_thread() -> None:
    events = run({"a": (), "b": ("a",)}, statuses={"a": "error"})
    assert [(e.node, e.index, e.total) for e in events if isinstance(e, Started | Finished)] == [
        ("a", 1, 2),
        ("a", 1, 2),
        ("b", 2, 2),
    ]
    assert [e.thread for e in events if isinstance(e, Started | Finished)] == ["Thread-1", "Thread-1", ""]
    assert all(event.at is not None for event in events if isinstance(event, Finished))


def test_work_runs_in_the_named_thread() -> None:
    names = []

    def work(id: str, started: Started) -> Finished:
        names.append((threading.current_thread().name, started.thread, threading.current_thread().daemon))
        return Finished(node=id, status="success")

    list(schedule(Graph.from_parents({"a": ()}), ["a"], work, threads=4))
    assert names == [("Thread-1", "Thread-1", False)]


def test_no_nodes_give_no_events() -> None:
    assert run({"a": ()}, []) == []


def test_nodes_that_the_graph_does_not_know_run_too() -> None:
    assert outcome(run({"a": ()}, ["a", "ghost", "a"])) == {"a": "success", "ghost": "success"}


@pytest.mark.parametrize("threads", [0, -1])
def test_a_run_needs_a_thread(threads: int) -> None:
    with pytest.raises(UsageError, match="at least one thread"):
        run({"a": ()}, threads=threads)


def test_as_many_run_at_once_as_there_are_threads() -> None:
    together = threading.Barrier(3, timeout=10)

    def work(id: str, started: Started) -> Finished:
        together.wait()
        return Finished(node=id, status="success")

    graph = Graph.from_parents({str(number): () for number in range(9)})
    events = list(schedule(graph, graph.order, work, threads=3))
    assert outcome(events) == dict.fromkeys(graph.order, "success")


# Failures

CHAIN: Parents = {"model.p.a": (), "model.p.b": ("model.p.a",), "model.p.c": ("model.p.b",), "model.p.x": ()}


@pytest.mark.parametrize("status", sorted(BLOCKING))
def test_what_stands_on_a_failure_is_skipped_and_nothing_else(status: Status) -> None:
    events = run(CHAIN, statuses={"model.p.a": status})
    expected = {"model.p.a": status, "model.p.b": "skipped", "model.p.c": "skipped", "model.p.x": "success"}
    assert outcome(events) == expected


@pytest.mark.parametrize("status", ["success", "warn", "pass", "no-op"])
def test_what_did_not_fail_blocks_nothing(status: Status) -> None:
    assert "skipped" not in outcome(run(CHAIN, statuses={"model.p.a": status})).values()


def test_a_skip_names_the_culprit() -> None:
    told = messages(run(CHAIN, statuses={"model.p.a": "error"}))
    assert told["model.p.b"] == "skipped: parent a failed"
    assert told["model.p.c"] == "skipped: model a failed"
    told = messages(run(CHAIN, statuses={"model.p.a": "partial success"}))
    assert told["model.p.b"] == "skipped: parent a succeeded only in part"


def test_of_two_culprits_the_same_is_named_whoever_fails_first() -> None:
    parents = {"model.p.a": (), "model.p.b": (), "model.p.c": ("model.p.b", "model.p.a")}
    statuses: dict[str, Status] = {"model.p.a": "error", "model.p.b": "error"}
    told = {messages(run(parents, statuses=statuses, threads=threads))["model.p.c"] for threads in (1, 2)}
    assert told == {"skipped: parent a failed"}


def test_a_failure_that_shall_not_count_lets_the_children_run() -> None:
    events = run(CHAIN, statuses={"model.p.a": "error"}, on_error={"model.p.a": "continue"})
    assert outcome(events)["model.p.c"] == "success"
    events = run(CHAIN, statuses={"model.p.a": "error"}, on_error={"model.p.b": "continue"})
    assert outcome(events)["model.p.c"] == "skipped"


def test_an_exception_is_an_error_that_carries_its_message() -> None:
    def work(id: str, started: Started) -> Finished:
        raise {
            "database": DatabaseError("no such table"),
            "bug": ZeroDivisionError("division by zero"),
            "bare": RuntimeError(),
            "exit": SystemExit(3),
            "stopped": Interrupted("stopped"),
            "two": UsageError(Problem("one", hint="mend"), "two"),
        }[id]

    graph = Graph.from_parents(dict.fromkeys(("database", "bug", "bare", "exit", "stopped", "two"), ()))
    ends = {e.node: e for e in schedule(graph, graph.order, work, threads=2) if isinstance(e, Finished)}
    errors = {id: str(end.error.message) for id, end in ends.items() if end.error}
    assert errors == {
        "database": "no such table",
        "bug": "ZeroDivisionError: division by zero",
        "bare": "RuntimeError",
        "exit": "SystemExit: 3",
        "stopped": "stopped",
        "two": "one\ntwo",
    }
    assert ends["two"].message == "one"
    assert {id: end.status for id, end in ends.items()} == {**dict.fromkeys(ends, "error"), "stopped": "cancelled"}
    assert all(end.thread and end.index and end.total == 6 and end.at for end in ends.values())


def test_work_that_gives_nothing_is_an_error() -> None:
    graph = Graph.from_parents({"a": (), "b": ("a",)})
    events = list(schedule(graph, graph.order, lambda id, started: None, threads=1))  # type: ignore[arg-type, return-value]
    assert outcome(events) == {"a": "error", "b": "skipped"}


def test_fail_fast_cancels_what_runs_and_skips_the_rest() -> None:
    cancelled = threading.Event()

    def work(id: str, started: Started) -> Finished:
        if id == "bad":
            return Finished(node=id, status="error")
        if id == "slow":
            return Finished(node=id, status="error" if cancelled.wait(10) else "success", message="gone")
        return Finished(node=id, status="success")

    graph = Graph.from_parents({"bad": (), "slow": (), "later": ("slow",), "other": ("slow",)})
    events = list(
        schedule(
            graph, graph.order, work, threads=2, rules=Rules(fail_fast=True), control=Control(cancel=cancelled.set)
        )
    )
    assert outcome(events) == {"bad": "error", "slow": "cancelled", "later": "skipped", "other": "skipped"}
    why = "bad failed and the run stops at the first failure"
    assert messages(events)["slow"] == f"cancelled: {why}"
    assert messages(events)["later"] == f"skipped: {why}"


def test_fail_fast_keeps_what_succeeded_all_the_same() -> None:
    go = threading.Event()

    def work(id: str, started: Started) -> Finished:
        if id == "done":
            go.wait(10)
        return Finished(node=id, status="fail" if id == "bad" else "success")

    graph = Graph.from_parents({"bad": (), "done": (), "rest": ("done",)})
    events = list(
        schedule(graph, graph.order, work, threads=2, rules=Rules(fail_fast=True), control=Control(cancel=go.set))
    )
    assert outcome(events) == {"bad": "fail", "done": "success", "rest": "skipped"}


def test_a_cancel_that_fails_is_told_and_hides_nothing() -> None:
    def cancel() -> None:
        raise OSError("gone")

    graph = Graph.from_parents({"a": (), "b": ("a",)})
    events = list(
        schedule(
            graph,
            graph.order,
            worker({"a": "error"}),
            threads=1,
            rules=Rules(fail_fast=True),
            control=Control(cancel=cancel),
        )
    )
    assert outcome(events) == {"a": "error", "b": "skipped"}
    assert [e.text for e in events if isinstance(e, Message)] == ["what runs could not be cancelled: gone"]


# Gates

GATED: Parents = {
    "model.p.a": (),
    "model.p.b": ("model.p.a",),
    "model.p.c": ("model.p.b",),
    "model.p.side": (),
    "test.p.of_a.0123456789": ("model.p.a",),
    "test.p.of_b.0123456789": ("model.p.b",),
}
A_TEST, B_TEST = "test.p.of_a.0123456789", "test.p.of_b.0123456789"


def test_a_failing_test_blocks_what_stands_on_the_tested_node() -> None:
    events = run(GATED, statuses={A_TEST: "fail"}, tests={A_TEST, B_TEST})
    assert outcome(events) == {
        "model.p.a": "success",
        A_TEST: "fail",
        "model.p.b": "skipped",
        B_TEST: "skipped",
        "model.p.c": "skipped",
        "model.p.side": "success",
    }
    assert messages(events)["model.p.b"] == "skipped: test of_a failed"


def test_outside_of_build_tests_block_nothing() -> None:
    assert "skipped" not in outcome(run(GATED, statuses={A_TEST: "fail"})).values()


def test_a_test_that_warns_blocks_nothing_but_comes_first() -> None:
    events = run(GATED, statuses={A_TEST: "warn"}, tests={A_TEST, B_TEST})
    assert "skipped" not in outcome(events).values()
    order = started(events)
    assert order.index(A_TEST) < order.index("model.p.b")
    assert order.index(B_TEST) < order.index("model.p.c")


def test_a_test_of_something_not_chosen_blocks_all_the_same() -> None:
    parents = {**GATED, "source.p.s.t": (), "model.p.a": ("source.p.s.t",), "test.p.s.x": ("source.p.s.t",)}
    nodes = ["test.p.s.x", "model.p.c"]
    events = run(parents, nodes, {"test.p.s.x": "fail"}, tests={"test.p.s.x"})
    assert outcome(events) == {"test.p.s.x": "fail", "model.p.c": "skipped"}


def test_a_test_over_two_nodes_blocks_only_what_stands_on_both() -> None:
    parents: Parents = {
        "model.p.a": (),
        "model.p.b": (),
        "model.p.on_a": ("model.p.a",),
        "model.p.on_b": ("model.p.b",),
        "model.p.both": ("model.p.on_a", "model.p.on_b"),
        "model.p.end": ("model.p.both",),
        "test.p.t": ("model.p.a", "model.p.b"),
    }
    events = run(parents, statuses={"test.p.t": "fail"}, tests={"test.p.t"})
    skipped = {id for id, status in outcome(events).items() if status == "skipped"}
    assert skipped == {"model.p.both", "model.p.end"}
    assert messages(events)["model.p.both"] == "skipped: test t failed"


@pytest.mark.parametrize(
    ("failing", "skipped"),
    [
        ({"test.p.ab"}, {"model.p.ab", "model.p.abc"}),
        ({"test.p.abc"}, {"model.p.abc"}),
        ({"test.p.bc"}, {"model.p.abc"}),
        ({"test.p.bc2"}, {"model.p.abc"}),
    ],
)
def test_tests_over_two_and_over_three_nodes_keep_apart(failing: set[str], skipped: set[str]) -> None:
    parents: Parents = {
        "model.p.a": (),
        "model.p.b": (),
        "model.p.c": (),
        "model.p.ab": ("model.p.a", "model.p.b"),
        "model.p.abc": ("model.p.ab", "model.p.c"),
        "test.p.ab": ("model.p.a", "model.p.b"),
        "test.p.bc": ("model.p.b", "model.p.c"),
        "test.p.bc2": ("model.p.c", "model.p.b"),
        "test.p.abc": ("model.p.a", "model.p.b", "model.p.c"),
    }
    tests = {id for id in parents if id.startswith("test")}
    ends = outcome(run(parents, statuses=dict.fromkeys(failing, "fail"), tests=tests))
    assert {id for id, status in ends.items() if status == "skipped"} == skipped


def test_a_test_of_the_child_against_its_parent_does_not_block_the_child() -> None:
    parents: Parents = {"model.p.a": (), "model.p.b": ("model.p.a",), "model.p.c": ("model.p.b",)}
    parents = {**parents, "test.p.t": ("model.p.a", "model.p.b")}
    assert outcome(run(parents, statuses={"test.p.t": "error"}, tests={"test.p.t"})) == {
        "model.p.a": "success",
        "model.p.b": "success",
        "test.p.t": "error",
        "model.p.c": "skipped",
    }


def test_a_test_without_parents_blocks_nothing() -> None:
    parents = {"test.p.t": (), "model.p.a": ()}
    assert outcome(run(parents, statuses={"test.p.t": "fail"}, tests={"test.p.t"}))["model.p.a"] == "success"


def test_unit_tests_come_before_their_model_and_block_it() -> None:
    parents: Parents = {
        "model.p.up": (),
        "model.p.m": ("model.p.up",),
        "model.p.down": ("model.p.m",),
        "unit_test.p.m.u": ("model.p.m",),
    }
    tests = {"unit_test.p.m.u"}
    assert started(run(parents, tests=tests)) == ["model.p.up", "unit_test.p.m.u", "model.p.m", "model.p.down"]
    events = run(parents, statuses={"unit_test.p.m.u": "fail"}, tests=tests)
    assert outcome(events) == {
        "model.p.up": "success",
        "unit_test.p.m.u": "fail",
        "model.p.m": "skipped",
        "model.p.down": "skipped",
    }
    assert messages(events)["model.p.m"] == "skipped: unit test m.u failed"
    assert outcome(run(parents, statuses={"model.p.up": "error"}, tests=tests))["unit_test.p.m.u"] == "skipped"


def test_unit_tests_of_a_model_are_skipped_once_one_has_failed() -> None:
    parents: Parents = {"model.p.m": (), **{f"unit_test.p.m.u{number}": ("model.p.m",) for number in range(4)}}
    tests = {id for id in parents if id != "model.p.m"}
    events = run(parents, statuses={"unit_test.p.m.u1": "fail"}, tests=tests)
    assert outcome(events) == {
        "unit_test.p.m.u0": "success",
        "unit_test.p.m.u1": "fail",
        "unit_test.p.m.u2": "skipped",
        "unit_test.p.m.u3": "skipped",
        "model.p.m": "skipped",
    }
    assert messages(events)["unit_test.p.m.u3"] == "skipped: unit test m.u1 failed"
    assert outcome(run(parents, statuses={"unit_test.p.m.u1": "fail"}))["unit_test.p.m.u3"] == "success"


# Laws


@st.composite
def runs(draw: st.DrawFn) -> tuple[dict[str, tuple[str, ...]], list[str], dict[str, Status], set[str]]:
    """A graph of models with data tests and unit tests, what was chosen of it, what fails, and what gates."""
    count = draw(st.integers(1, 9))
    models = [f"model.p.m{number}" for number in range(count)]
    parents: dict[str, tuple[str, ...]] = {}
    for number, id in enumerate(models):
        parents[id] = tuple(draw(st.sets(st.sampled_from(models[:number]), max_size=3))) if number else ()
    for number in range(draw(st.integers(0, 6))):
        parents[f"test.p.t{number}"] = tuple(draw(st.sets(st.sampled_from(models), min_size=1, max_size=3)))
    for number in range(draw(st.integers(0, 2))):
        parents[f"unit_test.p.u{number}"] = (draw(st.sampled_from(models)),)
    ids = list(parents)
    chosen = draw(st.lists(st.sampled_from(ids), unique=True, min_size=1))
    failing = draw(st.sets(st.sampled_from(chosen)))
    gates = set() if draw(st.booleans()) else {id for id in chosen if not id.startswith("model")}
    statuses: dict[str, Status] = dict.fromkeys(failing, "error")
    return parents, chosen, statuses, gates


def expected(parents: Parents, chosen: list[str], failing: Iterable[str], gates: set[str]) -> dict[str, str]:
    """What must come of a run, worked out node by node from the rules as they are stated."""
    graph = Graph.from_parents(parents)
    above = {id: graph.ancestors([id]) for id in parents}
    known: dict[str, bool] = {}

    def bad(id: str) -> bool:
        return id in failing or blocked(id)

    def held(id: str) -> bool:
        if any(bad(parent) for parent in parents[id]):
            return True
        return any(above[id].issuperset(parents[t]) and bad(t) for t in gates if t.startswith("test"))

    def blocked(id: str) -> bool:
        if id not in known:
            known[id] = False
            if id in gates and id.startswith("unit_test"):
                known[id] = held(parents[id][0])
            elif id in gates:
                known[id] = any(bad(parent) for parent in parents[id])
            else:
                units = [t for t in gates if t.startswith("unit_test") and parents[t] == (id,)]
                known[id] = held(id) or any(bad(unit) for unit in units)
        return known[id]

    return {id: "skipped" if blocked(id) else "error" if id in failing else "success" for id in chosen}


@settings(max_examples=150, deadline=None)
@given(runs(), st.integers(1, 3))
def test_every_run_keeps_the_rules(
    case: tuple[dict[str, tuple[str, ...]], list[str], dict[str, Status], set[str]], threads: int
) -> None:
    parents, chosen, statuses, gates = case
    events = run(parents, chosen, statuses, threads=threads, tests=gates)
    ends = [event.node for event in events if isinstance(event, Finished)]
    assert sorted(ends) == sorted(chosen)
    found, wanted = outcome(events), expected(parents, chosen, set(statuses), gates)
    assert {**found, **{id: wanted[id] for id in spared(parents, found, gates)}} == wanted

    graph = Graph.from_parents(parents)
    done: set[str] = set()
    running: set[str] = set()
    for event in events:
        if isinstance(event, Started):
            running.add(event.node)
            assert len(running) <= threads
            waits_for = graph.ancestors([event.node]) & set(chosen)
            if event.node not in gates:
                waits_for |= {t for t in gates if t.startswith("test") and waits_all(graph, event.node, t)}
                waits_for |= {t for t in gates if t.startswith("unit_test") and parents[t] == (event.node,)}
            elif event.node.startswith("unit_test"):
                waits_for = graph.ancestors(parents[event.node]) & set(chosen)
            assert waits_for <= done
        elif isinstance(event, Finished):
            running.discard(event.node)
            done.add(event.node)


def spared(parents: Parents, found: Mapping[str, str], gates: set[str]) -> list[str]:
    """The unit tests that need not be run any more, for another one of their model has failed."""
    units = [id for id in found if id in gates and id.startswith("unit_test")]
    failed = {parents[id] for id in units if found[id] == "error"}
    return [id for id in units if found[id] == "skipped" and parents[id] in failed]


def waits_all(graph: Graph, id: str, test: str) -> bool:
    return graph.ancestors([id]).issuperset(graph.parents[test])


@settings(max_examples=50, deadline=None)
@given(runs())
def test_one_thread_always_takes_the_same_order(
    case: tuple[dict[str, tuple[str, ...]], list[str], dict[str, Status], set[str]],
) -> None:
    parents, chosen, statuses, gates = case
    again = dict(reversed(parents.items()))
    first = run(parents, chosen, statuses, tests=gates)
    second = run(again, list(reversed(chosen)), statuses, tests=gates)
    assert started(first) == started(second)
    assert outcome(first) == outcome(second)


# Stopping


def test_a_keyboard_interrupt_while_waiting_is_noticed_at_once() -> None:
    cancelled = threading.Event()

    def work(id: str, started: Started) -> Finished:
        if id == "slow":
            cancelled.wait(20)
            raise DatabaseError("interrupted")
        return Finished(node=id, status="success")

    graph = Graph.from_parents({"slow": (), "below": ("slow",), "quick": ()})
    noticed: list[float] = []
    begun = threading.Event()

    def cancel() -> None:
        noticed.append(time.monotonic())
        cancelled.set()

    def interrupt() -> None:
        begun.wait(10)
        time.sleep(0.05)
        noticed.append(time.monotonic())
        _thread.interrupt_main()

    threading.Thread(target=interrupt).start()
    events = []
    result = []

    def all_events() -> Iterable[Event]:
        result.append((yield from schedule(graph, graph.order, work, threads=2, control=Control(cancel=cancel))))

    for event in all_events():
        events.append(event)
        if isinstance(event, Finished):
            begun.set()
    assert outcome(events) == {"quick": "success", "slow": "cancelled", "below": "skipped"}
    assert messages(events)["slow"] == "cancelled: the run was interrupted"
    assert messages(events)["below"] == "skipped: the run was interrupted"
    assert next(e.error for e in events if isinstance(e, Finished) and e.node == "slow") is not None
    assert result == [True]
    assert noticed[1] - noticed[0] < 0.5


def test_an_interrupt_can_be_handed_in() -> None:
    graph = Graph.from_parents({"a": (), "b": ("a",), "c": ("b",)})
    events = schedule(graph, graph.order, worker(), threads=1)
    assert isinstance(next(events), Started)
    rest = [events.throw(KeyboardInterrupt), *events]
    assert set(outcome(rest)) == {"a", "b", "c"}
    assert outcome(rest)["c"] == "skipped"


def test_what_is_not_cancelled_the_first_time_is_cancelled_again() -> None:
    calls: list[float] = []
    second = threading.Event()

    def cancel() -> None:
        calls.append(time.monotonic())
        if len(calls) == 3:
            second.set()

    def work(id: str, started: Started) -> Finished:
        if id == "bad":
            return Finished(node=id, status="error")
        return Finished(node=id, status="error" if second.wait(20) else "success")

    graph = Graph.from_parents({"bad": (), "between": ()})
    events = list(
        schedule(graph, graph.order, work, threads=2, rules=Rules(fail_fast=True), control=Control(cancel=cancel))
    )
    assert outcome(events) == {"bad": "error", "between": "cancelled"}
    assert len(calls) == 3


def test_an_interrupt_among_the_last_events_loses_none() -> None:
    graph = Graph.from_parents({"a": (), **{f"b{number}": ("a",) for number in range(5)}})
    events = schedule(graph, graph.order, worker(), threads=1)
    seen: list[Event] = [next(events), events.throw(KeyboardInterrupt), events.throw(KeyboardInterrupt)]
    seen += [events.throw(KeyboardInterrupt), *events]
    ends = [event.node for event in seen if isinstance(event, Finished)]
    assert sorted(ends) == sorted(graph.order)


def test_a_second_interrupt_does_not_wait() -> None:
    release = threading.Event()

    def work(id: str, started: Started) -> Finished:
        release.wait(20)
        return Finished(node=id, status="success")

    graph = Graph.from_parents({"deaf": (), "below": ("deaf",)})
    begun = time.monotonic()
    events = schedule(graph, graph.order, work, threads=1)
    assert isinstance(next(events), Started)
    timers = [threading.Timer(delay, _thread.interrupt_main) for delay in (0.1, 0.3)]
    for timer in timers:
        timer.start()
    try:
        ended = outcome(events)
    finally:
        release.set()
    assert ended == {"deaf": "cancelled", "below": "skipped"}
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("delay", [0.0, 0.001, 0.003, 0.01, 0.02, 0.03])
def test_an_interrupt_at_any_moment_loses_nothing(delay: float) -> None:
    # The interrupt may strike between two steps of this test's own loop and lose what it held: not twice in a row.
    complaints = _interrupted(delay)
    assert not complaints or not _interrupted(delay), complaints


def _interrupted(delay: float) -> list[str]:
    """What is wrong with the events of a run that is interrupted after so many seconds."""
    ids = [f"n{number:04}" for number in range(2000)]
    parents = {id: (ids[number - 40],) if number >= 40 else () for number, id in enumerate(ids)}
    graph = Graph.from_parents({**parents, "last": tuple(ids)})
    done: list[str] = []
    fired = threading.Event()

    def work(id: str, started: Started) -> Finished:
        if id == "last":
            fired.wait(20)
            time.sleep(0.1)
        done.append(id)
        return Finished(node=id, status="success")

    def fire() -> None:
        time.sleep(delay)
        _thread.interrupt_main()
        fired.set()

    events: list[Event] = []
    stream = schedule(graph, graph.order, work, threads=3)
    events.append(next(stream))
    thread = threading.Thread(target=fire)
    try:
        thread.start()
        for event in stream:
            events.append(event)  # noqa: PERF402
    except KeyboardInterrupt:
        events += [stream.throw(KeyboardInterrupt), *stream]
    thread.join()
    ends = [event.node for event in events if isinstance(event, Finished)]
    succeeded = {id for id, status in outcome(events).items() if status == "success"}
    checks = {
        "a node ended twice": len(ends) == len(set(ends)),
        "a node did not end": len(ends) >= len(graph.order) - 1,
        "what was done was not told": len(set(done) ^ succeeded) <= 1,
    }
    return [complaint for complaint, holds in checks.items() if not holds]


def test_closing_early_cancels_and_ends_the_threads() -> None:
    cancelled = threading.Event()

    def work(id: str, started: Started) -> Finished:
        cancelled.wait(20)
        return Finished(node=id, status="error")

    before = threading.active_count()
    graph = Graph.from_parents({"a": (), "b": (), "c": ("a",)})
    events = schedule(graph, graph.order, work, threads=2, control=Control(cancel=cancelled.set))
    next(events)
    assert threading.active_count() > before
    events.close()
    assert cancelled.is_set()
    assert threading.active_count() == before


def test_threads_end_with_the_run() -> None:
    before = threading.active_count()
    run(CHAIN, threads=3)
    assert threading.active_count() == before


def test_what_is_said_meanwhile_comes_out_in_order() -> None:
    inbox: SimpleQueue[Message | int] = SimpleQueue()

    def work(id: str, started: Started) -> Finished:
        inbox.put(Message(f"in {id}", node=id))
        return Finished(node=id, status="success")

    graph = Graph.from_parents({"a": (), "b": ("a",)})
    events = list(schedule(graph, graph.order, work, threads=1, control=Control(inbox=inbox)))
    kinds = [(type(event).__name__, getattr(event, "node", "")) for event in events]
    assert kinds == [(kind, id) for id in "ab" for kind in ("Started", "Message", "Finished")]


def test_times_come_from_the_clock_that_was_given() -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    graph = Graph.from_parents({"a": ()})
    events = list(schedule(graph, ["a"], worker(), threads=1, control=Control(now=lambda: moment)))
    assert {event.at for event in events if isinstance(event, Started | Finished)} == {moment}


# Names


@pytest.mark.parametrize(
    ("id", "short", "long"),
    [
        ("model.shop.orders", "orders", "model orders"),
        ("model.shop.dim.v2", "dim.v2", "model dim.v2"),
        ("test.shop.not_null_orders_id.cf6c17daed", "not_null_orders_id", "test not_null_orders_id"),
        ("test.shop.singular", "singular", "test singular"),
        ("unit_test.shop.orders.works", "orders.works", "unit test orders.works"),
        ("plain", "plain", "plain"),
    ],
)
def test_names_in_messages(id: str, short: str, long: str) -> None:
    assert name(id) == short
    assert title(id) == long


# Size


def large(models: int) -> dict[str, tuple[str, ...]]:
    """Models in a wide band, each with four tests, one in four of which is over two models."""
    parents: dict[str, tuple[str, ...]] = {}
    for number in range(models):
        above = {f"model.p.m{(number * factor) % number}" for factor in (7, 13)} if number > 20 else set()
        parents[f"model.p.m{number}"] = tuple(sorted(above))
    for number in range(models * 4):
        first, second = number % models, (number * 31 + 7) % models
        tested = {first, second} if number % 4 == 3 else {first}
        parents[f"test.p.t{number}"] = tuple(f"model.p.m{model}" for model in sorted(tested))
    return parents


def test_edges_grow_with_the_graph_and_not_with_what_tests_hold_back() -> None:
    parents = large(2000)
    graph = Graph.from_parents(parents)
    steps = arrange(graph, parents, [id for id in parents if id.startswith("test")])
    edges = sum(map(len, steps.followers))
    assert edges < 1.5 * (sum(map(len, parents.values())) + len(parents))


def test_ten_thousand_models_with_forty_thousand_tests_take_seconds() -> None:
    parents = large(10_000)
    graph = Graph.from_parents(parents)
    tests = frozenset(id for id in parents if id.startswith("test"))
    begun = time.process_time()
    count = sum(
        isinstance(event, Finished) for event in schedule(graph, parents, worker(), threads=4, rules=Rules(tests=tests))
    )
    assert count == 50_000
    assert time.process_time() - begun < 50_000 * 300e-6


def test_failed_statuses_all_block() -> None:
    assert FAILED < BLOCKING
