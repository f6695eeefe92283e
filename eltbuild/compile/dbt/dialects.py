"""Where a dialect's spelling of a macro is not what sqlglot writes: its own text, each with the reason.

`{name}` is a hole for an argument, `({name})` one that gets parentheses when the argument is more than a name or a
call. A key may name a variant after a colon: the date part, or `negative` for a part counted from the end.
"""

from __future__ import annotations

from collections.abc import Mapping

COUNTED_FROM_START = (
    "split_part({string_text}, {delimiter_text}, cast((length({string_text}) - length(replace({string_text}, "
    "{delimiter_text}, ''))) / length({delimiter_text}) + 2 + {part_number} as integer))"
)

DUCKDB_AS_GENERATED = {
    "cast_bool_to_text": "cast({field} as text)",
    "concat": "({left}) || ({right})",
    "date": "make_date({year}, {month}, {day})",
    "date_trunc": "date_trunc('{datepart}', {date})",
    "hash": "md5(cast({field} as text))",
    "length": "length({expression})",
    "local_timestamp": "cast(current_timestamp as timestamp)",
    "position": "strpos({string_text}, {substring_text})",
    "replace": "replace({field}, {old_chars}, {new_chars})",
    "right": "right({string_text}, {length_expression})",
}
"""What sqlglot writes for DuckDB, said here so that the engine with which everybody begins needs no SQL parser for
its macros: importing one costs more than rendering a hundred models."""

DUCKDB = {
    **DUCKDB_AS_GENERATED,
    "array_append": "list_append({array}, {new_element})",
    "array_concat": "list_concat({array_1}, {array_2})",
    "array_construct": "[{inputs}]",
    "same": "({expr1}) is not distinct from ({expr2})",
    # any_value() of DuckDB passes over NULLs; dbt's macro takes a row's value, NULL or not.
    "any_value": "arbitrary({expression})",
    # BOOLEAN already; sqlglot would cast.
    "bool_or": "bool_or({expression})",
    "empty_array": "cast([] as {data_type}[])",
    # The count may be a BIGINT (row_number()), which INTERVAL (n) DAY refuses.
    "dateadd": "(({moment}) + cast({interval} as bigint) * interval 1 {datepart})",
    # TIMESTAMP on both sides: arguments may be texts, or a date and a timestamp.
    "datediff": "date_diff('{datepart}', cast({first_date} as timestamp), cast({second_date} as timestamp))",
    # Weeks begin on Sunday for dbt, on Monday for date_diff(); when time runs backwards the day of the week is compared
    # in the same direction as forwards.
    "datediff:week": (
        "(date_diff('day', cast({first_date} as timestamp), cast({second_date} as timestamp)) // 7"
        " + case when date_part('dow', cast({first_date} as timestamp))"
        " <= date_part('dow', cast({second_date} as timestamp))"
        " then case when ({first_date}) <= ({second_date}) then 0 else -1 end"
        " else case when ({first_date}) <= ({second_date}) then 1 else 0 end end)"
    ),
    "datediff:WEEK": "date_diff('WEEK', cast({first_date} as timestamp), cast({second_date} as timestamp))",
    "listagg": "string_agg({measure}, {delimiter_text})",
    "listagg_ordered": "string_agg({measure}, {delimiter_text} order by {order})",
    # The limit counts NULLs too, so it cuts a list and not the rows that string_agg() sees.
    "listagg_limited": "list_aggr((array_agg({measure}))[1:{limit}], 'string_agg', {delimiter_text})",
    "listagg_ordered_limited": (
        "list_aggr((array_agg({measure} order by {order}))[1:{limit}], 'string_agg', {delimiter_text})"
    ),
    # NULL where there is no such part; split_part() would give an empty text.
    "split_part": "string_split({string_text}, {delimiter_text})[{part_number}]",
    "snapshot_time": "cast(now() as timestamp)",
    "current_timestamp": "now()",
    "series": "select generate_series as generated_number from generate_series(1, {upper_bound})",
}

_DAYS = "(cast({second_date} as date) - cast({first_date} as date))"
_PART = "date_part('{unit}', cast({{second_date}} as {type})) - date_part('{unit}', cast({{first_date}} as {type}))"


def _part(unit: str, type: str) -> str:
    return _PART.format(unit=unit, type=type)


def _whole(unit: str) -> str:
    return (
        f"floor(date_part('{unit}', cast({{second_date}} as timestamp)))"
        f" - floor(date_part('{unit}', cast({{first_date}} as timestamp)))"
    )


_YEARS = f"({_part('year', 'date')})"
_HOURS = f"({_DAYS} * 24 + {_part('hour', 'timestamp')})"
_MINUTES = f"({_HOURS} * 60 + {_part('minute', 'timestamp')})"

