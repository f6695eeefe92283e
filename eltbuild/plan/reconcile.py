"""What becomes of a table whose query has other columns than before (`on_schema_change`): decided before it runs.

A column that is renamed is one that is gone and one that is new. Where the types of a column differ, values that the
other type can hold are converted, and one that it cannot hold refuses the node before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from eltbuild.adapter import Answer
from eltbuild.errors import CompileError, Problem
from eltbuild.plan.nouns import Check, Facts, Operation, Statement
from eltbuild.plan.repeated import shown
from eltbuild.project.resources import Node
from eltbuild.relation import Column, Relation
from eltbuild.sql.conversions import Conversion, conversion
from eltbuild.sql.types import is_zoned, wider_text
from eltbuild.sql.writer import Writer
from eltbuild.values import dataclass

EXAMPLES = 3
"""How many values that do not fit are told."""
ELSE = "set `on_schema_change` to append_new_columns, sync_all_columns or full_refresh, or run with --full-refresh"
CAST = "cast it in the query, set `on_schema_change` to sync_all_columns or full_refresh, or run with --full-refresh"


@dataclass(frozen=True, slots=True)
class Pair:
    """A column that is written: its name in the table and in the query (they may differ in letter case)."""

    target: str
    query: str
    given: str = ""
    """The type that the query gives, where the values are converted first."""
    kept: str = ""
    """The type that they are converted to."""
    conversion: Conversion = "same"
    """What becomes of them: unless it is `exact` they are looked at; of `none`, only NULL fits."""


@dataclass(frozen=True, slots=True)
class Retyped:
    """A column whose type in the query is another than in the table."""

    old: Column
    new: Column
    inward: Conversion
    """What becomes of the query's values in the table's type."""
    outward: Conversion
    """What becomes of the table's values in the query's type."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How the columns of a query differ from those of the table that it fills."""

    both: tuple[tuple[Column, Column], ...]
    """Columns of both: the table's and the query's, in the query's order."""
    new: tuple[Column, ...]
    gone: tuple[Column, ...]
    retyped: tuple[Retyped, ...]

    def __bool__(self) -> bool:
        return bool(self.new or self.gone or self.retyped)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What to ask and to alter before rows are written, and which columns then are, in the query's order."""

    checks: tuple[Operation, ...]
    operations: tuple[Operation, ...]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...] = ()
    """What the user is told: columns that are left out, and where NULL will stand."""


def reconcile(facts: Facts, writer: Writer, keeps_gone: bool = False) -> Reconciled:
    """Bring the table and the query together as the node's `on_schema_change` says.

    `keeps_gone`: the strategy can write fewer columns than the table has, so that under `ignore` none need be there.
    Raises `CompileError` where the mode forbids the difference.
    """
    decide = MODES.get(mode_of(facts.node), _ignore)
    return decide(facts, writer, difference(facts, writer), keeps_gone)


def mode_of(node: Node) -> str:
    """The node's `on_schema_change`. An unknown one has been warned of, and is `ignore`, as in dbt."""
    mode = str(node.config.get("on_schema_change") or "ignore")
    return mode if mode in MODES else "ignore"


def rebuilds(facts: Facts, writer: Writer) -> str:
    """Why the whole table must be built anew (`on_schema_change: full_refresh`): what has changed, else nothing.

    Raises `CompileError` where the node also refuses to be built anew.
    """
    if mode_of(facts.node) != "full_refresh" or not facts.columns:
        return ""
    found = difference(facts, writer)
    if found and facts.node.config.get("full_refresh") is False:
        hint = "take one of `on_schema_change: full_refresh` and `full_refresh: false` away"
        raise CompileError(Problem(_changed(facts, found), facts.node.place, hint))
    return describe(found)


