"""A project as selection asks for it: by name, folder, file. Nothing is selected here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

from eltbuild.errors import Problem
from eltbuild.graph.comparison import Comparison
from eltbuild.graph.graph import Graph
from eltbuild.graph.selectors import Indirect
from eltbuild.graph.state import SourceResult, State
from eltbuild.project.project import Project
from eltbuild.project.resources import Node, NodeId, Resource
from eltbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class SelectionContext:
    """What a selection depends on besides the project."""

    indirect: Indirect = "eager"
    root: str = ""
    """The project's folder: absolute paths of `path:` are read against it."""
    package: str = ""
    """The name that `package:this` means; "" for the project's own."""
    previous: State | None = None
    """The state that `state:` compares with."""
    now: datetime | None = None
    """The time of the call; None for the clock's."""
    results: Mapping[NodeId, str] | None = None
    """The statuses of an earlier run, for `result:`."""
    sources_before: Mapping[NodeId, SourceResult] | None = None
    sources_now: Mapping[NodeId, SourceResult] | None = None


class Index:
    """What methods ask again and again, worked out once, when first asked."""

    def __init__(self, project: Project, graph: Graph, context: SelectionContext) -> None:
        self.project = project
        self.graph = graph
        self.context = context

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        """All that can be selected; operations cannot."""
        return tuple(r for r in self.project.resources() if r.resource_type != "operation")

    @cached_property
    def ids(self) -> frozenset[NodeId]:
        """The ids of `resources`."""
        return frozenset(resource.id for resource in self.resources)

    @cached_property
    def tests(self) -> frozenset[NodeId]:
        """What can be taken along with what it tests: data tests and unit tests."""
        return frozenset(r.id for r in self.resources if r.resource_type in ("test", "unit_test"))

    @cached_property
    def named(self) -> tuple[Resource, ...]:
        """The resources that have a dotted name of their own: all but sources."""
        return tuple(resource for resource in self.resources if resource.resource_type != "source" and resource.fqn)

    @cached_property
    def leaves(self) -> Mapping[str, list[NodeId]]:
        """The resources by their last name; versions by the model's name, `model.v1` and `model_v1`."""
        leaves: dict[str, list[NodeId]] = {}
        for resource in self.named:
            fqn = resource.fqn
            for leaf in _version_leaves(fqn) if is_version(resource) else fqn[-1:]:
                leaves.setdefault(leaf, []).append(resource.id)
        return leaves

    @cached_property
    def folders(self) -> Mapping[str, list[tuple[str, NodeId]]]:
        """The resources in each dotted folder with the last part of their names; dots in names count as folders."""
        folders: dict[str, list[tuple[str, NodeId]]] = {}
        for resource in self.named:
            folder, _, last = ".".join(resource.fqn).rpartition(".")
            folders.setdefault(folder, []).append((last, resource.id))
        return folders

    @cached_property
    def files(self) -> Mapping[tuple[str, str], list[NodeId]]:
        """The resources written in each file, by the folder of its package and the path within."""
        files: dict[tuple[str, str], list[NodeId]] = {}
        for resource in self.resources:
            files.setdefault((resource.root, resource.original_path), []).append(resource.id)
        return files

    @cached_property
    def patches(self) -> Mapping[tuple[str, str], list[NodeId]]:
        """The resources described by each properties file that is not their own, by package folder and path."""
        patches: dict[tuple[str, str], list[NodeId]] = {}
        for node in self.project.nodes.values():
            if node.patch_path:
                path = node.patch_path.partition("://")[2] or node.patch_path
                patches.setdefault((node.root, path), []).append(node.id)
        return patches

    @cached_property
    def paths(self) -> frozenset[str]:
        """The files that hold or describe something of the project itself, and all folders above them."""
        paths = {path for root, path in (*self.files, *self.patches) if not root}
        for path in tuple(paths):
            folder = path.rpartition("/")[0]
            while folder and folder not in paths:
                paths.add(folder)
                folder = folder.rpartition("/")[0]
        return frozenset(paths | {""})

    @cached_property
    def comparison(self) -> Comparison:
        """The project beside the state of the context, which must be there."""
        assert self.context.previous is not None
        return Comparison(self.project, self.context.previous, self.context.now)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What comparing brought to light; nothing is compared for it."""
        return tuple(self.comparison.problems) if "comparison" in self.__dict__ else ()


def is_version(resource: Resource) -> bool:
    """Whether it is one version of a model, so that the last name of its fqn is the version."""
    return isinstance(resource, Node) and resource.version is not None and len(resource.fqn) > 1


def _version_leaves(fqn: tuple[str, ...]) -> tuple[str, ...]:
    return (fqn[-2], f"{fqn[-2]}.{fqn[-1]}", f"{fqn[-2]}_{fqn[-1]}")
