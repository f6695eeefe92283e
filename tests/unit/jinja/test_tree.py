"""Settled trees: the quick ways to nodes lead where Jinja's own do, and ticks have their weight."""

from __future__ import annotations

from typing import Any

import pytest
from jinja2 import nodes

from eltbuild.jinja.environment import macro_environment, text_environment
from eltbuild.jinja.tree import NODES, Ticks

TEXTS = (
    "select 1",
    "{{ a.b('c', d=[1, 2], *e, **f)[0:1] | upper ~ -g }}",
    "{% for a, b in c if a recursive %}{{ loop.index }}{% else %}{% set x = {'y': 1} %}{% endfor %}",
    "{% if a is defined and b not in c %}{% elif d %}{% else %}{{ e if f }}{% endif %}",
    "{% macro m(a, b=1) %}{% for x in a %}{% for y in x %}{{ y }}{% endfor %}{% endfor %}{% endmacro %}",
    "{% call(x) m(1) %}{{ x }}{% endcall %}{% filter upper %}a{% endfilter %}{% set t %}b{% endset %}",
    "{% do a.append(1) %}{% block b %}{{ super() }}{% endblock %}{% with a = 1 %}{{ a }}{% endwith %}",
)


def every(tree: nodes.Node) -> list[nodes.Node]:
    """All nodes below one, looked for as Jinja does."""
    found: list[nodes.Node] = []
    for child in nodes.Node.iter_child_nodes(tree):
        found += [child, *every(child)]
    return found


@pytest.mark.parametrize("text", TEXTS)
def test_the_quick_ways_lead_where_jinjas_do(text: str) -> None:
    tree = text_environment().parse(text)
    below = every(tree)
    assert list(tree.find_all(nodes.Node)) == below
    assert tree.find(nodes.Call) is next((node for node in below if isinstance(node, nodes.Call)), None)
    ways: tuple[dict[str, Any], ...] = ({}, {"only": ("body",)}, {"exclude": ("body", "test")})
    for node in (tree, *below):
        assert node.environment is text_environment()
        for way in ways:
            assert list(node.iter_child_nodes(**way)) == list(nodes.Node.iter_child_nodes(node, **way))


def test_a_tick_weighs_what_its_body_does_and_stands_on_its_first_line() -> None:
    long = "".join(f"{{{{ a{number} }}}}\n" for number in range(100))
    tree = macro_environment().parse("{% macro m(a) %}\n\n{% for x in a %}\n" + long + "{% endfor %}{% endmacro %}")
    ticks = [node for node in tree.find_all(nodes.Const) if isinstance(node.value, Ticks)]
    assert [int(tick.value) for tick in ticks] == [1 + 206 // NODES, 1 + 200 // NODES]
    assert [tick.lineno for tick in ticks] == [3, 4]