POSTGRES = {
    # any_value() came with PostgreSQL 16; min() is what dbt takes.
    "any_value": "min({expression})",
    "empty_array": "cast(array[] as {data_type}[])",
    "date": "make_date({year}, {month}, {day})",
    "dateadd": "(({moment}) + ((interval '1 {datepart}') * ({interval})))",
    # There is no interval of quarters.
    "dateadd:quarter": "(({moment}) + ((interval '3 month') * ({interval})))",
    # PostgreSQL has no datediff(): the boundaries between two moments are counted from their parts. Days are integers,
    # everything else double precision.
    "datediff:day": _DAYS,
    "datediff:week": (
        f"({_DAYS} / 7 + case when date_part('dow', cast({{first_date}} as timestamp))"
        " <= date_part('dow', cast({second_date} as timestamp))"
        " then case when ({first_date}) <= ({second_date}) then 0 else -1 end"
        " else case when ({first_date}) <= ({second_date}) then 1 else 0 end end)"
    ),
    "datediff:month": f"({_YEARS} * 12 + {_part('month', 'date')})",
    "datediff:quarter": f"({_YEARS} * 4 + {_part('quarter', 'date')})",
    "datediff:year": _YEARS,
    "datediff:hour": _HOURS,
    "datediff:minute": _MINUTES,
    "datediff:second": f"({_MINUTES} * 60 + {_whole('second')})",
    "datediff:millisecond": f"({_MINUTES} * 60000 + {_whole('millisecond')})",
    "datediff:microsecond": f"({_MINUTES} * 60000000 + {_whole('microsecond')})",
    # WITHIN GROUP is not for string_agg() here.
    "listagg_ordered": "string_agg({measure}, {delimiter_text} order by {order})",
    "listagg_limited": "array_to_string((array_agg({measure}))[1:{limit}], {delimiter_text})",
    "listagg_ordered_limited": "array_to_string((array_agg({measure} order by {order}))[1:{limit}], {delimiter_text})",
    # Negative numbers are understood from PostgreSQL 14 on; this works everywhere.
    "split_part:negative": COUNTED_FROM_START,
    "snapshot_time": "cast(now() as timestamp without time zone)",
    "utc_timestamp": "cast((current_timestamp at time zone 'utc') as timestamp)",
    "current_timestamp": "now()",
    # Numbers of type double precision: what dbt's sum of powers gives.
    "series": (
        "select cast(generated_number as double precision) as generated_number"
        " from generate_series(1, {upper_bound}) as numbers(generated_number) order by generated_number"
    ),
}

REDSHIFT = {
    "array_append": "array_concat({array}, array({new_element}))",
    "array_concat": "array_concat({array_1}, {array_2})",
    # A cast from BOOLEAN to text is refused.
    "cast_bool_to_text": "case when {field} is true then 'true' when {field} is false then 'false' end",
    "date": "to_date({year} || '-' || {month} || '-' || {day}, 'YYYY-MM-DD')",
    # right(text, 0) is refused.
    "right": "case when ({length_expression}) = 0 then '' else right({string_text}, {length_expression}) end",
    # Negative numbers are refused.
    "split_part:negative": COUNTED_FROM_START,
    "local_timestamp": "getdate()",
    "utc_timestamp": "getdate()",
}

SNOWFLAKE = {
    "array_append": "array_append({array}, {new_element})",
    "array_concat": "array_cat({array_1}, {array_2})",
    "array_construct": "array_construct({inputs})",
    "empty_array": "array_construct()",
    # In UTC whatever the session's time zone is.
    "current_timestamp": "convert_timezone('UTC', current_timestamp())",
    "local_timestamp": "current_timestamp::timestamp",
    "utc_timestamp": "convert_timezone('UTC', current_timestamp)::timestamp",
    "snapshot_time": "to_timestamp_ntz(convert_timezone('UTC', current_timestamp()))",
    # WITHIN GROUP takes no limit: the list is cut, then joined.
    "listagg_limited": "array_to_string(array_slice(array_agg({measure}), 0, {limit}), {delimiter_text})",
    "listagg_ordered_limited": (
        "array_to_string(array_slice(array_agg({measure}) within group (order by {order}), 0, {limit}),"
        " {delimiter_text})"
    ),
    # The empty text for a length of 0, as everywhere else.
    "right": "case when ({length_expression}) = 0 then '' else right({string_text}, {length_expression}) end",
    "safe_cast": "try_cast({field} as {type})",
}

