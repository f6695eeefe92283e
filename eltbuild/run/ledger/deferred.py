"""What a run remembers of nodes that are published together: written down all at once, when they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eltbuild.adapter import Connection
from eltbuild.plan.nouns import Batch, Call, Operation
from eltbuild.project.resources import Node, NodeId
from eltbuild.relation import Relation, RelationKind
from eltbuild.run.events import Finished
from eltbuild.run.ledger.port import Ledger
from eltbuild.run.performing import perform
from eltbuild.state.records import Built, Event, Interval, Key, Observed
from eltbuild.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Done:
    """A node that was built, or slices of it."""

    node: Node
    relation: Relation
    kind: RelationKind
    fingerprint: str
    batches: tuple[Batch, ...]


@dataclass(frozen=True, slots=True)
class Noted:
    """Something else that happened to a relation."""

    relation: Relation
    kind: RelationKind
    event: Event
    node: str


class Deferred:
    """A ledger before another one: what is to be written down waits for `carry_out`, then for `completed`.

    What this run has built is its own until then, though nobody else knows.
    """

    def __init__(self, inner: Ledger, project: str) -> None:
        self._inner = inner
        self._project = project
        self._own: set[Key] = set()
        self._waiting: list[Done | Noted] = []

    @property
    def behind(self) -> Ledger:
        """The one that it stands before, for what comes once all is written down."""
        return self._inner

    def kept(self) -> Callable[[], None]:
        """What waits now; called, nothing else does."""
        own, waiting = set(self._own), list(self._waiting)

        def again() -> None:
            self._own, self._waiting = set(own), list(waiting)

        return again

    # Written down at the end

    def carry_out(self, connection: Connection) -> None:
        """All is recorded, within the transaction that publishes it. Raises `DatabaseError` where the claim is lost."""
        for one in self._joined():
            match one:
                case Done(node, relation, kind, fingerprint, batches):
                    perform(connection, self._inner.recording(node, relation, kind, fingerprint, batches))
                case Noted(relation, kind, event, node):
                    perform(connection, self._inner.noting(relation, kind, event, node))

    def completed(self) -> None:
        """It is committed. Raises `DatabaseError` where something could not be written down with it, and not now."""
        for one in self._joined():
            if isinstance(one, Done):
                self._inner.recorded(one.node, one.relation, one.kind, one.fingerprint, one.batches)

    def is_committed(self, connection: Connection) -> bool | None:
        """Whether what was carried out is committed; None where nothing can tell. Raises `DatabaseError`."""
        for one in self._joined():
            if isinstance(one, Done):
                return self._inner.committed(one.node, one.relation, one.batches, connection)
        return None

    def _joined(self) -> list[Done | Noted]:
        """What waits, all slices of a node as one."""
        out: list[Done | Noted] = []
        at: dict[NodeId, int] = {}
        for one in self._waiting:
            place = at.get(one.node.id) if isinstance(one, Done) else None
            before = out[place] if place is not None else None
            if place is not None and isinstance(before, Done) and isinstance(one, Done):
                out[place] = replace(before, batches=(*before.batches, *one.batches))
                continue
            if isinstance(one, Done) and one.batches:
                at[one.node.id] = len(out)
            out.append(one)
        return out

    # The port

    @property
    def remembers(self) -> bool:
        """Whether anything is remembered."""
        return self._inner.remembers

    def owner(self, relation: Relation) -> str | None:
        """The project that built what stands at that place, or has just built it."""
        return self._project if relation.key in self._own else self._inner.owner(relation)

    def latest(self, relation: Relation) -> Built | None:
        """What happened to a relation last, before this run."""
        return self._inner.latest(relation)

    def built(self) -> Sequence[Built]:
        """The latest event of each relation of this project, before this run."""
        return self._inner.built()

    def intervals(self, relation: Relation) -> Sequence[Interval] | None:
        """The slices of time that what stood there before this run is known to hold whole."""
        return self._inner.intervals(relation)

    def history(self, subject: NodeId, name: str) -> Sequence[Observed]:
        """What runs before this one have observed of that."""
        return self._inner.history(subject, name)

    def afresh(self, relation: Relation) -> None:
        """A microbatch model begins from nothing."""
        self._inner.afresh(relation)

    def announced(self, node: Node, relation: Relation, kind: RelationKind) -> None:
        """Said before anything of a node is written, and only where it may be."""
        self._inner.announced(node, relation, kind)

    def recording(
        self, node: Node, relation: Relation, kind: RelationKind, fingerprint: str, batches: Sequence[Batch] = ()
    ) -> tuple[Operation, ...]:
        """Nothing yet."""
        return ()

    def recorded(
        self, node: Node, relation: Relation, kind: RelationKind, fingerprint: str, batches: Sequence[Batch] = ()
    ) -> None:
        """It is built, and waits."""
        self._own.add(relation.key)
        self._waiting.append(Done(node, relation, kind, fingerprint, tuple(batches)))

    def committed(
        self, node: Node, relation: Relation, batches: Sequence[Batch], connection: Connection
    ) -> bool | None:
        """No node commits by itself."""
        return False

    def together(self, relation: Relation) -> bool:
        """Whether data at that place and a record of it commit in one transaction."""
        return self._inner.together(relation)

    def noting(self, relation: Relation, kind: RelationKind, event: Event, node: str = "") -> tuple[Operation, ...]:
        """What notes it, to be written down at the end."""

        def note(connection: Connection) -> None:
            self._waiting.append(Noted(relation, kind, event, node))

        return (Call(note, "record"),)

    def is_over(self, suffix: str) -> bool:
        """Whether the run whose invocation begins so can do nothing more. Raises `DatabaseError`."""
        return self._inner.is_over(suffix)

    def ended(self, finished: Finished) -> None:
        """A node ended."""
        self._inner.ended(finished)

    def close(self, status: str) -> None:
        """The run ended so."""
        self._inner.close(status)
