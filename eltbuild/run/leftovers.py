"""What a run that was cut short has left for its own use: dropped by the next one that sees it."""

from __future__ import annotations

from collections.abc import Sequence

from eltbuild.adapter import Connection
from eltbuild.errors import DatabaseError
from eltbuild.plan.publish import ASIDE, leftover
from eltbuild.relation import Relation
from eltbuild.run.work import Work


def tidy(work: Work, connection: Connection, places: Sequence[Relation]) -> None:
    """Drop what this run and those before it have left for their own use, now that its nodes have had their turn."""
    work.catalogue.learn(connection, places)
    clear(work, connection, own=True)


def clear(work: Work, connection: Connection, own: bool = False) -> None:
    """Drop the working relations of runs that are known to be over, in the schemas that the catalogue covers.

    `own`: this run is over, too. Which were dropped is told at debug level; one that cannot be is told as a warning,
    and stays.
    """
    over: dict[str, bool] = {work.temporary: own}
    for info in work.catalogue.all():
        name = info.relation.identifier or ""
        suffix = leftover(name)
        # What views wait on for their own turn is looked at after that.
        if suffix is None or (ASIDE in name and not own):
            continue
        if suffix not in over:
            over[suffix] = work.ledger.is_over(suffix)
        if not over[suffix]:
            continue
        try:
            connection.execute(work.writer.drop(info.relation, info.kind, cascade=False))
        except DatabaseError as error:
            text = f"`{info.relation}`, which a run made for its own use, cannot be dropped: {error.message}"
            work.session.say(text, "warn", "warning", None)
            continue
        work.catalogue.forget(info.relation)
        work.session.say(f"dropped `{info.relation}`, which a run made for its own use", "debug", "note", None)
