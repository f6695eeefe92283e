"""Expectations as measures: what they ask, and what the answers mean, without any warehouse."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from eltbuild.errors import CompileError
from eltbuild.project.resources import Node
from eltbuild.quality.expectations.expectation import Expectation, find_column
from eltbuild.quality.expectations.judged import Judged, between, by_row, carried, holds, outcome
from eltbuild.quality.expectations.planning import planned
from eltbuild.quality.expectations.row_conditions import condition_of
from eltbuild.relation import Column

COLUMNS = (Column("id", "INTEGER"), Column("Amount", "DOUBLE"), Column("amount ", "DATE"), Column("NAME", "VARCHAR"))


def expectation(type: str, dialect: str = "duckdb", **arguments: Any) -> Expectation:
    return Expectation(type, "orders", arguments, "orders", COLUMNS, dialect)


def is_met(type: str, *observed: Any, **arguments: Any) -> bool:
    """Whether the expectation is met by what a query for it gives."""
    plan = planned(expectation(type, column="id", **arguments))
    assert plan is not None
    return plan.judge(observed).success


@pytest.mark.parametrize(
    ("observed", "bound", "met"),
    [
        (datetime(2024, 2, 29, 23, 59), "2024-02-29", True),
        (datetime(2024, 3, 1), "2024-02-29", False),
        (datetime(2024, 2, 29, 23, 59, tzinfo=UTC), "2024-02-29", True),
        (datetime(2024, 2, 29, 23, 59, tzinfo=UTC), "2024-02-29 12:00:00", False),
        (datetime(2024, 2, 29, 11, 59, tzinfo=UTC), "2024-02-29 12:00:00", True),
        (date(2024, 2, 29), "2024-02-29 00:00:00", True),
        (Decimal("NaN"), 5, False),
        (float("nan"), 5, False),
    ],
)
def test_observed_values_are_compared_with_bounds_of_their_kind(observed: Any, bound: Any, met: bool) -> None:
    assert is_met("expect_column_max_to_be_between", observed, max_value=bound) is met


@pytest.mark.parametrize(
    ("type", "given", "observed"),
    [
        ("expect_column_max_to_be_between", {"min_value": 0}, "x"),
        ("expect_column_quantile_values_to_be_between",
         {"quantile_ranges": {"quantiles": [0.5], "value_ranges": [[0, 1]]}}, date(2024, 1, 1)),
    ],
)  # fmt: skip
def test_values_that_cannot_be_judged_are_an_error_of_this_test_only(
    type: str, given: dict[str, Any], observed: Any
) -> None:
    plan = planned(expectation(type, column="id", **given))
    assert plan is not None
    assert plan.measure(test_node()).outcome((observed,)) is None
    with pytest.raises(CompileError):
        plan.judge((observed,))


def test_lists_among_values_are_compared() -> None:
    assert is_met("expect_column_most_common_value_to_be_in_set", [[1, 2]], value_set=[[1, 2], 3])
    assert not is_met("expect_column_most_common_value_to_be_in_set", [[1, 2]], value_set=[1, 2])


def test_node(**config: Any) -> Node:
    return Node(
        id="test.shop.t", resource_type="test", name="t", package="shop", path="t.sql", original_path="m.yml",
        config=config,
    )  # fmt: skip


test_node.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "found"),
    [("id", "id"), ("ID", "id"), ("amount", "Amount"), ("Amount", "Amount"), ('"amount "', "amount "), ("name", "NAME"),
     ("nam", None), ("", None)],
)  # fmt: skip
def test_columns_are_found_by_their_names(name: str, found: str | None) -> None:
    column = find_column(name, COLUMNS)
    assert (column and column.name) == found


def test_a_name_that_means_two_columns_means_none() -> None:
    two = (Column("a"), Column("A"))
    assert find_column("a", two) == Column("a")
    assert find_column('"A"', two) == Column("A")
    assert find_column("B", two) is None


@pytest.mark.parametrize(
    ("elements", "considered", "unexpected", "mostly", "success"),
    [(0, 0, 0, 1.0, True), (10, 0, 0, 1.0, True), (10, 10, 0, 1.0, True), (10, 10, 1, 1.0, False),
     (10, 10, 1, 0.9, True), (10, 5, 1, 0.9, False), (10, 5, 1, 0.8, True), (3, None, 1, 0.6, True),
     (3, None, 3, 0.0, True)],
)  # fmt: skip
def test_mostly(elements: int, considered: int | None, unexpected: int, mostly: float, success: bool) -> None:
    found, result = by_row(elements, considered, unexpected, mostly)
    assert found is success
    assert ("missing_count" in result) is (considered is not None)


def test_a_percentage_that_has_no_meaning_is_none() -> None:
    assert by_row(0, 0, 0, 1.0)[1]["unexpected_percent"] is None
    assert by_row(4, 0, 0, 1.0)[1]["missing_percent"] == 100
    assert by_row(4, 2, 1, 1.0)[1] == {
        "element_count": 4, "unexpected_count": 1, "unexpected_percent": 50, "missing_count": 2, "missing_percent": 50,
        "unexpected_percent_total": 25, "unexpected_percent_nonmissing": 50,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("config", "verdict"),
    [({}, "fail"), ({"severity": "warn"}, "warn"), ({"error_if": ">3"}, "warn"), ({"error_if": ">= 3"}, "fail"),
     ({"severity": "WARN", "warn_if": "> 3"}, "pass"), ({"error_if": ">10", "warn_if": ">10"}, "pass"),
     ({"error_if": "<> 3", "warn_if": "= 3.0"}, "warn")],
)  # fmt: skip
def test_limits_look_at_the_unexpected_rows(config: dict[str, Any], verdict: str) -> None:
    judged = Judged(False, {"unexpected_count": 3}, "3 of 9 are wrong")
    found = outcome(test_node(**config), judged)
    assert found is not None
    assert (found.verdict, found.failures) == (verdict, 3)
    assert found.extra["expectation"] == {"success": False, "result": {"unexpected_count": 3}}
    met = outcome(test_node(**config), Judged(True, {"unexpected_count": 3}))
    assert met is not None
    assert (met.verdict, met.failures) == ("pass", 0)


def test_unexpected_rows_of_a_query_are_failures_each() -> None:
    plan = planned(expectation("unexpected_rows_expectation", unexpected_rows_query="select * from {batch}"))
    assert plan is not None
    assert plan.judge((5,)).failures == plan.anonymous("unexpected_rows_expectation").judge((5,)).failures == 5
    assert plan.judge((0,)).failures == 0


def test_a_set_of_columns_is_not_met_by_default() -> None:
    with pytest.raises(CompileError, match="nothing to compare with"):
        planned(expectation("expect_table_columns_to_match_set"))
    assert not is_met("expect_table_columns_to_match_set", 1, column_set=[])
    assert is_met("expect_table_columns_to_match_set", 1, column_set=[], exact_match=False)


def test_a_limit_that_only_an_engine_understands() -> None:
    assert holds("between 1 and 3", 2) is None
    assert outcome(test_node(error_if="% 2 = 0"), Judged(False, {"unexpected_count": 3})) is None


def test_what_is_wrong_with_a_column_counts_as_one_failure() -> None:
    found = outcome(test_node(), Judged(False, {"observed_value": 3}, "the mean is 3"))
    assert found is not None
    assert (found.failures, found.message) == (1, "the mean is 3")


@pytest.mark.parametrize(
    ("given", "words"),
    [((1, 2), "between 1 and 2"), ((1, None), "at least 1"), ((None, 2.5, False, True), "less than 2.5"),
     ((1, 2, True, False), "greater than 1 and at most 2"), ((None, None), "anything but NULL"),
     ((date(2024, 1, 1), None, True), "greater than 2024-01-01")],
)  # fmt: skip
def test_ranges_in_words(given: tuple[Any, ...], words: str) -> None:
    assert between(*given) == words


@pytest.mark.parametrize(
    ("given", "sql"),
    [
        ("id > 3", "id > 3"),
        ('col("id") > 3', '"id" > 3'),
        ('col("ID")  == "x"', "\"id\" = 'x'"),
        ('col("id") != 2.50', '"id" <> cast(2.5 as double)'),
        ('col("amount ") <= date("2024-01-31")', "\"amount \" <= date '2024-01-31'"),
        ('col("name").notNull()', '"NAME" is not null'),
        ({"type": "nullity", "column": {"name": "id"}, "is_null": True}, '"id" is null'),
        ({"type": "comparison", "column": {"name": "id"}, "operator": "NOT_IN", "parameter": [1]}, '"id" not in (1)'),
        ({"type": "comparison", "column": {"name": "id"}, "operator": "IN", "parameter": []}, "false"),
        (
            {"type": "and", "conditions": [{"type": "nullity", "column": {"name": "id"}, "is_null": False},
                                           {"type": "pass_through", "pass_through_filter": "a or b"}]},
            '("id" is not null) and (a or b)',
        ),
        (None, ""),
    ],
)  # fmt: skip
def test_row_conditions(given: Any, sql: str) -> None:
    assert condition_of(expectation("expect_table_row_count_to_equal", row_condition=given, value=1)) == sql


@pytest.mark.parametrize(
    "given",
    ['col("id") >', 'col("id") > what', 'col("id") between 1', 'col("nope") > 1', 'col("id") > date("soon")',
     {"type": "xor"}, {"type": "comparison"}, {"type": "and", "conditions": 3}],
)  # fmt: skip
def test_row_conditions_that_cannot_be_read(given: Any) -> None:
    with pytest.raises(CompileError):
        condition_of(expectation("expect_table_row_count_to_equal", row_condition=given, value=1))


def test_bounds_are_numbers_dates_or_times() -> None:
    found = expectation("expect_column_max_to_be_between", column="id", min_value="2024-01-02", max_value="1.5")
    assert (found.bound("min_value"), found.bound("max_value")) == (date(2024, 1, 2), 1.5)
    moment = expectation("expect_column_max_to_be_between", column="id", min_value="2024-01-02 03:04:05")
    assert moment.bound("min_value") == datetime(2024, 1, 2, 3, 4, 5)
    with pytest.raises(CompileError, match="a number, a date or a time"):
        expectation("expect_column_max_to_be_between", column="id", min_value="soon").bound("min_value")


def test_a_dialect_in_which_nothing_was_compared_is_left_to_the_library() -> None:
    assert planned(expectation("expect_column_values_to_be_null", "snowflake", column="id")) is None
    assert planned(expectation("expect_column_values_to_be_null", "duckdb", column="id")) is not None


PROJECT = {
    "eltbuild.yml": "name: shop\n",
    "models/orders.sql": "select * from (values (1, 'a', 2.5), (2, 'b', 3.5)) as v(id, name, amount)",
    "models/orders.yml": """
        models:
          - name: orders
            data_tests:
              - expect_table_row_count_to_be_between: {min_value: 1}
              - expect_compound_columns_to_be_unique: {column_list: [id, name]}
            columns:
              - name: amount
                data_tests:
                  - expect_column_mean_to_be_between: {min_value: 1}
                  - expect_column_values_to_not_be_outliers
                  - expect_column_quantile_values_to_be_between:
                      quantile_ranges: {quantiles: [0.5], value_ranges: [[0, 9]]}
        """,
    "expectations/more.json": '{"name": "more", "meta": {"eltbuild": {"model": "orders"}}, "expectations": ['
    '{"type": "expect_column_values_to_match_regex", "kwargs": {"column": "name", "regex": "^[ab]$"}}]}',
}
HEAVY = ("great_expectations", "sqlalchemy", "pandas", "numpy", "scipy")


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return folder


def run(folder: Path, script: str, *blocked: str) -> subprocess.CompletedProcess[str]:
    """The script in a process of its own, in which some packages are not installed."""
    start = f"import sys\nfor name in {blocked!r}: sys.modules[name] = None\n"
    return subprocess.run(
        [sys.executable, "-c", start + script], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


COMMAND = """
import sys
from eltbuild.cli import cli
for words in {commands!r}:
    code = cli.main(words, standalone_mode=False)
    if code:
        sys.exit(code)
