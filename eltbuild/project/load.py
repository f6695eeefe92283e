"""From a folder to a `Project` as written: every resource of the project and its packages, all problems at once.

Nothing is rendered that needs to know what else there is; no warehouse is asked. What only rendering can tell is left
to `compile.settle`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eltbuild.adapter import Target
from eltbuild.errors import Place, Problem, ProjectError
from eltbuild.project.cache import Cache
from eltbuild.project.config import Configs
from eltbuild.project.declared import (
    check_groups,
    keep,
    make_exposure,
    make_group,
    make_sources,
    make_unmanaged,
)
from eltbuild.project.declared_environment import allowed_to_packages
from eltbuild.project.drafts import Draft, drafts_of, snapshot_of_relation
from eltbuild.project.entries import PropertiesFile
from eltbuild.project.expectation_classes import read_classes
from eltbuild.project.files import PackageFiles
from eltbuild.project.functions import with_overloads
from eltbuild.project.generic_tests import DataTestMaker
from eltbuild.project.loading import Loading, Package, packages_of
from eltbuild.project.macros import describe_macros, read_docs, read_macros
from eltbuild.project.names import base_names, with_target
from eltbuild.project.nodes import SECTIONS, Nodes, make_nodes
from eltbuild.project.operations import operations
from eltbuild.project.patches import Patch
from eltbuild.project.project import Project, Settings
from eltbuild.project.resources import Exposure, Group, Macro, Node, Resource, Source, SourceFile, UnitTest, Unmanaged
from eltbuild.project.settings import load_selectors, load_settings, project_file
from eltbuild.project.suite_targets import attach_suites, named_suites
from eltbuild.project.suites import read_suites
from eltbuild.project.unit_tests import Fixtures, make_unit_tests
from eltbuild.values import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Properties:
    """A properties file and the entries in it."""

    package: Package
    file: SourceFile
    within: str
    entries: PropertiesFile


@dataclass(slots=True)
class Declared:
    """What properties files declare, by id."""

    sources: dict[str, Source] = field(default_factory=dict)
    exposures: dict[str, Exposure] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    unit_tests: dict[str, UnitTest] = field(default_factory=dict)
    unmanaged: dict[str, Unmanaged] = field(default_factory=dict)
    disabled: list[Resource] = field(default_factory=list)


def load(
    root: Path,
    *,
    settings: Settings,
    target: Target,
    vars: Mapping[str, Any],
    environment: Mapping[str, str],
    cache: Path | None = None,
    key: bytes = b"",
    lenient: bool = False,
    call: Mapping[str, Any] | None = None,
) -> Project:
    """The project in a folder, as written. `cache` is a folder for what need not be read again, sealed with a key.

    `call` are names that Jinja in its files may use, beside variables and the target.

    Raises `ProjectError` with every problem of every file. Warnings are in `Project.problems`; with `lenient` errors
    are there too and nothing is raised, so that later stages can find what else is wrong.
    """
    problems: list[Problem] = []
    others = _installed(root, settings, target, vars, environment, problems, call)
    packages = packages_of(root, settings, others, target, vars, environment, call)
    all_settings = {name: package.settings for name, package in packages.items()}
    loading = Loading(
        root=root,
        settings=settings,
        packages=packages,
        target=target,
        configs=Configs(settings, all_settings),
        cache=Cache(cache, key),
        problems=problems,
    )
    project = _project(loading, all_settings, vars, environment)
    problems.extend(loading.cache.save())
    if lenient:
        return replace(project, problems=tuple(_sorted(problems)))
    warnings = tuple(_sorted(problem for problem in problems if problem.severity == "warning"))
    if len(warnings) < len(problems):
        raise ProjectError(*_sorted(problems))
    return replace(project, problems=warnings)


def _project(
    loading: Loading, settings: Mapping[str, Settings], vars: Mapping[str, Any], environment: Mapping[str, str]
) -> Project:
    files = {
        name: PackageFiles(loading.root, package.settings, loading.problems)
        for name, package in loading.packages.items()
    }
    for name, package in loading.packages.items():
        read_docs(loading, package, files[name])
    properties = [
        Properties(package, file, within, loading.properties(file, package))
        for name, package in loading.packages.items()
        for file, within in files[name].properties()
    ]
    macros = _macros(loading, files, properties)
    patches = list(_patches(properties))
    drafts = with_overloads(loading, _drafts(loading, files, properties), patches)
    nodes = make_nodes(loading, drafts, patches)
    suites = [
        suite for name, package in loading.packages.items() for suite in read_suites(loading, package, files[name])
    ]
    tests = DataTestMaker(loading, macros, named_suites(loading, suites), read_classes(loading, files))
    for tested in nodes.tested:
        if tested.patch.kind not in ("analyses", "data_tests", "functions"):
            tests.node_tests(tested)
    declared = _declared(loading, files, properties, nodes, tests)
    attach_suites(loading, suites, tests, nodes, declared.sources)
    enabled = {**nodes.enabled}
    for package in loading.packages.values():
        enabled.update((node.id, node) for node in operations(loading, package))
    enabled.update(tests.made.enabled)
    check_groups(loading, enabled.values(), declared.groups)
    _unused(loading, enabled, nodes, declared)
    return Project(
        root=str(loading.root),
        settings=loading.settings,
        packages=settings,
        target=loading.target,
        vars=vars,
        environment=environment,
        nodes=enabled,
        sources=declared.sources,
        exposures=declared.exposures,
        unit_tests=declared.unit_tests,
        unmanaged=declared.unmanaged,
        macros=macros,
        docs=loading.docs,
        groups=declared.groups,
        selectors=_selectors(loading, vars, environment),
        disabled=(*nodes.disabled, *tests.made.disabled, *declared.disabled),
        rivals=tuple(nodes.rivals),
    )


def _sorted(problems: Any) -> list[Problem]:
    def key(problem: Problem) -> tuple[str, int, int]:
        place = problem.place or Place("")
        return place.path, place.line, place.column

    return sorted(dict.fromkeys(problems), key=key)


def _installed(
    root: Path,
    settings: Settings,
    target: Target,
    vars: Mapping[str, Any],
    environment: Mapping[str, str],
    problems: list[Problem],
    call: Mapping[str, Any] | None,
) -> list[Settings]:
    """The settings of every package under the packages folder."""
    allowed = allowed_to_packages(root, settings, vars)
    known = base_names(environment, {**settings.vars, **vars}, secrets_allowed=False, allowed=allowed, call=call)
    names = with_target(known, target)
    out: dict[str, Settings] = {settings.name: settings}
    folder = root / settings.packages_path
    found = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir()) if folder.is_dir() else []
    for name in found:
        inner = f"{settings.packages_path}/{name}"
        if name.startswith(".") or project_file(root, inner) is None:
            continue
        try:
            package, warnings = load_settings(root, inner, names=names)
        except ProjectError as error:
            problems.extend(error.problems)
            continue
        if package.name in out:
            hint = f"the other one is at {out[package.name].file}"
            problems.append(Problem(f"there are two packages named `{package.name}`", Place(package.file), hint))
            continue
        out[package.name] = package
        problems.extend(warnings)
    return list(out.values())[1:]


def _macros(loading: Loading, files: Mapping[str, PackageFiles], properties: list[Properties]) -> dict[str, Macro]:
    macros: dict[str, Macro] = {}
    for name, package in loading.packages.items():
        macros.update(read_macros(loading, package, files[name]))
    for package in loading.packages.values():
        own = [item for item in properties if item.package is package]
        entries = [(entry, item.file) for item in own for entry in item.entries.macros]
        if entries:
            describe_macros(loading, package, macros, entries)
    return macros


def _drafts(loading: Loading, files: Mapping[str, PackageFiles], properties: list[Properties]) -> Iterator[Draft]:
    for name, package in loading.packages.items():
        yield from drafts_of(loading, package, files[name])
    for item in properties:
        for entry in item.entries.snapshots:
            if entry.relation is not None:
                yield snapshot_of_relation(loading, item.package, item.file, item.within, entry)


def _patches(properties: list[Properties]) -> Iterator[Patch]:
    for item in properties:
        entries = item.entries
        for kind in ("models", "seeds", "snapshots", "analyses", "data_tests", "functions"):
            for entry in getattr(entries, kind):
                yield Patch(kind, entry, item.file, item.package, item.within)


def _declared(
    loading: Loading,
    files: Mapping[str, PackageFiles],
    properties: list[Properties],
    nodes: Nodes,
    tests: DataTestMaker,
) -> Declared:
    out = Declared()
    models: dict[tuple[str, str], list[Node]] = {}
    for node in nodes.enabled.values():
        if node.resource_type == "model":
            models.setdefault((node.package, node.name), []).append(node)
    for same in models.values():
        _refuse_unversioned(loading, same)
    disabled = {(node.package, node.name) for node in nodes.disabled if node.resource_type == "model"}
    fixtures: dict[str, Fixtures] = {}
    for item in properties:
        entries, package, file, within = item.entries, item.package, item.file, item.within
        for source_entry in entries.sources:
            for source, table_tests in make_sources(loading, package, file, within, source_entry):
                if keep(loading, out.sources, out.disabled, source) and table_tests:
                    tests.source_tests(source, package, file, within, table_tests)
        for exposure in entries.exposures:
            keep(loading, out.exposures, out.disabled, make_exposure(loading, package, file, within, exposure))
        for other in entries.others:
            if other.of_model is not None and (package.name, other.of_model) not in models:
                continue
            keep(loading, out.unmanaged, out.disabled, make_unmanaged(loading, package, file, within, other))
        for group_entry in entries.groups:
            group = make_group(loading, package, file, within, group_entry)
            if group.id in out.groups:
                place = Place(file.path, group_entry.line, group_entry.column)
                loading.report(f"group `{group.name}` exists twice", place)
            out.groups[group.id] = group
        for entry in entries.unit_tests:
            if package.name not in fixtures:
                fixtures[package.name] = Fixtures.of(files[package.name])
            key = (package.name, entry.model)
            found = models.get(key, [])
            for unit_test in make_unit_tests(loading, package, file, within, entry, found, fixtures[package.name]):
                if not found and key in disabled:
                    out.disabled.append(unit_test)
                else:
                    keep(loading, out.unit_tests, out.disabled, unit_test)
    return out


def _refuse_unversioned(loading: Loading, same: Sequence[Node]) -> None:
    """Report a model without a version beside versions of the same name: nobody could tell which a ref means."""
    versioned = [node for node in same if node.version is not None]
    for node in same if versioned else ():
        if node.version is None:
            hint = f"add it to the versions in {versioned[0].patch_place}, or give it another name"
            loading.report(f"model `{node.name}` has versions, and stands here without one", node.place, hint)


def _selectors(
    loading: Loading, vars: Mapping[str, Any], environment: Mapping[str, str]
) -> Mapping[str, Mapping[str, Any]]:
    try:
        return load_selectors(loading.root, loading.packages[loading.settings.name].names)
    except ProjectError as error:
        loading.problems.extend(error.problems)
        return {}


def _unused(loading: Loading, enabled: Mapping[str, Node], nodes: Nodes, declared: Declared) -> None:
    """Warn of config paths in the project file that configure nothing."""

    def told() -> Iterator[tuple[str, str, tuple[str, ...]]]:
        for node in (*enabled.values(), *nodes.disabled):
            yield SECTIONS[node.resource_type], node.package, node.fqn
        for source in (*declared.sources.values(), *declared.disabled):
            yield f"{source.resource_type}s", source.package, source.fqn
        for exposure in declared.exposures.values():
            yield "exposures", exposure.package, exposure.fqn
        for test in declared.unit_tests.values():
            yield "unit_tests", test.package, test.fqn

    loading.problems.extend(loading.configs.unused(told()))
    loading.problems.extend(loading.configs.unknown_keys())
