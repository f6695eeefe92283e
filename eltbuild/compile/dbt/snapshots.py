"""Macros of snapshots: strategies, and the texts that build, stage and merge a snapshot's rows.

The columns, the order of the parts and the row's hash are dbt's, so that a table which dbt began can go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from eltbuild.compile.dbt.ddl import act
from eltbuild.compile.rendering import Rendering
from eltbuild.jinja.errors import TemplateError
from eltbuild.sql.quoting import quote_identifier
from eltbuild.sql.writer import Writer

META = ("dbt_valid_to", "dbt_valid_from", "dbt_scd_id", "dbt_updated_at", "dbt_is_deleted")


def get_snapshot_table_column_names(rendering: Rendering) -> dict[str, str]:
    """The names of the columns that a snapshot adds."""
    return {name: name for name in META}


def _meta(rendering: Rendering) -> dict[str, str]:
    """The names of the columns that this snapshot adds: the config's, else the usual ones."""
    given = rendering.scope["config"].get("snapshot_meta_column_names", None)
    names: dict[str, str] = dict(rendering.scope["get_snapshot_table_column_names"]())
    names.update({key: value for key, value in (given or {}).items() if value})
    return names


def _setting(rendering: Rendering, config: Any, name: str) -> Any:
    """A value of the config that was handed over, else of the node's."""
    given = config.get(name) if hasattr(config, "get") else None
    return given if given not in (None, "") else rendering.scope["config"].get(name, None)


# Strategies -----------------------------------------------------------------------------------------------


def strategy_dispatch(rendering: Rendering, name: Any) -> Any:
    """The macro of a strategy: `snapshot_<name>_strategy`, or that of a package for `package.name`."""
    package, _, short = str(name).rpartition(".")
    macro = f"snapshot_{short}_strategy"
    place: Any = rendering.scope.get(package) if package else rendering.scope
    found = place.get(macro) if place is not None else None
    if found is None:
        raise TemplateError(f"there is no snapshot strategy `{name}`", hint=f"it would be a macro `{macro}`")
    return found


def snapshot_hash_arguments(rendering: Rendering, args: Iterable[Any]) -> str:
    """The md5 of the arguments as texts, joined by `|`; NULL counts as empty."""
    return Writer(rendering.session.dialect, rendering.session.capabilities).digest([str(part) for part in args])


def snapshot_string_as_time(rendering: Rendering, timestamp: Any) -> str:
    """A moment as a value of the warehouse."""
    kind = {"snowflake": "timestamp_ntz", "bigquery": "timestamp"}.get(rendering.session.dialect, "timestamp")
    return f"cast('{timestamp}' as {kind})"


def get_true_sql(rendering: Rendering) -> str:
    """What is always true."""
    return "1 = 1" if rendering.session.dialect in ("tsql", "fabric") else "TRUE"


def snapshot_timestamp_strategy(
    rendering: Rendering, node: Any, snapshotted_rel: Any, current_rel: Any, model_config: Any, target_exists: Any
) -> dict[str, Any]:
    """A row has changed when its `updated_at` is later than when the row was taken."""
    key = _setting(rendering, model_config, "unique_key")
    moment = _setting(rendering, model_config, "updated_at")
    if not moment and not rendering.settling:
        raise TemplateError("the snapshot strategy `timestamp` needs the config `updated_at`")
    changed = f"({snapshotted_rel}.{_meta(rendering)['dbt_valid_from']} < {current_rel}.{moment})"
    return _strategy(rendering, model_config, key, moment, changed)


def snapshot_check_strategy(
    rendering: Rendering, node: Any, snapshotted_rel: Any, current_rel: Any, model_config: Any, target_exists: Any
) -> dict[str, Any]:
    """A row has changed when one of the columns to check has, or when there is a new one."""
    scope = rendering.scope
    key = _setting(rendering, model_config, "unique_key")
    moment = _setting(rendering, model_config, "updated_at") or scope["snapshot_get_time"]()
    columns = _setting(rendering, model_config, "check_cols")
    added, checked = scope["snapshot_check_all_get_existing_columns"](node, target_exists, columns)
    old, new = snapshotted_rel, current_rel
    parts = [
        f"{old}.{name} != {new}.{name}\n        or (({old}.{name} is null and not ({new}.{name} is null))"
        f" or (not ({old}.{name} is null) and ({new}.{name} is null)))"
        for name in checked
    ]
    changed = "(" + (str(scope["get_true_sql"]()) if added else "\n        or ".join(parts) or "1 = 0") + ")"
    return _strategy(rendering, model_config, key, moment, changed)


