"""Nodes that one worker does together: given as a group, begun together or left, each told once."""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.run.test_schedule import expected, messages, outcome, runs, spared, started, waits_all

from eltbuild.graph.graph import Graph
from eltbuild.run.events import Event, Finished, Started, Status
from eltbuild.run.schedule import Control, Rules, schedule
from eltbuild.run.workers import Begin, Tell, Together

Case = tuple[dict[str, tuple[str, ...]], list[str], dict[str, Status], set[str]]


class Recorded:
    """Work that ends as told, alone or together, and what it was given."""

    def __init__(
        self,
        statuses: Mapping[str, Status] | None = None,
        refused: Collection[str] = (),
        pieces: int = 1,
        left: Collection[str] = (),
    ) -> None:
        self.statuses = statuses or {}
        self.refused = refused
        """What is left to be done by itself."""
        self.left = left
        """What is begun and then left to be done by itself."""
        self.pieces = pieces
        """In how many pieces it is told how a group ended."""
        self.given: list[tuple[str, ...]] = []
        self.alone: list[str] = []

    def one(self, id: str, started: Started) -> Finished:
        self.alone.append(id)
        return Finished(node=id, status=self.statuses.get(id, "success"))

    def several(self, ids: Sequence[str], begin: Begin, tell: Tell) -> Sequence[str]:
        self.given.append(tuple(ids))
        taken = [id for id in ids if id not in self.refused]
        begin(taken)
        ends = [Finished(node=id, status=self.statuses.get(id, "success")) for id in taken if id not in self.left]
        for piece in range(self.pieces):
            tell(ends[piece :: self.pieces])
        return [id for id in taken if id in self.left]

    def run(
        self,
        parents: Mapping[str, tuple[str, ...]],
        groups: Mapping[str, str],
        nodes: Iterable[str] | None = None,
        *,
        threads: int = 1,
        tests: Iterable[str] = (),
        fail_fast: bool = False,
    ) -> list[Event]:
        together = Together(groups, self.several)
        graph = Graph.from_parents(parents)
        chosen = list(parents) if nodes is None else list(nodes)
        return list(
            schedule(
                graph,
                chosen,
                self.one,
                threads=threads,
                rules=Rules(tests=frozenset(tests), fail_fast=fail_fast, together=together),
            )
        )


FOUR: Mapping[str, tuple[str, ...]] = {"m": (), "a": ("m",), "b": ("m",), "c": ("m",), "below": ("m",)}
ABC = dict.fromkeys("abc", "m")


def test_what_becomes_ready_at_once_is_given_to_one_worker() -> None:
    work = Recorded()
    events = work.run(FOUR, ABC, tests="abc", threads=3)
    assert work.given == [("a", "b", "c")]
    assert work.alone == ["m", "below"]
    kinds = [(type(event).__name__, event.node) for event in events if isinstance(event, Started | Finished)]
    assert kinds[2:8] == [*(("Started", id) for id in "abc"), *(("Finished", id) for id in "abc")]
    assert [event.index for event in events if isinstance(event, Started)] == [1, 2, 3, 4, 5]


def test_what_is_not_ready_yet_is_not_waited_for() -> None:
    parents = {"a": (), "b": (), "late": (), "c": ("late",), "then": ("a",), "last": ("then",)}
    work = Recorded()
    work.run(parents, ABC)
    assert work.given == [("a", "b")]
    assert work.alone == ["late", "then", "c", "last"]


def test_what_is_alone_in_its_group_is_done_as_if_there_were_none() -> None:
    work = Recorded()
    work.run({"m": (), "a": ("m",)}, {"a": "m"})
    assert work.given == []
    assert work.alone == ["m", "a"]


def test_what_a_group_leaves_begins_by_itself_and_once() -> None:
    work = Recorded({"b": "fail"}, refused=("b", "c"))
    events = work.run(FOUR, ABC, tests="abc")
    assert started(events) == ["m", "a", "b", "c"]
    assert outcome(events) == {"m": "success", "a": "success", "b": "fail", "c": "success", "below": "skipped"}
    assert work.alone == ["m", "b", "c"]


def test_what_a_group_leaves_is_shared_among_the_threads() -> None:
    met = threading.Barrier(2, timeout=10)
    parents = {"a": (), "b": ()}

    def one(id: str, started: Started) -> Finished:
        met.wait()
        return Finished(node=id, status="success")

    def several(ids: Sequence[str], begin: Begin, tell: Tell) -> Sequence[str]:
        begin(())
        return ()

    together = Together({"a": "m", "b": "m"}, several)
    events = list(schedule(Graph.from_parents(parents), parents, one, threads=2, rules=Rules(together=together)))
    assert outcome(events) == {"a": "success", "b": "success"}


