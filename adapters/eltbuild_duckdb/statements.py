"""Texts of SQL as they are sent: where one begins and ends, and where in it a mistake is. Nothing is parsed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from eltbuild.errors import DatabaseError

_BLANK = re.compile(r"(?:[\s;]|--[^\n]*(?:\n|\Z))*")
_BLOCK = re.compile(r"/\*|\*/")
_ENDS = "; \t\r\n"


def beginning(sql: str) -> int:
    """Where the first statement begins, behind blanks, comments and semicolons."""
    start = 0
    while True:
        blank = _BLANK.match(sql, start)
        start = blank.end() if blank else start
        if not sql.startswith("/*", start):
            return start
        depth = 0
        for found in _BLOCK.finditer(sql, start):
            depth += 1 if found[0] == "/*" else -1
            if not depth:
                start = found.end()
                break
        else:
            return start


def goes_on(sql: str) -> bool:
    """Whether something stands behind the first semicolon; it may stand in a text or a comment, too."""
    start = sql.find(";")
    return start >= 0 and bool(sql[start + 1 :].strip(_ENDS))


def pieces(sql: str, texts: Sequence[str]) -> list[tuple[int, str]] | None:
    """Where each statement's text stands; None when the texts are not those of the user.

    DuckDB rewrites some statements into several, and then gives texts of its own.
    """
    found: list[tuple[int, str]] = []
    end = 0
    for text in texts:
        start = sql.find(text, end)
        gap = sql[end:start]
        if start < 0 or not text.strip(_ENDS) or beginning(gap) < len(gap):
            return None
        found.append((start, text))
        end = start + len(text)
    return found


def moved(error: DatabaseError, sql: str, start: int) -> DatabaseError:
    """The error with its place counted in the whole text, in which its statement begins at `start`."""
    if error.line == 1 and error.column:
        error.column += start - (sql.rfind("\n", 0, start) + 1)
    if error.line:
        error.line += sql.count("\n", 0, start)
    error.sql = sql
    return error
