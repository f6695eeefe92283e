"""Suites to properties and back: nothing is lost on the way."""

from __future__ import annotations

import json
import textwrap
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

from eltbuild.cli import cli

PROPERTIES = """
    models:
      - name: orders
        data_tests:
          - expect_table_row_count_to_be_between: {min_value: 1, severity: warn}
          - expect_column_values_to_be_between:
              name: not_negative
              description: Nobody pays less than nothing.
              column: amount
              min_value: "{{ var('least', 0) }}"
              mostly: 0.99
              where: id > 1
              tags: [money]
              error_if: ">10"
              config: {meta: {owner: sales}}
          - expect_compound_columns_to_be_unique: {column_list: [id, Status], ignore_row_if: never}
        columns:
          - name: id
            data_tests:
              - expect_column_values_to_be_unique: {severity: info}
              - not_null
          - name: Status
            quote: true
            data_tests:
              - expect_column_values_to_be_in_set:
                  value_set: [1, 2.5, "2024-01-01", null, true]
                  row_condition: {type: nullity, column: {name: id}, is_null: false}
                  notes: as agreed
"""
TOO_MANY = """          - name: amount
            data_tests:
              - expect_column_values_to_be_between: {max_value: 1}
"""
FILES = {
    "eltbuild.yml": "name: shop\n",
    "models/orders.sql": 'select 1 as id, 2 as amount, 3 as "Status"',
}


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in {**FILES, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return folder


def called(*words: str) -> None:
    """Call a command, which must end well."""
    code = cli.main(list(words), standalone_mode=False)
    assert not code


def exported(folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """The suites of a project."""
    capsys.readouterr()
    called("gx", "export", "--project-dir", str(folder))
    return json.loads(capsys.readouterr().out)


def test_properties_to_a_suite_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = written(tmp_path / "first", {"models/orders.yml": PROPERTIES})
    suite = exported(first, capsys)
    assert suite["name"] == "orders"
    assert suite["meta"]["eltbuild"] == {"model": "orders"}
    by_type = {item["type"]: item for item in suite["expectations"]}
    assert len(by_type) == 5
    assert by_type["expect_column_values_to_be_unique"]["severity"] == "info"
    between = by_type["expect_column_values_to_be_between"]
    assert between["kwargs"] == {"column": "amount", "min_value": {"$PARAMETER": "least"}, "mostly": 0.99}
    assert suite["suite_parameters"] == {"least": 0}
    assert between["meta"]["owner"] == "sales"
    assert between["meta"]["eltbuild"]["where"] == "id > 1"
    assert between["meta"]["eltbuild"]["name"] == "not_negative"
    in_set = by_type["expect_column_values_to_be_in_set"]
    assert in_set["kwargs"]["column"] == "Status"
    assert in_set["kwargs"]["value_set"] == [1, 2.5, "2024-01-01", None, True]

    called("gx", "export", "--project-dir", str(first), "--output-dir", str(tmp_path / "second" / "expectations"))
    second = written(tmp_path / "second", {})
    assert in_order(exported(second, capsys)) == in_order(suite)

    third = written(tmp_path / "third", {})
    target = str(third / "models" / "from_suite.yml")
    called("gx", "import", str(second / "expectations" / "orders.json"), "--write", target)
    assert in_order(exported(third, capsys)) == in_order(suite)


def in_order(suite: Any) -> Any:
    """The suite with its expectations in an order of their own: properties have those of a column together."""
    return {**suite, "expectations": sorted(suite["expectations"], key=lambda item: json.dumps(item, sort_keys=True))}


def test_the_library_reads_the_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = written(tmp_path, {"models/orders.yml": PROPERTIES + TOO_MANY})
    code = cli.main(["build", "--project-dir", str(project), "--gx-results", "found"], standalone_mode=False)
    assert code == 1
    found = json.loads((project / "found" / "orders.json").read_text())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResultSchema

        read = ExpectationSuiteValidationResultSchema().load(found)
    assert (read.success, len(read.results)) == (False, 6)
    failed = {result.expectation_config.type: result for result in read.results if not result.success}
    # The values of the set are of several types: the warehouse refuses them, which is an error and no verdict.
    assert sorted(failed) == ["expect_column_values_to_be_between", "expect_column_values_to_be_in_set"]
    between, in_set = (failed[name] for name in sorted(failed))
    assert between.result["partial_unexpected_list"] == [2]
    assert between.exception_info["raised_exception"] is False
    assert in_set.exception_info["raised_exception"] is True
    assert "2024-01-01" in in_set.exception_info["exception_message"]
    assert read.statistics["unsuccessful_expectations"] == 2


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from eltbuild.errors import UsageError

    suite = tmp_path / "suite.json"
    suite.write_text(
        '{"name": "s", "expectations": [{"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}}]}'
    )
    target = tmp_path / "there.yml"
    target.write_text("models: []\n")
    with pytest.raises(UsageError, match="is there already"):
        cli.main(["gx", "import", str(suite), "--model", "m", "--write", str(target)], standalone_mode=False)
    assert target.read_text() == "models: []\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"name": "s"}', "no suite of expectations"),
        ("[1", "while parsing"),
        ("3", "no suite of expectations"),
        (
            '{"expectations": [{"type": "expect_table_row_count_to_equal", "kwargs": {"value": {"$PARAMETER": "urn:a:b"}}}]}',
            "cannot be read",
        ),
        ('{"expectations": [{"kwargs": {"column": "a"}, "id": 1}]}', "several keys"),
        ('{"expectations": [{"type": "expect_table_row_count_to_equal", "kwargs": {"value": "x"}}]}', "a whole number"),
        ('{"expectations": [3]}', "must be a mapping|is a mapping"),
        ('{"expectations": 3}', "must be a list"),
    ],
)
def test_what_is_wrong_in_a_suite_is_told(tmp_path: Path, text: str, told: str) -> None:
    from eltbuild.errors import ProjectError

    suite = tmp_path / "suite.json"
    suite.write_text(text)
    with pytest.raises(ProjectError, match=told):
        cli.main(["gx", "import", str(suite), "--model", "m"], standalone_mode=False)


def test_an_expectation_that_may_be_a_class_of_the_project_is_imported_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = tmp_path / "suite.json"
    suite.write_text('{"expectations": [{"type": "expect_nothing", "kwargs": {"column": "a", "most": 1}}]}')
    called("gx", "import", str(suite), "--model", "m")
    told = capsys.readouterr()
    assert "has no expectation `expect_nothing`" in told.err
    assert yaml.safe_load(told.out) == {
        "models": [{"name": "m", "columns": [{"name": "a", "data_tests": [{"expect_nothing": {"most": 1}}]}]}]
    }


def test_pages_are_written_only_where_they_are_asked_for(tmp_path: Path) -> None:
    project = written(tmp_path, {"models/orders.yml": PROPERTIES + TOO_MANY})
    pages = project / "target" / "gx_data_docs"
    cli.main(["build", "--project-dir", str(project)], standalone_mode=False)
    assert not pages.exists()
    for _ in range(2):
        cli.main(["test", "--project-dir", str(project), "--gx-data-docs"], standalone_mode=False)
        (of_orders,) = pages.glob("validations/orders/*/*/orders.html")
        text = of_orders.read_text()
        assert "expect_column_values_to_be_between" in text or "must be less than or equal to" in text
        assert (of_orders.stat().st_mode & 0o077, pages.stat().st_mode & 0o077) == (0, 0)
