"""How resources hang together: parents as given, and what follows from them. Nothing is chosen or run here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property

from eltbuild.errors import ProjectError
from eltbuild.graph.circles import circles
from eltbuild.project.project import Project
from eltbuild.project.resources import NodeId, Resource
from eltbuild.values import dataclass


@dataclass(frozen=True)
class Graph:
    """Parents of every resource; all else is derived from them when first asked for, and kept.

    It has no `slots`, because what is derived is kept on the value.
    """

    parents: Mapping[NodeId, tuple[NodeId, ...]]

    @staticmethod
    def of(project: Project) -> Graph:
        """The graph of all resources; parents that do not exist are left out.

        Raises `ProjectError` with every circle among them, as a path with the places of its files.
        """
        given = {resource.id: getattr(resource, "parents", ()) for resource in project.resources()}
        graph = Graph(_known(given))
        graph._refuse_circles(project.resource)
        return graph

    @staticmethod
    def from_parents(parents: Mapping[NodeId, Iterable[NodeId]]) -> Graph:
        """The graph of those parents; parents that are no keys are left out. Raises `ProjectError` on a circle."""
        graph = Graph(_known({id: tuple(above) for id, above in parents.items()}))
        graph._refuse_circles(lambda id: None)
        return graph

    @cached_property
    def children(self) -> Mapping[NodeId, tuple[NodeId, ...]]:
        """For each resource those that have it as a parent, in the order of `parents`."""
        below: dict[NodeId, list[NodeId]] = {id: [] for id in self.parents}
        for id, above in self.parents.items():
            for parent in above:
                below[parent].append(id)
        return {id: tuple(ids) for id, ids in below.items()}

    @cached_property
    def order(self) -> tuple[NodeId, ...]:
        """Everything, parents before children: by distance from the roots, then by id."""
        waiting = {id: len(above) for id, above in self.parents.items()}
        children = self.children
        layer = sorted(id for id, count in waiting.items() if not count)
        order: list[NodeId] = []
        while layer:
            order += layer
            following = []
            for id in layer:
                for child in children[id]:
                    waiting[child] -= 1
                    if not waiting[child]:
                        following.append(child)
            layer = sorted(following)
        return tuple(order)

    def sort(self, ids: Collection[NodeId]) -> tuple[NodeId, ...]:
        """Those ids, parents before children; ids that the graph does not know come last, by id."""
        chosen = frozenset(ids)
        known = tuple(id for id in self.order if id in chosen)
        unknown = sorted(chosen.difference(self.parents)) if len(known) < len(chosen) else ()
        return known + tuple(unknown)

    def ancestors(self, ids: Iterable[NodeId], depth: int | None = None) -> frozenset[NodeId]:
        """All that the ids stand on, through at most `depth` edges; without the ids themselves."""
        return _reach(self.parents, ids, depth)

    def descendants(self, ids: Iterable[NodeId], depth: int | None = None) -> frozenset[NodeId]:
        """All that stands on the ids, through at most `depth` edges; without the ids themselves."""
        return _reach(self.children, ids, depth)

    def _refuse_circles(self, resource: Callable[[NodeId], Resource | None]) -> None:
        if len(self.order) < len(self.parents):
            raise ProjectError(*circles(self.parents, frozenset(self.order), resource))


def _known(parents: Mapping[NodeId, tuple[NodeId, ...]]) -> Mapping[NodeId, tuple[NodeId, ...]]:
    """The same without parents that are no keys, each parent once."""
    known = parents.keys()
    return {
        id: above
        if not above or (len(above) == 1 and above[0] in known)
        else tuple(dict.fromkeys(parent for parent in above if parent in known))
        for id, above in parents.items()
    }


def _reach(edges: Mapping[NodeId, tuple[NodeId, ...]], ids: Iterable[NodeId], depth: int | None) -> frozenset[NodeId]:
    start = frozenset(ids)
    seen = set(start)
    layer: Collection[NodeId] = [id for id in start if id in edges]
    while layer and depth != 0:
        following = {other for id in layer for other in edges[id]}
        following -= seen
        seen |= following
        layer = following
        depth = None if depth is None else depth - 1
    return frozenset(seen - start)
