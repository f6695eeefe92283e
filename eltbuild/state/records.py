"""What is remembered, as values: runs, what they built, which intervals, how nodes ended, what they observed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias

from eltbuild.relation import Relation, RelationKind
from eltbuild.values import dataclass, field

Event = Literal["begun", "built", "adopted", "archived", "failed", "mended", "dropped"]
"""`begun` stands where data and record cannot commit together: the relation may be there already. `failed`: it holds
rows that failed an audit; `mended`: and one has passed since, so that they are of no more use."""
RunStatus = Literal["running", "success", "error", "cancelled", "lost"]
Key: TypeAlias = tuple[str, str, str]
"""A relation's `key`."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long history is kept."""

    runs: int = 200
    """Of so many runs it is told how they and their nodes ended."""
    days: int = 365
    """For so many days what was observed is kept."""


STANDING: frozenset[Event] = frozenset({"begun", "built", "adopted", "failed", "mended"})
"""The events after which what stands at a place is the project's."""
FAILED_ROWS: frozenset[Event] = frozenset({"failed", "mended"})
"""The events after which rows stand at a place that failed an audit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run: who does what since when, and the relations that it claims for itself while it lasts."""

    number: int = 0
    """Grows from run to run, whatever the clocks say."""
    invocation: str
    project: str
    target: str
    home: str = ""
    """The target with the schema that it builds in: `dev/alice`. Several people may have a target of one name."""
    command: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """The flags of the call, by name; no secrets."""
    nodes: tuple[str, ...] = ()
    claims: tuple[Key, ...] = ()
    """The keys of the relations that it may write to."""
    host: str = ""
    process: int = 0
    user: str = ""
    folder: str = ""
    """The project's folder on that host."""
    version: str = ""
    started: datetime | None = None
    heartbeat: datetime | None = None
    ended: datetime | None = None
    status: RunStatus = "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What happened to a relation: the latest event of a place says whose it is."""

    run: int
    project: str
    home: str = ""
    """That of the run: what was built for others is nobody's orphan."""
    relation: Relation
    kind: RelationKind
    event: Event = "built"
    node: str = ""
    fingerprint: str = ""
    """Of the compiled text and of the configs that shape the relation."""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A slice of time of a microbatch model that stands complete: half-open, UTC."""

    run: int
    since: int
    """The run that began the table from nothing: slices of one table share it."""
    project: str
    relation: Relation
    node: str
    start: datetime
    end: datetime
    fingerprint: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a node of a run ended."""

    run: int
    node: str
    status: str
    seconds: float = 0.0
    message: str = ""
    at: datetime | None = None
    rows: int | None = None
    """Rows written, where the engine told."""
    failures: int | None = None
    """Of tests: the failing rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What a node of a run measured. It outlives what is told of the run, and says itself whose it is."""

    run: int = 0
    project: str = ""
    home: str = ""
    """That of the run: each target has a history of its own."""
    node: str = ""
    """What measured it: a test."""
    subject: str
    """What was measured: a model, or another relation's node."""
    name: str
    """What of it: `row_count`, `null_rate(email)`."""
    value: float | None = None
    """None for what is no number: not finite, or told by `detail` alone."""
    detail: str = ""
    """More than one number, as JSON: quantiles, shares."""
    status: str = ""
    """How the node that measured it ended."""
    at: datetime | None = None
