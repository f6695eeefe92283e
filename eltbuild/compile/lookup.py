"""Which resource a `ref()` or `source()` means. Pure; an index made once for a project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from eltbuild.errors import did_you_mean
from eltbuild.project.project import Project
from eltbuild.project.resources import Node, Resource, Source
from eltbuild.values import dataclass

REFERABLE = frozenset({"model", "seed", "snapshot"})


@dataclass(frozen=True, slots=True)
class Lookup:
    """Nodes by package and name, sources by name and table; disabled ones apart, to say so."""

    root: str
    nodes: Mapping[tuple[str, str], tuple[Node, ...]]
    by_name: Mapping[str, tuple[Node, ...]]
    sources: Mapping[tuple[str, str], Source]
    disabled: frozenset[str]
    disabled_sources: frozenset[tuple[str, str]]
    functions: Mapping[tuple[str, str], Node]

    @classmethod
    def of(cls, project: Project) -> Lookup:
        """The index of a project."""
        nodes: dict[tuple[str, str], list[Node]] = {}
        by_name: dict[str, list[Node]] = {}
        for node in project.nodes.values():
            if node.resource_type in REFERABLE:
                nodes.setdefault((node.package, node.name), []).append(node)
                by_name.setdefault(node.name, []).append(node)
        sources: dict[tuple[str, str], Source] = {}
        for source in project.sources.values():
            key = (source.source_name, source.name)
            if key not in sources or source.package == project.settings.name:
                sources[key] = source
        return cls(
            project.settings.name,
            {key: tuple(found) for key, found in nodes.items()},
            {key: tuple(found) for key, found in by_name.items()},
            sources,
            frozenset(node.name for node in project.disabled if node.resource_type in REFERABLE),
            frozenset((s.source_name, s.name) for s in project.disabled if isinstance(s, Source)),
            {(node.package, node.name): node for node in project.nodes.values() if node.resource_type == "function"},
        )

    def ref(self, name: str, package: str | None, version: str | None, caller: str) -> Node | None:
        """The node that `ref(package, name, v=version)` means in a template of package `caller`.

        Without a package: the project's own, then the caller's, then any. Without a version: the latest.
        """
        if package is not None:
            found = self.nodes.get((package, name), ())
        else:
            found = self.nodes.get((self.root, name)) or self.nodes.get((caller, name)) or self.by_name.get(name, ())
        return _of_version(found, version)

    def source(self, source: str, table: str) -> Source | None:
        """The table of a source."""
        return self.sources.get((source, table))

    def function(self, name: str, package: str | None, caller: str) -> Node | None:
        """The node that `function(package, name)` means; without a package, by the same rule as `ref`."""
        if package is not None:
            return self.functions.get((package, name))
        own = self.functions.get((self.root, name)) or self.functions.get((caller, name))
        return own or next((node for (_, known), node in self.functions.items() if known == name), None)

    def missing_function(self, name: str, package: str | None) -> tuple[str, str]:
        """Why a function leads nowhere, and a hint."""
        full = f"{package}.{name}" if package else name
        hint = did_you_mean(name, [known for _, known in self.functions])
        return f"the function `{full}`, which was not found", hint

    def missing_ref(self, name: str, package: str | None, version: str | None) -> tuple[str, str]:
        """Why a ref leads nowhere, and a hint."""
        full = f"{package}.{name}" if package else name
        if name in self.disabled and name not in self.by_name:
            return f"`{full}`, which is disabled", ""
        if version is not None and name in self.by_name:
            versions = sorted(str(node.version) for node in self.by_name[name] if node.version is not None)
            return (
                f"version {version} of `{full}`, which was not found",
                f"versions: {', '.join(versions) or 'none'}",
            )
        hint = did_you_mean(name, self.by_name)
        sources = [key for key in self.sources if key[1] == name]
        if not hint and sources:
            hint = f"a source has that table: source('{sources[0][0]}', '{name}')"
        return f"`{full}`, which was not found", hint

    def missing_source(self, source: str, table: str) -> tuple[str, str]:
        """Why a source leads nowhere, and a hint."""
        if (source, table) in self.disabled_sources:
            return f"source `{source}.{table}`, which is disabled", ""
        tables = [key[1] for key in self.sources if key[0] == source]
        if tables:
            hint = did_you_mean(table, tables) or f"tables of `{source}`: {', '.join(sorted(tables)[:8])}"
            return f"source `{source}.{table}`, which was not found", hint
        return (
            f"source `{source}.{table}`, which was not found",
            did_you_mean(source, {key[0] for key in self.sources}),
        )


def _of_version(found: Iterable[Node], version: str | None) -> Node | None:
    nodes = tuple(found)
    if not nodes:
        return None
    if version is not None:
        return next((node for node in nodes if node.version is not None and str(node.version) == version), None)
    if len(nodes) == 1 and nodes[0].version is None:
        return nodes[0]
    latest = [node for node in nodes if node.version is not None and str(node.version) == str(node.latest_version)]
    return latest[0] if latest else nodes[0]


def kind(resource: Resource | None) -> str:
    """What a resource is, in a word for people."""
    return "nothing" if resource is None else resource.resource_type.replace("_", " ")
