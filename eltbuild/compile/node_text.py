"""A text rendered in the scope of a node; what goes wrong is told with the place in the user's file, and a hint."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from eltbuild.compile.dbt.builtins import BUILTINS
from eltbuild.compile.dbt.context import open_scope
from eltbuild.compile.known_names import known_names
from eltbuild.compile.rendering import MacroReturn, Rendering
from eltbuild.errors import CompileError, DatabaseError, Place, Problem, did_you_mean
from eltbuild.jinja.environment import Scope
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.template import load, render
from eltbuild.jinja.unknown import unanswered
from eltbuild.project.expectation_types import EXPECTATIONS, OWN_CLASSES

T = TypeVar("T")


def render_node(rendering: Rendering, text: str) -> str:
    """A text rendered in the scope of a node. Raises `TemplateError`; a refused query passes through."""
    return rendered(rendering, lambda scope, path: str(render(load(text, path=path), scope)))


def rendered(rendering: Rendering, made: Callable[[Scope, str], T]) -> T | str:
    """What `made` makes of the names that the node sees, and the path of its file; its errors as told."""
    node = rendering.node
    path = node.project_path if node else "<template>"
    scope = open_scope(rendering)
    try:
        with unanswered(lambda: rendering.lenient or (rendering.introspective and not rendering.live)):
            return made(scope, path)
    except MacroReturn as returned:
        return str(returned.value)
    except DatabaseError as error:
        if error.transient or error.lost:
            raise
        raise refused(error, node.project_path if node else "") from error
    except TemplateError as error:
        raise with_hint(rendering, error) from error


def refused(error: DatabaseError, path: str) -> CompileError:
    """A query that the template of that file asked and the warehouse refused."""
    line = getattr(error, "template_line", 0)
    path = getattr(error, "template_path", "") or path
    place = Place(path, line) if path else None
    return CompileError(
        Problem(
            f"a query of the template failed: {error.message}",
            place,
            f"the query was: {error.sql.strip()[:400]}",
        )
    )


_UNDEFINED = re.compile(r"^'([\w.]+)' is undefined$")
_NO_MACRO = re.compile(r"^package `\w+` has no macro `\w+`$")


def with_hint(rendering: Rendering, error: TemplateError) -> TemplateError:
    """Jinja's word on an undefined name, as a sentence with the nearest names there are."""
    match = _UNDEFINED.match(error.message)
    if match is None:
        error.unknown |= _NO_MACRO.match(error.message) is not None
        return error
    told = _unknown(rendering, match[1], error)
    told.unknown = True
    return told


def _unknown(rendering: Rendering, name: str, error: TemplateError) -> TemplateError:
    if rendering.node is not None and rendering.node.test is not None and name.startswith("test_"):
        return _no_such_test(rendering, name.removeprefix("test_"), error)
    names = {
        *known_names(),
        *rendering.session.macros.names(rendering.package),
        *rendering.session.macros.by_package,
    }
    hint = did_you_mean(name, names) or error.hint or "is it of a package that is not installed? try: eltbuild deps"
    return TemplateError(f"`{name}` is not defined", error.line, error.column, hint, error.path)


def _no_such_test(rendering: Rendering, name: str, error: TemplateError) -> TemplateError:
    """A generic test that is applied in YAML and that nothing defines."""
    keys = {*rendering.session.macros.names(rendering.package), *BUILTINS}
    known = {key.removeprefix("test_") for key in keys if key.startswith("test_")} | EXPECTATIONS.keys()
    nodes = rendering.session.project.nodes.values()
    known |= {node.test.name for node in nodes if node.test is not None and node.test.file}
    hint = did_you_mean(name, known)
    if name.startswith("expect_"):
        hint = f"{hint} {OWN_CLASSES}".strip()
    return TemplateError(f"there is no generic test `{name}`", error.line, error.column, hint)
