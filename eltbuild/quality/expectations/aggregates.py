"""Expectations of a column or a table as a whole: the aggregates that they look at, and what their values mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from eltbuild.errors import CompileError, Problem
from eltbuild.quality.expectations.expectation import Expectation
from eltbuild.quality.expectations.judged import Judged, between, shown
from eltbuild.quality.measures.measure import Query, Values
from eltbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What is asked, and the judgement on the answer."""

    expressions: tuple[str, ...]
    judge: Callable[[Values], Judged]
    queries: tuple[Query, ...] = ()


def is_within(expectation: Expectation, value: Any, low: Any, high: Any) -> bool:
    """Whether an observed value lies between bounds. Raises `CompileError` where they cannot be compared."""
    if value is None or value != value:
        # What is not a number, of floats or decimals, lies nowhere.
        return False
    try:
        value, low, high = _alike(value, low, high)
        above = low is None or (value > low if expectation.get("strict_min") else value >= low)
        below = high is None or (value < high if expectation.get("strict_max") else value <= high)
    except TypeError as error:
        text = f"`{expectation.type}`: {expectation.kind()} cannot be compared with {between(low, high)}"
        raise CompileError(Problem(text, expectation.place)) from error
    return bool(above and below)


def _alike(observed: Any, *bounds: Any) -> tuple[Any, ...]:
    """The values, days as their first moment where one is a time; bounds without a zone are in that of the observed."""
    values = (observed, *bounds)
    if not any(isinstance(value, datetime) for value in values):
        return values
    times = tuple(datetime(value.year, value.month, value.day) if type(value) is date else value for value in values)
    zone = observed.tzinfo if isinstance(observed, datetime) else None
    return tuple(
        value.replace(tzinfo=zone) if isinstance(value, datetime) and value.tzinfo is None else value for value in times
    )


def _of_their_kind(observed: Any, *bounds: Any) -> Any:
    """A time as its day where the bounds are days, and a day as its first moment where one is a time.

    So Great Expectations compares them: a greatest time on the evening of a day is not greater than that day.
    """
    kinds = {type(bound) for bound in bounds if bound is not None}
    if isinstance(observed, datetime):
        return observed.date() if kinds == {date} else observed
    if type(observed) is date and datetime in kinds:
        return datetime(observed.year, observed.month, observed.day)
    return observed


Bounds = Callable[[Expectation, str], Any]


def _bound(expectation: Expectation, name: str) -> Any:
    return expectation.bound(name)


def _whole(expectation: Expectation, name: str) -> int | None:
    value = expectation.get(name)
    return None if value is None else int(value)


def _ranged(
    noun: str, asked: Callable[[Expectation], Sequence[str]], value_of: Callable[[Values], Any], bounds: Bounds = _bound
) -> Callable[[Expectation], Aggregate]:
    """A number about a column that must lie between bounds."""

    def made(expectation: Expectation) -> Aggregate:
        low, high = bounds(expectation, "min_value"), bounds(expectation, "max_value")
        strict = bool(expectation.get("strict_min")), bool(expectation.get("strict_max"))
        about = f"the {noun} of `{expectation.named().name}`" if expectation.get("column") else f"the {noun}"

        def judge(values: Values) -> Judged:
            observed = _of_their_kind(value_of(values), low, high)
            told = f"{about} is {shown(_told(observed))}, expected {between(low, high, *strict)}"
            return Judged(is_within(expectation, observed, low, high), {"observed_value": observed}, told)

        return Aggregate(tuple(asked(expectation)), judge)

    return made


def _told(value: Any) -> Any:
    return value.isoformat(" ") if isinstance(value, datetime) else str(value) if isinstance(value, date) else value


def _first(values: Values) -> Any:
    return values[0]


def _value(expectation: Expectation) -> str:
    return expectation.when(value=expectation.column())


def _of(function: str) -> Callable[[Expectation], Sequence[str]]:
    return lambda expectation: (f"{function}({_value(expectation)})",)


def _mean(expectation: Expectation) -> Sequence[str]:
    return (f"avg({expectation.literal(1.0)} * {_value(expectation)})",)


