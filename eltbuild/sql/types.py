"""When two names of types mean the same type. sqlglot is asked only about names that are not plain."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from eltbuild.errors import CompileError, Problem
from eltbuild.values import dataclass

ALIASES: Mapping[str, str] = {
    "int": "integer", "int4": "integer", "signed": "integer", "int32": "integer",
    "int8": "bigint", "long": "bigint", "int64": "bigint",
    "int2": "smallint", "short": "smallint", "int16": "smallint",
    "text": "varchar", "string": "varchar", "character varying": "varchar", "nvarchar": "varchar",
    "bpchar": "varchar",
    "bool": "boolean", "logical": "boolean",
    "float8": "double", "double precision": "double", "float64": "double",
    "float4": "real", "float": "real", "float32": "real",
    "timestamp with time zone": "timestamptz", "timestamp without time zone": "timestamp",
    "numeric": "decimal",
}  # fmt: skip
"""Names that need no parser, for the dialects that agree on them."""
PLAIN_DIALECTS = frozenset({"duckdb", "postgres"})
UNLIKE: Mapping[str, Mapping[str, str]] = {
    "duckdb": {"int8": "bigint", "float": "real", "bytea": "blob"},
    "postgres": {"float": "double"},
}
"""What a dialect takes otherwise."""
ALIKE: Mapping[str, Mapping[str, str]] = {
    "postgres": {"real": "double", "smallint": "integer", "FLOAT": "DOUBLE", "SMALLINT": "INT"},
}
"""Types that contracts do not tell apart, as dbt does not: by the names here and by those of the parser."""

LABELS: Mapping[str, Mapping[str, str]] = {
    "bigquery": {"INT": "BIGINT", "SMALLINT": "BIGINT", "TINYINT": "BIGINT", "FLOAT": "DOUBLE"},
}
"""The parser's names of types that are one for a dialect."""
DEFAULT_DECIMAL: Mapping[str, tuple[str, ...]] = {"duckdb": ("18", "3")}
"""Precision and scale of a decimal that names none, for dialects whose contracts compare them."""
SIZED_TEXT = re.compile(
    r"\s*(?:varchar|character varying|text|string|char|character)\s*\(\s*\d+\s*\)\s*", re.IGNORECASE
)
SIZE = re.compile(r"\((\d+)\)")


Alike = Mapping[str, str]


def same_type(left: str, right: str, dialect: str) -> bool:
    """Whether two names mean one type.

    Lengths of texts do not count; precision and scale of decimals count where the engine tells them.
    """
    return _is_same(left, right, dialect, {})


def keeps_promise(given: str, promised: str, dialect: str) -> bool:
    """Whether a column of the one type keeps a contract that names the other; see `ALIKE`."""
    return _is_same(given, promised, dialect, ALIKE.get(dialect, {}))


def _is_same(left: str, right: str, dialect: str, alike: Alike) -> bool:
    if left.casefold() == right.casefold():
        return True
    if dialect in PLAIN_DIALECTS:
        first, second = _plain(left, dialect), _plain(right, dialect)
        if first is not None and second is not None:
            return alike.get(first, first) == alike.get(second, second)
    return _shape(left, dialect, alike) == _shape(right, dialect, alike)


def wider_text(old: str, new: str) -> bool:
    """Whether `new` is a text type with a greater length than `old`, both with a length."""
    if not (SIZED_TEXT.fullmatch(old) and SIZED_TEXT.fullmatch(new)):
        return False
    before, after = SIZE.search(old.replace(" ", "")), SIZE.search(new.replace(" ", ""))
    return before is not None and after is not None and int(after[1]) > int(before[1])


def is_zoned(type_name: str, dialect: str) -> bool:
    """Whether values of the type know their time zone."""
    name = type_name.casefold()
    if dialect == "bigquery":
        return name == "timestamp"
    return "with time zone" in name or name.startswith(
        ("timestamptz", "timestamp_tz", "timestamp_ltz", "datetimeoffset")
    )


def translate(type_name: str, source: str, target: str) -> str:
    """The name of the type in the target dialect. Raises `CompileError` for a name that is no type."""
    if source == target:
        return type_name
    return str(parsed(type_name, source).sql(dialect=target))


def _plain(name: str, dialect: str) -> str | None:
    name = " ".join(name.casefold().split())
    if SIZED_TEXT.fullmatch(name):
        return "varchar"
    name = UNLIKE[dialect].get(name) or ALIASES.get(name, name)
    return name if name in PLAIN else None


