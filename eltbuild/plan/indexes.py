"""The indexes of a relation: those that its config asks for, and those that others have made on it. Nothing is run.

An index of ours has a name that tells what it is, so that one which the config no longer asks for is known for what it
is, and goes; all others are their makers' and stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import md5
from typing import Any

from eltbuild.adapter import Answer
from eltbuild.errors import CompileError, Problem
from eltbuild.plan.keys import listed
from eltbuild.plan.nouns import Check, Facts, Operation, Statement
from eltbuild.project.resources import Node
from eltbuild.relation import Column, Index, Relation
from eltbuild.sql import spelling
from eltbuild.sql.comments import comment_on
from eltbuild.sql.quoting import read_bare
from eltbuild.sql.writer import Writer

METHOD = re.compile(r"\s*using\s+(\w+)", re.IGNORECASE)
EXPRESSION = re.compile(r"\(|\s(?:asc|desc|nulls|collate|\w+_ops)\b", re.IGNORECASE)
"""What makes an entry of `columns` more than a name."""
OTHERS_CONFIG = re.compile(r"[0-9a-f]{32}")
"""The names that dbt gives to the indexes of a config."""
OWN_MARK = re.compile(r"__[0-9a-f]{10}\Z")


def _wrong_unique(entry: Mapping[str, Any]) -> str:
    """What is wrong with `unique`, for which anything but true would be taken for false."""
    value = entry.get("unique")
    known = value in (None, True, False, "true", "True", "false", "False")
    return "" if known else f"`unique`: {value!r} is not of type 'boolean'"


def wanted(node: Node, relation: Relation, writer: Writer) -> tuple[Index, ...]:
    """The indexes of the node's config; none where the engine has none. Raises `CompileError` for a wrong entry."""
    if not writer.capabilities.indexes:
        return ()
    return tuple(_configured(entry, node, relation, writer) for entry in node.config.get("indexes") or ())


def _configured(entry: Any, node: Node, relation: Relation, writer: Writer) -> Index:
    columns = listed(entry.get("columns")) if isinstance(entry, Mapping) else ()
    wrong = "'columns' is a required property" if not columns else _wrong_unique(entry)
    if wrong:
        hint = "write it as `{columns: [id], unique: true}`"
        raise CompileError(Problem(f"an index of `{node.name}` cannot be {entry!r}: {wrong}", node.place, hint))
    unique, method = entry.get("unique") in (True, "true", "True"), str(entry.get("type") or "")
    # As dbt has them they are SQL: a bare name is folded, one between quotes is exact.
    names = [column if EXPRESSION.search(column) else read_bare(column, writer.dialect) for column in columns]
    parts = ", ".join(name if EXPRESSION.search(name) else writer.quote(name) for name in names)
    name = own_name(relation, columns, unique, method, writer)
    return Index(name, f"{f'using {method} ' if method else ''}({parts})", unique, tuple(names))


def own_name(relation: Relation, columns: Sequence[str], unique: bool, method: str, writer: Writer) -> str:
    """The name that an index of a config has: it tells the index from all others of the relation."""
    mark = md5(repr((str(relation), tuple(columns), unique, method)).encode(), usedforsecurity=False).hexdigest()[:10]
    return writer.fitted(relation.identifier or "", f"__{mark}")


def is_configured(index: Index, relation: Relation, writer: Writer) -> bool:
    """Whether a config asked for that index once, be it this one's or dbt's."""
    if index.constraint:
        return False
    mark = OWN_MARK.search(index.name)
    ours = mark is not None and writer.fitted(relation.identifier or "", mark[0]) == index.name
    return ours or _is_dbts(index)


def kept(facts: Facts, writer: Writer, columns: Sequence[Column], taken: frozenset[str]) -> tuple[Index, ...]:
    """The standing indexes that others have made, and that the new relation can have too.

    `columns`: those that it will have, where they are known; `taken`: names of constraints that it gets anyway.
    """
    theirs = of_others(facts, writer, taken)
    return tuple(index for index in theirs if not columns or not missing(index, columns))


def of_others(facts: Facts, writer: Writer, taken: frozenset[str]) -> Iterator[Index]:
    """The standing indexes that no config has asked for."""
    for index in facts.belongings.indexes:
        if index.name not in taken and not is_configured(index, facts.relation, writer):
            yield index


