"""Templates that only a rendering can settle: rendered once, with a blank introspector, for what they refer to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from eltbuild.compile.compiler import render_node, test_arguments, with_hint
from eltbuild.compile.introspect import BLANK
from eltbuild.compile.places import problem_of
from eltbuild.compile.rendering import Rendering
from eltbuild.compile.session import Session
from eltbuild.errors import CompileError, Problem
from eltbuild.jinja.errors import TemplateError
from eltbuild.project.config import Configs
from eltbuild.project.config_keys import check_keys
from eltbuild.project.resources import Node, Ref, SourceRef

SECTIONS: Mapping[str, str] = {
    "model": "models", "seed": "seeds", "snapshot": "snapshots", "test": "data_tests", "analysis": "analyses",
    "operation": "models",
}  # fmt: skip
"""The section of the project file that configures each type of resource."""


def rendered(
    session: Session, node: Node, configs: Configs, hook_texts: Callable[[Node], list[str]], *, clear: bool
) -> tuple[Node, list[Problem]]:
    """The node with refs, sources, config and macros as its template gives them, and warnings that it gave.

    `clear`: the text told everything, only the hooks are rendered. Raises `CompileError`, `ProjectError`.
    """
    rendering = Rendering(session, node, BLANK)
    hooks = hook_texts(node)
    if not clear:
        _render(rendering, node)
    macros = tuple(rendering.macros)
    config, unrendered = node.config, node.unrendered_config
    if rendering.config:
        if not node.complete and not node.root:
            rendering.problems += check_keys(SECTIONS[node.resource_type], rendering.config, node.place)
        resolved = configs.resolve(
            SECTIONS[node.resource_type], node.package, node.fqn, node.yaml_config, rendering.config,
            unrendered_infile={**rendering.config, **_kept(node.unrendered_config)},
        )  # fmt: skip
        config, unrendered = resolved.config, resolved.unrendered
        node = replace(node, config=config, unrendered_config=unrendered)
        hooks = hook_texts(node)
    for text in hooks:
        _render_text(rendering, node, text)
    refs = _joined(node.refs, rendering.refs) if node.complete or node.test else tuple(rendering.refs)
    sources = _joined(node.source_refs, rendering.sources) if node.complete or node.test else tuple(rendering.sources)
    places = {(r.package, r.name): r.place for r in node.refs}
    settled = replace(
        node,
        refs=tuple(replace(ref, place=places.get((ref.package, ref.name), ref.place)) for ref in refs),
        source_refs=sources,
        config=config,
        unrendered_config=unrendered,
        macros=macros,
        # What was rendered has told; what its text names besides was not called.
        macro_names=node.macro_names if clear or node.test else (),
        introspective=rendering.introspective,
        complete=True,
    )
    return settled, rendering.problems


def _kept(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if isinstance(value, str) and "{{" in value}


def _joined(first: Sequence[Any], second: Sequence[Any]) -> tuple[Any, ...]:
    """Both in order; the second's are left out where the first has the same call at a known place."""
    seen = {_key(item) for item in first}
    return (*first, *(item for item in second if _key(item) not in seen))


def _key(item: Ref | SourceRef) -> tuple[Any, ...]:
    return (item.package, item.name, item.version) if isinstance(item, Ref) else (item.source, item.table)


def _render(rendering: Rendering, node: Node) -> None:
    try:
        if node.test is not None:
            rendering.extra_names["_dbt_generic_test_kwargs"] = test_arguments(rendering, node)
        render_node(rendering, node.code)
    except TemplateError as error:
        raise CompileError(problem_of(with_hint(rendering, error), node)) from error


def _render_text(rendering: Rendering, node: Node, text: str) -> None:
    try:
        render_node(rendering, text)
    except TemplateError as error:
        place = node.patch_place or node.place
        raise CompileError(Problem(f"hook: {error.message}", place, error.hint)) from error
