"""Resources as `ls` prints them: names, paths, selectors, or JSON with the keys asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from eltbuild.project.project import Project
from eltbuild.project.projection import Fields, Frame, frame_of, resource_dict
from eltbuild.project.resources import Node, Resource, Source, UnitTest
from eltbuild.report.artifacts import encode_json

Output = Literal["name", "path", "selector", "json"]

DEFAULT_KEYS = (
    "name", "resource_type", "package_name", "original_file_path", "unique_id", "alias", "source_name", "config",
    "tags", "depends_on", "direct_parents",
)  # fmt: skip
"""What a row of JSON has when no keys are named, as far as the resource has it."""

PREFIXED = {"exposure", "metric", "saved_query", "semantic_model", "unit_test"}
"""Types whose selector is `<type>:<package>.<name>`."""


def listing(
    resources: Iterable[Resource], project: Project, *, output: Output = "selector", keys: Sequence[str] = ()
) -> Iterator[str]:
    """One line for each resource, sorted by id; `keys` only matter for JSON, where dots lead into mappings."""
    row = ROWS[output] if output != "json" else json_row(frame_of(project), keys)
    for resource in sorted(resources, key=lambda resource: resource.id):
        yield row(resource)


def name_row(resource: Resource) -> str:
    """`orders`, `orders.v2`, `raw.events`; a unit test of a version as `counts_v2`."""
    match resource:
        case Source():
            return f"{resource.source_name}.{resource.name}"
        case Node(version=version) if version is not None:
            return f"{resource.name}.v{version}"
        case UnitTest(version=version) if version is not None:
            return f"{resource.name}_v{version}"
        case _:
            return resource.name


def path_row(resource: Resource) -> str:
    """The file, relative to its package."""
    return resource.original_path


def selector_row(resource: Resource) -> str:
    """What `--select` finds it by: `shop.marts.orders`, `source:shop.raw.events`."""
    match resource:
        case Source():
            return f"source:{resource.package}.{resource.source_name}.{resource.name}"
        case Node():
            return ".".join(resource.fqn)
    if resource.resource_type in PREFIXED:
        return f"{resource.resource_type}:{resource.package}.{name_row(resource)}"
    return ".".join(resource.fqn) or f"{resource.package}.{resource.name}"


ROWS: Mapping[str, Callable[[Resource], str]] = {"name": name_row, "path": path_row, "selector": selector_row}


def json_row(frame: Frame, keys: Sequence[str] = ()) -> Callable[[Resource], str]:
    """A function from a resource to one line of JSON with the keys that it has."""

    def row(resource: Resource) -> str:
        fields = resource_dict(resource, frame)
        if resource.resource_type == "model":
            fields["direct_parents"] = direct_parents(fields)
        wanted = dotted(fields, keys) if keys else {key: fields[key] for key in DEFAULT_KEYS if key in fields}
        return spaced(encode_json(wanted))

    return row


def spaced(text: bytes) -> str:
    """JSON with a space behind every colon and comma, as scripts that search dbt's lines expect it."""
    import json

    return json.dumps(json.loads(text), ensure_ascii=False)


def direct_parents(fields: Fields) -> list[str]:
    """What a model refers to itself."""
    return list(fields["depends_on"]["nodes"])


_ABSENT = object()


def dotted(fields: Mapping[str, Any], keys: Iterable[str]) -> Fields:
    """The values at each key, under the key as written; a dot leads into a mapping. What is absent is left out."""
    found = {}
    for key in keys:
        value = at_path(fields, key)
        if value is not _ABSENT:
            found[key] = value
    return found


def at_path(fields: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path: keys that hold dots themselves are tried first."""
    if path in fields:
        return fields[path]
    head, dot, rest = path.partition(".")
    while dot:
        inner = fields.get(head, _ABSENT)
        if isinstance(inner, Mapping):
            return at_path(inner, rest)
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return _ABSENT
