"""What doing a node takes, and the steps that all kinds of nodes share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from eltbuild.adapter import Answer, Connection
from eltbuild.compile.compiled import Compiled
from eltbuild.compile.compiler import Compiler
from eltbuild.compile.introspect import Introspector
from eltbuild.compile.session import Session
from eltbuild.errors import CompileError, DatabaseError, EltbuildError, Problem, did_you_mean
from eltbuild.plan import decide
from eltbuild.plan.materialize import MATERIALIZATIONS, asks_columns
from eltbuild.plan.nouns import Batch, Call, Check, Facts, Load, Operation, Recipe, Seize, Statement
from eltbuild.project.resources import Node, NodeId
from eltbuild.relation import Belongings, Column, Relation, RelationInfo, RelationKind
from eltbuild.run.catalogue import Catalogue
from eltbuild.run.events import Finished, Status, Timing
from eltbuild.run.failure.attempts import Attempts, repeated
from eltbuild.run.ledger.port import Forgetful, Ledger
from eltbuild.run.sessions import Commented, Connections, Kept
from eltbuild.sql.scan import without_end
from eltbuild.sql.writer import Writer

LOOKS = 20
"""How often the catalogue is looked at before it is given up that it stands still."""

KINDS: Mapping[str, RelationKind] = {"view": "view", "materialized_view": "materialized_view"}
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
    ledger: Ledger = field(default_factory=Forgetful)
    """What is remembered of the project in this target."""
    comment: Callable[[Node], tuple[str, str]] | None = None
    """What to put before and after each statement of a node."""
    batches: Mapping[NodeId, tuple[Batch, ...]] = field(default_factory=dict)
    """Slices that a retry must build, in place of those that the clock gives."""
    continues: int = 0
    """The number of the run that a retry goes on with: what it has recorded is not done again."""
    unreadable: Mapping[NodeId, EltbuildError] = field(default_factory=dict)
    """Sources whose files could not be loaded: what reads them fails at its turn."""
    below: Callable[[NodeId], Iterable[NodeId]] = lambda id: ()
    """What the run builds of that which comes from a node."""
    hook_names: Mapping[str, Any] = field(default_factory=dict)
    """What hooks of the whole run see beyond a node's names: results and schemas, at its end."""

    marks: dict[NodeId, str] = field(default_factory=dict)
    """Fingerprints of the texts that were compiled at their turn."""

    def fingerprint(self, node: Node) -> str:
        """What the node's compiled text was, as a digest; "" before it was compiled, and where slices have texts."""
        known = self.compiled.get(node.id)
        return known.fingerprint if known is not None else self.marks.get(node.id, "")


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
    compiled = work.compiler.compile(node, live, window)
    if batch is None:
        work.marks[node.id] = compiled.fingerprint
    return compiled


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
        # Where nothing stood when the run began, somebody may have put something since: that is not to be replaced.
        if not columns if known is not None else work.writer.capabilities.single_process:
            return known
    return connection.relation(node.relation)


def facts_of(
    work: Work,
    node: Node,
    connection: Connection,
    recipe: Recipe,
    sql: str,
    full_refresh: bool | None = None,
    **more: Any,
) -> Facts:
    """All that the materialization may know; the warehouse is asked for columns only where they matter.

    Whether to build from nothing is decided here where it is not given.
    """
    assert node.relation is not None
    facts = Facts(
        node=node,
        query=sql,
        relation=node.relation,
        existing=standing(work, connection, node, columns=False),
        full_refresh=refreshes(work, node) if full_refresh is None else full_refresh,
        now=work.now,
        empty=bool(work.session.flag("EMPTY")),
        temporary=work.temporary,
        **more,
    )
    if facts.existing is not None and work.writer.capabilities.belongings:
        facts = with_belongings(work, node, connection, facts)
    if asks_columns(recipe, facts):
        facts = replace(
            facts,
            existing=standing(work, connection, node, columns=True),
            columns=described(connection, sql, work.session.dialect),
        )
    return facts


