"""Rows as tables, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eltbuild.report.show import Rows, show_csv, show_json, show_table, shown
from eltbuild.report.text import width_of


def test_a_table() -> None:
    rows = Rows(("id", "name", "price"), [(1, "Ann", Decimal("10.50")), (20, None, None), (3, "日本", Decimal("7"))])
    assert (
        show_table(rows)
        == """\
| id | name | price |
| -- | ---- | ----- |
|  1 | Ann  | 10.50 |
| 20 | NULL |  NULL |
|  3 | 日本 |     7 |"""
    )


def test_wide_values_are_cut_and_columns_that_do_not_fit_are_named() -> None:
    rows = Rows(("a", "b", "c"), [("x" * 100, "y" * 50, 1)])
    table = show_table(rows, width=60)
    lines = table.splitlines()
    assert max(map(width_of, lines)) <= 60
    assert "…" in lines[2]
    assert lines[-1] == "(2 more columns: b, c)"
    assert "..." in show_table(rows, width=60, unicode=False)
    assert "x" * 100 in show_table(rows)


def test_no_rows_and_more_rows() -> None:
    assert show_table(Rows(("a",), [])).splitlines()[-1] == "(no rows)"
    assert "--limit" in show_table(Rows(("a",), [(1,)], more=True))
    assert show_table(Rows((), [])) == "(no rows)"


def test_values_of_all_kinds() -> None:
    values = [
        "a\nb",
        "\x1b[31mred",
        True,
        1.5,
        b"\x00\xff",
        datetime(2026, 1, 2, 3),
        [1, None],
        {"k": [2]},
        date(2026, 1, 2),
    ]
    table = show_table(Rows(tuple("abcdefghi"), [values]))
    cells = [cell.strip() for cell in table.splitlines()[2].strip("|").split("|")]
    assert cells == [
        "a\\nb", "red", "true", "1.5", "0x00ff", "2026-01-02 03:00:00", "[1, NULL]", "{k: [2]}", "2026-01-02",
    ]  # fmt: skip


def test_json() -> None:
    values = (
        1,
        None,
        Decimal("1.50"),
        date(2020, 1, 1),
        datetime(2020, 1, 1, tzinfo=UTC),
        float("inf"),
        b"\x01",
        Decimal("5"),
    )
    value = json.loads(show_json(Rows(("a", "b", "c", "d", "e", "f", "g", "a"), [values], node="orders")))
    assert value == {
        "node": "orders",
        "show": [
            {
                "a": 1,
                "b": None,
                "c": 1.5,
                "d": "2020-01-01",
                "e": "2020-01-01T00:00:00+00:00",
                "f": None,
                "g": "01",
                "a_2": 5,
            }
        ],
    }
    assert "node" not in json.loads(show_json(Rows(("a",), [(1,)])))


def test_csv_tells_null_from_empty_text() -> None:
    assert show_csv(Rows(("a", "b,c"), [(None, ""), (1, 'say "x"'), ("two\nlines", True)])) == (
        'a,"b,c"\n,""\n1,"say ""x"""\n"two\nlines",true'
    )


@given(st.lists(st.tuples(st.text(), st.text()), max_size=8))
def test_csv_is_read_back_as_written(rows: list[tuple[str, str]]) -> None:
    rows = [tuple(text.replace("\r", "").replace("\0", "") for text in row) for row in rows]  # type: ignore[misc]
    text = show_csv(Rows(("a", "b"), rows))
    assert list(csv.reader(io.StringIO(text)))[1:] == [list(row) for row in rows]


@given(
    st.lists(st.lists(st.one_of(st.none(), st.text(), st.integers(), st.floats()), min_size=3, max_size=3), max_size=5),
    st.integers(0, 120),
)
def test_tables_are_aligned_and_fit(values: list[list[Any]], width: int) -> None:
    rows = Rows(("one", "two", "three"), values)
    lines = [line for line in show_table(rows, width=width).splitlines() if line.startswith("|")]
    assert len({width_of(line) for line in lines}) == 1
    assert len(lines) == 2 + len(values)
    if width >= 12:
        assert width_of(lines[0]) <= width


@pytest.mark.parametrize("style", ["text", "json", "csv"])
def test_styles(style: Any) -> None:
    assert shown(Rows(("a",), [(1,)]), style=style)
