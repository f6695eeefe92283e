"""Rows are the same as multisets, by value; what differs is shown so that a person sees it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eltbuild.quality.row_comparison import Comparison, compare, differ
from eltbuild.quality.row_difference import told
from eltbuild.relation import Column

Rows = list[tuple[Any, ...]]


def difference(expected: Rows, actual: Rows, *types: str, dialect: str = "duckdb") -> Comparison:
    count = len((expected + actual)[0])
    names = [f"c{number}" for number in range(count)]
    columns = [Column(name, kind) for name, kind in zip(names, types or ("VARCHAR",) * count, strict=True)]
    return compare(columns, expected, actual, dialect)


BERLIN = timezone(timedelta(hours=1))
SAME: list[tuple[Any, Any, str]] = [
    (1, 1.0, "DOUBLE"),
    (1, Decimal("1.00"), "DECIMAL(10,2)"),
    (0.3, 0.1 + 0.2, "DOUBLE"),
    (0.0, 1e-13, "DOUBLE"),
    (0.1, 0.10000000149011612, "FLOAT"),
    (float("nan"), float("nan"), "DOUBLE"),
    (float("inf"), float("inf"), "DOUBLE"),
    (None, None, "DATE"),
    ([0.3, None], [0.1 + 0.2, None], "DOUBLE[]"),
    ({"a": 1, "b": [0.3]}, {"b": [0.1 + 0.2], "a": 1}, "STRUCT"),
    ('{"a": 1, "b": 2}', '{"b":2,"a":1.0}', "JSON"),
    ("{broken", "{broken", "JSON"),
    (datetime(2020, 1, 1, 1, tzinfo=BERLIN), datetime(2020, 1, 1, tzinfo=UTC), "TIMESTAMPTZ"),
    (b"ab", bytearray(b"ab"), "BLOB"),
]
OTHER: list[tuple[Any, Any, str]] = [
    (1, 2, "INTEGER"),
    (1, True, "INTEGER"),
    (0.3, 0.30001, "DOUBLE"),
    (0.1, 0.10000000149011612, "DOUBLE"),
    (0, 1e-9, "DOUBLE"),
    (float("nan"), 1.0, "DOUBLE"),
    (float("inf"), float("-inf"), "DOUBLE"),
    (10**400, 0.5, "DOUBLE"),
    (Decimal("0.1"), Decimal("0.10000000000001"), "DECIMAL(20,14)"),
    ("", None, "VARCHAR"),
    ("a", "A", "VARCHAR"),
    ('{"a": 1}', '{"a":1}', "VARCHAR"),
    ([1, 2], [2, 1], "INTEGER[]"),
    ([1], [1, 1], "INTEGER[]"),
    (datetime(2020, 1, 1), datetime(2020, 1, 1, 1), "TIMESTAMP"),
]


@pytest.mark.parametrize(("expected", "actual", "kind"), SAME)
def test_equal_values(expected, actual, kind):
    assert difference([(expected, "x")], [(actual, "x")], kind, "VARCHAR").lines == ()


@pytest.mark.parametrize(("expected", "actual", "kind"), OTHER)
def test_different_values(expected, actual, kind):
    found = difference([(expected, "x")], [(actual, "x")], kind, "VARCHAR")
    assert len(found.lines) == 1
    assert found.same == 0
    assert not found.equal(0, expected, actual)


def test_single_precision_has_its_own_tolerance_only_where_the_type_is_single():
    assert difference([(0.1,)], [(0.10000000149011612,)], "real", dialect="postgres").lines == ()
    assert len(difference([(0.1,)], [(0.10000000149011612,)], "float", dialect="snowflake").lines) == 1


values = st.one_of(st.none(), st.integers(-3, 3), st.sampled_from(["a", "b", 0.1, 0.1 + 1e-12, True]))
rows = st.lists(st.tuples(values, values), max_size=8)


@given(rows, st.randoms())
def test_order_does_not_matter(some, random):
    mixed = list(some)
    random.shuffle(mixed)
    assert compare([Column("a"), Column("b")], some, mixed, "duckdb").lines == ()


@given(rows, rows)
def test_every_row_is_accounted_for_once(expected, actual):
    found = compare([Column("a"), Column("b")], expected, actual, "duckdb")
    assert found.same + sum(1 for line in found.lines if line.expected is not None) == len(expected)
    assert found.same + sum(1 for line in found.lines if line.actual is not None) == len(actual)
    back = compare([Column("a"), Column("b")], actual, expected, "duckdb")
    assert found.same == back.same


@given(rows, rows)
def test_whether_rows_differ_is_known_without_their_difference(expected, actual):
    columns = [Column("a", "integer"), Column("b", "varchar")]
    assert differ(columns, expected, actual, "duckdb") == bool(compare(columns, expected, actual, "duckdb").lines)


def test_floats_that_are_near_do_not_differ():
    columns = [Column("a", "double")]
    assert not differ(columns, [(0.3,), (1.0,)], [(1.0,), (0.1 + 0.2,)], "duckdb")
    assert differ(columns, [(0.3,), (1.0,)], [(1.0,), (0.31,)], "duckdb")
    assert differ(columns, [(0.3,)], [(0.3,), (0.3,)], "duckdb")


def test_duplicates_count():
    found = difference([(1,), (1,)], [(1,)])
    assert [(line.expected, line.actual) for line in found.lines] == [((1,), None)]
    assert found.same == 1


def test_many_rows_that_nearly_agree_are_told_in_bounded_time():
    found = difference([(1, float(i)) for i in range(3000)], [(1, i + 0.5) for i in range(3000)], "INTEGER", "DOUBLE")
    assert found.same == 0
    assert len(found.lines) == 3000 + 3000 - 200


# As text --------------------------------------------------------------------------------------------------


def lines(comparison: Comparison) -> list[str]:
    return told(comparison, "model `m`").split("\n")


def test_cells_that_differ_are_marked():
    found = difference(
        [(1, "landed", 10.5), (2, "cancelled", None), (3, "same", 1.0)],
        [(1, "landed", 12.0), (3, "same", 1.0), (10, None, -1.0)],
        "INTEGER", "VARCHAR", "DOUBLE",
    )  # fmt: skip
    assert lines(found) == [
        "model `m` gives other rows than expected: 1 differs, 1 is missing, 1 is not expected; 1 as expected",
        "",
        "              c0  c1           c2",
        "- expected     1  landed     10.5",
        "+ actual       1  landed     12.0",
        "                             ^^^^",
        "- missing      2  cancelled  NULL",
        "+ unexpected  10  NULL       -1.0",
    ]


def test_two_that_are_left_alone_belong_together():
    assert lines(difference([("a",)], [(None,)]))[2:] == [
        "            c0",
        "- expected  a",
        "+ actual    NULL",
        "            ^^^^",
    ]


def test_texts_that_could_be_mistaken_stand_in_quotes():
    shown = [
        line.split("  ")[-1].strip()
        for line in lines(difference([("",), ("NULL",), (" a",), ("b\n",)], [(None,), ("c",)]))
    ]
    assert shown[3:] == ["''", "'NULL'", "' a'", "b\\n", "NULL", "c"]


def test_values_that_look_alike_show_their_type():
    text = told(difference([("1", 5)], [(1, 5)], "VARCHAR", "INTEGER"), "m")
    assert "1 (text)" in text
    assert "1 (integer)" in text


def test_long_texts_are_shown_where_they_differ():
    text = told(difference([("x" * 200 + "A", 1)], [("x" * 200 + "B", 1)], "VARCHAR", "INTEGER"), "m")
    assert "...xxxxxxxxxxxxA" in text
    assert "...xxxxxxxxxxxxB" in text
    assert max(map(len, text.split("\n"))) < 120


def test_many_lines_and_columns_are_cut():
    found = difference([(i, *"abc") for i in range(40)], [(-5 - i, *"def") for i in range(40)], *["VARCHAR"] * 4)
    assert lines(found)[-1] == "... and 68 more"
    wide = [f"{'v' * 30}{number}" for number in range(20)]
    text = told(difference([(*wide, 1)], [(*wide, 2)], *["VARCHAR"] * 21), "m")
    assert "c20" in text
    assert "(17 more columns are not shown)" in text
    assert max(map(len, text.split("\n"))) <= 180


def test_lines_of_each_kind_are_shown():
    text = told(difference([(i, "a") for i in range(20)], [(i + 50, "b") for i in range(30)]), "m")
    assert text.count("- missing") == text.count("+ unexpected") == 6
    assert text.endswith("... and 38 more")
    text = told(difference([(i, "a") for i in range(20)], [(50, "b")]), "m")
    assert text.count("- missing") == 11
    assert text.count("+ unexpected") == 1


def test_a_narrow_first_column_is_shown_though_it_does_not_differ():
    wide = "x" * 30
    text = told(difference([(7, wide, wide)], [(7, wide + "y", wide + "z")], "INTEGER", "VARCHAR", "VARCHAR"), "m", 36)
    assert "- expected   7" in text
    assert "1 more column is not shown; c2 differs, too" in text