def with_belongings(work: Work, node: Node, connection: Connection, facts: Facts) -> Facts:
    """The facts with what hangs on the relation that stands there; with its columns, where anything does."""
    assert facts.existing is not None
    hangs = hanging(connection, facts.existing.relation)
    # The catalogue takes names for one that differ in letter case, the engine perhaps not.
    if hangs == Belongings() and facts.existing.relation.identifier == facts.relation.identifier:
        return facts
    existing = standing(work, connection, node, columns=True)
    if existing is None:
        return replace(facts, existing=None)
    return replace(
        facts,
        existing=existing,
        belongings=hangs,
        later=made_later(work, node) if hangs.dependants else frozenset(),
    )


def hanging(connection: Connection, relation: Relation) -> Belongings:
    """What hangs on a relation. Asked again while other nodes are just making anew what the answer tells of."""
    for _ in range(LOOKS):
        try:
            return connection.belongings(relation)
        except DatabaseError as error:
            if not error.transient or error.lost:
                raise
    return connection.belongings(relation)


def made_later(work: Work, node: Node) -> frozenset[tuple[str, str, str]]:
    """Keys of the views that this run makes anew after the node, of those that come from it."""
    below = [work.session.project.nodes.get(id) for id in work.below(node.id)]
    views = [one for one in below if one is not None and one.materialized == "view"]
    stored = [one for one in below if one is not None and one.materialized == "materialized_view"]
    anew = [one for one in stored if refreshes(work, one) or is_redefined(work, one)]
    return frozenset(one.relation.key for one in (*views, *anew) if one.relation is not None)


def is_redefined(work: Work, node: Node) -> bool:
    """Whether what stands there was built from another text than the node has now, as far as that is remembered."""
    try:
        mark = work.fingerprint(node) or work.compiler.compile(node).fingerprint
    except CompileError:
        mark = ""
    if not mark or node.relation is None:
        return False
    known = {event.relation.key: event.fingerprint for event in work.ledger.built()}
    return known.get(node.relation.key, "") not in ("", mark)


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


Warn = Callable[[Problem], None]
"""Tells a problem that refuses nothing."""


def perform(connection: Connection, operations: Iterable[Operation], warn: Warn = lambda problem: None) -> Answer:
    """Carry operations out in order; the answer of those labelled `main`, else of the last that wrote."""
    main: Answer | None = None
    last = Answer()
    for operation in operations:
        match operation:
            case Statement(sql, label, doubt):
                last = execute(connection, sql, doubt)
            case Load(relation, rows, label):
                count = connection.load(relation, rows)
                last = Answer(affected=count, message=f"INSERT {count}")
                main = last if main is None else main
            case Call(run, label):
                last = run(connection) or Answer()
            case Check(label=label):
                check(connection, operation, warn)
            case Seize(label=label):
                last = seize(connection, operation)
                main = last if main is None else main
        if label == "main":
            main = last if main is None or main is last else _together(main, last)
    return main or last


def _together(one: Answer, other: Answer) -> Answer:
    """The answer of two statements that did one thing: the rows that either wrote."""
    if one.affected is None or other.affected is None:
        return other
    return replace(other, affected=one.affected + other.affected)


def seize(connection: Connection, asked: Seize) -> Answer:
    """Take the locks and go on with them, or do otherwise without.

    Raises `DatabaseError`, a transient one where the locks are not to be had or something else hangs there by now.
    """
    connection.execute(asked.sql)
    if not connection.execute(asked.held).scalar():
        if asked.otherwise:
            return perform(connection, asked.otherwise)
        text = f"`{asked.relation}`, or what stands on it, is always in use by others and cannot be replaced"
        raise DatabaseError(text, transient=True, hint="run it when long queries and open transactions are over")
    if connection.belongings(asked.relation) != asked.belongings:
        raise DatabaseError(f"what hangs on `{asked.relation}` was changed while it was rebuilt", transient=True)
    return perform(connection, asked.then)


