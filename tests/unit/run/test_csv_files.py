"""CSV files of seeds: what their values are taken for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eltbuild.adapter import Capabilities
from eltbuild.errors import CompileError
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
        (['"1,000"', "$5", "-7 %", ""], "int64", ["1000", "5", "-7", None]),
        (["1_000", "€ 2.5"], "double", ["1000.0", "2.5"]),
        (["$1e400", "1"], "string", ["$1e400", "1"]),
        (["$", "5"], "string", ["$", "5"]),
        (['"a\r\nb"', "c"], "string", ["a\nb", "c"]),
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
        (["1_000", "2"], "int64", ["1000", "2"]),
        (['"1,000"', "2"], "string", ["1,000", "2"]),
        (['"a\r\nb"', "c"], "string", ["a\r\nb", "c"]),
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


def rows(tmp_path: Path, text: str, able: Capabilities = PLAIN, **config: Any) -> list[tuple[Any, ...]]:
    """The rows of a file with that text."""
    (tmp_path / "s.csv").write_bytes(text.encode())
    seed = Node(
        id="seed.shop.s", resource_type="seed", name="s", package="shop", path="s.csv", original_path="s.csv",
        fqn=("shop", "s"), config=config,
    )  # fmt: skip
    return [tuple(row.values()) for row in read_seed(seed, tmp_path, able).to_pylist()]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a,b,c\n1,x,2020\n2,y\n3\n", [(1, "x", 2020), (2, "y", None), (3, None, None)]),
        ("a,b\n1,x\n\n2,y\n\n", [(1, "x"), (None, None), (2, "y"), (None, None)]),
        ("a\n1\n\n3\n", [(1,), (None,), (3,)]),
        ("a,b\r\n1,2\r\n\r\n3\r\n", [(1, 2), (None, None), (3, None)]),
        ('a,b\n1,"x\ny, ""z"""\n2\n', [(1, 'x\ny, "z"'), (2, None)]),
        ("\ufeffa,b\n1\n2\n", [(1, None), (2, None)]),
        ('a,b\n1,\t \n\t," NULL "\n', [(1, None), (None, None)]),
    ],
)
def test_what_is_missing_of_a_row_is_null(tmp_path: Path, text: str, found: list[Any]) -> None:
    assert rows(tmp_path, text) == found
    semicolons = text.replace(", ", "\0").replace(",", ";").replace("\0", ", ")
    assert rows(tmp_path, semicolons, delimiter=";") == found


def test_where_a_reader_of_the_engine_refuses_short_rows_so_it_is_here(tmp_path: Path) -> None:
    assert rows(tmp_path, "a\n1\n\n3\n", READER) == [(1,), (None,), (3,)]
    assert rows(tmp_path, "a,b\n1,x\n\n2,y\n", READER) == [(1, "x"), (2, "y")]
    with pytest.raises(CompileError, match="a row has 1 values, the header 2") as caught:
        rows(tmp_path, "a,b\n1,x\n2\n", READER)
    place = caught.value.problems[0].place
    assert place is not None
    assert place.line == 3


@pytest.mark.parametrize("able", [PLAIN, READER])
def test_a_row_that_is_too_long_is_refused_with_its_line(tmp_path: Path, able: Capabilities) -> None:
    with pytest.raises(CompileError, match="a row has 3 values, the header 2") as caught:
        rows(tmp_path, "a,b\n1,x\n1,x,y\n", able)
    place = caught.value.problems[0].place
    assert place is not None
    assert place.line == 3


def test_no_heavy_library_is_imported_for_numbers_and_texts(tmp_path: Path) -> None:
    """Arrow imports pandas where it is handed plain values, to see whether they are of its kinds: half a second."""
    file = tmp_path / "seed.csv"
    file.write_text("a,b,c\n1.5,'x',2024-01-01 10:00:00\n2.0,NULL,2024-01-02 10:00:00\n")
    program = (
        "import sys; from pathlib import Path; from eltbuild.adapter import Capabilities;"
        "from eltbuild.project.resources import Node; from eltbuild.run.loading.csv_files import read_csv;"
        "node = Node(id='seed.p.s', name='s', resource_type='seed', package='p', path='s.csv', original_path='s.csv');"
        "[read_csv(node, Path(sys.argv[1]), Capabilities(reads_csv=own)) for own in (False, True)];"
        "print(sorted({'pandas', 'duckdb'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,,b,\n1,2,3,4\n", ["a", "b", "b_2", "d"]),
        ("a,a,a_2\n1,2,3\n", ["a", "a_2", "a_2_2"]),
        (" a,b \n1,2\n", [" a", "b "]),
        (",b\n", ["a", "b"]),
    ],
)
@pytest.mark.parametrize("able", [PLAIN, READER])
def test_each_column_has_a_name_of_its_own(tmp_path: Path, able: Capabilities, text: str, names: list[str]) -> None:
    (tmp_path / "s.csv").write_text(text)
    seed = Node(
        id="seed.shop.s", resource_type="seed", name="s", package="shop", path="s.csv", original_path="s.csv",
        fqn=("shop", "s"),
    )  # fmt: skip
    assert read_seed(seed, tmp_path, able).column_names == names


def test_names_that_differ_in_the_case_of_letters_are_two_where_the_engine_has_them_so(tmp_path: Path) -> None:
    text = "a,A\n1,2\n"
    assert rows(tmp_path, text, Capabilities(exact_names=True)) == [(1, 2)]
    with pytest.raises(CompileError, match="names column `a` twice"):
        rows(tmp_path, text)