found = sorted(name for name in {heavy!r} if sys.modules.get(name) is not None)
assert not found, found
"""


def test_expectations_that_are_measures_never_need_the_library(tmp_path: Path) -> None:
    project = written(tmp_path, PROJECT)
    commands = [["parse"], ["ls"], ["build"], ["test", "--store-failures"], ["gx", "export"]]
    done = run(project, COMMAND.format(commands=commands, heavy=HEAVY))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASS") >= 12


def test_without_the_library_only_the_tests_that_need_it_fail(tmp_path: Path) -> None:
    files = dict(PROJECT)
    more = "\n                  - expect_column_values_to_be_json_parseable: {name: json_ones}\n"
    files["models/orders.yml"] = files["models/orders.yml"].rstrip() + more
    project = written(tmp_path, files)
    done = run(project, COMMAND.format(commands=[["build"]], heavy=()), "great_expectations")
    assert done.returncode == 1
    assert "PASS=7 WARN=0 ERROR=1" in done.stdout
    assert "hint: install Great Expectations: pip install 'eltbuild[gx]'" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


OWN_CLASS = """
    from great_expectations.expectations import ExpectTableRowCountToEqual

    open("was_run", "w").close()

    class ExpectTwoRows(ExpectTableRowCountToEqual):
        value: int = 2
    """


def test_classes_of_a_project_run_only_where_a_test_asks_for_them(tmp_path: Path) -> None:
    more = """
        models:
          - name: orders
            data_tests: [expect_two_rows, {expect_table_row_count_to_equal: {value: 2}}]
        """
    project = written(tmp_path, {**PROJECT, "models/orders.yml": more, "expectations/own.py": OWN_CLASS})
    quiet = [
        ["parse"],
        ["ls"],
        ["compile"],
        ["plan"],
        ["gx", "export"],
        ["build", "--exclude", "expect_two_rows_orders_"],
    ]
    assert run(project, COMMAND.format(commands=quiet, heavy=HEAVY)).returncode == 0
    assert not (project / "was_run").exists()
    done = run(project, COMMAND.format(commands=[["test"]], heavy=()))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "was_run").exists()
    assert not list(project.glob("expectations/__pycache__"))
    without = run(project, COMMAND.format(commands=[["test"]], heavy=()), "great_expectations")
    assert "`expect_two_rows` is judged by Great Expectations, which is not installed" in without.stdout
    assert "PASS=2 WARN=0 ERROR=1" in without.stdout


def test_a_release_that_was_not_tried_is_told() -> None:
    from eltbuild.run.testing.library import _too_old

    assert "1.8 is wanted" in _too_old("1.7.3")
    assert "1.8 is wanted" in _too_old("0.18.22")
    assert _too_old("1.8.0") == _too_old("1.24.1") == _too_old("2.0") == ""


def test_results_hold_values_of_python_only() -> None:
    from numpy import array, bool_, float64, int64, str_

    found = carried(
        {"a": float64(1.5), "b": [int64(2), bool_(True)], "c": array([1, 2]), "d": str_("x"), "e": float64("nan")}
    )
    assert found == {"a": 1.5, "b": [2, True], "c": [1, 2], "d": "x", "e": None}
    leaves = [found["a"], *found["b"], *found["c"], found["d"]]
    assert [type(leaf) for leaf in leaves] == [float, int, bool, int, int, str]
    assert carried([Decimal("1.25"), date(2024, 1, 2), timedelta(seconds=3), None]) == [1.25, "2024-01-02", "3.0", None]


@pytest.mark.parametrize(
    ("query", "sql"),
    [
        ("select * from {batch}", "select * from (select * from orders) as batch"),
        ("select * from {batch} where id > 1;", "select * from (select * from orders) as batch where id > 1"),
        ("select b.id from {batch} b", "select b.id from (select * from orders) b"),
        ("select * from {batch} b where name = '{{}}'", "select * from (select * from orders) b where name = '{}'"),
        ("select {'a': {'b': 1}} from {batch} b", "select {'a': {'b': 1}} from (select * from orders) b"),
        ("select '{' from {batch} b", "select '{' from (select * from orders) b"),
        ("select * from {batch} AS b JOIN {batch}\ncross join x", "select * from (select * from orders) AS b JOIN "
         "(select * from orders) as batch\ncross join x"),
    ],
)  # fmt: skip
def test_the_rows_in_a_query_may_have_a_name(query: str, sql: str) -> None:
    found = planned(expectation("unexpected_rows_expectation", unexpected_rows_query=query))
    assert found is not None
    assert found.rows == sql
