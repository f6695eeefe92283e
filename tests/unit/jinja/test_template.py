"""Rendering: the plain path gives what Jinja gives, errors carry lines, and nothing runs for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eltbuild.jinja.clock import Clock, running
from eltbuild.jinja.environment import text_environment
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.limits import Limits
from eltbuild.jinja.native import render_value
from eltbuild.jinja.template import call, compile_template, load, render, scope_of

NAMES = {
    "ref": lambda *names, **_: "<" + ".".join(names) + ">",
    "source": lambda *names: "[" + ".".join(names) + "]",
    "config": lambda *a, **k: "",
    "var": lambda name, default=None: default,
    "this": "THIS",
}

parts = st.sampled_from(
    ["select 1\n", "{{ ref('a') }}", "{{ ref( 'p', 'b' ) }}", "{{ source('x', 'y') }}", "{{ this }}", "{# note #}",
     "{{\n  config(materialized='table',\n    tags=['a', \"b\"])\n}}", "{{ var('v', none) }}", "{{ var('v', [1, -2.5]) }}",
     "}}", "%}", "'", "\n", "{ }"]
)  # fmt: skip


@given(st.lists(parts, max_size=8))
def test_plain_templates_render_as_jinja_renders_them(pieces):
    text = "".join(pieces)
    code = compile_template(text, text_environment(), "t")
    assert render(load(text), NAMES) == code.render(**NAMES)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a\nb {{ 1 / 0 }}", 2, "division by zero"),
        ("{% macro m() %}\n{{ nope.x }}\n{% endmacro %}{{ m() }}", 2, "'nope' is undefined"),
        ("\n\n{{ missing() }}", 3, "'missing' is undefined"),
        ("{{ [1, 2].nope() }}", 1, "nope"),
    ],
)
def test_an_error_names_the_line(text, line, words):
    with pytest.raises(TemplateError) as raised:
        render(load(text), NAMES)
    assert raised.value.line == line
    assert words in raised.value.message


def test_an_endless_loop_is_stopped():
    text = "{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}"
    with pytest.raises(TemplateError, match="more than 50,000 steps"), running(Clock(Limits(steps=50_000))):
        render(load(text), {})


def test_a_loop_that_takes_too_long_is_stopped():
    text = "{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}"
    with pytest.raises(TemplateError, match="longer than"), running(Clock(Limits(seconds=0.05))):
        render(load(text), {})


@pytest.mark.parametrize(
    "text",
    [
        "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{{ 'x' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ 9 ** 999999999 }}",
        "{{ range(1000000) }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ lipsum.__globals__ }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ '{0.__class__}'.format(1) }}",
    ],
)
def test_what_would_escape_or_fill_the_memory_is_refused_or_empty(text):
    try:
        assert render(load(text), {}) in ("", "<class 'int'>"[:0])
    except TemplateError as error:
        assert error.message


def test_values_of_yaml_keep_their_type():
    names = {"var": lambda name: {"list": [1, 2], "text": "5", "flag": True}[name]}
    given_ = {"a": "{{ var('list') }}", "b": "{{ var('text') }}", "c": "{{ var('text') | as_number }}",
              "d": "x {{ var('flag') }}", "e": 7, "f": ["{{ var('flag') }}"]}  # fmt: skip
    assert render_value(given_, names) == {"a": [1, 2], "b": "5", "c": 5, "d": "x True", "e": 7, "f": [True]}
    assert render_value({"a": 1}, names) == {"a": 1}


def test_a_call_is_what_its_template_gives():
    scope = scope_of({"shop": {"price": lambda **given: f"{given['a']}!"}, "nothing": lambda: None})
    assert call("shop.price", {"a": 1}, scope) == render(load("{{ shop.price(a=1) }}"), scope) == "1!"
    assert call("nothing", {}, scope) == render(load("{{ nothing() }}"), scope) == "None"
    assert call("absent", {}, scope) is None
    assert call("shop.absent", {}, scope) is None


def test_a_call_has_the_bounds_and_the_errors_of_a_template():
    scope = scope_of({"much": lambda size: "x" * size, "wrong": lambda: 1 // 0})
    with pytest.raises(TemplateError, match="division"):
        call("wrong", {}, scope)
    with running(Clock(Limits(size=1000))), pytest.raises(TemplateError):
        call("much", {"size": 1001}, scope)


def test_branches_without_end_are_told_as_nested():
    with pytest.raises(TemplateError, match="nested too deeply"):
        compile_template("{% if a %}" + "{% elif b %}" * 9000 + "{% endif %}", text_environment(), "a.sql")
