"""What happens during a run, as values. Console, logs, artifacts and history are folds over these."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias

from eltbuild.errors import Problem
from eltbuild.project.resources import NodeId
from eltbuild.state.records import Observed
from eltbuild.values import dataclass, field

Status = Literal[
    "success", "error", "skipped", "pass", "fail", "warn", "partial success", "no-op", "runtime error", "cancelled",
]  # fmt: skip
"""dbt's words: models, seeds and snapshots end in success, error, skipped or partial success; tests in pass, fail,
warn, error or skipped; source freshness in pass, warn, error or runtime error."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One phase of a node: `compile` or `execute`; aware UTC times."""

    name: Literal["compile", "execute"]
    started_at: datetime
    completed_at: datetime


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The run begins. `nodes` are all that will be tried, in topological order."""

    command: str
    nodes: tuple[NodeId, ...]
    threads: int
    at: datetime
    invocation_id: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """A node begins. `index` from 1 in order of start; `total` as in RunStarted."""

    node: NodeId
    index: int
    total: int
    thread: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """Something said on the way: `log()` and `print()` in templates, a warning, a note."""

    text: str
    level: Literal["debug", "info", "warn", "error"] = "info"
    node: NodeId | None = None
    kind: Literal["log", "print", "warning", "note", "sql"] = "note"
    problem: Problem | None = None
    seconds: float | None = None
    """For `sql`: how long the statement took; None when it has only been sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A node ended. One for each node of RunStarted, in order of completion."""

    node: NodeId
    status: Status
    seconds: float = 0.0
    thread: str = ""
    index: int = 0
    total: int = 0
    message: str | None = None
    """A short word on the outcome: `CREATE TABLE (12 rows)`, the first line of an error, why it was skipped."""
    error: Problem | None = None
    fault: str = ""
    """What went wrong with what, in dbt's words: `Database Error in model orders (models/orders.sql:3)`."""
    rows: int | None = None
    """Rows written, where the engine tells."""
    failures: int | None = None
    """Tests only: the failing rows counted by the test."""
    response: Mapping[str, Any] = field(default_factory=dict)
    timing: tuple[Timing, ...] = ()
    compiled_code: str | None = None
    executed: str | None = None
    """The statements that were carried out, hooks aside; None where there were none, and once that has been told."""
    relation_name: str | None = None
    batches: Mapping[str, Any] | None = None
    """Microbatch only: `{"successful": [[start, end]], "failed": [[start, end]]}`, ISO strings."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Freshness: `max_loaded_at`, `snapshotted_at`, `age` in seconds, `criteria`."""
    observed: tuple[Observed, ...] = ()
    """What it measured, for the history; run, project and node are filled in there."""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """A node was built and waits to be published with others; how it ended comes later, once that is known."""

    finished: Finished
    """How it will have ended if all is well."""


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is over. `interrupted` when the user stopped it."""

    seconds: float
    at: datetime
    interrupted: bool = False


Event: TypeAlias = RunStarted | Started | Message | Built | Finished | RunFinished

FAILED: frozenset[str] = frozenset({"error", "fail", "runtime error", "partial success", "cancelled"})
"""The statuses that make a run's exit code 1."""


@dataclass(frozen=True, slots=True)
class Results:
    """All that a run left, as a value."""

    finished: tuple[Finished, ...]
    seconds: float
    interrupted: bool = False
    signal: int = 2
    """The signal that interrupted it."""

    @property
    def success(self) -> bool:
        """Whether nothing failed."""
        return not self.interrupted and not any(f.status in FAILED for f in self.finished)