def _strategy(rendering: Rendering, config: Any, key: Any, moment: Any, changed: str) -> dict[str, Any]:
    arguments = [*(list(key) if isinstance(key, (list, tuple)) else [key]), moment]
    hard = _setting(rendering, config, "hard_deletes")
    if not hard:
        hard = "invalidate" if _setting(rendering, config, "invalidate_hard_deletes") else "ignore"
    return {
        "unique_key": key,
        "updated_at": moment,
        "row_changed": changed,
        "scd_id": rendering.scope["snapshot_hash_arguments"](arguments),
        "invalidate_hard_deletes": hard == "invalidate",
        "hard_deletes": hard,
    }


def snapshot_check_all_get_existing_columns(
    rendering: Rendering, node: Any, target_exists: Any, check_cols_config: Any
) -> list[Any]:
    """Whether a column to check is new in the query, and the columns to check that the table has, in quotes."""
    scope = rendering.scope
    code = node.get("compiled_code") or node.get("compiled_sql") if isinstance(node, Mapping) else None
    given = [column.name for column in scope["get_column_schema_from_query"](code)] if code else []
    if check_cols_config != "all":
        if rendering.settling:
            return [False, []]
        if not isinstance(check_cols_config, (list, tuple)) or not check_cols_config:
            raise TemplateError(f"`check_cols` is `all` or a list of columns, got {check_cols_config!r}")
        wanted = {str(name).lower() for name in check_cols_config}
        given = [name for name in given if name.lower() in wanted] or list(map(str, check_cols_config))
    if not target_exists:
        return [False, [quote_identifier(name, rendering.session.dialect) for name in given]]
    there = {column.name.lower() for column in scope["adapter"].get_columns_in_relation(scope["this"])}
    kept = [name for name in given if name.lower() in there]
    return [len(kept) < len(given), [quote_identifier(name, rendering.session.dialect) for name in kept]]


# Keys -----------------------------------------------------------------------------------------------------


def _keys(unique_key: Any) -> list[tuple[str, str]]:
    """The parts of a key with the names under which they stand in the staging query."""
    if isinstance(unique_key, str):
        return [(unique_key, "dbt_unique_key")]
    return [(str(key), f"dbt_unique_key_{number}") for number, key in enumerate(unique_key, 1)]


def unique_key_fields(rendering: Rendering, unique_key: Any) -> str:
    """The parts of the key under their staging names."""
    return ",\n        ".join(f"{key} as {name}" for key, name in _keys(unique_key))


def unique_key_join_on(rendering: Rendering, unique_key: Any, identifier: Any, from_identifier: Any) -> str:
    """Whether two rows have the same key."""
    return " and ".join(f"({identifier}.{name} = {from_identifier}.{name})" for _, name in _keys(unique_key))


def unique_key_is_null(rendering: Rendering, unique_key: Any, identifier: Any) -> str:
    """Whether a row has no key."""
    return f"{identifier}.{_keys(unique_key)[0][1]} is null"


def unique_key_is_not_null(rendering: Rendering, unique_key: Any, identifier: Any) -> str:
    """Whether a row has a key."""
    return f"{identifier}.{_keys(unique_key)[0][1]} is not null"


# Building and staging -------------------------------------------------------------------------------------


def get_dbt_valid_to_current(rendering: Rendering, strategy: Mapping[str, Any], columns: Mapping[str, str]) -> str:
    """The end of a row that is still valid: what the config says, else NULL, in the type of the strategy's moment."""
    end = rendering.scope["config"].get("dbt_valid_to_current", None) or "null"
    moment = strategy.get("updated_at")
    return f"coalesce(nullif({moment}, {moment}), {end}) as {columns['dbt_valid_to']}"


def _current(rendering: Rendering, columns: Mapping[str, str], alias: str = "") -> str:
    """Whether a row is the newest of its key."""
    name = f"{alias}.{columns['dbt_valid_to']}" if alias else columns["dbt_valid_to"]
    end = rendering.scope["config"].get("dbt_valid_to_current", None)
    return f"({name} = {end} or {name} is null)" if end else f"{name} is null"


def build_snapshot_table(rendering: Rendering, strategy: Mapping[str, Any], sql: Any) -> str:
    """The query of a snapshot's first rows."""
    columns = _meta(rendering)
    deleted = f",\n    'False' as {columns['dbt_is_deleted']}" if strategy.get("hard_deletes") == "new_record" else ""
    return (
        f"select *,\n    {strategy['scd_id']} as {columns['dbt_scd_id']},\n"
        f"    {strategy['updated_at']} as {columns['dbt_updated_at']},\n"
        f"    {strategy['updated_at']} as {columns['dbt_valid_from']},\n"
        f"    {rendering.scope['get_dbt_valid_to_current'](strategy, columns)}{deleted}\n"
        f"from (\n{sql}\n) sbq"
    )


