"""What differs between SQL dialects in the statements that eltbuild writes, as tables. No parser is needed."""

from __future__ import annotations

from collections.abc import Mapping

SPARK = frozenset({"spark", "spark2", "databricks", "hive"})
MYSQL = frozenset({"mysql", "doris", "starrocks", "singlestore"})

NULL_SAFE: Mapping[str, str] = {
    **dict.fromkeys(SPARK | MYSQL, "{0} <=> {1}"),
    "sqlite": "{0} is {1}",
    "redshift": "({0} = {1} or ({0} is null and {1} is null))",
    "tsql": "({0} = {1} or ({0} is null and {1} is null))",
    "oracle": "({0} = {1} or ({0} is null and {1} is null))",
    "teradata": "({0} = {1} or ({0} is null and {1} is null))",
}
"""Equality that takes NULL for a value; `is not distinct from` where nothing stands here."""

TYPES: Mapping[str, Mapping[str, str]] = {
    "text": {
        **dict.fromkeys(SPARK | {"bigquery", "druid"}, "string"),
        **dict.fromkeys(MYSQL, "char"),
        "clickhouse": "Nullable(String)",
        "tsql": "varchar(max)",
        "fabric": "varchar(max)",
        "sqlite": "text",
        "oracle": "varchar2(4000)",
    },
    "timestamp": {
        "bigquery": "datetime",
        "snowflake": "timestamp_ntz",
        "clickhouse": "Nullable(DateTime64(6))",
        **dict.fromkeys(MYSQL, "datetime(6)"),
        "tsql": "datetime2(6)",
        "fabric": "datetime2(6)",
    },
    "timestamptz": {
        "bigquery": "timestamp",
        **dict.fromkeys(SPARK, "timestamp"),
        "snowflake": "timestamp_tz",
        "clickhouse": "Nullable(DateTime64(6, 'UTC'))",
        "trino": "timestamp(6) with time zone",
        "presto": "timestamp with time zone",
        "athena": "timestamp with time zone",
        **dict.fromkeys(MYSQL, "datetime(6)"),
        "tsql": "datetimeoffset",
        "oracle": "timestamp with time zone",
    },
    "date": {"clickhouse": "Nullable(Date32)"},
    "double": {
        "postgres": "double precision",
        "redshift": "double precision",
        "bigquery": "float64",
        "tsql": "float",
        "oracle": "binary_double",
        "clickhouse": "Nullable(Float64)",
    },
    "boolean": {"bigquery": "bool", "tsql": "bit", "clickhouse": "Nullable(Bool)"},
    **{
        name: {"bigquery": "int64", "clickhouse": f"Nullable({wide})"}
        for name, wide in {"smallint": "Int16", "integer": "Int32", "bigint": "Int64"}.items()
    },
    "real": {"bigquery": "float64", **dict.fromkeys(SPARK, "float"), "clickhouse": "Nullable(Float32)"},
}
"""Names of the types that eltbuild writes, where they differ from the key (text: from `varchar`)."""

TEMPORARY: Mapping[str, str] = {
    "duckdb": "temp",
    "postgres": "temp",
    "redshift": "temp",
    "materialize": "temp",
    "snowflake": "temporary",
    "sqlite": "temp",
}
"""The word that makes a table the session's own; elsewhere a plain table beside the target serves."""

UNQUALIFIED_TEMPORARY = frozenset({"duckdb", "postgres", "redshift", "materialize", "sqlite"})
"""Dialects whose temporary tables stand in a schema of their own."""

DELETE_EXISTS = frozenset({"duckdb"})
"""Dialects whose correlated EXISTS compares NULLs, too, at a cost that can be borne."""

DELETE_USING = frozenset({"duckdb", "snowflake"})
"""Dialects that delete by a key of several columns faster with USING than with EXISTS."""
DELETE_IN = frozenset({"postgres", "redshift", "materialize"})
"""NULL-safe equality does not hash there: rows without NULL by IN, the others by EXISTS."""

ROW: Mapping[str, str] = {"duckdb": "row({0}, true)", "postgres": "row({0})::text"}
"""Several values as one that IN compares with NULL as a value."""

NAMES_KIND = SPARK | {"bigquery", "snowflake"}
"""Dialects in which a grant says whether it is on a table or a view."""
GRANTEE: Mapping[str, str] = {"bigquery": '"{0}"', **dict.fromkeys(SPARK, "`{0}`")}
"""How the receiver of a grant is written; as given where nothing stands here."""

MD5: Mapping[str, str] = {
    "bigquery": "to_hex(md5({0}))",
    "clickhouse": "lower(hex(md5({0})))",
    "tsql": "lower(convert(varchar(32), hashbytes('md5', {0}), 2))",
    "fabric": "lower(convert(varchar(32), hashbytes('md5', {0}), 2))",
    **dict.fromkeys(("trino", "presto", "athena"), "lower(to_hex(md5(to_utf8({0}))))"),
    "oracle": "lower(standard_hash({0}, 'MD5'))",
}
"""The hexadecimal digest of a text; `md5(...)` where nothing stands here."""

CONCAT_FUNCTION = MYSQL | {"tsql", "fabric"}
"""Dialects in which `||` is no concatenation."""

TRUNCATE: Mapping[str, str] = {"sqlite": "delete from {0}", "redshift": "delete from {0}"}
"""How to empty a table; Redshift's truncate commits on its own."""

ALTER_TYPE: Mapping[str, str] = {
    "duckdb": "alter table {0} alter column {1} type {2}",
    "postgres": "alter table {0} alter column {1} type {2} using {1}::{2}",
    "redshift": "alter table {0} alter column {1} type {2}",
    "tsql": "alter table {0} alter column {1} {2}",
    **dict.fromkeys(MYSQL, "alter table {0} modify column {1} {2}"),
}
"""How a column takes another type; `set data type` where nothing stands here."""

RENAME: Mapping[str, str] = {
    "tsql": "exec sp_rename {2}, {3}",
    "snowflake": "alter {1} {0} rename to {4}",
    **dict.fromkeys(SPARK, "alter {1} {0} rename to {4}"),
    **dict.fromkeys(MYSQL, "rename table {0} to {4}"),
    "clickhouse": "rename table {0} to {4}",
}
"""How a relation takes another name: 0 relation, 1 kind, 2 relation as a text, 3 new name, 4 new relation."""

UNENFORCED: Mapping[str, frozenset[str]] = {
    "snowflake": frozenset({"unique", "primary_key", "foreign_key"}),
    "redshift": frozenset({"unique", "primary_key", "foreign_key"}),
    "bigquery": frozenset({"primary_key", "foreign_key"}),
    "databricks": frozenset({"primary_key", "foreign_key"}),
}
"""Constraints that an engine takes and does not enforce."""

NOT_ENFORCED: Mapping[str, str] = {"bigquery": " not enforced"}
"""What an unenforced constraint must say of itself."""
