"""Built-in macros of which dbt's materializations are made, and what a project's own macros in their place mean.

A project that puts a macro of its own in the place of `create_table_as` expects that tables are made by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from eltbuild.errors import Place, Problem
from eltbuild.project.resources import Macro, Node
from eltbuild.values import replace

_ANY = frozenset({
    "alter_column_comment", "alter_relation_comment", "apply_grants", "call_dcl_statements", "drop_relation",
    "drop_relation_if_exists", "get_dcl_statement_list", "get_drop_sql", "get_grant_sql", "get_revoke_sql",
    "get_rename_sql", "get_show_grant_sql", "load_cached_relation", "make_backup_relation",
    "make_intermediate_relation", "persist_docs", "rename_relation", "run_hooks", "should_revoke",
})  # fmt: skip
_TABLE = _ANY | {
    "create_indexes", "create_table_as", "get_column_names", "get_create_index_sql", "get_create_table_as_sql",
    "get_select_subquery", "get_table_columns_and_constraints",
}  # fmt: skip
BUILDING_BLOCKS: Mapping[str, frozenset[str]] = {
    "view": _ANY | {"create_view_as", "get_create_view_as_sql"},
    "table": _TABLE,
    "incremental": _TABLE | {
        "get_delete_insert_merge_sql", "get_incremental_default_sql", "get_insert_into_sql",
        "get_insert_overwrite_merge_sql", "get_merge_sql", "get_merge_unique_key_match", "get_merge_update_columns",
        "incremental_validate_on_schema_change", "make_temp_relation", "process_schema_changes",
    },
}  # fmt: skip
"""By materialization: the macros that it calls. The steps are those of `dbt/materializations.py`."""


UNASKED: Mapping[str, frozenset[str]] = {
    "snapshot": frozenset({
        "build_snapshot_staging_table", "build_snapshot_table", "create_columns", "get_snapshot_get_time_data_type",
        "get_updated_at_column_data_type", "post_snapshot", "snapshot_check_strategy", "snapshot_hash_arguments",
        "snapshot_merge_sql", "snapshot_staging_table", "snapshot_timestamp_strategy",
    }),
    "seed": frozenset({"create_csv_table", "get_batch_size", "get_csv_sql", "load_csv_rows", "reset_csv_table"}),
    "materialized_view": frozenset({
        "get_alter_materialized_view_as_sql", "get_create_materialized_view_as_sql",
        "get_replace_materialized_view_sql", "refresh_materialized_view",
    }),
}  # fmt: skip
"""By materialization: the macros that dbt's calls and ours does not, however the project has replaced them."""

Meant = Callable[[str, str], Macro | None]
"""The macro of the project's that a name means in a package."""


def unasked(nodes: Iterable[Node], own: Meant, replaced: Meant) -> Iterator[Problem]:
    """A warning for each macro in the place of a step that nothing asks; `own`: a materialization."""
    built = {kind: node for node in nodes for kind in (node.resource_type, node.materialized) if kind in UNASKED}
    for kind, node in sorted(built.items()):
        if own(kind, node.package) is not None:
            continue
        for name in sorted(UNASKED[kind]):
            macro = replaced(name, node.package)
            if macro is not None:
                text = f"macro `{macro.name}` takes the place of a step that building a {kind} does not ask"
                hint = "it counts only where a template calls it"
                yield Problem(text, Place(macro.project_path, macro.line), hint, "warning")


OURS = "macro.eltbuild."
"""How the ids of macros begin that no file holds."""


def in_steps(name: str, override: Macro) -> Macro:
    """The materialization as steps that call macros, for a project in which one of them is its own.

    What goes wrong in it is told at the place of that macro.
    """
    key = f"materialization_{name}_default"
    text = f"{{% materialization {name}, default %}}{{{{ return({key}()) }}}}{{% endmaterialization %}}"
    return replace(override, id=f"{OURS}{key}", name=key, key=key, kind="materialization", text=text, arguments=())
