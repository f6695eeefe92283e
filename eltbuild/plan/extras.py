"""What the configs ask for beside the relation itself: grants, comments, schemas. Nothing is run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eltbuild.adapter import Capabilities
from eltbuild.errors import CompileError, Problem
from eltbuild.plan.nouns import Facts, Operation, Statement
from eltbuild.project.resources import ColumnSpec, Node
from eltbuild.relation import Column, Grant, Relation, RelationInfo
from eltbuild.sql import rights
from eltbuild.sql.comments import comment_on, comment_on_columns
from eltbuild.sql.writer import Writer

FOLDING = frozenset({"duckdb", "spark", "databricks", "hive", "tsql", "mysql"})
"""Dialects in which names that differ in letter case alone are one, quoted or not."""


def extras(
    facts: Facts,
    writer: Writer,
    *,
    fresh: bool,
    kind: str = "table",
    columns: Sequence[Column] = (),
    standing: Sequence[Grant] | None = None,
) -> tuple[Operation, ...]:
    """The grants and comments that the config asks for. `fresh`: the relation is new and has no comment yet.

    `columns` are those that it has now, where they are known; `standing` its grants, by default what stands there
    unless it is fresh.
    """
    config = facts.node.config
    operations: list[Operation] = []
    if config.get("grants"):
        granted = standing if standing is not None else () if fresh else facts.belongings.grants
        operations += grants(facts.node, facts.relation, writer, granted, kind)
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

    A described column that the relation does not have is passed over, where `columns` tell which it has: to the letter.
    """
    if not writer.capabilities.comments:
        return ()
    statements: list[str] = []
    if persists(node, "relation") and node.description != (existing.comment if existing else ""):
        statements.append(comment_on(writer, relation, kind, node.description))
    if persists(node, "columns"):
        statements += comment_on_columns(writer, relation, kind, _column_texts(node, existing, columns))
    return (Statement(";\n".join(statements), "comment"),) if statements else ()


def _column_texts(node: Node, existing: RelationInfo | None, columns: Sequence[Column]) -> Mapping[str, str]:
    said = {column.name.casefold(): column.comment for column in (existing.columns if existing else ())}
    texts: dict[str, str] = {}
    for spec in node.columns.values():
        bare = spec.name.strip('"`')
        there = not columns or any(column.name == bare for column in columns)
        if there and spec.description != said.get(bare.casefold(), ""):
            texts[bare] = spec.description
    return texts


def _meant(spec: ColumnSpec, columns: Sequence[Column]) -> str | None:
    """The name of the column that a description means: a quoted one to the letter, any other but for letter case."""
    bare = spec.name.strip('"`')
    fold = str if spec.quote else str.casefold
    return next((column.name for column in columns if fold(column.name) == fold(bare)), None)


def undescribed(node: Node, columns: Sequence[Column]) -> tuple[Problem, ...]:
    """A warning of the columns that are described, and of which `persist_docs` finds none among these."""
    if not columns or node.resource_type == "snapshot" or not persists(node, "columns"):
        return ()
    absent = [spec.name for spec in node.columns.values() if _meant(spec, columns) is None]
    if not absent:
        return ()
    text = "The following columns are specified in the schema but are not present in the database"
    place = node.patch_place or node.place
    return (Problem(f"{text}: {', '.join(absent)}", place, severity="warning", name="ColumnNotPresent"),)


def grants(
    node: Node, relation: Relation, writer: Writer, standing: Sequence[Grant], kind: str = "table"
) -> tuple[Operation, ...]:
    """For each privilege that the config names: revoke what stands and is not wanted, then grant what is wanted.

    Other privileges stay as they are, and so do grants on single columns. Nothing where the engine has no grants.
    """
    if not writer.capabilities.grants:
        return ()
    wanted = wanted_grants(node)
    have: dict[str, list[str]] = {privilege: [] for privilege in wanted}
    for grant in standing:
        if not grant.column and grant.privilege.casefold() in have:
            have[grant.privilege.casefold()].append(grant.grantee)
    operations: list[Operation] = []
    for privilege, grantees in wanted.items():
        kept = {stored(grantee) for grantee in grantees}
        there = {grantee.casefold() for grantee in have[privilege]}
        gone = [rights.role(writer, grantee) for grantee in have[privilege] if grantee.casefold() not in kept]
        new = [grantee for grantee in grantees if stored(grantee) not in there]
        operations += (
            Statement(rights.revoke(writer, privilege, relation, kind, names), "grant") for names in (gone,) if names
        )
        operations += (
            Statement(rights.grant(writer, privilege, relation, kind, names), "grant") for names in (new,) if names
        )
    return tuple(operations)


