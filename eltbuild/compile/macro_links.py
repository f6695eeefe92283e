"""Which macros a text uses, by id, as dbt notes them: those that it calls itself, not those that they call in turn."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from eltbuild.compile.macro_index import MacroIndex
from eltbuild.errors import CompileError
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.native import has_jinja
from eltbuild.jinja.scan import scan
from eltbuild.project.resources import Macro, Node
from eltbuild.values import replace

ALWAYS = frozenset({"is_incremental", "statement", "run_query", "noop_statement"})
"""Macros that are part of the language here."""
CONDITIONAL = re.compile(r"\{%[-+]?\s*(?:if|for)\b")
DISPATCH = "adapter.dispatch:"
KEYS = frozenset({"macro.dbt.test_unique", "macro.dbt.test_not_null"})
"""Tests for which dbt notes nothing but themselves."""


def used_by(node: Node, index: MacroIndex) -> tuple[str, ...]:
    """The macros of a node's text, in order, then those of its hooks."""
    found: dict[str, None] = {}
    if node.test is not None:
        found.update(dict.fromkeys(_of_test(node, index)))
    elif node.macros:
        found.update(dict.fromkeys(node.macros))
    else:
        found.update(dict.fromkeys(_named(node.macro_names, node.package, index)))
    for key in ("pre-hook", "post-hook"):
        for hook in node.config.get(key) or ():
            text = hook.get("sql") if isinstance(hook, Mapping) else hook
            if isinstance(text, str) and has_jinja(text):
                found.update(dict.fromkeys(_named(_calls(text), node.package, index)))
    return tuple(found)


def depends_on_path(node: Node, index: MacroIndex) -> bool:
    """Whether only a rendering tells which macros are called, and in which order.

    Some may stand in a branch or a loop; and of two, one may be called for the argument of the other.
    """
    if all(name == "is_incremental" for name in node.macro_names):
        return False
    called = set(_named(node.macro_names, node.package, index)) - {"macro.dbt.is_incremental"}
    return len(called) > 1 or bool(called and CONDITIONAL.search(node.code))


def when_executing(node: Node, index: MacroIndex) -> tuple[str, ...]:
    """The macros that stand under `{% if execute %}`: dbt notes them once it has compiled a node for its run."""
    if "execute" not in node.code or node.test is not None:
        return ()
    from jinja2 import TemplateSyntaxError, nodes

    from eltbuild.jinja.environment import text_environment

    try:
        tree = text_environment().parse(node.code)
    except (TemplateSyntaxError, TemplateError):
        return ()
    branches = (branch for branch in tree.find_all(nodes.If) if getattr(branch.test, "name", "") == "execute")
    calls = (call for branch in branches for part in branch.body for call in part.find_all(nodes.Call))
    names = tuple(dotted(call.node) for call in calls)
    return tuple(dict.fromkeys(_named(tuple(name for name in names if name), node.package, index)))


def dotted(node: Any) -> str:
    """`dbt_utils.star` of the expression that is called; nothing for other expressions."""
    parts: list[str] = []
    while hasattr(node, "attr"):
        parts.append(node.attr)
        node = node.node
    return ".".join((node.name, *reversed(parts))) if hasattr(node, "name") and hasattr(node, "ctx") else ""


def linked(macros: Mapping[str, Macro], index: MacroIndex) -> dict[str, Macro]:
    """Each macro with the ids of the macros that it calls."""
    out = {}
    for id, macro in macros.items():
        called = dict.fromkeys(_named(macro.macro_names, macro.package, index))
        called.pop(id, None)
        out[id] = replace(macro, macros=tuple(called)) if called else macro
    return out


def _of_test(node: Node, index: MacroIndex) -> Iterator[str]:
    own = next(_named(node.macro_names, node.package, index), None)
    if own is not None:
        yield own
    if own in KEYS:
        return
    if node.macros:
        yield from (id for id in node.macros if id.endswith(".get_where_subquery"))
    elif own is not None and own.startswith("macro.dbt."):
        yield from _named(("get_where_subquery",), node.package, index)


def _named(names: tuple[str, ...], package: str, index: MacroIndex) -> Iterator[str]:
    """The ids that names mean as they are written in a template of the package."""
    for name in names:
        if name.startswith(DISPATCH):
            yield from _dispatched(name.removeprefix(DISPATCH), package, index)
            continue
        macro = index.find(name, package)
        id = macro.id if macro is not None else built_in(name)
        if id is not None:
            yield id


def _dispatched(name: str, package: str, index: MacroIndex) -> Iterator[str]:
    """The macro of that name and its implementation: in the package that dispatches, else wherever there is one."""
    public = index.by_package.get(package, {}).get(name)
    if public is not None:
        yield public.id
    found = index.dispatched(name, package, package) or next(index.candidates(name), None)
    if found is not None:
        yield found.id


def built_in(name: str) -> str | None:
    """The id of the built-in macro that a name means, `dbt.` before it or not."""
    short = name.removeprefix("dbt.")
    if short in ALWAYS:
        return f"macro.dbt.{short}"
    if "." in short:
        return None
    from eltbuild.compile.dbt.builtins import BUILTINS

    return f"macro.dbt.{short}" if short in BUILTINS else None


@lru_cache(maxsize=512)
def _calls(text: str) -> tuple[str, ...]:
    try:
        return scan(text).calls
    except (TemplateError, CompileError):  # told when the hook is rendered
        return ()
