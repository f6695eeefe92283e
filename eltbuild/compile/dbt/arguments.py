"""What templates read of a call besides what it was given: flags and targets with the values that dbt has for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.adapter import Target
from eltbuild.compile.session import Invocation

FLAGS: Mapping[str, Any] = {
    "CACHE_SELECTED_ONLY": False, "HINTS_ENABLED": True, "LOG_CACHE_EVENTS": False, "LOG_FILE_MAX_BYTES": 10_485_760,
    "LOG_FORMAT": "default", "LOG_FORMAT_FILE": "debug", "LOG_LEVEL": "info", "LOG_LEVEL_FILE": "debug",
    "MACRO_DEBUGGING": False, "MAXIMUM_SEED_SIZE_MIB": 1, "NO_PRINT": None, "PARTIAL_PARSE_FILE_DIFF": True,
    "POPULATE_CACHE": True, "PRINTER_WIDTH": 80, "SHOW_ALL_DEPRECATIONS": False, "SHOW_RESOURCE_REPORT": False,
    "SQLPARSE": {"MAX_GROUPING_DEPTH": None, "MAX_GROUPING_TOKENS": None}, "STATIC_PARSER": True, "STRICT_MODE": False,
    "UPLOAD_TO_ARTIFACTS_INGEST_API": False, "USE_COLORS_FILE": True, "USE_EXPERIMENTAL_PARSER": False,
    "USE_FAST_TEST_EDGES": False, "USE_V2_PARSER": False,
}  # fmt: skip
"""Flags about dbt's own parsers, caches and reports: they say what they say where nobody sets them."""

BEHAVIOUR: Mapping[str, bool] = {
    "allow_jinja_file_extensions": False, "enable_grouped_warn_error_parser_logs": False,
    "latest_version_pointer_enabled_by_default": False, "require_all_warnings_handled_by_warn_error": True,
    "require_batched_execution_for_custom_microbatch_strategy": True, "require_corrected_analysis_fqns": False,
    "require_explicit_package_overrides_for_builtin_materializations": True,
    "require_generic_test_arguments_property": True, "require_nested_cumulative_type_params": True,
    "require_ref_searches_node_package_before_root": False, "require_resource_names_without_spaces": True,
    "require_source_and_semantic_model_names_without_spaces": False, "require_sql_header_in_test_configs": False,
    "require_unique_project_resource_names": False, "require_valid_schema_from_generate_schema_name": False,
    "require_yaml_configuration_for_mf_time_spines": True, "skip_nodes_if_on_run_start_fails": True,
    "source_freshness_run_project_hooks": True, "state_modified_compare_more_unrendered_values": True,
    "state_modified_compare_vars": False, "support_custom_ref_kwargs": False, "use_catalogs_v2": False,
    "validate_macro_args": True,
}  # fmt: skip
"""Switches of a project file's `flags:` with what holds where it says nothing."""

TOLD = (
    "DEFER", "EMPTY", "FAVOR_STATE", "INDIRECT_SELECTION", "INTROSPECT", "INVOCATION_COMMAND", "LOG_PATH",
    "PARTIAL_PARSE", "PRINT", "PROFILES_DIR", "PROJECT_DIR", "QUIET", "SEND_ANONYMOUS_USAGE_STATS", "USE_COLORS",
    "VERSION_CHECK", "WRITE_JSON",
)  # fmt: skip
"""Flags that `invocation_args_dict` has whether they were given or not, but for folders that nobody names."""

TARGETS: Mapping[str, Mapping[str, Any]] = {
    "duckdb": {
        "config_options": None, "extensions": None, "settings": {}, "external_root": ".", "attach": None,
        "use_credential_provider": None, "filesystems": None, "remote": None, "plugins": None,
        "disable_transactions": False,
    },
    "postgres": {
        "connect_timeout": 10, "role": None, "search_path": None, "keepalives_idle": 0, "sslmode": None,
        "sslcert": None, "sslkey": None, "sslrootcert": None, "application_name": "dbt", "autocommit": False,
        "retries": 1,
    },
}  # fmt: skip
"""Fields of a target that templates read whether the profile has them or not, by the target's type."""


def arguments_of(invocation: Invocation, flags: Mapping[str, Any]) -> dict[str, Any]:
    """`invocation_args_dict`: every argument of the call by its lower-case name. `flags`: those of the project file."""
    folders = {"LOG_PATH", "PROFILES_DIR", "PROJECT_DIR"}
    told = {name.lower(): invocation.flags.get(name) for name in TOLD}
    return {
        "select": (), "exclude": (), "vars": {}, "warn_error_options": {"error": [], "warn": [], "silence": []},
        **{name.lower(): value for name, value in FLAGS.items() if value is not None},
        **{name: bool(flags.get(name, value)) for name, value in BEHAVIOUR.items()},
        **{name: value for name, value in told.items() if value is not None or name.upper() not in folders},
        **invocation.args,
    }  # fmt: skip


def target_defaults(target: Target) -> Mapping[str, Any]:
    """What the target's fields are where the profile has none."""
    return TARGETS.get(target.type, {})
