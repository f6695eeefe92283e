"""What a later state keeps of an enforced contract, and what it breaks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from eltbuild.graph.contracts import broken_promises, contract_details, removed_promise, same_contract
from eltbuild.graph.state import Before
from eltbuild.project.resources import ColumnSpec, Node

ENFORCED = {"enforced": True, "alias_types": True}
NOT_NULL = {"type": "not_null"}
CHECK = {"type": "check", "name": "positive", "expression": "id > 0"}
COLUMNS = {"id": ("integer", (NOT_NULL,)), "name": ("varchar(10)", ())}


def node(
    columns: Mapping[str, Any] = COLUMNS, constraints: tuple[Any, ...] = (CHECK,), materialized: str = "table",
    enforced: bool = True, **more: Any,
) -> Node:  # fmt: skip
    specs = {name: ColumnSpec(name, data_type=kind, constraints=given) for name, (kind, given) in columns.items()}
    config = {"materialized": materialized, "contract": {"enforced": enforced}}
    return Node(
        id="model.shop.orders", resource_type="model", name="orders", package="shop", path="orders.sql",
        original_path="models/orders.sql", columns=specs, constraints=constraints, config=config, **more,
    )  # fmt: skip


def before(
    columns: Mapping[str, Any] = COLUMNS, constraints: tuple[Any, ...] = (CHECK,), materialized: str = "table",
    enforced: bool = True, **more: Any,
) -> Before:  # fmt: skip
    shown = {
        name: {"name": name, "data_type": kind, "constraints": [{**one, "warn_unenforced": True} for one in given]}
        for name, (kind, given) in columns.items()
    }
    return Before(
        unique_id="model.shop.orders", resource_type="model", name="orders", columns=shown,
        constraints=tuple({**one, "columns": [], "warn_unsupported": True} for one in constraints),
        config={"materialized": materialized}, contract={**ENFORCED, "enforced": enforced}, **more,
    )  # fmt: skip


def test_what_a_manifest_says_with_its_defaults_is_the_same() -> None:
    assert same_contract(node(), before())
    assert contract_details(node(), before()) == ()


BROKEN: Mapping[str, tuple[Node, Before, list[str]]] = {
    "column removed": (node({"id": COLUMNS["id"]}), before(), ["column `name` was removed"]),
    "type": (
        node({**COLUMNS, "name": ("text", ())}), before(), ["the type of column `name` was varchar(10) and is text"],
    ),
    "not null": (node({**COLUMNS, "id": ("integer", ())}), before(), ["column `id` is no longer not_null"]),
    "check removed": (node(constraints=()), before(), ["the constraint check `positive` (id > 0) was removed"]),
    "check changed": (
        node(constraints=({**CHECK, "expression": "id > 1"},)), before(),
        ["the constraint check `positive` (id > 0) was removed"],
    ),
    "a view": (
        node(materialized="view"), before(), ["it was materialized as table and is view, with constraints"],
    ),
    "not enforced": (node(enforced=False), before(), ["its contract is no longer enforced"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_readers_relied_on(name: str) -> None:
    now, then, expected = BROKEN[name]
    assert broken_promises(now, then) == expected
    assert not same_contract(now, then)


KEPT: Mapping[str, tuple[Node, Before, list[str]]] = {
    "column added": (node({**COLUMNS, "more": ("date", ())}), before(), ["column_added"]),
    "size": (node({**COLUMNS, "name": ("varchar(20)", ())}), before(), ["column_type"]),
    "letter case": (node({**COLUMNS, "name": ("VARCHAR(10)", ())}), before(), ["column_type"]),
    "constraint added": (node({**COLUMNS, "name": ("varchar(10)", (NOT_NULL,))}), before(), ["constraint_added"]),
    "incremental": (node(materialized="incremental"), before(), ["materialization"]),
    "a view's constraint": (node(constraints=(), materialized="view"), before(materialized="view"), [
        "constraint_removed",
    ]),
    "enforced now": (node(), before(enforced=False), ["contract_enforced"]),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_what_is_another_and_breaks_nothing(name: str) -> None:
    now, then, expected = KEPT[name]
    assert [detail.what for detail in contract_details(now, then)] == expected
    assert broken_promises(now, then) == []
    assert not same_contract(now, then)


def test_without_an_enforced_contract_nothing_is_promised() -> None:
    assert contract_details(node(enforced=False, columns={}), before(enforced=False)) == ()
    assert same_contract(node(enforced=False, columns={}), before(enforced=False))


NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("then", "disabled", "what"),
    [
        (before(), False, "model_removed"),
        (before(), True, "model_disabled"),
        (before(enforced=False), False, None),
        (before(deprecation_date="2026-01-01T00:00:00+00:00"), False, None),
        (before(deprecation_date="2026-01-03"), False, "model_removed"),
        (before(deprecation_date="2026-01-02T01:00:00+02:00"), False, None),
    ],
)
def test_a_model_may_go_when_its_time_is_over(then: Before, disabled: bool, what: str | None) -> None:
    found = removed_promise(then, disabled, NOW)
    assert (found.what if found else None) == what
