"""What people call a node: its kind, its name, where its text lies."""

from __future__ import annotations

from collections.abc import Callable

from eltbuild.errors import Place
from eltbuild.project.project import Project
from eltbuild.project.projection import compiled_path, stands
from eltbuild.project.resources import Exposure, Node, NodeId, Resource, Source, UnitTest, Unmanaged
from eltbuild.report.text import clean
from eltbuild.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Label:
    """`kind` as in `table` or `test`; `name` as in `main.orders`; `resource` is dbt's word for the type."""

    kind: str
    name: str
    resource: str = "model"
    place: Place | None = None
    compiled: str | None = None
    """Where its compiled SQL is written, relative to the project."""


Lookup = Callable[[NodeId], Label]


def labels(project: Project, kind: str = "") -> Lookup:
    """A function from ids to labels, which remembers what it was asked. `kind`: what the run makes of every node."""
    known: dict[NodeId, Label] = {}

    def label(id: NodeId) -> Label:
        found = known.get(id)
        if found is None:
            found = label_of(id, project.resource(id), project.settings.target_path)
            if kind:
                found = replace(found, kind=kind)
            if not found.name.isprintable():
                found = replace(found, name=clean(found.name).replace("\n", " "))
            known[id] = found
        return found

    return label


def label_of(id: NodeId, resource: Resource | None, target_path: str = "target") -> Label:
    """The label of a resource; an id that nothing has is its own name."""
    match resource:
        case Node():
            return _node(resource, target_path)
        case Source():
            name = f"{resource.source_name}.{resource.name}"
            return Label("source", name, "source", resource.place or Place(resource.original_path))
        case Exposure():
            return Label("exposure", resource.name, "exposure", resource.place)
        case UnitTest():
            version = "" if resource.version is None else f"_v{resource.version}"
            name = f"{resource.model}::{resource.name}{version}"
            place = resource.place or Place(resource.original_path)
            return Label("unit test", name, "unit_test", place, compiled_path(resource, target_path))
        case Unmanaged():
            kind = resource.resource_type.replace("_", " ")
            return Label(kind, resource.name, resource.resource_type, resource.place)
        case _:
            return Label("", id, id.partition(".")[0])


def _node(node: Node, target_path: str) -> Label:
    place = node.place or Place(node.project_path)
    compiled = compiled_path(node, target_path)
    if node.resource_type == "test":
        return Label("test", node.name, "test", place, compiled)
    if node.resource_type == "operation":
        return Label("hook", node.name, "operation", place, compiled)
    if node.relation is None or not stands(node):
        return Label(node.materialized, node.name, node.resource_type, place, compiled)
    name = ".".join(part for part in (node.relation.schema, node.relation.identifier) if part)
    return Label(node.materialized, name, node.resource_type, place, compiled)
