"""What must end before what, in a run: the graph narrowed to the chosen nodes, with tests as gates. Nothing is run.

Nodes become steps, numbered from 0. What was not chosen stays as a step that does nothing, so that order passes
through it. A test that gates does not get an edge to each node it holds back, of which there may be very many: the
tests of one node share one silent step between that node and its children. A test over several nodes that do not
stand on each other holds back what stands on all of them; which step that is first true of is found with sets of bits
that are handed down the graph once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence

from eltbuild.graph.graph import Graph
from eltbuild.project.resources import NodeId
from eltbuild.values import dataclass

UNIT_TEST = "unit_test."
UNBUILT = ("exposure.", "saved_query.")
"""What is not built needs no tested parents: it waits for them, and not for their tests, as in dbt."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """Tests over the same several nodes: what stands on all of these waits for them."""

    tests: tuple[int, ...]
    parents: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps and what they wait for."""

    ids: Sequence[NodeId | None]
    """The chosen node of each step; None: a silent step."""
    followers: Sequence[Sequence[int]]
    """The steps that wait for each step."""
    before: Sequence[int]
    """How many steps each step waits for."""
    crossings: Sequence[Crossing]
    held: Mapping[int, int]
    """For steps that also wait for crossings: which, as bits."""
    urgency: Sequence[int]
    """A number for each step, no two alike: the smaller, the sooner it should start."""
    forgiving: frozenset[int] = frozenset()
    """Silent steps behind which nobody is to blame for what lies before them."""


def arrange(
    graph: Graph,
    nodes: Iterable[NodeId],
    gates: Collection[NodeId] = (),
    cost: Mapping[NodeId, float] | None = None,
    after: Mapping[NodeId, Iterable[NodeId]] | None = None,
) -> Steps:
    """The steps of a run of those nodes.

    `after`: nodes that wait for others, however these end, though they do not stand on them; with the graph that must
    make no circle (see `possible`).

    `gates` are the tests that hold back what stands on what they test: a data test the common descendants of its
    parents, a unit test its model itself. `cost` is how long nodes take, in any unit; 1 where it does not tell.
    """
    chosen = frozenset(nodes)
    gating = chosen.intersection(gates)
    region = _region(graph, chosen, gating)
    draft = _Draft(graph, chosen, region, gating)
    draft.connect()
    forgiving = frozenset(draft.wait(id, first) for id, many in (after or {}).items() for first in many)
    urgency = _urgency(draft, cost or {})
    return Steps(draft.ids, draft.followers, draft.before, draft.crossings, draft.held, urgency, forgiving)


def possible(graph: Graph, after: Mapping[NodeId, Collection[NodeId]]) -> Mapping[NodeId, Sequence[NodeId]]:
    """Of these wishes that a node may wait for others, those that can be fulfilled together: without a circle."""
    waiting = {id: len(above) for id, above in graph.parents.items()}
    wished = {id: set(many) & waiting.keys() for id, many in after.items() if id in waiting}
    wishing: dict[NodeId, list[NodeId]] = {}
    for id, many in wished.items():
        for first in many:
            wishing.setdefault(first, []).append(id)
    left = {id: len(many) for id, many in wished.items()}
    found: dict[NodeId, list[NodeId]] = {id: [] for id in wished}
    free = deque(id for id, count in waiting.items() if not count and not left.get(id))
    bound = deque(id for id, count in waiting.items() if not count and left.get(id))
    done: set[NodeId] = set()
    while free or bound:
        id = free.popleft() if free else bound.popleft()
        if id in done:
            continue
        done.add(id)
        for other in wishing.get(id, ()):
            if other not in done:
                found[other].append(id)
                left[other] -= 1
                if not left[other] and not waiting[other]:
                    free.append(other)
        for child in graph.children[id]:
            waiting[child] -= 1
            if not waiting[child]:
                (bound if left.get(child) else free).append(child)
    return {id: many for id, many in found.items() if many}


def _region(graph: Graph, chosen: frozenset[NodeId], gating: frozenset[NodeId]) -> Sequence[NodeId]:
    """The chosen nodes and all that lies between them or between what is tested and them; parents first."""
    if len(chosen) * 2 < len(graph.parents):
        tested = {parent for test in gating for parent in graph.parents.get(test, ())}
        roots = chosen | tested
        between = graph.descendants(roots) & graph.ancestors(chosen)
        return graph.sort(roots | between)
    unknown = chosen - graph.parents.keys()
    return [*graph.order, *sorted(unknown)] if unknown else graph.order