def test_a_failure_skips_what_stands_on_it_before_the_rest_of_the_group_is_known() -> None:
    told = threading.Event()
    seen: list[Event] = []

    def several(ids: Sequence[str], begin: Begin, tell: Tell) -> Sequence[str]:
        begin(ids)
        tell([Finished(node="a", status="fail")])
        assert told.wait(10)
        tell([Finished(node=id, status="pass") for id in ids if id != "a"])
        return ()

    graph = Graph.from_parents(FOUR)
    work = Recorded()
    for event in schedule(
        graph, FOUR, work.one, threads=1, rules=Rules(tests=set("abc"), together=Together(ABC, several))
    ):
        seen.append(event)
        if isinstance(event, Finished) and event.node == "a":
            told.set()
    assert outcome(seen) == {"m": "success", "a": "fail", "b": "pass", "c": "pass", "below": "skipped"}
    assert messages(seen)["below"] == "skipped: a failed"


def test_an_exception_before_anything_was_begun_leaves_all_to_be_done_alone() -> None:
    def several(ids: Sequence[str], begin: Begin, tell: Tell) -> Sequence[str]:
        raise ValueError("no idea")

    work = Recorded()
    events = list(
        schedule(Graph.from_parents(FOUR), FOUR, work.one, threads=1, rules=Rules(together=Together(ABC, several)))
    )
    assert set(outcome(events).values()) == {"success"}
    assert sorted(work.alone) == sorted(FOUR)


def test_an_exception_after_that_is_the_error_of_all_that_was_not_told() -> None:
    def several(ids: Sequence[str], begin: Begin, tell: Tell) -> Sequence[str]:
        begin(ids)
        tell([Finished(node="a", status="pass")])
        raise ValueError("broken")

    work = Recorded()
    events = list(
        schedule(Graph.from_parents(FOUR), FOUR, work.one, threads=1, rules=Rules(together=Together(ABC, several)))
    )
    assert {id: status for id, status in outcome(events).items() if id in "abc"} == {
        "a": "pass",
        "b": "error",
        "c": "error",
    }
    assert messages(events)["b"] == "ValueError: broken"


def test_what_a_group_does_not_tell_of_is_an_error() -> None:
    def several(ids: Sequence[str], begin: Begin, tell: Tell) -> Sequence[str]:
        begin(ids)
        tell([Finished(node="a", status="pass"), Finished(node="stranger", status="pass")])
        return ()

    work = Recorded()
    events = list(
        schedule(Graph.from_parents(FOUR), FOUR, work.one, threads=1, rules=Rules(together=Together(ABC, several)))
    )
    assert [id for id, status in outcome(events).items() if status == "error"] == ["b", "c"]


def test_what_a_group_gives_back_is_done_alone_and_has_begun_before() -> None:
    work = Recorded({"b": "fail"}, left=("a", "b"))
    events = work.run(FOUR, ABC, tests="abc")
    assert started(events) == ["m", "a", "b", "c"]
    assert work.alone == ["m", "a", "b"]
    assert outcome(events) == {"m": "success", "a": "success", "b": "fail", "c": "success", "below": "skipped"}
    assert {e.node: e.index for e in events if isinstance(e, Finished)} == {"m": 1, "a": 2, "b": 3, "c": 4, "below": 5}


def test_fail_fast_skips_what_a_group_gave_back() -> None:
    work = Recorded({"a": "fail"}, left=("a", "b"))
    events = work.run(FOUR, ABC, ["a", "b", "c"], fail_fast=True)
    assert outcome(events) == {"a": "fail", "b": "skipped", "c": "success"}
    assert {event.node: event.index for event in events if isinstance(event, Finished)} == {"a": 1, "b": 2, "c": 3}


def test_fail_fast_tells_what_was_asked_with_the_failure_and_skips_what_was_left() -> None:
    work = Recorded({"a": "fail"}, refused=("c",))
    events = work.run(FOUR, ABC, ["a", "b", "c"], fail_fast=True)
    assert outcome(events) == {"a": "fail", "b": "success", "c": "skipped"}
    assert started(events) == ["a", "b"]
    assert messages(events)["c"] == "skipped: a failed and the run stops at the first failure"


