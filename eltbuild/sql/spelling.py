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
        "postgres": "text",
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

SCHEMA_ALONE = frozenset({"postgres", "redshift", "materialize", "risingwave"})
"""Dialects in which the name of a schema stands without that of its database where it is made or dropped."""

DELETE_EXISTS = frozenset({"duckdb"})
"""Dialects whose correlated EXISTS compares NULLs, too, at a cost that can be borne."""

DELETE_USING = frozenset({"duckdb", "snowflake"})
"""Dialects that delete by a key of several columns faster with USING than with EXISTS."""
NULL_SAFE_UNHASHED = frozenset({"postgres", "redshift", "materialize"})
"""Dialects that compare every row with every row for NULL-safe equality: keys without NULL are matched by `=`, the
others apart from them."""

TRY_CAST: Mapping[str, str] = {
    **dict.fromkeys(("duckdb", "spark", "databricks", "trino", "presto", "athena", "tsql"), "try_cast({0} as {1})"),
    "bigquery": "safe_cast({0} as {1})",
}
"""A conversion that gives NULL for what cannot be converted; elsewhere such a value ends the statement."""
BOUNDED_CASTS = frozenset({"postgres", "materialize"})
"""Dialects whose `numeric` holds any number, so that one can be compared with a type's bounds before it is cast."""

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

EMPTIED: Mapping[str, str] = {"postgres": "delete from {0}"}
"""How to empty a table where what truncates it shows readers with an older view of the data no rows at all."""

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

SWAP: Mapping[str, str] = {
    "snowflake": "alter table {0} swap with {1}",
    "clickhouse": "exchange tables {0} and {1}",
}
"""How two tables change names in one statement."""

INDEX_NAMES = frozenset({"postgres"})
"""Dialects in which an index can be given another name: it is made before its table takes its place."""

UNIQUE_AT_COMMIT = frozenset({"duckdb"})
"""Dialects in which a unique index on rows of the same transaction is found broken when that is to be committed."""

EXCLUSIVE: Mapping[str, Mapping[str, str]] = {
    "postgres": {
        "table": "lock table only {0} in access exclusive mode",
        # LOCK on a view takes all that it reads, too, and does not know materialized views; this changes nothing.
        "view": "alter {1} {0} set schema {2}",
    }
}
"""How nobody else can use a relation until the transaction ends: 0 relation, 1 kind, 2 its schema."""
SEIZE: Mapping[str, str] = {
    "postgres": """\
declare
  locks text[] := array[{0}];
  before text := current_setting('lock_timeout');
  most int := (select setting::int * 7 / 10 from pg_settings where name = 'deadlock_timeout');
  wait int := least(100, most);
  attempts int := 0;
  began timestamptz := clock_timestamp();
  since timestamptz;
  lock text;
begin
  loop
    begin
      since := clock_timestamp();
      foreach lock in array locks loop
        perform set_config('lock_timeout',
          greatest(1, wait - extract(epoch from clock_timestamp() - since) * 1000)::int::text, true);
        execute lock;
      end loop;
      perform set_config('lock_timeout', before, true), set_config('eltbuild.seized', 'yes', true);
      return;
    exception when lock_not_available or deadlock_detected then
      attempts := attempts + 1;
      if cardinality(locks) > 1 and clock_timestamp() > began + interval '{1} seconds' then
        perform set_config('eltbuild.seized', 'no', true);
        return;
      end if;
      wait := least(wait * 2, case when cardinality(locks) > 1 or attempts < 20 then most else 300000 end);
      perform pg_sleep(0.02 + random() * 0.2);
    end;
  end loop;
end"""
}
"""The body of a block that takes several locks, statements as texts in 0, together or for the moment none of them.

A server looks for deadlocks, and ends one of those who wait, after some time: nobody waits for us that long while we
wait ourselves for another lock. After so many seconds as 1 says it gives up. One lock alone is waited for without an
end, and after a while for longer, or long queries in a row would keep us out forever.
"""
SEIZED: Mapping[str, str] = {"postgres": "select current_setting('eltbuild.seized', true) = 'yes'"}
"""A question for whether that block got the locks."""