BIGQUERY = {
    "array_append": "array_concat({array}, [{new_element}])",
    "empty_array": "[]",
    # Dates, texts and timestamps alike: through DATETIME and TIMESTAMP, as dbt has it.
    "date_trunc": "timestamp_trunc(cast({date} as timestamp), {datepart})",
    "dateadd": "datetime_add(cast({moment} as datetime), interval {interval} {datepart})",
    "datediff": "datetime_diff(cast({second_date} as datetime), cast({first_date} as datetime), {datepart})",
    "listagg_ordered": "string_agg({measure}, {delimiter_text} order by {order})",
    "listagg_limited": "string_agg({measure}, {delimiter_text} limit {limit})",
    "listagg_ordered_limited": "string_agg({measure}, {delimiter_text} order by {order} limit {limit})",
    "local_timestamp": "current_timestamp",
    "utc_timestamp": "current_timestamp",
    "safe_cast": "safe_cast({field} as {type})",
    # There is no split_part().
    "split_part": "split({string_text}, {delimiter_text})[safe_offset({part_number} - 1)]",
    "split_part:negative": (
        "split({string_text}, {delimiter_text})"
        "[safe_offset(array_length(split({string_text}, {delimiter_text})) + {part_number})]"
    ),
}

_BOUNDARIES = (
    "timestampdiff({datepart}, date_trunc('{datepart}', {first_date}), date_trunc('{datepart}', {second_date}))"
)

SPARK = {
    "array_append": "array_append({array}, {new_element})",
    "array_concat": "concat({array_1}, {array_2})",
    # date_add() counts days and nothing else.
    "dateadd": "timestampadd({datepart}, {interval}, {moment})",
    "dateadd:day": "date_add({moment}, {interval})",
    "dateadd:week": "date_add({moment}, ({interval}) * 7)",
    "dateadd:month": "add_months({moment}, {interval})",
    "dateadd:quarter": "add_months({moment}, ({interval}) * 3)",
    "dateadd:year": "add_months({moment}, ({interval}) * 12)",
    # Spark counts whole units that have passed; dbt counts boundaries.
    "datediff": _BOUNDARIES,
    "listagg": "array_join(collect_list({measure}), {delimiter_text})",
    "listagg_limited": "array_join(slice(collect_list({measure}), 1, {limit}), {delimiter_text})",
    "local_timestamp": "current_timestamp()",
    "utc_timestamp": "current_timestamp()",
}

TRINO = {
    "array_append": "({array}) || {new_element}",
    "concat": "({left}) || ({right})",
    "date": "date(format('%04d-%02d-%02d', {year}, {month}, {day}))",
    "empty_array": "cast(array[] as array({data_type}))",
    # Trino counts whole units that have passed; dbt counts boundaries.
    "datediff": (
        "date_diff('{datepart}', date_trunc('{datepart}', cast({first_date} as timestamp)),"
        " date_trunc('{datepart}', cast({second_date} as timestamp)))"
    ),
    "listagg": "array_join(array_agg({measure}), {delimiter_text})",
    "listagg_ordered": "array_join(array_agg({measure} order by {order}), {delimiter_text})",
    "listagg_limited": "array_join(slice(array_agg({measure}), 1, {limit}), {delimiter_text})",
    "listagg_ordered_limited": "array_join(slice(array_agg({measure} order by {order}), 1, {limit}), {delimiter_text})",
    "safe_cast": "try_cast({field} as {type})",
    # Negative numbers are refused.
    "split_part:negative": "element_at(split({string_text}, {delimiter_text}), {part_number})",
}

CLICKHOUSE = {
    "bool_or": "max({expression})",
    "array_append": "arrayPushBack({array}, {new_element})",
    "date": "makeDate({year}, {month}, {day})",
    "datediff": "dateDiff('{datepart}', {first_date}, {second_date})",
    "dateadd": "date_add({datepart}, {interval}, {moment})",
    "split_part": "splitByString({delimiter_text}, {string_text})[{part_number}]",
    "current_timestamp": "now()",
    "local_timestamp": "now()",
    "position": "position({string_text}, {substring_text})",
}

PLAIN: Mapping[str, str] = {
    # The type is the user's text, which sqlglot would have to parse.
    "safe_cast": "cast({field} as {type})",
}
"""What every dialect without an entry of its own writes."""

OVERRIDES: Mapping[str, Mapping[str, str]] = {
    "duckdb": DUCKDB,
    "postgres": POSTGRES,
    "redshift": REDSHIFT,
    "snowflake": SNOWFLAKE,
    "bigquery": BIGQUERY,
    "spark": SPARK,
    "databricks": {
        **{key: text for key, text in SPARK.items() if not key.startswith("dateadd")},
        "dateadd": "timestampadd({datepart}, {interval}, {moment})",
        "safe_cast": "try_cast({field} as {type})",
    },
    "trino": TRINO,
    "athena": TRINO,
    "clickhouse": CLICKHOUSE,
}
"""By dialect, then by macro: text where sqlglot's would be refused or would mean something else."""
