"""A selector and a project give ids: walks over the graph, set algebra, and the tests that come along.

What a single method finds is in `methods`; how a selector is written, in `selectors` and `definitions`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce

from eltbuild.errors import Problem, ProjectError, UsageError, did_you_mean
from eltbuild.graph.definitions import default_selector, parse_definition, parse_selectors
from eltbuild.graph.graph import Graph
from eltbuild.graph.index import Index, SelectionContext
from eltbuild.graph.methods import find
from eltbuild.graph.patterns import matcher
from eltbuild.graph.selectors import (
    INDIRECT,
    Criterion,
    Difference,
    Everything,
    Indirect,
    Intersection,
    Selector,
    Union,
    parse_criterion,
    parse_selection,
)
from eltbuild.project.project import Project
from eltbuild.project.resources import NodeId
from eltbuild.values import dataclass, field

__all__ = [
    "INDIRECT", "Criterion", "Difference", "Everything", "Indirect", "Intersection", "Selection", "SelectionContext",
    "Selector", "Union", "default_selector", "parse_criterion", "parse_definition", "parse_selection",
    "parse_selectors", "select", "warnings",
]  # fmt: skip

Ids = frozenset[NodeId]
NOTHING: Ids = frozenset()


@dataclass(frozen=True, slots=True)
class Selection:
    """What a selector names; `unmatched` are its criteria that name nothing, as written."""

    ids: frozenset[NodeId]
    unmatched: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Warnings of what was compared: contracts that no version guards, and that are broken."""


def select(project: Project, graph: Graph, selector: Selector, context: SelectionContext | None = None) -> Selection:
    """The ids that the selector names: resources of every type, tests that come along included.

    Raises `UsageError` for a criterion that cannot be understood or lacks what it compares with, and `ProjectError`
    for what `selectors.yml` or a contract gets wrong.
    """
    search = _Search(Index(project, graph, context or SelectionContext()))
    found = search.noted(selector)
    problems = search.index.problems
    broken = [problem for problem in problems if problem.severity == "error"]
    if broken:
        raise ProjectError(*broken)
    return Selection(found.direct & search.index.ids, tuple(dict.fromkeys(search.unmatched)), problems)


def warnings(project: Project, selection: Selection) -> tuple[Problem, ...]:
    """The problems of a selection, and a warning for each criterion that matched nothing, with the nearest name."""
    names = {resource.name for resource in project.resources() if resource.resource_type != "test"}
    return selection.problems + tuple(
        Problem(
            f"the selection criterion `{text}` matches nothing that is enabled",
            hint=did_you_mean(text.strip("@+0123456789").rpartition(":")[2], names),
            severity="warning",
            name="NoNodesForSelectionCriteria",
        )
        for text in selection.unmatched
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """`direct`: what is named. `loose`: tests of it that may come along, once all that they test is named."""

    direct: Ids
    loose: Ids = NOTHING


@dataclass(slots=True)
class _Search:
    """One evaluation of a selector. Criteria that match nothing are collected on the way."""

    index: Index
    unmatched: list[str] = field(default_factory=list)
    named: dict[str, _Found] = field(default_factory=dict)
    definitions: Mapping[str, Selector] | None = None

    def find(self, selector: Selector) -> _Found:
        """What the selector finds, and what came along."""
        match selector:
            case Everything():
                return _Found(self.index.ids)
            case Criterion():
                return self._criterion(selector)
            case Union(parts=parts):
                return self._gather(selector, [self.noted(part) for part in parts], _all)
            case Intersection(parts=parts):
                return self._gather(selector, [self.find(part) for part in parts], _common)
            case Difference(base=base, minus=minus):
                return self._gather(selector, [self.noted(base), self.noted(minus)], _first_without_rest)

    def noted(self, part: Selector) -> _Found:
        """What a part names; when that is nothing, its text is kept for a warning."""
        found = self.find(part)
        if not found.direct and isinstance(part, Criterion | Intersection):
            self.unmatched.append(part.text)
        return found

    def _criterion(self, criterion: Criterion) -> _Found:
        if criterion.method == "selector":
            found = self._inherited(str(criterion.value))
            return _Found(self._walk(criterion, found.direct), found.loose)
        chosen = self._walk(criterion, frozenset(find(self.index, criterion.method, criterion.value)))
        return self._with_tests(chosen, criterion.indirect or self.index.context.indirect)

    def _walk(self, criterion: Criterion, start: Ids) -> Ids:
        graph = self.index.graph
        if criterion.childrens_parents:
            below = start | graph.descendants(start)
            return below | graph.ancestors(below)
        above = graph.ancestors(start, criterion.parents_depth) if criterion.parents else NOTHING
        below = graph.descendants(start, criterion.children_depth) if criterion.children else NOTHING
        return start | above | below

    def _with_tests(self, chosen: Ids, mode: Indirect) -> _Found:
        """What was chosen, with the tests of it that the mode takes along at once."""
        if mode == "empty":
            return _Found(chosen)
        children, tests = self.index.graph.children, self.index.tests
        near = {child for id in chosen for child in children.get(id, ()) if child in tests} - chosen
        if mode == "eager":
            return _Found(chosen | near)
        taken = self._satisfied(near, chosen, mode)
        return _Found(chosen | taken, frozenset(near - taken))

    def _satisfied(self, tests: set[NodeId] | Ids, chosen: Ids, mode: Indirect) -> Ids:
        """The tests all of whose parents are chosen or, if `buildable`, stand above what is chosen or are sources."""
        if not tests:
            return NOTHING
        enough = chosen
        if mode == "buildable":
            enough = chosen | self.index.graph.ancestors(chosen) | self.index.project.sources.keys()
        parents = self.index.graph.parents
        return frozenset(test for test in tests if enough.issuperset(parents[test]))

    def _gather(
        self, group: Union | Intersection | Difference, found: list[_Found], combine: Callable[[list[Ids]], Ids]
    ) -> _Found:
        direct = combine([part.direct for part in found])
        loose = combine([part.loose for part in found])
        mode = self.index.context.indirect
        if group.gathers and mode in ("cautious", "buildable"):
            direct |= self._satisfied(loose, direct, mode)
        return _Found(direct, loose)

    def _inherited(self, pattern: str) -> _Found:
        """What the selectors of that name find together. Raises `UsageError` when there is none."""
        if self.definitions is None:
            self.definitions = parse_selectors(self.index.project.selectors)
        names = list(filter(matcher(pattern), self.definitions))
        if not names:
            hint = did_you_mean(pattern, self.definitions) or "selectors are defined in selectors.yml"
            raise UsageError(Problem(f"there is no selector `{pattern}`", hint=hint))
        for name in names:
            if name not in self.named:
                self.named[name] = self.noted(self.definitions[name])
        found = [self.named[name] for name in names]
        return _Found(_all([part.direct for part in found]), _all([part.loose for part in found]))


def _all(sets: list[Ids]) -> Ids:
    return NOTHING.union(*sets)


def _common(sets: list[Ids]) -> Ids:
    return reduce(frozenset.intersection, sets) if sets else NOTHING


def _first_without_rest(sets: list[Ids]) -> Ids:
    return sets[0].difference(*sets[1:])
