"""What doing a node takes, and the steps that all kinds of nodes share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from eltbuild.adapter import Answer, Connection
from eltbuild.compile.compiled import Compiled
from eltbuild.compile.compiler import Compiler
from eltbuild.compile.introspect import Introspector
from eltbuild.compile.session import Session
from eltbuild.errors import CompileError, EltbuildError, Problem, did_you_mean
from eltbuild.plan import decide
from eltbuild.plan.materialize import MATERIALIZATIONS, asks_columns
from eltbuild.plan.nouns import Batch, Call, Facts, Load, Operation, Recipe, Statement
from eltbuild.project.resources import Node, NodeId
from eltbuild.relation import Column, RelationInfo
from eltbuild.run.catalogue import Catalogue
from eltbuild.run.events import Finished, Status, Timing
from eltbuild.run.sessions import Commented, Connections
from eltbuild.sql.scan import without_end
from eltbuild.sql.writer import Writer

KINDS: Mapping[str, str] = {"view": "view", "materialized_view": "materialized_view"}
"""What a materialization leaves, where it is not a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """All that doing a node takes: one value for a run."""

    session: Session
    compiler: Compiler
    connections: Connections
    writer: Writer
    catalogue: Catalogue
    compiled: Mapping[NodeId, Compiled] = field(default_factory=dict)
    """Texts that are known before the run."""
    now: datetime
    temporary: str = ""
    window: tuple[datetime | None, datetime | None] = (None, None)
    """`--event-time-start` and `--event-time-end`."""
    comment: Callable[[Node], tuple[str, str]] | None = None
    """What to put before and after each statement of a node."""
    batches: Mapping[NodeId, tuple[Batch, ...]] = field(default_factory=dict)
    """Slices that a retry must build, in place of those that the clock gives."""
    unreadable: Mapping[NodeId, EltbuildError] = field(default_factory=dict)
    """Sources whose files could not be loaded: what reads them fails at its turn."""
    hook_names: Mapping[str, Any] = field(default_factory=dict)
    """What hooks of the whole run see beyond a node's names: results and schemas, at its end."""


class Clock:
    """When the phases of a node began and ended, and the text it came to."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.started = datetime.now(UTC)
        self.compiled: datetime | None = None
        self.sql: str | None = None

    def mark(self, sql: str | None) -> None:
        """Compiling is over."""
        self.compiled = datetime.now(UTC)
        self.sql = sql

    @property
    def elapsed(self) -> float:
        """Seconds since the node began."""
        return time.monotonic() - self._began

    def timing(self) -> tuple[Timing, ...]:
        """The phases so far."""
        now = datetime.now(UTC)
        if self.compiled is None:
            return (Timing("compile", self.started, now),)
        return (Timing("compile", self.started, self.compiled), Timing("execute", self.compiled, now))


def compiled_text(work: Work, node: Node, live: Introspector, batch: Batch | None = None) -> Compiled:
    """The node's text: known already, or compiled now with the warehouse at hand."""
    known = work.compiled.get(node.id) if batch is None else None
    if known is not None and known.sql is not None:
        return known
    window = (batch.start, batch.end) if batch is not None else None
    return work.compiler.compile(node, live, window)


def connection_for(work: Work, node: Node) -> Commented:
    """This thread's connection, with the comment of the node."""
    connection = work.connections.here()
    connection.node = node.id
    connection.comment, connection.after = work.comment(node) if work.comment else ("", "")
    return connection


def standing(work: Work, connection: Connection, node: Node, columns: bool) -> RelationInfo | None:
    """What stands where the node's result belongs; columns are asked for only where they matter."""
    assert node.relation is not None
    if work.catalogue.covers(node.relation):
        known = work.catalogue.kind(node.relation)
        if known is None or not columns:
            return known
    return connection.relation(node.relation)


def facts_of(work: Work, node: Node, connection: Connection, recipe: Recipe, sql: str, **more: Any) -> Facts:
    """All that the materialization may know; the warehouse is asked for columns only where they matter."""
    assert node.relation is not None
    facts = Facts(
        node=node,
        query=sql,
        relation=node.relation,
        existing=standing(work, connection, node, columns=False),
        full_refresh=refreshes(work, node),
        now=work.now,
        empty=bool(work.session.flag("EMPTY")),
        temporary=work.temporary,
        **more,
    )
    if asks_columns(recipe, facts):
        facts = replace(
            facts,
            existing=standing(work, connection, node, columns=True),
            columns=described(connection, sql, work.session.dialect),
        )
    return facts


