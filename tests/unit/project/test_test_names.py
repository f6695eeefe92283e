from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eltbuild.project.test_names import (
    attached_reference,
    attached_source,
)
from eltbuild.project.test_names import (
    test_code as code_of,
)
from eltbuild.project.test_names import (
    test_id as id_of,
)
from eltbuild.project.test_names import (
    test_names as names_of,
)

ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "fixtures/project/test_names.json").read_text("utf-8")
)
"""Generic tests as dbt 1.12.6 wrote them into its manifest."""


def _kind(row: dict[str, Any]) -> str:
    parts = [row["namespace"], "source" if row["source"] else None, row["test"]]
    return "_".join(part for part in parts if part)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_identifier_is_the_one_of_dbt(row: dict[str, Any]) -> None:
    package = row["id"].split(".")[1]
    assert id_of(package, row["name"], row["namespace"], row["test"], row["arguments"]) == row["id"]


@pytest.mark.parametrize("row", [row for row in ROWS if not row.get("titled")], ids=lambda row: row["id"])
def test_name_is_the_one_of_dbt(row: dict[str, Any]) -> None:
    names = names_of(_kind(row), row["target"], row["arguments"])
    assert names.full == row["name"]
    if row["alias"] != "al":
        assert names.short == row["alias"]


def test_a_name_of_63_characters_stays_and_one_more_is_cut() -> None:
    fits = names_of("not_null", "orders", {"column_name": "c" * (63 - len("not_null_orders_"))})
    assert len(fits.full) == 63
    assert fits.short == fits.full
    longer = names_of("not_null", "orders", {"column_name": "c" * (64 - len("not_null_orders_"))})
    assert len(longer.full) == 64
    assert longer.short.startswith("not_null_orders_")
    assert len(longer.short) == len("not_null_orders_") + 32


def test_the_head_of_a_cut_name_has_30_characters() -> None:
    names = names_of("relationships", "a_model_with_quite_a_long_name", {"to": "ref('x')", "field": "id" * 9})
    head, _, digest = names.short.rpartition("_")
    assert head == "relationships_a_model_with_quite_a_long_name"[:30]
    assert len(digest) == 32


def test_order_of_arguments_changes_neither_name_nor_identifier() -> None:
    one = {"a": [1, {"x": 1, "y": None}], "b": "q", "model": "m"}
    two = {"model": "m", "b": "q", "a": [1, {"y": None, "x": 1}]}
    assert id_of("p", "n", None, "t", one) == id_of("p", "n", None, "t", two)
    assert names_of("t", "m", {"a": 1, "b": 2}) == names_of("t", "m", {"b": 2, "a": 1})


def test_namespace_counts() -> None:
    assert id_of("p", "n", None, "t", {}) != id_of("p", "n", "dbt_utils", "t", {})


def test_code_calls_the_macro_of_the_namespace() -> None:
    assert code_of("not_null", None, {}) == "{{ test_not_null(**_dbt_generic_test_kwargs) }}"
    assert code_of("x", "dbt_utils", {}) == "{{ dbt_utils.test_x(**_dbt_generic_test_kwargs) }}"


def test_code_writes_config_in_the_order_of_dbt() -> None:
    config = {"meta": {"q": 1}, "mine": [1], "where": 'a = "b"', "tags": ["t"], "severity": "error", "limit": 3}
    assert code_of("x", None, config).endswith(
        '{{ config(severity="error",tags=[\'t\'],where="a = \\"b\\"",limit=3,meta={\'q\': 1},mine=[1]) }}'
    )


def test_what_tests_hang_on() -> None:
    assert attached_reference("orders") == "{{ get_where_subquery(ref('orders')) }}"
    assert attached_reference("orders", 2) == "{{ get_where_subquery(ref('orders', version='2')) }}"
    assert attached_source("raw", "orders") == "{{ get_where_subquery(source('raw', 'orders')) }}"
