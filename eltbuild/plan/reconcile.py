"""What becomes of a table whose query has other columns than before (`on_schema_change`): decided before it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from eltbuild.errors import CompileError, Problem
from eltbuild.plan.nouns import Facts, Operation, Statement
from eltbuild.relation import Column
from eltbuild.sql.types import same_type, wider_text
from eltbuild.sql.writer import Writer


@dataclass(frozen=True, slots=True)
class Pair:
    """A column that is written: its name in the table and in the query (they may differ in letter case)."""

    target: str
    query: str


@dataclass(frozen=True, slots=True)
class Difference:
    """How the columns of a query differ from those of the table that it fills."""

    both: tuple[tuple[Column, Column], ...]
    """Columns of both: the table's and the query's, in the query's order."""
    new: tuple[Column, ...]
    gone: tuple[Column, ...]
    retyped: tuple[tuple[Column, Column], ...]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What to alter first, and then which columns to write, in the query's order."""

    operations: tuple[Operation, ...]
    pairs: tuple[Pair, ...]


def reconcile(facts: Facts, writer: Writer, keeps_gone: bool = False) -> Reconciled:
    """Bring the table and the query together as the node's `on_schema_change` says.

    `keeps_gone`: the strategy can write fewer columns than the table has, so that under `ignore` none need be there.
    Raises `CompileError` where the mode forbids the difference.
    """
    mode = str(facts.node.config.get("on_schema_change") or "ignore")
    # An unknown mode has been warned of, and is none, as in dbt.
    decide = MODES.get(mode, _ignore)
    return decide(facts, writer, difference(facts, writer), keeps_gone)


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
        tuple((old, new) for old, new in both if old.type != new.type and not _same(old, new, writer)),
    )


def _same(old: Column, new: Column, writer: Writer) -> bool:
    return not old.type or not new.type or same_type(old.type, new.type, writer.dialect)


def _ignore(facts: Facts, writer: Writer, found: Difference, keeps_gone: bool) -> Reconciled:
    if found.gone and not keeps_gone:
        names = ", ".join(f"`{column.name}`" for column in found.gone)
        raise CompileError(
            Problem(
                f"the query of `{facts.node.name}` no longer gives {names}, which the table has",
                facts.node.place,
                "set `on_schema_change` to append_new_columns or sync_all_columns, or run with --full-refresh",
            )
        )
    return Reconciled(_widened(facts, writer, found), _pairs(found))


def _fail(facts: Facts, writer: Writer, found: Difference, keeps_gone: bool) -> Reconciled:
    if found.new or found.gone or found.retyped:
        raise CompileError(
            Problem(
                f"the columns of `{facts.node.name}` have changed\n\n{describe(found)}",
                facts.node.place,
                "set `on_schema_change` to append_new_columns or sync_all_columns, or run with --full-refresh",
            )
        )
    return Reconciled((), _pairs(found))


def _append(facts: Facts, writer: Writer, found: Difference, keeps_gone: bool) -> Reconciled:
    return Reconciled((*_widened(facts, writer, found), *_added(facts, writer, found)), _pairs(found, found.new))


def _sync(facts: Facts, writer: Writer, found: Difference, keeps_gone: bool) -> Reconciled:
    place = facts.relation
    dropped = [Statement(writer.drop_column(place, column.name), "alter") for column in found.gone]
    altered = [Statement(writer.alter_type(place, Column(old.name, new.type)), "alter") for old, new in found.retyped]
    return Reconciled(
        (*_widened(facts, writer, found), *_added(facts, writer, found), *dropped, *altered),
        _pairs(found, found.new),
    )


def _added(facts: Facts, writer: Writer, found: Difference) -> tuple[Operation, ...]:
    return tuple(Statement(writer.add_column(facts.relation, column), "alter") for column in found.new)


def _widened(facts: Facts, writer: Writer, found: Difference) -> tuple[Operation, ...]:
    """Texts may always grow: the type is the same but for its length."""
    return tuple(
        Statement(writer.alter_type(facts.relation, Column(old.name, new.type)), "alter")
        for old, new in found.both
        if old.type != new.type and wider_text(old.type, new.type)
    )


def _pairs(found: Difference, new: tuple[Column, ...] = ()) -> tuple[Pair, ...]:
    pairs = [Pair(old.name, column.name) for old, column in found.both]
    return (*pairs, *(Pair(column.name, column.name) for column in new))


def describe(found: Difference) -> str:
    """The difference, one column a line."""
    lines = [f"    new:     {column.name} {column.type}" for column in found.new]
    lines += [f"    missing: {column.name} {column.type}" for column in found.gone]
    lines += [f"    type:    {old.name} {old.type} -> {new.type}" for old, new in found.retyped]
    return "\n".join(lines)


Mode: TypeAlias = Callable[[Facts, Writer, Difference, bool], Reconciled]
MODES: Mapping[str, Mode] = {
    "ignore": _ignore,
    "fail": _fail,
    "append_new_columns": _append,
    "sync_all_columns": _sync,
}
