"""The port to what is remembered of a project in a target; the records themselves are `eltbuild.state`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from eltbuild.adapter import Connection
from eltbuild.plan.nouns import Batch, Operation
from eltbuild.project.resources import Node, NodeId
from eltbuild.relation import Relation, RelationKind
from eltbuild.run.events import Finished
from eltbuild.state.records import Built, Event, Interval, Observed


class Memory(Protocol):
    """What is remembered, to read. Safe to use from several threads."""

    def owner(self, relation: Relation) -> str | None:
        """The project that built what stands at that place; None where no project is known to have done so."""
        ...

    def latest(self, relation: Relation) -> Built | None:
        """What happened to a relation last, by this project or by another one; None where nobody knows."""
        ...

    def built(self) -> Sequence[Built]:
        """The latest event of each relation of this project: also of those that it has dropped or put aside."""
        ...

    def intervals(self, relation: Relation) -> Sequence[Interval] | None:
        """The slices of time that what stands there is known to hold whole, in order; None where nothing is known.

        One without length marks where a table begins of which no slice is whole.
        """
        ...


class Ledger(Memory, Protocol):
    """What is remembered, and written down. Safe to use from several threads."""

    @property
    def remembers(self) -> bool:
        """Whether anything is: where nothing is, everything that stands counts as the project's."""
        ...

    def history(self, subject: NodeId, name: str) -> Sequence[Observed]:
        """What runs before this one have observed of that, from this home, in its order."""
        ...

    def afresh(self, relation: Relation) -> None:
        """A microbatch model begins from nothing: what was known of its slices holds no more once one is recorded."""
        ...

    def announced(self, node: Node, relation: Relation, kind: RelationKind) -> None:
        """Said before anything of a node is written, and only where it may be.

        Where data and record cannot commit together it is written down now, so that a killed run's relation is known.
        Raises `DatabaseError` where the run has lost its claim.
        """
        ...

    def recording(
        self, node: Node, relation: Relation, kind: RelationKind, fingerprint: str, batches: Sequence[Batch] = ()
    ) -> tuple[Operation, ...]:
        """What to carry out last in the transaction that publishes a node, so that data and record commit together.

        `batches` are the slices that it publishes, of a microbatch model.

        Carrying it out raises `DatabaseError` where the run has lost its claim: nothing of it may be published.
        """
        ...

    def recorded(
        self, node: Node, relation: Relation, kind: RelationKind, fingerprint: str, batches: Sequence[Batch] = ()
    ) -> None:
        """It is committed."""
        ...

    def committed(
        self, node: Node, relation: Relation, batches: Sequence[Batch], connection: Connection
    ) -> bool | None:
        """Whether this run's record of that node, or of slices, stands: asked where the answer to a commit was lost.

        What is still being committed is waited for. None where nothing can tell. Raises `DatabaseError`.
        """
        ...

    def together(self, relation: Relation) -> bool:
        """Whether data at that place and a record of it commit in one transaction."""
        ...

    def noting(self, relation: Relation, kind: RelationKind, event: Event, node: str = "") -> tuple[Operation, ...]:
        """What to carry out in the transaction in which something else happens to a relation: it is adopted, put

        aside or dropped. Raises `DatabaseError`, when carried out, where the run has lost its claim.
        """
        ...

    def is_over(self, suffix: str) -> bool:
        """Whether the run whose invocation begins so is known, and can do nothing more. Raises `DatabaseError`."""
        ...

    def ended(self, finished: Finished) -> None:
        """A node ended. Never raises: what cannot be written now is written later, or told when the run ends."""
        ...

    def close(self, status: str) -> None:
        """The run ended so (`success`, `error`, `cancelled`); its claims are given back."""
        ...


class Forgetful:
    """Remembers nothing: for calls that write nothing."""

    remembers = False

    def owner(self, relation: Relation) -> str | None:
        """Nobody."""
        return None

    def latest(self, relation: Relation) -> Built | None:
        """Nothing is known."""
        return None

    def built(self) -> Sequence[Built]:
        """Nothing."""
        return ()

    def intervals(self, relation: Relation) -> Sequence[Interval] | None:
        """Nothing is known."""
        return None

    def history(self, subject: NodeId, name: str) -> Sequence[Observed]:
        """Nothing."""
        return ()

    def afresh(self, relation: Relation) -> None:
        """Nothing happens."""

    def announced(self, node: Node, relation: Relation, kind: RelationKind) -> None:
        """Nothing happens."""

    def recording(
        self, node: Node, relation: Relation, kind: RelationKind, fingerprint: str, batches: Sequence[Batch] = ()
    ) -> tuple[Operation, ...]:
        """Nothing."""
        return ()

    def recorded(
        self, node: Node, relation: Relation, kind: RelationKind, fingerprint: str, batches: Sequence[Batch] = ()
    ) -> None:
        """Nothing happens."""

    def committed(
        self, node: Node, relation: Relation, batches: Sequence[Batch], connection: Connection
    ) -> bool | None:
        """Nothing can tell."""
        return None

    def together(self, relation: Relation) -> bool:
        """There are no records."""
        return True

    def noting(self, relation: Relation, kind: RelationKind, event: Event, node: str = "") -> tuple[Operation, ...]:
        """Nothing."""
        return ()

    def is_over(self, suffix: str) -> bool:
        """No run is known."""
        return False

    def ended(self, finished: Finished) -> None:
        """Nothing happens."""

    def close(self, status: str) -> None:
        """Nothing happens."""
