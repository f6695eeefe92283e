"""What a relation keeps when another takes its place: owner, rights and comments; views and keys that stand on it.

The operations only, nothing is run; which way a relation is replaced is decided in `publish`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from eltbuild.plan import indexes
from eltbuild.plan.extras import persists
from eltbuild.plan.nouns import Facts, Operation, Seize, Statement
from eltbuild.relation import Column, Dependant, Grant, Reference, Relation
from eltbuild.sql import rights
from eltbuild.sql.comments import comment_on, comment_on_columns
from eltbuild.sql.locks import seize
from eltbuild.sql.writer import Writer

SOON, PATIENCE = 10, 120
"""Seconds for which locks are tried for, where something else can be done and where nothing can."""

# Views and foreign keys


def stays(view: Dependant, facts: Facts, columns: Sequence[Column]) -> bool:
    """Whether a view stands on the old relation until its own turn comes: the run builds it, and as it is it would not

    fit the new one.
    """
    standing = {column.name: column.type for column in (facts.existing.columns if facts.existing else ())}
    given = {column.name: column.type for column in columns}
    return view.relation.key in facts.later and any(given.get(name) != standing.get(name) for name in view.needs)


def following(facts: Facts, columns: Sequence[Column]) -> tuple[Dependant, ...]:
    """The views that are to stand on the new relation at once."""
    return tuple(view for view in facts.belongings.dependants if not stays(view, facts, columns))


def set_aside(facts: Facts, columns: Sequence[Column], writer: Writer) -> tuple[Operation, ...]:
    """What stands on the relation is gone until `brought_back`."""
    dropped = [
        writer.drop(view.relation, view.kind, if_exists=False, cascade=False)
        for view in reversed(following(facts, columns))
    ]
    return (*_unreferenced(facts, writer), *(Statement(sql, "set aside") for sql in dropped))


def swap_places(facts: Facts, columns: Sequence[Column]) -> list[tuple[Relation, str]]:
    """All that a swap changes, with kinds: views before what they read, as those who read them take their locks."""
    existing = facts.existing
    views = [(view.relation, str(view.kind)) for view in reversed(following(facts, columns))]
    keys = [(key.relation, "table") for key in facts.belongings.references]
    return [*views, *keys, *([(existing.relation, str(existing.kind))] if existing else [])]


def seized(
    facts: Facts,
    places: Sequence[tuple[Relation, str]],
    writer: Writer,
    then: tuple[Operation, ...] = (),
    otherwise: tuple[Operation, ...] = (),
) -> tuple[Operation, ...]:
    """Locks on those places, in their order, and what is done with them; no locks where the engine needs none.

    Where something else can be done they are not tried for as long.
    """
    sql, held = seize(writer, places, SOON if otherwise else PATIENCE)
    return (Seize(sql, held, facts.relation, facts.belongings, then, otherwise),) if sql and facts.existing else then


def let_go(facts: Facts, writer: Writer, altered: bool = False) -> tuple[Operation, ...]:
    """Foreign keys of other tables let go of a table that stays, so that its rows can be exchanged.

    Readers can use nothing of what that changes until the transaction ends; nor the table where it is `altered`.
    """
    keys = facts.belongings.references
    if not keys and not altered:
        return ()
    places = [*((key.relation, "table") for key in keys), (facts.relation, "table")]
    return seized(facts, places, writer, _unreferenced(facts, writer))


def _unreferenced(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    keys = facts.belongings.references
    return tuple(Statement(writer.drop_constraint(key.relation, key.name), "set aside") for key in keys)


def brought_back(facts: Facts, columns: Sequence[Column], writer: Writer) -> tuple[Operation, ...]:
    """The views that stood on the relation stand on the new one, with all that was theirs; so do foreign keys."""
    made = [one for view in following(facts, columns) for one in made_again(view, facts, writer)]
    return (*made, *referenced(facts, writer))


def referenced(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """Foreign keys of other tables point to the relation again.

    Rows that are there already are not looked at: their table may be the next to be built.
    """
    return tuple(
        Statement(
            writer.add_constraint(key.relation, key.name, _unchecked(key)),
            "bring back",
            f"the foreign key `{key.name}` of `{key.relation}` cannot point to the new `{facts.relation}`",
        )
        for key in facts.belongings.references
    )


def _unchecked(key: Reference) -> str:
    definition = key.definition.strip()
    return definition if definition.casefold().endswith("not valid") else f"{definition} not valid"


def made_again(view: Dependant, facts: Facts, writer: Writer) -> Iterator[Operation]:
    """The view with all that was its own."""
    place, kind = view.relation, view.kind
    options = f"with ({view.options})" if view.options else ""
    sql = writer.create_view_as(place, view.query, kind=kind, options=options)
    of = f" of {view.owner}" if view.owner else ""
    doubt = f"the {_word(kind)} `{place}`{of} stands on `{facts.relation}` and cannot be made again on the new one"
    yield Statement(sql, "bring back", f"{doubt}. Keep the columns that it reads, or drop it first")
    rights = owned(place, kind, view.owner, writer) + granted(view.grants, view.owner, place, kind, writer)
    texts = {column.name: column.comment for column in view.columns if column.comment}
    said = (*([comment_on(writer, place, kind, view.comment)] if view.comment else []),)
    if texts:
        said += comment_on_columns(writer, place, kind, texts)
    more = (*rights, *said)
    if more:
        yield Statement(";\n".join(more), "bring back", doubt)
    yield from indexes.made(view.indexes, place, writer)


def _word(kind: str) -> str:
    return kind.replace("_", " ")


# Owner and rights


def owned(place: Relation, kind: str, owner: str, writer: Writer) -> tuple[str, ...]:
    """The relation belongs to its owner, and nobody else has a right on it yet."""
    if not owner:
        return ()
    bare = rights.bare(writer, place)
    return (rights.own(writer, place, kind, owner), *([bare] if bare else []))


def granted(grants: Sequence[Grant], owner: str, place: Relation, kind: str, writer: Writer) -> tuple[str, ...]:
    """Those rights stand on the relation. What is the owner's needs no grant."""

    def alike(grant: Grant) -> tuple[str, str, bool]:
        return (grant.privilege, grant.column, grant.grantable)

    given = sorted((grant for grant in grants if grant.grantee != owner), key=alike)
    return tuple(
        rights.grant(
            writer,
            privilege,
            place,
            kind,
            [rights.role(writer, one.grantee) for one in some],
            column=column,
            grantable=free,
        )
        for (privilege, column, free), some in groupby(given, alike)
    )


