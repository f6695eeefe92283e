"""Entries of properties files and the drafts that they describe, brought together by kind and name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from eltbuild.errors import Place, did_you_mean
from eltbuild.project.drafts import Draft
from eltbuild.project.entries import ColumnEntry, NodeEntry, TestEntry, Version, VersionEntry
from eltbuild.project.loading import Loading, Package
from eltbuild.project.resources import NodeType, SourceFile
from eltbuild.values import dataclass, replace

Key = tuple[str, str, str]
"""Type of resource, package and name: what an entry describes."""

_KINDS: Mapping[str, NodeType] = {
    "models": "model",
    "seeds": "seed",
    "snapshots": "snapshot",
    "analyses": "analysis",
    "data_tests": "test",
    "functions": "function",
}
_REFERABLE = frozenset({"model", "seed", "snapshot"})


@dataclass(frozen=True, slots=True)
class Patch:
    """An entry of a properties file, or one version of it, that describes a node."""

    kind: str
    entry: NodeEntry
    file: SourceFile
    package: Package
    within: str
    version: VersionEntry | None = None

    @property
    def place(self) -> Place:
        """Where it stands."""
        at = self.version or self.entry
        return Place(self.file.path, at.line, at.column)


def assign(
    loading: Loading, drafts: Mapping[Key, list[Draft]], patches: Iterable[Patch]
) -> tuple[dict[Key, Patch], list[Patch]]:
    """Which entry describes which drafts, and the entries that describe none, which are warnings.

    Two entries for one draft are an error.
    """
    assigned: dict[Key, Patch] = {}
    rest: list[Patch] = []
    elsewhere: dict[str, Key] = {}
    for found in drafts:
        if found[0] in _REFERABLE:
            elsewhere.setdefault(found[2], found)
    for patch in patches:
        for version in patch.entry.versions or (None,):
            one = replace(patch, version=version) if version else patch
            key = _target(drafts, one) or _elsewhere(drafts, elsewhere, one)
            if key is None:
                _report_missing(loading, drafts, one)
                rest.append(one)
            elif key in assigned:
                hint = f"the other entry is at {assigned[key].place}"
                loading.report(f"{key[0]} `{patch.entry.name}` is described twice", one.place, hint)
            else:
                assigned[key] = one
    return assigned, rest


def _target(drafts: Mapping[Key, list[Draft]], patch: Patch) -> Key | None:
    kind, package, name = _KINDS[patch.kind], patch.package.name, patch.entry.name
    version = patch.version
    if version is None:
        names = [name]
    elif version.defined_in:
        names = [version.defined_in]
    else:
        names = [f"{name}_v{version.v}", f"{name}.v{version.v}"]
        if str(version.v) == str(latest_version(patch.entry)):
            names.append(name)
    for candidate in names:
        if (kind, package, candidate) in drafts:
            return (kind, package, candidate)
    return None


def _elsewhere(drafts: Mapping[Key, list[Draft]], others: Mapping[str, Key], patch: Patch) -> Key | None:
    """What an entry describes whose own package has nothing of that name: the node of that name in another one."""
    found = None if patch.version else others.get(patch.entry.name)
    own = any((kind, patch.package.name, patch.entry.name) in drafts for kind in _REFERABLE)
    return None if found is None or own or found[0] != _KINDS[patch.kind] else found


def _report_missing(loading: Loading, drafts: Mapping[Key, list[Draft]], patch: Patch) -> None:
    kind, package, name = _KINDS[patch.kind], patch.package.name, patch.entry.name
    if patch.version is not None:
        name = patch.version.defined_in or f"{name}_v{patch.version.v}"
    word = "singular test" if kind == "test" else kind
    message = f"`{name}` is described here, but there is no {word} of that name"
    for section, other in _KINDS.items():
        if (other, package, name) in drafts:
            hint = f"there is a {other} of that name: describe it under `{section}:`"
            loading.report(message, patch.place, hint, "warning", "WrongResourceSchemaFile")
            return
    hint = did_you_mean(name, [found for other, where, found in drafts if (other, where) == (kind, package)])
    loading.report(message, patch.place, hint, "warning", "NoNodeForYamlKey")


def latest_version(entry: NodeEntry) -> Version | None:
    """The version that an unpinned ref means: the one named, else the greatest."""
    if entry.latest_version is not None or not entry.versions:
        return entry.latest_version
    numbers = [version.v for version in entry.versions]
    try:
        return max(numbers, key=lambda v: float(v))
    except ValueError:
        return max(numbers, key=str)


def tests_of(patch: Patch) -> tuple[tuple[ColumnEntry, ...], tuple[TestEntry, ...]]:
    """The columns and tests of an entry, as its version has them."""
    entry, version = patch.entry, patch.version
    if version is None:
        return entry.columns, entry.tests
    named = {column.spec.name for column in version.columns}
    inherited = [
        column
        for column in entry.columns
        if column.spec.name not in named
        and column.spec.name not in version.exclude
        and (version.include is None or column.spec.name in version.include)
    ]
    return (*inherited, *version.columns), entry.tests if version.tests is None else version.tests
