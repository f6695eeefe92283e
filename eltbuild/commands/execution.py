"""A run from its chosen nodes to its results: hooks, schemas, the schedule; what happens is an iterator of events."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Any

from eltbuild.adapter import Connection
from eltbuild.commands.opening import Opened
from eltbuild.commands.selecting import Chosen
from eltbuild.compile.compiled import Compiled
from eltbuild.compile.compiler import Compiler
from eltbuild.compile.session import Session
from eltbuild.errors import CompileError, DatabaseError, EltbuildError, Problem, UsageError
from eltbuild.plan.nouns import Batch
from eltbuild.project.resources import Node, NodeId, Project
from eltbuild.quality.data_tests import stores_failures
from eltbuild.relation import Relation
from eltbuild.run.batches import moment
from eltbuild.run.catalogue import Catalogue
from eltbuild.run.comments import commenter
from eltbuild.run.events import FAILED, Event, Finished, Message, Results, RunFinished, RunStarted, Started
from eltbuild.run.node import do
from eltbuild.run.schedule import schedule
from eltbuild.run.sessions import Connections
from eltbuild.run.work import Work
from eltbuild.sql.writer import Writer

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
    compiled: dict[NodeId, Compiled] = field(default_factory=dict)
    finished: list[Finished] = field(default_factory=list)
    results: Results | None = None

    def __post_init__(self) -> None:
        self._inbox: SimpleQueue[Message | int] = SimpleQueue()
        self._connections = Connections(self.opened.adapter, self._told if self.statements else None)
        self._stopped = False
        self._compiler: Compiler | None = None

    def inlined(self) -> Mapping[NodeId, Compiled]:
        """The texts of ephemeral models that were put into others."""
        return self._compiler.inlined if self._compiler is not None else {}

    def cancel(self) -> None:
        """Stop what runs now; safe from any thread."""
        self._connections.cancel()

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
        """Do the run. A `KeyboardInterrupt` that is thrown in, or raised while waiting, stops it; what was not done

        is told all the same. Raises `DatabaseError` where the warehouse cannot be reached at all.
        """
        began = datetime.now(UTC)
        try:
            yield from self._events(began)
        except KeyboardInterrupt:
            self._stopped = True
            self.cancel()
        finally:
            self._connections.close()
        yield from self._said()
        ended = datetime.now(UTC)
        seconds = (ended - began).total_seconds()
        self.results = Results(tuple(self.finished), seconds, self._stopped)
        yield RunFinished(seconds, ended, self._stopped)

    def _events(self, began: datetime) -> Generator[Event, None, None]:
        opened, project = self.opened, self.opened.project
        ids = tuple(id for id in self.chosen.ids if not _inlined(project, id))
        session = replace(
            opened.session,
            invocation=replace(opened.session.invocation, selected=self.chosen.ids),
            say=self._say,
        )
        work = self._work(session)
        threads = max(1, opened.options.threads or project.target.threads or 1)
        call = session.invocation
        yield RunStarted(self.command, ids, threads, began, call.invocation_id, project.target.name)
        if not ids:
            return
        work = prepare(work, [project.nodes[id] for id in ids if id in project.nodes])
        before = operations(project, "on-run-start")
        yield from self._hooks(work, before, {})
        if self._broken(before):
            yield from self._skipped(ids, "an on-run-start hook failed")
        else:
            yield from self._nodes(work, ids, threads)
        if not self._stopped:
            yield from self._hooks(work, operations(project, "on-run-end"), self._hook_names(work))

    def _nodes(self, work: Work, ids: Sequence[NodeId], threads: int) -> Generator[Event, None, None]:
        """The events of the schedule, the endings kept; an interrupt that is thrown in here is handed on to it."""
        scheduled = self._scheduled(work, ids, threads)
        interrupt = False
        while True:
            try:
                event = scheduled.throw(KeyboardInterrupt()) if interrupt else next(scheduled)
            except StopIteration:
                return
            interrupt = False
            if isinstance(event, Finished):
                self.finished.append(event)
            try:
                yield event
            except KeyboardInterrupt:
                interrupt = True

    def _work(self, session: Session) -> Work:
        opened = self.opened
        options = opened.options
        window = (
            _time("--event-time-start", options.event_time_start),
            _time("--event-time-end", options.event_time_end),
        )
        if window[0] and window[1] and window[0] >= window[1]:
            raise UsageError(Problem("--event-time-start must lie before --event-time-end"))
        self._compiler = Compiler(session)
        return Work(
            session=session,
            compiler=self._compiler,
            connections=self._connections,
            writer=Writer(opened.adapter.dialect, opened.adapter.capabilities),
            catalogue=Catalogue(),
            compiled=self.compiled,
            now=session.invocation.started_at,
            temporary=session.invocation.invocation_id.replace("-", "")[:8],
            window=window,
            comment=commenter(session),
            batches=self.batches,
        )

    def _scheduled(self, work: Work, ids: Sequence[NodeId], threads: int) -> Generator[Event, None, None]:
        project = work.session.project
        graph = self.chosen.graph

        def one(id: NodeId, started: Started) -> Finished:
            return do(work, id, started)

        on_error = {
            id: node.config["on_error"] for id in ids if (node := project.nodes.get(id)) and node.config.get("on_error")
        }
        self._stopped = yield from schedule(
            graph,
            ids,
            one,
            threads=threads,
            fail_fast=bool(self.opened.options.fail_fast),
            tests=[id for id in ids if _is_test(project, id)] if self.command in TESTED else (),
            cancel=self.cancel,
            now=lambda: datetime.now(UTC),
            on_error=on_error,
            inbox=self._inbox,
        )

    def _hooks(self, work: Work, hooks: Sequence[Node], names: Mapping[str, Any]) -> Iterator[Event]:
        """The hooks of the whole run, one after another."""
        for index, hook in enumerate(hooks, 1):
            started = Started(hook.id, index, len(hooks), "MainThread", datetime.now(UTC))
            event = do(replace(work, hook_names=names), hook.id, started)
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

    def _hook_names(self, work: Work) -> dict[str, Any]:
        """What `on-run-end` hooks see of the run: results, and the schemas that were written to."""
        from eltbuild.compile.results import as_template_results

        project = work.session.project
        ended = [event for event in self.finished if not _is_hook(project, event.node)]
        relations = [
            node.relation
            for event in ended
            if event.status not in (*FAILED, "skipped")
            and (node := project.nodes.get(event.node))
            and node.relation
            and node.resource_type in ("model", "seed", "snapshot")
        ]
        pairs = dict.fromkeys((relation.database, relation.schema) for relation in relations)
        return {
            "results": as_template_results(project, [_plain(event) for event in ended]),
            "schemas": list(dict.fromkeys(schema for _, schema in pairs)),
            "database_schemas": list(pairs),
        }


def _plain(event: Finished) -> dict[str, Any]:
    return {
        "node": event.node, "status": event.status, "execution_time": event.seconds, "message": event.message,
        "failures": event.failures, "adapter_response": dict(event.response), "thread_id": event.thread,
        "compiled_code": event.compiled_code, "relation_name": event.relation_name,
        "timing": [{"name": t.name, "started_at": t.started_at, "completed_at": t.completed_at} for t in event.timing],
    }  # fmt: skip


def _inlined(project: Project, id: NodeId) -> bool:
    node = project.nodes.get(id)
    return node is not None and node.ephemeral


def _time(flag: str, text: str | None) -> datetime | None:
    try:
        return moment(text) if text else None
    except CompileError as error:
        raise UsageError(*(replace(p, message=f"{flag}: {p.message}") for p in error.problems)) from None


def _is_hook(project: Project, id: NodeId) -> bool:
    node = project.nodes.get(id)
    return node is not None and node.resource_type == "operation"


def _is_test(project: Project, id: NodeId) -> bool:
    resource = project.resource(id)
    return resource is not None and resource.resource_type in ("test", "unit_test")


def operations(project: Project, when: str) -> tuple[Node, ...]:
    """The hooks of the whole run: the packages' first at its start, last at its end, as dbt orders them."""
    own = project.settings.name
    found = [node for node in project.nodes.values() if node.resource_type == "operation" and when in node.tags]
    found.sort(key=lambda node: (node.package == own, node.package, node.config.get("index") or 0, node.name))
    return tuple(found)


