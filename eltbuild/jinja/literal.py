"""The plainest templates: text with literal calls such as `{{ ref('orders') }}`, read without Jinja.

Most models are of this kind; reading them costs a tenth of what a Jinja parse costs. Whatever is not plainly of
this kind is left to Jinja: `pieces` then gives None.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from eltbuild.jinja.errors import TemplateError
from eltbuild.values import dataclass, field

NAMES = frozenset({"ref", "source", "config", "this", "var"})
"""The names that may stand in a plain template."""

_OPENING = re.compile(r"\{[{#]")
_CONSTANTS = {"true": True, "false": False, "none": None, "True": True, "False": False, "None": None}
_ODD = re.compile(r"""(?<![\w'"])[a-zA-Z]{1,2}['"]|\\|#""")
"""Prefixed strings, escapes and comments: Python and Jinja read these differently."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A name or a call with literal arguments that stands between `{{` and `}}`."""

    name: str
    call: bool = True
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    line: int = 0
    column: int = 0


MOST_TAGS = 20_000
"""Tags in one template: Jinja takes seconds for so many."""
MOST_WORK = 5_000_000_000
"""Tags times characters: some of Jinja's looks at a template go on to its end from each tag."""


def check_size(text: str) -> None:
    """Raise `TemplateError` where a template is so large that to read it would take minutes."""
    tags = text.count("{{") + text.count("{%") + text.count("{#")
    if tags > MOST_TAGS or tags * len(text) > MOST_WORK:
        raise TemplateError(
            f"the template is too large: {tags:,} tags in {len(text):,} characters",
            hint="keep data in a seed, or in more files than one",
        )


def pieces(text: str) -> tuple[str | Piece, ...] | None:
    """The text and calls of a plain template in order; None where it is not plain."""
    if "{" not in text:
        return (_normal(text),)
    check_size(text)
    if "{%" in text or "\r" in text:
        return None
    text = _normal(text)
    out: list[str | Piece] = []
    last = 0
    line = 1
    counted = 0
    while (opening := _OPENING.search(text, last)) is not None:
        start = opening.start()
        end = text.find("}}" if opening[0] == "{{" else "#}", start + 2)
        if end < 0:
            return None
        if start > last:
            out.append(text[last:start])
        last = end + 2
        if opening[0] == "{#":
            if text.startswith("{#-", start) or text.endswith("-#}", start, last):
                return None
            continue
        body = text[start + 2 : end]
        found = expression(body)
        if found is None or "{{" in body:
            return None
        line += text.count("\n", counted, start)
        counted = start
        column = start - text.rfind("\n", 0, start)
        name, call, args, kwargs = found
        out.append(Piece(name, call, args, kwargs, line + _leading_lines(body), column + _leading(body)))
    if last < len(text):
        out.append(text[last:])
    if any("{{" in part or "{#" in part for part in out if isinstance(part, str)):
        return None
    return tuple(out)


def _leading(body: str) -> int:
    stripped = body.lstrip()
    lead = body[: len(body) - len(stripped)]
    return 2 + len(lead) if "\n" not in lead else len(lead) - lead.rfind("\n") - 1


def _leading_lines(body: str) -> int:
    return body[: len(body) - len(body.lstrip())].count("\n")


def _normal(text: str) -> str:
    """As Jinja reads a text: the newline that ends it does not count."""
    if text.endswith("\n"):
        return text[:-1]
    return text


@lru_cache(maxsize=16384)
def expression(body: str) -> tuple[str, bool, tuple[Any, ...], Mapping[str, Any]] | None:
    """A plain expression as (name, is it a call, args, kwargs); None where it is not plain."""
    if body[:1] in "-+" or body[-1:] in "-+" or _ODD.search(body):
        return None
    try:
        tree = ast.parse(body.strip(), mode="eval").body
        if isinstance(tree, ast.Name) and tree.id == "this":
            return ("this", False, (), {})
        if not (isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id in NAMES):
            return None
        if tree.func.id == "this":
            return None
        args = tuple(literal(arg) for arg in tree.args)
        kwargs = {keyword.arg: literal(keyword.value) for keyword in tree.keywords if keyword.arg}
        if len(kwargs) != len(tree.keywords):
            return None
        return (tree.func.id, True, args, kwargs)
    except (SyntaxError, ValueError, RecursionError, MemoryError, TypeError):
        return None


def literal(node: ast.expr) -> Any:
    """The value of a literal that Python and Jinja read alike. Raises ValueError for anything else."""
    match node:
        case ast.Constant(value=value) if isinstance(value, (str, int, float, bool)) or value is None:
            return value
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)) if isinstance(value, (int, float)):
            return -value
        case ast.List(elts=items):
            return [literal(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(literal(item) for item in items)
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {literal(key): literal(value) for key, value in zip(keys, values, strict=True) if key}
    raise ValueError("not a literal")
