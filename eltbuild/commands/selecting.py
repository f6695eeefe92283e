"""Which resources a call means: the selection, the types of the command, and state to compare with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from eltbuild.commands.opening import Opened, folder_of, judged
from eltbuild.commands.options import Options
from eltbuild.errors import Problem, UsageError, did_you_mean
from eltbuild.graph.graph import Graph
from eltbuild.graph.select import (
    SelectionContext,
    Selector,
    default_selector,
    parse_selection,
    parse_selectors,
    select,
    warnings,
)
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.native import has_jinja, render_native
from eltbuild.project.names import base_names, with_target
from eltbuild.project.project import Project
from eltbuild.project.resources import Node, NodeId, Resource
from eltbuild.values import dataclass

BUILDABLE = ("model", "seed", "snapshot", "test", "unit_test", "exposure", "saved_query", "function")
LISTED = (
    "model", "seed", "snapshot", "test", "unit_test", "exposure", "source", "analysis", "metric", "semantic_model",
    "saved_query", "function",
)  # fmt: skip

TYPES: Mapping[str, tuple[str, ...]] = {
    "build": BUILDABLE,
    "run": ("model",),
    "test": ("test", "unit_test"),
    "seed": ("seed",),
    "snapshot": ("snapshot",),
    "clone": ("model", "seed", "snapshot"),
    "compile": ("model", "snapshot", "test", "analysis", "seed", "function"),
    "show": ("model", "snapshot", "test", "analysis", "seed"),
    "plan": BUILDABLE,
    "profile": ("model", "seed", "snapshot", "source"),
    "diff": LISTED,
    "check-incremental": ("model",),
    "unit-test": ("unit_test",),
    "record": ("model",),
    "mutate": ("model",),
    "ls": LISTED,
    "freshness": ("source",),
    "freshness of everything": ("source", "model", "seed", "snapshot"),
    "docs": LISTED,
}
"""The types of resources that each command takes."""

UNASKED: Mapping[str, frozenset[str]] = {"ls": frozenset({"analysis"})}
"""The types that a command takes only where they are named, as dbt has it."""

WITH_EMPTY = frozenset({"ls", "docs"})
"""The commands that take files too in which nothing is written; the others pass over them, as dbt does."""

ALL_TYPES = frozenset(LISTED) | {"default", "all"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a call works on. `ids` in topological order; `warnings` on criteria that named nothing."""

    graph: Graph
    ids: tuple[NodeId, ...]
    warnings: tuple[Problem, ...] = ()

    def resources(self, project: Project) -> tuple[Resource, ...]:
        """The resources themselves, in order."""
        found = (project.resource(id) for id in self.ids)
        return tuple(resource for resource in found if resource is not None)


def choose(opened: Opened, command: str) -> Chosen:
    """The resources that a command takes from those that its flags select. Raises `UsageError`."""
    project, options = opened.project, opened.options
    graph = Graph.of(project)
    selector = selector_of(project, options, command)
    context = context_of(opened, selector)
    selection = select(project, graph, selector, context)
    wanted = types_of(options, command)
    ids = [id for id in selection.ids if _type(project, id) in wanted]
    empty = [] if command in WITH_EMPTY else [id for id in ids if _is_empty(project, id)]
    told = (*judged(warnings(project, selection), options), *(_passed_over(project.nodes[id]) for id in empty))
    return Chosen(graph, graph.sort([id for id in ids if id not in empty]), told)


def of_ids(opened: Opened, ids: Iterable[NodeId]) -> Chosen:
    """Exactly these resources. Raises `UsageError` for an id that the project does not have."""
    found = tuple(ids)
    missing = [id for id in found if opened.project.resource(id) is None]
    if missing:
        raise UsageError(Problem(f"the project has no `{missing[0]}`"))
    graph = Graph.of(opened.project)
    return Chosen(graph, graph.sort(found))


def _type(project: Project, id: NodeId) -> str:
    resource = project.resource(id)
    return resource.resource_type if resource is not None else ""


