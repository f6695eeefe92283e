"""How a new relation takes the place of what stood there: one place for all that replaces. Nothing is run.

What replaces is built beside the old one, or by the engine's own create-or-replace, so that a reader meets the old
relation or the new one and nothing between. Engines without transactional DDL have one short gap, at the rename, where
two tables cannot change names. What hung on the old relation hangs on the new one; where it cannot, the old relation
stays and has its rows exchanged (`in_place`), or the node is refused before anything is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from eltbuild.errors import CompileError, Problem
from eltbuild.plan import hooked, indexes, promises, rules
from eltbuild.plan.archive import renamed
from eltbuild.plan.extras import extras, too_long
from eltbuild.plan.in_place import exchanged, ignored, is_exchanged, is_possible, refusal, stage
from eltbuild.plan.keeping import (
    brought_back,
    following,
    kept_comments,
    kept_rights,
    seized,
    set_aside,
    swap_places,
)  # fmt: skip
from eltbuild.plan.nouns import Audit, Facts, Operation, Statement
from eltbuild.relation import Belongings, Column, Index, Relation, RelationKind, Rule
from eltbuild.sql import spelling
from eltbuild.sql.scan import mentions
from eltbuild.sql.writer import Writer
from eltbuild.values import dataclass, replace

Make: TypeAlias = Callable[[Relation, bool], tuple[Operation, ...]]
"""Operations that make a relation at a place; the flag: whether they may replace what stands there."""

WORKING = "__dbt_tmp"
ASIDE = "__dbt_old"
LEFTOVER = re.compile(rf"(?:{WORKING}|{ASIDE}|__py)([0-9a-f]{{8}})\Z")


def leftover(name: str) -> str | None:
    """The suffix of the run that made a relation of that name for its own use; None for all other names."""
    found = LEFTOVER.search(name)
    return found[1] if found else None


@dataclass(frozen=True, slots=True)
class Making:
    """A relation that is to be made."""

    kind: RelationKind
    make: Make
    columns: tuple[Column, ...] = ()
    """Those that it will have, where they are known."""
    keys: tuple[Index, ...] = ()
    """Constraints with an index that `make` gives it: elsewhere than in its place under names with the run's suffix."""
    waits: bool = False
    """Whether it stands already, whole, at its `working_place`: `make` is asked only where it cannot be renamed."""
    audits: bool = False
    """Whether `make` itself has its rows audited before anything of them can be seen."""


def working_place(relation: Relation, temporary: str, writer: Writer) -> Relation:
    """Where a run with that suffix makes what is to take the place of what stands there."""
    return writer.beside(relation, WORKING + temporary)


def publish(facts: Facts, writer: Writer, making: Making) -> tuple[Operation, ...]:
    """Make a relation and put it where it belongs, in the stead of whatever stands there, with all that goes with it.

    Raises `CompileError` where something would be lost that cannot be made again, and for a name that would be cut.
    """
    cut = too_long(facts.node, facts.relation, writer)
    if cut is not None:
        raise CompileError(cut)
    if facts.audited and (making.audits or making.kind == "view"):
        first = () if making.audits else _tried(facts, writer, making)
        return (*first, *publish(replace(facts, audited=False), writer, making))
    if facts.audited and not writer.capabilities.rename_relation:
        text = f"`{facts.node.name}` cannot be audited: this engine renames nothing, so that no table can wait"
        raise CompileError(Problem(text, facts.node.place, "use `publish: immediate`"))
    if is_replaced(facts, writer, making) and not (facts.archive_suffix or facts.audited):
        return _replaced(facts, writer, making)
    problem = refusal(facts, making.kind, making.columns, writer)
    if problem is not None:
        raise CompileError(problem)
    stays = facts.steady and not facts.archive_suffix and is_possible(facts, making.kind, making.columns, writer)
    if stays or is_exchanged(facts, making.kind, making.columns, writer):
        return _exchanged(facts, writer, making)
    beside = facts.audited or _waits(writer, making)
    if facts.existing is None and not beside and _is_sound(facts, writer, making):
        return _first(facts, writer, making)
    return _swapped(facts, writer, making)


# Which way


