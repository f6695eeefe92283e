"""Which parts of a name are written in quotes, and what an engine makes of the others."""

from __future__ import annotations

import pytest

from eltbuild.relation import Relation
from eltbuild.sql.quoting import Quoted, bare_where_plain, kept_as, quoted_parts

PLACE = Relation("Shop", "Main", "MyÄModel")


@pytest.mark.parametrize(
    ("wishes", "quoted"),
    [
        ([], (True, True, True)),
        ([{"identifier": False}], (True, True, False)),
        ([{"database": False, "schema": None}], (False, True, True)),
        ([{"identifier": False, "schema": False}, {"identifier": True}], (True, False, True)),
    ],
)
def test_later_wishes_go_before_earlier_ones(wishes: list[dict[str, object]], quoted: Quoted) -> None:
    assert quoted_parts(*wishes) == quoted


@pytest.mark.parametrize(
    ("dialect", "quoted", "kept"),
    [
        ("postgres", (True, True, True), PLACE),
        # Only the letters of ASCII are folded.
        ("postgres", (True, True, False), Relation("Shop", "Main", "myÄmodel")),
        ("postgres", (False, False, True), Relation("shop", "main", "MyÄModel")),
        ("snowflake", (True, True, False), Relation("Shop", "Main", "MYÄMODEL")),
        ("duckdb", (False, False, False), PLACE),
    ],
)
def test_names_without_quotes_are_kept_as_the_engine_folds_them(dialect: str, quoted: Quoted, kept: Relation) -> None:
    assert kept_as(PLACE, quoted, dialect) == kept


def test_parts_that_are_left_out_stay_so() -> None:
    assert kept_as(Relation(None, None, "A"), (False, False, False), "postgres") == Relation(None, None, "a")


@pytest.mark.parametrize(
    ("name", "dialect", "written"),
    [
        ("id", "duckdb", "id"),
        ("date_day", "postgres", "date_day"),
        ("from", "postgres", '"from"'),
        ("row", "duckdb", '"row"'),
        ("json_table", "postgres", '"json_table"'),
        ("Id", "postgres", '"Id"'),
        ("two words", "duckdb", '"two words"'),
        ("1st", "duckdb", '"1st"'),
        ("id", "snowflake", '"id"'),
        ("größe", "postgres", '"größe"'),
    ],
)
def test_a_name_stands_without_quotes_where_it_means_the_same_so(name: str, dialect: str, written: str) -> None:
    assert bare_where_plain(name, dialect) == written


def test_a_schema_is_cut_where_the_engine_cuts_it() -> None:
    quoted = (True, True, True)
    given = Relation("db", "ü" * 40, "x" * 70)
    assert kept_as(given, quoted, "postgres") == Relation("db", "ü" * 31, "x" * 70)
    assert kept_as(given, quoted, "duckdb") == given
