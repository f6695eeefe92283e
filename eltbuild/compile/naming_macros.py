"""A `generate_schema_name` of a project or a package and its like, as functions of a config value and a node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eltbuild.compile.compiler import macro_error
from eltbuild.compile.dbt.context import open_scope
from eltbuild.compile.introspect import BLANK
from eltbuild.compile.rendering import MacroReturn, Rendering
from eltbuild.compile.session import Session
from eltbuild.jinja.template import explain
from eltbuild.project.projection import node_dict
from eltbuild.project.resources import Macro, Node


def caller(session: Session, macro: Macro, package: str) -> Callable[[Any, Node], str | None]:
    """The macro as a function for nodes of that package, which raises `CompileError` with the place in its file."""
    rendering = Rendering(session, None, BLANK, package)
    open_scope(rendering)

    def called(custom: Any, node: Node) -> str | None:
        try:
            name = rendering.macro(macro)(custom, node_dict(node, session.project))
        except MacroReturn as error:
            raise macro_error(error, macro) from error
        except Exception as error:
            raise macro_error(explain(error, ""), macro) from error
        return None if name is None else str(name).strip()

    return called
