"""The expectations of Great Expectations and their arguments, as a table.

The library need not be imported to check what users write. It is that of release 1.24; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from eltbuild.values import dataclass

Domain = Literal["column", "pair", "columns", "table", "any"]
"""What an expectation is about: one column, two, several, the table as a whole; or what only its class knows."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: what kind of value it takes, and whether it must be there."""

    name: str
    kind: str
    """A key of `KINDS`, or the words that it may be, parted by `|`."""
    required: bool = False


@dataclass(frozen=True, slots=True)
class ExpectationType:
    """One type of expectation."""

    domain: Domain
    arguments: Mapping[str, Argument]
    by_row: bool
    """Whether it judges each row, so that there are unexpected rows and `mostly`."""
    either: tuple[str, ...] = ()
    """Of these arguments one at least must have a value."""
    open: bool = False
    """Whether it may have other arguments, too."""


KINDS: Mapping[str, str] = {
    "text": "text",
    "texts": "a list of texts",
    "truth": "true or false",
    "number": "a number",
    "whole": "a whole number",
    "bound": "a number, a date or a time",
    "share": "a number from 0 to 1",
    "positive": "a number that is not negative",
    "list": "a list",
    "values": "a list that is not empty",
    "pairs": "a list of pairs that is not empty",
    "mapping": "a mapping",
    "quantiles": "a mapping with `quantiles` and as many `value_ranges`",
    "any": "a value",
}
"""What each kind of value is called."""

COMMON = (
    Argument("row_condition", "any"),
    Argument("condition_parser", "text"),
    Argument("notes", "any"),
)
"""Arguments that every expectation may have; of those of whole tables only some look at `row_condition`."""

_KEYS: Mapping[Domain, tuple[str, ...]] = {
    "column": ("column:text!",),
    "pair": ("column_A:text!", "column_B:text!"),
    "columns": ("column_list:texts!",),
    "table": (),
    "any": (),
}
_BOUNDS = ("min_value:bound", "max_value:bound", "strict_min:truth", "strict_max:truth")
_SHARES = ("min_value:number", "max_value:number", "strict_min:truth", "strict_max:truth")
_COUNTS = ("min_value:whole", "max_value:whole", "strict_min:truth", "strict_max:truth")
_EITHER = ("min_value", "max_value")
_PAIR_ROWS = "ignore_row_if:both_values_are_missing|either_value_is_missing|neither"
_ROWS = "ignore_row_if:all_values_are_missing|any_value_is_missing|never"


def _made(domain: Domain, by_row: bool, given: tuple[str, ...], either: tuple[str, ...] = ()) -> ExpectationType:
    written = (*_KEYS[domain], *given, *(("mostly:share",) if by_row else ()))
    own = [_argument(text) for text in written]
    return ExpectationType(domain, {argument.name: argument for argument in (*own, *COMMON)}, by_row, either)


def _argument(text: str) -> Argument:
    name, _, kind = text.partition(":")
    return Argument(name, kind.rstrip("!"), kind.endswith("!"))


def _values(*given: str, either: tuple[str, ...] = ()) -> ExpectationType:
    return _made("column", True, given, either)


def _aggregate(*given: str, either: tuple[str, ...] = ()) -> ExpectationType:
    return _made("column", False, given, either)


def _table(*given: str) -> ExpectationType:
    return _made("table", False, given)


