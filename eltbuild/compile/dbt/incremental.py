"""Macros of incremental models: one text per strategy, over a target and the relation that holds the new rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from eltbuild.compile.rendering import Rendering
from eltbuild.jinja.errors import TemplateError
from eltbuild.sql.quoting import quote_identifier
from eltbuild.sql.writer import SOURCE, TARGET

DEFAULT_STRATEGY: Mapping[str, str] = {
    "snowflake": "merge", "bigquery": "merge", "databricks": "merge", "athena": "insert_overwrite",
}  # fmt: skip
"""What dbt's adapters do where no strategy is named; delete+insert or append elsewhere."""
KEYED_DEFAULT = frozenset({"duckdb", "postgres", "redshift"})
"""Dialects in which a unique key turns the default from append to delete+insert."""


def should_full_refresh(rendering: Rendering) -> bool:
    """Whether the model is built from scratch: the config's word, else the call's."""
    configured = rendering.scope["config"].get("full_refresh", None)
    return bool(rendering.session.flag("FULL_REFRESH", False) if configured in (None, "") else configured)


def get_quoted_csv(rendering: Rendering, column_names: Iterable[Any]) -> str:
    """The names in quotes, separated by commas."""
    return ", ".join(quote_identifier(str(name), rendering.session.dialect) for name in column_names)


def get_merge_update_columns(
    rendering: Rendering, merge_update_columns: Any, merge_exclude_columns: Any, dest_columns: Iterable[Any]
) -> list[str]:
    """The columns that a merge writes into rows that it finds."""
    if merge_update_columns and merge_exclude_columns:
        raise TemplateError(
            "merge_update_columns and merge_exclude_columns cannot both be set", hint="keep one of them"
        )
    if merge_update_columns:
        return [str(column) for column in _listed(merge_update_columns)]
    excluded = {str(column).lower() for column in _listed(merge_exclude_columns)}
    return [column.quoted for column in dest_columns if column.name.lower() not in excluded]


def get_merge_unique_key_match(
    rendering: Rendering, unique_key: Any, dest_alias: str = TARGET, source_alias: str = SOURCE
) -> list[str]:
    """One equation for each part of the key."""
    return [f"({source_alias}.{key} = {dest_alias}.{key})" for key in _listed(unique_key)]


def get_merge_sql(
    rendering: Rendering, target: Any, source: Any, unique_key: Any, dest_columns: Sequence[Any],
    incremental_predicates: Any = None,
) -> str:  # fmt: skip
    """The statement that updates the rows whose key is there and inserts the others."""
    config = rendering.scope["config"]
    names = [column.quoted for column in dest_columns]
    on = [f"({predicate})" for predicate in _listed(incremental_predicates)]
    matched = ""
    if unique_key:
        on += rendering.scope["get_merge_unique_key_match"](unique_key)
        written = rendering.scope["get_merge_update_columns"](
            config.get("merge_update_columns"), config.get("merge_exclude_columns"), dest_columns
        )
        sets = ",\n        ".join(f"{column} = {SOURCE}.{column}" for column in written)
        matched = f"when matched then update set\n        {sets}\n" if written else ""
    else:
        on.append("FALSE")
    header = config.get("sql_header")
    head = f"{header}\n" if header else ""
    return (
        f"{head}merge into {target.render()} as {TARGET}\nusing {source} as {SOURCE}\non {' and '.join(on)}\n{matched}"
        f"when not matched then insert\n        ({', '.join(names)})\n"
        f"    values\n        ({', '.join(f'{SOURCE}.{name}' for name in names)})\n"
    )


def get_delete_insert_merge_sql(
    rendering: Rendering, target: Any, source: Any, unique_key: Any, dest_columns: Sequence[Any],
    incremental_predicates: Any = None,
) -> str:  # fmt: skip
    """The statements that delete the rows whose key is among the new ones and insert these. NULL matches nothing."""
    names = ", ".join(column.quoted for column in dest_columns)
    insert = f"insert into {target.render()} ({names})\n    (\n        select {names}\n        from {source}\n    )"
    keys = _listed(unique_key)
    if not keys:
        return insert
    extra = "".join(f"\n    and {predicate}" for predicate in _listed(incremental_predicates))
    if len(keys) > 1 and rendering.session.dialect == "duckdb":
        # The alias that predicates of dbt-duckdb's users name.
        alias = "DBT_INCREMENTAL_TARGET"
        matched = "\n    and ".join(f"{SOURCE}.{key} = {alias}.{key}" for key in keys)
        delete = f"delete from {target.render()} as {alias}\nusing {source} as {SOURCE}\nwhere {matched}{extra}"
        return f"{delete};\n{insert}"
    key = ", ".join(keys)
    delete = (
        f"delete from {target.render()} as {TARGET}\n"
        f"where ({key}) in (\n    select distinct {key}\n    from {source} as {SOURCE}\n){extra}"
    )
    return f"{delete};\n{insert}"


