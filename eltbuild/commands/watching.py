"""What a check of freshness takes from a run: several questions at once, and when nodes were last built."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from eltbuild.commands.claiming import books_of
from eltbuild.commands.opening import Opened
from eltbuild.errors import EltbuildError
from eltbuild.project.resources import Node, NodeId, Source
from eltbuild.run.events import Finished
from eltbuild.run.freshness import groups_of, run_together
from eltbuild.run.ledger.opening import reading
from eltbuild.run.sessions import Connections
from eltbuild.run.work import Work
from eltbuild.run.workers import Begin, Tell, Together
from eltbuild.state.records import STANDING


def freshness_together(
    work: Work, ids: Sequence[NodeId], threads: int, one: Callable[[NodeId], Finished]
) -> Together | None:
    """Which are asked for in one query, and how; None where none are."""
    found = {id: resource for id in ids if isinstance(resource := work.session.project.resource(id), (Source, Node))}
    groups = groups_of(found, threads)

    def several(ids: Sequence[NodeId], begin: Begin, tell: Tell) -> None:
        run_together(work, ids, begin, tell, one)

    return Together(groups, several) if groups else None


def last_built(opened: Opened, connections: Connections) -> Callable[[Node], datetime | None]:
    """A function for when a node was last built in this target; what is remembered is read when it is first asked."""
    lock = threading.Lock()
    known: list[dict[NodeId, datetime]] = []

    def built_at(node: Node) -> datetime | None:
        with lock:
            if not known:
                known.append(_built(opened, connections))
        return known[0].get(node.id)

    return built_at


def _built(opened: Opened, connections: Connections) -> dict[NodeId, datetime]:
    try:
        events = reading(books_of(opened), connections.here()).built()
    except EltbuildError:
        return {}
    found: dict[NodeId, datetime] = {}
    for event in events:
        if event.event in STANDING and event.at is not None:
            at = event.at if event.at.tzinfo else event.at.replace(tzinfo=UTC)
            found[event.node] = max(at, found.get(event.node, at))
    return found