def check(connection: Connection, asked: Check, warn: Warn) -> None:
    """Ask. Raises `CompileError` where the answer is an error, or where the engine finds no sense in the question."""
    answer = execute(connection, asked.sql, asked.doubt)
    if not answer.rows:
        return
    problem = asked.problem(answer)
    if problem.severity == "error":
        raise CompileError(problem)
    warn(problem)


def execute(connection: Connection, sql: str, doubt: str) -> Answer:
    """The answer to a statement. Raises `CompileError` with the doubt, if there is one, where the engine refuses it."""
    try:
        return connection.execute(sql)
    except DatabaseError as error:
        if not doubt or error.transient or error.lost:
            raise
        raise CompileError(Problem(f"{doubt}: {error.message}")) from error


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
    connection: Commented,
    live: Introspector,
    operations: Sequence[Operation],
    transaction: bool,
    batch: Batch | None = None,
) -> Answer:
    """Carry out a node's operations between its hooks, in one transaction where more than one thing must hold.

    What is remembered of the node commits with them.
    """
    place = (node, *placed(node))
    work.ledger.announced(*place)
    fingerprint = work.fingerprint(node)
    recording = work.ledger.recording(*place, fingerprint, batch)
    pre_inside, pre_outside = hooks(work, node, "pre-hook", live)
    post_inside, post_outside = hooks(work, node, "post-hook", live)
    perform(connection, pre_outside)
    inside = [*pre_inside, *operations, *post_inside, *recording]
    last = [operation for operation in operations if operation.label in AFTER_HOOKS]
    with published(work, node, connection, batch) if transaction and len(inside) > 1 else nullcontext():
        perform(connection, pre_inside)
        own = [operation for operation in operations if operation.label not in AFTER_HOOKS]
        answer = perform(connection, own, lambda problem: work.session.say(str(problem), "warn", "warning", node.id))
        perform(connection, post_inside)
        perform(connection, last)
        perform(connection, recording)
    work.ledger.recorded(*place, fingerprint, batch)
    perform(connection, post_outside)
    return answer


@contextmanager
def published(work: Work, node: Node, connection: Commented, batch: Batch | None = None) -> Iterator[None]:
    """Everything inside commits together or not at all.

    Where the answer to the commit was lost with the session, what is remembered tells whether it was done; where it
    was, all is well. Raises `DatabaseError` where it was not, or nothing can tell.
    """
    try:
        with connection.transaction():
            yield
    except DatabaseError as error:
        if connection.kept != "unknown":
            raise

        def known() -> bool | None:
            return work.ledger.committed(node, placed(node)[0], batch, work.connections.here())

        try:
            done = repeated(known, work.connections, Attempts(), lambda text: None)
        except DatabaseError:
            done = None
        connection.kept = _OUTCOMES[done]
        if done:
            return
        error.transient = done is False
        raise


_OUTCOMES: Mapping[bool | None, Kept] = {True: "something", False: "nothing", None: "unknown"}

UNCHANGED = frozenset({"view", "table", "materialized_view", "seed"})
"""Materializations that leave the same when they are done twice."""


def is_idempotent(work: Work, node: Node) -> bool:
    """Whether what the node's transaction does can be done twice, and no row is there twice for that."""
    if node.resource_type in ("test", "analysis"):
        return True
    if node.materialized not in UNCHANGED or node.config.get("pre-hook") or node.config.get("post-hook"):
        return False
    return work.session.macros.materialization(node.materialized, node.package) is None


def placed(node: Node) -> tuple[Relation, RelationKind]:
    """Where the node's result belongs, and of which kind it is."""
    assert node.relation is not None
    return node.relation, KINDS.get(node.materialized, "table")


def record(work: Work, node: Node) -> None:
    """What stands there now."""
    work.catalogue.record(*placed(node))


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