def is_replaced(facts: Facts, writer: Writer, making: Making) -> bool:
    """Whether the engine itself replaces what stands there by one of the same kind, and what hangs on it stays."""
    able, existing = writer.capabilities, facts.existing
    if existing is None or existing.kind != making.kind or _waits(writer, making):
        return False
    if making.kind == "table":
        return able.create_or_replace_table and _is_sound(facts, writer, making)
    if making.kind != "view" or not able.create_or_replace_view or hooked.made_by_hooks(facts):
        return False
    return not able.binds_views or _is_prefix(existing.columns, making.columns)


def _waits(writer: Writer, making: Making) -> bool:
    """Whether it stands already and has only to take its name."""
    return making.waits and writer.capabilities.rename_relation


def _is_prefix(standing: Sequence[Column], columns: Sequence[Column]) -> bool:
    """Whether columns were at most added at the end: what reads the view goes on with those that it knows."""
    first = columns[: len(standing)]
    return bool(standing) and [(c.name, c.type) for c in standing] == [(c.name, c.type) for c in first]


def _is_sound(facts: Facts, writer: Writer, making: Making) -> bool:
    """Whether it can be made where it belongs: one statement is atomic by itself.

    Several must commit together, and over an emptied table they would not see what they read from it.
    """
    if making.kind != "table" or (writer.capabilities.transactional_ddl and not reads_itself(facts)):
        return True
    return len(making.make(facts.relation, False)) == 1


def reads_itself(facts: Facts) -> bool:
    """Whether the query may read what it is to replace. True also where only a comment names it."""
    return mentions(facts.query, facts.relation.identifier or "")


# The ways


def _tried(facts: Facts, writer: Writer, making: Making) -> tuple[Operation, ...]:
    """A view of another name, audited and gone again."""
    working = working_place(facts.relation, facts.temporary, writer)
    dropped = Statement(writer.drop(working, making.kind, cascade=False), "drop")
    return (*_unnamed(making.make(working, False)), Audit(working, working, kind=making.kind), dropped)


def _unnamed(made: Sequence[Operation]) -> tuple[Operation, ...]:
    """The same, as nothing that the user asked for: the answer of what is made in its place is the node's."""
    return tuple(replace(one, label="stage") if one.label == "main" else one for one in made)


def _first(facts: Facts, writer: Writer, making: Making) -> tuple[Operation, ...]:
    able = writer.capabilities
    replaces = {"table": able.create_or_replace_table, "view": able.create_or_replace_view and not able.binds_views}
    made = making.make(facts.relation, replaces.get(making.kind, False))
    # What stood there and was adopted has another name by now; what stands on it shall stand on the new one.
    aside = set_aside(facts, making.columns, writer)
    if hooked.is_hooked(facts.node):
        return (*made, *aside, *_completed(facts, writer, making))
    moved = (*aside, *brought_back(facts, making.columns, writer))
    return (*made, *moved, *_completed(facts, writer, making))


def _replaced(facts: Facts, writer: Writer, making: Making) -> tuple[Operation, ...]:
    """By the engine: where views are held fast it is the same one still, elsewhere a new one."""
    made = making.make(facts.relation, True)
    if making.kind == "view" and writer.capabilities.binds_views:
        return (*made, *extras(facts, writer, fresh=False, kind=making.kind, columns=making.columns))
    return (*made, *_completed(facts, writer, making))


def _exchanged(facts: Facts, writer: Writer, making: Making) -> tuple[Operation, ...]:
    header = str(facts.node.config.get("sql_header") or "")
    waits = _waits(writer, making)
    staged = (
        working_place(facts.relation, facts.temporary, writer)
        if waits
        else writer.session(facts.relation, WORKING + facts.temporary)
    )
    return (
        *(() if waits else stage(facts, making.columns, staged, header, writer)),
        *promises.of_standing_table(facts, writer, staged),
        *_audit(facts, staged, temporary=not waits),
        *exchanged(facts, making.columns, staged, writer),
        *extras(facts, writer, fresh=False, columns=making.columns),
        *_exchanged_with_hooks(facts, writer, making),
    )


def _exchanged_with_hooks(facts: Facts, writer: Writer, making: Making) -> tuple[Operation, ...]:
    """What the standing table got from others comes again after the hooks, and so do keys of others that need it."""
    if not hooked.is_hooked(facts.node):
        return ()
    return hooked.restored(facts, making.kind, (), writer, frozenset())


