"""Statements that make functions."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from eltbuild.errors import CompileError
from eltbuild.sql.functions import (
    Argument,
    Signature,
    body_text,
    create_functions,
    create_table_macro,
    gives_table,
    is_possible,
    signature_of,
)

PRICE = Signature((Argument("price", "integer"), Argument("rate", "integer", "2")), "bigint", "select price * rate")
WORDS = Signature((Argument("a", "text"), Argument("b", "text")), "text", "select a || b")


def test_a_function_of_postgres() -> None:
    (made,) = create_functions("postgres", '"s"."f"', "scalar", [PRICE], "stable")
    assert made == (
        'CREATE OR REPLACE FUNCTION "s"."f" (price integer, rate integer DEFAULT 2)\nRETURNS bigint\nSTABLE\n'
        "AS\n$$\nselect price * rate\n$$ LANGUAGE SQL"
    )
    assert len(create_functions("postgres", "f", "scalar", [PRICE, WORDS])) == 2
    assert "IMMUTABLE" in create_functions("postgres", "f", "scalar", [PRICE], "deterministic")[0]
    assert "ABLE" not in create_functions("postgres", "f", "scalar", [PRICE])[0].replace("TABLE", "")


def test_a_macro_of_a_database_file_that_holds_no_types_of_parameters(tmp_path: Path) -> None:
    with duckdb.connect() as database:
        database.execute(f"attach '{tmp_path}/old.duckdb' as old (storage_version 'v1.0.0')")
        (made,) = create_functions("duckdb", "old.main.f", "scalar", [PRICE], "stable")
        database.execute(made)
        assert database.execute("select old.main.f(3), old.main.f(3, 5), typeof(old.main.f(3))").fetchone() == (
            6, 15, "BIGINT",
        )  # fmt: skip
        # A view holds the call: what is only an expression is no query for each row.
        database.execute("create view old.main.v as select old.main.f(i) as x from range(3) t(i)")
        assert database.execute("select max(x) from old.main.v").fetchone() == (4,)


def test_overloads_with_as_many_arguments_have_types() -> None:
    with duckdb.connect() as database:
        database.execute(create_functions("duckdb", "f", "scalar", [PRICE, WORDS])[0])
        assert database.execute("select f(2, 3), f('a', 'b')").fetchone() == (6, "ab")


@pytest.mark.parametrize(
    "body",
    [
        "select x + 1",
        "-- a comment\nselect x + 1;",
        "x + 1",
        "select x + 1 as y",
        "with t as (select 1 as one) select x + one from t",
        "select max(i) + x from range(2) t(i)",
    ],
)
def test_every_form_of_a_body(body: str) -> None:
    form = Signature((Argument("x", "integer"),), "integer", body)
    with duckdb.connect() as database:
        database.execute(create_functions("duckdb", "f", "scalar", [form])[0])
        assert database.execute("select f(41)").fetchone() == (42,)


def test_the_text_stands_between_delimiters_that_it_does_not_hold() -> None:
    assert body_text("select '$$'") == "AS\n$body$\nselect '$$'\n$body$ LANGUAGE SQL"
    with pytest.raises(CompileError, match="every delimiter"):
        body_text("$$ $body$ " + " ".join(f"$body{number}$" for number in range(100)))


def test_which_types_there_are() -> None:
    assert is_possible("postgres", "scalar")
    assert is_possible("duckdb", "aggregate")
    assert not is_possible("postgres", "aggregate")
    assert not is_possible("duckdb", "odd")
    assert [gives_table(text) for text in ("table", "TABLE(a int)", "setof int", "integer", "tables")] == [
        True, True, True, False, False,
    ]  # fmt: skip


def test_a_signature_of_a_properties_file() -> None:
    written = {"arguments": [{"name": "n", "data_type": "int", "default_value": 0}], "returns": {"data_type": "int"}}
    assert signature_of(written, "n") == Signature((Argument("n", "int", "0"),), "int", "n")
    assert signature_of({}, "n") == Signature((), "", "n")


def test_a_table_with_parameters() -> None:
    with duckdb.connect() as database:
        database.execute(create_table_macro("f", "n, step := 2", "select range * step as i from range(n);", "duckdb"))
        assert database.execute("select * from f(2)").fetchall() == [(0,), (2,)]