def snapshot_staging_table(
    rendering: Rendering, strategy: Mapping[str, Any], source_sql: Any, target_relation: Any
) -> str:
    """The query of what a snapshot's table must learn: `insert`, `update` and `delete` in `dbt_change_type`."""
    scope, columns, key = rendering.scope, _meta(rendering), strategy["unique_key"]
    hard = strategy.get("hard_deletes") or ("invalidate" if strategy.get("invalidate_hard_deletes") else "ignore")
    record = hard == "new_record"
    joined = scope["unique_key_join_on"](key, "snapshotted_data", "source_data")
    is_new = scope["unique_key_is_null"](key, "snapshotted_data")
    is_known = scope["unique_key_is_not_null"](key, "snapshotted_data")
    is_gone = scope["unique_key_is_null"](key, "source_data")
    deleted = f"snapshotted_data.{columns['dbt_is_deleted']}"
    changed = f"{strategy['row_changed']} or {deleted} = 'True'" if record else strategy["row_changed"]
    alive = (
        f"\n        and not ({deleted} = 'True' and {_current(rendering, columns, 'snapshotted_data')})"
        if record
        else ""
    )
    flag = f", {deleted}" if record else ""
    scd_id = f"snapshotted_data.{columns['dbt_scd_id']}"
    parts = {
        **_both_sides(rendering, strategy, source_sql, target_relation, columns),
        "insertions": (
            "select 'insert' as dbt_change_type, source_data.*"
            + (f", 'False' as {columns['dbt_is_deleted']}" if record else "")
            + f"\n    from insertions_source_data as source_data\n    left join snapshotted_data on {joined}\n"
            f"    where {is_new} or ({is_known} and ({changed}))"
        ),
        "updates": (
            f"select 'update' as dbt_change_type, source_data.*, {scd_id}{flag}\n"
            f"    from updates_source_data as source_data\n    join snapshotted_data on {joined}\n    where ({changed})"
        ),
    }
    results = ["insertions", "updates"]
    if hard in ("invalidate", "new_record"):
        now = scope["snapshot_get_time"]()
        parts["deletes"] = (
            f"select 'delete' as dbt_change_type, source_data.*,\n        {now} as {columns['dbt_valid_from']},\n"
            f"        {now} as {columns['dbt_updated_at']},\n        {now} as {columns['dbt_valid_to']},\n"
            f"        {scd_id}{flag}\n    from snapshotted_data\n"
            f"    left join deletes_source_data as source_data on {joined}\n    where {is_gone}{alive}"
        )
        results.append("deletes")
        if record:
            parts["deletion_records"] = _deletion_records(
                rendering, strategy, source_sql, columns, now, joined, is_gone + alive
            )
            results.append("deletion_records")
    else:
        del parts["deletes_source_data"]
    ctes = ",\n".join(f"{name} as (\n    {text}\n)" for name, text in parts.items())
    return f"with {ctes}\n" + "\nunion all\n".join(f"select * from {name}" for name in results)


def _both_sides(
    rendering: Rendering, strategy: Mapping[str, Any], source_sql: Any, target_relation: Any, columns: Mapping[str, str]
) -> dict[str, str]:
    """What is compared: the rows that stand, and those of the source as each kind of change needs them."""
    scope, moment = rendering.scope, strategy["updated_at"]
    fields = scope["unique_key_fields"](strategy["unique_key"])
    dates = f"{moment} as {columns['dbt_updated_at']},\n        {moment} as {columns['dbt_valid_from']}"
    return {
        "snapshot_query": f"\n{source_sql}\n",
        "snapshotted_data": (
            f"select *,\n        {fields}\n    from {target_relation.render()}\n"
            f"    where {_current(rendering, columns)}"
        ),
        "insertions_source_data": (
            f"select *,\n        {fields},\n        {dates},\n"
            f"        {scope['get_dbt_valid_to_current'](strategy, columns)},\n"
            f"        {strategy['scd_id']} as {columns['dbt_scd_id']}\n    from snapshot_query"
        ),
        "updates_source_data": (
            f"select *,\n        {fields},\n        {dates},\n        {moment} as {columns['dbt_valid_to']}\n"
            "    from snapshot_query"
        ),
        "deletes_source_data": f"select *,\n        {fields}\n    from snapshot_query",
    }


def _deletion_records(
    rendering: Rendering, strategy: Mapping[str, Any], source_sql: Any, columns: Mapping[str, str], now: str,
    joined: str, where: str,
) -> str:  # fmt: skip
    """New rows that say that a row is gone, with its last values."""
    scope = rendering.scope
    names = [column.quoted for column in scope["get_column_schema_from_query"](source_sql)]
    values = [f"snapshotted_data.{name}" for name in names]
    values += [f"snapshotted_data.{key} as {name}" for key, name in _keys(strategy["unique_key"])]
    scd_id = scope["snapshot_hash_arguments"]([f"snapshotted_data.{columns['dbt_scd_id']}", now])
    end = scope["config"].get("dbt_valid_to_current", None) or f"snapshotted_data.{columns['dbt_valid_to']}"
    return (
        f"select 'insert' as dbt_change_type, {', '.join(values)},\n        {now} as {columns['dbt_updated_at']},\n"
        f"        {now} as {columns['dbt_valid_from']},\n        {end} as {columns['dbt_valid_to']},\n"
        f"        {scd_id} as {columns['dbt_scd_id']},\n        'True' as {columns['dbt_is_deleted']}\n"
        f"    from snapshotted_data\n    left join deletes_source_data as source_data on {joined}\n    where {where}"
    )


