"""What an expectation was found to be: met or not, the result as Great Expectations tells it, and words for people."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

from eltbuild.project.resources import Node
from eltbuild.quality.data_tests import DEFAULT_CONDITION, Outcome, Verdict, condition
from eltbuild.state.records import Observed
from eltbuild.values import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether an expectation is met, and by what."""

    success: bool
    result: Mapping[str, Any] = field(default_factory=dict)
    """What Great Expectations has in a result under `result`."""
    told: str = ""
    """What was observed against what was expected, as a sentence."""
    plain: str = ""
    """The same where no values of rows may be told; "" where `told` has none."""
    count: int | None = None
    """How many rows are not as expected, where the result does not tell that."""

    @property
    def failures(self) -> int:
        """How many failures a test counts that asks this: the unexpected rows, or one; none where it is met."""
        return 0 if self.success else max(int(self.count or self.result.get("unexpected_count") or 1), 1)


def by_row(elements: int, considered: int | None, unexpected: int, mostly: float) -> tuple[bool, dict[str, Any]]:
    """Whether enough rows are as expected, and the counts. `considered`: rows that have a value to judge;

    None where those without one are judged like all others.
    """
    judged = elements if considered is None else considered
    success = judged == 0 or (float(judged) - float(unexpected)) / float(judged) >= mostly
    share = unexpected / judged * 100 if judged and elements else None
    result: dict[str, Any] = {
        "element_count": elements, "unexpected_count": unexpected, "unexpected_percent": share
    }  # fmt: skip
    if considered is not None:
        missing = elements - considered
        result["missing_count"] = missing
        result["missing_percent"] = missing / elements * 100 if elements else None
        result["unexpected_percent_total"] = unexpected / elements * 100 if elements else None
        result["unexpected_percent_nonmissing"] = share
    return success, result


def exemplified(judged: Judged, rows: Sequence[Sequence[Any]]) -> Judged:
    """The judgement with some of the unexpected values: of one column, or of several."""
    values = [row[0] if len(row) == 1 else list(row) for row in rows]
    told = list(dict.fromkeys(_example(value) for value in values))[:3]
    words = f"{judged.told}, such as {', '.join(told)}" if told else judged.told
    return replace(judged, result={**judged.result, "partial_unexpected_list": values}, told=words, plain=judged.told)


_OF_ROWS = ("partial_unexpected_", "unexpected_list", "unexpected_index_", "unexpected_rows", "missing_rows")
"""How that begins in a result which holds values of rows."""


def anonymous(judged: Judged, type: str) -> Judged:
    """The judgement without values of rows; figures of all of them (counts, a mean, a greatest one) stay."""
    left = (*_OF_ROWS, *_LISTING.get(type, ()))
    result = {key: value for key, value in judged.result.items() if not key.startswith(left)}
    return replace(judged, result=result, told=judged.plain or judged.told, plain="")


_LISTING: Mapping[str, tuple[str, ...]] = {
    "expect_column_kl_divergence_to_be_less_than": ("details",),
    "expect_column_most_common_value_to_be_in_set": ("observed_value",),
    "expect_query_results_to_match_comparison": ("details",),
}
"""What else lists values of rows, by the expectation."""


def _example(value: Any) -> str:
    if isinstance(value, list):
        return f"({', '.join(map(_example, value))})"
    return shown(value if isinstance(value, (float, Decimal)) else carried(value))


LONG = ("unexpected_list", "unexpected_index_list", "unexpected_index_query")
"""What is as long as the table: it is not told in results."""


def outcome(node: Node, judged: Judged) -> Outcome | None:
    """The outcome of a test that asks an expectation; None where only the engine can tell what its limits mean."""
    told = {key: carried(value) for key, value in judged.result.items() if key not in LONG}
    extra = {"expectation": {"success": judged.success, "result": told}}
    seen = observed(node, judged.result)
    if judged.success:
        return Outcome("pass", 0, extra=extra, observed=seen)
    count = judged.failures
    severity = str(node.config.get("severity") or "error").lower()
    limits: tuple[tuple[str, Verdict], ...] = (("warn_if", "warn"),)
    if severity == "error":
        limits = (("error_if", "fail"), *limits)
    for key, verdict in limits:
        held = holds(condition(node.config, key), count)
        if held is None:
            return None
        if held:
            return Outcome(verdict, count, message(judged, node, key), extra, seen)
    return Outcome("pass", count, extra=extra, observed=seen)


def observed(node: Node, result: Mapping[str, Any]) -> tuple[Observed, ...]:
    """The number that was observed of a whole relation or column, for the history: of all rows, not of some."""
    case, value = node.test, carried(result.get("observed_value"))
    if case is None or case.attached_to is None or node.config.get("where") or case.kwargs.get("row_condition"):
        return ()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        return ()
    about = case.column_name or case.kwargs.get("column")
    what = _CEREMONY.sub("", case.name)
    return (Observed(subject=case.attached_to, name=f"{what}({about})" if about else what, value=value),)


_CEREMONY = re.compile(r"^expect_(?:column_(?!count)|table_)?|_to_be_between$|_to_equal$")


def message(judged: Judged, node: Node, key: str) -> str:
    """What was observed, and the limit that it passes where that is not the usual one."""
    limit = condition(node.config, key)
    usual = limit.replace(" ", "") == DEFAULT_CONDITION.replace(" ", "")
    verb = "fail" if key == "error_if" else "warn"
    return judged.told if usual else f"{judged.told}; configured to {verb} if {limit}"


_LIMIT = re.compile(r"\s*(!=|<>|>=|<=|=|>|<)\s*([0-9]+(?:\.[0-9]+)?)\s*")
_HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    "!=": lambda a, b: a != b,
    "<>": lambda a, b: a != b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "=": lambda a, b: a == b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}


def holds(limit: str, count: int) -> bool | None:
    """Whether a limit such as `> 10` holds for a count; None where it is written in another way."""
    found = _LIMIT.fullmatch(limit)
    return None if found is None else _HOLDS[found[1]](count, float(found[2]))


def carried(value: Any) -> Any:
    """A value as JSON can carry it: as Great Expectations writes it, and of Python's own types."""
    if value is None or isinstance(value, (bool, str)):
        return value if value is None or isinstance(value, bool) else str(value)
    if isinstance(value, Mapping):
        return {str(key): carried(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [carried(item) for item in value]
    if isinstance(value, int):
        return int(value)
    if isinstance(value, (float, Decimal)):
        return float(value) if value == value else None
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if hasattr(value, "tolist"):
        # What numpy has, one value or many.
        return carried(value.tolist())
    return str(value.total_seconds()) if isinstance(value, timedelta) else str(value)


def shown(value: Any) -> str:
    """A value in a message."""
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, (list, tuple)):
        listed = [shown(item) for item in value[:5]]
        return ", ".join([*listed, f"... ({len(value)})"] if len(value) > 5 else listed) or "nothing"
    return "NULL" if value is None else str(value)


def between(low: Any, high: Any, strict_low: bool = False, strict_high: bool = False) -> str:
    """A range in words."""
    if low is not None and high is not None:
        if not strict_low and not strict_high:
            return f"between {shown(low)} and {shown(high)}"
        first = "greater than" if strict_low else "at least"
        return f"{first} {shown(low)} and {'less than' if strict_high else 'at most'} {shown(high)}"
    if low is not None:
        return f"{'greater than' if strict_low else 'at least'} {shown(low)}"
    if high is not None:
        return f"{'less than' if strict_high else 'at most'} {shown(high)}"
    return "anything but NULL"
