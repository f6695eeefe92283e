"""The ledger of a run that holds its claims: what it builds is remembered, in the target or in a local file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from eltbuild.adapter import Answer, Connection
from eltbuild.plan.incremental import is_microbatch
from eltbuild.plan.nouns import Batch, Call, Operation
from eltbuild.project.resources import Node, NodeId
from eltbuild.relation import Relation, RelationKind
from eltbuild.run.events import Finished
from eltbuild.run.ledger.known import Known
from eltbuild.state.records import Built, Ended, Event, Interval, Observed, Run
from eltbuild.values import replace

QUIET = frozenset({"success"})
"""How nodes end whose message says nothing that is worth keeping."""
LONGEST = 500
"""Characters of a message that are kept."""


class Lease(Protocol):
    """A run's hold on its claims, and the pen that writes for it; safe to use from several threads."""

    run: Run

    def check(self) -> None:
        """Raises `DatabaseError` where another run has ended this one."""
        ...

    def together(self, relation: Relation) -> bool:
        """Whether data at that place and a record of it can commit in one transaction."""
        ...

    def carry(self, connection: Connection, *records: Built | Interval) -> None:
        """The records are written by that session, within its transaction. Raises `DatabaseError`."""
        ...

    def write(self, *records: Built | Interval) -> None:
        """The records are written and committed. Raises `DatabaseError`."""
        ...

    def stands(self, connection: Connection, node: str, start: datetime | None) -> bool | None:
        """Whether the run's record of a node, or of its slice that begins then, is committed; None if that cannot be

        told: something is being committed still. Raises `DatabaseError`.
        """
        ...

    def named(self, prefix: str) -> Sequence[Run]:
        """The runs whose invocation begins so. Raises `DatabaseError`."""
        ...

    def ended(self, ended: Ended, observed: Sequence[Observed] = ()) -> None:
        """A node has ended, and has observed that; written down soon."""
        ...

    def close(self, status: str) -> str:
        """The run has ended so, and its claims are free; why that could not be written down, or ""."""
        ...


