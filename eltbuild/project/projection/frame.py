"""What a projection must know besides the resource."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from eltbuild.project.resources import Project
from eltbuild.relation import Relation
from eltbuild.sql.quoting import quote_identifier

Fields: TypeAlias = dict[str, Any]
Spell: TypeAlias = Callable[[Relation], str]


@cache
def quoted(dialect: str) -> Spell:
    """Spells a relation with every part in the dialect's quotes: `"shop"."main"."orders"`."""

    def spell(relation: Relation) -> str:
        parts = (relation.database, relation.schema, relation.identifier)
        return ".".join(quote_identifier(part, dialect) for part in parts if part)

    return spell


DOUBLE_QUOTED = quoted("")


@dataclass(frozen=True, slots=True)
class Frame:
    """Spelling, folders, and the time that counts as creation."""

    spell: Spell = DOUBLE_QUOTED
    target_path: str = "target"
    created_at: float = 0.0
    """Seconds since the epoch."""
    root: str = ""
    """The project's folder, absolute."""
    database: str | None = None
    schema: str = ""
    """The target's database and schema: those of nodes that have no relation."""


PLAIN = Frame()


def frame_of(project: Project, *, spell: Spell | None = None, created_at: float = 0.0) -> Frame:
    """The frame in which all resources of a project are projected."""
    return Frame(
        spell=spell or quoted(project.target.type),
        target_path=project.settings.target_path,
        created_at=created_at,
        root=project.root,
        database=project.target.database,
        schema=project.target.schema,
    )
