"""Rows piece by piece: as a whole they are what `read` gives."""

from __future__ import annotations

from typing import Any

import pyarrow
import pytest
from conformance.bench import Bench

from eltbuild.errors import DatabaseError


def pieces(bench: Bench, query: str) -> list[pyarrow.Table]:
    stream: Any = getattr(bench.connection, "stream", None)
    if stream is None:
        pytest.skip("this adapter reads at once")
    return list(stream(query))


def test_the_pieces_together_are_the_rows(bench: Bench) -> None:
    long = "'" + "x" * 400 + "'"
    query = f"select n, {long} as text from ({bench.numbers(100_000)}) as t"
    found = pieces(bench, query)
    assert len(found) > 2
    assert len({piece.schema for piece in found}) == 1
    together = pyarrow.concat_tables(found).sort_by("n")
    assert together.column("n").to_pylist() == list(range(100_000))
    assert together.schema == bench.connection.read(f"{query} limit 1").schema


def test_no_rows_are_one_piece_with_its_columns(bench: Bench) -> None:
    found = pieces(bench, "select 1 as a, 'x' as b where 1 = 0")
    assert sum(piece.num_rows for piece in found) == 0
    assert found[0].column_names == ["a", "b"]


def test_what_is_left_unread_is_in_nobodys_way(bench: Bench) -> None:
    stream: Any = getattr(bench.connection, "stream", None)
    if stream is None:
        pytest.skip("this adapter reads at once")
    with bench.connection.transaction():
        begun = stream(bench.numbers(1_000_000))
        next(begun)
        begun.close()
        assert bench.scalar("select 1") == 1


def test_a_query_that_makes_no_sense_is_told(bench: Bench) -> None:
    with pytest.raises(DatabaseError, match="nosuch"):
        pieces(bench, "select nosuch from (select 1 as a) as t")
