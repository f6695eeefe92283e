"""What decides about publishing: modes, the turns of audits, statements that end a transaction, what is remembered."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from eltbuild.adapter import Capabilities
from eltbuild.graph.graph import Graph
from eltbuild.plan.nouns import Batch, Call, Operation
from eltbuild.plan.showing import is_whole, mode_of
from eltbuild.project.resources import Node
from eltbuild.relation import Relation, RelationKind
from eltbuild.run.audits import Audits
from eltbuild.run.commented import Commented
from eltbuild.run.events import Finished, Started
from eltbuild.run.ledger.deferred import Deferred
from eltbuild.run.ledger.port import Forgetful
from eltbuild.run.order import possible
from eltbuild.run.publishing import refusals
from eltbuild.run.schedule import Rules, schedule
from eltbuild.run.statements import ends_transaction
from eltbuild.run.whole import Whole

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ABLE = Capabilities(transactional_ddl=True)


def node(name: str, kind: str = "model", database: str = "shop", **config: Any) -> Node:
    """A node that builds a relation of its name."""
    return Node(
        id=f"{kind}.shop.{name}", resource_type=kind, name=name, package="shop", path=f"{name}.sql",
        original_path=f"models/{name}.sql", config={"materialized": "table", **config},
        relation=Relation(database, "main", name),
    )  # fmt: skip


# Modes


@pytest.mark.parametrize(
    ("config", "flag", "mode"),
    [
        ({}, None, "immediate"),
        ({"publish": "audited"}, None, "audited"),
        ({"publish": "audited"}, "immediate", "immediate"),
        ({}, "run", "run"),
        ({"publish": "nonsense"}, None, "immediate"),
    ],
)
def test_the_flag_outranks_the_config(config: dict[str, Any], flag: str | None, mode: str) -> None:
    """And what means nothing is `immediate`."""
    assert mode_of(node("a", **config), flag) == mode


def test_a_test_is_not_published() -> None:
    """Whatever its config says."""
    assert mode_of(node("a", "test", publish="audited"), "audited") == "immediate"


def test_one_node_decides_for_a_run() -> None:
    """Unless the flag says something else."""
    nodes = [node("a"), node("b", publish="run")]
    assert is_whole(nodes)
    assert not is_whole(nodes[:1])
    assert not is_whole(nodes, "audited")
    assert is_whole(nodes[:1], "run")


# What cannot be published as a whole


def test_what_no_transaction_holds_is_refused() -> None:
    """All of it is told at once."""
    outside = {"sql": "vacuum", "transaction": False}
    nodes = [
        node("hooked", **{"post-hook": [outside, {"sql": "select 1", "transaction": True}, "select 2"]}),
        node("filed", materialized="external"),
        node("far", database="elsewhere"),
        node("fine"),
    ]
    told = [problem.message for problem in refusals(nodes, ABLE)]
    assert len(told) == 3
    assert "`hooked` has a post-hook outside" in told[0]
    assert "`filed` is written to files" in told[1]
    assert "several databases (`elsewhere`, `shop`)" in told[2]
    assert refusals(nodes[3:], ABLE) == []
    (without,) = refusals(nodes[3:], Capabilities(transactional_ddl=False))
    assert "needs transactions" in without.message


@pytest.mark.parametrize(
    "sql",
    [
        "commit",
        " -- x\nCOMMIT;",
        "select 1; rollback",
        "/* a */ begin",
        "start transaction",
        "insert into a values (1);end",
    ],
)
def test_statements_that_end_a_transaction(sql: str) -> None:
    """Also behind comments and others."""
    assert ends_transaction(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select 'x; commit'",
        'select 1 as "; rollback;"',
        "select 1 -- ; commit",
        "do $$ begin perform 1; end $$",
        "create function f() returns int as $b$ begin return 1; end; $b$ language plpgsql",
        "select ended from begins",
        "comment on table a is 'commit'",
    ],
)
def test_statements_that_do_not(sql: str) -> None:
    """Words in texts, names, comments and bodies of functions."""
    assert not ends_transaction(sql)


# Turns


def test_of_two_nodes_that_share_a_test_the_later_one_has_it() -> None:
    """It waits for the first to end: then that stands."""
    audits: Audits[str] = Audits()
    assert audits.begun("a", ["b"], lambda: False) == frozenset()
    found: list[frozenset[str]] = []
    later = threading.Thread(target=lambda: found.append(audits.begun("b", ["a"], lambda: False)))
    later.start()
    later.join(0.2)
    assert later.is_alive()
    audits.ended("a")
    later.join(20)
    assert found == [frozenset({"a"})]


def test_whoever_was_first_waits_for_nobody_when_he_comes_again() -> None:
    """As with a second attempt, or the next slice: the other waits for him, and has their common test."""
    audits: Audits[str] = Audits()
    audits.begun("a", ["b"], lambda: False)
    found: list[frozenset[str]] = []
    later = threading.Thread(target=lambda: found.append(audits.begun("b", ["a"], lambda: False)), daemon=True)
    later.start()
    later.join(0.2)
    again = threading.Thread(target=lambda: found.append(audits.begun("a", ["b"], lambda: False)), daemon=True)
    again.start()
    again.join(20)
    assert found == [frozenset()]
    audits.ended("a")
    later.join(20)
    assert found == [frozenset(), frozenset({"a"})]


def test_whoever_waits_for_another_audit_can_be_stopped() -> None:
    """Then the other has not ended."""
    audits: Audits[str] = Audits()
    audits.begun("a", ["b"], lambda: False)
    assert audits.begun("b", ["a"], lambda: True) == frozenset()


def test_a_result_is_taken_once() -> None:
    """The second time a test is asked."""
    audits: Audits[str] = Audits()
    audits.note("t", "passed")
    assert audits.knows("t")
    assert audits.take("t") == "passed"
    assert audits.take("t") is None


# A run in vain


def test_after_a_failed_test_nothing_is_built_and_tests_are_asked() -> None:
    """After an error nothing is done at all."""
    whole = Whole(Commented(lambda: None))  # type: ignore[arg-type, return-value]
    statuses = {"test.shop.t": "fail", "model.shop.broken": "error"}
    done: list[str] = []

    def do(id: str, started: Started) -> Finished:
        done.append(id)
        return Finished(node=id, status=statuses.get(id, "success"))  # type: ignore[arg-type]

    nodes = {one.id: one for one in (node("a"), node("b"), node("broken"), node("t", "test"), node("u", "test"))}
    one = whole.guarded(do, nodes)
    ended = [
        one(id, Started(id, 1, 5, "", NOW)).status
        for id in ("model.shop.a", "test.shop.t", "model.shop.b", "test.shop.u")
    ]
    assert ended == ["success", "fail", "skipped", "success"]
    assert whole.vain == "test t failed"
    assert not whole.spoiled
    whole = Whole(Commented(lambda: None))  # type: ignore[arg-type, return-value]
    one = whole.guarded(do, nodes)
    ended = [one(id, Started(id, 1, 5, "", NOW)).status for id in ("model.shop.broken", "test.shop.u")]
    assert ended == ["error", "skipped"]
    assert whole.spoiled


# What is remembered


class Kept(Forgetful):
    """A ledger that tells what it was asked to write, and when."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def recording(
        self, node: Node, relation: Relation, kind: RelationKind, fingerprint: str, batches: Sequence[Batch] = ()
    ) -> tuple[Operation, ...]:
        """It tells of it when it is carried out."""
        return (Call(lambda connection: self.told.append(("carried", node.name, len(batches)))),)

    def recorded(
        self, node: Node, relation: Relation, kind: RelationKind, fingerprint: str, batches: Sequence[Batch] = ()
    ) -> None:
        """It tells of it."""
        self.told.append(("recorded", node.name, len(batches)))


