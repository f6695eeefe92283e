"""The text of a generic test, and the arguments that its macro is called with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from eltbuild.compile.dbt.builtins import BUILTINS
from eltbuild.compile.dbt.context import open_scope
from eltbuild.compile.node_text import render_node, rendered
from eltbuild.compile.places import compile_error
from eltbuild.compile.rendering import Rendering
from eltbuild.jinja.environment import Scope, native_environment
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.literal import expression
from eltbuild.jinja.native import has_jinja
from eltbuild.jinja.template import call, load, render
from eltbuild.project.resources import Node

_CALL = re.compile(r"^\s*\{\{\s*(.*?)\s*\}\}\s*$", re.S)
_WHERE = re.compile(r"^\s*get_where_subquery\((.*)\)\s*$", re.S)
_BARE = re.compile(r"^\s*(env_var|ref|var|source|doc)\s*\(.+\)\s*$", re.S)


def render_test(rendering: Rendering, node: Node) -> str:
    """The text of a generic test: what its macro gives for its arguments. Raises as `render_node` does.

    Its template calls the macro, which is done here without Jinja, and then sets its config.
    """
    arguments = test_arguments(rendering, node)
    rendering.extra_names["_dbt_generic_test_kwargs"] = arguments
    name = node.macro_names[0] if node.macro_names else ""
    template, called, rest = node.code.partition(f"{{{{ {name}(**_dbt_generic_test_kwargs) }}}}")
    if called and not template:
        text = rendered(rendering, lambda scope, path: call(name, arguments, scope, path))
        if text is not None:
            return text + render_node(rendering, rest)
    return render_node(rendering, node.code)


def _relation(rendering: Rendering, text: Any) -> Any:
    """The relation that a plain `ref(...)`, `source(...)` or `get_where_subquery(ref(...))` means; None for others."""
    if not isinstance(text, str):
        return None
    braces = _CALL.match(text)
    inner = braces[1] if braces else text
    where = _WHERE.match(inner)
    found = expression(where[1] if where else inner)
    if found is None or found[0] not in ("ref", "source"):
        return None
    from eltbuild.compile.names import RefName, SourceName

    name = RefName(rendering) if found[0] == "ref" else SourceName(rendering)
    relation = name(*found[2], **found[3])
    if where and rendering.node is not None and rendering.node.config.get("where"):
        return BUILTINS["get_where_subquery"](rendering, relation)
    return relation


def direct_test(rendering: Rendering, node: Node) -> str | None:
    """The text of a built-in test without Jinja; None where an argument needs Jinja."""
    assert node.test is not None
    kwargs = dict(node.test.kwargs)
    open_scope(rendering)
    try:
        model = _relation(rendering, kwargs.pop("model", None))
        if model is None:
            return None
        if "to" in kwargs:
            kwargs["to"] = _relation(rendering, kwargs["to"])
            if kwargs["to"] is None:
                return None
        if any(has_jinja(value) for value in kwargs.values() if isinstance(value, str)):
            return None
        column = kwargs.pop("column_name", None) or node.test.column_name
        if any("{{" in str(item) for value in kwargs.values() if isinstance(value, list) for item in value):
            return None
        if "where" in node.config and has_jinja(str(node.config["where"])):
            return None
        return str(BUILTINS[f"test_{node.test.name}"](rendering, model=model, column_name=column, **kwargs))
    except TemplateError as error:
        raise compile_error(error, node) from error
    except TypeError as error:
        raise compile_error(
            TemplateError(f"test `{node.test.name}`: {_words(error)}", hint="see the arguments of the test"),
            node,
        ) from error


def _words(error: TypeError) -> str:
    return re.sub(r"^\w+\(\) ", "", str(error))


def test_arguments(rendering: Rendering, node: Node) -> dict[str, Any]:
    """The arguments of a generic test, rendered natively; `column_name` stays as written. Raises `TemplateError`."""
    assert node.test is not None
    open_scope(rendering)
    scope = rendering.scope

    def value_of(value: Any) -> Any:
        if isinstance(value, str):
            if _BARE.match(value):
                value = "{{ " + value + " }}"
            return _argument(value, scope) if has_jinja(value) else value
        if isinstance(value, Mapping):
            return {key: value_of(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [value_of(item) for item in value]
        return value

    out = {key: value if key == "column_name" else value_of(value) for key, value in node.test.kwargs.items()}
    if node.test.column_name is not None:
        out.setdefault("column_name", node.test.column_name)
    return out


def _argument(text: str, scope: Scope) -> Any:
    """One argument that holds Jinja; that of the tested rows, which every test has, is read without it."""
    braces = _CALL.match(text)
    narrowed = _WHERE.match(braces[1]) if braces else None
    if narrowed is None or expression(narrowed[1]) is None:
        return render(load(text, native_environment()), scope)
    relation = render(load("{{ " + narrowed[1] + " }}", native_environment()), scope)
    return scope["get_where_subquery"](relation)


test_arguments.__test__ = False  # type: ignore[attr-defined]