def test_what_a_group_was_doing_when_all_is_cancelled_is_cancelled() -> None:
    cancelled = threading.Event()

    def one(id: str, started: Started) -> Finished:
        time.sleep(0.05)
        return Finished(node=id, status="error")

    def several(ids: Sequence[str], begin: Begin, tell: Tell) -> Sequence[str]:
        begin(["a", "b"])
        tell([Finished(node="a", status="pass")])
        assert cancelled.wait(10)
        tell([Finished(node="b", status="error")])
        return ()

    parents: dict[str, tuple[str, ...]] = {"a": (), "b": (), "c": (), "z": ()}
    together = Together(dict.fromkeys("abc", "m"), several)
    events = list(
        schedule(Graph.from_parents(parents), parents, one, threads=2, rules=Rules(fail_fast=True, together=together, cost={"a": 9}), control=Control(cancel=cancelled.set))
    )  # fmt: skip
    assert outcome(events)["a"] == "pass"
    assert outcome(events)["b"] == "cancelled"
    assert sorted(outcome(events)) == ["a", "b", "c", "z"]


@settings(max_examples=150, deadline=None)
@given(runs(), st.integers(1, 3), st.data())
def test_groups_change_no_outcome_and_no_order(case: Case, threads: int, data: st.DataObject) -> None:
    parents, chosen, statuses, gates = case
    tests = [id for id in parents if id.startswith("test")]
    groups = {id: data.draw(st.sampled_from("xy")) for id in tests if data.draw(st.booleans())}
    refused = data.draw(st.sets(st.sampled_from(tests))) if tests else set()
    left = data.draw(st.sets(st.sampled_from(tests))) if tests else set()
    work = Recorded(statuses, refused, data.draw(st.integers(1, 3)), left)
    events = work.run(parents, groups, chosen, threads=threads, tests=gates)

    assert sorted(event.node for event in events if isinstance(event, Finished)) == sorted(chosen)
    found, wanted = outcome(events), expected(parents, chosen, set(statuses), gates)
    assert {**found, **{id: wanted[id] for id in spared(parents, found, gates)}} == wanted
    for ids in work.given:
        assert len({groups[id] for id in ids}) == 1

    graph = Graph.from_parents(parents)
    done: set[str] = set()
    running: dict[str, str] = {}
    begun: set[str] = set()
    for event in events:
        if isinstance(event, Started):
            assert event.node not in begun
            begun.add(event.node)
            running[event.node] = event.thread
            assert len(set(running.values())) <= threads
            waits_for = graph.ancestors([event.node]) & set(chosen)
            if event.node not in gates:
                waits_for |= {t for t in gates if t.startswith("test") and waits_all(graph, event.node, t)}
                waits_for |= {t for t in gates if t.startswith("unit_test") and parents[t] == (event.node,)}
            elif event.node.startswith("unit_test"):
                waits_for = graph.ancestors(parents[event.node]) & set(chosen)
            assert waits_for <= done
        elif isinstance(event, Finished):
            assert (event.node in begun) == (event.status != "skipped")
            running.pop(event.node, None)
            done.add(event.node)
    told = [event for event in events if isinstance(event, Finished)]
    assert all(event.index and event.total == len(chosen) and event.at for event in told)
    indexes = {event.node: event.index for event in events if isinstance(event, Started)}
    assert all(indexes.get(event.node, event.index) == event.index for event in told)


@pytest.mark.parametrize("delay", [0.0, 0.001, 0.003, 0.01, 0.02])
def test_an_interrupt_at_any_moment_loses_nothing_of_a_group(delay: float) -> None:
    complaints = _interrupted(delay)
    assert not complaints or not _interrupted(delay), complaints


def _interrupted(delay: float) -> list[str]:
    """What is wrong with the events of a run of many groups that is interrupted after so many seconds."""
    parents: dict[str, tuple[str, ...]] = {f"m{number:03}": () for number in range(300)}
    groups = {f"t{number:04}": f"m{number % 300:03}" for number in range(1500)}
    graph = Graph.from_parents({**parents, **{id: (model,) for id, model in groups.items()}, "last": tuple(groups)})
    done: list[str] = []
    fired = threading.Event()

    def one(id: str, started: Started) -> Finished:
        if id == "last":
            fired.wait(20)
            time.sleep(0.1)
        done.append(id)
        return Finished(node=id, status="success")

    def several(ids: Sequence[str], begin: Begin, tell: Tell) -> Sequence[str]:
        begin(ids[:4])
        done.extend(ids[:4])
        tell([Finished(node=id, status="success") for id in ids[:4]])
        return ()

    def fire() -> None:
        time.sleep(delay)
        _thread.interrupt_main()
        fired.set()

    stream = schedule(graph, graph.order, one, threads=3, rules=Rules(together=Together(groups, several)))
    events: list[Event] = [next(stream)]
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
        "what was done was not told": len(set(done) ^ succeeded) <= 4,
    }
    return [complaint for complaint, holds in checks.items() if not holds]
