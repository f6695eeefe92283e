"""How a new relation takes the place of what stood there: one place for all that replaces. Nothing is run.

What replaces is built beside the old one, or by the engine's own create-or-replace, so that a reader meets the old
relation or the new one and nothing between. Engines without transactional DDL have one short gap, at the rename.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from eltbuild.plan.nouns import Facts, Operation, Statement
from eltbuild.relation import Relation, RelationInfo
from eltbuild.sql.scan import mentions
from eltbuild.sql.writer import Writer

Make: TypeAlias = Callable[[Relation, bool], tuple[Operation, ...]]
"""Operations that make a relation at a place; the flag: whether they may replace a table that stands there."""

WORKING = "__dbt_tmp"


def publish_table(facts: Facts, writer: Writer, make: Make) -> tuple[Operation, ...]:
    """Make a table and put it where it belongs, in the stead of whatever stands there."""
    able, existing, place = writer.capabilities, facts.existing, facts.relation
    if existing is None or existing.kind == "table":
        made = make(place, able.create_or_replace_table)
        # One statement is atomic by itself. Several, over an emptied table, would not see what they read from it.
        sound = len(made) == 1 or (able.transactional_ddl and not reads_itself(facts))
        if sound and (existing is None or able.create_or_replace_table):
            return made
    if not able.rename_relation:
        return (*_dropped(existing, writer), *make(place, False))
    working = writer.beside(place, WORKING + facts.temporary)
    return (
        *make(working, False),
        *_dropped(existing, writer),
        Statement(writer.rename(working, place), "rename"),
    )


def publish_view(facts: Facts, writer: Writer, make: Make, kind: str = "view") -> tuple[Operation, ...]:
    """Make a view and put it where it belongs, in the stead of whatever stands there."""
    able, existing, place = writer.capabilities, facts.existing, facts.relation
    if kind == "view" and able.create_or_replace_view and (existing is None or existing.kind == "view"):
        return make(place, True)
    if existing is None or able.transactional_ddl or not able.rename_relation:
        return (*_dropped(existing, writer), *make(place, False))
    working = writer.beside(place, WORKING + facts.temporary)
    return (
        *make(working, False),
        *_dropped(existing, writer),
        Statement(writer.rename(working, place, kind), "rename"),
    )


def reads_itself(facts: Facts) -> bool:
    """Whether the query may read what it is to replace. True also where only a comment names it."""
    return mentions(facts.query, facts.relation.identifier or "")


def _dropped(existing: RelationInfo | None, writer: Writer) -> tuple[Operation, ...]:
    if existing is None:
        return ()
    return (Statement(writer.drop(existing.relation, existing.kind), "drop"),)
