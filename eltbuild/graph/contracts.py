"""What an enforced contract promises, and what of it a later state breaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from eltbuild.graph.state import Before
from eltbuild.graph.written import plain
from eltbuild.project.resources import Node

Contract = tuple[tuple[tuple[str, str, str], ...], str, str]


def is_enforced(contract: Any) -> bool:
    """Whether a `contract` config says that it is enforced."""
    return bool(contract.get("enforced")) if isinstance(contract, Mapping) else False


def same_contract(node: Node, before: Before) -> bool:
    """Whether columns, types and constraints are promised as before; what is not enforced promises nothing."""
    now, then = is_enforced(node.config.get("contract")), was_enforced(before)
    return now == then and (not now or _contract_of(node) == _contract_before(before))


def was_enforced(before: Before) -> bool:
    """Whether the contract was enforced."""
    return is_enforced(before.contract or (before.config or {}).get("contract"))


def broken_promises(node: Node, before: Before) -> list[str]:
    """What those who read the model can no longer rely on, though its contract was enforced."""
    if not was_enforced(before):
        return []
    if not is_enforced(node.config.get("contract")):
        return ["its contract is no longer enforced"]
    broken = []
    now = {column.name: column for column in node.columns.values()}
    for name, then in (before.columns or {}).items():
        column = now.get(name)
        if column is None:
            broken.append(f"column `{name}` was removed")
            continue
        old_type, new_type = str(then.get("data_type") or ""), column.data_type or ""
        if _base_type(old_type) != _base_type(new_type):
            broken.append(f"the type of column `{name}` was {old_type} and is {new_type}")
        lost_here = _lost(then.get("constraints"), column.constraints)
        broken += [f"column `{name}` is no longer {lost}" for lost in lost_here]
    broken += [f"the constraint {lost} was removed" for lost in _lost(before.constraints, node.constraints)]
    materialized = str((before.config or {}).get("materialized") or "view")
    if materialized != node.materialized and (before.constraints or _any_constraint(before)):
        broken.append(f"it was materialized as {materialized} and is {node.materialized}")
    return broken


def _constraints(constraints: Iterable[Mapping[str, Any]] | None) -> list[str]:
    """Constraints in a form in which equal ones are equal; adapters' default keys left out."""
    defaults = {"warn_unenforced": True, "warn_unsupported": True, "columns": [], "to_columns": []}
    return sorted(
        str(
            sorted(
                (key, plain(value)) for key, value in item.items() if value is not None and defaults.get(key) != value
            )
        )
        for item in constraints or ()
    )


def _contract_of(node: Node) -> Contract:
    columns = ((c.name, c.data_type or "", str(_constraints(c.constraints))) for c in node.columns.values())
    return tuple(sorted(columns)), str(_constraints(node.constraints)), node.materialized


def _contract_before(before: Before) -> Contract:
    columns = (
        (name, str(column.get("data_type") or ""), str(_constraints(column.get("constraints"))))
        for name, column in (before.columns or {}).items()
    )
    materialized = str((before.config or {}).get("materialized") or "view")
    return tuple(sorted(columns)), str(_constraints(before.constraints)), materialized


def _any_constraint(before: Before) -> bool:
    return any(column.get("constraints") for column in (before.columns or {}).values())


def _base_type(type: str) -> str:
    return type.partition("(")[0].strip().lower()


def _lost(before: Iterable[Mapping[str, Any]] | None, now: Iterable[Mapping[str, Any]] | None) -> list[str]:
    kept = _constraints(now)
    return [str(item.get("type")) for item in before or () if _constraints([item])[0] not in kept]
