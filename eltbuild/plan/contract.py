"""Contracts of models: whether a query keeps its promise, and the table that the promise describes. Nothing is run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from eltbuild.errors import CompileError, Problem
from eltbuild.plan.nouns import Facts
from eltbuild.project.resources import ColumnSpec, Node
from eltbuild.relation import Column, Index
from eltbuild.sql import spelling
from eltbuild.sql.types import keeps_promise
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


def is_asked(node: Node) -> bool:
    """Whether constraints that the engine does not enforce are asked: not where the contract says `ask: false`."""
    contract = node.config.get("contract")
    return not (isinstance(contract, Mapping) and contract.get("ask") in (False, "false", "False"))


def bare(name: Any) -> str:
    """A name of a column without the quotes around it, if it has some."""
    text = str(name).strip()
    return text[1:-1] if len(text) > 2 and text[0] == text[-1] and text[0] in '"`' else text


def checked(facts: Facts, writer: Writer) -> tuple[tuple[ColumnSpec, Column], ...]:
    """What the contract says of each column, in the contract's order, with the column of the query that keeps it.

    Raises `CompileError` with a table of all differences; before that, nothing has been written.
    """
    node = facts.node
    given = {column.name.casefold(): column for column in facts.columns}
    promised = {bare(spec.name).casefold(): spec for spec in node.columns.values()}
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
    rows += [(column.name, column.type, "", "comes more than once") for column in _again(facts.columns, writer)]
    wrong = sorted(row for row in rows if row is not None)
    if wrong:
        raise CompileError(
            Problem(
                f"This model has an enforced contract that failed. The query of `{node.name}` does not keep it"
                f"\n\n{_table(wrong)}",
                node.place,
                "name every column of the query in the contract with the type it has, or cast it in the query",
            )
        )
    return tuple((spec, given[key]) for key, spec in promised.items())


def _again(columns: Sequence[Column], writer: Writer) -> Iterator[Column]:
    """The columns of a query whose names have come before: nobody could say which of them is meant."""
    seen: set[str] = set()
    for column in columns:
        name = column.name if writer.capabilities.exact_names else column.name.casefold()
        if name in seen:
            yield column
        seen.add(name)


ENDINGS: Mapping[str, str] = {
    "primary_key": "_pkey", "unique": "_{0}_key", "foreign_key": "_{0}_fkey", "check": "_{0}_check",
}  # fmt: skip
"""How the names end that PostgreSQL gives to constraints without any."""
INDEXED = frozenset({"unique", "primary_key"})
Slot = tuple[str, int]
"""Where a constraint stands: at which column, or at none; and which of those that stand there."""


def definitions(facts: Facts, writer: Writer, suffix: str = "") -> tuple[str, ...]:
    """The lines of a CREATE TABLE that the contract describes: columns, then constraints of the model.

    `suffix`: it is made elsewhere than in its place. Then no constraint is without a name, and those with an index,
    which two tables cannot have under one name, have the suffix: see `keys`.
    """
    kept = checked(facts, writer)
    names = {bare(spec.name).casefold(): column.name for spec, column in kept}
    node = facts.node
    own = _own_names(facts, writer) if suffix and writer.dialect in spelling.INDEX_NAMES else {}
    given = {slot: writer.fitted(name, suffix) if indexed else name for slot, (name, indexed, _) in own.items()}
    filled = filled_columns(node)
    lines = [_column_line(spec, column, node, writer, given, filled) for spec, column in kept]
    for number, constraint in enumerate(node.constraints):
        if _is_nothing(constraint):
            continue
        if not constraint.get("columns") and str(constraint.get("type")) in KEYS:
            text = f"the constraint `{constraint.get('type')}` of the contract of `{node.name}` names no columns"
            raise CompileError(Problem(text, node.patch_place or node.place, "say which: `columns: [id]`"))
        name = given.get(("", number), constraint.get("name"))
        lines.append(_model_constraint({**constraint, "name": name}, names, writer))
    return tuple(line for line in lines if line)


KEYS = frozenset({"unique", "primary_key", "foreign_key"})


def _is_nothing(constraint: Constraint) -> bool:
    """Whether it is a check of nothing, which is left out, as dbt leaves it out."""
    return str(constraint.get("type")) == "check" and not str(constraint.get("expression") or "").strip()


def filled_columns(node: Node) -> frozenset[str]:
    """The columns, their names folded, that must have values by a `not_null` of the column or of the model."""
    own = [spec.name for spec in node.columns.values() for one in spec.constraints if one.get("type") == "not_null"]
    told = [name for one in node.constraints if one.get("type") == "not_null" for name in one.get("columns") or ()]
    return frozenset(bare(name).casefold() for name in (*own, *told))


def asked(node: Node, writer: Writer) -> Counter[str]:
    """How many constraints of each kind the contract gives the table, none where it is not enforced."""
    given = [*node.constraints, *(one for spec in node.columns.values() for one in spec.constraints)]
    kinds = [str(one.get("type")) for one in given if not _is_nothing(one)] if is_enforced(node) else []
    return Counter(kind for kind in kinds if kind in ENDINGS and is_made(kind, writer))


def names(facts: Facts, writer: Writer) -> frozenset[str]:
    """The names that the constraints of the contract have, where the engine gives each one."""
    if writer.dialect not in spelling.INDEX_NAMES or not is_enforced(facts.node):
        return frozenset()
    return frozenset(name for name, _, _ in _own_names(facts, writer).values())


def keys(facts: Facts, writer: Writer) -> tuple[Index, ...]:
    """The constraints of the contract that have an index, under the names that they shall have in the end."""
    if writer.dialect not in spelling.INDEX_NAMES or not is_enforced(facts.node):
        return ()
    found = _own_names(facts, writer).values()
    return tuple(Index(name, "", True, columns, "key") for name, indexed, columns in found if indexed)


def _own_names(facts: Facts, writer: Writer) -> Mapping[Slot, tuple[str, bool, tuple[str, ...]]]:
    """For each constraint: its name, whether it has an index, and its columns.

    Without a name of its own it gets that of the same one on the standing table, else one as PostgreSQL gives them.
    """
    node = facts.node
    kept = checked(facts, writer)
    names = {bare(spec.name).casefold(): column.name for spec, column in kept}
    placed: dict[Slot, tuple[Constraint, tuple[str, ...]]] = {}
    for spec, column in kept:
        placed.update({(column.name, at): (one, (column.name,)) for at, one in enumerate(spec.constraints)})
    for at, one in enumerate(node.constraints):
        given = [bare(name) for name in one.get("columns") or ()]
        placed["", at] = (one, tuple(names.get(name.casefold(), name) for name in given))
    found: dict[Slot, tuple[str, bool, tuple[str, ...]]] = {}
    for slot, (one, columns) in placed.items():
        kind = str(one.get("type"))
        if kind in ENDINGS and is_made(kind, writer):
            used = {name for name, _, _ in found.values()}
            name = str(one.get("name") or "") or _name(kind, columns, facts, used, writer)
            found[slot] = (name, kind in INDEXED, columns)
    return found


def _name(kind: str, columns: tuple[str, ...], facts: Facts, used: set[str], writer: Writer) -> str:
    words = kind.replace("_", " ")
    for index in facts.belongings.indexes:
        same = index.constraint.casefold().startswith(words) and index.columns == columns
        if same and kind in INDEXED and index.name not in used:
            return index.name
    ending = ENDINGS[kind].format("_".join(columns)) if columns else "_" + kind
    names = (writer.fitted(facts.relation.identifier or "", f"{ending}{number or ''}") for number in count())
    return next(name for name in names if name not in used)


def declared_type(spec: ColumnSpec, node: Node, writer: Writer) -> str:
    """The type that the contract names, in the engine's words."""
    name = spec.data_type or ""
    contract = node.config.get("contract")
    if isinstance(contract, Mapping) and contract.get("alias_types") is False:
        return name
    return ALIASES.get(writer.dialect, {}).get(name.casefold(), name)


