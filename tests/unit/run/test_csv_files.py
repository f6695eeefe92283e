"""CSV files of seeds: what their values are taken for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eltbuild.adapter import Capabilities
from eltbuild.project.resources import Node
from eltbuild.run.loading.seeds import read_seed

PLAIN = Capabilities()
READER = Capabilities(reads_csv=True)


def read(tmp_path: Path, values: list[str], able: Capabilities = PLAIN, **config: Any) -> tuple[str, list[Any]]:
    """The type and the values of a column of these texts."""
    lines = "".join(f"{number},{value}\n" for number, value in enumerate(values))
    (tmp_path / "s.csv").write_text("id,v\n" + lines)
    seed = Node(
        id="seed.shop.s", resource_type="seed", name="s", package="shop", path="s.csv", original_path="s.csv",
        fqn=("shop", "s"), config=config,
    )  # fmt: skip
    column = read_seed(seed, tmp_path, able).column("v")
    return str(column.type), [None if value is None else str(value) for value in column.to_pylist()]


@pytest.mark.parametrize(
    ("values", "kind", "found"),
    [
        (["1.0", "2"], "int64", ["1", "2"]),
        (["1e3", "+5", ""], "int64", ["1000", "5", None]),
        (["1.5", "2"], "double", ["1.5", "2.0"]),
        (["inf", "2"], "double", ["inf", "2.0"]),
        (["99999999999999999999", ""], "double", ["1e+20", None]),
        (["0x1F", "2"], "string", ["0x1F", "2"]),
        (["2020-1-2", " 2020-10-10 "], "date32[day]", ["2020-01-02", "2020-10-10"]),
        (["2020-02-30", ""], "string", ["2020-02-30", None]),
        (["2020-01-01 1:2:3", ""], "timestamp[us]", ["2020-01-01 01:02:03", None]),
        (["2020-01-01 10:00", ""], "string", ["2020-01-01 10:00", None]),
        (["2020-01-01 10:00:00.5", ""], "string", ["2020-01-01 10:00:00.5", None]),
        (["2020-01-01", "2020-01-01 10:00:00"], "string", ["2020-01-01", "2020-01-01 10:00:00"]),
        (["2020-01-01T10:00", "2020-01-01T10:00:00.5"], "timestamp[us]", ["2020-01-01 10:00:00", "2020-01-01 10:00:00.500000"]),
        (["2020-01-01T10:00:00.123456789", ""], "timestamp[us]", ["2020-01-01 10:00:00.123456", None]),
        (["2020-01-01T10:00:00+02:00", "2020-01-01T10:00:00"], "timestamp[us]", ["2020-01-01 08:00:00", "2020-01-01 10:00:00"]),
        (["10:00:00", "11:00:00"], "string", ["10:00:00", "11:00:00"]),
        (["null", "a"], "string", [None, "a"]),
        (["'a'", "''"], "string", ["'a'", "''"]),
    ],
)  # fmt: skip
def test_types(tmp_path: Path, values: list[str], kind: str, found: list[Any]) -> None:
    assert read(tmp_path, values) == (kind, found)


@pytest.mark.parametrize(
    ("values", "kind", "found"),
    [
        (["2020-01-01T10:00:00+02:00", "2020-01-01T10:00:00Z"], "timestamp[us]", ["2020-01-01 10:00:00"] * 2),
        (["null", "a"], "string", ["null", "a"]),
        (["null", "1"], "int64", [None, "1"]),
        (["'a'", "''", "it's"], "string", ["a", None, "it's"]),
        (["'5'", "6"], "string", ["5", "6"]),
        (["'a'", '"b"'], "string", ["'a'", "b"]),
        (["'a'", "'tis"], "string", ["'a'", "'tis"]),
        (["'it''s'", "b"], "string", ["it's", "b"]),
    ],
)
def test_an_engine_that_reads_the_file_itself(tmp_path: Path, values: list[str], kind: str, found: list[Any]) -> None:
    assert read(tmp_path, values, READER) == (kind, found)


def test_declared_columns_are_read_as_text(tmp_path: Path) -> None:
    config = {"column_types": {"v": "integer"}}
    assert read(tmp_path, ["007", "2020-01-01T10:00:00Z"], **config) == ("string", ["007", "2020-01-01T10:00:00Z"])
