"""What an enforced contract promises, and what of it a later state breaks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from eltbuild.graph.state import Before
from eltbuild.graph.written import plain
from eltbuild.project.deprecation import moment_of
from eltbuild.project.resources import Node
from eltbuild.values import dataclass

Contract = tuple[tuple[tuple[str, str, str], ...], str, str]

ENFORCING = frozenset({"table", "incremental"})
"""The materializations whose constraints dbt counts: of those of views it takes no notice."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that is another than before. `what` is its kind, in a word for programs; `text` says it to people."""

    what: str
    text: str
    subject: str = ""
    """The column, config or other name that it is about."""
    before: Any = None
    after: Any = None
    breaking: bool = False
    """Whether those who read the model can no longer rely on what its enforced contract had promised."""


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
    return [detail.text for detail in contract_details(node, before) if detail.breaking]


def removed_promise(before: Before, disabled: bool, now: datetime) -> Detail | None:
    """What is broken by a model that is no more: nothing where no contract was enforced, or its time was over."""
    if before.resource_type != "model" or not was_enforced(before):
        return None
    over = moment_of(before.deprecation_date)
    if over is not None and over < now:
        return None
    if disabled:
        return Detail("model_disabled", "the model was disabled", breaking=True)
    return Detail("model_removed", "the model was deleted or renamed", breaking=True)


def contract_details(node: Node, before: Before) -> tuple[Detail, ...]:
    """All that the contract promises otherwise than before, what breaks it marked; as dbt judges it."""
    now, then = is_enforced(node.config.get("contract")), was_enforced(before)
    if not then:
        return (Detail("contract_enforced", "its contract is enforced now", after=True),) if now else ()
    if not now:
        text = "its contract is no longer enforced"
        return (Detail("contract_dropped", text, before=True, after=False, breaking=True),)
    return (*_columns(node, before), *_constraints_of_model(node, before), *_materialization(node, before))


def _columns(node: Node, before: Before) -> Iterator[Detail]:
    now = {column.name: column for column in node.columns.values()}
    enforced = _enforcing(before)
    for name, then in (before.columns or {}).items():
        column = now.get(name)
        if column is None:
            yield Detail("column_removed", f"column `{name}` was removed", name, then.get("data_type"), breaking=True)
            continue
        old, new = str(then.get("data_type") or ""), column.data_type or ""
        if old != new:
            breaking = _base_type(old) != _base_type(new)
            text = f"the type of column `{name}` was {old} and is {new}"
            yield Detail("column_type", text, name, old, new, breaking)
        for lost in _lost(then.get("constraints"), column.constraints):
            text = f"column `{name}` is no longer {_told(lost)}"
            yield Detail("constraint_removed", text, name, _shown(lost), None, enforced)
        for added in _lost(column.constraints, then.get("constraints")):
            yield Detail("constraint_added", f"column `{name}` is now {_told(added)}", name, None, _shown(added))
    for name, column in now.items():
        if name not in (before.columns or {}):
            yield Detail("column_added", f"column `{name}` was added", name, None, column.data_type)


def _constraints_of_model(node: Node, before: Before) -> Iterator[Detail]:
    for lost in _lost(before.constraints, node.constraints):
        text = f"the constraint {_told(lost)} was removed"
        yield Detail("constraint_removed", text, str(lost.get("name") or ""), _shown(lost), None, _enforcing(before))
    for added in _lost(node.constraints, before.constraints):
        text = f"the constraint {_told(added)} was added"
        yield Detail("constraint_added", text, str(added.get("name") or ""), None, _shown(added))


def _materialization(node: Node, before: Before) -> Iterator[Detail]:
    then = _materialized(before)
    if then != node.materialized and _any_constraint(before):
        breaking = _enforcing(before) and node.materialized not in ENFORCING
        text = f"it was materialized as {then} and is {node.materialized}"
        yield Detail("materialization", f"{text}, with constraints", "materialized", then, node.materialized, breaking)


def _materialized(before: Before) -> str:
    return str((before.config or {}).get("materialized") or "view")


def _enforcing(before: Before) -> bool:
    return _materialized(before) in ENFORCING


def _told(constraint: Mapping[str, Any]) -> str:
    """A constraint in words: `not_null`, `check (id > 0)`, `unique (a, b)`."""
    inner = ", ".join(map(str, constraint.get("columns") or ())) or str(constraint.get("expression") or "")
    name = f" `{constraint['name']}`" if constraint.get("name") else ""
    return f"{constraint.get('type')}{name}{f' ({inner})' if inner else ''}"


def _shown(constraint: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in constraint.items() if value not in (None, [], ()) and value is not True}


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
    return tuple(sorted(columns)), str(_constraints(before.constraints)), _materialized(before)


def _any_constraint(before: Before) -> bool:
    return bool(before.constraints) or any(column.get("constraints") for column in (before.columns or {}).values())


def _base_type(type: str) -> str:
    return type.partition("(")[0].strip().lower()


def _lost(
    before: Iterable[Mapping[str, Any]] | None, now: Iterable[Mapping[str, Any]] | None
) -> Iterator[Mapping[str, Any]]:
    kept = _constraints(now)
    return (item for item in before or () if _constraints([item])[0] not in kept)
