"""What goes with a relation once it stands: indexes, grants, comments, schemas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import md5
from typing import Any

from eltbuild.errors import CompileError, Problem
from eltbuild.plan.nouns import Facts, Operation, Statement
from eltbuild.project.resources import Node
from eltbuild.relation import Column, Relation, RelationInfo
from eltbuild.sql.writer import Writer

FOLDING = frozenset({"duckdb", "spark", "databricks", "hive", "tsql", "mysql"})
"""Dialects in which names that differ in letter case alone are one, quoted or not."""


def extras(
    facts: Facts, writer: Writer, *, fresh: bool, kind: str = "table", columns: Sequence[Column] = ()
) -> tuple[Operation, ...]:
    """All that goes with the relation. `fresh`: it is new, so that it has no index, grant or comment yet.

    `columns` are those that it has now, where they are known.
    """
    config = facts.node.config
    operations: list[Operation] = []
    if fresh and kind != "view" and config.get("indexes"):
        operations += indexes(facts.node, facts.relation, writer)
    if config.get("grants"):
        standing = (facts.grants or {}) if not fresh else {}
        operations += grants(facts.node, facts.relation, writer, standing, kind)
    if config.get("persist_docs"):
        existing = None if fresh else facts.existing
        operations += comments(facts.node, facts.relation, writer, existing, kind, columns)
    return tuple(operations)


def persists(node: Node, what: str) -> bool:
    """Whether `persist_docs` asks for the comments of the `relation` or of its `columns`."""
    asked = node.config.get("persist_docs")
    return isinstance(asked, Mapping) and bool(asked.get(what))


def comments(
    node: Node,
    relation: Relation,
    writer: Writer,
    existing: RelationInfo | None = None,
    kind: str = "table",
    columns: Sequence[Column] = (),
) -> tuple[Operation, ...]:
    """The descriptions, as comments of the relation and its columns; what `existing` says already is not said again.

    A described column that the relation does not have is passed over, where `columns` tell which it has.
    """
    if not writer.capabilities.comments:
        return ()
    statements: list[str] = []
    if persists(node, "relation") and node.description != (existing.comment if existing else ""):
        statements.append(writer.comment_on(relation, kind, node.description))
    if persists(node, "columns"):
        statements += writer.comment_on_columns(relation, kind, _column_texts(node, existing, columns))
    return (Statement(";\n".join(statements), "comment"),) if statements else ()


def _column_texts(node: Node, existing: RelationInfo | None, columns: Sequence[Column]) -> Mapping[str, str]:
    there = {column.name.casefold(): column.name for column in columns}
    said = {column.name.casefold(): column.comment for column in (existing.columns if existing else ())}
    texts: dict[str, str] = {}
    for spec in node.columns.values():
        bare = spec.name.strip('"`')
        name = there.get(bare.casefold()) if columns else bare
        if name is not None and spec.description != said.get(bare.casefold(), ""):
            texts[name] = spec.description
    return texts


def grants(
    node: Node, relation: Relation, writer: Writer, standing: Mapping[str, Sequence[str]], kind: str = "table"
) -> tuple[Operation, ...]:
    """Revoke what stands and is not wanted, then grant what is wanted; nothing where the engine has no grants."""
    wanted = {
        str(privilege).casefold(): _listed(given) for privilege, given in (node.config.get("grants") or {}).items()
    }
    if not writer.capabilities.grants:
        return ()
    have = {str(privilege).casefold(): _listed(given) for privilege, given in standing.items()}
    operations: list[Operation] = []
    for write, these, those in ((writer.revoke, have, wanted), (writer.grant, wanted, have)):
        for privilege, grantees in these.items():
            known = {grantee.casefold() for grantee in those.get(privilege, ())}
            missing = [grantee for grantee in grantees if grantee.casefold() not in known]
            if missing:
                operations.append(Statement(write(privilege, relation, kind, missing), "grant"))
    return tuple(operations)


def warnings(node: Node, writer: Writer) -> tuple[Problem, ...]:
    """What to tell of configs that this engine cannot follow."""
    able = writer.capabilities
    asked = {"grants": able.grants, "indexes": able.indexes, "persist_docs": able.comments}
    return tuple(
        Problem(
            f"`{name}` of `{node.name}` has no effect: this engine has none",
            node.patch_place or node.place,
            severity="warning",
            name="ConfigWithoutEffect",
        )
        for name, possible in asked.items()
        if node.config.get(name) and not possible
    )


def indexes(node: Node, relation: Relation, writer: Writer) -> tuple[Operation, ...]:
    """The indexes of the node's config; none where the engine has none. Raises `CompileError` for a wrong entry."""
    given = node.config.get("indexes") or ()
    if not writer.capabilities.indexes:
        return ()
    return tuple(Statement(_index(entry, node, relation, writer), "index") for entry in given)


def _index(entry: Any, node: Node, relation: Relation, writer: Writer) -> str:
    columns = _listed(entry.get("columns")) if isinstance(entry, Mapping) else ()
    if not columns:
        hint = "write it as `{columns: [id], unique: true}`"
        raise CompileError(Problem(f"an index of `{node.name}` names no columns: {entry!r}", node.place, hint))
    unique, method = entry.get("unique") in (True, "true", "True"), str(entry.get("type") or "")
    mark = md5(repr((str(relation), columns, unique, method)).encode(), usedforsecurity=False).hexdigest()[:10]
    name = writer.fitted(relation.identifier or "", f"__{mark}")
    return writer.create_index(relation, columns, name=name, unique=unique, method=method)


def create_schemas(relations: Iterable[Relation], writer: Writer) -> tuple[Operation, ...]:
    """One statement for each schema that the relations need, in the order in which they come."""
    if not writer.capabilities.schemas:
        return ()
    fold = str.casefold if writer.dialect in FOLDING else str
    schemas: dict[tuple[str, str], Relation] = {}
    for relation in relations:
        if relation.schema:
            schemas.setdefault((fold(relation.database or ""), fold(relation.schema)), relation)
    return tuple(Statement(writer.create_schema(relation), "schema") for relation in schemas.values())


def _listed(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    return tuple(str(item) for item in given) if isinstance(given, (list, tuple)) else (str(given),)
