"""Blocks cut out of files of macros, tests and docs."""

from __future__ import annotations

import pytest

from eltbuild.jinja.blocks import blocks
from eltbuild.jinja.errors import TemplateError

FILE = """
{# {% macro no() %} #}
{% macro one(a, b: Dict[str, int] = {'x': 1}, c=[1, 2]) -%}
  {% if a %} "%}" {% endif %} {% raw %}{% endmacro %}{% endraw %}
{%- endmacro %}
text between {{ "{% macro no2() %}" }}
{% test positive(model, column_name) %} select 1 {% endtest %}
{% materialization swap, adapter='duckdb', supported_languages=['sql', 'python'] %} x {% endmaterialization %}
{% snapshot history %} select 1 {% endsnapshot %}
"""


def test_every_block_with_its_line_and_arguments():
    found = blocks(FILE)
    assert [(b.kind, b.name, b.line) for b in found] == [
        ("macro", "one", 3),
        ("test", "positive", 7),
        ("materialization", "swap", 8),
        ("snapshot", "history", 9),
    ]
    assert found[0].arguments == (("a", ""), ("b", "Dict[str, int]"), ("c", ""))
    assert found[0].text.startswith("{% macro one")
    assert found[0].text.endswith("{%- endmacro %}")
    assert (found[2].adapter, found[2].languages) == ("duckdb", ("sql", "python"))
    assert found[3].body == " select 1 "


def test_docs_are_plain_text():
    (doc,) = blocks("{% docs orders %}It's {{ not }} {% a tag{% enddocs %}", frozenset({"docs"}))
    assert doc.body == "It's {{ not }} {% a tag"


@pytest.mark.parametrize(
    "text", ["\n{% macro a() %} x", "\n{% macro a()", "\n{% docs x %} y", "\n{% macro %}{% endmacro %}"]
)
def test_a_block_that_is_not_closed_or_named_is_refused_at_its_line(text):
    with pytest.raises(TemplateError) as raised:
        blocks(text)
    assert raised.value.line == 2
