"""Which configs there are, as data: dbt's, those of its adapters, and those of its later versions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from eltbuild.errors import Place, Problem, did_you_mean
from eltbuild.project.yaml import Mapped


def words_of(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


MAPPINGS = words_of("quoting column_types meta docs contract snapshot_meta_column_names")
"""Configs whose values are mappings that are joined key by key."""

BOOLEANS = words_of("enabled full_refresh store_failures concurrent_batches adopt on_target quote_columns")
"""Configs that are true or false, or nothing."""
NAMES = words_of("alias schema database target_schema target_database")
"""Configs that are one text each, or nothing."""

_EVERY = words_of("enabled tags meta group static_analysis description")
_NODE = _EVERY | words_of(
    """
    materialized alias schema database project dataset catalog access docs persist_docs pre-hook post-hook pre_hook
    post_hook quoting column_types full_refresh unique_key incremental_strategy on_schema_change
    on_configuration_change grants packages contract event_time batch_size begin lookback concurrent_batches
    freshness loaded_at_field loaded_at_query on_error latest_version_pointer state compute sync sql_header
    incremental_predicates predicates merge_update_columns merge_exclude_columns catalog_name constraints
    snowflake_warehouse python_version imports sql_parser ref_time_granularity schedule cron execute_as
    submission_method timeout timeout_seconds retries adopt publish
    """
)
_DUCKDB = words_of(
    """
    indexes partitioned_by sorted_by location format delimiter options plugin glue_register glue_database
    partition_by partition_columns parquet_read_options json_read_options csv_read_options parameters merge_clauses
    merge_on_using_columns merge_update_condition merge_insert_condition merge_update_set_expressions
    merge_returning_columns config settings
    """
)
_POSTGRES = words_of("unlogged indexes")
_REDSHIFT = words_of("sort_type dist sort bind backup auto_refresh query_group")
_SNOWFLAKE = words_of(
    """
    transient partition_by cluster_by automatic_clustering secure copy_grants copy_tags
    snowflake_initialization_warehouse refresh_warehouse query_tag tmp_relation_type target_lag scheduler
    row_access_policy table_tag immutable_where table_format external_volume base_location_root
    base_location_subpath iceberg_version initialize refresh_mode
    """
)
_BIGQUERY = words_of(
    """
    cluster_by partition_by kms_key_name labels partitions grant_access_to hours_to_expiration
    require_partition_filter partition_expiration_days enable_refresh refresh_interval_minutes max_staleness
    enable_list_inference intermediate_format notebook_template_id enable_change_history
    job_execution_timeout_seconds reservation resource_tags job_id dataproc_cluster_name copy_partitions
    """
)
_SPARK = words_of(
    """
    file_format location_root partition_by clustered_by buckets options tblproperties liquid_clustered_by
    auto_liquid_cluster databricks_compute databricks_tags include_full_name_in_path skip_optimize replace_where
    source_alias target_alias merge_with_schema_evolution matched_condition not_matched_condition
    not_matched_by_source_action not_matched_by_source_condition create_notebook job_cluster_config cluster_id
    index_url additional_libs user_folder_for_python query_tags
    """
)
_ATHENA = words_of(
    """
    work_group skip_workgroup_check s3_staging_dir external_location partitioned_by bucketed_by bucket_count
    table_type ha write_compression field_delimiter table_properties native_drop seed_by_insert lf_tags_config
    lf_grants seed_s3_upload_args partitions_limit force_batch unique_tmp_table_suffix temp_schema s3_data_dir
    s3_data_naming
    """
)
_OTHERS = words_of("properties views_enabled order_by engine settings query_settings primary_key ttl on_table_exists")
_BUILT = _NODE | _DUCKDB | _POSTGRES | _REDSHIFT | _SNOWFLAKE | _BIGQUERY | _SPARK | _ATHENA | _OTHERS

KNOWN: Mapping[str, frozenset[str]] = {
    "models": _BUILT,
    "seeds": _BUILT | words_of("quote_columns fast"),
    "snapshots": _BUILT
    | words_of(
        """
        strategy updated_at check_cols snapshot_meta_column_names dbt_valid_to_current hard_deletes
        invalidate_hard_deletes target_schema target_database snapshot_table_column_names relation
        """
    ),
    "data_tests": _NODE
    | words_of("severity warn_if error_if store_failures store_failures_as where limit fail_calc")
    | _BUILT,
    "unit_tests": _EVERY | words_of("on_target"),
    "sources": _EVERY
    | words_of(
        """
        event_time freshness loaded_at_field loaded_at_query external_location plugin formatter loader quoting
        schema database identifier adopt
        """
    ),
    "exposures": _EVERY,
    "analyses": _BUILT,
    "metrics": _EVERY,
    "semantic_models": _EVERY | words_of("access"),
    "saved_queries": _EVERY | words_of("cache export_as schema access exports"),
    "functions": _NODE | words_of("type volatility runtime_version entry_point snowflake"),
}
"""Known configs by section, as the sections are called in `Settings.configs`."""


MATERIALIZATIONS = words_of(
    """
    view table incremental ephemeral materialized_view external seed snapshot test unit function clone dynamic_table
    streaming_table
    """
)
"""Those of eltbuild and of known adapters. Any other is one that somebody has written."""


def check_keys(section: str, config: Mapping[str, Any], place: Place | None) -> list[Problem]:
    """A warning for each key that no part of eltbuild and no known adapter reads; what a materialization of the
    project's or a package's may read is unknown, so that nothing is said of its configs.

    `place` is that of the config, used for its path where the keys know their own lines.
    """
    known = KNOWN.get(section)
    if known is None or known.issuperset(config) or str(config.get("materialized") or "view") not in MATERIALIZATIONS:
        return []
    return [_unknown(section, str(key), _place(config, key, place)) for key in config if key not in known]


def _place(config: Mapping[str, Any], key: Any, place: Place | None) -> Place | None:
    if place is not None and isinstance(config, Mapped) and config.line:
        return Place(place.path, *config.place_of(key))
    return place


def _unknown(section: str, key: str, place: Place | None) -> Problem:
    message = f"config `{key}` is unknown; it is kept and nothing reads it"
    return Problem(message, place, _hint(section, key), "warning", "CustomKeyInConfigDeprecation")


@lru_cache(maxsize=1024)
def _hint(section: str, key: str) -> str:
    return did_you_mean(key, KNOWN[section]) or "put what is yours under `meta`"