class RunLedger:
    """One run's. What it says of relations is what was so when the run began, and what the run has committed since."""

    remembers = True

    def __init__(
        self,
        lease: Lease,
        known: Known,
        *,
        now: datetime,
        whole: bool = True,
        mask: Callable[[str], str] = str,
        told: Callable[[str], None] = lambda text: None,
        history: Sequence[Observed] = (),
    ) -> None:
        self._history = series_of(history)
        self._lease = lease
        self._known = known
        self._now = now
        self._whole = whole
        self._mask = mask
        self._told = told
        self._closed = False
        self._sliced: set[str] = set()

    def owner(self, relation: Relation) -> str | None:
        """The project that built what stands at that place; None where no project is known to have done so."""
        return self._known.owner(relation)

    def latest(self, relation: Relation) -> Built | None:
        """What happened to a relation last, by this project or by another one; None where nobody knows."""
        return self._known.latest(relation)

    def built(self) -> Sequence[Built]:
        """The latest event of each relation of this project."""
        return self._known.built()

    def intervals(self, relation: Relation) -> Sequence[Interval] | None:
        """The slices of time that what stands there is known to hold whole, in order; None where nothing is known."""
        return self._known.intervals(relation)

    def afresh(self, relation: Relation) -> None:
        """A microbatch model begins from nothing."""
        self._known.afresh(relation)

    def announced(self, node: Node, relation: Relation, kind: RelationKind) -> None:
        """Written down now where data and record cannot commit together. Raises `DatabaseError`."""
        self._lease.check()
        if not self._lease.together(relation):
            self._lease.write(self._event(relation, kind, "begun", node.id))

    def recording(
        self, node: Node, relation: Relation, kind: RelationKind, fingerprint: str, batches: Sequence[Batch] = ()
    ) -> tuple[Operation, ...]:
        """The records of a node, to be carried out by its own session; none where that cannot be."""
        if not self._lease.together(relation):
            return ()

        def record(connection: Connection) -> Answer | None:
            self._lease.carry(connection, *self._records(node, relation, kind, fingerprint, batches))
            return None

        return (Call(record, "record"),)

    def recorded(
        self, node: Node, relation: Relation, kind: RelationKind, fingerprint: str, batches: Sequence[Batch] = ()
    ) -> None:
        """It is committed; written down now where it could not be before. Raises `DatabaseError`."""
        records = self._records(node, relation, kind, fingerprint, batches)
        if not self._lease.together(relation):
            self._lease.write(*records)
        for one in records:
            if isinstance(one, Interval):
                self._known.stands(one)
            else:
                self._known.happened(one)
        if batches:
            self._sliced.add(node.id)

    def committed(
        self, node: Node, relation: Relation, batches: Sequence[Batch], connection: Connection
    ) -> bool | None:
        """Whether this run's record of that node, or of those slices, stands. Raises `DatabaseError`."""
        if not self._lease.together(relation):
            return None
        return self._lease.stands(connection, node.id, batches[0].start if batches else None)

    def together(self, relation: Relation) -> bool:
        """Whether data at that place and a record of it commit in one transaction."""
        return self._lease.together(relation)

    def noting(self, relation: Relation, kind: RelationKind, event: Event, node: str = "") -> tuple[Operation, ...]:
        """The record of something else that happens to a relation."""
        one = self._event(relation, kind, event, node)

        def note(connection: Connection) -> Answer | None:
            if self._lease.together(relation):
                # Not known before it is committed: what has not been taken over may not be written to.
                self._lease.carry(connection, one)
            else:
                self._lease.write(one)
                self._known.happened(one)
            return None

        return (Call(note, "record"),)

    def is_over(self, suffix: str) -> bool:
        """Whether the run whose invocation begins so is known, and can do nothing more. Raises `DatabaseError`."""
        found = self._lease.named(suffix)
        return bool(found) and all(run.ended is not None for run in found)

    def history(self, subject: NodeId, name: str) -> Sequence[Observed]:
        """What runs before this one have observed of that, from this home, in its order."""
        return self._history.get((subject, name), ())

    def ended(self, finished: Finished) -> None:
        """A node ended, and has observed what its event says."""
        run = self._lease.run
        quiet = finished.status in QUIET
        message = "" if quiet else self._mask(finished.message or "").strip().partition("\n")[0][:LONGEST]
        ended = Ended(
            run=run.number,
            node=finished.node,
            status=finished.status,
            seconds=round(finished.seconds, 3),
            message=message.replace("\0", "").encode("utf-8", "replace").decode(),
            rows=finished.rows,
            failures=finished.failures,
        )
        observed = [
            replace(one, run=run.number, project=run.project, home=run.home, node=finished.node, status=finished.status)
            for one in finished.observed
        ]
        self._lease.ended(ended, observed)

    def close(self, status: str) -> None:
        """The run ended so; its claims are given back. Does nothing the second time."""
        if self._closed:
            return
        self._closed = True
        why = self._lease.close(status)
        if why:
            self._told(f"the end of this run could not be written down: {why}; the next run will find out")

    def _event(self, relation: Relation, kind: RelationKind, event: Event, node: str, fingerprint: str = "") -> Built:
        run = self._lease.run
        return Built(
            run=run.number,
            project=run.project,
            home=run.home,
            relation=relation,
            kind=kind,
            event=event,
            node=node,
            fingerprint=fingerprint,
        )

    def _records(
        self, node: Node, relation: Relation, kind: RelationKind, fingerprint: str, batches: Sequence[Batch]
    ) -> Sequence[Built | Interval]:
        """What is to be remembered of a node, or of slices of one."""
        built = self._event(relation, kind, "built", node.id, fingerprint)
        run = self._lease.run
        since = self._known.since(relation, run.number) if batches else 0
        intervals = [
            Interval(
                run=run.number,
                since=since,
                project=run.project,
                relation=relation,
                node=node.id,
                start=batch.start,
                # What has not happened yet cannot stand whole.
                end=max(min(batch.end, self._now), batch.start) if self._whole else batch.start,
                fingerprint=fingerprint,
            )
            for batch in batches
        ]
        return tuple(intervals) if node.id in self._sliced else (built, *intervals)


def series_of(observed: Sequence[Observed]) -> Mapping[tuple[NodeId, str], Sequence[Observed]]:
    """What was observed, by what it was observed of."""
    found: dict[tuple[NodeId, str], list[Observed]] = {}
    for one in observed:
        found.setdefault((one.subject, one.name), []).append(one)
    return found


def is_in_parts(node: Node) -> bool:
    """Whether doing the node takes more than one transaction."""
    if is_microbatch(node):
        return True
    hooks = node.config.get("post-hook") or ()
    return any(isinstance(hook, dict) and not hook.get("transaction", True) for hook in hooks)