def _middles(expectation: Expectation) -> Sequence[str]:
    """The two values in the middle, which are one where their number is odd, and how many values there are."""
    value = _value(expectation)
    lower, upper = (f"percentile_disc(0.5) within group (order by {value}{order})" for order in ("", " desc"))
    return lower, upper, f"count({value})"


def _median(values: Values) -> Any:
    lower, upper, count = values
    if not count or count % 2:
        return lower
    try:
        return float(lower + upper) / 2.0
    except TypeError:
        return lower if lower == upper else lower + (upper - lower) / 2


def _distinct(expectation: Expectation) -> Sequence[str]:
    value = _value(expectation)
    return f"count(distinct {value})", f"count({value})"


def _present(expectation: Expectation) -> Sequence[str]:
    return f"count({_value(expectation)})", expectation.count()


def _share(values: Values) -> float:
    part, whole = values
    return part / whole if whole else 0


def _quantiles(expectation: Expectation) -> Aggregate:
    given = expectation.get("quantile_ranges")
    quantiles, ranges = given["quantiles"], given["value_ranges"]
    value = _value(expectation)
    asked = tuple(
        f"percentile_disc({expectation.literal(float(quantile))}) within group (order by {value})"
        for quantile in quantiles
    )
    if not asked:
        raise CompileError(Problem(f"`{expectation.type}` names no quantiles", expectation.place))

    def judge(values: Values) -> Judged:
        held = [_is_near(value, low, high) for value, (low, high) in zip(values, ranges, strict=True)]
        result = {
            "observed_value": {"quantiles": quantiles, "values": list(values)},
            "details": {"success_details": held},
        }
        wrong = [
            f"quantile {quantile} is {shown(_told(value))}, expected {between(low, high)}"
            for quantile, value, (low, high), good in zip(quantiles, values, ranges, held, strict=True)
            if not good
        ]
        return Judged(all(held), result, f"`{expectation.named().name}`: {'; '.join(wrong)}")

    return Aggregate(asked, judge)


def _is_near(value: Any, low: Any, high: Any) -> bool:
    """Whether a quantile lies between bounds, or as near to one as ten thousandths of it."""
    if value is None:
        return False
    number = float(value)
    low = float("-inf") if low is None else float(low)
    high = float("inf") if high is None else float(high)
    near = [bound for bound in (low, high) if abs(bound) != float("inf")]
    return any(abs(number - bound) <= 1e-8 + 1e-4 * abs(bound) for bound in near) or low <= number <= high


# Sets of values


def _in_set(expectation: Expectation) -> str:
    """The condition that a value is in the set; NULL among its values means nothing."""
    known = [value for value in expectation.get("value_set") if value is not None]
    return f"{expectation.column()} in ({expectation.literals(known)})" if known else "false"


def _beyond(expectation: Expectation) -> str:
    return f"count(distinct {expectation.when(f'not ({_in_set(expectation)})', value=expectation.column())})"


def _found(expectation: Expectation) -> str:
    return f"count(distinct {expectation.when(_in_set(expectation), value=expectation.column())})"


def _distinct_in_set(expectation: Expectation) -> Aggregate:
    def judge(values: Values) -> Judged:
        told = f"{_many(values[0])} of `{expectation.named().name}` not in {shown(expectation.get('value_set'))}"
        return Judged(values[0] == 0, {"observed_value": None, "unexpected_count": values[0]}, told)

    return Aggregate((_beyond(expectation),), judge)


def _distinct_contain_set(expectation: Expectation) -> Aggregate:
    wanted = len(expectation.get("value_set"))

    def judge(values: Values) -> Judged:
        missing = wanted - values[0] if wanted else 0
        told = f"{missing} of {shown(expectation.get('value_set'))} not among `{expectation.named().name}`"
        return Judged(missing == 0, {"observed_value": None, "missing_count": missing}, told)

    return Aggregate((_found(expectation),), judge)


