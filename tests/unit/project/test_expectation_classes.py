"""Which Python classes of a project are expectations, by their texts; the names are those of the library."""

from __future__ import annotations

import textwrap
import warnings
from pathlib import Path

import pytest

from eltbuild.cli import cli
from eltbuild.project.expectation_classes import expectation_name

FILES = {
    "eltbuild.yml": "name: shop\nexpectation-paths: [checks]\n",
    "models/orders.sql": "select 1 as id",
    "checks/base.py": """
        from great_expectations.expectations.expectation import ColumnMapExpectation as Each
        class OwnBase(Each):
            pass
        class _Hidden(Each):
            pass
        class NothingOfThat(dict):
            pass
        """,
    "checks/deep/more.py": """
        import somewhere
        from ..base import OwnBase
        class HTTPCodesAreKnown(OwnBase, somewhere.Other):
            pass
        class Other(somewhere.that.QueryExpectation):
            class ExpectInner(OwnBase):
                pass
        """,
}


@pytest.mark.parametrize(
    ("name", "known"),
    [("own_base", True), ("http_codes_are_known", True), ("other", True), ("hidden", False), ("_hidden", False),
     ("nothing_of_that", False), ("expect_inner", False)],
)  # fmt: skip
def test_classes_are_found_by_what_they_stand_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, known: bool
) -> None:
    suite = f'{{"model": "orders", "expectations": [{{"type": "{name}", "kwargs": {{}}}}]}}'
    for path, text in {**FILES, "checks/suite.json": suite}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(textwrap.dedent(text))
    told = ""
    try:
        cli.main(["ls", "--project-dir", str(tmp_path), "--resource-type", "test"], standalone_mode=False)
    except Exception as error:
        told = str(error)
    assert (f"there is no expectation `{name}`" not in told) is known, told
    assert (name in capsys.readouterr().out) is known


def test_names_are_those_of_the_library() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from great_expectations.util import camel_to_snake
    for name in ("ExpectEvenIds", "HTTPCodesAreKnown", "ExpectA2B", "ExpectColumnValuesToBeIPv4", "X", "expectLower"):
        assert expectation_name(name) == camel_to_snake(name)


PACKAGE = {
    "eltbuild.yml": "name: shop\n",
    "models/orders.sql": "select 1 as id",
    "models/orders.yml": """
        models:
          - name: orders
            data_tests: [shared.expect_own, {expect_own: {name: of_the_project}}, shared.expect_of_package]
        """,
    "expectations/own.py": "class ExpectOwn(BatchExpectation): pass",
    "dbt_packages/shared/dbt_project.yml": "name: shared\n",
    "dbt_packages/shared/expectations/own.py": """
        class ExpectOwn(BatchExpectation): pass
        class ExpectOfPackage(BatchExpectation): pass
        """,
}


def test_classes_of_packages_are_named_with_the_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path, text in PACKAGE.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(textwrap.dedent(text))
    cli.main(["ls", "--project-dir", str(tmp_path), "--select", "test_type:expectation"], standalone_mode=False)
    found = capsys.readouterr().out.split()
    assert found == ["shop.of_the_project", "shop.shared_expect_of_package_orders_", "shop.shared_expect_own_orders_"]