def build_snapshot_staging_table(
    rendering: Rendering, strategy: Mapping[str, Any], sql: Any, target_relation: Any
) -> Any:
    """Make a temporary table of what a snapshot's table must learn; its name."""
    scope = rendering.scope
    relation = scope["make_temp_relation"](target_relation)
    query = scope["snapshot_staging_table"](strategy, sql, target_relation)
    act(rendering, "build_snapshot_staging_relation", str(scope["create_table_as"](True, relation, query)))
    return relation


def snapshot_merge_sql(rendering: Rendering, target: Any, source: Any, insert_cols: Sequence[Any]) -> str:
    """The statements that close rows which ended and insert those that began."""
    columns = _meta(rendering)
    end, scd_id = columns["dbt_valid_to"], columns["dbt_scd_id"]
    names = ", ".join(map(str, insert_cols))
    values = ", ".join(f"DBT_INTERNAL_SOURCE.{name}" for name in insert_cols)
    place = target.render()
    if rendering.session.dialect in ("duckdb", "postgres", "redshift"):
        return (
            f"update {place} as DBT_INTERNAL_TARGET\nset {end} = DBT_INTERNAL_SOURCE.{end}\n"
            f"from {source} as DBT_INTERNAL_SOURCE\n"
            f"where DBT_INTERNAL_SOURCE.{scd_id} = DBT_INTERNAL_TARGET.{scd_id}\n"
            "    and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')\n"
            f"    and {_current(rendering, columns, 'DBT_INTERNAL_TARGET')};\n"
            f"insert into {place} ({names})\nselect {values}\nfrom {source} as DBT_INTERNAL_SOURCE\n"
            "where DBT_INTERNAL_SOURCE.dbt_change_type = 'insert';\n"
        )
    return (
        f"merge into {place} as DBT_INTERNAL_DEST\nusing {source} as DBT_INTERNAL_SOURCE\n"
        f"on DBT_INTERNAL_SOURCE.{scd_id} = DBT_INTERNAL_DEST.{scd_id}\n"
        f"when matched and {_current(rendering, columns, 'DBT_INTERNAL_DEST')}\n"
        "    and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')\n"
        f"    then update set {end} = DBT_INTERNAL_SOURCE.{end}\n"
        "when not matched and DBT_INTERNAL_SOURCE.dbt_change_type = 'insert'\n"
        f"    then insert ({names}) values ({values});\n"
    )


def create_columns(rendering: Rendering, relation: Any, columns: Iterable[Any]) -> str:
    """Add columns to a snapshot's table."""
    return str(rendering.scope["alter_relation_add_remove_columns"](relation, list(columns), None) or "")


def post_snapshot(rendering: Rendering, staging_relation: Any) -> str:
    """Nothing: temporary tables end with their session."""
    return ""


def get_updated_at_column_data_type(rendering: Rendering, snapshot_sql: Any) -> Any:
    """The type of the column `updated_at` in a query; none if it has no such column."""
    name = str(rendering.scope["config"].get("updated_at", "") or "").lower()
    for column in rendering.scope["get_column_schema_from_query"](snapshot_sql) if name else ():
        if column.name.lower() == name:
            return column.dtype
    return None


def check_time_data_types(rendering: Rendering, sql: Any) -> str:
    """A warning when `updated_at` is of another type than the moments that a snapshot writes."""
    found = rendering.scope["get_updated_at_column_data_type"](sql)
    own = rendering.scope["get_snapshot_get_time_data_type"]() if found else None
    if found and own and str(found).lower() != str(own).lower():
        rendering.scope["exceptions"].warn_snapshot_timestamp_data_types(own, found)
    return ""


SNAPSHOTS: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        build_snapshot_staging_table, build_snapshot_table, check_time_data_types, create_columns,
        get_dbt_valid_to_current, get_snapshot_table_column_names, get_true_sql, get_updated_at_column_data_type,
        post_snapshot, snapshot_check_all_get_existing_columns, snapshot_check_strategy, snapshot_hash_arguments,
        snapshot_merge_sql, snapshot_staging_table, snapshot_string_as_time, snapshot_timestamp_strategy,
        strategy_dispatch, unique_key_fields, unique_key_is_not_null, unique_key_is_null, unique_key_join_on,
    )
}  # fmt: skip