def difference(facts: Facts, writer: Writer) -> Difference:
    """Compare the columns by name, letter case aside. Raises `CompileError` where the query has one name twice."""
    standing = facts.existing.columns if facts.existing else ()
    there = {column.name.casefold(): column for column in standing}
    given: dict[str, Column] = {}
    for column in facts.columns:
        if given.setdefault(column.name.casefold(), column) is not column:
            text = f"the query of `{facts.node.name}` has two columns named `{column.name}`"
            raise CompileError(Problem(text, facts.node.place))
    both = tuple((there[key], column) for key, column in given.items() if key in there)
    return Difference(
        both,
        tuple(column for key, column in given.items() if key not in there),
        tuple(column for key, column in there.items() if key not in given),
        tuple(one for old, new in both if (one := _retyped(old, new, writer)) is not None),
    )


def _retyped(old: Column, new: Column, writer: Writer) -> Retyped | None:
    inward = conversion(new.type, old.type, writer.dialect)
    if inward == "same":
        return None
    return Retyped(old, new, inward, conversion(old.type, new.type, writer.dialect))


def describe(found: Difference) -> str:
    """The difference, one column a line."""
    lines = [f"    new:     {column.name} {column.type}" for column in found.new]
    lines += [f"    missing: {column.name} {column.type}" for column in found.gone]
    lines += [f"    type:    {one.old.name} {one.old.type} -> {one.new.type}" for one in found.retyped]
    return "\n".join(lines)


def _changed(facts: Facts, found: Difference) -> str:
    return f"the columns of `{facts.node.name}` have changed\n\n{describe(found)}"


# Modes


def _ignore(facts: Facts, writer: Writer, found: Difference, keeps_gone: bool) -> Reconciled:
    if found.gone and not keeps_gone:
        text = f"the query of `{facts.node.name}` no longer gives {_names(found.gone)}, which the table has"
        raise CompileError(Problem(text, facts.node.place, ELSE))
    notes = [*_holding_null(facts, found)]
    if found.new:
        text = f"the query of `{facts.node.name}` gives {_names(found.new)}, which the table does not have"
        notes.append(f"{text}: left out (`on_schema_change: ignore`)")
    return Reconciled((), widened(facts, writer, found), _converted(found), tuple(notes))


def _fail(facts: Facts, writer: Writer, found: Difference, keeps_gone: bool) -> Reconciled:
    if found:
        raise CompileError(Problem(_changed(facts, found), facts.node.place, ELSE))
    return Reconciled((), widened(facts, writer, found), _pairs(found))


def _append(facts: Facts, writer: Writer, found: Difference, keeps_gone: bool) -> Reconciled:
    altered = (*widened(facts, writer, found), *_added(facts, writer, found))
    notes = (*_holding_null(facts, found), *_not_filled(facts, found))
    return Reconciled((), altered, _converted(found, found.new), notes)


def _sync(facts: Facts, writer: Writer, found: Difference, keeps_gone: bool) -> Reconciled:
    place = facts.relation
    dropped = [Statement(writer.drop_column(place, column.name), "alter") for column in found.gone]
    altered = [
        Statement(writer.alter_type(place, Column(one.old.name, one.new.type)), "alter") for one in found.retyped
    ]
    return Reconciled(
        tuple(check for one in found.retyped for check in _survives(facts, one, writer)),
        (*widened(facts, writer, found), *_added(facts, writer, found), *dropped, *altered),
        _pairs(found, found.new),
        _not_filled(facts, found),
    )


def _rebuild(facts: Facts, writer: Writer, found: Difference, keeps_gone: bool) -> Reconciled:
    """Nothing differs: whoever runs the node has asked `rebuilds` first."""
    return _fail(facts, writer, found, keeps_gone)


Mode: TypeAlias = Callable[[Facts, Writer, Difference, bool], Reconciled]
MODES: Mapping[str, Mode] = {
    "ignore": _ignore,
    "fail": _fail,
    "append_new_columns": _append,
    "sync_all_columns": _sync,
    "full_refresh": _rebuild,
}


# Parts of modes


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(f"`{column.name}`" for column in columns)


def _holding_null(facts: Facts, found: Difference) -> tuple[str, ...]:
    if not found.gone:
        return ()
    return (f"the query of `{facts.node.name}` no longer gives {_names(found.gone)}: new rows hold NULL there",)


