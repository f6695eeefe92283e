"""The example project, built as a user builds it, against figures computed straight from its source files."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pytest

HERE = Path(__file__).parent
PROJECT = HERE.parents[1] / "example_project"
DATABASE = "nyc_flights.duckdb"
SCHEMAS = "dev_marts,dev_snapshots"

# The marts round to two decimals, speeds to one.
TOLERANCE = {"average_mph": 0.0501}
DEFAULT_TOLERANCE = 0.00501

# Tests of the project that the faults of the real data must make warn; README.md of the project lists them.
EXPECTED_WARNINGS = 3


def named_queries(text: str) -> dict[str, str]:
    """The queries of a text, by the name in the line `-- name: ...` above each."""
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


FIGURES = named_queries((HERE / "figures.sql").read_text(encoding="utf-8"))
ANSWERS = named_queries((HERE / "answers.sql").read_text(encoding="utf-8"))

Row = Mapping[str, object]


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[Row]:
    cursor = connection.execute(query)
    values = cursor.fetchall()
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, value, strict=True)) for value in values]


def build_command(project: Path) -> list[str]:
    return [sys.executable, "-m", "eltbuild", "build", "--project-dir", str(project)]


def build(project: Path, *arguments: str) -> None:
    """Build the project with its own profile, whatever the environment of the tests says."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "ELTBUILD_"))}
    done = subprocess.run(
        [*build_command(project), *arguments],
        cwd=project,
        env=environ,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def copy_project(folder: Path) -> Path:
    ignored = shutil.ignore_patterns("target", "logs", "*.duckdb", "*.duckdb.wal")
    return Path(shutil.copytree(PROJECT, folder / "example_project", ignore=ignored))


def answers(project: Path, query: str) -> list[Row]:
    with duckdb.connect(str(project / DATABASE), read_only=True) as connection:
        connection.execute(f"set search_path = '{SCHEMAS}'")
        return rows(connection, query)


def assert_same(actual: Sequence[Row], expected: Sequence[Row]) -> None:
    """Equal rows in equal order; floats may differ by the rounding of the marts."""
    assert len(actual) == len(expected)
    for actual_row, expected_row in zip(actual, expected, strict=True):
        assert list(actual_row) == list(expected_row)
        for column, value in expected_row.items():
            if isinstance(value, float) and actual_row[column] is not None:
                value = pytest.approx(value, abs=TOLERANCE.get(column, DEFAULT_TOLERANCE))
            assert actual_row[column] == value, f"{column} of {expected_row}"


@pytest.fixture(scope="module")
def figures() -> dict[str, list[Row]]:
    with duckdb.connect() as connection:
        connection.execute(f"set file_search_path = '{PROJECT}'")
        return {name: rows(connection, query) for name, query in FIGURES.items()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copy_project(tmp_path_factory.mktemp("built"))
    build(project)
    return project


@pytest.fixture(scope="module")
def built_twice(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = Path(shutil.copytree(built, tmp_path_factory.mktemp("built_twice") / "example_project"))
    build(project)
    return project


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The year in three steps, as incremental builds of a growing source."""
    project = copy_project(tmp_path_factory.mktemp("replayed"))
    build(project, "--vars", "{loaded_through: '2013-03-31'}")
    build(project, "--vars", "{loaded_through: '2013-06-30'}")
    build(project)
    return project


def test_every_figure_has_an_answer() -> None:
    assert list(FIGURES) == list(ANSWERS)


@pytest.mark.parametrize("name", FIGURES)
def test_built_from_nothing(name: str, built: Path, figures: Mapping[str, list[Row]]) -> None:
    assert_same(answers(built, ANSWERS[name]), figures[name])


@pytest.mark.parametrize("name", FIGURES)
def test_second_build_changes_no_figure(name: str, built_twice: Path, figures: Mapping[str, list[Row]]) -> None:
    assert_same(answers(built_twice, ANSWERS[name]), figures[name])


@pytest.mark.parametrize("name", FIGURES)
def test_replayed_year_gives_the_same_figures(name: str, replayed: Path, figures: Mapping[str, list[Row]]) -> None:
    assert_same(answers(replayed, ANSWERS[name]), figures[name])


def test_replay_equals_full_build_row_by_row(built: Path, replayed: Path) -> None:
    """Incremental equals full refresh: the fact table is the same set of rows."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{built / DATABASE}' as built (read_only)")
        connection.execute(f"attach '{replayed / DATABASE}' as replayed (read_only)")
        for one, other in (("built", "replayed"), ("replayed", "built")):
            difference = f"from {one}.dev_marts.fct_flights except all from {other}.dev_marts.fct_flights"
            assert rows(connection, f"select count(*) as flights from ({difference})") == [{"flights": 0}]


def test_each_build_leaves_a_row_of_history(built: Path, replayed: Path) -> None:
    history = "select warnings, failures from dev.build_history order by started_at"
    row = {"warnings": EXPECTED_WARNINGS, "failures": 0}
    assert answers(built, history) == [row]
    assert len(answers(replayed, history)) == len(["March", "June", "December"])
    assert answers(replayed, history)[-1] == row
