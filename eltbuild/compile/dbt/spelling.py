"""How each dialect writes the expressions behind dbt's cross-database macros: one table over sqlglot.

Arguments are SQL texts of the user's. They are never parsed: an expression is written once per dialect with holes in
place of its arguments, and the texts are put into the holes as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from eltbuild.compile.dbt.dialects import OVERRIDES, PLAIN
from eltbuild.jinja.errors import TemplateError
from eltbuild.values import dataclass

HOLE = re.compile(r"__(\w+?)__", re.IGNORECASE)
BRACED = re.compile(r"(?<!\w)\(\{(\w+)\}\)|\{(\w+)\}")
CASE_SENSITIVE = frozenset({"clickhouse"})
SIMPLE = re.compile(r"[\w.$\"`\[\]:@]+|'(?:[^']|'')*+'")
LONGEST = 10_000
"""Longer operands are not looked into: parentheses are always right."""
OPENING = re.compile(r"[\w.]*\(")
MARK = re.compile(r"'(?:[^']|'')*+'|\"[^\"]*+\"|\(|\)|--|/\*")


@dataclass(frozen=True, slots=True)
class Hole:
    """A place for an argument; `operand` where an operator stands beside it."""

    name: str
    operand: bool = False


@dataclass(frozen=True, slots=True)
class Spelling:
    """An expression in one dialect: texts and holes in order."""

    pieces: tuple[str | Hole, ...]

    def fill(self, arguments: Mapping[str, Any]) -> str:
        """The text with the arguments in place; an operand that is more than a name or a call gets parentheses."""
        return "".join(
            piece if isinstance(piece, str) else _operand(piece, str(arguments[piece.name])) for piece in self.pieces
        )

    def texts(self) -> tuple[str, ...]:
        """The texts before, between and behind the holes."""
        texts = [""]
        for piece in self.pieces:
            if isinstance(piece, Hole):
                texts.append("")
            else:
                texts[-1] += piece
        return tuple(texts)


def _operand(hole: Hole, text: str) -> str:
    return enclosed(text) if hole.operand else text


def enclosed(text: str) -> str:
    """The text, in parentheses unless it is one name, one literal, one call or enclosed already."""
    stripped = text.strip()
    if len(stripped) > LONGEST:
        return f"({text})"
    if SIMPLE.fullmatch(stripped):
        return text
    if OPENING.match(stripped):
        depth = 0
        for found in MARK.finditer(stripped):
            depth += (found[0] == "(") - (found[0] == ")")
            if found[0] in ("--", "/*"):
                break
            if depth == 0 and found[0] == ")":
                return text if found.end() == len(stripped) else f"({text})"
    return f"({text})"


def spell(name: str, dialect: str, variant: str = "", /, **arguments: Any) -> str:
    """The expression of that name in the dialect, with the arguments in their places.

    A variant is a more special spelling, if the dialect has one: the date part, say.
    """
    return spelling(name, dialect, variant).fill(arguments)


@lru_cache(maxsize=4096)
def spelling(name: str, dialect: str, variant: str = "") -> Spelling:
    """The dialect's own spelling if there is one, else what sqlglot writes."""
    own = OVERRIDES.get(dialect, {})
    for key in (f"{name}:{variant}", f"{name}:{variant.lower()}", name):
        if key in own:
            return cut(BRACED, own[key])
    if name in PLAIN:
        return cut(BRACED, PLAIN[name])
    return cut(HOLE, write(EXPRESSIONS[name], dialect))


def cut(pattern: re.Pattern[str], text: str) -> Spelling:
    """The text as pieces, with holes where the pattern (`HOLE` or `BRACED`) finds names."""
    pieces: list[str | Hole] = []
    position = 0
    for found in pattern.finditer(text):
        pieces.append(text[position : found.start()])
        if pattern is BRACED:
            pieces.append(Hole(found[1] or found[2], operand=found[1] is not None))
        else:
            name = found[1].lower()
            operand = name.startswith("operand_")
            pieces.append(Hole(name.removeprefix("operand_"), operand))
        position = found.end()
    pieces.append(text[position:])
    return Spelling(tuple(piece for piece in pieces if piece != ""))


def write(expression: Callable[[Any], Any], dialect: str) -> str:
    """What sqlglot writes, in lower case where that changes nothing. Raises `TemplateError` where it cannot."""
    from sqlglot import ErrorLevel, UnsupportedError, expressions

    try:
        tree = expression(expressions)
        text: str = tree.sql(dialect, copy=False, comments=False, unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as error:
        raise TemplateError(f"this macro cannot be written for {dialect}: {error}") from None
    return text if dialect in CASE_SENSITIVE else text.lower()


def _hole(exp: Any, name: str) -> Any:
    return exp.Var(this=f"__{name}__")


def _text(exp: Any, name: str) -> Any:
    return exp.cast(_hole(exp, name), "text")


def _of(kind: str, **parts: str) -> Callable[[Any], Any]:
    """An expression of sqlglot's whose parts are arguments."""
    return lambda exp: getattr(exp, kind)(**{part: _hole(exp, name) for part, name in parts.items()})


EXPRESSIONS: Mapping[str, Callable[[Any], Any]] = {
    "any_value": _of("AnyValue", this="expression"),
    "array_append": _of("ArrayAppend", this="array", expression="new_element"),
    "array_concat": lambda exp: exp.ArrayConcat(this=_hole(exp, "array_1"), expressions=[_hole(exp, "array_2")]),
    "array_construct": lambda exp: exp.Array(expressions=[_hole(exp, "inputs")]),
    "empty_array": lambda exp: exp.Array(expressions=[]),
    "bool_or": _of("LogicalOr", this="expression"),
    "cast_bool_to_text": lambda exp: _text(exp, "field"),
    "concat": lambda exp: exp.Concat(expressions=[_hole(exp, "operand_left"), _hole(exp, "operand_right")]),
    "current_timestamp": lambda exp: exp.CurrentTimestamp(),
    "date": _of("DateFromParts", year="year", month="month", day="day"),
    "date_trunc": _of("TimestampTrunc", this="date", unit="datepart"),
    "dateadd": _of("DateAdd", this="operand_moment", expression="interval", unit="datepart"),
    "datediff": _of("DateDiff", this="second_date", expression="first_date", unit="datepart"),
    "hash": lambda exp: exp.MD5(this=_text(exp, "field")),
    "length": _of("Length", this="expression"),
    "listagg": _of("GroupConcat", this="measure", separator="delimiter_text"),
    "listagg_ordered": lambda exp: exp.WithinGroup(
        this=exp.GroupConcat(this=_hole(exp, "measure"), separator=_hole(exp, "delimiter_text")),
        expression=exp.Order(expressions=[_hole(exp, "order")]),
    ),
    "local_timestamp": lambda exp: exp.cast(exp.CurrentTimestamp(), "timestamp"),
    "position": _of("StrPosition", this="string_text", substr="substring_text"),
    "replace": _of("Replace", this="field", expression="old_chars", replacement="new_chars"),
    "right": _of("Right", this="string_text", expression="length_expression"),
    "same": _of("NullSafeEQ", this="operand_expr1", expression="operand_expr2"),
    "split_part": _of("SplitPart", this="string_text", delimiter="delimiter_text", part_index="part_number"),
}
"""What each macro means, as a tree over holes named like its arguments (`operand_`: beside an operator)."""