def _distinct_equal_set(expectation: Expectation) -> Aggregate:
    wanted = len(expectation.get("value_set"))

    def judge(values: Values) -> Judged:
        unexpected, missing = values[0], wanted - values[1] if wanted else 0
        name = expectation.named().name
        told = f"{_many(unexpected)} of `{name}` beyond {shown(expectation.get('value_set'))}, {missing} missing"
        result = {"observed_value": None, "unexpected_count": unexpected, "missing_count": missing}
        return Judged(unexpected == 0 and missing == 0, result, told)

    return Aggregate((_beyond(expectation), _found(expectation)), judge)


def _many(count: int) -> str:
    return f"{count} distinct value{'' if count == 1 else 's'}"


def _most_common(expectation: Expectation) -> Aggregate:
    column = expectation.column()
    counted = f"select {column} as value, count(*) as times from {expectation.relation}"
    counted += f"{expectation.having(f'{column} is not null')} group by {column}"
    most = f"select value, times, max(times) over () as most from ({counted}) as counted"
    query = Query(f"select array_agg(value order by value) from ({most}) as ranked where times = most", 1)
    given = expectation.get("value_set")

    def judge(values: Values) -> Judged:
        observed = list(values[0] or ())
        common = sum(value in given for value in observed)
        success = common > 0 if expectation.get("ties_okay") else len(observed) == 1 and common == 1
        about = f"the most common value of `{expectation.named().name}` is"
        told = f"{about} {shown(observed)}, expected {shown(given)}"
        return Judged(success, {"observed_value": observed}, told, f"{about} not one of {shown(given)}")

    return Aggregate((), judge, (query,))


# Rows


def _row_count(expectation: Expectation) -> Aggregate:
    wanted = expectation.get("value")

    def judge(values: Values) -> Judged:
        told = f"there are {values[0]} rows, expected {shown(wanted)}"
        return Judged(values[0] == wanted, {"observed_value": values[0]}, told)

    return Aggregate((expectation.count(),), judge)


def _same_row_count(expectation: Expectation) -> Aggregate:
    other = expectation.get("other_table_name")

    def judge(values: Values) -> Judged:
        told = f"there are {values[0]} rows, and {values[1]} in {other}"
        return Judged(values[0] == values[1], {"observed_value": {"self": values[0], "other": values[1]}}, told)

    query = f"select count(*) from {expectation.beside(str(other))}"
    return Aggregate((expectation.count(),), judge, (Query(query, 1),))


AGGREGATES: Mapping[str, Callable[[Expectation], Aggregate]] = {
    "expect_column_distinct_values_to_be_in_set": _distinct_in_set,
    "expect_column_distinct_values_to_contain_set": _distinct_contain_set,
    "expect_column_distinct_values_to_equal_set": _distinct_equal_set,
    "expect_column_max_to_be_between": _ranged("maximum", _of("max"), _first),
    "expect_column_mean_to_be_between": _ranged("mean", _mean, _first),
    "expect_column_median_to_be_between": _ranged("median", _middles, _median),
    "expect_column_min_to_be_between": _ranged("minimum", _of("min"), _first),
    "expect_column_most_common_value_to_be_in_set": _most_common,
    "expect_column_proportion_of_non_null_values_to_be_between": _ranged("share of values", _present, _share),
    "expect_column_proportion_of_unique_values_to_be_between": _ranged("share of distinct values", _distinct, _share),
    "expect_column_quantile_values_to_be_between": _quantiles,
    "expect_column_stdev_to_be_between": _ranged("standard deviation", _of("stddev_samp"), _first),
    "expect_column_sum_to_be_between": _ranged("sum", _of("sum"), _first),
    "expect_column_unique_value_count_to_be_between": _ranged(
        "number of distinct values", lambda expectation: _distinct(expectation)[:1], _first, _whole
    ),
    "expect_table_row_count_to_be_between": _ranged(
        "number of rows", lambda expectation: (expectation.count(),), _first, _whole
    ),
    "expect_table_row_count_to_equal": _row_count,
    "expect_table_row_count_to_equal_other_table": _same_row_count,
}
"""The expectations that are judged by aggregates."""