def _is_empty(project: Project, id: NodeId) -> bool:
    """Whether nothing but white space stands in the file of a node."""
    node = project.nodes.get(id)
    return node is not None and node.resource_type != "seed" and node.test is None and not node.code.strip()


def _passed_over(node: Node) -> Problem:
    return Problem(
        f"{node.resource_type} `{node.name}` is an empty file, and is not run", node.place, severity="warning"
    )


def types_of(options: Options, command: str) -> frozenset[str]:
    """The types that a command takes, narrowed by `--resource-type` and `--exclude-resource-type`."""
    own = frozenset(TYPES[command])
    given = _types(options.resource_type)
    left_out = _types(options.exclude_resource_type)
    if "all" in given:
        given = frozenset(LISTED)
    chosen = own - UNASKED.get(command, frozenset()) if not given or "default" in given else given & own
    return chosen - left_out


def _types(names: Iterable[str]) -> frozenset[str]:
    found = {name.strip().lower() for word in names for name in word.split() if name.strip()}
    for name in found - ALL_TYPES:
        raise UsageError(Problem(f"there is no resource type `{name}`", hint=did_you_mean(name, ALL_TYPES)))
    return frozenset(found)


def selector_of(project: Project, options: Options, command: str) -> Selector:
    """What `--select`, `--exclude` and `--selector` mean; without any, the project's default selector."""
    name = options.selector
    if name is None and not options.select and not options.exclude:
        name = default_selector(project.selectors, lambda value: _rendered(project, value))
    if name is not None:
        named = parse_selectors(project.selectors)
        if name not in named:
            hint = did_you_mean(name, named) or "selectors are named in selectors.yml"
            raise UsageError(Problem(f"there is no selector `{name}`", hint=hint))
        return named[name]
    return parse_selection(options.select, options.exclude)


def _rendered(project: Project, value: Any) -> Any:
    """The value of `default:`, whose Jinja knows the environment, variables and the target. Raises `UsageError`."""
    if not isinstance(value, str) or not has_jinja(value):
        return value
    vars = {**project.settings.vars, **project.vars}
    names = with_target(base_names(project.environment, vars, secrets_allowed=False), project.target)
    try:
        return render_native(value, names)
    except TemplateError as error:
        raise UsageError(Problem(f"the `default` of a selector cannot be rendered: {error.message}")) from None


def context_of(opened: Opened, selector: Selector) -> SelectionContext:
    """What the selection compares with: the artifacts in `--state`, where the selection asks for them."""
    options = opened.options
    methods = _methods(selector, opened.project)
    state: dict[str, Any] = {}
    folder = state_folder(opened)
    if folder is not None and methods & {"state", "result", "source_status"}:
        from eltbuild.graph.state import load_results, load_sources, load_state

        if "state" in methods:
            state["previous"] = load_state(folder)
        if "result" in methods:
            state["results"] = load_results(folder)
        if "source_status" in methods:
            state["sources_before"] = load_sources(folder)
    if "source_status" in methods and (opened.target_folder / "sources.json").is_file():
        from eltbuild.graph.state import load_sources

        state["sources_now"] = load_sources(opened.target_folder)
    return SelectionContext(
        indirect=options.indirect_selection or "eager",  # type: ignore[arg-type]
        root=str(opened.root),
        package=opened.project.settings.name,
        now=opened.session.invocation.started_at,
        **state,
    )


def state_folder(opened: Opened) -> Path | None:
    """The folder of `--state`, as the project means it."""
    given = opened.options.state
    return folder_of(opened.root, given) if given else None


def _methods(selector: Selector, project: Project) -> set[str]:
    from eltbuild.graph.selectors import criteria

    found = {criterion.method.split(".")[0] for criterion in criteria(selector)}
    if "selector" in found:
        found |= {"state", "result", "source_status"} if _mentions_state(project) else set()
    return found


def _mentions_state(project: Project) -> bool:
    text = repr(project.selectors)
    return any(word in text for word in ("state:", "'state'", "result:", "'result'", "source_status"))
