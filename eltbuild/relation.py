"""Places in a warehouse and what stands there: values only, no SQL and no connection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

RelationKind = Literal["table", "view", "materialized_view", "external", "cte", "function"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the warehouse describes it; `type` in the engine's own spelling."""

    name: str
    type: str = ""
    nullable: bool | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Relation:
    """A place in a warehouse. Parts are names as they are stored (unquoted); None leaves the part out."""

    database: str | None
    schema: str | None
    identifier: str | None

    @property
    def key(self) -> tuple[str, str, str]:
        """Equal for names that most engines take as equal (letter case folded)."""
        return ((self.database or "").lower(), (self.schema or "").lower(), (self.identifier or "").lower())

    def named(self, identifier: str) -> Relation:
        """The relation of that name beside this one."""
        return replace(self, identifier=identifier)

    def __str__(self) -> str:
        return ".".join(part for part in (self.database, self.schema, self.identifier) if part)


@dataclass(frozen=True, slots=True)
class RelationInfo:
    """A relation that exists. `columns` is empty where the query that found it did not ask for columns."""

    relation: Relation
    kind: RelationKind
    columns: tuple[Column, ...] = ()
    comment: str = ""
    owner: str = ""
