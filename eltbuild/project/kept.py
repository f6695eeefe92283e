"""A settled project kept on disk, so that an unchanged one need not be read again. Data only, never code."""

from __future__ import annotations

import marshal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eltbuild.adapter import Target
from eltbuild.errors import Problem
from eltbuild.project.cache import PROBLEM, made_again, store, stored
from eltbuild.project.fingerprint import Fingerprint
from eltbuild.project.project import Project, Settings
from eltbuild.project.resources import Doc, Exposure, Group, Macro, Node, Source, UnitTest, Unmanaged
from eltbuild.secrecy import Hider, Mask, unmasked
from eltbuild.values import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A project without what must not lie on disk: no target, no environment."""

    settings: Settings
    packages: Mapping[str, Settings]
    nodes: tuple[Node, ...] = ()
    sources: tuple[Source, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    unit_tests: tuple[UnitTest, ...] = ()
    unmanaged: tuple[Unmanaged, ...] = ()
    macros: tuple[Macro, ...] = ()
    docs: tuple[Doc, ...] = ()
    groups: tuple[Group, ...] = ()
    selectors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    disabled_nodes: tuple[Node, ...] = ()
    disabled_sources: tuple[Source, ...] = ()
    disabled_exposures: tuple[Exposure, ...] = ()
    disabled_unit_tests: tuple[UnitTest, ...] = ()
    disabled_unmanaged: tuple[Unmanaged, ...] = ()
    problems: tuple[Problem, ...] = ()


def keep(path: Path, mark: Fingerprint, project: Project, key: bytes, mask: Mask = unmasked) -> tuple[Problem, ...]:
    """Write the project with its fingerprint under a seal, in one step.

    What JSON cannot hold is not kept, nor is a project in which a secret stands that the mask would hide: a var can
    bring one into a config. Gives a warning where the folder cannot be written.
    """
    import msgspec

    try:
        if not _lasting(project):
            return ()
        head = msgspec.json.encode({"files": mark.files, "rest": mark.rest, "environment": mark.environment})
        body = msgspec.json.encode(_kept(project))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return ()
    data = head + b"\n" + body
    if isinstance(mask, Hider) and mask.in_bytes(data):
        return ()
    return store(path, data, key)


def _lasting(project: Project) -> bool:
    """Whether JSON gives back what is put in: no dates, no keys that are no text."""
    configs = [node.config for node in project.nodes.values()]
    configs += [node.yaml_config for node in project.nodes.values() if node.yaml_config]
    tested = [node.test.kwargs for node in project.nodes.values() if node.test is not None]
    columns = [column.meta for node in project.nodes.values() for column in node.columns.values() if column.meta]
    try:
        # One call for all: it refuses dates, decimals and whatever else is no plain value.
        marshal.dumps((configs, tested))
    except ValueError:
        if not _plain([configs, tested]):
            return False
    if not _plain([columns, [config["meta"] for config in configs if config.get("meta")]]):
        return False
    for source in project.sources.values():
        if not (_plain(source.config) and _plain(source.meta) and _plain(source.source_meta)):
            return False
    others = [item.config for item in project.exposures.values()]
    others += [item.config for item in project.unmanaged.values()]
    others += [item.config for item in project.unit_tests.values()]
    if not _plain(others):
        return False
    if not all(_plain([t.given, t.expect, t.overrides]) for t in project.unit_tests.values()):
        return False
    return all(_plain([s.vars, s.configs, s.flags]) for s in project.packages.values())


_SIMPLE = (str, int, float, bool, type(None))


def _plain(value: Any) -> bool:
    if isinstance(value, _SIMPLE):
        return True
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _plain(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return all(_plain(item) for item in value)
    return False


def _kept(project: Project) -> Kept:
    gone = project.disabled
    return Kept(
        settings=project.settings,
        packages=project.packages,
        nodes=tuple(project.nodes.values()),
        sources=tuple(project.sources.values()),
        exposures=tuple(project.exposures.values()),
        unit_tests=tuple(project.unit_tests.values()),
        unmanaged=tuple(project.unmanaged.values()),
        macros=tuple(project.macros.values()),
        docs=tuple(project.docs.values()),
        groups=tuple(project.groups.values()),
        selectors=project.selectors,
        disabled_nodes=tuple(item for item in gone if isinstance(item, Node)),
        disabled_sources=tuple(item for item in gone if isinstance(item, Source)),
        disabled_exposures=tuple(item for item in gone if isinstance(item, Exposure)),
        disabled_unit_tests=tuple(item for item in gone if isinstance(item, UnitTest)),
        disabled_unmanaged=tuple(item for item in gone if isinstance(item, Unmanaged)),
        problems=tuple(problem for problem in project.problems if problem.name != PROBLEM),
    )


def restore(
    path: Path,
    root: Path,
    target: Target,
    vars: Mapping[str, Any],
    environment: Mapping[str, str],
    key: bytes,
    problems: list[Problem],
) -> tuple[Fingerprint, Project] | None:
    """The project that lies there, and the fingerprint under which it was kept; None where nothing can be trusted.

    Why it cannot goes to `problems`, as a warning.
    """
    import msgspec

    data, told = stored(path, key)
    problems.extend(told)
    if data is None:
        return None
    head, _, body = data.partition(b"\n")
    try:
        mark = msgspec.json.decode(head, type=Fingerprint)
        kept = msgspec.json.decode(body, type=Kept)
    except (msgspec.DecodeError, ValueError, RecursionError):
        # Sealed, and yet of another shape: by a version that called itself as this one does.
        problems.append(made_again(path, "is of another version"))
        return None
    return mark, Project(
        root=str(root),
        settings=kept.settings,
        packages=kept.packages,
        target=target,
        vars=vars,
        environment=environment,
        nodes={item.id: item for item in kept.nodes},
        sources={item.id: item for item in kept.sources},
        exposures={item.id: item for item in kept.exposures},
        unit_tests={item.id: item for item in kept.unit_tests},
        unmanaged={item.id: item for item in kept.unmanaged},
        macros={item.id: item for item in kept.macros},
        docs={item.id: item for item in kept.docs},
        groups={item.id: item for item in kept.groups},
        selectors=kept.selectors,
        disabled=(
            *kept.disabled_nodes, *kept.disabled_sources, *kept.disabled_exposures, *kept.disabled_unit_tests,
            *kept.disabled_unmanaged,
        ),
        problems=kept.problems,
    )  # fmt: skip
