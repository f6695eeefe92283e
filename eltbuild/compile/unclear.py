"""Templates that only a rendering can settle: rendered once, with a blank introspector, for what they refer to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

from eltbuild.compile.generic_test_text import render_test, test_arguments
from eltbuild.compile.introspect import BLANK
from eltbuild.compile.node_text import render_node, with_hint
from eltbuild.compile.places import problem_of
from eltbuild.compile.rendering import Rendering
from eltbuild.compile.session import Session
from eltbuild.errors import CompileError, Problem
from eltbuild.jinja.errors import TemplateError
from eltbuild.project.config import Configs
from eltbuild.project.config_keys import check_keys
from eltbuild.project.resources import Node, Ref, SourceRef
from eltbuild.values import replace

Needed = Literal["hooks", "arguments", "text"]
"""What of a node must be rendered beside its hooks: nothing, the arguments of a generic test, or its whole text."""

SECTIONS: Mapping[str, str] = {
    "model": "models", "seed": "seeds", "snapshot": "snapshots", "test": "data_tests", "analysis": "analyses",
    "operation": "models", "function": "functions",
}  # fmt: skip
"""The section of the project file that configures each type of resource."""


def rendered(
    session: Session, node: Node, configs: Configs, hook_texts: Callable[[Node], list[str]], needed: Needed
) -> tuple[Node, list[Problem]]:
    """The node with refs, sources, config and macros as its template gives them, and warnings that it gave.

    Raises `CompileError`, `ProjectError`.
    """
    rendering = Rendering(session, node, BLANK)
    hooks = hook_texts(node)
    clear = needed == "hooks"
    if not clear:
        rendering = _render(rendering, node, needed)
    macros = tuple(rendering.macros)
    config = node.config
    if rendering.config:
        if not node.complete and not node.root:
            rendering.problems += check_keys(SECTIONS[node.resource_type], rendering.config, node.place)
        resolved = configs.resolve(
            SECTIONS[node.resource_type], node.package, node.fqn, node.yaml_config, rendering.config,
        )  # fmt: skip
        config = resolved.config
        # What only a macro says of the node is nowhere written in its own text.
        unrendered = node.unrendered_config if "config(" in node.code else resolved.unrendered
        node = replace(node, config=config, unrendered_config=unrendered)
        hooks = hook_texts(node)
    for text in hooks:
        _render_text(rendering, node, text)
    # A rendering of the whole text meets every call, in order; one of hooks or of arguments does not.
    whole = node.test is None and not clear and not (node.complete and rendering.lenient)
    refs = tuple(rendering.refs) if whole else _joined(node.refs, rendering.refs)
    sources = tuple(rendering.sources) if whole else _joined(node.source_refs, rendering.sources)
    places = {(r.package, r.name): r.place for r in node.refs}
    settled = replace(
        node,
        refs=tuple(replace(ref, place=places.get((ref.package, ref.name), ref.place)) for ref in refs),
        source_refs=sources,
        functions=tuple(rendering.functions) if not clear else node.functions,
        config=config,
        macros=macros,
        # What was rendered has told; what its text names besides was not called.
        macro_names=node.macro_names if clear or node.test else (),
        introspective=rendering.introspective,
        complete=True,
    )
    return settled, rendering.problems


def _joined(first: Sequence[Any], second: Sequence[Any]) -> tuple[Any, ...]:
    """Both in order; the second's are left out where the first has the same call at a known place."""
    seen = {_key(item) for item in first}
    return (*first, *(item for item in second if _key(item) not in seen))


def _key(item: Ref | SourceRef) -> tuple[Any, ...]:
    return (item.package, item.name, item.version) if isinstance(item, Ref) else (item.source, item.table)


def _render(rendering: Rendering, node: Node, needed: Needed) -> Rendering:
    """The rendering, done. Raises `CompileError`, but not for a name that is not there.

    With such a name the node fails at its turn, and the rest of the project is built, as with dbt: it is told now, and
    passed over to see what the rest of the text refers to.
    """
    try:
        _render_once(rendering, node, needed)
        return rendering
    except TemplateError as error:
        told = with_hint(rendering, error)
        problem = problem_of(told, node)
        if not told.unknown:
            raise CompileError(problem) from error
    lenient = Rendering(rendering.session, node, BLANK)
    lenient.lenient = True
    # What comes of a name that is not there may be of no use at all.
    with suppress(TemplateError, CompileError):
        _render_once(lenient, node, needed)
    lenient.problems.append(replace(problem, severity="warning"))
    return lenient


def _render_once(rendering: Rendering, node: Node, needed: Needed) -> None:
    if node.test is None:
        render_node(rendering, node.code)
    elif needed == "arguments" or node.test.expectation or node.test.anomaly:
        test_arguments(rendering, node)
    else:
        render_test(rendering, node)


def _render_text(rendering: Rendering, node: Node, text: str) -> None:
    try:
        render_node(rendering, text)
    except TemplateError as error:
        problem = Problem(f"hook: {error.message}", node.patch_place or node.place, error.hint)
        if not error.unknown:
            raise CompileError(problem) from error
        rendering.problems.append(replace(problem, severity="warning"))
