"""Calls of `ref`, `source` and `metric` that stand alone in a value of a properties file, read without Jinja."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import Literal

from eltbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """`ref('package', 'name', v=2)`: the names as given, and the version."""

    function: Literal["ref", "source", "metric"]
    names: tuple[str, ...]
    version: str | None = None


_COUNTS = {"ref": (1, 2), "source": (2, 2), "metric": (1, 2)}


@lru_cache(maxsize=8192)
def read_call(text: str) -> Call | None:
    """The call that a text is, with or without braces around it; None when it is none with literal arguments."""
    body = text.strip()
    if body.startswith("{{") and body.endswith("}}"):
        body = body[2:-2].strip("-+ \t\r\n")
    if not body.endswith(")"):
        return None
    try:
        tree = ast.parse(body, mode="eval").body
        if not (isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id in _COUNTS):
            return None
        names = tuple(ast.literal_eval(argument) for argument in tree.args)
        options = {keyword.arg: ast.literal_eval(keyword.value) for keyword in tree.keywords}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None
    least, most = _COUNTS[tree.func.id]
    if not least <= len(names) <= most or not all(isinstance(name, str) for name in names):
        return None
    if options.keys() - ({"v", "version"} if tree.func.id == "ref" else set()):
        return None
    version = options.get("version", options.get("v"))
    return Call(tree.func.id, names, None if version is None else str(version))  # type: ignore[arg-type]