def warnings(node: Node, writer: Writer) -> tuple[Problem, ...]:
    """What to tell of constraints that the engine does not take, or takes and does not enforce, and of those that

    nobody can look after.
    """
    found: list[Problem] = []
    if not is_enforced(node):
        return ()
    if node.ephemeral or node.resource_type != "model":
        return _without_effect(node)
    for constraint in (*node.constraints, *(c for spec in node.columns.values() for c in spec.constraints)):
        told = _lost(constraint, node, writer) or _unenforced(constraint, node, writer)
        if told:
            place = node.patch_place or node.place
            found.append(Problem(told, place, severity="warning", name="UnenforcedConstraint"))
    return tuple(dict.fromkeys(found))


def _without_effect(node: Node) -> tuple[Problem, ...]:
    """A warning where somebody has written down what the node should promise, and nobody looks after it."""
    if not node.constraints and not any(spec.data_type or spec.constraints for spec in node.columns.values()):
        return ()
    what = "an ephemeral model" if node.ephemeral else f"a {node.resource_type}"
    text = f"the contract of {what}, `{node.name}`, has no effect"
    place = node.patch_place or node.place
    return (Problem(text, place, "tables, views and incremental models keep theirs", "warning", "ContractIgnored"),)


def _unenforced(constraint: Constraint, node: Node, writer: Writer) -> str:
    kind = str(constraint.get("type"))
    if kind == "custom" or kind in writer.capabilities.enforced_constraints:
        return ""
    taken = kind in spelling.UNENFORCED.get(writer.dialect, ())
    if not constraint.get("warn_unenforced" if taken else "warn_unsupported", True):
        return ""
    verb = "takes but does not enforce" if taken else "does not take"
    instead = ": it is checked when the model is built" if is_asked(node) else ""
    return f"the engine {verb} the constraint `{kind}` of `{node.name}`{instead}"


