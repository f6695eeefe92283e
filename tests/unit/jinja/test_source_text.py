"""Expressions of templates as text again."""

from __future__ import annotations

import jinja2
import pytest

from eltbuild.jinja.scan import scan
from eltbuild.jinja.source_text import source_text

SAME = (
    "x", "x.y", "x['y']", "x.y.upper()", "env_var('X', 'd')", "env_var('X', default=\"it's\")", "f(*a, **b)",
    "[1, 'x', x]", "{'a': [1, None], 'b': x.y}", "(1,)", "(1, x)", "'a' ~ b ~ 'c'", "not x", "-x", "a == 'b'",
    "a <= b < c", "a not in [1]", "1.5", "True", "''",
)  # fmt: skip


@pytest.mark.parametrize("text", SAME)
def test_expressions_are_written_as_they_were(text):
    assert written(text) == text


def test_what_has_no_text_of_its_own_is_told_as_a_tree():
    assert written("1 + x") == "Add(left=Const(value=1), right=Name(name='x', ctx='load'))"
    assert written("x if y else z") != written("x if y else w")


def test_config_is_noted_as_it_is_written_in_the_first_call():
    text = "{{ config(a=1, b=env_var('B'), c=x | upper, d=['e', y]) }}{{ config(a=env_var('A'), z=2) }}"
    noted = scan(text).unrendered_config
    assert {**noted, "c": None} == {"a": 1, "b": "env_var('B')", "c": None, "d": "['e', y]"}
    assert "name='upper'" in noted["c"]


def written(text: str) -> str:
    tree = jinja2.Environment().parse("{{ " + text + " }}")
    (output,) = tree.body
    return source_text(output.nodes[0])
