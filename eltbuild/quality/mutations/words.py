"""A query as words with their places: what stands within which parentheses, and where clauses end."""

from __future__ import annotations

import re
from collections.abc import Sequence

from eltbuild.values import dataclass

OPENING = frozenset("([{")
CLOSING = frozenset(")]}")
NAMES = frozenset({"VAR", "IDENTIFIER", "NUMBER", "STRING", "TRUE", "FALSE", "NULL", "R_PAREN", "R_BRACKET", "END"})
"""Kinds of words that an operand can end with."""

CLAUSES = frozenset({
    "where", "group by", "having", "qualify", "order by", "limit", "offset", "window", "union", "union all", "except",
    "intersect", "join", "left", "right", "full", "inner", "cross", "natural", "asof", "positional", "semi", "anti",
    "on", "fetch", "for", "sample", "using sample", "returning", ";",
})  # fmt: skip
"""Words with which a clause ends that stands before them."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of SQL: its text in lower case, the parser's kind of it, and its first and its behind-last offset."""

    text: str
    kind: str
    start: int
    end: int
    depth: int
    """How many parentheses are open around it; they themselves stand outside."""


@dataclass(frozen=True, slots=True)
class Words:
    """All words of a query, comments left out."""

    query: str
    all: tuple[Word, ...]

    def text(self, first: int, last: int) -> str:
        """What is written from one word to another, both included."""
        return self.query[self.all[first].start : self.all[last].end]

    def is_word(self, at: int, *texts: str) -> bool:
        """Whether there is a word at that place, and it is one of those."""
        return 0 <= at < len(self.all) and self.all[at].text in texts

    def closing(self, at: int) -> int:
        """The parenthesis that closes the one at that place; the last word where none does."""
        depth = self.all[at].depth
        for index in range(at + 1, len(self.all)):
            if self.all[index].depth == depth and self.all[index].text in CLOSING:
                return index
        return len(self.all) - 1

    def opening(self, at: int) -> int:
        """The parenthesis around the word at that place; -1 where there is none."""
        depth = self.all[at].depth
        for index in range(at - 1, -1, -1):
            if self.all[index].depth == depth - 1 and self.all[index].text in OPENING:
                return index
        return -1

    def within(self, at: int) -> range:
        """The words of the same depth and what is in parentheses among them, from behind `at` to where they end."""
        depth = self.all[at].depth
        index = at + 1
        while index < len(self.all) and not (self.all[index].depth < depth or self._closes(index, depth)):
            index += 1
        return range(at + 1, index)

    def _closes(self, index: int, depth: int) -> bool:
        return self.all[index].text in CLOSING and self.all[index].depth == depth - 1

    def clause(self, at: int) -> range:
        """The words of the clause that begins with the one at that place, itself left out."""
        depth = self.all[at].depth
        found = self.within(at)
        end = next((i for i in found if self.all[i].depth == depth and self.all[i].text in CLAUSES), found.stop)
        return range(at + 1, end)

    def divided(self, among: range, *texts: str) -> list[range]:
        """The parts of a stretch between words of its own depth that are one of those.

        The AND of BETWEEN divides nothing, nor does what stands between CASE and END.
        """
        if not among:
            return []
        depth = self.all[among.start].depth
        parts: list[range] = []
        begin, cases, between = among.start, 0, 0
        for index in among:
            word = self.all[index]
            if word.depth != depth:
                continue
            cases += {"case": 1, "end": -1}.get(word.text, 0)
            if cases:
                continue
            if word.text == "between":
                between += 1
            elif word.text == "and" and between:
                between -= 1
            elif word.text in texts:
                parts.append(range(begin, index))
                begin = index + 1
        return [part for part in (*parts, range(begin, among.stop)) if part]


def words_of(query: str, dialect: str) -> Words:
    """The words of a query; none where it cannot be taken apart."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        tokens = sqlglot.tokenize(query, read=dialect)
    except SqlglotError:
        return Words(query, ())
    return Words(query, tuple(_deepened(query, tokens)))


def _deepened(query: str, tokens: Sequence[object]) -> list[Word]:
    found: list[Word] = []
    depth = 0
    for token in tokens:
        start, end = int(getattr(token, "start")), int(getattr(token, "end")) + 1  # noqa: B009
        kind = str(getattr(getattr(token, "token_type"), "name"))  # noqa: B009
        written = query[start:end]
        quoted = kind in ("STRING", "IDENTIFIER") or "STRING" in kind
        text = written if quoted else re.sub(r"\s+", " ", written.lower())
        if text in CLOSING:
            depth = max(depth - 1, 0)
        found.append(Word(text, kind, start, end, depth))
        if text in OPENING:
            depth += 1
    return found
