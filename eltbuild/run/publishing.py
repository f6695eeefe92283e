"""All that a run builds, published together or not at all: one transaction around all of its nodes.

What was built is told as such, and how it ended once that is known: at the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from eltbuild.adapter import Capabilities
from eltbuild.errors import AuditError, DatabaseError, EltbuildError, Problem, UsageError
from eltbuild.plan.showing import SHOWN, is_whole
from eltbuild.project.resources import Node, NodeId
from eltbuild.run.aside import Aside
from eltbuild.run.auditing import askable, is_failed, told, turn
from eltbuild.run.events import Built, Event, Finished, Message
from eltbuild.run.failed_rows import forget_failed, mended
from eltbuild.run.failure.attempts import Attempts, repeated
from eltbuild.run.ledger.deferred import Deferred
from eltbuild.run.locate import explained, fault_of
from eltbuild.run.performing import perform
from eltbuild.run.testing.alone import Asked
from eltbuild.run.testing.asking import ask
from eltbuild.run.whole import Whole
from eltbuild.run.work import Work
from eltbuild.values import replace

Events = Generator[Event, None, Any]
INTERRUPTED = "the run was interrupted"
UNKNOWN = "nobody can tell whether this run was published"


class NotPublished(Exception):
    """Nothing of the run is published, for that reason; the nodes that are to blame, if it is not told yet."""

    def __init__(self, why: str, blamed: Mapping[NodeId, EltbuildError] | None = None) -> None:
        super().__init__(why)
        self.blamed = blamed or {}


# Refused beforehand


def is_together(work: Work, ids: Sequence[NodeId]) -> bool:
    """Whether what a run builds is published together. Raises `UsageError` where it cannot be."""
    project, built = work.session.project, (*SHOWN, "function")
    found = [node for id in ids if (node := project.nodes.get(id)) is not None and not node.ephemeral]
    nodes = [node for node in found if node.resource_type in built]
    if not nodes or not is_whole(nodes, work.session.flag("PUBLISH")):
        return False
    problems = refusals(nodes, work.writer.capabilities)
    if problems:
        raise UsageError(*problems)
    return True


def refusals(nodes: Sequence[Node], able: Capabilities) -> list[Problem]:
    """Why these nodes cannot be published in one transaction, before anything is done."""
    if not able.transactional_ddl:
        text = "`publish: run` needs transactions, and this target makes tables without them"
        return [Problem(text, hint="use --publish audited, or --publish immediate")]
    found = [problem for node in nodes for problem in _refused(node)]
    written = [node for node in nodes if node.resource_type in SHOWN and node.relation is not None]
    databases = sorted({node.relation.database or "" for node in written if node.relation is not None})
    if len({name.lower() for name in databases}) > 1:
        names = ", ".join(f"`{name}`" for name in databases)
        text = f"`publish: run` cannot publish into several databases ({names}): one transaction writes to one"
        found.append(Problem(text, hint="select what is built in one of them, or use --publish audited"))
    return found


def _refused(node: Node) -> Iterator[Problem]:
    place = node.patch_place or node.place
    for key in ("pre-hook", "post-hook"):
        for hook in node.config.get(key) or ():
            if isinstance(hook, Mapping) and not hook.get("transaction", True):
                text = f"`{node.name}` has a {key} outside of its transaction, and `publish: run` has none but one"
                yield Problem(text, place, "leave out `transaction: false`, or use --publish audited")
    if node.materialized == "external":
        text = f"`{node.name}` is written to files, which no transaction takes back: `publish: run` cannot publish it"
        yield Problem(text, place, "leave it out with --exclude, or use --publish audited")


# The run


def published(work: Work, whole: Whole, scheduled: Events, stopped: Callable[[], bool]) -> Events:
    """The events of the schedule, and after them how that ended what was built."""
    assert isinstance(work.ledger, Deferred)
    held: list[Finished] = []
    blamed: Mapping[NodeId, EltbuildError] = {}
    why = ""
    interrupt: KeyboardInterrupt | None = None
    try:
        with whole.transaction():
            yield from _forward(whole, scheduled, held)
            if not held:
                raise NotPublished(whole.vain)
            _finish(work, whole, work.ledger, held, stopped)
    except NotPublished as error:
        why, blamed = str(error), error.blamed
    except DatabaseError as error:
        committed = _is_committed(work, whole, work.ledger)
        if committed is False and stopped():
            why, interrupt = INTERRUPTED, KeyboardInterrupt()
        elif not committed:
            why = "its transaction could not be ended" if committed is False else UNKNOWN
            blamed = {event.node: error for event in held}
    except KeyboardInterrupt as error:
        why, interrupt = INTERRUPTED, error
    if not why:
        _forget_failed(replace(work, ledger=work.ledger.behind), whole, held)
    for event in (*_completed(work.ledger, held, why), *_told(work, held, why, blamed)):
        try:
            yield event
        except KeyboardInterrupt as error:
            # What became of the nodes is told all the same.
            interrupt = interrupt or error
    if interrupt is not None:
        raise interrupt


def _forward(whole: Whole, scheduled: Events, held: list[Finished]) -> Events:
    """The events of the schedule; what was built is held back. An interrupt that is thrown in is handed on."""
    interrupt = False
    while True:
        try:
            event = scheduled.throw(KeyboardInterrupt()) if interrupt else next(scheduled)
        except StopIteration:
            return
        interrupt = False
        if isinstance(event, Finished) and event.status == "success" and event.relation_name is not None:
            held.append(event)
            event = Built(event)
        elif isinstance(event, Finished) and event.status == "fail":
            # What it has stored goes with all else.
            event = replace(event, relation_name=None)
        try:
            yield event
        except KeyboardInterrupt:
            interrupt = True


def _finish(work: Work, whole: Whole, ledger: Deferred, held: Sequence[Finished], stopped: Callable[[], bool]) -> None:
    """All is ready to be committed. Raises `NotPublished` where it is not to be, and what recording it raises."""
    if stopped():
        raise NotPublished(INTERRUPTED)
    if whole.vain:
        raise NotPublished(whole.vain)

    def last() -> Mapping[NodeId, EltbuildError]:
        found = _unasked(work, whole, held)
        if not found:
            for node in _shown(work, held):
                perform(whole.connection, mended(work, node))
            ledger.carry_out(whole.connection)
        return found

    found = Aside(work.connections.stop).do(last, work.connections.cancel)
    if found:
        raise NotPublished("tests failed that are no part of it", found)


def _unasked(work: Work, whole: Whole, held: Sequence[Finished]) -> Mapping[NodeId, EltbuildError]:
    """The nodes of which error tests fail that are no part of the run, each with what there is to say."""
    nodes, seen = work.session.project.nodes, set(work.session.invocation.selected)
    found: dict[NodeId, EltbuildError] = {}
    for event in held:
        node = nodes[event.node]
        asked_of = askable(work, node, whole.connection, turn(work, node))
        tests = [test for test in asked_of if test.id not in seen]
        seen.update(test.id for test in tests)
        asked = _each(work, whole, tests) if tests else {}
        failed = {id: one for id, one in asked.items() if is_failed(one)}
        if failed:
            found[node.id] = _refused_by(work, node, failed, len(tests))
    return found


def _each(work: Work, whole: Whole, tests: Sequence[Node]) -> Mapping[NodeId, Asked]:
    """How each of the tests went by itself, as far as more can be asked after one that cannot."""
    asked = ask(work, tests, whole.connection)
    if not any(isinstance(one.error, DatabaseError) for one in asked.values()):
        return asked
    found: dict[NodeId, Asked] = {}
    for test in tests:
        if not whole.goes_on("a test cannot be asked"):
            break
        found |= ask(work, [test], whole.connection)
    return {**asked, **found}


def _forget_failed(work: Work, whole: Whole, held: Sequence[Finished]) -> None:
    """Rows that failed audits of earlier runs are gone: all tests have passed on what is published."""
    for node in _shown(work, held):
        with suppress(DatabaseError):
            forget_failed(work, node, whole.connection)


def _shown(work: Work, held: Sequence[Finished]) -> list[Node]:
    """The nodes of the run that readers see."""
    nodes = [work.session.project.nodes[event.node] for event in held]
    return [node for node in nodes if node.resource_type in SHOWN]


def _completed(ledger: Deferred, held: Sequence[Finished], why: str) -> Iterator[Event]:
    """What is published is remembered as such, where that could not be written down with it."""
    if not held or why:
        return
    try:
        ledger.completed()
    except DatabaseError as error:
        yield Message(f"what was published could not be written down: {error.message}", "warn", kind="warning")


def _is_committed(work: Work, whole: Whole, ledger: Deferred) -> bool | None:
    """Whether a commit whose answer was lost was done all the same; None where nothing can tell."""
    if whole.connection.kept != "unknown":
        return False
    work.connections.leave()

    def known() -> bool | None:
        return ledger.is_committed(work.connections.here())

    with suppress(DatabaseError):
        return repeated(known, work.connections, Attempts(), lambda text: None)
    return None


def _refused_by(work: Work, node: Node, failed: Mapping[NodeId, Asked], total: int) -> AuditError:
    text = f"{told(work, failed, total)}: they are no part of this run, and asked of all that it publishes"
    return AuditError(Problem(f"`{node.relation}` is not published: {text}", node.place, name="AuditFailed"))


def _told(work: Work, held: Sequence[Finished], why: str, blamed: Mapping[NodeId, EltbuildError]) -> list[Event]:
    """How the nodes ended that were held back."""
    now = datetime.now(UTC)
    if not why or not held:
        return [replace(event, at=now) for event in held]
    taken = [replace(_taken_back(work, event, why, blamed.get(event.node)), at=now) for event in held]
    return [Message(_lost(why, len(held)), "error"), *taken]


def _lost(why: str, number: int) -> str:
    nodes = "1 node was" if number == 1 else f"{number:,} nodes were"
    if why == UNKNOWN:
        return f"{why}: {nodes} built"
    return f"nothing of this run is published, since {why}: {nodes} built, and taken back"


def _taken_back(work: Work, event: Finished, why: str, error: EltbuildError | None) -> Finished:
    """How a node ended that was built in vain."""
    if error is not None:
        node = work.session.project.nodes[event.node]
        problem = explained(work.session, node, error)
        event = replace(event, status="error", error=problem, fault=fault_of(node, problem, error))
        return replace(event, message=str(problem), rows=None, response={})
    return replace(event, status="skipped", message=f"built, not published: {why}", rows=None, response={})
