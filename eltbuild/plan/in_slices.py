"""A table that is made anew slice by slice: beside the old one, so that no reader meets a part of it. Nothing is run.

Each slice may commit by itself, for nobody reads them there; the last step puts the table in its place, whole.
"""

from __future__ import annotations

from eltbuild.plan.nouns import Facts, Operation
from eltbuild.plan.publish import publish
from eltbuild.plan.whole import of_query
from eltbuild.relation import Relation
from eltbuild.sql.writer import Writer
from eltbuild.values import replace


def begun(facts: Facts, place: Relation, writer: Writer) -> tuple[Operation, ...]:
    """The table stands at its working place, where nothing stood, and holds the query's rows: the first slice."""
    return of_query(facts, writer).make(place, False)


def taken(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """The table goes from its working place to where it belongs, with all that goes along.

    The query of the facts is that for all rows of the working place. Raises `CompileError` as `publish` does.
    """
    return publish(facts, writer, replace(of_query(facts, writer), waits=True))
