"""Expectations of the columns that a table has: judged by what is known of them, and no row is looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from eltbuild.errors import CompileError, Problem
from eltbuild.quality.expectations.expectation import Expectation
from eltbuild.quality.expectations.judged import Judged, between, shown


def _names(expectation: Expectation) -> list[str]:
    return [column.name for column in expectation.columns]


def _same(found: str, wanted: Any) -> bool:
    """Whether a column is meant: in quotes by its very name, else whatever the letter case."""
    text = str(wanted)
    if len(text) > 1 and text[0] == text[-1] == '"':
        return found == text[1:-1]
    return found.casefold() == text.casefold()


def _count(expectation: Expectation) -> Judged:
    found, wanted = len(expectation.columns), expectation.get("value")
    return Judged(found == wanted, {"observed_value": found}, f"there are {found} columns, expected {wanted}")


def _count_between(expectation: Expectation) -> Judged:
    found, low, high = len(expectation.columns), expectation.get("min_value"), expectation.get("max_value")
    success = (low is None or found >= low) and (high is None or found <= high)
    return Judged(success, {"observed_value": found}, f"there are {found} columns, expected {between(low, high)}")


def _exists(expectation: Expectation) -> Judged:
    names, wanted, index = _names(expectation), expectation.get("column"), expectation.get("column_index")
    if index:
        success = -len(names) <= index < len(names) and _same(names[index], wanted)
        return Judged(success, {}, f"column {index} is not `{wanted}`; the columns are {', '.join(names)}")
    return Judged(
        any(_same(name, wanted) for name in names),
        {},
        f"there is no column `{wanted}`; the columns are {', '.join(names)}",
    )


def _ordered(expectation: Expectation) -> Judged:
    names, wanted = _names(expectation), expectation.get("column_list")
    if wanted is None or (len(names) == len(wanted) and all(map(_same, names, wanted))):
        return Judged(True, {"observed_value": names})
    mismatched = [
        {"Expected Column Position": number, "Expected": expected, "Found": found}
        for number, (expected, found) in enumerate(zip_longest(wanted, names))
        if expected is None or found is None or not _same(found, expected)
    ]
    result = {"observed_value": names, "details": {"mismatched": mismatched}}
    return Judged(False, result, f"the columns are {', '.join(names)}, expected {', '.join(map(str, wanted))}")


def _set(expectation: Expectation) -> Judged:
    names, wanted = _names(expectation), expectation.get("column_set")
    exact = expectation.get("exact_match")
    if wanted is None:
        raise CompileError(
            Problem(f"`{expectation.type}` has no `column_set`: there is nothing to compare with", expectation.place)
        )
    missing = sorted({str(word) for word in wanted if not any(_same(name, word) for name in names)})
    more = sorted(name for name in names if not any(_same(name, word) for word in wanted))
    observed: dict[str, Any] = {"observed_value": sorted(names)}
    if not missing and not more:
        return Judged(True, observed)
    mismatched: dict[str, Sequence[str]] = {"unexpected": more} if more else {}
    if missing:
        mismatched["missing"] = missing
    told = [f"missing {', '.join(missing)}"] if missing else []
    if more and exact is not False:
        told.append(f"not expected {', '.join(more)}")
    success = not missing and exact is False
    return Judged(success, {**observed, "details": {"mismatched": mismatched}}, f"columns {' and '.join(told)}")


def _type(expectation: Expectation) -> Judged:
    found, wanted = expectation.named(), expectation.get("type_")
    name = expectation.spelling.type_name(found.type)
    told = f"`{found.name}` is {name}, expected {wanted}"
    return Judged(_is_type(name, wanted), {"observed_value": name}, told)


def _type_list(expectation: Expectation) -> Judged:
    found, wanted = expectation.named(), expectation.get("type_list")
    name = expectation.spelling.type_name(found.type)
    success = wanted is None or any(_is_type(name, word) for word in wanted)
    told = f"`{found.name}` is {name}, expected one of {shown(wanted)}"
    return Judged(success, {"observed_value": name}, told)


def _is_type(found: str, wanted: str) -> bool:
    return found.replace(" ", "").casefold() == wanted.replace(" ", "").casefold()


SHAPES: Mapping[str, Callable[[Expectation], Judged]] = {
    "expect_column_to_exist": _exists,
    "expect_column_type_to_be": _type,
    "expect_column_values_to_be_in_type_list": _type_list,
    "expect_column_values_to_be_of_type": _type,
    "expect_table_column_count_to_be_between": _count_between,
    "expect_table_column_count_to_equal": _count,
    "expect_table_columns_to_match_ordered_list": _ordered,
    "expect_table_columns_to_match_set": _set,
}
"""The expectations that the columns alone answer."""
