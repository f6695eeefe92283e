"""Expectations of rows as conditions: which rows are looked at, and which of them are not as expected. Text only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eltbuild.errors import CompileError, Problem
from eltbuild.quality.expectations.expectation import Expectation
from eltbuild.quality.expectations.judged import between, shown
from eltbuild.values import dataclass

UNCOMPARABLE = ("varchar", "char", "nvarchar", "nchar", "text", "string", "boolean", "bool", "bit", "tinytext",
                "mediumtext", "longtext", "character", "bpchar")  # fmt: skip
"""Types whose values Great Expectations compares with no bounds."""
SPREAD = "eltbuild_spread"
"""How the row is called that holds statistics of all rows."""


@dataclass(frozen=True, slots=True)
class Rows:
    """An expectation of rows."""

    unexpected: str
    """The condition of the rows that are not as expected, among those that are judged."""
    considered: str = ""
    """The condition of the rows that are judged; "" for all."""
    counts_missing: bool = True
    """Whether the rows that are not judged are counted as missing."""
    told: str = "are not as expected"
    """What is to be said of the unexpected ones."""
    keys: tuple[str, ...] = ()
    """Columns whose values must not come twice; then the condition says nothing."""
    spread: str = ""
    """The aggregates that the condition compares with, as columns of one row."""


def _values(expectation: Expectation, unexpected: str, told: str, **more: Any) -> Rows:
    return Rows(unexpected, f"{expectation.column()} is not null", told=told, **more)


def _not_null(expectation: Expectation) -> Rows:
    return Rows(f"{expectation.column()} is null", counts_missing=False, told="are NULL")


def _null(expectation: Expectation) -> Rows:
    return Rows(f"{expectation.column()} is not null", counts_missing=False, told="are not NULL")


def _unique(expectation: Expectation) -> Rows:
    return _values(expectation, "", "stand in more than one row", keys=(expectation.column(),))


def _between(expectation: Expectation) -> Rows:
    column = expectation.named()
    if column.type.lower().startswith(UNCOMPARABLE):
        text = f"`{column.name}` of `{expectation.title}` is {column.type.lower()}: it cannot lie between bounds"
        raise CompileError(Problem(text, expectation.place, "only numbers, dates and times can"))
    return _bounded(expectation, expectation.column(), expectation.bound)


def _lengths(expectation: Expectation) -> Rows:
    def bound(name: str) -> int | None:
        value = expectation.get(name)
        return None if value is None else int(value)

    rows = _bounded(expectation, f"length({expectation.column()})", bound)
    return _values(expectation, rows.unexpected, rows.told.replace("are not", "are not texts of a length", 1))


def _bounded(expectation: Expectation, value: str, bound: Callable[[str], Any]) -> Rows:
    low, high = bound("min_value"), bound("max_value")
    strict = bool(expectation.get("strict_min")), bool(expectation.get("strict_max"))
    held = []
    if low is not None:
        held.append(f"{value} {'>' if strict[0] else '>='} {expectation.literal(low)}")
    if high is not None:
        held.append(f"{value} {'<' if strict[1] else '<='} {expectation.literal(high)}")
    return _values(expectation, f"not ({' and '.join(held)})", f"are not {between(low, high, *strict)}")


def _length(expectation: Expectation) -> Rows:
    value = expectation.get("value")
    unexpected = f"length({expectation.column()}) <> {expectation.literal(float(value))}"
    return _values(expectation, unexpected, f"are not texts of the length {shown(value)}")


def _in_set(expectation: Expectation) -> Rows:
    given = expectation.get("value_set")
    known = [value for value in given if value is not None]
    unexpected = f"{expectation.column()} not in ({expectation.literals(known)})" if known else "true"
    return _values(expectation, unexpected, f"are not in the set {shown(given)}")


def _not_in_set(expectation: Expectation) -> Rows:
    given = expectation.get("value_set")
    unexpected = f"{expectation.column()} in ({expectation.literals(given)})" if given else "false"
    return _values(expectation, unexpected, f"are in the set {shown(given)}")


def _matches(expectation: Expectation, pattern: str) -> str:
    return expectation.spelling.matches.format(expectation.column(), expectation.literal(pattern))


def _regex(expectation: Expectation) -> Rows:
    pattern = expectation.get("regex") or "(?s).*"
    return _values(expectation, f"not {_matches(expectation, pattern)}", f"do not match {shown(pattern)}")


def _not_regex(expectation: Expectation) -> Rows:
    pattern = expectation.get("regex")
    return _values(expectation, _matches(expectation, pattern), f"match {shown(pattern)}")


def _likes(expectation: Expectation, pattern: str) -> str:
    escape = expectation.get("escape")
    end = f" escape {expectation.literal(escape)}" if escape is not None else ""
    return f"{expectation.column()} like {expectation.literal(pattern)}{end}"


def _like(expectation: Expectation) -> Rows:
    pattern = expectation.get("like_pattern")
    return _values(expectation, f"not ({_likes(expectation, pattern)})", f"are not like {shown(pattern)}")


def _not_like(expectation: Expectation) -> Rows:
    pattern = expectation.get("like_pattern")
    return _values(expectation, _likes(expectation, pattern), f"are like {shown(pattern)}")


Matcher = Callable[[Expectation, str], str]


def _listed(key: str, matcher: Matcher, verb: str) -> Callable[[Expectation], Rows]:
    """Values that match any, or all, of several patterns."""

    def rows(expectation: Expectation) -> Rows:
        patterns = _patterns(expectation, key)
        word = expectation.get("match_on") or "any"
        joined = (" and " if word == "all" else " or ").join(f"({matcher(expectation, p)})" for p in patterns)
        told = f"{verb} {'all' if word == 'all' else 'any'} of {shown(patterns)}"
        return _values(expectation, f"not ({joined})", told)

    return rows


def _none_listed(key: str, matcher: Matcher, verb: str) -> Callable[[Expectation], Rows]:
    """Values that match none of several patterns."""

    def rows(expectation: Expectation) -> Rows:
        patterns = _patterns(expectation, key)
        joined = " or ".join(f"({matcher(expectation, pattern)})" for pattern in patterns)
        return _values(expectation, joined, f"{verb} one of {shown(patterns)}")

    return rows


def _patterns(expectation: Expectation, key: str) -> Sequence[str]:
    given: Sequence[str] = expectation.get(key)
    if not given:
        raise CompileError(Problem(f"`{key}` of `{expectation.type}` is empty", expectation.place))
    return given


def _z_scores(expectation: Expectation) -> Rows:
    column, threshold = expectation.column(), float(expectation.get("threshold"))
    both = bool(expectation.get("double_sided"))
    score = f"({column} - {SPREAD}.middle) / {SPREAD}.deviation"
    told = "have a z-score of " + ("more than" if not both else "more, or less, than")
    limit = expectation.literal(abs(threshold) if both else threshold)
    value = expectation.when(value=column)
    one = expectation.literal(1.0)
    deviation = f"nullif({expectation.number(f'stddev_samp({value})')}, 0)"
    spread = f"avg({one} * {value}) as middle, {deviation} as deviation"
    unexpected = f"{f'abs({score})' if both else score} >= {limit}"
    return _values(expectation, unexpected, f"{told} {shown(threshold)}", spread=spread)


def _outliers(expectation: Expectation) -> Rows:
    column = expectation.column()
    multiplier = expectation.get("multiplier")
    times = expectation.literal(1.5 if multiplier is None else float(multiplier))
    value = expectation.when(value=column)
    if (expectation.get("method") or "iqr") == "iqr":
        first, third = (
            expectation.double(f"percentile_cont({share}) within group (order by {value})") for share in (0.25, 0.75)
        )
        spread = f"{first} as first_quartile, {third} as third_quartile"
        reach = f"{times} * ({SPREAD}.third_quartile - {SPREAD}.first_quartile)"
        held = f"{column} >= {SPREAD}.first_quartile - {reach} and {column} <= {SPREAD}.third_quartile + {reach}"
        return _values(expectation, f"not ({held})", "are outliers by their quartiles", spread=spread)
    number = expectation.double(value)
    spread = f"avg({number}) as middle, {expectation.number(f'stddev_samp({number})')} as deviation"
    reach = f"{times} * {SPREAD}.deviation"
    unexpected = (
        f"case when {reach} <= 0 then {column} <> {SPREAD}.middle else abs({column} - {SPREAD}.middle) >= {reach} end"
    )
    return _values(expectation, unexpected, "are outliers by their deviation", spread=spread)


# Pairs and several columns

_IGNORED: Mapping[str, str] = {
    "both_values_are_missing": "and",
    "either_value_is_missing": "or",
    "all_values_are_missing": "and",
    "any_value_is_missing": "or",
}


def _considered(expectation: Expectation, columns: Sequence[str], usual: str) -> str:
    word = _IGNORED.get(expectation.get("ignore_row_if") or usual)
    return f"not ({f' {word} '.join(f'{column} is null' for column in columns)})" if word else ""


def _pair(expectation: Expectation, expected: str, told: str) -> Rows:
    columns = expectation.column("column_A"), expectation.column("column_B")
    considered = _considered(expectation, columns, "both_values_are_missing")
    return Rows(f"not ({expected})", considered, told=told)


def _pair_names(expectation: Expectation) -> tuple[str, str]:
    return expectation.column("column_A"), expectation.column("column_B")


def _pair_equal(expectation: Expectation) -> Rows:
    a, b = _pair_names(expectation)
    return _pair(expectation, f"{a} = {b} and not ({a} is null or {b} is null)", "are not equal")


def _pair_greater(expectation: Expectation) -> Rows:
    a, b = _pair_names(expectation)
    if expectation.get("or_equal"):
        return _pair(expectation, f"{a} >= {b} or ({a} is null and {b} is null)", "have a smaller first value")
    return _pair(expectation, f"{a} > {b}", "do not have the greater value first")


def _pair_in_set(expectation: Expectation) -> Rows:
    a, b = _pair_names(expectation)
    given = expectation.get("value_pairs_set")
    expected = " or ".join(f"({_equals(expectation, a, x)} and {_equals(expectation, b, y)})" for x, y in given)
    return _pair(expectation, expected or "false", "are not in the set of pairs")


def _equals(expectation: Expectation, column: str, value: Any) -> str:
    return f"{column} is null" if value is None else f"{column} = {expectation.literal(value)}"


def _columns(expectation: Expectation) -> tuple[str, ...]:
    names = expectation.get("column_list")
    if len(names) < 2:
        raise CompileError(Problem(f"`column_list` of `{expectation.type}` needs two columns", expectation.place))
    return tuple(expectation.quoted(expectation.find(name)) for name in names)


def _compound(expectation: Expectation) -> Rows:
    columns = _columns(expectation)
    considered = _considered(expectation, columns, "all_values_are_missing")
    return Rows("", considered, told="stand in more than one row", keys=columns)


def _sum_equal(expectation: Expectation) -> Rows:
    columns = _columns(expectation)
    total = float(expectation.get("sum_total"))
    considered = _considered(expectation, columns, "all_values_are_missing")
    unexpected = f"0 + {' + '.join(columns)} <> {expectation.literal(total)}"
    return Rows(unexpected, considered, told=f"do not add up to {shown(total)}")


def _all_equal(expectation: Expectation) -> Rows:
    first, *rest = _columns(expectation)
    same = [
        f"(({first} is null and {other} is null) or "
        f"({first} is not null and {other} is not null and {first} = {other}))"
        for other in rest
    ]
    considered = _considered(expectation, (first, *rest), "all_values_are_missing")
    return Rows(f"not ({' and '.join(same)})", considered, told="do not have equal values")


def _within_record(expectation: Expectation) -> Rows:
    columns = _columns(expectation)
    pairs = [(a, b) for number, a in enumerate(columns) for b in columns[number + 1 :]]
    unexpected = " or ".join(f"({a} = {b} or ({a} is null and {b} is null))" for a, b in pairs)
    considered = _considered(expectation, columns, "all_values_are_missing")
    return Rows(unexpected, considered, told="have equal values in several columns")


ROWS: Mapping[str, Callable[[Expectation], Rows]] = {
    "expect_column_pair_values_a_to_be_greater_than_b": _pair_greater,
    "expect_column_pair_values_to_be_equal": _pair_equal,
    "expect_column_pair_values_to_be_in_set": _pair_in_set,
    "expect_column_value_lengths_to_be_between": _lengths,
    "expect_column_value_lengths_to_equal": _length,
    "expect_column_value_z_scores_to_be_less_than": _z_scores,
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_be_null": _null,
    "expect_column_values_to_be_unique": _unique,
    "expect_column_values_to_match_like_pattern": _like,
    "expect_column_values_to_match_like_pattern_list": _listed("like_pattern_list", _likes, "are not like"),
    "expect_column_values_to_match_regex": _regex,
    "expect_column_values_to_match_regex_list": _listed("regex_list", _matches, "do not match"),
    "expect_column_values_to_not_be_in_set": _not_in_set,
    "expect_column_values_to_not_be_null": _not_null,
    "expect_column_values_to_not_be_outliers": _outliers,
    "expect_column_values_to_not_match_like_pattern": _not_like,
    "expect_column_values_to_not_match_like_pattern_list": _none_listed("like_pattern_list", _likes, "are like"),
    "expect_column_values_to_not_match_regex": _not_regex,
    "expect_column_values_to_not_match_regex_list": _none_listed("regex_list", _matches, "match"),
    "expect_compound_columns_to_be_unique": _compound,
    "expect_multicolumn_sum_to_equal": _sum_equal,
    "expect_multicolumn_values_to_be_equal": _all_equal,
    "expect_select_column_values_to_be_unique_within_record": _within_record,
}
"""The expectations of rows that are conditions, each with the rows that it looks at."""
