"""An expression of a template as text again, so that what is written can be compared where values would mislead.

The text is the one that dbt notes in `unrendered_config`; of operations for which it has no text, the tree stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_COMPARISONS = {
    "eq": "==", "ne": "!=", "gt": ">", "gteq": ">=", "lt": "<", "lteq": "<=", "in": "in", "notin": "not in",
}  # fmt: skip


def source_text(node: Any) -> str:
    """The text of an expression."""
    written = _FORMS.get(type(node).__name__)
    return written(node) if written is not None else repr(node)


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
    "Neg": lambda node: f"-{source_text(node.node)}",
    "Compare": _compare,
}
"""Per kind of node in a template's tree."""
