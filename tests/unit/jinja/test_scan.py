"""What a template mentions, read without rendering it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.literal import pieces
from eltbuild.jinja.scan import scan


def test_plain_calls_are_read_with_their_places():
    found = scan("{{ config(materialized='table', tags=['a']) }}\nselect *\n  from {{ ref('orders', v=2) }}")
    assert found.complete
    assert found.config == {"materialized": "table", "tags": ["a"]}
    (ref,) = found.refs
    assert (ref.name, ref.version, ref.line, ref.column) == ("orders", "2", 3, 11)


def test_a_source_and_a_package_ref():
    found = scan("select * from {{ source('raw', 'orders') }} join {{ ref('shop', 'customers') }} using (id)")
    assert [(s.source, s.table) for s in found.sources] == [("raw", "orders")]
    assert [(r.package, r.name) for r in found.refs] == [("shop", "customers")]


@pytest.mark.parametrize(
    "text",
    [
        "{% if target.name == 'prod' %}{{ ref('a') }}{% endif %}",
        "{{ ref(var('x')) }}",
        "{{ config(materialized=var('m')) }}",
        "{% for n in ['a', 'b'] %}{{ ref(n) }}{% endfor %}",
        "{{ builtins.ref('a') }}",
        "{{ context['ref']('a') }}",
        "{% set f = ref %}{{ f('a') }}",
        "{% macro m() %}{{ ref('a') }}{% endmacro %}",
    ],
)
def test_what_only_rendering_can_tell_is_called_incomplete(text):
    assert not scan(text).complete


def test_a_condition_around_no_ref_leaves_the_mentions_complete():
    found = scan("select * from {{ ref('a') }} {% if is_incremental() %} where x > 1 {% endif %}")
    assert found.complete
    assert "is_incremental" in found.calls


def test_called_names_are_listed_once_with_their_line():
    found = scan("{{ one() }}\n{{ pack.two(one()) }}\n{{ adapter.dispatch('three', 'pack')() }}")
    assert dict(zip(found.calls, found.call_lines, strict=True)) == {
        "one": 1,
        "pack.two": 2,
        "adapter.dispatch:three": 3,
        "adapter.dispatch": 3,
    }


def test_local_names_are_no_calls():
    assert scan("{% set x = 1 %}{% for y in [1] %}{{ x + y }}{{ loop.index }}{% endfor %}").calls == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [("select {% if %}", 1), ("a\n{{ ref( }}", 2), ("{% foo %}", 1), ("{{ 'a }}", 1)],
)
def test_a_broken_template_is_named_with_its_line(text, line):
    with pytest.raises(TemplateError) as raised:
        scan(text)
    assert raised.value.line == line


def test_whitespace_control_is_left_to_jinja():
    assert pieces("a {{- ref('x') -}} b") is None


@given(st.text(alphabet="{}%#'\"refconfig(),=[]x1 \n-", max_size=60))
def test_any_text_is_read_or_refused_in_words(text):
    try:
        scan(text)
    except TemplateError as error:
        assert error.message


@pytest.mark.parametrize(
    "nested", ["a" + ".b" * 20_000, "a" + "|upper" * 20_000, "1" + "+1" * 50_000, "(" * 9000 + ")"]
)
def test_what_is_nested_without_end_is_told_as_that(nested):
    with pytest.raises(TemplateError, match="nested too deeply"):
        scan("{{ " + nested + " }}")