class _Draft:
    """Steps in the making."""

    def __init__(
        self, graph: Graph, chosen: frozenset[NodeId], region: Sequence[NodeId], gating: frozenset[NodeId]
    ) -> None:
        self.graph = graph
        self.region = region
        self.gating = gating
        self.ids: list[NodeId | None] = [id if id in chosen else None for id in region]
        self.followers: list[list[int]] = [[] for _ in region]
        self.before: list[int] = [0] * len(region)
        self.step = {id: number for number, id in enumerate(region)}
        self.entry: dict[NodeId, int] = {}
        """The silent step in front of a node with unit tests: there its parents end, and its unit tests begin."""
        self.exit: dict[NodeId, int] = {}
        """The silent step behind a node with tests of its own: there they have ended."""
        self.crossings: list[Crossing] = []
        self.held: dict[int, int] = {}

    def connect(self) -> None:
        """Add every edge."""
        crossing: dict[frozenset[NodeId], list[int]] = {}
        for test in self.gating:
            tested = [parent for parent in self.graph.parents.get(test, ()) if parent in self.step]
            if not tested:
                continue
            anchor = self._anchor(tested)
            if test.startswith(UNIT_TEST):
                for parent in tested:
                    self._unit_gate(test, parent)
            elif anchor is not None:
                self._edge(self.step[test], self._exit(anchor))
            else:
                crossing.setdefault(frozenset(tested), []).append(self.step[test])
        for id in self.region:
            self._parents(id)
        if crossing:
            self.crossings = [
                Crossing(tuple(sorted(tests)), tuple(sorted(parents)))
                for parents, tests in sorted(crossing.items(), key=lambda item: (-len(item[0]), sorted(item[0])))
            ]
            self._hold_back()

    def _anchor(self, tested: Sequence[NodeId]) -> NodeId | None:
        """The one node on whose descendants alone the test can have a claim, where a look at its parents tells."""
        if len(tested) == 1:
            return tested[0]
        for id in tested:
            above = self.graph.parents[id]
            if all(other == id or other in above for other in tested):
                return id
        return None

    def _parents(self, id: NodeId) -> None:
        if id.startswith(UNIT_TEST) and id in self.gating:
            return
        step, exit, target = self.step, self.exit, self.entry.get(id, self.step[id])
        plain = id in self.gating or id.startswith(UNBUILT)
        for parent in self.graph.parents.get(id, ()):
            number = step.get(parent)
            if number is not None:
                self._edge(number if plain else exit.get(parent, number), target)

    def _edge(self, first: int, then: int) -> None:
        self.followers[first].append(then)
        self.before[then] += 1

    def _silent(self) -> int:
        self.ids.append(None)
        self.followers.append([])
        self.before.append(0)
        return len(self.ids) - 1

    def _exit(self, id: NodeId) -> int:
        if id not in self.exit:
            self.exit[id] = self._silent()
            self._edge(self.step[id], self.exit[id])
        return self.exit[id]

    def wait(self, id: NodeId, first: NodeId) -> int:
        """A node waits for another one; the silent step between them."""
        between = self._silent()
        if id in self.step and first in self.step:
            self._edge(self.step[first], between)
            self._edge(between, self.entry.get(id, self.step[id]))
        return between

    def _unit_gate(self, test: NodeId, model: NodeId) -> None:
        if model not in self.entry:
            self.entry[model] = self._silent()
            self._edge(self.entry[model], self.step[model])
        self._edge(self.entry[model], self.step[test])
        self._edge(self.step[test], self.step[model])

    def _hold_back(self) -> None:
        """Find, for each crossing, the first nodes that stand on all of its parents.

        In plane k, bit c tells whether the k-th parent of crossing c lies above. All planes set: all of them do. Fewer
        crossings reach the deeper planes, and they come first, so these planes are narrow.
        """
        depth = len(self.crossings[0].parents)
        everything = (1 << len(self.crossings)) - 1
        own: dict[NodeId, list[tuple[int, int]]] = {}
        without: list[int] = []
        for plane in range(depth):
            reach = 0
            for number, crossing in enumerate(self.crossings):
                if len(crossing.parents) > plane:
                    own.setdefault(crossing.parents[plane], []).append((plane, 1 << number))
                    reach |= 1 << number
            without.append(everything & ~reach)
        left = dict.fromkeys(self.region, 0)
        for id in self.region:
            if id not in self.gating:
                for parent in self.graph.parents.get(id, ()):
                    if parent in left:
                        left[parent] += 1
        below: dict[NodeId, list[int]] = {}
        for id in self.region:
            if id in self.gating:
                continue
            above = [parent for parent in self.graph.parents.get(id, ()) if parent in below]
            planes = _merged([below[parent] for parent in above], depth) if above else None
            if planes is not None:
                new = self._all_above(planes, without) & ~planes[depth]
                if new:
                    self.held[self.entry.get(id, self.step[id])] = new
                    planes = [*planes[:depth], planes[depth] | new]
            mine = own.get(id)
            if mine:
                planes = list(planes) if planes is not None else [0] * (depth + 1)
                for plane, bit in mine:
                    planes[plane] |= bit
            if planes is not None and left[id]:
                below[id] = planes
            for parent in above:
                left[parent] -= 1
                if not left[parent]:
                    del below[parent]

    @staticmethod
    def _all_above(planes: Sequence[int], without: Sequence[int]) -> int:
        found = planes[0] | without[0]
        for plane, absent in zip(planes[1:-1], without[1:], strict=True):
            if not found:
                break
            found &= plane | absent
        return found


def _merged(many: Sequence[list[int]], depth: int) -> list[int]:
    if len(many) == 1:
        return many[0]
    merged = list(many[0])
    for planes in many[1:]:
        for plane in range(depth + 1):
            merged[plane] |= planes[plane]
    return merged


def _urgency(draft: _Draft, cost: Mapping[NodeId, float]) -> list[int]:
    """The rank of each step by the length of the longest way that begins with it; ties by id."""
    rest = [0.0] * len(draft.ids)
    for step in reversed(_sorted(draft)):
        id = draft.ids[step]
        own = 0.0 if id is None else cost.get(id, 1.0)
        rest[step] = own + max([rest[follower] for follower in draft.followers[step]], default=0.0)
    for crossing in draft.crossings:
        least = min(rest[draft.step[parent]] for parent in crossing.parents)
        for test in crossing.tests:
            rest[test] = max(rest[test], least)
    names = draft.ids
    ranked = sorted(range(len(rest)), key=lambda step: (-rest[step], names[step] or "", step))
    urgency = [0] * len(ranked)
    for rank, step in enumerate(ranked):
        urgency[step] = rank
    return urgency


def _sorted(draft: _Draft) -> list[int]:
    waiting = list(draft.before)
    order = [step for step, count in enumerate(waiting) if not count]
    for step in order:
        for follower in draft.followers[step]:
            waiting[follower] -= 1
            if not waiting[follower]:
                order.append(follower)
    return order
