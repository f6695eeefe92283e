"""The text of an expression, with columns replaced and aggregates limited to some rows. Nothing is run here.

The parser tells what is a column; what is kept is kept as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from eltbuild.quality.measures.pieces import Reader, Unreadable
from eltbuild.values import dataclass

Tree: TypeAlias = Any
Resolve: TypeAlias = Callable[[Sequence[str]], "str | None"]
"""What stands for a column, given its name's parts as written: None where its text is kept.

Raises `Unreadable` where that cannot be told.
"""

ADDED = "select "
"""What makes an expression a text that the parser reads."""
LIMITABLE = frozenset({
    "count", "sum", "min", "max", "avg", "stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop",
    "bool_and", "bool_or", "median",
})  # fmt: skip
"""Aggregates of one argument that pass over NULL: over some rows only, they are those of a CASE."""
FORBIDDEN = (
    "Query", "Window", "Lambda", "Kwarg", "PropertyEQ", "Placeholder", "Parameter", "SessionParameter", "Columns",
    "Explode", "Unnest", "GenerateSeries", "UDTF", "Alias", "Aliases", "Slice", "Pivot",
)  # fmt: skip
"""What an expression may not hold: what looks beyond its row, has names of its own, or gives several rows."""
PLAIN_NODES = frozenset({
    "Column", "Identifier", "Literal", "Boolean", "Null", "Neg", "Paren", "Add", "Sub", "Mul", "Div", "IntDiv", "Mod",
    "DPipe", "Concat", "ConcatWs", "EQ", "NEQ", "GT", "GTE", "LT", "LTE", "And", "Or", "Not", "Is", "Between", "In",
    "Case", "If", "Coalesce", "Nullif", "Cast", "TryCast", "DataType", "DataTypeParam", "Length", "Lower", "Upper",
    "Trim", "Substring", "Left", "Right", "Abs", "Round", "Floor", "Ceil", "Sqrt", "Pow", "Sign", "Like", "ILike",
    "SimilarTo", "RegexpLike", "RegexpILike", "RegexpFullMatch", "RegexpReplace", "RegexpExtract", "RegexpInstr",
    "RegexpCount", "StrPosition", "StartsWith", "EndsWith", "Contains", "SplitPart", "Extract", "Var", "Interval",
    "TimestampTrunc", "DateTrunc", "DateDiff", "DateAdd", "DateSub", "TimestampDiff", "TimestampAdd", "TimestampSub",
    "Year", "Month", "Day", "CurrentDate", "CurrentTimestamp", "CurrentTimestampLTZ", "Localtimestamp", "AtTimeZone",
    "NullSafeEQ", "NullSafeNEQ", "Greatest", "Least", "Replace", "MD5", "Escape",
})  # fmt: skip
"""What of a row surely gives one value, and is no aggregate."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression as text, its tokens, and what the parser makes of it."""

    text: str
    reader: Reader
    tree: Tree

    @property
    def is_literal(self) -> bool:
        """Whether it is a single constant: its type depends on where it stands."""
        return not any(type(node).__name__ == "Column" for node in self.tree.walk())

    @property
    def is_plain(self) -> bool:
        """Whether it surely gives one value for each row."""
        return all(type(node).__name__ in PLAIN_NODES for node in self.tree.walk())

    @property
    def aggregates(self) -> int:
        """How many aggregates it holds that the parser knows."""
        return sum(_is_a(node, "AggFunc") for node in self.tree.walk())

    def replaced(self, resolve: Resolve, watched: Callable[[str], bool]) -> str:
        """The text with its columns replaced.

        Raises `Unreadable` where a column cannot be resolved, and where a name that is `watched` for stands where the
        parser sees no column.
        """
        changes: dict[int, tuple[int, str]] = {}
        seen: set[int] = set()
        for column in (node for node in self.tree.walk() if type(node).__name__ == "Column"):
            spans = [_span(part) for part in column.parts]
            begin, end = spans[0][0], spans[-1][1]
            seen |= {start for start, _ in spans}
            new = resolve([self.text[start:stop] for start, stop in spans])
            if new is not None:
                changes[begin] = (end, new)
        starts = {token.start for token in self.reader.tokens}
        if not seen <= starts:
            raise Unreadable
        for token in self.reader.tokens:
            if token.start not in seen and watched(self.text[token.start : token.end + 1]):
                raise Unreadable
        return _changed(self.text, changes)


def expression_of(text: str, dialect: str) -> Expression:
    """The expression with that text. Raises `Unreadable` where it is no single one, or holds what is too much."""
    from sqlglot import Dialect, parse
    from sqlglot.errors import SqlglotError

    try:
        trees = parse(ADDED + text, dialect=dialect)
        tokens = Dialect.get_or_raise(dialect).tokenize(text)
    except (SqlglotError, RecursionError) as error:
        raise Unreadable from error
    tree: Tree = trees[0] if len(trees) == 1 else None
    if type(tree).__name__ != "Select" or [key for key, value in tree.args.items() if value] != ["expressions"]:
        raise Unreadable
    if len(tree.expressions) != 1 or any(_is_a(node, *FORBIDDEN) for node in tree.expressions[0].walk()):
        raise Unreadable
    return Expression(text, Reader(text, tokens), tree.expressions[0])


def _is_a(node: Tree, *names: str) -> bool:
    return any(base.__name__ in names for base in type(node).__mro__)


def _span(part: Tree) -> tuple[int, int]:
    """Where a part of a name stands in the text. Raises `Unreadable` where the parser does not tell."""
    meta = part.meta
    if "start" not in meta:
        raise Unreadable
    return meta["start"] - len(ADDED), meta["end"] + 1 - len(ADDED)


def _changed(text: str, changes: dict[int, tuple[int, str]]) -> str:
    for begin in sorted(changes, reverse=True):
        end, new = changes[begin]
        text = text[:begin] + new + text[end:]
    return text


AFTER_CALL = re.compile(r"filter|over|within|ignore|respect|nulls", re.IGNORECASE)


def limited_to(condition: str, expression: Expression) -> str:
    """The text with its aggregates over the rows for which the condition holds. Raises `Unreadable`."""
    reader, text = expression.reader, expression.text
    changes: dict[int, tuple[int, str]] = {}
    found = 0
    for at, token in enumerate(reader.tokens):
        name = text[token.start : token.end + 1].casefold()
        if name not in LIMITABLE or reader.kind(at + 1) != "L_PAREN":
            continue
        opening, closing = at + 1, reader.closing(at + 1)
        after = reader.slice(closing + 1, closing + 2) if closing + 1 < len(reader.tokens) else ""
        inside = reader.outside(opening + 1, closing)
        if AFTER_CALL.fullmatch(after) or not inside or any(reader.kind(at) == "COMMA" for at in inside):
            raise Unreadable
        found += 1
        distinct = "distinct " if reader.kind(opening + 1) == "DISTINCT" else ""
        argument = reader.slice(opening + (2 if distinct else 1), closing)
        value = "1" if argument == "*" else f"({argument})"
        begin, end = reader.tokens[opening].end + 1, reader.tokens[closing].start
        changes[begin] = (end, f"{distinct}case when {condition} then {value} end")
    if found != expression.aggregates:
        raise Unreadable
    return _changed(text, changes)
