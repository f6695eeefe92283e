"""Quotes around identifiers and strings, for every dialect, without importing a SQL parser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase

from eltbuild.errors import CompileError, Problem
from eltbuild.relation import Relation
from eltbuild.values import replace

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

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
FOLDED: Mapping[str, Callable[[str], str]] = {
    **dict.fromkeys(("postgres", "redshift", "materialize", "risingwave"), lambda name: name.translate(_LOWER)),
    **dict.fromkeys(("snowflake", "oracle"), str.upper),
}
"""By dialect, what becomes of a name that is written without quotes; elsewhere it is kept as it is written."""

PARTS = ("database", "schema", "identifier")
Quoted = tuple[bool, bool, bool]
"""Which parts of a relation's name are written in quotes."""


def quoted_parts(*wishes: Mapping[str, object]) -> Quoted:
    """What `quoting` says of each part; later wishes go before earlier ones, and all are quoted where none speaks."""
    merged = {key: value for wish in wishes for key, value in wish.items()}
    database, schema, identifier = (merged.get(part) is not False for part in PARTS)
    return database, schema, identifier


def read_bare(text: str, dialect: str) -> str:
    """The name that is meant by a text which dbt puts into statements as it is: folded, or exact between quotes."""
    start, end, escaped = ENDS.get(dialect, ('"', '"', '""'))
    if len(text) > 2 and text[0] == start and text[-1] == end:
        return text[1:-1].replace(escaped, end)
    fold = FOLDED.get(dialect)
    return fold(text) if fold is not None and text.isidentifier() else text


def kept_as(relation: Relation, quoted: Quoted, dialect: str) -> Relation:
    """The place as the engine keeps it, where it is spelled with those parts in quotes and the others bare."""
    fold = FOLDED.get(dialect)
    if fold is None or all(quoted):
        return relation
    parts = zip(PARTS, quoted, strict=True)
    bare = {part: fold(name) for part, whole in parts if not whole and (name := getattr(relation, part))}
    return replace(relation, **bare)


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
