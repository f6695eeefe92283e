"""Macros read by their tokens: the same names as Jinja's parser finds, or no answer."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.macro_scan import scan_macro, scan_plainly
from eltbuild.jinja.mentions import Mentions
from eltbuild.jinja.scan import scan

MACROS = (
    """{% macro cents(column, digits=2) %}round({{ column }} / 100, {{ digits }}){% endmacro %}""",
    """{%- macro star(from, except=[], prefix='') -%}
    {{ return(adapter.dispatch('star', 'tools')(from, except, prefix)) }}
{%- endmacro -%}""",
    """{% macro default__star(from, except) %}
    {%- set names = [] -%}
    {%- for column in adapter.get_columns_in_relation(from) if column.name not in except -%}
      {%- do names.append(adapter.quote(column.name) ~ ("" if loop.last else ',')) -%}
    {%- endfor -%}
    {# no {{ names }} here #}
    {{ names | join(", ") | upper if names else '*' }}
{% endmacro %}""",
    """{% macro calls(x) %}
  {% call statement('rows', fetch_result=True) %} select {{ x['a'][0:2].b }} {% endcall %}
  {% call(row, n) each(load_result('rows').table, **none_such) %}{{ row }}{% endcall %}
  {% set found %} {{ other.tool(x, y=x.z(1)) }} {% endset %}
  {% set a, b = 1, {'k': var('start'), "l": [env_var("HOME", 'x'), -1.5]} %}
  {% set space.total = space.total + a ** 2 // 3 %}
  {% if not x is none and x is not defined or x is divisibleby(2) and a == b %}{% elif x in b %}{% else %}{% endif %}
  {{ a }}{{ {'a': {'b': 1}}}}
{% endmacro %}""",
    """{% test positive(model, column_name) %}
  {{ config(severity='warn') }} select * from {{ model }} where {{ column_name }} < 0 and {{ ref('a') }}
{% endtest %}""",
    """{% materialization pile, adapter='duckdb', supported_languages=['sql'] %}
  {%- set target_relation = this.incorporate(type='table') -%}
  {{ run_hooks(pre_hooks) }}{% do return({'relations': [target_relation]}) %}
{% endmaterialization %}""",
    """{% macro reads() %}{{ config.get('a') }}{{ builtins.ref('x') }}{{ graph.nodes.values() }}{% endmacro %}""",
)
NOT_PLAIN = (
    "{% macro typed(a: str) %}{% endmacro %}",
    "{% macro raw() %}{% raw %}{{ a }}{% endraw %}{% endmacro %}",
    "{% macro joined() %}{{ 'a' 'b' }}{% endmacro %}",
    "{% macro named() %}{{ adapter.dispatch(macro_name='x')() }}{% endmacro %}",
    "select {{ a }}",
)
BROKEN = (
    "{% macro a() %}{{ b( }}{% endmacro %}",
    "{% macro a() %}{% if b %}{% endmacro %}",
    "{% macro a() %}{{ b c }}{% endmacro %}",
    "{% macro a() %}{{ b(c=1, d) }}{% endmacro %}",
    "{% macro a(b=1, c) %}{% endmacro %}",
    "{% macro a() %}{{ b ~ }}{% endmacro %}",
    "{% macro a() %}{% nonsense %}{% endmacro %}",
    "{% macro a() %}{{ 'open }}{% endmacro %}",
)
WORDS = re.compile(r"\w+|\s+|[^\w\s]")
INSERTED = st.sampled_from([
    "(", ")", "[", "]", "{", "}", "{{", "}}", "{%", "%}", "{#", "#}", ",", ".", "|", ":", "=", "==", "-", "*", "**", "~",
    "not", "in", "is", "and", "if", "else", "endif", "for", "set", "call", "none", "x", " ", "1", "07", "'", '"y"',
])  # fmt: skip


def same(one: Mentions, other: Mentions) -> bool:
    """The order in which names are found differs; which they are, and where, does not."""
    names = [set(zip(found.calls, found.call_lines, strict=True)) for found in (one, other)]
    rest = [(found.complete, sorted(found.vars), sorted(found.env)) for found in (one, other)]
    return {name for name, _ in names[0]} == {name for name, _ in names[1]} and rest[0] == rest[1]


@pytest.mark.parametrize("text", MACROS)
def test_plain_macros(text: str) -> None:
    plain = scan_plainly(text)
    if "**none_such" in text:
        # What is handed over as a mapping is left to Jinja's parser.
        assert plain is None
        text = text.replace(", **none_such", "")
        plain = scan_plainly(text)
    assert plain is not None
    assert same(plain, scan(text))


def test_names_have_the_line_where_they_stand() -> None:
    found = scan_plainly("{% macro a() %}\n{{ b() }}\n\n{{ c }} {{ b }}\n{% endmacro %}")
    assert found is not None
    assert dict(zip(found.calls, found.call_lines, strict=True)) == {"b": 2, "c": 4}


@pytest.mark.parametrize("text", NOT_PLAIN)
def test_the_rest_is_left_to_the_parser(text: str) -> None:
    assert scan_plainly(text) is None
    assert scan_macro(text) == scan(text)


@pytest.mark.parametrize("text", BROKEN)
def test_broken_macros_are_told(text: str) -> None:
    assert scan_plainly(text) is None
    with pytest.raises(TemplateError):
        scan_macro(text)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(MACROS), st.data())
def test_changed_macros_give_the_same_or_no_answer(text: str, data: st.DataObject) -> None:
    words = WORDS.findall(text)
    place = data.draw(st.integers(0, len(words) - 1))
    added = data.draw(st.one_of(st.none(), INSERTED))
    words[place : place + data.draw(st.integers(0, 1))] = [added] if added is not None else []
    changed = "".join(words)
    plain = scan_plainly(changed)
    if plain is not None:
        assert same(plain, scan(changed)), changed
