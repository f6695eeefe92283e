"""Errors of templates, told as problems of the user's files."""

from __future__ import annotations

import re

from eltbuild.errors import CompileError, Place, Problem
from eltbuild.jinja.errors import TemplateError
from eltbuild.project.resources import Node


def problem_of(error: TemplateError, node: Node, offset: int = 0) -> Problem:
    """A template's error as a problem in the user's file."""
    if error.path:
        return Problem(error.message, Place(error.path, error.line, error.column), error.hint)
    if node.test is not None:
        return Problem(error.message, node.place, error.hint)
    line = error.line + node.line - 1 + offset if error.line else (node.place.line if node.place else 0)
    # The text of a hook stands inside of the project file: of its columns there nothing is known.
    column = 0 if node.resource_type == "operation" else error.column or _column(error, node.code)
    return Problem(error.message, Place(node.project_path, line, column), error.hint)


def _column(error: TemplateError, text: str) -> int:
    """Where on its line the name stands that the message puts in quotes; 0 where it does not stand there."""
    named = re.search(r"`([^`]+)`", error.message)
    rows = text.split("\n")
    if named is None or not 0 < error.line <= len(rows):
        return 0
    return rows[error.line - 1].find(named[1]) + 1


def compile_error(error: TemplateError, node: Node) -> CompileError:
    """A template's error as the failure of a node."""
    return CompileError(problem_of(error, node))
