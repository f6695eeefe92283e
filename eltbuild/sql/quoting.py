"""Quotes around identifiers and strings, for every dialect, without importing a SQL parser."""

from __future__ import annotations

import re
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

CUT: Mapping[str, int] = {"postgres": 63}
"""By dialect, how many bytes the engine keeps of a name that is longer: it cuts the rest off and goes on."""

PARTS = ("database", "schema", "identifier")
Quoted = tuple[bool, bool, bool]
"""Which parts of a relation's name are written in quotes."""


def quoted_parts(*wishes: Mapping[str, object]) -> Quoted:
    """What `quoting` says of each part; later wishes go before earlier ones, and all are quoted where none speaks."""
    merged = {key: value for wish in wishes for key, value in wish.items()}
    database, schema, identifier = (merged.get(part) is not False for part in PARTS)
    return database, schema, identifier


def read_bare(text: str, dialect: str) -> str:
    """The name that is meant by a text which dbt puts into statements as it is: folded, or exact between quotes.

    Blanks around it are none of the name's.
    """
    text = text.strip() or text
    start, end, escaped = ENDS.get(dialect, ('"', '"', '""'))
    if len(text) > 2 and text[0] == start and text[-1] == end:
        return text[1:-1].replace(escaped, end)
    fold = FOLDED.get(dialect)
    return fold(text) if fold is not None and text.isidentifier() else text


def kept_as(relation: Relation, quoted: Quoted, dialect: str) -> Relation:
    """The place as the engine keeps it, where it is spelled with those parts in quotes and the others bare.

    A schema's name is cut where the engine cuts it; that of a relation is refused elsewhere.
    """
    size = CUT.get(dialect)
    if size and relation.schema and len(relation.schema.encode()) > size:
        relation = replace(relation, schema=relation.schema.encode()[:size].decode(errors="ignore"))
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


PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")
BARE = frozenset({"duckdb", "postgres"})
"""Dialects that take a plain name in small letters without quotes for the same name."""
WORDS = frozenset({
    "all", "analyse", "analyze", "and", "anti", "any", "array", "as", "asc", "asof", "asymmetric", "at",
    "authorization", "between", "bigint", "binary", "bit", "boolean", "both", "by", "case", "cast", "char",
    "character", "check", "coalesce", "collate", "collation", "column", "columns", "concurrently", "constraint",
    "create", "cross", "current_catalog", "current_date", "current_role", "current_schema", "current_time",
    "current_timestamp", "current_user", "dec", "decimal", "default", "deferrable", "desc", "describe", "distinct",
    "do", "else", "end", "except", "exists", "extract", "false", "fetch", "float", "for", "foreign", "freeze",
    "from", "full", "generated", "glob", "grant", "greatest", "group", "grouping", "grouping_id", "having", "ilike",
    "in", "initially", "inner", "inout", "int", "integer", "intersect", "interval", "into", "is", "isnull", "join",
    "json", "lambda", "lateral", "leading", "least", "left", "like", "limit", "localtime", "localtimestamp", "map",
    "merge_action", "national", "natural", "nchar", "none", "normalize", "not", "notnull", "null", "nullif",
    "numeric", "offset", "on", "only", "or", "order", "out", "outer", "overlaps", "overlay", "pivot",
    "pivot_longer", "pivot_wider", "placing", "position", "positional", "precision", "primary", "qualify", "real",
    "references", "returning", "right", "row", "select", "semi", "session_user", "setof", "show", "similar",
    "smallint", "some", "struct", "substring", "summarize", "symmetric", "system_user", "table", "tablesample",
    "then", "time", "timestamp", "to", "trailing", "treat", "trim", "true", "try_cast", "tuple", "union", "unique",
    "unpack", "unpivot", "user", "using", "values", "varchar", "variadic", "verbose", "when", "where", "window",
    "with",
})  # fmt: skip
"""Words that mean something else to some engine where they stand without quotes."""


def bare_where_plain(name: str, dialect: str) -> str:
    """The identifier without quotes where it means the same so, else in the dialect's quotes."""
    plain = dialect in BARE and PLAIN_NAME.fullmatch(name) and name not in WORDS
    return name if plain and not name.startswith(("json_", "xml")) else quote_identifier(name, dialect)


def quote_string(text: str, dialect: str) -> str:
    """A string literal of the dialect. Raises `CompileError` for a text with a NUL, which no engine takes."""
    if "\0" in text:
        raise CompileError(Problem(f"a text with a NUL character cannot be written in SQL: {text[:40]!r}"))
    if dialect not in BACKSLASH:
        return "'" + text.replace("'", "''") + "'"
    text = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return "'" + text.replace("'", "\\'" if dialect in CONCATENATING else "''") + "'"
