"""A run from its chosen nodes to its results: hooks, schemas, the schedule; what happens is an iterator of events."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Any

from eltbuild.commands.after_nodes import foreign, tidied
from eltbuild.commands.claiming import JOURNALED, books_of, claims_of, run_of
from eltbuild.commands.doing import by_itself, doing, tests_together
from eltbuild.commands.opening import Opened
from eltbuild.commands.preparing import prepare
from eltbuild.commands.run_hooks import cancelled, hook_names, operations
from eltbuild.commands.selecting import Chosen
from eltbuild.commands.watching import freshness_together, last_built
from eltbuild.commands.windows import window_of
from eltbuild.compile.compiled import Compiled, Cte
from eltbuild.compile.compiler import Compiler
from eltbuild.compile.session import Session
from eltbuild.errors import DatabaseError, EltbuildError
from eltbuild.plan.nouns import Batch
from eltbuild.project.project import Project
from eltbuild.project.resources import Node, NodeId
from eltbuild.quality.data_tests import refusing_warnings
from eltbuild.relation import Relation
from eltbuild.report.terminal import terminal_of
from eltbuild.run.auditing import audit_result, tests_of, waits
from eltbuild.run.catalogue import Catalogue
from eltbuild.run.comments import commenter
from eltbuild.run.events import FAILED, Event, Finished, Message, Results, RunFinished, RunStarted, Started
from eltbuild.run.failure.attempts import AT_START, Attempts, repeated, trying
from eltbuild.run.ledger.deferred import Deferred
from eltbuild.run.ledger.lease import LOST, LOST_HINT, mark
from eltbuild.run.ledger.opening import claimed
from eltbuild.run.ledger.port import Forgetful, Ledger
from eltbuild.run.marked import Marked
from eltbuild.run.node import do
from eltbuild.run.publishing import is_together, published
from eltbuild.run.schedule import Control, Rules, schedule
from eltbuild.run.sessions import Connections
from eltbuild.run.stop import INTERRUPT, Asked, Stop
from eltbuild.run.testing.expectations import begin_library
from eltbuild.run.testing.remembered import is_compared
from eltbuild.run.unit_tests.bench import Bench, open_bench, runs_on_target
from eltbuild.run.whole import Whole
from eltbuild.run.work import Work
from eltbuild.run.workers import Together
from eltbuild.sql.writer import Writer
from eltbuild.values import dataclass, field, replace

WHOLE = frozenset({"build", "run", "seed", "snapshot"})
"""The commands whose nodes can be published together."""
INDENT = 16
"""How far the tables of messages are moved to the right when they are shown, at most."""
TESTED = frozenset({"build"})
"""The commands in which a failing test stops what stands on the tested node."""


@dataclass(kw_only=True)
class Execution:
    """One run. `events()` does it; `results` is complete when the iterator is exhausted."""

    opened: Opened
    command: str
    chosen: Chosen
    statements: bool = False
    """Whether every statement is told, as a message of level debug."""
    batches: Mapping[NodeId, tuple[Batch, ...]] = field(default_factory=dict)
    continues: int = 0
    """The number of the run that this one goes on with."""
    clones: Mapping[NodeId, Relation] | None = None
    """Where another run's relations stand, for `clone`."""
    compiled: dict[NodeId, Compiled] = field(default_factory=dict)
    finished: list[Finished] = field(default_factory=list)
    results: Results | None = None

    def __post_init__(self) -> None:
        self.stop = Stop()
        self.begun = False
        """Whether the run has its claims, so that there is something to tell of its nodes."""
        self._inbox: SimpleQueue[Message | int] = SimpleQueue()
        self._sessions = Marked(self.opened.adapter)
        self._connections = Connections(self._sessions, self._told if self.statements else None, self.stop)
        self._bench: Bench | None = None
        self._stopped = False
        self._compiler: Compiler | None = None
        self._ledger: Ledger = Forgetful()
        self._complete = False
        self._is_lost = False
        self._chosen_ids = frozenset(self.chosen.ids)

    def inlined(self) -> Mapping[NodeId, Compiled]:
        """The texts of ephemeral models that were put into others."""
        return self._compiler.inlined if self._compiler is not None else {}

    def ctes(self, id: NodeId) -> tuple[Cte, ...]:
        """The texts that were put into that of a node."""
        known = self.compiled.get(id)
        if known is not None and known.ctes:
            return known.ctes
        return self._compiler.ctes.get(id, ()) if self._compiler is not None else ()

    def cancel(self) -> None:
        """Stop what runs now; safe from any thread."""
        self._connections.cancel()
        if self._bench is not None:
            self._bench.connections.cancel()

    def _say(self, text: str, level: str, kind: str, node: NodeId | None) -> None:
        self._inbox.put(Message(text, level, node, kind))  # type: ignore[arg-type]

    def _told(self, sql: str, seconds: float, node: NodeId) -> None:
        self._inbox.put(Message(sql, "debug", node or None, "sql", seconds=seconds))

    def _said(self) -> Iterator[Message]:
        with suppress(Empty):
            while True:
                said = self._inbox.get_nowait()
                if isinstance(said, Message):
                    yield said

    def events(self) -> Generator[Event, None, None]:
        """Do the run. `stop`, or a `KeyboardInterrupt` that is thrown in or raised while waiting, ends it early; what

        was not done is told all the same; before anything was begun, it is raised again. Raises `DatabaseError` where
        the warehouse cannot be reached at all.
        """
        began = datetime.now(UTC)
        try:
            yield from self._events(began)
        except GeneratorExit:
            self._stopped = True
            raise
        except (KeyboardInterrupt, EltbuildError) as error:
            # What is cleared up after a cancelled statement may fail for the same reason, and hide the request.
            if isinstance(error, EltbuildError) and not self.stop.number:
                raise
            self._stopped = True
            self.cancel()
            if not self.begun:
                raise Asked(self.stop.number or INTERRUPT) from None
            done = {event.node for event in self.finished}
            left = [id for id in self.chosen.ids if not _inlined(self.opened.project, id) and id not in done]
            yield from self._skipped(left, "the run was interrupted")
        finally:
            self._connections.close()
            self._ledger.close(self._ending())
            if self._bench is not None:
                self._bench.close()
        yield from self._said()
        ended = datetime.now(UTC)
        seconds = (ended - began).total_seconds()
        self.results = Results(tuple(self.finished), seconds, self._stopped, self.stop.number or INTERRUPT)
        yield RunFinished(seconds, ended, self._stopped)

    def _ending(self) -> str:
        """How the run ended, as it is remembered."""
        if self._stopped:
            return "cancelled"
        return "success" if self._complete and not any(one.status in FAILED for one in self.finished) else "error"

    def _claimed(self, work: Work, ids: Sequence[NodeId]) -> Generator[Event, None, Work]:
        """The work with its ledger, the run's claims its own. Raises `UsageError` where another run holds some."""
        if self.command not in JOURNALED or not ids:
            return work
        opened = self.opened
        nodes = opened.project.nodes
        books = books_of(
            opened,
            stop=self._connections.stop,
            tell=lambda text: self._say(text, "warn", "warning", None),
            observing=any((node := nodes.get(id)) is not None and is_compared(node) for id in ids),
        )
        claims = claims_of(opened.project, ids, work.session.flag("STORE_FAILURES"))
        run = run_of(opened, self.command, ids, claims)
        self._sessions.mark = lambda connection: mark(connection, books.tables, run)
        attempt = 1
        while True:
            try:
                self._ledger = yield from claimed(books, run, wait=opened.options.wait, on_lost=self._lost)
                return replace(work, ledger=self._ledger)
            except DatabaseError as error:
                attempt += 1
                attempts = self._at_start(work)
                if attempt > attempts.retries + 1 or not error.transient:
                    raise
                pause = attempts.pause(attempt, away=True)
                yield Message(trying(attempt, attempts, pause, error))
                self.stop.sleep(pause)

    def _at_start(self, work: Work) -> Attempts:
        """How long a warehouse is waited for at first; a database that another process holds is not free soon."""
        return Attempts(0) if work.writer.capabilities.single_process else AT_START

    def _lost(self) -> None:
        """Another run has found this one dead: what it still does could not be published."""
        self._is_lost = True
        self._say(f"{LOST}; {LOST_HINT}", "error", "note", None)
        self.cancel()

    def _events(self, began: datetime) -> Generator[Event, None, None]:
        opened, project = self.opened, self.opened.project
        ids = tuple(id for id in self.chosen.ids if not _inlined(project, id))
        session = replace(
            opened.session,
            invocation=replace(opened.session.invocation, selected=self.chosen.ids),
            say=self._say,
            project=refusing_warnings(project, opened.session.strictness),
        )
        work = self._work(session)
        threads = max(1, opened.options.threads or project.target.threads or 1)
        call = session.invocation
        in_memory = self._in_memory(work, ids)
        # Then no session is opened, and no hook runs.
        apart = bool(ids) and in_memory == len(ids)
        whole = self.command in WHOLE and is_together(work, ids)
        threads = 1 if whole else threads
        if not apart:
            work = yield from self._claimed(work, ids)
        self.begun = True
        yield RunStarted(self.command, ids, threads, began, call.invocation_id, project.target.name)
        if not ids:
            return
        if apart:
            yield from self._nodes(work, self._scheduled(work, ids, threads))
            self._complete = True
            return
        watches = self.command == "freshness"
        if watches:
            work = replace(work, built_at=last_built(opened, self._connections))
        try:
            work = self._prepared(work, [project.nodes[id] for id in ids if id in project.nodes and not watches])
        except DatabaseError:
            if not in_memory:
                raise
            # Those run all the same; each of the others tells that the target is away.
            yield from self._nodes(work, self._scheduled(work, ids, threads))
            self._complete = True
            return
        yield from self._said()
        yield from self._between_hooks(work, ids, threads, whole)
        self._complete = True

    def _between_hooks(
        self, work: Work, ids: tuple[NodeId, ...], threads: int, whole: bool
    ) -> Generator[Event, None, None]:
        """The nodes are done, the hooks of the whole run before and after them."""
        before = operations(self.opened.project, "on-run-start")
        yield from self._hooks(work, before, {})
        if self._broken(before):
            yield from self._skipped(ids, "an on-run-start hook failed")
        else:
            yield from self._built(work, ids, threads, whole)
            yield from foreign(work, self.command, ids, self.finished)
            if not self._stopped:
                # After a failure that ended the run early.
                self._connections.go_on()
            if not (self._stopped or self._is_lost):
                tidied(work, ids)
        if not self._stopped and not self._is_lost:
            after = operations(self.opened.project, "on-run-end")
            yield from self._hooks(work, after, hook_names(work, self.finished) if after else {})

    def _in_memory(self, work: Work, ids: Sequence[NodeId]) -> int:
        """How many unit tests in memory there are; none where there is anything else than unit tests."""
        tests, flag = self.opened.project.unit_tests, work.session.flag("ON_TARGET")
        return sum(not runs_on_target(tests[id], flag) for id in ids) if all(id in tests for id in ids) else 0

    def _prepared(self, work: Work, nodes: Sequence[Node]) -> Work:
        """The work, ready to begin; the warehouse is waited for a little."""

        def tell(text: str) -> None:
            self._say(text, "info", "note", None)

        return repeated(lambda: prepare(work, nodes), self._connections, self._at_start(work), tell)

    def _built(self, work: Work, ids: Sequence[NodeId], threads: int, whole: bool) -> Generator[Event, None, None]:
        """The events of the nodes, each published by itself or all of them together."""
        if not whole:
            yield from self._nodes(work, self._scheduled(work, ids, threads))
            return
        able, say = work.writer.capabilities.savepoints, lambda text: self._say(text, "info", "note", None)
        ledger = Deferred(work.ledger, self.opened.project.settings.name)
        run = Whole(self._connections.share(), able, (work.catalogue.kept, ledger.kept), say)
        work = replace(work, ledger=ledger, whole=run)
        try:
            scheduled = self._scheduled(work, ids, threads)
            yield from self._nodes(
                work, published(work, run, scheduled, lambda: self._stopped or bool(self.stop.number))
            )
        finally:
            self._connections.leave()

    def _nodes(self, work: Work, scheduled: Generator[Event, None, None]) -> Generator[Event, None, None]:
        """The events of the schedule, the endings kept; an interrupt that is thrown in here is handed on to it."""
        interrupt = False
        while True:
            try:
                event = scheduled.throw(KeyboardInterrupt()) if interrupt else next(scheduled)
            except StopIteration:
                return
            interrupt = False
            if isinstance(event, Finished):
                event = self._audited(work, event)
                self.finished.append(replace(event, executed=None))
                self._ledger.ended(event)
            try:
                yield event
            except KeyboardInterrupt:
                interrupt = True

    def _audited(self, work: Work, event: Finished) -> Finished:
        """How a test went that was skipped because it, or another one, had failed before its model was published."""
        asked = work.audits.take(event.node) if event.status == "skipped" else None
        return event if asked is None else audit_result(work, work.session.project.nodes[event.node], asked, event)

    def _work(self, session: Session) -> Work:
        opened = self.opened
        window = window_of(opened.options, session)
        self._compiler = Compiler(session)
        if any(id in opened.project.unit_tests for id in self.chosen.ids):
            self._bench = open_bench(opened.project.target, self.stop, opened.adapter.dialect)
        work = Work(
            session=session,
            compiler=self._compiler,
            connections=self._connections,
            writer=Writer(opened.adapter.dialect, opened.adapter.capabilities),
            catalogue=Catalogue(opened.adapter.capabilities.exact_names),
            compiled=self.compiled,
            now=session.invocation.started_at,
            temporary=session.invocation.invocation_id.replace("-", "")[:8],
            window=window,
            ledger=self._ledger,
            comment=commenter(session),
            batches=self.batches,
            below=self._below,
            continues=self.continues,
            clones=self.clones,
            tests=self._tests,
            bench=self._bench,
            width=(terminal_of(sys.stdout, opened.project.environment).width or 120) - INDENT,
        )
        begin_library(work, (opened.project.nodes[id] for id in self.chosen.ids if id in opened.project.nodes))
        return work

    def _tests(self, id: NodeId) -> tuple[Node, ...]:
        """The error tests of a node that can be asked before it is published, whether they are chosen or not."""
        return tests_of(self.opened.project, self.chosen.graph, id, self._chosen_ids)

    def _below(self, id: NodeId) -> frozenset[NodeId]:
        """What the run builds of that which comes from a node."""
        return self.chosen.graph.descendants([id]) & self._chosen_ids

    def _scheduled(self, work: Work, ids: Sequence[NodeId], threads: int) -> Generator[Event, None, None]:
        rules = self._rules(work, ids, threads)
        control = Control(cancel=self.cancel, inbox=self._inbox, stop=self.stop)
        self._stopped = yield from schedule(
            self.chosen.graph, ids, doing(work), threads=threads, rules=rules, control=control
        )

    def _rules(self, work: Work, ids: Sequence[NodeId], threads: int) -> Rules:
        nodes = work.session.project.nodes
        return Rules(
            fail_fast=bool(self.opened.options.fail_fast),
            tests=[id for id in ids if _is_test(self.opened.project, id)] if self.command in TESTED else (),
            on_error={id: rule for id in ids if (node := nodes.get(id)) and (rule := node.config.get("on_error"))},
            after=waits(work, self.chosen.graph, ids),
            together=self._together(work, ids, threads),
        )

    def _together(self, work: Work, ids: Sequence[NodeId], threads: int) -> Together | None:
        """What is one piece of work: the tests of one relation, and several questions for freshness."""
        if self.command == "freshness":
            return freshness_together(work, ids, threads, by_itself(work))
        return tests_together(work, ids)

    def _hooks(self, work: Work, hooks: Sequence[Node], names: Mapping[str, Any]) -> Iterator[Event]:
        """The hooks of the whole run, one after another."""
        for index, hook in enumerate(hooks, 1):
            self.stop.heed()
            started = Started(hook.id, index, len(hooks), "MainThread", datetime.now(UTC))
            try:
                event = do(replace(work, hook_names=names), hook.id, started)
            except KeyboardInterrupt:
                event = cancelled(started)
                self.finished.append(event)
                yield started
                yield event
                raise
            event = replace(event, failures=int(event.status != "success"))
            yield from self._said()
            # A hook that came to nothing is a result like others, and nothing to look at.
            self.finished.append(event)
            if event.compiled_code is None or event.compiled_code.strip() or event.status != "success":
                yield started
                yield event

    def _broken(self, hooks: Sequence[Node]) -> bool:
        own = {hook.id for hook in hooks}
        return any(event.node in own and event.status in FAILED for event in self.finished)

    def _skipped(self, ids: Sequence[NodeId], why: str) -> Iterator[Event]:
        for index, id in enumerate(ids, 1):
            event = Finished(node=id, status="skipped", message=why, index=index, total=len(ids), at=datetime.now(UTC))
            self.finished.append(event)
            yield event


def _inlined(project: Project, id: NodeId) -> bool:
    node = project.nodes.get(id)
    return node is not None and node.ephemeral


def _is_test(project: Project, id: NodeId) -> bool:
    resource = project.resource(id)
    return resource is not None and resource.resource_type in ("test", "unit_test")
