"""Contracts of models: whether a query keeps its promise, and the table that the promise describes. Nothing is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.errors import CompileError, Problem
from eltbuild.plan.nouns import Facts, Operation, Statement
from eltbuild.project.resources import ColumnSpec, Node
from eltbuild.relation import Column
from eltbuild.sql import spelling
from eltbuild.sql.types import same_type
from eltbuild.sql.writer import Writer

ALIASES: Mapping[str, Mapping[str, str]] = {
    "bigquery": {"text": "string", "float": "float64", "integer": "int64"},
    **{dialect: {"string": "text"} for dialect in ("duckdb", "postgres", "redshift", "snowflake")},
    **{dialect: {"text": "string"} for dialect in spelling.SPARK},
}
"""Names of types that a contract may use on every engine (`alias_types`)."""

Constraint = Mapping[str, Any]


def is_enforced(node: Node) -> bool:
    """Whether the node promises its columns."""
    contract = node.config.get("contract")
    return isinstance(contract, Mapping) and contract.get("enforced") in (True, "true", "True")


def checked(facts: Facts, writer: Writer) -> tuple[tuple[ColumnSpec, Column], ...]:
    """What the contract says of each column, in the contract's order, with the column of the query that keeps it.

    Raises `CompileError` with a table of all differences; before that, nothing has been written.
    """
    node = facts.node
    given = {column.name.casefold(): column for column in facts.columns}
    promised = {spec.name.strip('"`').casefold(): spec for spec in node.columns.values()}
    untyped = [spec.name for spec in promised.values() if not spec.data_type]
    if untyped or not promised:
        what = f"no `data_type` for {', '.join(f'`{name}`' for name in untyped)}" if untyped else "no columns"
        raise CompileError(
            Problem(f"the contract of `{node.name}` is enforced and gives {what}", node.patch_place or node.place)
        )
    rows = [_difference(key, spec, given.get(key), node, writer) for key, spec in promised.items()]
    rows += [
        (column.name, column.type, "", "missing in contract") for key, column in given.items() if key not in promised
    ]
    wrong = sorted(row for row in rows if row is not None)
    if wrong:
        raise CompileError(
            Problem(
                f"the query of `{node.name}` does not keep its contract\n\n{_table(wrong)}",
                node.place,
                "name every column of the query in the contract with the type it has, or cast it in the query",
            )
        )
    return tuple((spec, given[key]) for key, spec in promised.items())


SHARED_NAMES = frozenset({"postgres", "redshift", "materialize"})
"""Dialects in which a constraint's index has a name that no other table of the schema may use."""
INDEXED = frozenset({"unique", "primary_key"})


def definitions(facts: Facts, writer: Writer, suffix: str = "") -> tuple[str, ...]:
    """The lines of a CREATE TABLE that the contract describes: columns, then constraints of the model.

    `suffix` goes to the names of constraints that two tables cannot have at once.
    """
    kept = checked(facts, writer)
    names = {spec.name.strip('"`').casefold(): column.name for spec, column in kept}
    node = facts.node
    lines = [_column_line(spec, column, node, writer) for spec, column in kept]
    for constraint in node.constraints:
        if suffix and _is_shared(constraint, writer):
            constraint = {**constraint, "name": writer.fitted(str(constraint["name"]), suffix)}
        lines.append(_model_constraint(constraint, names, writer))
    return tuple(line for line in lines if line)


def renamed_constraints(facts: Facts, writer: Writer, suffix: str) -> tuple[Operation, ...]:
    """Give the constraints of a table made with `suffix` their own names."""
    names = [str(one["name"]) for one in facts.node.constraints if _is_shared(one, writer)]
    return tuple(
        Statement(writer.rename_constraint(facts.relation, writer.fitted(name, suffix), name), "rename")
        for name in names
    )


def _is_shared(constraint: Constraint, writer: Writer) -> bool:
    return writer.dialect in SHARED_NAMES and bool(constraint.get("name")) and constraint.get("type") in INDEXED


def declared_type(spec: ColumnSpec, node: Node, writer: Writer) -> str:
    """The type that the contract names, in the engine's words."""
    name = spec.data_type or ""
    contract = node.config.get("contract")
    if isinstance(contract, Mapping) and contract.get("alias_types") is False:
        return name
    return ALIASES.get(writer.dialect, {}).get(name.casefold(), name)