PLAIN = frozenset({
    "integer", "bigint", "smallint", "tinyint", "varchar", "boolean", "double", "real", "timestamp",
    "timestamptz", "date", "time", "uuid", "blob", "hugeint", "interval", "json", "jsonb", "bytea",
})  # fmt: skip


@lru_cache(maxsize=4096)
def parsed(name: str, dialect: str) -> Any:
    """The type as sqlglot knows it. Raises `CompileError` for a name that is no type."""
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        return exp.DataType.build(name, dialect=dialect, udt=True)
    except (SqlglotError, ValueError, RecursionError) as error:
        raise CompileError(Problem(f"`{name}` is not the name of a type")) from error


REWRITTEN: Mapping[str, Sequence[tuple[re.Pattern[str], str]]] = {
    "postgres": (
        # The number of dimensions, and their sizes, are remarks there.
        (re.compile(r"(?:(?:\s+array\b)?\s*\[\s*\d*\s*\]|\s+array\b)(?:\s*\[\s*\d*\s*\])*\s*$", re.IGNORECASE), "[]"),
        (re.compile(r"^_(\w+)$"), r"\1[]"),
        (re.compile(r"^interval\b[^\[]*", re.IGNORECASE), "interval"),
        (re.compile(r"^bit\s+varying\b", re.IGNORECASE), "varbit"),
    ),
    "duckdb": ((re.compile(r"\b(?:bytea|binary|varbinary)\b", re.IGNORECASE), "blob"),),
}  # fmt: skip
"""Spellings of types that the parser does not know as one with others."""


def _shape(name: str, dialect: str, alike: Alike) -> object:
    """The type without what contracts do not compare."""
    text = " ".join(name.split())
    for pattern, instead in REWRITTEN.get(dialect, ()) if "'" not in text else ():
        text = pattern.sub(instead, text)
    return _shape_of(parsed(text, dialect), dialect, alike)


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """A type that somebody has made. Without a schema it is the one that is found: of any."""

    parts: tuple[str, ...]

    def __eq__(self, other: object) -> bool:
        """Whether as much as both names tell is the same."""
        if not isinstance(other, Named):
            return False
        known = min(len(self.parts), len(other.parts))
        return self.parts[-known:] == other.parts[-known:]

    __hash__ = None  # type: ignore[assignment]


def _named(text: str) -> Named:
    found = re.findall(r'"((?:[^"]|"")*)"|([^".]+)', re.sub(r"\s*\([\d\s,]*\)$", "", text))
    return Named(tuple((quoted.replace('""', '"') or bare).casefold() for quoted, bare in found))


def _shape_of(node: Any, dialect: str, alike: Alike) -> object:
    from sqlglot import exp

    if not isinstance(node, exp.DataType):
        return node.sql(dialect=dialect).casefold()
    kind = node.this
    if kind in exp.DataType.TEXT_TYPES:
        return "text"
    label = getattr(kind, "value", None) or str(kind)
    if kind in exp.DataType.REAL_TYPES and label in ("DECIMAL", "NUMERIC", "BIGDECIMAL"):
        if dialect not in DEFAULT_DECIMAL:
            return "decimal"
        sizes = tuple(part.sql() for part in node.expressions) or DEFAULT_DECIMAL[dialect]
        return ("decimal", *sizes, *(("0",) if len(sizes) == 1 else ()))
    label = LABELS.get(dialect, {}).get(label, label)
    label = alike.get(label, label)
    if kind == exp.DataType.Type.USERDEFINED:
        return _named(str(node.args.get("kind") or node.sql(dialect=dialect)))
    if label == "ENUM":
        return (label, *(part.sql(dialect=dialect) for part in node.expressions))
    if not node.args.get("nested"):
        return label
    members = tuple(_member(part, dialect, alike) for part in node.expressions)
    if label == "STRUCT":
        # What has a name is found by it, wherever it stands.
        members = tuple(sorted(members, key=lambda member: str(member[0]) if isinstance(member, tuple) else ""))
    return (label, *members, *(part.sql(dialect=dialect) for part in node.args.get("values") or ()))


def _member(part: Any, dialect: str, alike: Alike) -> object:
    from sqlglot import exp

    if isinstance(part, exp.ColumnDef):
        return (part.name.casefold(), _shape_of(part.args["kind"], dialect, alike))
    return _shape_of(part, dialect, alike)
