"""A table that stays where it is while all its rows are exchanged, since what hangs on it could not be made again.

Its rows are deleted and inserted in one transaction, never truncated: whoever reads it meanwhile reads the old ones to
the end. Nothing is run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest

from eltbuild.errors import Problem
from eltbuild.plan import contract, hooked, indexes
from eltbuild.plan.keeping import following, let_go, referenced
from eltbuild.plan.nouns import Facts, Load, Operation, Statement
from eltbuild.relation import Column, Dependant, Relation
from eltbuild.sql import spelling
from eltbuild.sql.types import same_type
from eltbuild.sql.writer import Writer


def is_exchanged(facts: Facts, kind: str, columns: Sequence[Column], writer: Writer) -> bool:
    """Whether the table stays and only its rows are exchanged.

    So it is for the sake of what cannot be made again, and of materialized views, whose queries would have to run
    while all readers wait.
    """
    if not is_table_again(facts, kind):
        return False
    stored = any(view.kind == "materialized_view" for view in facts.belongings.dependants)
    return (stored or bool(_fast(facts))) and not _hindrances(facts, columns, writer)


def is_table_again(facts: Facts, kind: str) -> bool:
    """Whether a table is to take the place of a table."""
    return kind == "table" and facts.existing is not None and facts.existing.kind == "table"


def refusal(facts: Facts, kind: str, columns: Sequence[Column], writer: Writer) -> Problem | None:
    """Why the relation cannot be replaced without a loss; None where it can.

    Names what would be lost with its owner, what is in the way of exchanging the rows alone, and what to do.
    """
    if facts.existing is None:
        return None
    stays = is_table_again(facts, kind)
    keys = [key for key in facts.belongings.references if not key.ours or not stays]
    hindrances = _hindrances(facts, columns, writer) if stays else _changes(facts, kind, columns)
    lost = [f"foreign key `{key.name}` of `{key.relation}`" for key in keys]
    lost += _fast(facts) if hindrances or keys else ()
    if not lost:
        return _unfit(facts, columns)
    why = hindrances if len(lost) > len(keys) else ()
    lines = "\n".join(f"    {line}" for line in (*lost, *(f"and {reason}" for reason in why)))
    text = f"`{facts.relation}` cannot be replaced: this would be lost and is not ours to make again\n{lines}"
    owners = sorted({view.owner for view in facts.belongings.dependants if not view.ours and view.owner})
    who = f" ({', '.join(owners)})" if owners else ""
    keep = "keep the columns and types that it has, or " if why and facts.existing.kind == kind else ""
    return Problem(text, facts.node.place, f"{keep}let whoever this belongs to{who} drop it first")


def _unfit(facts: Facts, columns: Sequence[Column]) -> Problem | None:
    """Views that are ours to make again, and read what the new relation has not; None where there are none."""
    there = {column.name for column in columns}
    read = {view: [name for name in view.needs if name not in there] for view in following(facts, columns)}
    lines = [
        f"    {_named(view)} reads {', '.join(f'`{name}`' for name in names)}" for view, names in read.items() if names
    ]
    if not lines or not columns:
        return None
    told = "\n".join(lines)
    text = f"`{facts.relation}` cannot be replaced: views on it could not be made again without columns that go\n{told}"
    hint = "keep the columns, drop the views first, or build those that are models in the same run"
    return Problem(text, facts.node.place, hint)


def _named(view: Dependant) -> str:
    return f"{view.kind.replace('_', ' ')} `{view.relation}`{f' of {view.owner}' if view.owner else ''}"


def _fast(facts: Facts) -> tuple[str, ...]:
    """What hangs on the relation and cannot be made again from here, in words."""
    made = hooked.made_by_hooks(facts)
    bound = (what for what in facts.belongings.bound if what not in made)
    return (*(_named(view) for view in facts.belongings.dependants if not view.ours), *bound)


def _changes(facts: Facts, kind: str, columns: Sequence[Column]) -> tuple[str, ...]:
    """Why another relation than a table cannot stay where it is."""
    old = facts.existing.kind if facts.existing else ""
    if old != kind:
        return (f"a {kind.replace('_', ' ')} takes the place of a {old.replace('_', ' ')}",)
    if kind != "view" or facts.existing is None:
        return (f"a {kind.replace('_', ' ')} cannot be given another query",)
    pairs = zip_longest(facts.existing.columns, columns[: len(facts.existing.columns)])
    return tuple(
        f"the column `{before.name}` of type {before.type} is not there any more, or not in its place"
        for before, after in pairs
        if after is None or (before.name, before.type) != (after.name, after.type)
    )


def _hindrances(facts: Facts, columns: Sequence[Column], writer: Writer) -> tuple[str, ...]:
    """Why the new rows do not fit the standing table, column by column; empty where they do."""
    given = {column.name: column for column in columns}
    assert facts.existing is not None
    found: list[str] = []
    for old in facts.existing.columns:
        new = given.get(old.name)
        if new is None:
            found.append(f"the column `{old.name}` is gone")
        elif new.type != old.type and not same_type(new.type, old.type, writer.dialect):
            found.append(f"the column `{old.name}` was {old.type} and is {new.type}")
    return tuple(found)


def ignored(facts: Facts, writer: Writer) -> tuple[str, ...]:
    """What the config asks for and a table that stays does not get, in words: it was made without."""
    hangs, node = facts.belongings, facts.node
    standing = Counter(
        " ".join(text.split("(")[0].split()).casefold().replace(" ", "_")
        for text in (*(rule.definition for rule in hangs.rules), *(index.constraint for index in hangs.indexes))
    )
    lacking = contract.asked(node, writer) - standing
    found = [f"the constraint `{kind}` of its contract" for kind in lacking]
    nullable = {
        column.name.casefold() for column in (facts.existing.columns if facts.existing else ()) if column.nullable
    }
    filled = contract.filled_columns(node) if contract.is_enforced(node) else frozenset()
    found += [f"the constraint `not_null` of its column `{name}`" for name in sorted(filled & nullable)]
    unlogged = bool(node.config.get("unlogged"))
    if writer.capabilities.belongings and writer.dialect in spelling.INDEX_NAMES and unlogged != hangs.unlogged:
        found.append(f"`unlogged: {str(unlogged).lower()}`")
    return tuple(found)


def is_possible(facts: Facts, kind: str, columns: Sequence[Column], writer: Writer) -> bool:
    """Whether rows could be exchanged without locks on more than the table itself."""
    free = is_table_again(facts, kind) and not facts.belongings.references
    return free and bool(columns) and not _hindrances(facts, columns, writer) and not ignored(facts, writer)


def exchanged(facts: Facts, columns: Sequence[Column], staged: Relation, writer: Writer) -> tuple[Operation, ...]:
    """New rows in the place of all that the table has; new columns at its end. `staged`: where the rows wait."""
    place = facts.relation
    standing = facts.existing.columns if facts.existing else ()
    there = {column.name for column in standing}
    added = [writer.add_column(place, column) for column in columns if column.name not in there]
    names = [column.name for column in columns]
    return (
        *let_go(facts, writer, bool(added)),
        *(Statement(sql, "alter") for sql in added),
        Statement(writer.delete_where(place, ()), "delete"),
        Statement(writer.insert_from(place, names, staged)),
        Statement(writer.drop(staged, cascade=False), "drop"),
        *indexes.changed(facts, writer),
        *(hooked.let_go(facts, writer) if hooked.is_hooked(facts.node) else referenced(facts, writer)),
    )


def stage(
    facts: Facts, columns: Sequence[Column], staged: Relation, header: str, writer: Writer
) -> tuple[Operation, ...]:
    """The new rows, read once, in a table of their own."""
    if facts.rows is None:
        sql = writer.create_table_as(staged, facts.query, temporary=True)
        return (Statement(f"{header}\n{sql}" if header else sql, "stage"),)
    lines = [writer.definition(column) for column in columns]
    created = Statement(writer.create_table(staged, lines, temporary=True), "stage")
    return (created,) if facts.empty else (created, Load(staged, facts.rows))
