"""How a project differs from an earlier state of it, change by change. What is a change is decided in `comparison`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any, Literal

from eltbuild.errors import Place
from eltbuild.graph.comparison import ADD_OR_VERSION, DEPRECATE, NEW_VERSION, Comparison, compared, kind_of
from eltbuild.graph.contracts import Detail, contract_details, removed_promise
from eltbuild.graph.graph import Graph
from eltbuild.graph.state import Before
from eltbuild.graph.written import plain
from eltbuild.project.resources import Node, NodeId, Resource, Source, UnitTest
from eltbuild.values import dataclass

ChangeKind = Literal["added", "removed", "modified"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One resource that is new, gone or other than before."""

    id: NodeId
    resource_type: str
    name: str
    change: ChangeKind
    aspects: tuple[str, ...] = ()
    """In what it was modified: `body`, `configs`, `contract`, `macros` ..."""
    details: tuple[Detail, ...] = ()
    place: Place | None = None
    hint: str = ""
    affects: tuple[NodeId, ...] = ()
    """Of what breaks a contract: what stands on it; where it is gone, what referred to it before."""

    @property
    def breaking(self) -> bool:
        """Whether it breaks what an enforced contract had promised."""
        return any(detail.breaking for detail in self.details)


@dataclass(frozen=True, slots=True)
class Differences:
    """All changes, by kind of resource and name; and what is as it was and stands on what is not."""

    changes: tuple[Change, ...]
    affected: tuple[NodeId, ...]

    @property
    def breaking(self) -> tuple[Change, ...]:
        """The changes that break a contract."""
        return tuple(change for change in self.changes if change.breaking)


def differences(comparison: Comparison, graph: Graph, types: frozenset[str]) -> Differences:
    """What differs of the resources of those types, and what stands on it."""
    found: list[Change] = []
    changed: list[NodeId] = []
    for resource in comparison.project.resources():
        change = _compared(comparison, graph, resource)
        if change is None:
            continue
        changed.append(resource.id)
        if resource.resource_type in types:
            found.append(change)
    found += [_removed(comparison, before) for before in comparison.removed if before.resource_type in types]
    starts = {change.id for change in found}
    affected = graph.sort(graph.descendants(starts) - frozenset(changed))
    return Differences(tuple(sorted(found, key=lambda change: (change.resource_type, change.id))), affected)


def _compared(comparison: Comparison, graph: Graph, resource: Resource) -> Change | None:
    before = comparison.before(resource)
    place = getattr(resource, "patch_place", None) or resource.place
    if before is None:
        return Change(
            id=resource.id, resource_type=resource.resource_type, name=name_of(resource), change="added",
            place=resource.place,
        )  # fmt: skip
    aspects = comparison.aspects(resource, before)
    if not aspects:
        return None
    details = tuple(_details(comparison, resource, before, aspects))
    breaking = any(detail.breaking for detail in details)
    return Change(
        id=resource.id,
        resource_type=resource.resource_type,
        name=name_of(resource),
        change="modified",
        aspects=aspects,
        details=details,
        place=place if "contract" in aspects else resource.place,
        hint=(ADD_OR_VERSION if before.version is None else NEW_VERSION) if breaking else "",
        affects=graph.sort(graph.descendants([resource.id])) if breaking else (),
    )


def _removed(comparison: Comparison, before: Before) -> Change:
    disabled = before.unique_id in comparison.disabled
    broken = removed_promise(before, disabled, comparison.now)
    renamed = _renamed(comparison, before)
    details = [broken] if broken is not None else [Detail("disabled", "it was disabled")] if disabled else []
    if renamed is not None:
        details.append(Detail("renamed", f"`{name_of(renamed)}` is new and has the same text", renamed.name))
    return Change(
        id=before.unique_id,
        resource_type=before.resource_type,
        name=_name_before(before),
        change="removed",
        details=tuple(details),
        place=Place(before.original_file_path) if before.original_file_path else None,
        hint=DEPRECATE if broken is not None else "",
        affects=tuple(comparison.readers.get(before.unique_id, ())) if broken is not None else (),
    )


def _renamed(comparison: Comparison, before: Before) -> Node | None:
    """The new node with the very text of one that is gone."""
    if not (before.raw_code or "").strip() or before.resource_type == "test":
        return None
    same = (node for node in comparison.project.nodes.values() if node.code == before.raw_code)
    alike = (node for node in same if node.resource_type == before.resource_type)
    return next((node for node in alike if comparison.before(node) is None), None)


def name_of(resource: Resource) -> str:
    """What people call it: `orders`, `orders.v2`, `raw.events`, `orders::counts_all`."""
    match resource:
        case Source():
            return f"{resource.source_name}.{resource.name}"
        case UnitTest():
            return f"{resource.model}::{resource.name}"
        case Node(version=version) if version is not None:
            return f"{resource.name}.v{version}"
    return resource.name


def _name_before(before: Before) -> str:
    if before.resource_type == "source":
        return ".".join(before.unique_id.split(".")[2:]) or before.name
    if before.resource_type == "unit_test":
        return f"{before.model}::{before.name}"
    return before.name if before.version is None else f"{before.name}.v{before.version}"


# Details


def _details(comparison: Comparison, resource: Any, before: Before, aspects: Iterable[str]) -> Iterator[Detail]:
    for aspect in aspects:
        tell = _TELLING.get((kind_of(resource), aspect)) or _TELLING.get(("", aspect))
        if tell is not None:
            yield from tell(comparison, resource, before)


