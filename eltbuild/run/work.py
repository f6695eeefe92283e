"""What doing a node takes, and the steps that all kinds of nodes share."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from eltbuild.adapter import Answer, Connection
from eltbuild.compile.compiled import Compiled
from eltbuild.compile.compiler import Compiler
from eltbuild.compile.compiler import fingerprint as text_digest
from eltbuild.compile.introspect import Introspector
from eltbuild.compile.session import Session
from eltbuild.errors import CompileError, DatabaseError, EltbuildError, Problem, did_you_mean
from eltbuild.plan import decide
from eltbuild.plan.hooked import LATE, RESTORED
from eltbuild.plan.materialize import KINDS, MATERIALIZATIONS
from eltbuild.plan.nouns import AUDIT, Batch, Call, Operation, Recipe
from eltbuild.project.resources import Node, NodeId
from eltbuild.relation import Column, Relation, RelationKind
from eltbuild.run.audits import Audits, Refused
from eltbuild.run.catalogue import Catalogue
from eltbuild.run.commented import Commented, Kept
from eltbuild.run.events import Finished, Status, Timing
from eltbuild.run.failure.attempts import Attempts, repeated
from eltbuild.run.ledger.port import Forgetful, Ledger
from eltbuild.run.performing import perform
from eltbuild.run.responses import WELL, response_of
from eltbuild.run.sessions import Connections
from eltbuild.run.whole import Whole
from eltbuild.sql.writer import Writer
from eltbuild.values import dataclass, field

if TYPE_CHECKING:
    from eltbuild.run.unit_tests.bench import Bench


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
    comment: Callable[..., tuple[str, str]] | None = None
    """What to put before and after each statement of a node, or of several tests that are asked together."""
    batches: Mapping[NodeId, tuple[Batch, ...]] = field(default_factory=dict)
    """Slices that a retry must build, in place of those that the clock gives."""
    continues: int = 0
    """The number of the run that a retry goes on with: what it has recorded is not done again."""
    unreadable: Mapping[NodeId, EltbuildError] = field(default_factory=dict)
    """Sources whose files could not be loaded: what reads them fails at its turn."""
    below: Callable[[NodeId], Iterable[NodeId]] = lambda id: ()
    """What the run builds of that which comes from a node."""
    clones: Mapping[NodeId, Relation] | None = None
    """Where another run's relations stand, where nodes are to be cloned from there and not built."""
    width: int = 120
    """How wide the tables of messages may be."""
    bench: Bench | None = None
    """Where unit tests run that need no warehouse."""
    hook_names: Mapping[str, Any] = field(default_factory=dict)
    """What hooks of the whole run see beyond a node's names: results and schemas, at its end."""

    marks: dict[NodeId, str] = field(default_factory=dict)
    """Fingerprints of the texts that were compiled at their turn."""
    executed: dict[NodeId, str] = field(default_factory=dict)
    """The statements that were carried out for nodes whose end has not been told yet."""
    texts: dict[NodeId, Compiled] = field(default_factory=dict)
    """Texts of tests that were compiled and not yet asked."""
    tests: Callable[[NodeId], Sequence[Node]] = lambda id: ()
    """The error tests of a node that can be asked before it is published."""
    audits: Audits[Any] = field(default_factory=Audits)
    """What was asked before it was published."""
    whole: Whole | None = None
    """The transaction in which all nodes are published, where that is one."""
    answers: dict[NodeId, Any] = field(default_factory=dict)
    """What is known of tests from a query for many, where that is not all there is to do for them."""
    library: list[Any] = field(default_factory=list)
    """Great Expectations, once a test of the run needs it."""
    described: dict[str, tuple[Column, ...]] = field(default_factory=dict)
    """The columns of what expectations look at, by what stands after FROM."""
    built_at: Callable[[Node], datetime | None] | None = None
    """Where nodes are looked at for their freshness, and not done: when one was last built, as far as is known."""
    queries: dict[NodeId, Compiled] = field(default_factory=dict)
    """Texts of models as they are before the warehouse is asked, for proofs of their tests."""
    hooked: list[str] = field(default_factory=list)
    """The texts of all hooks, once a proof has asked for them."""
    apart: set[NodeId] = field(default_factory=set)
    """Tests that are asked alone from now on: the engine has refused them when they were asked with others."""

    def fingerprint(self, node: Node) -> str:
        """What the node's compiled text was, as a digest; "" before it was compiled, and where slices have texts."""
        known = self.compiled.get(node.id)
        return self.mark(node, known.fingerprint if known is not None else self.marks.get(node.id, ""))

    def mark(self, node: Node, fingerprint: str) -> str:
        """A text's digest with what else of the node shapes its relation; as it is, where that is the query alone."""
        shape = shape_of(node)
        if self.session.macros.materialization(node.materialized, node.package) is not None:
            shape = (*shape, "of the project's own")
        return f"{fingerprint}+{text_digest(repr(shape))[:8]}" if shape and fingerprint else fingerprint