def prepare(work: Work, nodes: Sequence[Node]) -> Work:
    """Create the schemas that will be written to, ask what stands in them (one question each), load Arrow files."""
    connection = work.connections.here()
    connection.comment = connection.after = ""
    written = [node.relation for node in nodes if _writes(node, work) and node.relation is not None]
    schemas = {relation.key[:2]: Relation(relation.database, relation.schema, None) for relation in written}
    if schemas and work.session.capabilities.schemas:
        create_schemas(connection, list(schemas.values()), work.writer)
    if schemas:
        work.catalogue.learn(connection, schemas.values())
    return replace(work, unreadable=load_arrow_sources(work, nodes, connection))


def _writes(node: Node, work: Work) -> bool:
    if node.resource_type == "test":
        return stores_failures(node, work.session.flag("STORE_FAILURES")) is not None
    return node.resource_type in ("model", "seed", "snapshot") and not node.ephemeral


def create_schemas(connection: Connection, schemas: Sequence[Relation], writer: Writer) -> None:
    """Create those of the schemas that do not exist."""
    for schema in schemas:
        try:
            connection.execute(writer.create_schema(schema))
        except DatabaseError as error:
            raise DatabaseError(
                f"schema {writer.relation(schema)} cannot be created: {error.message}", sql=error.sql
            ) from error


def load_arrow_sources(work: Work, nodes: Sequence[Node], connection: Connection) -> dict[NodeId, EltbuildError]:
    """Load the Arrow files that sources of these nodes lie in, each into the source's table; what failed, and why."""
    from eltbuild.run.arrow_sources import load_source

    project = work.session.project
    wanted = {parent for node in nodes for parent in node.parents if parent in project.sources}
    failed: dict[NodeId, EltbuildError] = {}
    for id in sorted(wanted):
        try:
            load_source(project, project.sources[id], connection, work.writer)
        except EltbuildError as error:
            failed[id] = error
    return failed
