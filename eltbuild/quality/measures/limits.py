"""What a count of failing rows means by a test's config: judged here where it is plain, else by the warehouse."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache
from typing import Any

from eltbuild.adapter import Answer
from eltbuild.errors import CompileError
from eltbuild.project.resources import Node
from eltbuild.quality.data_tests import DEFAULT_CALCULATION, Outcome, condition, question, verdict
from eltbuild.quality.measures.expressions import expression_of
from eltbuild.quality.measures.measure import Measure, Query, Values
from eltbuild.quality.measures.pieces import Unreadable
from eltbuild.values import dataclass

COMPARISON = re.compile(r"\s*(!=|<>|>=|<=|=|>|<)\s*(-?\d+(?:\.\d+)?)\s*")
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "!=": operator.ne,
    "<>": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
COUNT = re.compile(r"\s*count\s*\(\s*\*\s*\)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a test's failing rows may be, where that is told by numbers."""

    node: Node
    most: int | None
    warns: Callable[[int], bool]
    errs: Callable[[int], bool]

    def outcome(self, rows: int) -> Outcome:
        """What so many failing rows mean, of which only `most` are looked at."""
        count = rows if self.most is None else min(rows, self.most)
        return verdict(self.node, Answer(rows=((count, self.warns(count), self.errs(count)),)))


def limits_of(node: Node) -> Limits | None:
    """The limits of a test that counts its rows and compares the count with numbers; None for any other test."""
    calculation = node.config.get("fail_calc") or DEFAULT_CALCULATION
    warns, errs = (_compared(condition(node.config, key)) for key in ("warn_if", "error_if"))
    most = _limit(node.config.get("limit"))
    if warns is None or errs is None or most == -1 or not COUNT.fullmatch(str(calculation)):
        return None
    return Limits(node, most, warns, errs)


@lru_cache(maxsize=256)
def _compared(text: str) -> Callable[[int], bool] | None:
    found = COMPARISON.fullmatch(text)
    if found is None:
        return None
    compare, number = COMPARE[found[1]], Fraction(found[2])
    return lambda count: compare(count, number)


def _limit(value: Any) -> int | None:
    """The number of rows; None for all of them, -1 for what is no number of rows."""
    if value is None:
        return None
    try:
        return max(int(value), -1)
    except (TypeError, ValueError):
        return -1


def counted(limits: Limits, count: str) -> Measure:
    """The test whose failing rows an aggregate counts."""
    return Measure((count,), lambda values: None if values[0] is None else limits.outcome(int(values[0])))


def screened(limits: Limits, count: str) -> Measure:
    """The test of which an aggregate tells that no row fails: 0, and only then."""
    return Measure((count,), lambda values: limits.outcome(0) if values[0] == 0 else None)


def calculated(node: Node, expressions: tuple[str, ...]) -> Measure:
    """The test of which the first aggregate is what it calculates, and the next two whether that warns or fails."""
    return Measure(expressions, lambda values: _answered(node, values[:3]))


def asked_along(node: Node, sql: str, dialect: str) -> Measure | None:
    """The test asked as it would be alone, in the query of the others; None where that may not give one row of three.

    What has more rows, or other columns, would be taken for what was found of another test.
    """
    calculation = node.config.get("fail_calc") or DEFAULT_CALCULATION
    compared = (condition(node.config, key) for key in ("warn_if", "error_if"))
    plain = COUNT.fullmatch(str(calculation)) or is_calculation(str(calculation), dialect)
    if not plain or not all(COMPARISON.fullmatch(how) or is_calculation(f"1 {how}", dialect, 0) for how in compared):
        return None
    return Measure((), lambda values: _answered(node, values), (Query(question(node, sql), 3),))


@lru_cache(maxsize=256)
def is_calculation(text: str, dialect: str, least: int = 1) -> bool:
    """Whether the text is one expression, without a comment, and an aggregate (of `least` ones)."""
    try:
        expression = expression_of(text, dialect)
    except Unreadable:
        return False
    return expression.aggregates >= least and not any(token.comments for token in expression.reader.tokens)


def _answered(node: Node, values: Values) -> Outcome | None:
    """The outcome; None where there is an error to tell, which asking it alone does."""
    with suppress(CompileError):
        return verdict(node, Answer(rows=(tuple(values),)))
    return None