def warnings(node: Node, writer: Writer) -> tuple[Problem, ...]:
    """What to tell of constraints that the engine does not take, or takes and does not enforce."""
    found: list[Problem] = []
    if not is_enforced(node):
        return ()
    for constraint in (*node.constraints, *(c for spec in node.columns.values() for c in spec.constraints)):
        kind = str(constraint.get("type"))
        if kind == "custom" or kind in writer.capabilities.enforced_constraints:
            continue
        taken = kind in spelling.UNENFORCED.get(writer.dialect, ())
        if constraint.get("warn_unenforced" if taken else "warn_unsupported", True):
            verb = "takes but does not enforce" if taken else "does not take"
            text = f"the engine {verb} the constraint `{kind}` of `{node.name}`"
            found.append(Problem(text, node.patch_place or node.place, severity="warning", name="UnenforcedConstraint"))
    return tuple(found)


def _difference(
    key: str, spec: ColumnSpec, column: Column | None, node: Node, writer: Writer
) -> tuple[str, str, str, str] | None:
    promised = declared_type(spec, node, writer)
    if column is None:
        return (spec.name, "", promised, "missing in query")
    if not same_type(column.type, promised, writer.dialect):
        return (spec.name, column.type, promised, "other type")
    return None


def _table(rows: list[tuple[str, str, str, str]]) -> str:
    table = [("column", "in the query", "in the contract", "difference"), *rows]
    widths = [max(len(row[i]) for row in table) for i in range(4)]
    lines = ["    | " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in table]
    lines.insert(1, "    | " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def _taken(kind: str, writer: Writer) -> bool:
    return (
        kind == "custom"
        or kind in writer.capabilities.enforced_constraints
        or kind in spelling.UNENFORCED.get(writer.dialect, ())
    )


def _column_line(spec: ColumnSpec, column: Column, node: Node, writer: Writer) -> str:
    words = [writer.quote(column.name), declared_type(spec, node, writer)]
    taken = (constraint for constraint in spec.constraints if _taken(str(constraint.get("type")), writer))
    words += [_column_constraint(constraint, writer) for constraint in taken]
    return " ".join(word for word in words if word)


def _column_constraint(constraint: Constraint, writer: Writer) -> str:
    kind, expression = str(constraint.get("type")), str(constraint.get("expression") or "")
    tail = _not_enforced(kind, writer)
    match kind:
        case "not_null" | "unique" | "primary_key":
            words = kind.replace("_", " ")
            return f"{words} {expression}{tail}".strip() if expression else words + tail
        case "check":
            return f"check ({expression})"
        case "foreign_key":
            return f"references {_reference(constraint, writer)}{tail}"
    return expression


def _model_constraint(constraint: Constraint, names: Mapping[str, str], writer: Writer) -> str:
    kind, expression = str(constraint.get("type")), str(constraint.get("expression") or "")
    if not _taken(kind, writer):
        return ""
    given = [str(name).strip('"`') for name in constraint.get("columns") or ()]
    columns = writer.names(names.get(name.casefold(), name) for name in given)
    name = f"constraint {writer.quote(str(constraint['name']))} " if constraint.get("name") else ""
    tail = _not_enforced(kind, writer)
    match kind:
        case "check":
            return f"{name}check ({expression})"
        case "unique" | "primary_key":
            return f"{name}{kind.replace('_', ' ')} ({columns}){expression and ' ' + expression}{tail}"
        case "foreign_key":
            return f"{name}foreign key ({columns}) references {_reference(constraint, writer)}{tail}"
        case "custom":
            return name + expression
    return ""


def _reference(constraint: Constraint, writer: Writer) -> str:
    """What a foreign key points to: `to` is a relation as text already."""
    if not constraint.get("to"):
        return str(constraint.get("expression") or "")
    columns = writer.names(str(name).strip('"`') for name in constraint.get("to_columns") or ())
    return f"{constraint['to']} ({columns})" if columns else str(constraint["to"])


def _not_enforced(kind: str, writer: Writer) -> str:
    enforced = kind in writer.capabilities.enforced_constraints
    return "" if enforced else spelling.NOT_ENFORCED.get(writer.dialect, "")