Tell = Callable[[Comparison, Any, Before], Iterable[Detail]]


def _contract(comparison: Comparison, node: Node, before: Before) -> Iterable[Detail]:
    return contract_details(node, before)


def _body(comparison: Comparison, node: Node, before: Before) -> Iterator[Detail]:
    then, now = (before.raw_code or "").splitlines(), node.code.splitlines()
    added = removed = 0
    for tag, old_from, old_to, new_from, new_to in SequenceMatcher(None, then, now, autojunk=False).get_opcodes():
        if tag != "equal":
            removed += old_to - old_from
            added += new_to - new_from
    yield Detail("body", f"its text: +{added} -{removed} lines")


def _file(comparison: Comparison, node: Node, before: Before) -> Iterator[Detail]:
    yield Detail("body", "its file has other rows")


def _configs(comparison: Comparison, resource: Any, before: Before) -> Iterator[Detail]:
    yield from _keys(compared(resource.unrendered_config), compared(before.unrendered_config))


def _whole_config(comparison: Comparison, resource: Any, before: Before) -> Iterator[Detail]:
    yield from _keys(resource.config, before.config or {})


def _keys(now: Mapping[str, Any], then: Mapping[str, Any]) -> Iterator[Detail]:
    for key in sorted({*now, *then}, key=str):
        old, new = plain(then.get(key)), plain(now.get(key))
        if old != new:
            yield Detail("config", f"config `{key}` {_turned(old, new)}", key, old, new)


def _relation(comparison: Comparison, node: Node, before: Before) -> Iterator[Detail]:
    then = before.unrendered_config or {}
    for key in ("database", "schema", "alias"):
        old, new = plain(then.get(key)), plain(node.unrendered_config.get(key))
        if old != new:
            yield Detail("relation", f"its {key} {_turned(old, new)}", key, old, new)


def _source_relation(comparison: Comparison, source: Source, before: Before) -> Iterator[Detail]:
    pairs = {
        "database": (before.unrendered_database, source.unrendered_database),
        "schema": (before.unrendered_schema, source.unrendered_schema),
        "identifier": (before.identifier, source.identifier or source.name),
    }
    for key, (old, new) in pairs.items():
        if (old or None) != (new or None):
            yield Detail("relation", f"its {key} {_turned(old, new)}", key, old, new)


def _folder(comparison: Comparison, resource: Any, before: Before) -> Iterator[Detail]:
    old, new = ".".join(map(str, before.fqn)), ".".join(resource.fqn)
    yield Detail("fqn", f"it was {old} and is {new}", "fqn", old, new)


def _macros(comparison: Comparison, node: Node, before: Before) -> Iterator[Detail]:
    for id in comparison.changed_macros_of(node.macros):
        name = comparison.project.macros[id].name
        yield Detail("macro", f"the macro `{name}` has changed", id)


def _reference(comparison: Comparison, node: Node, before: Before) -> Iterator[Detail]:
    pairs = {
        "latest_version": (before.latest_version, node.latest_version),
        "access": (before.access or "protected", node.access),
        "deprecation_date": (_day(before.deprecation_date), _day(node.deprecation_date)),
    }
    for key, (old, new) in pairs.items():
        if str(old) != str(new):
            yield Detail(key, f"its {key} {_turned(old, new)}", key, old, new)


def _day(value: Any) -> str | None:
    return str(value)[:10] if value else None


def _exposure(comparison: Comparison, resource: Any, before: Before) -> Iterator[Detail]:
    then = set((before.depends_on or {}).get("nodes") or ())
    for id in sorted(set(resource.parents) - then):
        yield Detail("depends_on", f"it depends on {id} now", id)
    for id in sorted(then - set(resource.parents)):
        yield Detail("depends_on", f"it no longer depends on {id}", id)
    for key in ("type", "owner", "label", "maturity", "url"):
        old, new = plain(getattr(before, key)), plain(getattr(resource, key))
        if (old or None) != (new or None):
            yield Detail("property", f"its {key} {_turned(old, new)}", key, old, new)


def _turned(old: Any, new: Any) -> str:
    """A value in words: what it was and is."""
    if old is None:
        return f"is {_value(new)}"
    if new is None:
        return f"was {_value(old)} and is not set"
    return f"was {_value(old)} and is {_value(new)}"


def _value(value: Any) -> str:
    return f"`{value}`" if isinstance(value, str) else _flow(value)


def _flow(value: Any) -> str:
    """A value as YAML has it on one line."""
    match value:
        case bool():
            return str(value).lower()
        case Mapping():
            return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case None:
            return "null"
    return str(value)


_TELLING: Mapping[tuple[str, str], Tell] = {
    ("", "contract"): _contract,
    ("", "body"): _body,
    ("seed", "body"): _file,
    ("", "configs"): _configs,
    ("exposure", "configs"): _whole_config,
    ("unmanaged", "configs"): _whole_config,
    ("", "relation"): _relation,
    ("source", "relation"): _source_relation,
    ("", "fqn"): _folder,
    ("", "macros"): _macros,
    ("", "reference"): _reference,
    ("exposure", "properties"): _exposure,
}
"""What tells of an aspect, by kind of resource, "" for all others; aspects without a line say it by their name."""
