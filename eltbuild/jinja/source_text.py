"""An expression of a template as text again, so that what is written can be compared where values would mislead.

The text is the one that dbt notes in `unrendered_config`; of operations for which it has no text, the tree stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_COMPARISONS = {
    "eq": "==", "ne": "!=", "gt": ">", "gteq": ">=", "lt": "<", "lteq": "<=", "in": "in", "notin": "not in",
}  # fmt: skip


def source_text(node: Any) -> str:
    """The text of an expression."""
    written = _FORMS.get(type(node).__name__)
    return written(node) if written is not None else repr(node)


def config_text(node: Any) -> str:
    """An argument of `config()` as it is noted: a string as it is, anything else as its text."""
    return literal_text(node.value) if type(node).__name__ == "Const" else source_text(node)


def literal_text(value: Any) -> str:
    """A literal argument of `config()` as it is noted."""
    return value if isinstance(value, str) else repr(value)


_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_EXPRESSION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_QUOTED = re.compile(r"'[^'\\]*'|\"[^\"\\]*\"")
_CALL = re.compile(r"\s*(?:ref|source|config)\s*\(((?:[\s,:()\[\]{}]|True\b|False\b|[A-Za-z_]\w*\s*=)*)\)\s*")


def is_plain(text: str) -> bool:
    """Whether the template is one that dbt reads without rendering it: its configs are noted as values, not as text.

    It may hold `ref`, `source` and `config` of quoted texts, `True`, `False`, lists and mappings, and comments.
    """
    bare = _COMMENT.sub("", text)
    if "{%" in bare or "{{-" in bare or "-}}" in bare:
        return False
    return all(_CALL.fullmatch(_QUOTED.sub("", expression)) for expression in _EXPRESSION.findall(bare))


def _listed(items: Any) -> str:
    return ", ".join(map(source_text, items))


def _call(node: Any) -> str:
    parts = [source_text(item) for item in node.args]
    parts += [f"{item.key}={source_text(item.value)}" for item in node.kwargs]
    parts += [f"*{source_text(node.dyn_args)}"] if node.dyn_args is not None else []
    parts += [f"**{source_text(node.dyn_kwargs)}"] if node.dyn_kwargs is not None else []
    return f"{source_text(node.node)}({', '.join(parts)})"


def _compare(node: Any) -> str:
    rest = "".join(f" {_COMPARISONS[item.op]} {source_text(item.expr)}" for item in node.ops)
    return source_text(node.expr) + rest


_FORMS: Mapping[str, Callable[[Any], str]] = {
    "Const": lambda node: repr(node.value),
    "Name": lambda node: str(node.name),
    "Getattr": lambda node: f"{source_text(node.node)}.{node.attr}",
    "Getitem": lambda node: f"{source_text(node.node)}[{source_text(node.arg)}]",
    "List": lambda node: f"[{_listed(node.items)}]",
    "Tuple": lambda node: f"({_listed(node.items)}{',' if len(node.items) == 1 else ''})",
    "Dict": lambda node: (
        "{" + ", ".join(f"{source_text(item.key)}: {source_text(item.value)}" for item in node.items) + "}"
    ),
    "Call": _call,
    "Concat": lambda node: " ~ ".join(map(source_text, node.nodes)),
    "Not": lambda node: f"not {source_text(node.node)}",
    "And": lambda node: f"{source_text(node.left)} and {source_text(node.right)}",
    "Or": lambda node: f"{source_text(node.left)} or {source_text(node.right)}",
    "Neg": lambda node: f"-{source_text(node.node)}",
    "Compare": _compare,
}
"""Per kind of node in a template's tree."""
