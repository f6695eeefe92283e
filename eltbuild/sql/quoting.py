"""Quotes around identifiers and strings, for every dialect, without importing a SQL parser."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from eltbuild.errors import CompileError, Problem

BACKTICK = frozenset({
    "bigquery", "spark", "spark2", "databricks", "hive", "mysql", "doris", "starrocks", "singlestore", "drill",
    "prql", "solr",
})  # fmt: skip
BRACKETS = frozenset({"tsql", "fabric", "tableau"})
ENDS: Mapping[str, tuple[str, str, str]] = {
    **dict.fromkeys(BACKTICK, ("`", "`", "``")),
    **dict.fromkeys(BRACKETS, ("[", "]", "]]")),
    "bigquery": ("`", "`", "\\`"),
    "dax": ("'", "'", "''"),
}
"""By dialect: what opens a quoted identifier, what closes it, and how the closing one is written inside."""

ESCAPED_NAMES = frozenset({"bigquery", "clickhouse"})
"""Dialects in whose quoted names a backslash escapes."""
CONTROLS = str.maketrans({
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
})  # fmt: skip

BACKSLASH = frozenset({
    "bigquery", "spark", "spark2", "databricks", "hive", "mysql", "clickhouse", "snowflake", "redshift", "doris",
    "starrocks", "singlestore",
})  # fmt: skip
"""Dialects in whose strings a backslash escapes."""

CONCATENATING = frozenset({"bigquery", "spark", "spark2", "databricks", "hive"})
"""Dialects that take `'it''s'` for two strings side by side."""


@lru_cache(maxsize=65536)
def quote_identifier(name: str, dialect: str) -> str:
    """The identifier in the dialect's quotes. Raises `CompileError` for a name that no engine can hold."""
    if not name or "\0" in name:
        raise CompileError(Problem(f"{name!r} cannot be the name of anything in a database"))
    start, end, escaped = ENDS.get(dialect, ('"', '"', '""'))
    if dialect in ESCAPED_NAMES and "\\" in name:
        name = name.replace("\\", "\\\\")
    if dialect == "bigquery" and not name.isprintable():
        name = name.translate(CONTROLS)
    return f"{start}{name.replace(end, escaped)}{end}"


def quote_string(text: str, dialect: str) -> str:
    """A string literal of the dialect. Raises `CompileError` for a text with a NUL, which no engine takes."""
    if "\0" in text:
        raise CompileError(Problem(f"a text with a NUL character cannot be written in SQL: {text[:40]!r}"))
    if dialect not in BACKSLASH:
        return "'" + text.replace("'", "''") + "'"
    text = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return "'" + text.replace("'", "\\'" if dialect in CONCATENATING else "''") + "'"
