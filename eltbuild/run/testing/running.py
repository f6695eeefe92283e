"""Tests of one relation as one piece of a run's work: what they are together, and what each of them was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from eltbuild.compile.compiled import Compiled
from eltbuild.errors import DatabaseError, EltbuildError
from eltbuild.project.resources import Node, NodeId
from eltbuild.quality import data_tests
from eltbuild.quality.data_tests import Outcome
from eltbuild.run.commented import Commented
from eltbuild.run.events import Finished, Timing
from eltbuild.run.failure.attempts import Attempts, repeated
from eltbuild.run.failure.limits import attempts_of, limit_of, limited
from eltbuild.run.testing.alone import Asked, finished
from eltbuild.run.testing.asking import Back, Written, ask_in_parts, asked_together, joined, written
from eltbuild.run.testing.proving import proven
from eltbuild.run.work import Work
from eltbuild.run.workers import Begin, Tell
from eltbuild.values import dataclass

One = Callable[[NodeId], Finished]
"""Does one test by itself, whatever that takes; what goes wrong is in the event."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A test that can be asked with others, and when it was compiled."""

    text: Written
    compiled: Timing
    proven: Outcome | None = None
    """Its outcome, where it need not be asked."""

    @property
    def seconds(self) -> float:
        """How long that took."""
        return (self.compiled.completed_at - self.compiled.started_at).total_seconds()


def run_together(work: Work, ids: Sequence[NodeId], begin: Begin, tell: Tell, one: One) -> Sequence[NodeId]:
    """Ask those of the tests that are measures in one query; the others are left to be done one by one.

    Each ends as it would by itself. Gives those that were begun and are to be done one by one after all: where the
    query was refused, or did not end in time. A test of which the query tells only that some rows fail, or whose
    failing rows are kept, is done by `one`; but where the first failure ends the run, that is left to others, too.
    """
    connection = work.connections.here()
    nodes = [work.session.project.nodes[id] for id in ids]
    connection.comment, connection.after = work.comment(*nodes) if work.comment else ("", "")
    with connection.trial(work.writer.capabilities.savepoints) as back:
        return _run_together(work, ids, begin, tell, one, connection, back)


def _run_together(
    work: Work, ids: Sequence[NodeId], begin: Begin, tell: Tell, one: One, connection: Commented, back: Back
) -> Sequence[NodeId]:
    prepared = [found for id in ids if (found := _prepared(work, id, connection, back)) is not None]
    by_id = {one.text.node.id: one for one in prepared}
    known = [(test, test.proven) for test in prepared if test.proven is not None]
    parts = list(joined(test.text for test in prepared if test.proven is None))
    begun = {test.text.node.id for test, _ in known} | {text.node.id for part in parts for text in part}
    for test in prepared:
        if test.text.node.id not in begun:
            _keep_text(work, test.text)
    begin(begun)
    tell([_proven(test, why) for test, why in known])
    left: list[NodeId] = []
    for part in parts:
        left += _do(work, [by_id[text.node.id] for text in part], tell, one, back)
    return left


def _prepared(work: Work, id: NodeId, connection: Commented, back: Back) -> Prepared | None:
    """The test compiled and measured; None where it is done by itself: what it is refused for is told there."""
    node = work.session.project.nodes[id]
    if work.audits.knows(id) or any(parent in work.unreadable for parent in node.parents):
        return None
    connection.node = node.id
    began = datetime.now(UTC)
    try:
        text = written(work, node, connection)
    except EltbuildError:
        with suppress(DatabaseError):
            back()
        return None
    outcome = proven(work, node, text.sql)
    if outcome is not None and _keeps(work, node):
        return None
    return Prepared(text, Timing("compile", began, datetime.now(UTC)), outcome)


def _proven(test: Prepared, outcome: Outcome) -> Finished:
    """How a test ended that was not asked."""
    timing, asked = (test.compiled,), Asked(test.text.sql, outcome)
    return finished(test.text.node, asked, seconds=test.seconds, timing=timing, at=test.compiled.completed_at)


def _keep_text(work: Work, text: Written) -> None:
    """The test need not be compiled again."""
    work.texts[text.node.id] = Compiled(node=text.node.id, query=text.sql, sql=text.sql)


def _do(work: Work, tests: Sequence[Prepared], tell: Tell, one: One, back: Back) -> Sequence[NodeId]:
    """Ask, and tell in their order how they ended; what is not known by then, or not all that is to do, by `one`.

    Gives those that are left to others.
    """
    began = datetime.now(UTC)
    asked = _answers(work, [test.text for test in tests], back)
    execute = Timing("execute", began, datetime.now(UTC))
    known: list[Finished] = []
    left: list[NodeId] = []
    for test in tests:
        id = test.text.node.id
        if id in asked and not _keeps(work, test.text.node):
            known.append(_event(test, asked[id], execute, len(tests)))
            continue
        _keep_text(work, test.text)
        if id in asked:
            work.answers[id] = asked[id]
        if id in work.apart or work.session.flag("FAIL_FAST"):
            left.append(id)
            continue
        tell(known)
        known = []
        tell([one(id)])
    tell(known)
    return left


def _answers(work: Work, texts: Sequence[Written], back: Back) -> Mapping[NodeId, Asked]:
    """The answers as far as queries for many give them. Where one is refused, those of its parts; a test that the

    engine cannot do is to be asked apart, and the others are not.
    """
    found: dict[NodeId, Asked] = {}
    apart: Sequence[Written] = texts

    def ask(some: Sequence[Written]) -> None:
        try:
            found.update(_asked(work, some))
        except DatabaseError as error:
            halted = work.connections.mine().halted.is_set()
            again = f"the tests of {texts[0].relation} are asked one by one, for one of them cannot be asked"
            if work.whole is not None and (error.lost or halted or not (back() or work.whole.goes_on(again))):
                # Which of them it was can be asked no more.
                name = texts[0].relation
                work.whole.spoil(DatabaseError(f"the tests of {name} cannot be asked: {error.message}"))
            raise

    if work.whole is None or work.writer.capabilities.savepoints:
        apart, _ = ask_in_parts(texts, ask, work.connections.mine(), back)
    else:
        with suppress(DatabaseError):
            ask(texts)
            apart = ()
    work.apart.update(text.node.id for text in apart)
    return found


def _asked(work: Work, texts: Sequence[Written]) -> Mapping[NodeId, Asked]:
    """The answers that one query gives; in a while where the engine asks for that. Raises `DatabaseError`."""
    project = work.session.project
    name = texts[0].relation

    def call() -> Mapping[NodeId, Asked]:
        return asked_together(work, texts, work.connections.here())

    def say(text: str) -> None:
        work.session.say(f"tests of {name}: {text}", "info", "note", None)

    with limited(work.connections, limit_of(None, project.target)):
        attempts = attempts_of(None, project.target) if work.whole is None else Attempts(0)
        return repeated(call, work.connections, attempts, say, idempotent=True)


def _keeps(work: Work, node: Node) -> bool:
    return data_tests.stores_failures(node, work.session.flag("STORE_FAILURES")) is not None


def _event(test: Prepared, asked: Asked, execute: Timing, number: int) -> Finished:
    """How a test ended; of the time that the query took it has an equal share."""
    share = (execute.completed_at - execute.started_at).total_seconds() / number
    return finished(
        test.text.node,
        asked,
        seconds=test.seconds + share,
        timing=(test.compiled, execute),
        executed=data_tests.question(test.text.node, test.text.sql),
        at=execute.completed_at,
    )