def shape_of(node: Node) -> tuple[object, ...]:
    """Why a node's relation may hold other rows than its query gives, or in other types; empty where it does not."""
    contract = node.config.get("contract")
    found: list[object] = [node.materialized] if node.materialized == "incremental" else []
    found += [("post-hook", hook) for hook in node.config.get("post-hook") or ()]
    if isinstance(contract, Mapping) and contract.get("enforced"):
        columns = [(column.name, column.data_type, column.constraints) for column in node.columns.values()]
        found.append(("contract", columns, node.constraints))
    return tuple(found)


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
    made = work.texts.pop(node.id, None)
    if made is not None:
        return made
    window = (batch.start, batch.end) if batch is not None else None
    compiled = work.compiler.compile(node, live, window)
    if batch is None:
        work.marks[node.id] = compiled.fingerprint
    return compiled


COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def check_query(node: Node, sql: str) -> None:
    """Refuse a node without a query. Raises `CompileError`."""
    if not sql.strip() or not COMMENTS.sub("", sql).strip():
        raise CompileError(Problem(f"{node.resource_type} `{node.name}` has no query", node.place))


def connection_for(work: Work, node: Node) -> Commented:
    """This thread's connection, with the comment of the node."""
    connection = work.connections.here()
    connection.node = node.id
    connection.comment, connection.after = work.comment(node) if work.comment else ("", "")
    return connection


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
        sql = work.compiler.render_hook(node, text, live, _compiled_names(work, node, text, live))
        if not sql.strip():
            return None
        with connection.unjudged() if isinstance(connection, Commented) else nullcontext():
            return connection.execute(sql)

    return run


def _compiled_names(work: Work, node: Node, text: str, live: Introspector) -> dict[str, str]:
    """The text of the node, as its hooks see it; where it is not known, it is made only for those that ask."""
    known = work.compiled.get(node.id)
    asked = re.search(r"\b(?:sql|compiled_code)\b", text) is not None and node.resource_type in ("model", "snapshot")
    if asked and node.language == "sql" and (known is None or known.sql is None):
        known = compiled_text(work, node, live)
    return {} if known is None or known.sql is None else {"sql": known.sql, "compiled_code": known.sql}


AFTER_HOOKS = frozenset({"grant", "comment", RESTORED})
"""The labels of operations that come after a node's hooks, as users of hooks expect."""