def constrained(work: Work, node: Node, live: Introspector) -> Node:
    """The node with what its foreign keys point to as SQL, where it has any."""
    if not any(c.get("to") for c in (*node.constraints, *(c for s in node.columns.values() for c in s.constraints))):
        return node

    def resolved(given: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
        return tuple({**c, "to": _pointed_at(work, node, str(c["to"]), live)} if c.get("to") else c for c in given)

    columns = {name: replace(spec, constraints=resolved(spec.constraints)) for name, spec in node.columns.items()}
    return replace(node, constraints=resolved(node.constraints), columns=columns)


def _pointed_at(work: Work, node: Node, text: str, live: Introspector) -> str:
    call = text.strip()
    if call.startswith(("ref(", "source(")):
        call = "{{ " + call + " }}"
    return work.compiler.render_hook(node, call, live, {})


def described(connection: Connection, sql: str, dialect: str) -> tuple[Column, ...]:
    """The columns that a query gives."""
    return tuple(connection.columns(without_end(sql, dialect))) if sql else ()


def refreshes(work: Work, node: Node) -> bool:
    """Whether a node is built from nothing: its own word, else the flag."""
    return decide.refreshes(node, bool(work.session.flag("FULL_REFRESH")))


def recipe_of(node: Node) -> Recipe:
    """The materialization of a node. Raises `CompileError` for a name that there is none of."""
    recipe = MATERIALIZATIONS.get(node.materialized)
    if recipe is None:
        raise CompileError(
            Problem(
                f"{node.resource_type} `{node.name}`: there is no materialization `{node.materialized}`",
                node.place,
                did_you_mean(node.materialized, MATERIALIZATIONS) or f"there are {', '.join(sorted(MATERIALIZATIONS))}",
            )
        )
    return recipe


def perform(connection: Connection, operations: Iterable[Operation]) -> Answer:
    """Carry operations out in order; the answer of the one labelled `main`, else of the last that wrote."""
    main: Answer | None = None
    last = Answer()
    for operation in operations:
        match operation:
            case Statement(sql, label):
                last = connection.execute(sql)
            case Load(relation, rows, label):
                count = connection.load(relation, rows)
                last = Answer(affected=count, message=f"INSERT {count}")
                main = last if main is None else main
            case Call(run, label):
                last = run(connection) or Answer()
        if label == "main":
            main = last
    return main or last


def hooks(work: Work, node: Node, key: str, live: Introspector) -> tuple[list[Operation], list[Operation]]:
    """A node's hooks: those inside the transaction, those outside. Each is rendered when its turn comes."""
    inside: list[Operation] = []
    outside: list[Operation] = []
    for hook in node.config.get(key) or ():
        text = hook.get("sql") if isinstance(hook, Mapping) else hook
        if not isinstance(text, str) or not text.strip():
            continue
        within = hook.get("transaction", True) if isinstance(hook, Mapping) else True
        (inside if within else outside).append(Call(_hook(work, node, text, live), key))
    return inside, outside


def _hook(work: Work, node: Node, text: str, live: Introspector) -> Callable[[Connection], Answer | None]:
    def run(connection: Connection) -> Answer | None:
        sql = work.compiler.render_hook(node, text, live, {})
        return connection.execute(sql) if sql.strip() else None

    return run


AFTER_HOOKS = frozenset({"grant", "comment"})
"""The labels of operations that come after a node's hooks, as users of hooks expect."""


def build(
    work: Work,
    node: Node,
    connection: Connection,
    live: Introspector,
    operations: Sequence[Operation],
    transaction: bool,
) -> Answer:
    """Carry out a node's operations between its hooks, in one transaction where more than one thing must hold."""
    pre_inside, pre_outside = hooks(work, node, "pre-hook", live)
    post_inside, post_outside = hooks(work, node, "post-hook", live)
    perform(connection, pre_outside)
    inside = [*pre_inside, *operations, *post_inside]
    last = [operation for operation in operations if operation.label in AFTER_HOOKS]
    with connection.transaction() if transaction and len(inside) > 1 else nullcontext():
        perform(connection, pre_inside)
        answer = perform(connection, [operation for operation in operations if operation.label not in AFTER_HOOKS])
        perform(connection, post_inside)
        perform(connection, last)
    perform(connection, post_outside)
    return answer


def record(work: Work, node: Node) -> None:
    """Remember what stands there now."""
    assert node.relation is not None
    work.catalogue.record(node.relation, KINDS.get(node.materialized, "table"))  # type: ignore[arg-type]


def succeeded(work: Work, node: Node, answer: Answer, sql: str | None, status: Status = "success") -> Finished:
    """The event of a node that was built."""
    message = answer.message or "OK"
    return Finished(
        node=node.id,
        status=status,
        message=message,
        rows=answer.affected,
        response={
            "_message": message,
            **({"rows_affected": answer.affected} if answer.affected is not None else {}),
        },
        compiled_code=sql,
        relation_name=work.writer.relation(node.relation) if node.relation else None,
    )
