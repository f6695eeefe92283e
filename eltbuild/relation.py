"""Places in a warehouse and what stands there: values only, no SQL and no connection."""

from __future__ import annotations

from typing import Literal

from eltbuild.values import dataclass, replace

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

    def key_where(self, exact: bool) -> tuple[str, str, str]:
        """Equal for names that mean one relation. `exact`: where names that differ in letter case alone are two."""
        return (self.database or "", self.schema or "", self.identifier or "") if exact else self.key

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
    rows: int | None = None
    """About how many rows it has; None where that is not known without looking at them."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A right that stands on a relation, or on one column of it. `grantee` is a role's name, or `public`."""

    privilege: str
    grantee: str
    grantable: bool = False
    column: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """An index as it stands, and what it takes to make it again on another table."""

    name: str
    definition: str
    """All that follows the table's name: `using btree (id) where amount > 0`."""
    unique: bool = False
    columns: tuple[str, ...] = ()
    """The plain columns that it names; expressions are left out."""
    constraint: str = ""
    """For the index of a constraint: its definition, `PRIMARY KEY (id)`; such an index is made as that constraint."""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A constraint without an index, as it stands: `CHECK ((id > 0))`, `FOREIGN KEY (a) REFERENCES shop.b(id)`."""

    name: str
    definition: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint that a table enforces: `check`, `unique`, `primary_key` or `foreign_key`, and its own columns."""

    kind: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dependant:
    """A view that stands on a relation, and what it takes to make it again."""

    relation: Relation
    kind: RelationKind
    query: str
    columns: tuple[Column, ...] = ()
    """Its columns with their comments."""
    owner: str = ""
    ours: bool = True
    """Whether this session's role may drop it and make it again for its owner."""
    grants: tuple[Grant, ...] = ()
    comment: str = ""
    indexes: tuple[Index, ...] = ()
    options: str = ""
    """What stands in WITH ( ... ): `security_barrier=true`."""
    needs: tuple[str, ...] = ()
    """The columns of the relation that it reads itself, not by another view."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key of another table that points to a relation."""

    relation: Relation
    """The table that has the key."""
    name: str
    definition: str
    """`FOREIGN KEY (customer) REFERENCES shop.customers(id)`."""
    ours: bool = True
    """Whether this session's role may drop it and make it again."""


@dataclass(frozen=True, slots=True)
class Belongings:
    """What hangs on a relation and would go when it is dropped; empty where the engine loses nothing."""

    owner: str = ""
    commented: bool = False
    """Whether it or a column of it may have a comment."""
    grants: tuple[Grant, ...] = ()
    indexes: tuple[Index, ...] = ()
    dependants: tuple[Dependant, ...] = ()
    """Every view that stands on it, directly or not, in an order in which they can be made again."""
    bound: tuple[str, ...] = ()
    """What cannot be made again from here, in words: `trigger audit`, `policy tenants`."""
    references: tuple[Reference, ...] = ()
    """Foreign keys of other tables that point here."""
    options: str = ""
    """What stands in WITH ( ... ) of the relation itself: `fillfactor=70`."""
    rules: tuple[Rule, ...] = ()
    """Its own constraints that have no index."""
    unlogged: bool = False
    """Whether it is a table whose rows a crash of the server empties."""
