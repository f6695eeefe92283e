"""Parameters of suites: read, written as vars, and computed as Great Expectations computes them."""

from __future__ import annotations

import warnings
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eltbuild.errors import CompileError, Problem
from eltbuild.jinja.native import render_native
from eltbuild.project.suite_parameters import KEY, VALUES, as_jinja, holds_parameter, valued, with_parameters

NAMES: dict[str, Any] = {"rows": 40, "share": 0.25, "day": "2024-02-29", "text": "12", "least": -3}
EXPRESSIONS = (
    "rows * 0.9", "rows / 3 - 1", "2^3^2", "-rows + 2", "(- 2) ^ 2", "(rows + 2) * share", "round(rows * 0.33)",
    "abs(least)", "trunc(rows / 7)", "sgn(least) + sgn(rows)", "text + 1", "rows - -1", "exp(0) * pi", "e * 2",
    "day + timedelta(days=1, hours=2)", "datetime(2024, 1, rows - 39)", "2 * rows ^ 2",
    "cos(0) + sin(0) + tan(0)", "1.5e2 + .5",
)  # fmt: skip


def computed(text: str, names: dict[str, Any]) -> Any:
    """What an expression is where its names have these values."""
    problems: list[Problem] = []
    written = with_parameters({KEY: text}, names, {}, None, problems)
    assert problems == []
    return valued(written, None)


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expressions_are_computed_as_by_the_library(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from great_expectations.core.suite_parameters import parse_suite_parameter
    expected = parse_suite_parameter(text, suite_parameters=NAMES)
    found = computed(text, NAMES)
    assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)


def test_the_time_of_the_run() -> None:
    found = datetime.fromisoformat(computed("now() - timedelta(days=1)", {}))
    assert timedelta(hours=23) < datetime.now() - found < timedelta(hours=25)


def test_a_name_becomes_the_var_and_an_expression_keeps_its_names() -> None:
    problems: list[Problem] = []
    found = with_parameters(
        {"max_value": {KEY: "most"}, "value_set": [{KEY: "first"}], "other": {KEY: "most * 2"}, "column": "a"},
        {}, {"most": 5, "first": "it's"}, None, problems,
    )  # fmt: skip
    assert problems == []
    assert found == {
        "max_value": "{{ var('most', 5) }}",
        "value_set": ["{{ var('first', 'it\\'s') }}"],
        "other": {KEY: "most * 2", VALUES: {"most": "{{ var('most', 5) }}"}},
        "column": "a",
    }
    assert holds_parameter(found)
    assert not holds_parameter(found["value_set"])


def test_a_usual_value_may_be_an_expression_of_jinja() -> None:
    found = with_parameters({KEY: "most"}, {}, {"most": "{{ 2 * var('half') }}"}, None, [])
    assert render_native(found, {"var": lambda name, usual=4: usual}) == 8


def test_what_is_given_counts_before_what_is_usual() -> None:
    assert with_parameters({KEY: "most"}, {"most": [1, 2]}, {"most": 5}, None, []) == [1, 2]
    assert with_parameters({KEY: "most", f"{KEY}.most": 7}, {}, {}, None, []) == 7
    written = {KEY: "most + 1", VALUES: {"most": "{{ var('most', 3) }}"}}
    assert with_parameters(written, {}, {}, None, []) == written


@pytest.mark.parametrize(
    "text", ["urn:great_expectations:x", "", "a b", "open('x')", "a.b", "[1]", "lambda: 1", "x ** 2", "a if b else c",
             "__import__('os')", "'text'", "(" * 500, "-x ^ 2"]
)  # fmt: skip
def test_what_cannot_be_read_is_told(text: str) -> None:
    problems: list[Problem] = []
    with_parameters({KEY: text}, {}, {}, None, problems)
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("text", "names"),
    [("a + 1", {"a": "many"}), ("a + 1", {"a": None}), ("1 / a", {"a": 0}), ("9^9^9^9^9", {}), ("a ^ a", {"a": 1e9}),
     ("round(a, b=1)", {"a": 1}), ("now() + 1", {}), ("abs(a)", {"a": "2024-01-01"})],
)  # fmt: skip
def test_what_has_no_value_is_an_error(text: str, names: dict[str, Any]) -> None:
    with pytest.raises(CompileError, match="has no value"):
        valued({KEY: text, VALUES: names}, None)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(PLAIN)
def test_values_are_what_jinja_reads(value: Any) -> None:
    assert render_native(f"{{{{ first([{as_jinja(value)}]) }}}}", {"first": list}) == [value]