BARE: Mapping[str, str] = {
    "postgres": "declare who text; begin for who in select distinct case grantee when 0 then 'public' else "
    "quote_ident(pg_get_userbyid(grantee)) end from pg_class, aclexplode(relacl) "
    "where pg_class.oid = {0}::regclass and grantee <> relowner "
    "loop execute format('revoke all on %s from %s', {0}, who); end loop; end"
}
"""The body of a block that revokes all rights on a relation, named by a text, from all but its owner."""

UNENFORCED: Mapping[str, frozenset[str]] = {
    "snowflake": frozenset({"unique", "primary_key", "foreign_key"}),
    "redshift": frozenset({"unique", "primary_key", "foreign_key"}),
    "bigquery": frozenset({"primary_key", "foreign_key"}),
    "databricks": frozenset({"primary_key", "foreign_key"}),
}
"""Constraints that an engine takes and does not enforce."""

LOCAL_KEYS: frozenset[str] = frozenset({"duckdb"})
"""Dialects of which some version refuses a foreign key that points to a relation with the name of its database."""

NOT_ENFORCED: Mapping[str, str] = {"bigquery": " not enforced"}
"""What an unenforced constraint must say of itself."""

VIEW_TEXT: Mapping[str, str] = {"postgres": "select pg_get_viewdef({0}::regclass)"}
"""How to ask for the query of a view, a text in 0; the standard's catalogue where nothing stands here."""

READ_ONLY: Mapping[str, str] = dict.fromkeys(("postgres", "redshift"), "set transaction read only")
"""The first statement of a transaction in which nothing can be changed; where none stands here, roll it back."""

UTC_NOW: Mapping[str, str] = {
    "duckdb": "make_timestamp(epoch_us(current_timestamp))",
    "postgres": "(clock_timestamp() at time zone 'utc')",
    "redshift": "(getdate() at time zone 'utc')",
    "snowflake": "sysdate()",
    "bigquery": "current_datetime('UTC')",
    **dict.fromkeys(SPARK, "to_utc_timestamp(current_timestamp(), current_timezone())"),
    **dict.fromkeys(MYSQL, "utc_timestamp(6)"),
    "clickhouse": "now64(6, 'UTC')",
    **dict.fromkeys(("trino", "presto", "athena"), "cast(current_timestamp at time zone 'UTC' as timestamp(6))"),
    "tsql": "sysutcdatetime()",
    "fabric": "sysutcdatetime()",
}
"""The time of the engine's clock as a naive timestamp in UTC; `current_timestamp` where nothing stands here."""

SHARED_LOCK: Mapping[str, str] = {"postgres": " for share", "mysql": " for share"}
"""Behind a query: nobody changes its rows until this transaction ends."""
UNLOCKED: Mapping[str, str] = {"postgres": " for update skip locked", "mysql": " for update skip locked"}
"""Behind a query: its rows belong to this transaction, those that another one holds are left out."""

LOCK: Mapping[str, str] = {"postgres": "lock table {0} in exclusive mode"}
"""How to keep others from writing to a table until the transaction ends; nothing where a transaction sees to that."""

MARK: Mapping[str, str] = {"postgres": "select pg_catalog.pg_advisory_lock_shared({0})"}
"""How a session marks itself with a number of 63 bits, until it ends."""
END_MARKED: Mapping[str, str] = {
    "postgres": "select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_locks where locktype = 'advisory' and "
    "classid = {1} and objid = {2} and objsubid = 1 and pid <> pg_catalog.pg_backend_pid() and database = "
    "(select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())",
}
"""How all other sessions with a mark are ended: 0 the number, 1 and 2 its upper and lower 32 bits."""

JSON_ROWS: Mapping[str, str] = {"duckdb": "(select unnest(cast({0} as json[])) as told) as told"}
"""A table with one column `told` from a JSON list of lists, where that is read faster than VALUES."""
JSON_CELLS: Mapping[str, str] = {"duckdb": "told ->> {0}"}
"""The text of one of the values of such a row, by its place."""

VALUES_AS_TABLE = frozenset({"duckdb", "postgres", "trino", "presto", "athena", "tsql", "fabric"})
"""Dialects with `from (values ...) as name(column, ...)`."""