def test_records_wait_for_the_end() -> None:
    """Slices of one node are recorded as one; the node is the run's own from the first on."""
    inner = Kept()
    ledger = Deferred(inner, "shop")
    a, b = node("a"), node("b")
    assert a.relation is not None
    assert b.relation is not None
    slices = [Batch(NOW, NOW, "1"), Batch(NOW, NOW, "2")]
    for one in slices:
        assert ledger.recording(a, a.relation, "table", "", (one,)) == ()
        ledger.recorded(a, a.relation, "table", "", (one,))
    ledger.recorded(b, b.relation, "table", "")
    assert inner.told == []
    assert ledger.owner(a.relation) == "shop"
    assert ledger.owner(Relation("shop", "main", "c")) is None
    ledger.carry_out(None)  # type: ignore[arg-type]
    assert inner.told == [("carried", "a", 2), ("carried", "b", 0)]
    ledger.completed()
    assert inner.told[2:] == [("recorded", "a", 2), ("recorded", "b", 0)]


# Order


def test_wishes_are_fulfilled_that_make_no_circle() -> None:
    """Of two that contradict each other one is dropped, and so is one that the graph forbids."""
    graph = Graph.from_parents({"a": (), "b": (), "c": ("b",), "d": ()})
    assert possible(graph, {"a": ["b"]}) == {"a": ["b"]}
    both = possible(graph, {"a": ["b"], "b": ["a"]})
    assert len(both) == 1
    # `c` stands on `b`, so that `b` cannot wait for it, nor for what waits for it.
    assert possible(graph, {"b": ["c"]}) == {}
    assert set(possible(graph, {"b": ["d"], "d": ["c"]})) in ({"b"}, {"d"})
    assert possible(graph, {"a": ["nobody"]}) == {}


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("status", ["success", "error"])
def test_a_node_that_waits_for_another_is_done_however_that_ends(threads: int, status: str) -> None:
    """It does not stand on it."""
    graph = Graph.from_parents({"m.p.a": (), "m.p.b": (), "m.p.below": ("m.p.b",)})
    done: list[str] = []

    def work(id: str, started: Started) -> Finished:
        done.append(id)
        return Finished(node=id, status=status if id == "m.p.b" else "success")  # type: ignore[arg-type]

    events = schedule(graph, tuple(graph.parents), work, threads=threads, rules=Rules(after={"m.p.a": ["m.p.b"]}))
    ended = {event.node: event.status for event in events if isinstance(event, Finished)}
    assert done.index("m.p.b") < done.index("m.p.a")
    assert ended["m.p.a"] == "success"
    assert ended["m.p.below"] == ("success" if status == "success" else "skipped")