def _swapped(facts: Facts, writer: Writer, making: Making) -> tuple[Operation, ...]:
    """Made beside, in its place at once. What takes no time to make is made in its place when that is free."""
    able, place, kind, columns = writer.capabilities, facts.relation, making.kind, making.columns
    locked = swap_places(facts, columns)
    before, after = set_aside(facts, columns, writer), brought_back(facts, columns, writer)
    kept, restored = _kept(facts, writer, making), _restored(facts, writer, making)
    after = () if hooked.is_hooked(facts.node) else after
    if not able.rename_relation or (kind == "view" and able.transactional_ddl):
        made = (*making.make(place, False), *indexes.made(_indexes(facts, writer, making), place, writer))
        swap = (*before, *_cleared(facts, making, writer), *made, *after, *kept)
        return (*seized(facts, locked, writer, swap), *_asked(facts, writer, making), *restored)
    suffix = WORKING + facts.temporary
    working = working_place(facts.relation, facts.temporary, writer)
    goes_along = writer.dialect in spelling.INDEX_NAMES
    wanted = _indexes(facts, writer, making)
    checked, pointing = _rules(facts, writer, making)
    early, late = (wanted, ()) if goes_along else ((), wanted)
    swap = (
        *before,
        *_into_place(facts, working, making, writer),
        *indexes.renamed((*making.keys, *early), place, writer, suffix),
        *indexes.made(late, place, writer),
        *rules.made(facts, pointing, place, writer),
        *after,
        *kept,
    )
    return (
        *(() if making.waits else making.make(working, False)),
        *_audit(facts, working, making.kind),
        *indexes.made(early, working, writer, suffix),
        *rules.made(facts, checked, working, writer),
        *seized(facts, locked, writer, swap, _instead(facts, making, working, writer) if len(locked) > 1 else ()),
        *_asked(facts, writer, making),
        *restored,
    )


def _audit(
    facts: Facts, staged: Relation, kind: RelationKind = "table", temporary: bool = False
) -> tuple[Operation, ...]:
    return (Audit(staged, staged, kind=kind, temporary=temporary),) if facts.audited else ()


def _instead(facts: Facts, making: Making, working: Relation, writer: Writer) -> tuple[Operation, ...]:
    """Where readers never let go of all that a swap changes, the rows are exchanged instead, if they can be."""
    if facts.archive_suffix or not is_possible(facts, making.kind, making.columns, writer):
        return ()
    return exchanged(facts, making.columns, working, writer)


def _into_place(facts: Facts, working: Relation, making: Making, writer: Writer) -> tuple[Operation, ...]:
    place, existing, kind = facts.relation, facts.existing, making.kind
    swap = writer.swap(working, place)
    if swap and not writer.capabilities.transactional_ddl and existing and existing.kind == kind == "table":
        return (Statement(swap, "swap"), Statement(writer.drop(working, kind), "drop"))
    return (*_cleared(facts, making, writer), Statement(writer.rename(working, place, kind), "rename"))


def _cleared(facts: Facts, making: Making, writer: Writer) -> tuple[Operation, ...]:
    """The place is free: the old relation is gone, or beside it where views wait on it for their own turn."""
    existing = facts.existing
    if existing is None:
        return ()
    if facts.archive_suffix:
        return renamed(existing, facts.belongings, facts.archive_suffix, writer)
    if len(following(facts, making.columns)) < len(facts.belongings.dependants):
        return renamed(existing, facts.belongings, ASIDE + facts.temporary, writer)
    # What stands on it has been set aside where the engine tells what that is.
    cascade = not writer.capabilities.belongings
    return (Statement(writer.drop(existing.relation, existing.kind, cascade=cascade), "drop"),)


# What goes with it


def _indexes(facts: Facts, writer: Writer, making: Making) -> tuple[Index, ...]:
    """Those of the config, then those that others have made and no hook."""
    if making.kind == "view":
        return ()
    asked = indexes.wanted(facts.node, facts.relation, writer)
    if hooked.is_hooked(facts.node):
        return asked
    return (*asked, *indexes.kept(facts, writer, making.columns, _taken(facts, writer, making)))


