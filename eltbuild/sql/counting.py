"""How engines count cheaply, as tables by dialect. What stands in no table is asked as it is written."""

from __future__ import annotations

from collections.abc import Mapping

MISSING: Mapping[str, str] = {"duckdb": "count(*) - count({0})"}
"""How many rows lack a value. Elsewhere each row is looked at: a row type may be NULL and still be counted."""

HASHED_DISTINCT = frozenset({
    "duckdb", "snowflake", "bigquery", "redshift", "clickhouse", "databricks", "spark", "trino", "presto", "athena",
})  # fmt: skip
"""Dialects whose engines count distinct values by hashing, along with whatever else is counted.

Others sort all values for it, or count nothing else in parallel meanwhile.
"""

_INTEGER = (
    "typeof({0}) in ('TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'UTINYINT', 'USMALLINT', 'UINTEGER', "
    "'UBIGINT', 'UHUGEINT')"
)

INTEGERS: Mapping[str, str] = {"duckdb": f"case when {_INTEGER} then {{0}} end"}
"""The value where its type is one of integers, else NULL."""

ORDINALS: Mapping[str, str] = {
    "duckdb": "case when typeof({0}) = 'DATE' then try_cast({0} as date) - date '1970-01-01' "
    f"when {_INTEGER} then try_cast({{0}} as bigint) end",
}
"""A whole number of 64 bits for each integer that is one, and for each date; else NULL."""

NONE_OF = "min(case when false then {0} end)"
"""NULL, of the type of a value and with its collation."""

IS_TEXT: Mapping[str, str] = {"duckdb": f"typeof({NONE_OF}) = 'VARCHAR'"}
"""Whether a value is a text."""

_TEXT = "typeof({0}) = 'VARCHAR'"

TEXTS: Mapping[str, str] = {"duckdb": f"case when {_TEXT} then {{0}} end"}
"""The value where it is a text, else NULL."""

LENGTHS: Mapping[str, str] = {"duckdb": f"case when {_TEXT} then length(cast({{0}} as varchar)) end"}
"""How many characters a text has; NULL for all else."""

NUMBERED: Mapping[str, str] = {"duckdb": "try_cast(substr({0}, {1}) as bigint)"}
"""The whole number that a text holds from its so many-th character on, else NULL."""

DIGEST: Mapping[str, str] = {"duckdb": "case when {0} is not null then hash({0}) end"}
"""A number that is the same for equal texts, if these are equal letter by letter; it is seldom so for others."""

ALIKE: Mapping[str, str] = {
    "duckdb": " or ".join(
        f"coalesce({NONE_OF}, '{one}') = coalesce({NONE_OF}, '{other}')"
        for one, other in (("a", "A"), ("a", "\u00e4"), ("\u00e9", "e\u0301"))
    ),
}
"""Whether the collation of a text takes some texts for equal that are not so letter by letter."""

DISTINCT_BITS: Mapping[str, str] = {"duckdb": "coalesce(bit_count(bitstring_agg({0}, {1}, {2})), 0)"}
"""How many distinct integers there are, all of which lie within bounds that are known: one bit for each number."""

MOST_BITS = 1_000_000_000
"""How far the bounds may be apart."""

PRUNED = frozenset({"duckdb"})
"""Dialects whose engines pass over parts of a stored table in which a filter finds nothing, by statistics of them.

There a large table is filtered once per question in less time than all its values are looked at once.
"""

MATERIALIZED = frozenset({"duckdb", "postgres"})
"""Dialects in which a common table expression can be told to be evaluated once."""

SIZED = PRUNED | DISTINCT_BITS.keys()
"""Dialects in which the best way to count depends on how many rows there are."""
