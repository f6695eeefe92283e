"""Whether a template says of itself that it is disabled: `config(enabled=var('use_orders'))` in its text.

Known before anything is rendered, this keeps disabled nodes, and the tests that hang on them, out of the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eltbuild.errors import EltbuildError
from eltbuild.jinja.errors import TemplateError

_WORDS = {"true": True, "false": False}


def written_enabled(text: str, names: Mapping[str, Any]) -> bool | None:
    """What the last unconditional `config()` of a template gives for `enabled`.

    None where it gives nothing, or something that needs more than `names`.
    """
    import jinja2
    from jinja2 import nodes

    from eltbuild.jinja.environment import native_environment
    from eltbuild.jinja.template import Template, render

    environment = native_environment()
    try:
        expressions = list(_expressions(environment.parse(text), nodes))
        if not expressions or not _is_known(expressions[-1], {*names, *environment.globals}, nodes):
            return None
        tree = nodes.Template([nodes.Output([expressions[-1]], lineno=1)], lineno=1)
        tree.set_environment(environment)
        value = render(Template(text, "<enabled>", environment, None, environment.from_string(tree)), names)
    except (TemplateError, EltbuildError, jinja2.TemplateError, TypeError, ValueError, RecursionError):
        return None
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def _is_known(expression: Any, known: set[str], nodes: Any) -> bool:
    """Whether every name of the expression has its meaning already."""
    named = [expression] if isinstance(expression, nodes.Name) else expression.find_all(nodes.Name)
    return all(name.name in known for name in named)


def _expressions(tree: Any, nodes: Any) -> Iterator[Any]:
    """The expressions given for `enabled`, in the calls of `config` that no condition guards."""
    for node in tree.body:
        parts = (
            node.nodes if isinstance(node, nodes.Output) else [node.node] if isinstance(node, nodes.ExprStmt) else []
        )
        for part in parts:
            if not (isinstance(part, nodes.Call) and isinstance(part.node, nodes.Name) and part.node.name == "config"):
                continue
            yield from (keyword.value for keyword in part.kwargs if keyword.key == "enabled")
            for argument in part.args:
                if isinstance(argument, nodes.Dict):
                    yield from (
                        pair.value
                        for pair in argument.items
                        if isinstance(pair.key, nodes.Const) and pair.key.value == "enabled"
                    )
