"""User-defined functions that an engine cannot make, told before anything is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from eltbuild.errors import Problem
from eltbuild.project.resources import Node
from eltbuild.sql.functions import is_possible

WORDS: Mapping[str, str] = {"sql": "SQL", "python": "Python", "javascript": "JavaScript"}


def kind_of(node: Node) -> str:
    """The type of the function."""
    return str(node.config.get("type") or "scalar")


def macro_of(node: Node) -> str:
    """The name of the macro that writes the statement."""
    return f"{kind_of(node)}_function_{node.language}"


def impossible(node: Node, dialect: str, own: Callable[[str], bool]) -> Problem | None:
    """Why the engine cannot make it. `own`: whether the project has a macro of that name, which then can."""
    kind, name = kind_of(node), macro_of(node)
    if own(name) or (node.language == "sql" and is_possible(dialect, kind)):
        return None
    words = f"this adapter has no {kind} functions in {WORDS[node.language]}"
    text = f"function `{node.name}`: {words}: No macro named '{name}' found within namespace 'dbt'"
    return Problem(text, node.place, f"a macro `default__{name}` of the project's own could make one")
