"""A query as the pieces of its text: common table expressions, what is selected, from where, under which condition.

Every piece is the user's own text, untouched. What is more than one plain SELECT over one source each has no pieces.
Nothing is run here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from eltbuild.values import dataclass

Token: TypeAlias = Any
"""A token of sqlglot: `token_type`, `text`, `start` and `end` (inclusive) in the text."""

OPENING = frozenset({"L_PAREN", "L_BRACKET", "L_BRACE"})
CLOSING = frozenset({"R_PAREN", "R_BRACKET", "R_BRACE"})
CLAUSES = ("FROM", "WHERE", "GROUP_BY", "HAVING")
"""The clauses that are read, in the order in which they stand."""
NAMES = frozenset({"VAR", "IDENTIFIER"})
WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Item:
    """One column of a SELECT list: its text without the alias, and its name as written; `*` is a star."""

    text: str
    name: str | None = None

    @property
    def star(self) -> bool:
        """Whether it stands for all columns."""
        return self.text == "*"


@dataclass(frozen=True, slots=True)
class Select:
    """A SELECT over one source."""

    items: tuple[Item, ...]
    source: str | Select
    """The name as written of a relation or a common table expression, or a query in its place."""
    alias: str | None
    where: str
    group: str
    having: str
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A query with its common table expressions, in their order, by their names as written."""

    ctes: Mapping[str, Select]
    body: Select


class Unreadable(Exception):
    """The query is something else; the test is asked as it is written."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A text and its tokens; `begin` and `end` bound the tokens that are read."""

    text: str
    tokens: Sequence[Token]

    def kind(self, at: int) -> str:
        """The kind of a token; "" behind the last one."""
        return str(self.tokens[at].token_type.name) if at < len(self.tokens) else ""

    def slice(self, begin: int, end: int) -> str:
        """The text of the tokens from `begin` to before `end`."""
        return self.text[self.tokens[begin].start : self.tokens[end - 1].end + 1] if begin < end else ""

    def closing(self, at: int) -> int:
        """Where the bracket that opens there is closed. Raises `Unreadable` where it is not."""
        depth = 0
        for index in range(at, len(self.tokens)):
            kind = self.kind(index)
            depth += (kind in OPENING) - (kind in CLOSING)
            if not depth:
                return index
        raise Unreadable

    def outside(self, begin: int, end: int) -> list[int]:
        """The tokens between that stand in no bracket; of a bracket only its two ends."""
        found = []
        at = begin
        while at < end:
            found.append(at)
            if self.kind(at) in OPENING:
                at = self.closing(at)
                found.append(at)
            at += 1
        return found

    # Queries

    def query(self) -> Query:
        """The whole text. Raises `Unreadable`."""
        ctes: dict[str, Select] = {}
        at, end = 0, len(self.tokens)
        if self.kind(0) != "WITH":
            return Query(ctes, self.select(at, end))
        while True:
            name, opening = at + 1, at + 3
            known = self.kind(name) in NAMES and self.kind(name + 1) == "ALIAS" and self.kind(opening) == "L_PAREN"
            if not known or self.slice(name, name + 1) in ctes:
                raise Unreadable
            closing = self.closing(opening)
            ctes[self.slice(name, name + 1)] = self.select(opening + 1, closing)
            at = closing + 1
            if self.kind(at) != "COMMA":
                return Query(ctes, self.select(at, end))

    def select(self, begin: int, end: int) -> Select:
        """The SELECT between those tokens. Raises `Unreadable`."""
        distinct = self.kind(begin + 1) == "DISTINCT"
        first = begin + 2 if distinct else begin + 1
        if self.kind(begin) != "SELECT" or self.kind(first) in ("ON", "ALL", "DISTINCT"):
            raise Unreadable
        outside = self.outside(first, end)
        starts = [begin, *(at for place, at in enumerate(outside) if self._is_clause(outside, place)), end]
        kinds = [self.kind(at) for at in starts[1:-1]]
        if "FROM" not in kinds or kinds != [clause for clause in CLAUSES if clause in kinds]:
            raise Unreadable
        clauses = {kind: (starts[n + 1] + 1, starts[n + 2]) for n, kind in enumerate(kinds)}
        source, alias = self._source(*clauses["FROM"])
        where, group, having = (self.slice(*clauses[kind]) if kind in clauses else "" for kind in CLAUSES[1:])
        return Select(self._items(first, starts[1]), source, alias, where, group, having, distinct)

    def _is_clause(self, outside: Sequence[int], place: int) -> bool:
        at = outside[place]
        if self.kind(at) == "FROM" and place and self.kind(outside[place - 1]) == "DISTINCT":
            return False  # a IS DISTINCT FROM b
        return self.kind(at) in CLAUSES

    def _items(self, begin: int, end: int) -> tuple[Item, ...]:
        outside = self.outside(begin, end)
        commas = [at for at in outside if self.kind(at) == "COMMA"]
        if any(self.kind(at) == "COLON" for at in outside):
            raise Unreadable  # a name in front of its expression
        starts = [begin, *(at + 1 for at in commas)]
        return tuple(self._item(*pair) for pair in zip(starts, [*commas, end], strict=True))

    def _item(self, begin: int, end: int) -> Item:
        if begin >= end:
            raise Unreadable
        if end - begin > 2 and self.kind(end - 2) == "ALIAS" and self._is_name(end - 1):
            return Item(self.slice(begin, end - 2), self.slice(end - 1, end))
        text = self.slice(begin, end)
        dotted = all(self.kind(at) == "DOT" if (at - begin) % 2 else self._is_name(at) for at in range(begin, end))
        return Item(text, self.slice(end - 1, end) if dotted and (end - begin) % 2 else None)

    def _is_name(self, at: int) -> bool:
        return self.kind(at) == "IDENTIFIER" or WORD.fullmatch(self.slice(at, at + 1)) is not None

    def _source(self, begin: int, end: int) -> tuple[str | Select, str | None]:
        source: str | Select
        if self.kind(begin) == "L_PAREN":
            closing = self.closing(begin)
            source, at = self.select(begin + 1, closing), closing + 1
        else:
            at = begin + 1
            while self.kind(at) == "DOT" and at + 1 < end:
                at += 2
            if at < end and self.kind(at) == "L_PAREN":
                at = self.closing(at) + 1
            source = self.slice(begin, at)
        if at < end and self.kind(at) == "ALIAS":
            at += 1
        if at == end:
            return source, None
        if at + 1 == end and self.kind(at) in NAMES:
            return source, self.slice(at, end)
        raise Unreadable


def pieces(sql: str, dialect: str) -> Query | None:
    """The query as its pieces; None where it is something else."""
    from sqlglot import Dialect
    from sqlglot.errors import SqlglotError

    try:
        return Reader(sql, Dialect.get_or_raise(dialect).tokenize(sql)).query()
    except (Unreadable, SqlglotError):
        return None
