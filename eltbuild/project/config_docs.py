"""What each config means, in a line: the source of the reference page. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Explanation(NamedTuple):
    """A config in words: what it does, what holds where nobody sets it, which adapters know it."""

    what: str
    default: str = "none"
    adapters: str = "all"


_E = Explanation

EXPLANATIONS: Mapping[str, Explanation] = {
    # Where a node lies, and whether there is one
    "enabled": _E("Whether the resource takes part; a disabled one is read and then left out.", "`true`"),
    "materialized": _E(
        "How the result is kept: `view`, `table`, `incremental`, `ephemeral`, `materialized_view`, or the name of a "
        "materialization of the project or of a package.",
        "`view`; seeds `seed`, snapshots `snapshot`, tests `test`",
    ),
    "alias": _E("The relation's name in the warehouse, through the macro `generate_alias_name`.", "the name"),
    "schema": _E("The schema, through the macro `generate_schema_name`.", "the target's schema"),
    "database": _E("The database, through the macro `generate_database_name`.", "the target's database"),
    "target_schema": _E("Snapshots: the schema as it stands, without `generate_schema_name`."),
    "target_database": _E("Snapshots: the database as it stands, without `generate_database_name`."),
    "quoting": _E("Read for compatibility; has no effect. `quoting:` of the project file and of sources has."),
    "catalog_name": _E("Read for compatibility; has no effect."),
    # What people say about it
    "tags": _E("Labels to select by (`tag:nightly`); lists from all levels are joined.", "`[]`"),
    "meta": _E("Anything at all, for people and tools; mappings from all levels are merged.", "`{}`"),
    "group": _E("The group that owns the resource; `access: private` is judged by it."),
    "access": _E("Who may refer to the model: `private`, `protected` or `public`.", "`protected`"),
    "docs": _E("`show`: whether the documentation shows it; `node_color`: its colour in the graph.", "`{show: true}`"),
    "persist_docs": _E("Write descriptions to the warehouse as comments: `relation`, `columns`.", "`false` each"),
    "description": _E("What the resource is; usually written as a property."),
    # How it is built
    "pre_hook": _E("SQL that runs before the node is built; lists from all levels are joined.", "`[]`"),
    "post_hook": _E("SQL that runs after the node is built; lists from all levels are joined.", "`[]`"),
    "sql_header": _E("SQL that stands in front of the statement that builds the node."),
    "full_refresh": _E(
        "`true` always builds from nothing, `false` never does; both outrank `--full-refresh`.", "as the flag says"
    ),
    "adopt": _E(
        "`true` takes over a relation of that name which this project did not build, and keeps the old one under "
        "another name; `false` never does; both outrank `--adopt`.",
        "as the flag says",
    ),
    "on_target": _E(
        "Unit tests: `true` runs the test in the warehouse, not in memory; `--on-target` and `--in-memory` outrank it.",
        "`false`",
    ),
    "publish": _E(
        "When readers see what is built: `immediate`, as soon as it stands; `audited`, once its error tests have "
        "passed on it; `run`, together with all else that the run builds, or not at all. `--publish` outranks it.",
        "`immediate`",
    ),
    "grants": _E(
        "Who may do what: privilege to grantees. It decides on the privileges that it names (`insert: []` takes one "
        "from everybody); rights that it does not name stay. `+select` adds to the levels above.",
        "`{}`",
    ),
    "contract": _E(
        "`enforced: true` compares the query's columns and types with those in YAML before anything is built, and "
        "looks after its constraints; `ask: false` leaves those to the engine alone; `alias_types: false` takes types "
        "as they are written.",
        "`{enforced: false}`",
    ),
    "on_error": _E(
        "After an error, `skip_children` skips what stands on the node; `continue` builds it.", "`skip_children`"
    ),
    "timeout": _E(
        "The longest time that the node may take, all attempts together: seconds, or `90s`, `10m`, `1h30m`. What takes "
        "longer is cancelled and is an error.",
        "`node_timeout` of the target, else no limit",
    ),
    "retries": _E(
        "How often the node is tried again after a transient error: another session was in its way, the connection was "
        "lost. Never when something of it stands already.",
        "`node_retries` of the target, else `5`",
    ),
    "on_configuration_change": _E(
        "What a materialized view does when its query or its indexes changed: `apply` makes it anew or alters it, "
        "`continue` leaves it and warns, `fail` is an error.",
        "`apply`",
    ),
    "latest_version_pointer": _E("Read for compatibility; has no effect."),
    "event_time": _E("The column that tells when a row happened: for `microbatch` and for `--sample`."),
    "freshness": _E(
        "How old the data may be: `warn_after` and `error_after` as `{count, period}`, and `filter`; `null` takes an "
        "inherited rule away. Of models, seeds and snapshots `eltbuild freshness` checks it; dbt's `build_after` is "
        "read for compatibility and has no effect."
    ),
    "loaded_at_field": _E(
        "The column, or an expression, that tells when a row arrived; freshness is measured by it. A model without it "
        "is as fresh as its last build."
    ),
    "loaded_at_query": _E("A query for the time of the last arrival, in place of `loaded_at_field`."),
    "packages": _E("Python models: the libraries that the model needs; lists are joined.", "`[]`"),
    "static_analysis": _E("Read for compatibility with dbt v2; has no effect.", "none"),
    "python_version": _E("Read for compatibility; has no effect."),
    # Incremental models
    "unique_key": _E("The column, or columns, by which new rows replace old ones."),
    "incremental_strategy": _E(
        "How new rows go in: `append`, `delete+insert`, `merge`, `insert_overwrite`, `microbatch`, or a macro "
        "`get_incremental_..._sql`.",
        "the adapter's",
    ),
    "incremental_predicates": _E("Conditions that limit which old rows are looked at."),
    "predicates": _E("Another name of `incremental_predicates`."),
    "merge_update_columns": _E("`merge`: update these columns only.", "all"),
    "merge_exclude_columns": _E("`merge`: update all columns but these.", "none"),
    "on_schema_change": _E(
        "When the query's columns are not those of the table: `ignore`, `append_new_columns`, `sync_all_columns`, "
        "`fail`, `full_refresh`; see docs/incremental.md.",
        "`ignore`",
    ),
    "batch_size": _E("`microbatch`: the length of a batch: `hour`, `day`, `month`, `year`."),
    "begin": _E("`microbatch`: where time begins, for a first build."),
    "lookback": _E("`microbatch`: how many earlier batches are built again.", "`1`"),
    "concurrent_batches": _E("Read for compatibility; batches run one after the other."),
    # Seeds
    "column_types": _E("Seeds: types of columns, by name; the others are guessed from the values.", "`{}`"),
    "quote_columns": _E("Seeds: whether column names are quoted.", "the adapter's"),
    "delimiter": _E("Seeds: the character between two values.", "`,`"),
    # Snapshots
    "strategy": _E("Snapshots: how a change is seen: `timestamp` or `check`."),
    "updated_at": _E("Snapshots: the column that tells when a row changed (`timestamp`)."),
    "check_cols": _E("Snapshots: the columns to compare (`check`), or `all`."),
    "hard_deletes": _E(
        "Snapshots: rows that are gone are left alone (`ignore`), closed (`invalidate`) or noted (`new_record`).",
        "`ignore`",
    ),
    "invalidate_hard_deletes": _E("Snapshots: the older form of `hard_deletes: invalidate`.", "`false`"),
    "snapshot_meta_column_names": _E(
        "Snapshots: other names for `dbt_valid_from`, `dbt_valid_to` and the rest.", "`{}`"
    ),
    "dbt_valid_to_current": _E("Snapshots: what stands in `dbt_valid_to` of the current row, as SQL.", "null"),
    "relation": _E("Snapshots in YAML: what is snapshotted, as `ref(...)` or `source(...)`."),
    # Tests
    "severity": _E("Whether a failing test is an `error` or a `warn`.", "`error`"),
    "warn_if": _E("The number of failures that warns, as a comparison.", "`!= 0`"),
    "error_if": _E("The number of failures that fails, as a comparison.", "`!= 0`"),
    "fail_calc": _E("How failures are counted, as SQL over the test's rows.", "`count(*)`"),
    "store_failures": _E("Whether the failing rows are kept in the warehouse.", "`false`"),
    "store_failures_as": _E(
        "How failing rows are kept: `table`, `view`, `ephemeral`; `history` for those of all runs.", "`ephemeral`"
    ),
    "where": _E("A condition: only rows that satisfy it are tested."),
    "limit": _E("The most failing rows that a test looks at."),
    # Sources
    "identifier": _E("Sources: the table's name in the warehouse, where it is another one.", "the name"),
    "loader": _E("Sources: which tool loads the data; for people."),
    "external_location": _E(
        "Sources: the files to read, with `{name}` for the table's name; or a call such as `read_csv(...)`.",
        adapters="duckdb",
    ),
    "formatter": _E(
        "Sources: how `external_location` is filled in: `newstyle`, `oldstyle` or `template`.", "`newstyle`", "duckdb"
    ),
    # Kept for artifacts and for other tools
    "constraints": _E("Constraints of the table; usually written as a property."),
    "state": _E("Read for compatibility with dbt v2; has no effect."),
    "compute": _E("Read for compatibility with dbt v2; has no effect."),
    "sync": _E("Read for compatibility with dbt v2; has no effect."),
    "sql_parser": _E("Read for compatibility with dbt v2; has no effect."),
    "ref_time_granularity": _E("Read for compatibility with dbt v2; has no effect."),
    "schedule": _E("Read for compatibility with dbt v2; has no effect."),
    "cron": _E("Read for compatibility with dbt v2; has no effect."),
    "fast": _E("Read for compatibility with dbt v2; has no effect."),
    "snapshot_table_column_names": _E("Read for compatibility; dbt's name is `snapshot_meta_column_names`."),
    "cache": _E("Saved queries: kept for the artifacts."),
    "exports": _E("Saved queries: kept for the artifacts."),
    "export_as": _E("Saved queries: kept for the artifacts."),
    "type": _E("Functions: `scalar`, `aggregate` or `table`.", "`scalar`"),
    "volatility": _E("Functions: `deterministic`, `stable` or `non-deterministic`; macros have none."),
    "runtime_version": _E("Functions in Python: the version of Python."),
    "entry_point": _E("Functions in Python: the name of the function or class in the file."),
    "project": _E("BigQuery's word for `database`.", "the target's database"),
    "dataset": _E("BigQuery's word for `schema`.", "the target's schema"),
    "catalog": _E("Databricks' word for `database`.", "the target's database"),
}
"""Configs that mean the same on every engine, `_` for `-`."""

OF_ENGINES: Mapping[str, Mapping[str, str]] = {
    "DuckDB": {
        "location": "`external`: the file that is written.",
        "format": "`external`: `parquet`, `csv` or `json`.",
        "options": "`external`: options of the `copy` statement.",
        "delimiter": "Seeds, and files written as CSV: the character between two values.",
        "parquet_read_options": "`external`: how the file is read back.",
        "csv_read_options": "`external`: how the file is read back.",
        "json_read_options": "`external`: how the file is read back.",
        "partition_columns": "`external`: columns by which files are split.",
        "partition_by": "Columns by which files or tables are split.",
        "partitioned_by": "Columns by which the table is split.",
        "sorted_by": "Columns by which the table is sorted.",
        "plugin": "The plugin that reads or writes the data.",
        "config": "Settings for the plugin.",
        "settings": "Settings of the engine for this node.",
        "glue_register": "Whether the file is registered in a Glue catalogue.",
        "glue_database": "The database of that catalogue.",
        "parameters": "`table_function`: the names of its parameters.",
        "indexes": "Indexes of the table: a list of `{columns, unique, type}`.",
        "merge_clauses": "`merge`: the clauses, written out.",
        "merge_on_using_columns": "`merge`: columns for `using (...)`.",
        "merge_update_condition": "`merge`: update only rows that satisfy this.",
        "merge_insert_condition": "`merge`: insert only rows that satisfy this.",
        "merge_update_set_expressions": "`merge`: expressions for updated columns.",
        "merge_returning_columns": "`merge`: columns to return.",
    },
    "PostgreSQL": {
        "unlogged": "Whether the table is written without a log.",
        "indexes": "Indexes of the table: a list of `{columns, unique, type}`.",
    },
    "Redshift": {
        "dist": "How rows are spread: `all`, `even`, `auto` or a column.",
        "sort": "Columns by which the table is sorted.",
        "sort_type": "`compound` or `interleaved`.",
        "bind": "Whether views are bound to what they read.",
        "backup": "Whether the table is part of backups.",
        "auto_refresh": "Materialized views: whether they refresh by themselves.",
        "query_group": "The queue of the statements.",
    },
    "Snowflake": {
        "transient": "Whether tables are transient.",
        "cluster_by": "Columns by which the table is clustered.",
        "partition_by": "Columns by which an Iceberg table is split.",
        "automatic_clustering": "Whether clustering goes on by itself.",
        "secure": "Whether views are secure.",
        "copy_grants": "Whether grants are kept when a relation is replaced.",
        "copy_tags": "Whether tags are kept when a relation is replaced.",
        "snowflake_warehouse": "The warehouse that does the work.",
        "snowflake_initialization_warehouse": "Dynamic tables: the warehouse of the first build.",
        "refresh_warehouse": "Dynamic tables: the warehouse of refreshes.",
        "query_tag": "A tag for the node's statements.",
        "tmp_relation_type": "Incremental models: `view` or `table` for the new rows.",
        "target_lag": "Dynamic tables: how old they may be.",
        "scheduler": "Dynamic tables: who decides on refreshes.",
        "refresh_mode": "Dynamic tables: `auto`, `full` or `incremental`.",
        "initialize": "Dynamic tables: `on_create` or `on_schedule`.",
        "immutable_where": "Dynamic tables: rows that never change.",
        "row_access_policy": "The row access policy of the relation.",
        "table_tag": "Tags of the relation in the warehouse.",
        "table_format": "`default` or `iceberg`.",
        "external_volume": "Iceberg tables: the volume.",
        "base_location_root": "Iceberg tables: where files go.",
        "base_location_subpath": "Iceberg tables: where files go, below that.",
        "iceberg_version": "Iceberg tables: the version of the format.",
        "execute_as": "Python models: `caller` or `owner`.",
        "imports": "Python models: files that the model needs.",
        "snowflake": "Functions: settings for this engine.",
    },
    "BigQuery": {
        "cluster_by": "Columns by which the table is clustered.",
        "partition_by": "The column and the kind of partitions.",
        "partitions": "`insert_overwrite`: the partitions to replace.",
        "copy_partitions": "Whether partitions are copied in place of merged.",
        "require_partition_filter": "Whether queries must name a partition.",
        "partition_expiration_days": "When partitions go.",
        "hours_to_expiration": "When the table goes.",
        "kms_key_name": "The key that encrypts the table.",
        "labels": "Labels of the relation.",
        "resource_tags": "Tags of the relation.",
        "grant_access_to": "Datasets that the view may read.",
        "enable_refresh": "Materialized views: whether they refresh by themselves.",
        "refresh_interval_minutes": "Materialized views: how often.",
        "max_staleness": "Materialized views: how old they may be.",
        "enable_change_history": "Whether changes are kept.",
        "enable_list_inference": "Python models: how lists are written.",
        "intermediate_format": "Python models: the format of intermediate files.",
        "submission_method": "Python models: how the work is handed in.",
        "notebook_template_id": "Python models: the notebook template.",
        "dataproc_cluster_name": "Python models: the cluster.",
        "job_execution_timeout_seconds": "The longest time that a job may take.",
        "reservation": "The reservation that pays.",
        "job_id": "The name of the job.",
        "timeout_seconds": "Python models: the longest time.",
    },
    "Spark and Databricks": {
        "file_format": "The format of the table: `delta`, `parquet`, `iceberg` and others.",
        "location_root": "Where the table's files lie.",
        "include_full_name_in_path": "Whether that path names database and schema.",
        "partition_by": "Columns by which the table is split.",
        "clustered_by": "Columns by which rows are spread over buckets.",
        "buckets": "The number of buckets.",
        "liquid_clustered_by": "Columns of liquid clustering.",
        "auto_liquid_cluster": "Whether the engine chooses those columns.",
        "tblproperties": "Properties of the table.",
        "options": "Options of the table.",
        "databricks_compute": "The compute that does the work.",
        "databricks_tags": "Tags of the relation.",
        "query_tags": "Tags of the statements.",
        "skip_optimize": "Whether `optimize` is left out.",
        "replace_where": "Which rows are replaced.",
        "source_alias": "`merge`: what new rows are called.",
        "target_alias": "`merge`: what old rows are called.",
        "merge_with_schema_evolution": "`merge`: whether new columns are added.",
        "matched_condition": "`merge`: update only rows that satisfy this.",
        "not_matched_condition": "`merge`: insert only rows that satisfy this.",
        "not_matched_by_source_action": "`merge`: what happens to rows that are gone.",
        "not_matched_by_source_condition": "`merge`: to which of them.",
        "create_notebook": "Python models: whether a notebook is made.",
        "job_cluster_config": "Python models: the cluster of the job.",
        "cluster_id": "Python models: the cluster.",
        "index_url": "Python models: where libraries come from.",
        "additional_libs": "Python models: further libraries.",
        "user_folder_for_python": "Python models: where the code is put.",
    },
    "Athena": {
        "work_group": "The workgroup of the statements.",
        "skip_workgroup_check": "Whether the workgroup's settings are taken on trust.",
        "s3_staging_dir": "Where results of queries go.",
        "s3_data_dir": "Where the table's files go.",
        "s3_data_naming": "How their folders are called.",
        "temp_schema": "The schema of temporary tables.",
        "external_location": "Where the table's files lie.",
        "partitioned_by": "Columns by which the table is split.",
        "partitions_limit": "The most partitions written at once.",
        "force_batch": "Whether partitions are always written in turns.",
        "bucketed_by": "Columns by which rows are spread over buckets.",
        "bucket_count": "The number of buckets.",
        "table_type": "`hive` or `iceberg`.",
        "table_properties": "Properties of the table.",
        "ha": "Whether readers see the old table until the new one is complete.",
        "format": "The format of the files.",
        "write_compression": "How files are compressed.",
        "field_delimiter": "Text files: the character between two values.",
        "native_drop": "Whether the engine itself drops tables.",
        "seed_by_insert": "Whether seeds are loaded by statements.",
        "seed_s3_upload_args": "How files of seeds are uploaded.",
        "lf_tags_config": "Lake Formation: tags.",
        "lf_grants": "Lake Formation: grants.",
        "unique_tmp_table_suffix": "Whether temporary tables have names of their own.",
    },
    "Other engines": {
        "properties": "Trino: properties of the table.",
        "views_enabled": "Trino: whether views may be used.",
        "on_table_exists": "Trino: `rename`, `drop` or `replace`.",
        "engine": "ClickHouse: the table's engine.",
        "order_by": "ClickHouse: the sorting key.",
        "primary_key": "ClickHouse: the primary key.",
        "ttl": "ClickHouse: when rows go.",
        "settings": "ClickHouse: settings of the table.",
        "query_settings": "ClickHouse: settings of the statements.",
    },
}
"""Configs that belong to one engine, in few words, as dbt's adapters have them."""