def _not_filled(facts: Facts, found: Difference) -> tuple[str, ...]:
    if not found.new:
        return ()
    word = "column" if len(found.new) == 1 else "columns"
    text = f"`{facts.node.name}` gets the new {word} {_names(found.new)}: rows that it has already hold NULL there"
    return (f"{text} (--full-refresh fills it)",)


def _added(facts: Facts, writer: Writer, found: Difference) -> tuple[Operation, ...]:
    return tuple(Statement(writer.add_column(facts.relation, column), "alter") for column in found.new)


def widened(facts: Facts, writer: Writer, found: Difference) -> tuple[Operation, ...]:
    """Texts may always grow: the type is the same but for its length."""
    return tuple(
        Statement(writer.alter_type(facts.relation, Column(old.name, new.type)), "alter")
        for old, new in found.both
        if old.type != new.type and wider_text(old.type, new.type)
    )


def _pairs(found: Difference, new: tuple[Column, ...] = ()) -> tuple[Pair, ...]:
    pairs = [Pair(old.name, column.name) for old, column in found.both]
    return (*pairs, *(Pair(column.name, column.name) for column in new))


def _converted(found: Difference, new: tuple[Column, ...] = ()) -> tuple[Pair, ...]:
    """The columns that are written, each in the type that the table has."""
    retyped = {one.old.name: one for one in found.retyped}
    return tuple(
        Pair(pair.target, pair.query, one.new.type, one.old.type, one.inward)
        if (one := retyped.get(pair.target))
        else pair
        for pair in _pairs(found, new)
    )


def refuse_strange(node: Node, found: Difference, hint: str) -> None:
    """Raise `CompileError` where the query gives types that have nothing in common with those of the table."""
    strange = [one for one in found.retyped if one.inward == "none"]
    if strange:
        lines = "\n".join(f"    {one.old.name}: {one.old.type} in the table, {one.new.type} now" for one in strange)
        text = f"the query of `{node.name}` gives types that its table cannot hold\n\n{lines}"
        raise CompileError(Problem(text, node.place, hint))


def fits(node: Node, pair: Pair, staged: Relation, writer: Writer, hint: str = CAST) -> Check:
    """Refuse the node where a value of a staged column is not the same in the type that the table has."""
    text = f"`{pair.target}` of `{node.name}` is {pair.kept}, and the query now gives {pair.given}"
    name = writer.quote(pair.query)
    lost = f"{name} is not null" if pair.conversion == "none" else writer.lost(name, pair.given, pair.kept)
    return _lossless(node, staged, name, lost, text, hint, writer)


def _survives(facts: Facts, one: Retyped, writer: Writer) -> tuple[Check, ...]:
    """Refuse the node where a value that the table holds would not be the same in the type that it is to get."""
    if one.outward in ("exact", "same"):
        return ()
    text = f"`{one.old.name}` of `{facts.node.name}` is {one.old.type}, and would become {one.new.type}"
    hint = "run with --full-refresh, or cast in the query"
    if is_zoned(one.old.type, writer.dialect) is not is_zoned(one.new.type, writer.dialect):
        raise CompileError(Problem(f"{text}: what its values mean would hang on a time zone", facts.node.place, hint))
    name = writer.quote(one.old.name)
    lost = writer.lost(name, one.old.type, one.new.type)
    return (_lossless(facts.node, facts.relation, name, lost, text, hint, writer),)


def _lossless(node: Node, place: Relation, name: str, lost: str, text: str, hint: str, writer: Writer) -> Check:
    def problem(answer: Answer) -> Problem:
        values = ", ".join(shown(row[0]) for row in answer.rows[:EXAMPLES])
        more = ", ..." if len(answer.rows) > EXAMPLES else ""
        verb = "does" if len(answer.rows) == 1 else "do"
        return Problem(f"{text}: {values}{more} {verb} not fit", node.place, hint)

    sql = f"select distinct {name} from {writer.relation(place)} where {lost} limit {EXAMPLES + 1}"
    return Check(sql, problem, doubt=text)
