"""Expectations as users write them, and tables to ask them of. Every expectation that is a measure is among them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

COLUMNS = ("id", "amount", "price", "name", "day", "moment", "flag", "other", 'Odd "name" ünï', "order")
TYPES = ("integer", "double", "decimal(10, 2)", "text", "date", "timestamp", "boolean", "integer", "text", "integer")

Row = tuple[Any, ...]


def _random(seed: int, count: int, missing: float) -> Sequence[Row]:
    """Rows with duplicates and gaps, the same for the same seed."""
    pick = random.Random(seed)
    rows = []
    for number in range(count):
        row: list[Any] = [
            pick.randrange(max(count - 3, 1)),
            pick.choice([-1.5, 0.0, 0.25, 2.5, 1000000.125, 3.0, number / 7]),
            Decimal(pick.randrange(-300, 900)) / 100,
            pick.choice(["a", "b", "ab", "", "A", "x'y", "b\\c", "100%", "ünï"]),
            date(2024, 1, 1) + timedelta(days=pick.randrange(6)),
            datetime(2024, 1, 1, 12) + timedelta(hours=pick.randrange(50)),
            pick.random() < 0.5,
            pick.randrange(max(count - 3, 1)),
            pick.choice(["x1", "x2", "y"]),
            number,
        ]
        rows.append(tuple(None if pick.random() < missing and at else value for at, value in enumerate(row)))
    return rows


TABLES: dict[str, Callable[[], Sequence[Row]]] = {
    "many rows": lambda: _random(1, 41, 0.2),
    "an even number of rows, all with values": lambda: _random(2, 12, 0.0),
    "one row": lambda: _random(3, 1, 0.0),
    "rows without values": lambda: [(None,) * len(COLUMNS)] * 3,
    "no rows": list,
}

ODD = COLUMNS[8]
QUANTILES = {"quantiles": [0.0, 0.1, 0.5, 0.95], "value_ranges": [[-2, 0], [None, 1], [0, None], [1, 900]]}

CASES: Sequence[tuple[str, dict[str, Any]]] = (
    ("expect_column_values_to_not_be_null", {"column": "name"}),
    ("expect_column_values_to_not_be_null", {"column": "name", "mostly": 0.5}),
    ("expect_column_values_to_not_be_null", {"column": ODD}),
    ("expect_column_values_to_be_null", {"column": "name", "mostly": 0.1}),
    ("expect_column_values_to_be_unique", {"column": "id"}),
    ("expect_column_values_to_be_unique", {"column": "order"}),
    ("expect_column_values_to_be_unique", {"column": "name", "mostly": 0.05}),
    ("expect_column_values_to_be_between", {"column": "amount", "min_value": 0}),
    ("expect_column_values_to_be_between", {"column": "amount", "max_value": 3, "strict_max": True, "mostly": 0.6}),
    (
        "expect_column_values_to_be_between",
        {"column": "price", "min_value": 0.25, "max_value": 8.5, "strict_min": True},
    ),
    ("expect_column_values_to_be_between", {"column": "day", "min_value": "2024-01-02", "max_value": "2024-01-05"}),
    ("expect_column_values_to_be_between", {"column": "moment", "min_value": "2024-01-02 03:00:00"}),
    ("expect_column_values_to_be_between", {"column": "moment", "max_value": "2024-01-02", "strict_max": True}),
    ("expect_column_values_to_be_between", {"column": "order", "min_value": 1, "max_value": 30, "strict_max": True}),
    ("expect_column_values_to_be_in_set", {"column": "name", "value_set": ["a", "b", "x'y", None]}),
    ("expect_column_values_to_be_in_set", {"column": "id", "value_set": [1, 2, 3]}),
    ("expect_column_values_to_be_in_set", {"column": "amount", "value_set": [0.25, 2.5, 3.0], "mostly": 0.4}),
    ("expect_column_values_to_be_in_set", {"column": "flag", "value_set": [True]}),
    ("expect_column_values_to_be_in_set", {"column": "id", "value_set": []}),
    ("expect_column_values_to_not_be_in_set", {"column": "name", "value_set": ["a", None]}),
    ("expect_column_values_to_not_be_in_set", {"column": "id", "value_set": []}),
    ("expect_column_values_to_not_be_in_set", {"column": "id", "value_set": [3, 5]}),
    ("expect_column_values_to_match_regex", {"column": "name", "regex": "^[ab]"}),
    ("expect_column_values_to_match_regex", {"column": ODD, "regex": r"^\w\d?$"}),
    ("expect_column_values_to_not_match_regex", {"column": "name", "regex": "x'"}),
    ("expect_column_values_to_match_regex_list", {"column": "name", "regex_list": ["^a", "b$"], "match_on": "all"}),
    ("expect_column_values_to_match_regex_list", {"column": "name", "regex_list": ["^a", "b$"], "mostly": 0.3}),
    ("expect_column_values_to_not_match_regex_list", {"column": "name", "regex_list": ["^a", "%$"]}),
    ("expect_column_values_to_match_like_pattern", {"column": "name", "like_pattern": "a%"}),
    ("expect_column_values_to_match_like_pattern", {"column": "name", "like_pattern": "%!%", "escape": "!"}),
    ("expect_column_values_to_not_match_like_pattern", {"column": "name", "like_pattern": "_"}),
    ("expect_column_values_to_match_like_pattern_list", {"column": "name", "like_pattern_list": ["a%", "b_"]}),
    (
        "expect_column_values_to_match_like_pattern_list",
        {"column": "name", "like_pattern_list": ["a%", "%b"], "match_on": "all"},
    ),
    ("expect_column_values_to_not_match_like_pattern_list", {"column": "name", "like_pattern_list": ["a%", "%c"]}),
    (
        "expect_column_value_lengths_to_be_between",
        {"column": "name", "min_value": 1, "max_value": 3, "strict_max": True},
    ),
    ("expect_column_value_lengths_to_equal", {"column": "name", "value": 1}),
    ("expect_column_value_z_scores_to_be_less_than", {"column": "amount", "threshold": 1.5, "double_sided": True}),
    ("expect_column_value_z_scores_to_be_less_than", {"column": "price", "threshold": 0.5, "double_sided": False}),
    ("expect_column_value_z_scores_to_be_less_than", {"column": "id", "threshold": 1, "double_sided": True}),
    ("expect_column_values_to_not_be_outliers", {"column": "amount"}),
    ("expect_column_values_to_not_be_outliers", {"column": "price", "method": "iqr", "multiplier": 0.5}),
    ("expect_column_values_to_not_be_outliers", {"column": "amount", "method": "std", "multiplier": 2}),
    ("expect_column_values_to_not_be_outliers", {"column": "id", "method": "std", "multiplier": 0}),
    ("expect_column_values_to_be_of_type", {"column": "id", "type_": "INTEGER"}),
    ("expect_column_values_to_be_of_type", {"column": "name", "type_": "text"}),
    ("expect_column_type_to_be", {"column": "day", "type_": "DATE"}),
    ("expect_column_type_to_be", {"column": "flag", "type_": "INTEGER"}),
    ("expect_column_values_to_be_in_type_list", {"column": "id", "type_list": ["BIGINT", "INTEGER"]}),
    ("expect_column_values_to_be_in_type_list", {"column": "moment", "type_list": ["DATE"]}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["id", "name"]}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["name", "flag"], "mostly": 0.3}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["name", ODD], "ignore_row_if": "any_value_is_missing"}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["name", "flag", "day"], "ignore_row_if": "never"}),
    ("expect_select_column_values_to_be_unique_within_record", {"column_list": ["id", "other"]}),
    (
        "expect_select_column_values_to_be_unique_within_record",
        {"column_list": ["id", "other", "order"], "ignore_row_if": "never"},
    ),
    ("expect_multicolumn_sum_to_equal", {"column_list": ["id", "other"], "sum_total": 20}),
    (
        "expect_multicolumn_sum_to_equal",
        {"column_list": ["id", "other", "order"], "sum_total": 12, "ignore_row_if": "any_value_is_missing"},
    ),
    ("expect_multicolumn_values_to_be_equal", {"column_list": ["id", "other"]}),
    ("expect_multicolumn_values_to_be_equal", {"column_list": ["id", "other", "order"], "ignore_row_if": "never"}),
    ("expect_column_pair_values_to_be_equal", {"column_A": "id", "column_B": "other"}),
    ("expect_column_pair_values_to_be_equal", {"column_A": "id", "column_B": "other", "ignore_row_if": "neither"}),
    (
        "expect_column_pair_values_to_be_equal",
        {"column_A": "id", "column_B": "other", "ignore_row_if": "either_value_is_missing", "mostly": 0.05},
    ),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "id", "column_B": "other"}),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "order", "column_B": "id", "or_equal": True}),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "order", "column_B": "id", "mostly": 0.5}),
    (
        "expect_column_pair_values_to_be_in_set",
        {"column_A": "id", "column_B": "flag", "value_pairs_set": [[1, True], [2, False], [3, None]]},
    ),
    ("expect_column_max_to_be_between", {"column": "price", "min_value": 1, "max_value": 9}),
    ("expect_column_max_to_be_between", {"column": "day", "max_value": "2024-01-06", "strict_max": True}),
    ("expect_column_max_to_be_between", {"column": "moment", "max_value": "2024-01-03 13:00:00"}),
    ("expect_column_max_to_be_between", {"column": "id"}),
    ("expect_column_min_to_be_between", {"column": "amount", "min_value": -1.5, "strict_min": True}),
    ("expect_column_mean_to_be_between", {"column": "price", "min_value": 1, "max_value": 4}),
    ("expect_column_mean_to_be_between", {"column": "id", "min_value": 1}),
    ("expect_column_median_to_be_between", {"column": "price", "min_value": 1, "max_value": 4}),
    ("expect_column_median_to_be_between", {"column": "id", "max_value": 5}),
    ("expect_column_median_to_be_between", {"column": "amount", "max_value": 5}),
    ("expect_column_stdev_to_be_between", {"column": "price", "min_value": 1, "max_value": 4}),
    ("expect_column_stdev_to_be_between", {"column": "amount", "max_value": 4}),
    ("expect_column_sum_to_be_between", {"column": "price", "min_value": 1}),
    ("expect_column_sum_to_be_between", {"column": "id", "max_value": 100}),
    ("expect_column_unique_value_count_to_be_between", {"column": "name", "min_value": 2, "max_value": 9}),
    ("expect_column_proportion_of_unique_values_to_be_between", {"column": "name", "min_value": 0.2}),
    (
        "expect_column_proportion_of_non_null_values_to_be_between",
        {"column": "name", "min_value": 0.5, "max_value": 0.9},
    ),
    ("expect_column_quantile_values_to_be_between", {"column": "price", "quantile_ranges": QUANTILES}),
    ("expect_column_quantile_values_to_be_between", {"column": "amount", "quantile_ranges": QUANTILES}),
    ("expect_column_distinct_values_to_be_in_set", {"column": "name", "value_set": ["a", "b", "ab", "A", ""]}),
    ("expect_column_distinct_values_to_be_in_set", {"column": "flag", "value_set": [True, False]}),
    ("expect_column_distinct_values_to_contain_set", {"column": "name", "value_set": ["a", "zz"]}),
    ("expect_column_distinct_values_to_equal_set", {"column": ODD, "value_set": ["x1", "x2", "y"]}),
    ("expect_column_distinct_values_to_equal_set", {"column": "day", "value_set": ["2024-01-01", "2024-01-02"]}),
    ("expect_column_most_common_value_to_be_in_set", {"column": ODD, "value_set": ["x1", "y"]}),
    ("expect_column_most_common_value_to_be_in_set", {"column": "id", "value_set": [1, 2, 3], "ties_okay": True}),
    ("expect_table_row_count_to_be_between", {"min_value": 1, "max_value": 41, "strict_max": True}),
    ("expect_table_row_count_to_be_between", {"max_value": 12}),
    ("expect_table_row_count_to_equal", {"value": 12}),
    ("expect_table_row_count_to_equal_other_table", {"other_table_name": "expected_rows"}),
    ("expect_table_column_count_to_equal", {"value": 10}),
    ("expect_table_column_count_to_be_between", {"min_value": 11}),
    ("expect_table_columns_to_match_ordered_list", {"column_list": list(COLUMNS)}),
    ("expect_table_columns_to_match_ordered_list", {"column_list": ["id", "price", "amount"]}),
    ("expect_table_columns_to_match_set", {"column_set": ["id", "amount"], "exact_match": False}),
    ("expect_table_columns_to_match_set", {"column_set": ["ID", "amount", "zz"]}),
    ("expect_table_columns_to_match_set", {"column_set": list(reversed(COLUMNS))}),
    ("expect_column_to_exist", {"column": "id"}),
    ("expect_column_to_exist", {"column": "amount", "column_index": 2}),
    ("expect_column_to_exist", {"column": "zz"}),
    ("unexpected_rows_expectation", {"unexpected_rows_query": "select * from {batch} where id > 3"}),
    ("unexpected_rows_expectation", {"unexpected_rows_query": "select * from {batch} where '{{' = '{{' || name"}),
    (
        "unexpected_rows_expectation",
        {"unexpected_rows_query": "select id from {batch} group by id having count(*) > 90"},
    ),
)

FIRST_OF_EACH = tuple({type: (type, given) for type, given in reversed(CASES)}.values())
"""One case of each type, for tables in which there is little to see."""

CONDITIONS: Sequence[tuple[Any, str]] = (
    ('col("id") > 3', "great_expectations"),
    ('col("name").notNull()', "great_expectations"),
    ('col("name") == "a"', "great_expectations"),
    ({"type": "comparison", "column": {"name": "id"}, "operator": "IN", "parameter": [1, 2, 3]}, ""),
    (
        {
            "type": "or",
            "conditions": [
                {"type": "nullity", "column": {"name": "name"}, "is_null": True},
                {"type": "comparison", "column": {"name": "amount"}, "operator": ">=", "parameter": 2.5},
            ],
        },
        "",
    ),
)
"""Row conditions in the ways that Great Expectations has, each with the parser that it wants."""