def _lost(constraint: Constraint, node: Node, writer: Writer) -> str:
    """Why a constraint is neither enforced by the engine nor checked."""
    kind = str(constraint.get("type"))
    if _is_nothing(constraint):
        return f"a `check` of `{node.name}` has no effect: it has no `expression`"
    made = node.materialized in ("table", "incremental") and is_made(kind, writer)
    if made or not constraint.get("warn_unsupported", True):
        return ""
    if kind == "custom":
        return f"a `custom` constraint of `{node.name}` has no effect: a {node.materialized} has none"
    if kind == "foreign_key" and not (constraint.get("to_columns") or "(" in str(constraint.get("expression") or "")):
        return f"a `foreign_key` of `{node.name}` has no effect: it does not name the columns that it points to"
    if kind in ("not_null", *KEYS) and constraint in node.constraints and not constraint.get("columns"):
        return f"a `{kind}` of `{node.name}` has no effect: it names no columns"
    return ""


def _difference(
    key: str, spec: ColumnSpec, column: Column | None, node: Node, writer: Writer
) -> tuple[str, str, str, str] | None:
    promised = declared_type(spec, node, writer)
    if column is None:
        return (spec.name, "", promised, "missing in definition")
    if not keeps_promise(column.type, promised, writer.dialect):
        return (spec.name, column.type, promised, "data type mismatch")
    return None


def _table(rows: list[tuple[str, str, str, str]]) -> str:
    table = [("column", "in the query", "in the contract", "difference"), *rows]
    widths = [max(len(row[i]) for row in table) for i in range(4)]
    lines = ["    | " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in table]
    lines.insert(1, "    | " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def is_made(kind: str, writer: Writer) -> bool:
    """Whether a table gets constraints of that kind, enforced or not."""
    if kind == "foreign_key" and writer.capabilities.holds_referenced:
        return False
    return (
        kind == "custom"
        or kind in writer.capabilities.enforced_constraints
        or kind in spelling.UNENFORCED.get(writer.dialect, ())
    )


def _column_line(
    spec: ColumnSpec, column: Column, node: Node, writer: Writer, names: Mapping[Slot, str], filled: frozenset[str]
) -> str:
    words = [writer.plain(column.name), declared_type(spec, node, writer)]
    by_model = not any(one.get("type") == "not_null" for one in spec.constraints)
    if by_model and bare(spec.name).casefold() in filled and is_made("not_null", writer):
        words.append("not null" + _not_enforced("not_null", writer))
    for number, constraint in enumerate(spec.constraints):
        if is_made(str(constraint.get("type")), writer) and not _is_nothing(constraint):
            name = names.get((column.name, number))
            words.append(f"constraint {writer.plain(name)}" if name else "")
            words.append(_column_constraint(constraint, writer))
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
    if not is_made(kind, writer):
        return ""
    given = [bare(name) for name in constraint.get("columns") or ()]
    columns = ", ".join(writer.plain(names.get(name.casefold(), name)) for name in given)
    name = f"constraint {writer.plain(str(constraint['name']))} " if constraint.get("name") else ""
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
    columns = ", ".join(writer.plain(bare(name)) for name in constraint.get("to_columns") or ())
    return f"{constraint['to']} ({columns})" if columns else str(constraint["to"])


def _not_enforced(kind: str, writer: Writer) -> str:
    enforced = kind in writer.capabilities.enforced_constraints
    return "" if enforced else spelling.NOT_ENFORCED.get(writer.dialect, "")
