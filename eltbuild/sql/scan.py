"""Where the strings and comments of a SQL text are, without a parser: enough to see what is really code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from eltbuild.sql.quoting import BACKSLASH

NESTING = frozenset({"duckdb", "postgres", "redshift", "materialize", "risingwave", "tsql", "fabric"})
"""Dialects in which a comment may hold a comment."""
HASH = frozenset({"bigquery", "mysql", "doris", "starrocks", "singlestore", "clickhouse"})
"""Dialects in which `#` begins a comment."""
STRING_QUOTED = frozenset(
    {"bigquery", "spark", "spark2", "databricks", "hive", "mysql", "doris", "starrocks", "singlestore"}
)
"""Dialects in which double quotes hold a string, so that a backslash escapes there too."""

ESCAPING = r"(?:[^{0}\\]|{0}{0}|\\.)*+(?:{0}|\\?\Z)"
PLAIN = r"(?:[^{0}]|{0}{0})*+(?:{0}|\Z)"


@lru_cache(maxsize=8)
def _noise(backslash: bool, string_quoted: bool, hashes: bool) -> re.Pattern[str]:
    single = "'" + (ESCAPING if backslash else PLAIN).format("'")
    double = '"' + (ESCAPING if string_quoted else PLAIN).format('"')
    parts = [
        r"(?<![\w$])[eE]'" + ESCAPING.format("'"),
        *([r"'''.*?(?:'''|\Z)", r'""".*?(?:"""|\Z)'] if hashes and string_quoted and backslash else []),
        single,
        double,
        "`" + PLAIN.format("`"),
        r"(?<![\w$])(?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?:(?P=tag)|\Z)",
        r"--[^\n]*",
        *([r"\#[^\n]*"] if hashes else []),
        r"(?P<comment>/\*)",
    ]
    return re.compile("|".join(parts), re.DOTALL)


BLANK_OR_END = "; \t\r\n\f\v"
COMMENTS = ("--", "/*", "#")
PARENTHESES = re.compile(r"[();]")
COMMENT_EDGE = re.compile(r"/\*|\*/")


def code(sql: str, dialect: str = "") -> Iterator[tuple[int, int]]:
    """The stretches `(start, end)` of the text that are neither comment nor quoted, in order.

    What is opened and never closed reaches to the end.
    """
    noise = _noise(dialect in BACKSLASH, dialect in STRING_QUOTED, dialect in HASH)
    position = 0
    while found := noise.search(sql, position):
        if found.start() > position:
            yield position, found.start()
        position = _comment_end(sql, found.end(), dialect in NESTING) if found["comment"] else found.end()
    if position < len(sql):
        yield position, len(sql)


def _comment_end(sql: str, position: int, nesting: bool) -> int:
    depth = 1
    while edge := COMMENT_EDGE.search(sql, position):
        position = edge.end()
        if edge[0] == "*/":
            depth -= 1
        elif nesting:
            depth += 1
        if not depth:
            return position
    return len(sql)


def without_end(sql: str, dialect: str = "") -> str:
    """The text without the semicolons that end it: each becomes a space, so that no position moves.

    A semicolon with more code behind it stays where it is.
    """
    if ";" not in sql:
        return sql
    ends: list[int] = []
    for start, end in code(sql, dialect):
        stretch = sql[start:end]
        kept = len(stretch.rstrip(BLANK_OR_END))
        if kept:
            ends.clear()
        ends.extend(start + kept + index for index, letter in enumerate(stretch[kept:]) if letter == ";")
        # What is quoted counts as code: a string behind a semicolon keeps it.
        if end < len(sql) and not sql.startswith(COMMENTS, end):
            ends.clear()
    if not ends:
        return sql
    letters = list(sql)
    for index in ends:
        letters[index] = " "
    return "".join(letters)


def stays_inside(sql: str, dialect: str = "") -> bool:
    """Whether the text is still within parentheses that are put around it: it closes none that it has not opened,

    leaves none open, and has one statement only.
    """
    text, depth = without_end(sql, dialect), 0
    for start, end in code(text, dialect):
        for letter in PARENTHESES.findall(text, start, end):
            depth += {"(": 1, ")": -1}.get(letter, 0)
            if depth < 0 or letter == ";":
                return False
    return depth == 0


def mentions(sql: str, identifier: str) -> bool:
    """Whether the text may speak of that name; True also where it stands in a comment or a longer word."""
    return identifier.casefold() in sql.casefold()
