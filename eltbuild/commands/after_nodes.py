"""What is done once all nodes of a run have ended: what was put aside is dropped, what was in the way is counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from eltbuild.commands.claiming import writes
from eltbuild.errors import DatabaseError
from eltbuild.project.resources import NodeId
from eltbuild.run.events import Event, Finished, Message
from eltbuild.run.failure.attempts import Attempts, repeated
from eltbuild.run.leftovers import tidy
from eltbuild.run.ownership.owner import FOREIGN, is_foreign
from eltbuild.run.work import Work


def tidied(work: Work, ids: Sequence[NodeId]) -> None:
    """Relations that were put aside for the views on them are dropped, now that these have had their turn."""
    if not work.writer.capabilities.binds_views:
        return
    nodes = work.session.project.nodes
    places = [node.relation for id in ids if (node := nodes.get(id)) is not None and node.relation is not None]

    def once() -> None:
        connection = work.connections.here()
        with connection.passing():
            tidy(work, connection, places)

    try:
        repeated(once, work.connections, Attempts(2), lambda text: None)
    except DatabaseError as error:
        text = f"what the run has put aside cannot be looked for: {error.message}"
        work.session.say(text, "warn", "warning", None)


def foreign(work: Work, command: str, ids: Sequence[NodeId], finished: Iterable[Finished]) -> Iterator[Event]:
    """How many relations are in the way that the project did not build, also of nodes that were skipped."""
    if not any(event.error is not None and event.error.name == FOREIGN for event in finished):
        return
    project, store = work.session.project, work.session.flag("STORE_FAILURES")
    nodes = [node for id in ids if (node := project.nodes.get(id)) is not None and writes(node, store)]
    number = sum(is_foreign(work, node) for node in nodes)
    if number > 1:
        text = (
            f"{number:,} relations stand where this project builds, and dbt or something else has built them: "
            f"eltbuild {command} --adopt takes them over, and keeps each under another name"
        )
        yield Message(text, "warn")