def wanted_grants(node: Node) -> Mapping[str, tuple[str, ...]]:
    """Privilege, in lower case, to grantees as they are written in the config."""
    given = node.config.get("grants") or {}
    return {str(privilege).casefold(): _listed(grantees) for privilege, grantees in given.items()}


def stored(grantee: str) -> str:
    """The role that a config means, to compare with those of the catalogue: without quotes and letter case."""
    quoted = len(grantee) > 1 and grantee[0] == grantee[-1] and grantee[0] in '"`'
    return (grantee[1:-1].replace('""', '"') if quoted else grantee).casefold()


def warnings(node: Node, writer: Writer) -> tuple[Problem, ...]:
    """What to tell of configs that this engine cannot follow."""
    able = writer.capabilities
    asked = {"grants": able.grants, "indexes": able.indexes, "persist_docs": able.comments}
    if node.materialized in LAID_OUT and not _overwrites(node) and misplaced(node, able) is None:
        asked |= dict.fromkeys(sorted(able.layouts), False)
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


LAID_OUT = frozenset({"table", "incremental"})
"""Materializations of which the columns can be asked by which their rows lie together."""


def misplaced(node: Node, able: Capabilities) -> Problem | None:
    """Why a config that names columns, by which its rows lie together, is no such thing. None where it is."""
    if node.resource_type != "model" or node.materialized not in LAID_OUT or _overwrites(node):
        return None
    for key in sorted(able.layouts & node.config.keys()):
        value = node.config[key]
        names = value if isinstance(value, list | tuple) else [value]
        if value is not None and not (names and all(isinstance(name, str) for name in names)):
            hint = "a mapping is what another engine takes: give it for that one only"
            text = f"`{key}` of `{node.name}` must be a column, or a list of columns"
            return Problem(text, node.place, hint if isinstance(value, Mapping) else "")
    return None


def check_placed(node: Node, able: Capabilities) -> None:
    """Raise `CompileError` for what `misplaced` finds."""
    refused = misplaced(node, able)
    if refused is not None:
        raise CompileError(refused)


def _overwrites(node: Node) -> bool:
    """Whether the partitions are those that an increment replaces."""
    return node.config.get("incremental_strategy") == "insert_overwrite"


def too_long(node: Node, relation: Relation, writer: Writer) -> Problem | None:
    """Why a relation cannot have its name: the engine would cut it, and two could become one. None where it can."""
    limit = writer.capabilities.identifier_length
    parts = {"alias": relation.identifier, "schema": relation.schema}
    for key, name in parts.items():
        if limit and name and len(name.encode()) > limit:
            what = "Relation" if key == "alias" else "Schema"
            size = len(name.encode())
            text = f"{what} name '{name}' is longer than {limit} characters: it has {size} bytes"
            hint = f"give the {node.resource_type} `{node.name}` a shorter `{key}`"
            return Problem(text, node.place, hint, name="NameTooLong")
    return None


def cut_schema(node: Node) -> tuple[Problem, ...]:
    """A warning where the schema has another name than the project gives it: the engine has cut it."""
    kept, written = node.relation, node.written
    if kept is None or written is None or not kept.schema or not written.schema:
        return ()
    if len(kept.schema) >= len(written.schema):
        return ()
    text = f"Schema name '{written.schema}' is longer than the engine takes: it is cut to '{kept.schema}'"
    return (Problem(text, None, "give it a shorter name", severity="warning", name="NameTooLong"),)


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
