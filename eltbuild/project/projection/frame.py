"""What a projection must know besides the resource."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias

from eltbuild.project.external import external_name
from eltbuild.project.project import Project
from eltbuild.project.resources import Node, Source
from eltbuild.relation import Relation
from eltbuild.sql.quoting import quote_identifier
from eltbuild.values import dataclass, field

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


def relation_text(resource: Node | Source, spell: Spell, quoting: Mapping[str, bool]) -> str | None:
    """The name of the resource's relation in statements: bare where its `quoting`, or the project's, wants it."""
    relation = resource.named
    if relation is None:
        return None
    wanted = {**quoting, **resource.quoting} if isinstance(resource, Source) else quoting
    if all(wanted.get(part) is not False for part in QUOTED_PARTS):
        return spell(relation)
    parts = [(part, getattr(relation, part)) for part in QUOTED_PARTS]
    return ".".join(
        spell(Relation(None, None, name)) if wanted.get(part) is not False else name for part, name in parts if name
    )


QUOTED_PARTS = ("database", "schema", "identifier")


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
    quoting: Mapping[str, bool] = field(default_factory=dict)
    """The project's."""
    dialect: str = ""

    def name(self, resource: Node | Source) -> str | None:
        """The name of the resource's relation in statements, None where it has none."""
        if isinstance(resource, Source) and (located := external_name(resource, self.dialect)):
            return located
        return relation_text(resource, self.spell, self.quoting)


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
        quoting=project.settings.quoting,
        dialect=project.target.type,
    )
