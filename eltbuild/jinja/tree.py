"""Trees of parsed templates with quick ways to their nodes: Jinja's compiler walks through each a dozen times.

Jinja's nodes look for their children among their fields at each walk. Here this is done once, when a tree is whole:
nothing changes it from then on, as the environments do not let Jinja fold constants. Knows of ticks: constants that
stand for a call of the clock in the bodies of loops and macros.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from functools import partial
from typing import Any

from jinja2 import nodes

Parts = list[tuple[str, list[nodes.Node]]]


class Ticks(int):
    """A constant that stands in a body for a call of the clock: Jinja allows no new kinds of nodes."""


NODES = 64
"""So many nodes of a body weigh as one step more."""


def ticked(body: list[nodes.Node], line: int) -> list[nodes.Node]:
    """A body that begins with a tick, which gets its weight and its place when the tree is whole."""
    return [nodes.ExprStmt(nodes.Const(Ticks(1))).set_lineno(line), *body]


def settle(tree: nodes.Template, environment: Any) -> nodes.Template:
    """The tree, whole: nodes have their environment and know their children, the root all nodes, ticks their weight."""
    below: list[nodes.Node] = []
    waiting: list[nodes.Node] = [tree]
    while waiting:
        node = waiting.pop()
        below.append(node)
        known: Any = node
        known.environment = environment
        parts = parts_of(node)
        if parts:
            children = [child for _, kids in parts for child in kids]
            known.iter_child_nodes = partial(_children, parts, children)
            waiting.extend(reversed(children))
        else:
            known.iter_child_nodes = _none
    _weigh(below)
    root: Any = tree
    root.find_all = partial(_found, below[1:])
    return tree


def _weigh(tree: list[nodes.Node]) -> None:
    """Give each tick its weight, the heavier the longer its body is, and the line of what is done first in it.

    That is where an endless one is told to go wrong. `tree` are all nodes, each before those below it.
    """
    bodies = [body for node in tree if (body := getattr(node, "body", None)) and _tick_of(body[0]) is not None]
    if not bodies:
        return
    sizes: dict[int, int] = {}
    for node in reversed(tree):
        sizes[id(node)] = sum([1 + sizes[id(child)] for child in node.iter_child_nodes()])
    for first, *rest in bodies:
        tick = _tick_of(first)
        assert tick is not None
        tick.value = Ticks(1 + sum([sizes[id(part)] for part in rest]) // NODES)
        done = (below for part in rest for below in part.find_all(nodes.Expr) if type(below) is not nodes.TemplateData)
        first.lineno = tick.lineno = next((below.lineno for below in done), first.lineno)


def _tick_of(node: nodes.Node) -> nodes.Const | None:
    held = node.node if type(node) is nodes.ExprStmt else None
    return held if isinstance(held, nodes.Const) and isinstance(held.value, Ticks) else None


def parts_of(node: nodes.Node) -> Parts:
    """The children of a node by the fields in which they stand, as Jinja looks for them."""
    parts: Parts = []
    for name in node.fields:
        value = getattr(node, name, None)
        if isinstance(value, nodes.Node):
            parts.append((name, [value]))
        elif value and isinstance(value, list):
            kids = [item for item in value if isinstance(item, nodes.Node)]
            if kids:
                parts.append((name, kids))
    return parts


def _children(
    parts: Parts,
    children: list[nodes.Node],
    exclude: Container[str] | None = None,
    only: Container[str] | None = None,
) -> Iterator[nodes.Node]:
    """In the place of `Node.iter_child_nodes`."""
    if exclude is None and only is None:
        return iter(children)
    wanted = (
        kids
        for name, kids in parts
        if (exclude is not None and name not in exclude) or (only is not None and name in only)
    )
    return (child for kids in wanted for child in kids)


def _none(exclude: Container[str] | None = None, only: Container[str] | None = None) -> Iterator[nodes.Node]:
    return iter(())


def _found(below: list[nodes.Node], kind: type[nodes.Node] | tuple[type[nodes.Node], ...]) -> Iterator[nodes.Node]:
    """In the place of `Node.find_all`."""
    return (node for node in below if isinstance(node, kind))