def build(
    work: Work,
    node: Node,
    connection: Commented,
    live: Introspector,
    operations: Sequence[Operation],
    transaction: bool,
    batches: Sequence[Batch] = (),
    planned: Callable[[], Sequence[Operation]] | None = None,
) -> Answer:
    """Carry out a node's operations between its hooks, in one transaction where more than one thing must hold.

    `planned` gives the operations anew, by what stands there once hooks that come first have changed it.
    What is remembered of the node, or of the slices that are done by that, commits with them. Raises `AuditError` where
    its tests failed before it was published.
    """
    place = (node, *placed(node))
    work.ledger.announced(*place)
    fingerprint = work.fingerprint(node)
    recording = work.ledger.recording(*place, fingerprint, batches)
    pre_inside, pre_outside = hooks(work, node, "pre-hook", live)
    post_inside, post_outside = hooks(work, node, "post-hook", live)
    perform(connection, pre_outside)
    inside = [*pre_inside, *operations, *post_inside, *recording]
    answer, refused = Answer(), None
    try:
        together = transaction and (len(inside) > 1 or not operations)
        with published(work, node, connection, batches) if together else nullcontext():
            try:
                with connection.awaiting(any(operation.label == AUDIT for operation in operations)):
                    perform(connection, pre_inside)
                    if planned is not None and (pre_inside or pre_outside):
                        operations = planned()
                    last = [operation for operation in operations if operation.label in AFTER_HOOKS]
                    own = [operation for operation in operations if operation.label not in {*AFTER_HOOKS, LATE}]
                    with executing(work, node, connection):
                        answer = perform(
                            connection, own, lambda problem: work.session.say(str(problem), "warn", "warning", node.id)
                        )
                perform(connection, (*post_inside, *last, *recording))
            except Refused as error:
                if not error.commits:
                    raise
                refused = error
    except Refused as error:
        refused = error
    if refused is not None:
        raise refused.settle(connection)
    work.ledger.recorded(*place, fingerprint, batches)
    work.audits.published(node.id, connection)
    try:
        perform(connection, post_outside)
    finally:
        perform(connection, [operation for operation in operations if operation.label == LATE])
    return answer


@contextmanager
def executing(work: Work, node: Node, connection: Commented) -> Iterator[None]:
    """What is executed inside is known as the node's own statements, whether it ends well or not."""
    with connection.noted() as sent:
        try:
            yield
        finally:
            work.executed[node.id] = "".join(f"{sql.rstrip().removesuffix(';')};\n\n" for sql in sent).rstrip()


@contextmanager
def published(work: Work, node: Node, connection: Commented, batches: Sequence[Batch] = ()) -> Iterator[None]:
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
            return work.ledger.committed(node, placed(node)[0], batches, work.connections.here())

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

UNCHANGED = frozenset({"view", "table", "materialized_view", "seed", "function", "table_function"})
"""Materializations that leave the same when they are done twice."""


def is_idempotent(work: Work, node: Node) -> bool:
    """Whether what the node's transaction does can be done twice, and no row is there twice for that."""
    if node.resource_type in ("test", "analysis"):
        return node.config.get("store_failures_as") != "history"
    if node.materialized not in UNCHANGED or node.config.get("pre-hook") or node.config.get("post-hook"):
        return False
    return work.session.macros.materialization(node.materialized, node.package) is None


def placed(node: Node) -> tuple[Relation, RelationKind]:
    """Where the node's result belongs, and of which kind it is."""
    assert node.relation is not None
    if node.resource_type == "function" or node.materialized == "table_function":
        # A table may have the name of a function.
        return node.relation.named(f"{node.relation.identifier}()"), "function"
    return node.relation, KINDS.get(node.materialized, "table")


def record(work: Work, node: Node, rows: int | None = None) -> None:
    """What stands there now, with so many rows, where that is known."""
    work.catalogue.record(*placed(node), rows)


def succeeded(work: Work, node: Node, answer: Answer, sql: str | None, status: Status = "success") -> Finished:
    """The event of a node that was built."""
    return Finished(
        node=node.id,
        status=status,
        message=answer.message or WELL,
        rows=answer.affected,
        response=response_of(answer),
        compiled_code=sql,
        relation_name=work.writer.relation(node.relation) if node.relation else None,
    )