def missing(index: Index, columns: Sequence[Column]) -> tuple[str, ...]:
    """The columns of the index that are not among those."""
    there = {column.name.casefold() for column in columns}
    return tuple(name for name in index.columns if name.casefold() not in there)


def made(indexes: Sequence[Index], relation: Relation, writer: Writer, suffix: str = "") -> tuple[Operation, ...]:
    """Make them; with a suffix, under names that they have only for a time.

    Raises, when carried out, `CompileError` where the rows do not let one be made.
    """
    operations: list[Operation] = []
    for index in indexes:
        if writer.dialect in spelling.UNIQUE_AT_COMMIT:
            operations += _without_duplicates(index, relation, writer)
        name = writer.fitted(index.name, suffix)
        operations.append(_made(index, relation, writer, name))
        if index.comment:
            operations.append(Statement(comment_on(writer, relation.named(name), "index", index.comment), "keep"))
    return tuple(operations)


def _made(index: Index, relation: Relation, writer: Writer, name: str) -> Operation:
    if index.constraint:
        sql = writer.add_constraint(relation, name, index.constraint)
    else:
        sql = writer.create_index_as(relation, index.definition, name=name, unique=index.unique)
    return Statement(sql, "index", _doubt(index))


def _doubt(index: Index) -> str:
    return f"the index `{index.name}` cannot be made on the new rows"


def _without_duplicates(index: Index, relation: Relation, writer: Writer) -> tuple[Operation, ...]:
    """Refuse rows that the index would not take; where the engine itself sees that too late to say it well."""
    if not index.unique or not index.columns or EXPRESSION.search(index.definition[1:]):
        return ()
    keys = writer.names(index.columns)
    known = " and ".join(f"{writer.quote(name)} is not null" for name in index.columns)
    place = writer.relation(relation)
    sql = f"select {keys} from {place} where {known} group by {keys} having count(*) > 1 order by {keys} limit 1"

    def problem(found: Answer) -> Problem:
        key = ", ".join(f"{name}={value!r}" for name, value in zip(index.columns, found.rows[0]))
        return Problem(f"{_doubt(index)}: {key} comes more than once")

    return (Check(sql, problem),)


def renamed(indexes: Sequence[Index], relation: Relation, writer: Writer, suffix: str) -> tuple[Operation, ...]:
    """Give those that were made with the suffix their own names; the relation has its own already."""
    if not suffix:
        return ()
    names = [(writer.fitted(index.name, suffix), index) for index in indexes]
    return tuple(
        Statement(
            writer.rename_constraint(relation, name, index.name)
            if index.constraint
            else writer.rename(relation.named(name), relation.named(index.name), "index"),
            "rename",
        )
        for name, index in names
    )


def changes(facts: Facts, writer: Writer) -> tuple[tuple[Index, ...], tuple[Index, ...]]:
    """What the config asks for and does not stand yet; what stands because a config asked for it and does no more."""
    asked = wanted(facts.node, facts.relation, writer)
    standing = facts.belongings.indexes
    names, there = {index.name for index in asked}, {index.name for index in standing}
    return (
        tuple(index for index in asked if index.name not in there and not _is_there(index, standing)),
        tuple(
            index
            for index in standing
            if index.name not in names and is_configured(index, facts.relation, writer) and not _is_there(index, asked)
        ),
    )


def _is_there(index: Index, others: Sequence[Index]) -> bool:
    """Whether one of them is the same but for its name: one that dbt made."""
    return any(_shape(index) == _shape(other) for other in others if _is_dbts(index) or _is_dbts(other))


def _is_dbts(index: Index) -> bool:
    return OTHERS_CONFIG.fullmatch(index.name) is not None


def _shape(index: Index) -> tuple[object, ...]:
    method = METHOD.match(index.definition)
    return (index.columns, index.unique, method[1].casefold() if method else "btree")


def changed(facts: Facts, writer: Writer) -> tuple[Operation, ...]:
    """Bring the indexes of a relation that stays to what the config asks for; those of others stay."""
    new, gone = changes(facts, writer)
    dropped = [writer.drop(facts.relation.named(index.name), "index", cascade=False) for index in gone]
    return (*(Statement(sql, "index") for sql in dropped), *made(new, facts.relation, writer))