def _rules(facts: Facts, writer: Writer, making: Making) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Constraints without an index that come along before any hook."""
    return ((), ()) if hooked.is_hooked(facts.node) else rules.kept(facts, making.kind, making.columns, writer)


def _restored(facts: Facts, writer: Writer, making: Making) -> tuple[Operation, ...]:
    """What comes along after the hooks of the node."""
    if not hooked.is_hooked(facts.node):
        return ()
    taken, views = _taken(facts, writer, making), following(facts, making.columns)
    return hooked.restored(facts, making.kind, making.columns, writer, taken, views)


def _taken(facts: Facts, writer: Writer, making: Making) -> frozenset[str]:
    # What a config says of the indexes of a view is not even read, as in dbt.
    asked = () if making.kind == "view" else indexes.wanted(facts.node, facts.relation, writer)
    return frozenset(index.name for index in (*asked, *making.keys))


def _completed(facts: Facts, writer: Writer, making: Making) -> tuple[Operation, ...]:
    """All that goes with a relation that was made anew in its place."""
    made = indexes.made(_indexes(facts, writer, making), facts.relation, writer)
    restored = _restored(facts, writer, making)
    return (*made, *_kept(facts, writer, making), *_asked(facts, writer, making), *restored)


def _kept(facts: Facts, writer: Writer, making: Making) -> tuple[Operation, ...]:
    """The rights and comments of the old relation."""
    place, kind, columns = facts.relation, making.kind, making.columns
    said = (
        *kept_rights(facts, place, kind, columns, writer),
        *kept_comments(facts, place, kind, columns, writer),
    )
    return (Statement(";\n".join(said), "keep"),) if said else ()


def _asked(facts: Facts, writer: Writer, making: Making) -> tuple[Operation, ...]:
    """The rights and comments of the config, over those of the old relation."""
    kept = writer.capabilities.belongings and writer.capabilities.grants
    standing = facts.belongings.grants if kept else ()
    return extras(facts, writer, fresh=True, kind=making.kind, columns=making.columns, standing=standing)


# Asked and told beforehand


def asks_for_columns(facts: Facts, kind: str) -> bool:
    """Whether the way to replace what stands there cannot be told without the columns that the query gives."""
    hangs, existing = facts.belongings, facts.existing
    if existing is not None and facts.steady:
        return True
    if existing is None or hangs == Belongings():
        return bool(hangs.indexes) or any(column.comment for column in (existing.columns if existing else ()))
    return bool(
        kind == "view"
        or hangs.dependants
        or hangs.bound
        or hangs.indexes
        or hangs.rules
        or any(grant.column for grant in hangs.grants)
        or any(column.comment for column in existing.columns)
    )


def losses(facts: Facts, writer: Writer, making: Making) -> tuple[Problem, ...]:
    """What others have made on the standing relation and the new one cannot have, as warnings."""
    columns, taken = making.columns, _taken(facts, writer, making)
    if is_exchanged(facts, making.kind, columns, writer):
        return _without(facts, writer)
    kept = () if making.kind == "view" else indexes.kept(facts, writer, columns, taken)
    return tuple(
        Problem(
            f"the index `{index.name}` goes with the old `{facts.relation}`: {_why_lost(index, making)}",
            facts.node.place,
            severity="warning",
            name="IndexDropped",
        )
        for index in indexes.of_others(facts, writer, taken)
        if index not in kept
    ) + rules.losses(facts, making.kind, columns, writer)


def _without(facts: Facts, writer: Writer) -> tuple[Problem, ...]:
    """A warning of what a table does not get because it stays."""
    lacking = ignored(facts, writer)
    if not lacking:
        return ()
    text = f"`{facts.relation}` stays, and only its rows are exchanged, since others stand on it: {', '.join(lacking)}"
    hint = "alter the table by hand, or let what stands on it be dropped first"
    place = facts.node.patch_place or facts.node.place
    return (Problem(f"{text} is not applied", place, hint, severity="warning", name="ConfigNotApplied"),)


def _why_lost(index: Index, making: Making) -> str:
    gone = ", ".join(f"`{name}`" for name in indexes.missing(index, making.columns))
    return f"the new one has no {gone}" if gone and making.kind != "view" else "a view has none"