EXPECTATIONS: Mapping[str, ExpectationType] = {
    "expect_column_distinct_values_to_be_in_set": _aggregate("value_set:values!"),
    "expect_column_distinct_values_to_contain_set": _aggregate("value_set:list!"),
    "expect_column_distinct_values_to_equal_set": _aggregate("value_set:list!"),
    "expect_column_kl_divergence_to_be_less_than": _aggregate(
        "partition_object:mapping", "threshold:number", "internal_weight_holdout:share", "tail_weight_holdout:share",
        "bucketize_data:truth", "min_value:bound", "max_value:bound",
    ),
    "expect_column_max_to_be_between": _aggregate(*_BOUNDS),
    "expect_column_mean_to_be_between": _aggregate(*_BOUNDS),
    "expect_column_median_to_be_between": _aggregate(*_BOUNDS),
    "expect_column_min_to_be_between": _aggregate(*_BOUNDS),
    "expect_column_most_common_value_to_be_in_set": _aggregate("value_set:list!", "ties_okay:truth"),
    "expect_column_pair_values_a_to_be_greater_than_b": _made("pair", True, ("or_equal:truth", _PAIR_ROWS)),
    "expect_column_pair_values_to_be_equal": _made("pair", True, (_PAIR_ROWS,)),
    "expect_column_pair_values_to_be_in_set": _made("pair", True, ("value_pairs_set:pairs!", _PAIR_ROWS)),
    "expect_column_proportion_of_non_null_values_to_be_between": _aggregate(*_SHARES),
    "expect_column_proportion_of_unique_values_to_be_between": _aggregate(*_SHARES),
    "expect_column_quantile_values_to_be_between": _aggregate(
        "quantile_ranges:quantiles!", "allow_relative_error:any"
    ),
    "expect_column_stdev_to_be_between": _aggregate(*_SHARES),
    "expect_column_sum_to_be_between": _aggregate(*_BOUNDS),
    "expect_column_to_exist": _aggregate("column_index:whole"),
    "expect_column_type_to_be": _aggregate("type_:text!"),
    "expect_column_unique_value_count_to_be_between": _aggregate(*_COUNTS),
    "expect_column_value_lengths_to_be_between": _values(*_COUNTS, either=_EITHER),
    "expect_column_value_lengths_to_equal": _values("value:number!"),
    "expect_column_value_z_scores_to_be_less_than": _values("threshold:number!", "double_sided:truth!"),
    "expect_column_values_to_be_between": _values(*_BOUNDS, either=_EITHER),
    "expect_column_values_to_be_dateutil_parseable": _values(),
    "expect_column_values_to_be_decreasing": _values("strictly:truth"),
    "expect_column_values_to_be_in_set": _values("value_set:list!"),
    "expect_column_values_to_be_in_type_list": _values("type_list:texts"),
    "expect_column_values_to_be_increasing": _values("strictly:truth"),
    "expect_column_values_to_be_json_parseable": _values(),
    "expect_column_values_to_be_null": _values(),
    "expect_column_values_to_be_of_type": _values("type_:text!"),
    "expect_column_values_to_be_unique": _values(),
    "expect_column_values_to_match_json_schema": _values("json_schema:mapping!"),
    "expect_column_values_to_match_like_pattern": _values("like_pattern:text!", "escape:text"),
    "expect_column_values_to_match_like_pattern_list": _values(
        "like_pattern_list:texts!", "match_on:any|all", "escape:text"
    ),
    "expect_column_values_to_match_regex": _values("regex:text"),
    "expect_column_values_to_match_regex_list": _values("regex_list:texts!", "match_on:any|all"),
    "expect_column_values_to_match_strftime_format": _values("strftime_format:text!"),
    "expect_column_values_to_not_be_in_set": _values("value_set:list!"),
    "expect_column_values_to_not_be_null": _values(),
    "expect_column_values_to_not_be_outliers": _values("method:iqr|std", "multiplier:positive"),
    "expect_column_values_to_not_match_like_pattern": _values("like_pattern:text!", "escape:text"),
    "expect_column_values_to_not_match_like_pattern_list": _values("like_pattern_list:texts!", "escape:text"),
    "expect_column_values_to_not_match_regex": _values("regex:text!"),
    "expect_column_values_to_not_match_regex_list": _values("regex_list:texts!"),
    "expect_compound_columns_to_be_unique": _made("columns", True, (_ROWS,)),
    "expect_multicolumn_sum_to_equal": _made("columns", True, ("sum_total:number!", _ROWS)),
    "expect_multicolumn_values_to_be_equal": _made("columns", True, (_ROWS,)),
    "expect_query_results_to_match_comparison": _table(
        "base_query:text!", "comparison_data_source_name:text!", "comparison_query:text!", "mostly:share"
    ),
    "expect_select_column_values_to_be_unique_within_record": _made("columns", True, (_ROWS,)),
    "expect_table_column_count_to_be_between": _table("min_value:whole", "max_value:whole"),
    "expect_table_column_count_to_equal": _table("value:whole!"),
    "expect_table_columns_to_match_ordered_list": _table("column_list:list"),
    "expect_table_columns_to_match_set": _table("column_set:list", "exact_match:truth"),
    "expect_table_row_count_to_be_between": _table(*_COUNTS),
    "expect_table_row_count_to_equal": _table("value:whole!"),
    "expect_table_row_count_to_equal_other_table": _table("other_table_name:text!"),
    "unexpected_rows_expectation": _table("unexpected_rows_query:text!"),
}  # fmt: skip
"""Every type of expectation by the name that Great Expectations gives it in suites."""
OWN_CLASSES = "One that is a Python class of your own lies in the folder `expectations`."
"""The hint where nothing is like a name."""
OWN = ExpectationType("any", {}, by_row=False, open=True)
"""What is known of an expectation that is a class of the user's."""


def type_of(name: str) -> ExpectationType:
    """What is known of an expectation of that name."""
    return EXPECTATIONS.get(name, OWN)
