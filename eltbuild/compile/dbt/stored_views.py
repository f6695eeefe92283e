"""Macros of materialized views: the statements, and the steps of building one as packages call and replace them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eltbuild.compile.rendering import Rendering
from eltbuild.jinja.errors import TemplateError


def get_alter_materialized_view_as_sql(
    rendering: Rendering,
    relation: Any,
    configuration_changes: Any,
    sql: Any,
    existing_relation: Any,
    backup_relation: Any,
    intermediate_relation: Any,
) -> str:
    """What brings a materialized view to its new configuration; where that takes a new one, what makes it."""
    if configuration_changes is None:
        return ""
    if getattr(configuration_changes, "requires_full_refresh", True):
        return str(rendering.scope["get_replace_sql"](existing_relation, relation, sql))
    changes = getattr(configuration_changes, "indexes", ())
    return str(rendering.scope["update_indexes_on_materialized_view"](relation, changes))


def get_materialized_view_configuration_changes(rendering: Rendering, existing_relation: Any, new_config: Any) -> None:
    """None: changes of indexes are found where the view is built, and need no macro."""


def get_replace_materialized_view_sql(rendering: Rendering, relation: Any, sql: Any) -> str:
    """A materialized view in the place of another: the old one goes, the new one is made."""
    gone = rendering.scope["drop_materialized_view"](relation)
    return f"{gone};\n{rendering.scope['get_create_materialized_view_as_sql'](relation, sql)}"


def update_indexes_on_materialized_view(rendering: Rendering, relation: Any, index_changes: Any) -> str:
    """The statements that drop and make indexes, as the changes say."""
    out = []
    for change in index_changes or ():
        action = str(getattr(change, "action", "")).rpartition(".")[2].lower()
        if action == "drop":
            out.append(str(rendering.scope["get_drop_index_sql"](relation, change.context.name)))
        elif action == "create":
            out.append(str(rendering.scope["get_create_index_sql"](relation, change.context.as_node_config)))
        else:
            raise TemplateError(f"a change of an index is to `drop` or to `create` it, not `{action}`")
    return ";\n".join(out)


def describe_materialized_view(rendering: Rendering, relation: Any) -> dict[str, Any]:
    """What stands of a materialized view beside its query: its indexes."""
    return {"indexes": rendering.scope["run_query"](rendering.scope["get_show_indexes_sql"](relation))}


def materialized_view_setup(
    rendering: Rendering, backup_relation: Any, intermediate_relation: Any, pre_hooks: Any
) -> str:
    """What an earlier run left is dropped, and the hooks outside of the transaction run."""
    for relation in (intermediate_relation, backup_relation):
        rendering.scope["drop_relation_if_exists"](rendering.scope["load_cached_relation"](relation))
    rendering.scope["run_hooks"](pre_hooks, inside_transaction=False)
    return ""


def materialized_view_teardown(
    rendering: Rendering, backup_relation: Any, intermediate_relation: Any, post_hooks: Any
) -> str:
    """What was needed on the way is dropped, and the hooks outside of the transaction run."""
    for relation in (intermediate_relation, backup_relation):
        rendering.scope["drop_relation_if_exists"](relation)
    rendering.scope["run_hooks"](post_hooks, inside_transaction=False)
    return ""


def materialized_view_get_build_sql(
    rendering: Rendering,
    existing_relation: Any,
    target_relation: Any,
    backup_relation: Any,
    intermediate_relation: Any,
) -> str:
    """The statements that the build comes to: a new view, one in the place of another, or a refresh."""
    sql = rendering.scope["sql"]
    if existing_relation is None:
        return str(rendering.scope["get_create_materialized_view_as_sql"](target_relation, sql))
    if rendering.scope["should_full_refresh"]() or not existing_relation.is_materialized_view:
        return str(rendering.scope["get_replace_sql"](existing_relation, target_relation, sql))
    return str(rendering.scope["refresh_materialized_view"](target_relation))


def materialized_view_execute_no_op(rendering: Rendering, target_relation: Any) -> str:
    """A result that says that nothing was done."""
    rendering.scope["store_raw_result"]("main", f"skip {target_relation}", "skip", "-1")
    return ""


def materialized_view_execute_build_sql(
    rendering: Rendering, build_sql: Any, existing_relation: Any, target_relation: Any, post_hooks: Any
) -> str:
    """The statements run, then rights, comments and the hooks within the transaction."""
    scope = rendering.scope
    scope["run_hooks"](scope["pre_hooks"], inside_transaction=True)
    scope["statement"]("main", caller=lambda: str(build_sql))
    revoke = scope["should_revoke"](existing_relation, full_refresh_mode=True)
    scope["apply_grants"](target_relation, scope["config"].get("grants"), should_revoke=revoke)
    scope["persist_docs"](target_relation, scope["model"])
    scope["run_hooks"](post_hooks, inside_transaction=True)
    return ""


STORED_VIEWS: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        describe_materialized_view,
        get_alter_materialized_view_as_sql,
        get_materialized_view_configuration_changes,
        get_replace_materialized_view_sql,
        materialized_view_execute_build_sql,
        materialized_view_execute_no_op,
        materialized_view_get_build_sql,
        materialized_view_setup,
        materialized_view_teardown,
        update_indexes_on_materialized_view,
    )
}
