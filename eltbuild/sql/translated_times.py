"""Patterns of times said in another engine's words. One function for each kind of expression."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from eltbuild.sql.translated_terms import Refused, called

FORMATS: Mapping[str, str] = {
    "YYYY": "%Y", "YYY": "", "YY": "%y", "IYYY": "%G", "MM": "%m", "FMMM": "%-m", "DD": "%d", "FMDD": "%-d",
    "DDD": "%j", "FMDDD": "%-j", "ID": "%u", "IW": "%V", "HH24": "%H", "FMHH24": "%-H", "HH12": "%I", "FMHH12": "%-I",
    "HH": "%I", "MI": "%M", "FMMI": "%-M", "SS": "%S", "FMSS": "%-S", "MS": "%g", "US": "%f", "Mon": "%b", "Dy": "%a",
    "FMMonth": "%B", "FMDay": "%A", "FMMon": "%b", "FMDy": "%a", "TMMonth": "%B", "TMDay": "%A", "TMMon": "%b",
    "SSSS": "", "SSSSS": "", "TMDy": "%a", "AM": "%p", "PM": "%p", "T": "T",
}  # fmt: skip
"""PostgreSQL's patterns of times that have a pattern of the same meaning."""
NUMBERS = frozenset({
    "YYYY", "IYYY", "MM", "DD", "HH24", "HH12", "MI", "SS", "DDD", "IW", "MS", "US", "FMMM", "FMDD", "FMHH24", "FMHH12",
    "FMMI", "FMSS",
})  # fmt: skip
"""Those of them whose letters may be small."""
PIECE = re.compile(r'"([^"]*)"|([A-Za-z]+\d*)|(%)|([^"A-Za-z%]+)')
CALCULATED: Mapping[str, str] = {
    "Q": "cast(quarter(x) as varchar)",
    "WW": "lpad(cast((dayofyear(x) - 1) // 7 + 1 as varchar), 2, '0')",
    "D": "cast(dayofweek(x) + 1 as varchar)",
    "Day": "rpad(strftime(x, '%A'), 9, ' ')", "DAY": "rpad(upper(strftime(x, '%A')), 9, ' ')",
    "day": "rpad(lower(strftime(x, '%A')), 9, ' ')", "FMDAY": "upper(strftime(x, '%A'))",
    "Month": "rpad(strftime(x, '%B'), 9, ' ')", "MONTH": "rpad(upper(strftime(x, '%B')), 9, ' ')",
    "month": "rpad(lower(strftime(x, '%B')), 9, ' ')", "FMMONTH": "upper(strftime(x, '%B'))",
    "MON": "upper(strftime(x, '%b'))", "mon": "lower(strftime(x, '%b'))",
    "DY": "upper(strftime(x, '%a'))", "dy": "lower(strftime(x, '%a'))",
}  # fmt: skip
"""Patterns that have none, as texts calculated from the time `x`."""
LONGEST = sorted({*FORMATS, *CALCULATED}, key=len, reverse=True)


def strftime_of(pattern: str) -> str:
    """A pattern of PostgreSQL's `to_char` for times as one of `strftime`. Raises `Refused`."""
    parts = parts_of(pattern)
    if any(calculated for _, calculated in parts):
        raise Refused(f"the pattern `{pattern}` of times")
    return "".join(text for text, _ in parts)


def parts_of(pattern: str) -> list[tuple[str, bool]]:
    """The parts of such a pattern: those of `strftime`, and expressions that are calculated. Raises `Refused`."""
    out: list[tuple[str, bool]] = []
    for literal, word, percent, other in PIECE.findall(pattern):
        out.append(((literal or other).replace("%", "%%") + ("%%" if percent else ""), False))
        while word:
            name = next((own for own in LONGEST if _begins(word, own)), None)
            if name is None or not (FORMATS.get(name) or CALCULATED.get(name)):
                raise Refused(f"the pattern `{pattern}` of times")
            out.append((CALCULATED[name], True) if name in CALCULATED else (FORMATS[name], False))
            word = word[len(name) :]
    return [(text, calculated) for text, calculated in out if text]


def _begins(word: str, name: str) -> bool:
    head = word[: len(name)]
    return head == name or (name in NUMBERS and head == name.lower())


def time_pattern(node: Any) -> Any:
    """`to_char` and `to_date` of PostgreSQL, whose pattern the parser knows in part only."""
    from sqlglot import exp
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.time import format_time

    given = node.args.get("format")
    if not isinstance(given, exp.Literal):
        raise Refused("a pattern of times that is no literal")
    dialect = Dialect.get_or_raise("postgres")
    written = format_time(given.name, dialect.INVERSE_TIME_MAPPING, dialect.INVERSE_TIME_TRIE) or given.name
    parts = parts_of(written) if isinstance(node, exp.TimeToStr) else []
    if any(calculated for _, calculated in parts):
        return _calculated(node.this, parts)
    node.set("format", exp.Literal.string(strftime_of(written)))
    return node


def zoned_time(node: Any) -> Any:
    """`to_timestamp` of a text gives a moment, not the reading of a clock."""
    from sqlglot import exp

    return exp.cast(time_pattern(node.copy()), exp.DataType.Type.TIMESTAMPTZ)


def not_by_century(node: Any) -> Any:
    """`date_trunc` by centuries, which begin a year later in the one engine."""
    unit = str(node.args.get("unit") or "").strip("'").lower()
    if unit.startswith(("centur", "millenni")):
        raise Refused(f"date_trunc() by the {unit}")
    return node


def _calculated(time: Any, parts: Sequence[tuple[str, bool]]) -> Any:
    """The parts of a time as one text."""
    import sqlglot
    from sqlglot import exp

    def told(text: str, calculated: bool) -> Any:
        if not calculated:
            return called("strftime", time, exp.Literal.string(text))
        tree = sqlglot.parse_one(text, read="duckdb")
        return tree.transform(lambda one: time.copy() if isinstance(one, exp.Column) else one)

    first, *others = (told(text, calculated) for text, calculated in parts)
    for other in others:
        first = exp.DPipe(this=first, expression=other)
    return exp.paren(first) if others else first
