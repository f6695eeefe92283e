"""Expectations in properties files and suites: which tests they are, and what is wrong with their arguments.

Nothing is run here, and Great Expectations is not imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from eltbuild.errors import Place, Problem, did_you_mean
from eltbuild.jinja.native import has_jinja
from eltbuild.project.entries import TestEntry
from eltbuild.project.expectation_types import EXPECTATIONS, KINDS, Argument, ExpectationType, type_of
from eltbuild.project.resources import TestCase
from eltbuild.project.suite_parameters import holds_parameter
from eltbuild.values import replace

SEVERITIES: Mapping[str, str] = {"critical": "error", "warning": "warn", "info": "warn"}
"""What the severities of Great Expectations are for a test."""


def is_expectation(name: str) -> bool:
    """Whether Great Expectations has an expectation of that name."""
    return name in EXPECTATIONS


def has_rows(case: TestCase) -> bool:
    """Whether an expectation has rows that are not as expected, and is not about a table or column as a whole.

    One that is a class of the user's has the values of its column, if any.
    """
    if case.file:
        return case.column_name is not None or case.kwargs.get("column") is not None
    return type_of(case.name).by_row or case.name == "unexpected_rows_expectation"


def needs_library(name: str) -> bool:
    """Whether such an expectation is always run by Great Expectations itself."""
    return name in LIBRARY_ONLY or name not in EXPECTATIONS


LIBRARY_ONLY = frozenset(
    {
        "expect_column_kl_divergence_to_be_less_than",
        "expect_column_values_to_be_dateutil_parseable",
        "expect_column_values_to_be_decreasing",
        "expect_column_values_to_be_increasing",
        "expect_column_values_to_be_json_parseable",
        "expect_column_values_to_match_json_schema",
        "expect_column_values_to_match_strftime_format",
        "expect_query_results_to_match_comparison",
    }
)
"""Expectations that are no aggregates over the rows of one relation."""


def as_test(entry: TestEntry) -> TestEntry:
    """The entry with the severity of a test in place of one of Great Expectations'."""
    severity = entry.config.get("severity")
    meant = SEVERITIES.get(str(severity).lower()) if severity is not None else None
    if meant is None:
        return entry
    return replace(entry, config={**entry.config, "severity": meant})


def told_of(entry: TestEntry) -> Mapping[str, Any]:
    """What a suite needs to know beyond the test: the severity as it was written, and whether the name was given."""
    severity = str(entry.config.get("severity") or "").lower()
    found: dict[str, Any] = {"severity": severity} if severity in SEVERITIES else {}
    if holds_parameter(entry.arguments):
        found["parameters"] = entry.arguments
    return {**found, "title": entry.title} if entry.title else found


def check_arguments(entry: TestEntry, column: str | None, place: Place) -> Iterator[Problem]:
    """What is wrong with the arguments of an expectation. Those that hold Jinja are checked when they are known."""
    kind = type_of(entry.name)
    given = {key: value for key, value in entry.arguments.items() if key != "column_name"}
    if column is not None:
        if kind.domain not in ("column", "any"):
            told = f"`{entry.name}` is not about one column"
            yield Problem(told, place, f"write it under `data_tests:` of the model, beside `columns:`{_wants(kind)}")
            return
        if "column" in given:
            yield Problem(f"`{entry.name}` names a column, and stands under one", place, "leave `column` out")
            return
        given["column"] = column
    yield from wrong_arguments(entry.name, given, place)


def _wants(kind: ExpectationType) -> str:
    wanted = [f"`{name}`" for name, argument in kind.arguments.items() if argument.required]
    return f"; it wants {' and '.join(wanted)}" if wanted else ""


def wrong_arguments(name: str, given: Mapping[str, Any], place: Place | None) -> Iterator[Problem]:
    """What is wrong with all arguments of an expectation, the columns included."""
    kind = type_of(name)
    for key, value in given.items():
        argument = kind.arguments.get(key)
        if argument is None:
            if kind.open:
                continue
            hint = did_you_mean(key, kind.arguments) or f"it takes {_listed(kind)}"
            yield Problem(f"`{name}` has no argument `{key}`", place, hint)
        elif value is None:
            if argument.required:
                yield Problem(f"`{key}` of `{name}` has no value", place, f"it must be {expected(argument)}")
        elif not _holds_jinja(value) and not holds_parameter(value) and not fits(argument, value):
            told = f"`{key}` of `{name}` must be {expected(argument)}, not {_shown(value)}"
            yield Problem(told, place, _hint(argument, value))
    for argument in kind.arguments.values():
        if argument.required and argument.name not in given:
            yield Problem(f"`{name}` needs `{argument.name}`: {expected(argument)}", place)
    if kind.either and all(given.get(key) is None for key in kind.either):
        yield Problem(f"`{name}` needs {' or '.join(f'`{key}`' for key in kind.either)}", place)
    low, high = given.get("min_value"), given.get("max_value")
    if low is not None and high is not None and _is_number(low) and _is_number(high) and low > high:
        yield Problem(f"`{name}`: `min_value` ({low}) is greater than `max_value` ({high})", place)


def _listed(kind: ExpectationType) -> str:
    return ", ".join(f"`{name}`" for name in kind.arguments)


def expected(argument: Argument) -> str:
    """What an argument must be, in words."""
    if "|" in argument.kind:
        return " or ".join(f"`{word}`" for word in argument.kind.split("|"))
    return KINDS[argument.kind]


def _hint(argument: Argument, value: Any) -> str:
    if "|" in argument.kind:
        return did_you_mean(str(value), argument.kind.split("|"))
    return ""


def _shown(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return f"`{text[:57]}...`" if len(text) > 60 else f"`{text}`"


def _holds_jinja(value: Any) -> bool:
    if isinstance(value, str):
        return has_jinja(value)
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(map(_holds_jinja, items))


def fits(argument: Argument, value: Any) -> bool:
    """Whether a value is of the kind that an argument takes."""
    if "|" in argument.kind:
        return value in argument.kind.split("|")
    return _FITS[argument.kind](value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_bound(value: Any) -> bool:
    return _is_number(value) or isinstance(value, date) or (isinstance(value, str) and read_bound(value) is not None)


def read_bound(text: str) -> float | date | datetime | None:
    """A bound written as text: a number, a date or a time, in this order; None for any other text."""
    for read in (float, date.fromisoformat, datetime.fromisoformat):
        try:
            return read(text)
        except ValueError:
            continue
    return None


def _is_quantiles(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    quantiles, ranges = value.get("quantiles"), value.get("value_ranges")
    return (
        isinstance(quantiles, list)
        and isinstance(ranges, list)
        and len(quantiles) == len(ranges)
        and all(_is_number(quantile) and 0 <= quantile <= 1 for quantile in quantiles)
        and all(isinstance(pair, list) and len(pair) == 2 for pair in ranges)
    )


def _is_pairs(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(x, list) and len(x) == 2 for x in value)


_FITS: Mapping[str, Callable[[Any], bool]] = {
    "any": lambda value: True,
    "text": lambda value: isinstance(value, str),
    "texts": _is_texts,
    "truth": lambda value: isinstance(value, bool),
    "number": _is_number,
    "whole": lambda value: _is_number(value) and value == int(value),
    "bound": _is_bound,
    "share": lambda value: _is_number(value) and 0 <= value <= 1,
    "positive": lambda value: _is_number(value) and value >= 0,
    "list": lambda value: isinstance(value, list),
    "values": lambda value: isinstance(value, list) and bool(value),
    "pairs": _is_pairs,
    "mapping": lambda value: isinstance(value, Mapping),
    "quantiles": _is_quantiles,
}
