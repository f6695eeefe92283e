"""Circles among parents, found and put into words for the user. A graph without one never comes here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise

from eltbuild.errors import Place, Problem
from eltbuild.project.resources import Exposure, Node, NodeId, Resource, Unmanaged

Parents = Mapping[NodeId, tuple[NodeId, ...]]


def circles(parents: Parents, sound: frozenset[NodeId], resource: Callable[[NodeId], Resource | None]) -> list[Problem]:
    """One problem for each set of resources that all reach each other, naming its shortest circle.

    `sound` are the resources known to lie above every circle.
    """
    loose = {id: above for id, above in parents.items() if id not in sound}
    paths = []
    for knot in _knots(loose):
        within = {id: [parent for parent in parents[id] if parent in knot] for id in knot}
        paths.append(_way_back(min(knot), within))
    return [_describe(path, resource) for path in sorted(paths)]


def _knots(parents: Parents) -> Iterator[frozenset[NodeId]]:
    """The sets of resources in which each reaches each other, one that refers to itself included.

    Tarjan's algorithm, without recursion: a circle may be longer than the stack is deep.
    """
    number: dict[NodeId, int] = {}
    low: dict[NodeId, int] = {}
    unsettled: list[NodeId] = []
    settled: set[NodeId] = set()
    for root in sorted(parents):
        path: list[tuple[NodeId, Iterator[NodeId]]] = []
        step: NodeId | None = None if root in number else root
        while step is not None or path:
            if step is not None:
                number[step] = low[step] = len(number)
                unsettled.append(step)
                path.append((step, iter(parents[step])))
                step = None
            id, rest = path[-1]
            for parent in rest:
                if parent not in parents or parent in settled:
                    continue
                if parent not in number:
                    step = parent
                    break
                low[id] = min(low[id], number[parent])
            if step is not None:
                continue
            path.pop()
            if path:
                below = path[-1][0]
                low[below] = min(low[below], low[id])
            if low[id] == number[id]:
                knot = set()
                while id not in knot:
                    knot.add(unsettled.pop())
                settled |= knot
                if len(knot) > 1 or id in parents[id]:
                    yield frozenset(knot)


def _way_back(start: NodeId, parents: Mapping[NodeId, Iterable[NodeId]]) -> tuple[NodeId, ...]:
    """The shortest path over parents that leads from `start` to itself; each is followed by one of its parents."""
    came: dict[NodeId, NodeId] = {}
    layer = [start]
    while start not in came:
        following = []
        for id in layer:
            for parent in sorted(parents[id]):
                if parent not in came:
                    came[parent] = id
                    following.append(parent)
        layer = following
    path = [start, came[start]]
    while path[-1] != start:
        path.append(came[path[-1]])
    return tuple(reversed(path))


def _describe(path: tuple[NodeId, ...], resource: Callable[[NodeId], Resource | None]) -> Problem:
    steps = [(resource(id), resource(parent)) for id, parent in pairwise(path)]
    places = [place for child, parent in steps if (place := _mention(child, parent))]
    names = [step[0].name if step[0] else id for id, step in zip(path, steps)]
    if len(set(names)) < len(names):
        names = list(path[:-1])
    return Problem(
        f"Found a cycle of references: {' -> '.join([*names, names[0]])}",
        places[0] if places else None,
        f"the references are at {', '.join(map(str, places))}" if len(places) > 1 else "",
        name="Circle",
    )


def _mention(child: Resource | None, parent: Resource | None) -> Place | None:
    """Where `child` refers to `parent`, or else where `child` is written."""
    if child is None:
        return None
    if parent is not None and isinstance(child, Node | Exposure | Unmanaged):
        for ref in child.refs:
            if ref.name == parent.name and ref.place is not None:
                return ref.place
    return child.place