def get_insert_overwrite_merge_sql(
    rendering: Rendering, target: Any, source: Any, dest_columns: Sequence[Any], predicates: Any,
    include_sql_header: bool = False,
) -> str:  # fmt: skip
    """The statement that puts the new rows in place of all rows for which the predicates hold."""
    names = ", ".join(column.quoted for column in dest_columns)
    header = rendering.scope["config"].get("sql_header") if include_sql_header else None
    extra = "".join(f" and {predicate}" for predicate in _listed(predicates))
    return (
        f"{header or ''}\nmerge into {target.render()} as {TARGET}\nusing {source} as {SOURCE}\non FALSE\n"
        f"when not matched by source{extra}\n    then delete\n"
        f"when not matched then insert\n    ({names})\nvalues\n    ({names})\n"
    ).lstrip("\n")


def get_insert_into_sql(
    rendering: Rendering, target_relation: Any, temp_relation: Any, dest_columns: Sequence[Any]
) -> str:
    """The statement that appends the new rows."""
    names = ", ".join(column.quoted for column in dest_columns)
    target = target_relation.render()
    return f"insert into {target} ({names})\n    (\n        select {names}\n        from {temp_relation}\n    )"


def get_incremental_append_sql(rendering: Rendering, arg_dict: Mapping[str, Any]) -> str:
    """What the strategy `append` runs."""
    return str(
        rendering.scope["get_insert_into_sql"](
            arg_dict["target_relation"], arg_dict["temp_relation"], arg_dict["dest_columns"]
        )
    )


def get_incremental_delete_insert_sql(rendering: Rendering, arg_dict: Mapping[str, Any]) -> str:
    """What the strategy `delete+insert` runs."""
    return str(rendering.scope["get_delete_insert_merge_sql"](*_keyed(arg_dict)))


def get_incremental_merge_sql(rendering: Rendering, arg_dict: Mapping[str, Any]) -> str:
    """What the strategy `merge` runs."""
    return str(rendering.scope["get_merge_sql"](*_keyed(arg_dict)))


def get_incremental_insert_overwrite_sql(rendering: Rendering, arg_dict: Mapping[str, Any]) -> str:
    """What the strategy `insert_overwrite` runs."""
    if rendering.session.dialect in ("spark", "databricks", "hive"):
        names = ", ".join(column.quoted for column in arg_dict["dest_columns"])
        target, source = arg_dict["target_relation"].render(), arg_dict["temp_relation"]
        return f"insert overwrite table {target} ({names})\nselect {names} from {source}"
    return str(
        rendering.scope["get_insert_overwrite_merge_sql"](
            arg_dict["target_relation"], arg_dict["temp_relation"], arg_dict["dest_columns"],
            arg_dict.get("incremental_predicates"),
        )
    )  # fmt: skip


def get_incremental_default_sql(rendering: Rendering, arg_dict: Mapping[str, Any]) -> str:
    """What runs where no strategy is named."""
    dialect = rendering.session.dialect
    keyed = "delete_insert" if dialect in KEYED_DEFAULT and arg_dict.get("unique_key") else "append"
    strategy = DEFAULT_STRATEGY.get(dialect, keyed)
    return str(rendering.scope[f"get_incremental_{strategy}_sql"](arg_dict))


def get_incremental_microbatch_sql(rendering: Rendering, arg_dict: Mapping[str, Any]) -> str:
    """What the strategy `microbatch` runs: the batch's rows take the place of those of its time."""
    config, dialect = rendering.scope["config"], rendering.session.dialect
    if dialect in ("bigquery", "spark", "databricks", "athena"):
        return str(rendering.scope["get_incremental_insert_overwrite_sql"](arg_dict))
    if dialect == "postgres":
        if not arg_dict.get("unique_key") and not rendering.settling:
            raise TemplateError("the strategy `microbatch` needs a `unique_key` in postgres")
        return str(rendering.scope["get_incremental_merge_sql"](arg_dict))
    event_time = config.get("event_time")
    if not event_time and not rendering.settling:
        raise TemplateError("the strategy `microbatch` needs the config `event_time`")
    conditions = list(map(str, _listed(arg_dict.get("incremental_predicates"))))
    if rendering.batch is not None:
        start, end = (moment.strftime("%Y-%m-%d %H:%M:%S+00:00") for moment in rendering.batch)
        conditions += [f"{TARGET}.{event_time} >= '{start}'", f"{TARGET}.{event_time} < '{end}'"]
    target = arg_dict["target_relation"].render()
    insert = rendering.scope["get_insert_into_sql"](
        arg_dict["target_relation"], arg_dict["temp_relation"], arg_dict["dest_columns"]
    )
    where = "\n    and ".join(f"({condition})" for condition in conditions) or "true"
    return f"delete from {target} as {TARGET}\nwhere {where};\n{insert}"


def _keyed(arg_dict: Mapping[str, Any]) -> tuple[Any, ...]:
    keys = ("target_relation", "temp_relation", "unique_key", "dest_columns", "incremental_predicates")
    return tuple(arg_dict.get(key) for key in keys)


def _listed(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str) else list(value)


INCREMENTAL: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        get_delete_insert_merge_sql, get_incremental_append_sql, get_incremental_default_sql,
        get_incremental_delete_insert_sql, get_incremental_insert_overwrite_sql, get_incremental_merge_sql,
        get_incremental_microbatch_sql, get_insert_into_sql, get_insert_overwrite_merge_sql, get_merge_sql,
        get_merge_unique_key_match, get_merge_update_columns, get_quoted_csv, should_full_refresh,
    )
}  # fmt: skip
