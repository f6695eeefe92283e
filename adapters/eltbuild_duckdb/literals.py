"""Values of a profile as DuckDB reads them in SQL, and which of their texts are secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from eltbuild.sql.quoting import quote_identifier, quote_string

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")
"""What can stand in SQL as it is."""

_PASSWORD = re.compile(
    r"(?:password|passwd|pwd|token)\s*=\s*(?:'((?:[^'\\]|\\.)+)'|([^\s'&;]+))|://[^/@:\s]*:([^/@\s]+)@",
    re.IGNORECASE,
)


def is_word(value: Any) -> bool:
    """Whether the value can stand in SQL as it is."""
    return isinstance(value, str) and bool(WORD.match(value))


def identifier(name: str) -> str:
    """The name as an identifier."""
    return quote_identifier(name, "duckdb")


def quoted(text: str) -> str:
    """The text as a literal."""
    return quote_string(text, "duckdb")


def scalar(value: Any) -> str:
    """A single value as text, truth values as DuckDB writes them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def unquoted(value: Any) -> Any:
    """A text without the quotes that dbt-duckdb lets users write around it."""
    if isinstance(value, str) and len(text := value.strip()) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1].replace(text[0] * 2, text[0])
    return value


def literal(value: Any) -> str:
    """The value as DuckDB reads it: texts (cast to what is wanted), lists and maps of texts."""
    if isinstance(value, Mapping):
        return "map {" + ", ".join(f"{quoted(str(key))}: {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(literal, value)) + "]"
    return quoted(scalar(value))


def texts(value: Any) -> Iterable[str]:
    """All texts in a value that are long enough to be secrets."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)
    elif not isinstance(value, bool) and value is not None and len(str(value)) >= 3:
        yield str(value)


def passwords(path: str) -> Iterable[str]:
    """What stands for passwords in a connection string or URL."""
    for found in _PASSWORD.finditer(path):
        yield next(group for group in found.groups() if group)