def kept_grants(facts: Facts, columns: Sequence[Column]) -> tuple[Grant, ...]:
    """The standing rights. Those on a column that is no more go with it."""
    there = {column.name for column in columns}
    return tuple(grant for grant in facts.belongings.grants if not grant.column or not there or grant.column in there)


def kept_rights(facts: Facts, place: Relation, kind: str, columns: Sequence[Column], writer: Writer) -> tuple[str, ...]:
    """The owner and the standing rights, for a relation that was just made at that place."""
    hangs, able = facts.belongings, writer.capabilities
    if not able.grants or not able.belongings:
        return ()
    return (
        *owned(place, kind, hangs.owner, writer),
        *granted(kept_grants(facts, columns), hangs.owner, place, kind, writer),
    )


# Comments


def kept_comments(
    facts: Facts, place: Relation, kind: str, columns: Sequence[Column], writer: Writer
) -> tuple[str, ...]:
    """The standing comments of which the config says nothing, for a relation that was just made at that place."""
    existing = facts.existing
    if existing is None or not writer.capabilities.comments or not writer.capabilities.belongings:
        return ()
    said: list[str] = []
    if existing.comment and not persists(facts.node, "relation"):
        said.append(comment_on(writer, place, kind, existing.comment))
    texts = _kept_texts(facts, existing.columns, columns)
    return (*said, *(comment_on_columns(writer, place, kind, texts) if texts else ()))


def _kept_texts(facts: Facts, standing: Sequence[Column], columns: Sequence[Column]) -> Mapping[str, str]:
    told = {spec.name.strip('"`').casefold() for spec in facts.node.columns.values()}
    decided = told if persists(facts.node, "columns") else frozenset()
    there = {column.name.casefold(): column.name for column in columns}
    return {
        there[column.name.casefold()]: column.comment
        for column in standing
        if column.comment and column.name.casefold() in there and column.name.casefold() not in decided
    }
