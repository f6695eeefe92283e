"""The texts of a source outside of any template: what stands for its table, and its own query for the last load."""

from __future__ import annotations

from eltbuild.compile.compiler import Compiler
from eltbuild.compile.introspect import BLANK, Introspector
from eltbuild.compile.node_text import render_node
from eltbuild.compile.relations import source_relation
from eltbuild.compile.rendering import Rendering
from eltbuild.compile.session import Session
from eltbuild.errors import CompileError, Problem
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.native import has_jinja
from eltbuild.project.external import external_location
from eltbuild.project.resources import Node, Source


def source_text(session: Session, source: Source) -> str:
    """The quoted name of a source's table, or what reads its files."""
    return str(source_relation(Rendering(session, None, BLANK), source))


def loaded_at_query(session: Session, source: Source, introspector: Introspector) -> str:
    """The source's own query, in which `this` is its table; "" where it has none. Raises `CompileError`."""
    text = source.loaded_at_query or ""
    if not has_jinja(text):
        return text
    rendering = Rendering(session, None, introspector, source.package)
    rendering.extra_names["this"] = source_relation(rendering, source)
    try:
        return render_node(rendering, text)
    except TemplateError as error:
        raise CompileError(Problem(f"loaded_at_query: {error.message}", source.place, error.hint)) from error


def node_loaded_at_query(compiler: Compiler, node: Node, introspector: Introspector) -> str:
    """The query of a model for its last load, in which `this` is its relation; "" where it has none."""
    text = str(node.config.get("loaded_at_query") or "")
    return compiler.render_hook(node, text, introspector, {}) if has_jinja(text) else text


def files_of(source: Source) -> str:
    """Where the files of a source lie, as a path or a pattern; "" for one that is a table. Raises `CompileError`."""
    try:
        return external_location(source)
    except TemplateError as error:
        raise CompileError(Problem(error.message, source.place, error.hint)) from error
