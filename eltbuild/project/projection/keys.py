"""The primary keys of models, as far as constraints and tests tell."""

from __future__ import annotations

from collections.abc import Sequence

from eltbuild.project.project import Project
from eltbuild.project.projection.configs import as_list
from eltbuild.project.resources import Node, NodeId


def primary_keys(project: Project) -> dict[NodeId, tuple[str, ...]]:
    """The primary key of each model that has one, from constraints, else from tests of uniqueness.

    Columns both unique and not null come before columns that are only unique.
    """
    unique: dict[NodeId, list[str]] = {}
    filled: dict[NodeId, set[str]] = {}
    for node in project.nodes.values():
        test = node.test
        if test is None or test.attached_to is None:
            continue
        # As it is written for the test: in quotes, where the column asks for them.
        column = str(test.kwargs.get("column_name") or test.column_name or "")
        if test.name == "not_null" and column:
            filled.setdefault(test.attached_to, set()).add(column)
        elif test.name == "unique" and column:
            unique.setdefault(test.attached_to, []).append(column)
        elif test.name == "unique_combination_of_columns":
            columns = test.kwargs.get("combination_of_columns")
            unique.setdefault(test.attached_to, []).extend(map(str, as_list(columns)))
    found = {}
    for node in project.nodes.values():
        if node.resource_type == "model":
            tested = _tested_key(unique.get(node.id), filled.get(node.id))
            if key := node.primary_key or _declared_key(node) or tested:
                found[node.id] = key
    return found


def _declared_key(node: Node) -> tuple[str, ...]:
    for constraint in node.constraints:
        if constraint.get("type") == "primary_key":
            return tuple(as_list(constraint.get("columns")))
    for column in node.columns.values():
        if any(item.get("type") == "primary_key" for item in column.constraints):
            return (column.name,)
    return ()


def _tested_key(unique: Sequence[str] | None, filled: set[str] | None) -> tuple[str, ...]:
    if not unique:
        return ()
    both = [name for name in unique if filled and name in filled]
    return tuple(dict.fromkeys(both or unique))
