"""Materializations as steps that call macros: what packages wrap, and what projects that replace a step are built by.

Everything else is built by the operations of `eltbuild.plan`, which ask no macro.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eltbuild.compile.rendering import Rendering

Made = Callable[[Any], Any]
"""The statement that makes a relation of the model's query."""
Relations = dict[str, list[Any]]


def materialization_view_default(rendering: Rendering) -> Relations:
    """The view is made beside its place and takes it."""
    scope = rendering.scope
    target = scope["this"].incorporate(type="view")
    return _whole(rendering, target, lambda made: scope["get_create_view_as_sql"](made, scope["sql"]))


def materialization_table_default(rendering: Rendering) -> Relations:
    """The table is made beside its place and takes it."""
    scope = rendering.scope
    target = scope["this"].incorporate(type="table")
    return _whole(rendering, target, lambda made: scope["get_create_table_as_sql"](False, made, scope["sql"]))


def materialization_incremental_default(rendering: Rendering) -> Relations:
    """The rows of the query are added by the strategy; a table that is not there yet, or all asked anew, is made."""
    scope = rendering.scope
    target = scope["this"].incorporate(type="table")
    existing = scope["load_cached_relation"](scope["this"])
    if existing is None:
        _before(rendering)
        scope["statement"]("main", caller=lambda: scope["get_create_table_as_sql"](False, target, scope["sql"]))
        return _after(rendering, target, existing, False)
    if not existing.is_table or scope["should_full_refresh"]():
        return materialization_table_default(rendering)
    _before(rendering)
    staged = scope["make_temp_relation"](target)
    scope["statement"]("stage", caller=lambda: scope["create_table_as"](True, staged, scope["sql"]))
    scope["statement"]("main", caller=lambda: _increment(rendering, target, staged, existing))
    return _after(rendering, target, existing, scope["should_revoke"](existing, False))


def _increment(rendering: Rendering, target: Any, staged: Any, existing: Any) -> str:
    """The statements of the strategy, once the columns are those of the query as far as the policy says."""
    scope, config = rendering.scope, rendering.scope["config"]
    policy = scope["incremental_validate_on_schema_change"](config.get("on_schema_change") or "ignore", "ignore")
    scope["adapter"].expand_target_column_types(staged, target)
    columns = scope["process_schema_changes"](policy, staged, existing)
    strategy = scope["adapter"].get_incremental_strategy_macro(None, config.get("incremental_strategy") or "default")
    given = {
        "target_relation": target,
        "temp_relation": staged,
        "unique_key": config.get("unique_key"),
        "dest_columns": columns or scope["adapter"].get_columns_in_relation(existing),
        "incremental_predicates": config.get("predicates") or config.get("incremental_predicates"),
    }
    return str(strategy(given))


def _whole(rendering: Rendering, target: Any, statement: Made) -> Relations:
    """Made beside its place; what stood there gives way, and goes at the end."""
    scope = rendering.scope
    existing = scope["load_cached_relation"](scope["this"])
    made = scope["make_intermediate_relation"](target)
    old = scope["make_backup_relation"](target, "table" if existing is None else existing.type)
    for left in (made, old):
        scope["drop_relation_if_exists"](scope["load_cached_relation"](left))
    _before(rendering)
    scope["statement"]("main", caller=lambda: statement(made))
    if existing is not None:
        if rendering.session.dialect == "duckdb" and existing.is_table:
            # A table that has indexes cannot be renamed there.
            scope["drop_indexes_on_relation"](existing)
        scope["adapter"].rename_relation(existing, old)
    scope["adapter"].rename_relation(made, target)
    return _after(rendering, target, existing, scope["should_revoke"](existing, True), old if existing else None)


def _before(rendering: Rendering) -> None:
    scope = rendering.scope
    scope["run_hooks"](scope["pre_hooks"], inside_transaction=False)
    scope["run_hooks"](scope["pre_hooks"], inside_transaction=True)


def _after(rendering: Rendering, target: Any, existing: Any, revoke: Any, old: Any = None) -> Relations:
    """What belongs to the relation is there: indexes, privileges, comments; the hooks have run."""
    scope = rendering.scope
    if target.is_table and (old is not None or existing is None):
        scope["create_indexes"](target)
    scope["run_hooks"](scope["post_hooks"], inside_transaction=True)
    scope["apply_grants"](target, scope["config"].get("grants"), should_revoke=revoke)
    scope["persist_docs"](target, scope["model"])
    if old is not None:
        scope["drop_relation_if_exists"](old)
    scope["run_hooks"](scope["post_hooks"], inside_transaction=False)
    return {"relations": [target]}


MATERIALIZATIONS: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        materialization_incremental_default,
        materialization_table_default,
        materialization_view_default,
    )
}
