"""Texts of SQL as they are sent: what they begin with, and where in them a place is. Nothing is parsed."""

from __future__ import annotations

import re

from eltbuild.errors import DatabaseError

_FIRST = re.compile(r"(?:\s+|;|--[^\n]*+|/\*.*?\*/|\()*+(?P<word>[a-z]+)\b", re.IGNORECASE | re.DOTALL)
MAKES_ONCE = re.compile(r"\bif\s+not\s+exists\b|\brename\s+to\b|\bor\s+replace\b", re.IGNORECASE)
"""Statements that find a name taken only where another session took it at the same time."""
REPEATABLE = frozenset({
    "select", "values", "table", "show", "explain", "set", "reset", "drop", "comment", "grant", "revoke", "analyze",
    "vacuum", "refresh", "truncate", "begin", "rollback", "discard", "reindex",
})  # fmt: skip
QUERIES = frozenset({"select", "values", "table", "with", "insert", "update", "delete"})
"""What COPY takes as a query."""


def first_word(sql: str) -> str:
    """The word that the text begins with, behind comments and parentheses; in lower case."""
    found = _FIRST.match(sql)
    return found["word"].lower() if found else ""


def is_repeatable(sql: str) -> bool:
    """Whether nobody can tell if the statement was carried out once or twice: it reads, or says how things shall be."""
    if ";" in sql.rstrip("; \t\r\n"):
        return False
    word = first_word(sql)
    return word in REPEATABLE or (word == "create" and bool(MAKES_ONCE.search(sql)))


def encoded(sql: str) -> bytes:
    """The statement as it is sent. Raises `DatabaseError` for one that cannot be."""
    if "\0" in sql:
        raise DatabaseError("the statement holds a NUL character", sql=sql)
    try:
        return sql.encode()
    except UnicodeEncodeError:
        raise DatabaseError("the statement holds a character that UTF-8 cannot write", sql=sql) from None


def position(sql: str, character: int) -> tuple[int, int]:
    """Line and column, from 1, of the character of that number (from 1); 0 for one that is not in the text."""
    if not 0 < character <= len(sql) + 1:
        return 0, 0
    start = character - 1
    return sql.count("\n", 0, start) + 1, start - sql.rfind("\n", 0, start)
