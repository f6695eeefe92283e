"""A refused statement, told in terms of the user's file."""

from __future__ import annotations

from typing import Any

from eltbuild.compile.compiled import Compiled
from eltbuild.compile.compiler import Compiler
from eltbuild.compile.introspect import BLANK
from eltbuild.compile.rendering import Assumed
from eltbuild.compile.session import Session
from eltbuild.compile.source_map import origin
from eltbuild.errors import AuditError, DatabaseError, EltbuildError, Place, Problem
from eltbuild.project.resources import Node, UnitTest
from eltbuild.values import replace


def located(session: Session, node: Node, error: DatabaseError, assumed: Assumed | None = None) -> Problem:
    """The warehouse's message with the line of the template that made the refused text, as far as that can be told."""
    place = _place(session, node, error, assumed) or node.place or Place(node.project_path)
    hint = error.problems[0].hint if error.problems else ""
    return Problem(error.message, place, hint)


def explained(session: Session, resource: Any, error: EltbuildError) -> Problem:
    """The error of a node as one problem, placed in the user's file."""
    if isinstance(error, DatabaseError) and isinstance(resource, Node):
        return located(session, resource, error)
    problem = error.problems[0] if error.problems else Problem(str(error))
    if problem.place is None and isinstance(resource, (Node, UnitTest)):
        return replace(problem, place=resource.place)
    return problem


def fault_of(resource: Any, problem: Problem, error: EltbuildError) -> str:
    """What went wrong with which node, in dbt's words; empty for what is no node of a file."""
    if not isinstance(resource, (Node, UnitTest)):
        return ""
    refused = isinstance(error, DatabaseError) or isinstance(error.__cause__, DatabaseError)
    otherwise = "Runtime Error" if isinstance(error, AuditError) else "Compilation Error"
    kind = "Database Error" if refused else otherwise
    return f"{kind} in {resource.resource_type} {resource.name} ({problem.place or resource.original_path})"


def _place(session: Session, node: Node, error: DatabaseError, assumed: Assumed | None) -> Place | None:
    if not error.line or not error.sql or node.test is not None:
        return None
    try:
        compiled = Compiler(session, BLANK).compile(node, assumed=assumed)
    except EltbuildError:
        return None
    if compiled.query is None or not compiled.query.strip():
        return None
    found = _in_query(compiled, error)
    if found is not None:
        line, column = found
        return origin(session, node, compiled.query, line, column, assumed)
    # Rows that a unit test gives have no file of their own.
    return _in_parent(session, compiled, error) if assumed is None else None


def _in_parent(session: Session, compiled: Compiled, error: DatabaseError) -> Place | None:
    """The place in the file of an ephemeral parent, whose text stands in the statement as a CTE."""
    offset = _offset(error.sql, error.line, error.column)
    for cte in compiled.ctes:
        text = cte.sql.strip()
        start = error.sql.find(text) if text else -1
        if start >= 0 and 0 <= offset - start <= len(text):
            line, column = _line_column(cte.sql, offset - start + len(cte.sql) - len(cte.sql.lstrip()))
            return origin(session, session.project.nodes[cte.id], cte.sql, line, column)
    return None


def _in_query(compiled: Compiled, error: DatabaseError) -> tuple[int, int] | None:
    """Line and column within the node's own query of a place in the statement that was sent."""
    query = compiled.query or ""
    for text in (compiled.sql or query, query):
        start = error.sql.find(text.strip())
        if start < 0:
            continue
        offset = _offset(error.sql, error.line, error.column) - start
        inner = text.strip()
        if not 0 <= offset <= len(inner):
            continue
        if text is not query:
            own = inner.rfind(query.strip()[-200:])
            behind = len(inner) - offset
            if own < 0 or behind > len(query.strip()):
                continue
            offset = len(query.strip()) - behind
        lead = len(query) - len(query.lstrip())
        return _line_column(query, offset + lead)
    return None


def _offset(text: str, line: int, column: int) -> int:
    rows = text.split("\n")
    return sum(len(row) + 1 for row in rows[: line - 1]) + max(column - 1, 0)


def _line_column(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
