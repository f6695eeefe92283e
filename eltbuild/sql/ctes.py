"""Common table expressions put in front of a query, whatever the query begins with. Nothing is parsed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from eltbuild.sql.scan import code, without_end

WITH = re.compile(r"with\b", re.IGNORECASE)
RECURSIVE = re.compile(r"recursive\b", re.IGNORECASE)


def with_ctes(query: str, ctes: Sequence[tuple[str, str]], dialect: str = "") -> str:
    """The query with `name as (sql)` for each of `ctes` in front, joined with a WITH that it has already.

    Names are written as given. Each text stands on lines of its own, so that a comment at its end does no harm.
    """
    offset, text = insertion(query, ctes, dialect)
    return query[:offset] + text + query[offset:]


def insertion(query: str, ctes: Sequence[tuple[str, str]], dialect: str = "") -> tuple[int, str]:
    """What `with_ctes` puts in, and at which offset of the query."""
    if not ctes:
        return 0, ""
    entries = ", ".join(f"{name} as (\n{without_end(sql, dialect)}\n)" for name, sql in ctes)
    words = _words(query, dialect)
    first = next(words, None)
    if first is None or not WITH.match(query, first):
        return first or 0, f"with {entries}\n"
    # Between WITH and RECURSIVE there may be comments.
    after = first + len("with")
    second = next(_words(query, dialect, after), None)
    if second is not None and RECURSIVE.match(query, second):
        after = second + len("recursive")
    return after, f" {entries},"


def _words(query: str, dialect: str, position: int = 0) -> Iterator[int]:
    """Offsets where code begins: the first letter of each stretch that is not blank."""
    for start, end in code(query, dialect):
        for index in range(max(start, position), end):
            if not query[index].isspace():
                yield index
                break
