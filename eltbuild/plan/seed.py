"""Seeds: rows of a file as a table. The file has been read already; nothing is run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from eltbuild.errors import CompileError, Problem
from eltbuild.plan.extras import extras
from eltbuild.plan.in_place import refusal
from eltbuild.plan.keeping import let_go, referenced
from eltbuild.plan.nouns import Audit, Facts, Load, Operation, Statement
from eltbuild.plan.publish import working_place
from eltbuild.plan.rows import columns_of
from eltbuild.plan.whole import rows_table
from eltbuild.project.resources import Node
from eltbuild.relation import Column
from eltbuild.sql.quoting import read_bare
from eltbuild.sql.writer import Writer
from eltbuild.values import replace

DELIMITERS = re.compile(r"[,;|\t]")
"""Characters that stand between values where the one that is looked for does not."""
UPPER = frozenset({"snowflake", "oracle", "teradata"})
"""Dialects that store a name without quotes in upper case."""


def seed(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """Make the table, or empty it and fill it again, in bulk.

    A table that stands stays the same but under full refresh, with its columns, types and all that hangs on it. Raises
    `CompileError` where the file has other columns than the table, or names that the engine would cut to the same, and
    where rows of others would go with those of the table.
    """
    facts = replace(facts, rows=cut_names(facts, writer, stored_names(facts, writer)))
    if facts.existing is None or facts.existing.kind != "table" or facts.full_refresh:
        return rows_table(facts, writer, seed_columns(facts, writer))
    _check_columns(facts)
    problem = refusal(facts, "table", facts.existing.columns, writer)
    if problem is not None:
        raise CompileError(problem)
    if facts.audited:
        return _exchanged(facts, facts.existing.columns, writer)
    emptied = Statement(writer.emptied(facts.relation), "empty")
    loaded: tuple[Operation, ...] = () if facts.empty else (Load(facts.relation, facts.rows, "main"),)
    after = extras(facts, writer, fresh=False, columns=facts.existing.columns)
    return (*let_go(facts, writer), emptied, *loaded, *referenced(facts, writer), *after)


def _exchanged(facts: Facts, standing: Sequence[Column], writer: Writer) -> tuple[Operation, ...]:
    """The rows wait beside the table until they are audited."""
    given = {str(name).casefold() for name in facts.rows.schema.names}
    columns = [column for column in standing if column.name.casefold() in given]
    staged = working_place(facts.relation, facts.temporary, writer)
    lines = [writer.definition(column) for column in columns]
    return (
        Statement(writer.create_table(staged, lines), "stage"),
        *(() if facts.empty else (Load(staged, facts.rows, "stage"),)),
        Audit(staged, staged),
        *let_go(facts, writer),
        Statement(writer.emptied(facts.relation), "empty"),
        Statement(writer.insert_from(facts.relation, [column.name for column in columns], staged)),
        Statement(writer.drop(staged, cascade=False), "drop"),
        *referenced(facts, writer),
        *extras(facts, writer, fresh=False, columns=standing),
    )


def seed_columns(facts: Facts, writer: Writer) -> tuple[Column, ...]:
    """The columns of the new table: types from `column_types`, the others from the rows."""
    return typed_columns(facts.node, facts.rows, writer)


def typed_columns(node: Node, rows: Any, writer: Writer) -> tuple[Column, ...]:
    """The columns of the rows of a seed's file; types from `column_types`, the others from the rows.

    Raises `CompileError` where `column_types` is no mapping.
    """
    given = node.config.get("column_types") or {}
    if not isinstance(given, Mapping):
        hint = "write it as `{column: type}`"
        raise CompileError(Problem(f"`column_types` of the seed `{node.name}` is no mapping", node.place, hint))
    limit = writer.capabilities.identifier_length
    exact = {_cut(str(name), limit): str(type_name) for name, type_name in given.items()}
    folded = {name.strip('"`').casefold(): type_name for name, type_name in exact.items()}
    columns = columns_of(rows, writer, narrow=True)
    return tuple(
        Column(column.name, exact.get(column.name) or folded.get(column.name.casefold()) or column.type)
        for column in columns
    )


def stored_names(facts: Facts, writer: Writer) -> Any:
    """The rows with the names that the table is to have.

    With `quote_columns: false` they are as SQL reads them: the engine folds their letter case, unless the file has them
    between quotes.

    Raises `CompileError` where the file looks as if it had another delimiter than it is read with.
    """
    quoted = facts.node.config.get("quote_columns")
    if quoted is False:
        _refuse_undivided(facts)
    if quoted is None:
        quoted = writer.dialect not in UPPER
    if quoted:
        return facts.rows
    return facts.rows.rename_columns([read_bare(name, writer.dialect) for name in facts.rows.schema.names])


def _refuse_undivided(facts: Facts) -> None:
    """Raise `CompileError` for a file of one column whose name looks like the header of several."""
    names = [str(name) for name in facts.rows.schema.names]
    if len(names) == 1 and DELIMITERS.search(names[0]):
        text = f"the whole header of the seed `{facts.node.name}` is one column, `{names[0]}`"
        known = facts.node.config.get("delimiter") or ","
        why = f"that is a syntax error without quotes, and `quote_columns` is false: is `{known}` the file's delimiter?"
        raise CompileError(Problem(f"{text}: {why}", facts.node.place, "set `delimiter`, or `quote_columns: true`"))


def cut_names(facts: Facts, writer: Writer, rows: Any) -> Any:
    """The rows with names as the engine keeps them, which cuts long ones. Raises `CompileError` for two of a name."""
    limit = writer.capabilities.identifier_length
    names = [str(name) for name in rows.schema.names]
    kept = [_cut(name, limit) for name in names]
    if kept == names:
        return rows
    if len({*kept}) < len(kept):
        told = ", ".join(f"`{name}`" for name, cut in zip(names, kept, strict=True) if name != cut)
        text = f"columns of the seed `{facts.node.name}` have longer names than the {limit} bytes of the engine: {told}"
        hint = "it would cut them, and some would be the same then: shorten them in the file's first line"
        raise CompileError(Problem(text, facts.node.place, hint))
    return rows.rename_columns(kept)


def _cut(name: str, limit: int) -> str:
    return name.encode()[:limit].decode(errors="ignore") if limit else name


def _check_columns(facts: Facts) -> None:
    assert facts.existing is not None
    there = {column.name.casefold() for column in facts.existing.columns}
    names = [str(name) for name in facts.rows.schema.names]
    new = [name for name in names if name.casefold() not in there]
    gone = there - {name.casefold() for name in names}
    if facts.existing.columns and (new or gone):
        told = [f"`{name}` is new" for name in new] + [f"`{name}` is gone" for name in sorted(gone)]
        text = f"the columns of the seed `{facts.node.name}` have changed: {', '.join(told)}"
        raise CompileError(Problem(text, facts.node.place, "run with --full-refresh to make the table anew"))
