"""What is to be done, as values: decisions with their reasons, and operations that have not happened yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

from eltbuild.adapter import Answer, Capabilities, Connection
from eltbuild.errors import Problem
from eltbuild.project.resources import Node, NodeId
from eltbuild.relation import (
    Belongings,
    Column,
    Constraint,
    Dependant,
    Index,
    Relation,
    RelationInfo,
    RelationKind,
    Rule,
)
from eltbuild.values import dataclass, field

Action = Literal["build", "reuse", "skip"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one node, and why."""

    node: NodeId
    action: Action
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The decisions of a run, in an order in which they can be carried out."""

    decisions: tuple[Decision, ...]

    @property
    def nodes(self) -> frozenset[NodeId]:
        """The nodes that will be built."""
        return frozenset(d.node for d in self.decisions if d.action == "build")


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL to run, and what it is for. The statement labelled `main` is the one that users know as the model's.

    `doubt` is told before the engine's words where it refuses; then it raises `CompileError`.
    """

    sql: str
    label: str = "main"
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """Rows to append in bulk: `rows` is a pyarrow Table, or anything with `__arrow_c_stream__`."""

    relation: Relation
    rows: Any
    label: str = "load"


@dataclass(frozen=True, slots=True)
class Call:
    """Something opaque that needs the connection: a Python model, a hook that asks the warehouse, a package's own

    materialization. What it returns becomes the answer of the node when its label is `main`.
    """

    run: Callable[[Connection], Answer | None]
    label: str = "main"


@dataclass(frozen=True, slots=True)
class Check:
    """A question that should have no answer: any row refuses the node, and what comes after is not done.

    Refused, it raises `CompileError` with what `problem` makes of the rows; a problem that is a warning is told, and
    refuses nothing. `doubt` is told before the engine's words
    where it cannot even answer.
    """

    sql: str
    problem: Callable[[Answer], Problem]
    label: str = "check"
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Questions that should have no answers: all are asked, and whatever they answer refuses the node, told together.

    It raises `CompileError` with what `problem` makes of the answers, in the order of the questions; `doubt` is told
    before the engine's words where one cannot be answered, and none before it had an answer.
    """

    questions: tuple[str, ...]
    problem: Callable[[Sequence[Answer]], Problem]
    label: str = "check"
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Seize:
    """Locks on all that a swap touches; then what hangs there must be as it was found, for it is made again so.

    Where they cannot be had, since others always hold some of them, `otherwise` is done in the stead of `then`. Raises
    a transient `DatabaseError` where there is nothing to do otherwise, and where something else hangs there by now.
    """

    sql: str
    held: str
    """A question for whether the locks are held."""
    relation: Relation
    belongings: Belongings
    then: tuple[Operation, ...] = ()
    otherwise: tuple[Operation, ...] = ()
    label: str = "lock"


AUDIT = "audit"
"""The label of what has to pass before anything can be seen."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The error tests of the node, asked of the rows at `place`: what comes after is done only where they pass."""

    place: Relation
    kept: Relation
    """Where the rows lie that are worth a look where they fail: those at `place`, or the new ones among them."""
    beside: bool = True
    """Whether all that was done so far lies beside what stands, so that it can be committed without being seen."""
    kind: RelationKind = "table"
    """What `kept` is."""
    temporary: bool = False
    """Whether `kept` goes with the session."""
    delta: bool = False
    """Whether `place` has the new rows only: asked of those are the tests that one row can fail."""
    label: str = AUDIT


@dataclass(frozen=True, slots=True)
class Restore:
    """What others have made on the old relation, where hooks may have made it on the new one by now.

    Each thing comes with what makes it, which is done where it does not stand. Raises `CompileError` where something of
    `bound` hangs there no more: hooks were to make it again.
    """

    relation: Relation
    things: tuple[tuple[Index | Rule | Dependant, tuple[Operation, ...]], ...] = ()
    bound: tuple[str, ...] = ()
    label: str = "restored"


Operation: TypeAlias = "Statement | Load | Call | Check | Inquiry | Seize | Audit | Restore"


@dataclass(frozen=True, slots=True)
class Batch:
    """One time slice of a microbatch model: half-open, UTC."""

    start: datetime
    end: datetime
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that a materialization may know."""

    node: Node
    query: str
    """The compiled SQL, CTEs included; for seeds and Python models the empty string."""
    relation: Relation
    """Where the result belongs."""
    existing: RelationInfo | None = None
    """What stands there now, with columns; None when nothing does."""
    columns: tuple[Column, ...] = ()
    """The columns that the query gives, in order; empty where the materialization did not ask for them."""
    full_refresh: bool = False
    """Whether to build from nothing (the flag, or the node's own `full_refresh`, decided already)."""
    now: datetime
    """The start of the run, aware, UTC."""
    batch: Batch | None = None
    rows: Any = None
    """For seeds and Python models: the rows, as a pyarrow Table."""
    empty: bool = False
    examples: bool = True
    """Whether messages may hold values of rows."""
    belongings: Belongings = field(default_factory=Belongings)
    """What hangs on `existing` and would go with it."""
    constraints: tuple[Constraint, ...] = ()
    """What the standing table enforces; asked for where it stays and its contract has constraints."""
    later: frozenset[tuple[str, str, str]] = frozenset()
    """Keys of the relations that this run builds after this one, of those that hang on it."""
    archive_suffix: str = ""
    """Where something stands that is not the project's: it is renamed, its name with this at its end, not dropped."""
    adoption: tuple[Operation, ...] = ()
    """What makes a copy of it, where it stays to be written to; done before all else."""
    adopted: tuple[Operation, ...] = ()
    """What remembers that it was taken over; done after all else."""
    folder: str = "."
    """Where files go that a relation is kept in, from the project's folder."""
    root: str = ""
    """The project's folder."""
    steady: bool = False
    """Whether locks that keep readers waiting are worth avoiding, since they would be held for long."""
    unaltered: bool = False
    """Whether what stands there is known to have been built from this very text; asked for only where `steady`."""
    audited: bool = False
    """Whether what is built is shown only once its tests have passed."""
    temporary: str = ""
    """A suffix, unique to this run, for relations that exist only while it works."""


class Writer(Protocol):
    """Spelling: see `eltbuild.sql.writer.Writer`."""

    @property
    def capabilities(self) -> Capabilities: ...


@dataclass(frozen=True, slots=True)
class Recipe:
    """A materialization with what it asks of the warehouse before it can decide."""

    materialize: Callable[..., tuple[Operation, ...]]
    """`(Facts, Writer) -> tuple[Operation, ...]`: facts in, operations out, nothing done."""
    wants_columns: bool = False
    """Whether `Facts.columns` must be filled."""
    transaction: bool = True
    """Whether the operations should commit together."""
    extras: Mapping[str, Any] = field(default_factory=dict)
