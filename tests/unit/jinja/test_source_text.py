"""Expressions of templates as text again."""

from __future__ import annotations

import jinja2
import pytest

from eltbuild.jinja.scan import scan
from eltbuild.jinja.source_text import is_plain, source_text

SAME = (
    "x", "x.y", "x['y']", "x.y.upper()", "env_var('X', 'd')", "env_var('X', default=\"it's\")", "f(*a, **b)",
    "[1, 'x', x]", "{'a': [1, None], 'b': x.y}", "(1,)", "(1, x)", "'a' ~ b ~ 'c'", "not x", "-x", "a == 'b'",
    "a <= b < c", "a not in [1]", "a and b or c", "1.5", "True", "''",
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
    assert {**noted, "c": None} == {"a": "1", "b": "env_var('B')", "c": None, "d": "['e', y]"}
    assert "name='upper'" in noted["c"]


ALIKE = ("{% set x = 1 %}", "")


@pytest.mark.parametrize("before", ALIKE)
def test_what_is_no_string_is_noted_as_its_text_and_not_worked_out(before):
    text = before + "{{ config(a='s', b=['x', 1], c=false, d=none, e={'k': [true]}, f=2.50, g=(1, 2)) }}"
    assert scan(text).unrendered_config == {
        "a": "s", "b": "['x', 1]", "c": "False", "d": "None", "e": "{'k': [True]}", "f": "2.5", "g": "(1, 2)",
    }  # fmt: skip


def test_operators_in_a_config_are_noted_as_they_are_written():
    assert scan("{{ config(a='x' ~ 'y', b=not true) }}").unrendered_config == {"a": "'x' ~ 'y'", "b": "not True"}


PLAIN = (
    "{{ config(a=True, b=['x', ['y']], c={'k': [False]}) }} select 1 {# {{ x }} #} from {{ ref('p', \"q\") }}",
    "{{ config({'a': True}) }}select 1", "{{ config() }}{{ source('a', 'b') }}",
)  # fmt: skip
RENDERED = (
    "{{ config(a=true) }}", "{{ config(a=1) }}", "{{ config(a=none) }}", "{{ config(a=x) }}", "{{ config(a='x' | upper) }}",
    "{{ config(a=True) }}{{ this }}", "{{ config(a=True) }}{% if x %}{% endif %}", "{{- config(a=True) }}",
    "{{ config(a=True) }}{{ var('x') }}", "{{ config(a=f()) }}",
)  # fmt: skip


def test_a_plain_template_holds_literal_calls_alone():
    assert [text for text in PLAIN if not is_plain(text)] == []
    assert [text for text in RENDERED if is_plain(text)] == []


def written(text: str) -> str:
    tree = jinja2.Environment().parse("{{ " + text + " }}")
    (output,) = tree.body
    return source_text(output.nodes[0])
