"""What all renderings of one call share: the project, its indexes, the flags, and what has been derived from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from eltbuild.adapter import Capabilities
from eltbuild.compile.lookup import Lookup
from eltbuild.compile.macro_index import MacroIndex
from eltbuild.errors import Strictness
from eltbuild.project.declared_environment import allowed_to_packages
from eltbuild.project.project import Project
from eltbuild.project.resources import Node, NodeId
from eltbuild.values import dataclass, field

Say = Callable[[str, str, str, NodeId | None], None]
"""`(text, level, kind, node)`: where `log()` and `print()` go; level debug, info, warn or error; kind log, print or
warning."""


def silent(text: str, level: str, kind: str, node: NodeId | None) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of a command: when, under which name and flags."""

    command: str
    invocation_id: str
    started_at: datetime
    flags: Mapping[str, Any] = field(default_factory=dict)
    """Flags by their upper-case names (`FULL_REFRESH`, `EMPTY`, ...)."""
    args: Mapping[str, Any] = field(default_factory=dict)
    """The arguments of the command by lower-case name, for artifacts and `invocation_args_dict`."""
    selected: tuple[NodeId, ...] = ()


@dataclass(frozen=True)
class Session:
    """A project with everything that a rendering looks up. One value per command and phase; safe to share."""

    project: Project
    dialect: str
    capabilities: Capabilities
    invocation: Invocation
    phase: Literal["settle", "compile"] = "compile"
    say: Say = silent
    deferred: Mapping[NodeId, Mapping[str, Any]] = field(default_factory=dict)
    """With `--defer`: what templates are told of the nodes as another run left them, by id."""

    @cached_property
    def macros(self) -> MacroIndex:
        """The macros by name."""
        return MacroIndex.of(self.project)

    @cached_property
    def lookup(self) -> Lookup:
        """The referable nodes and sources by name."""
        return Lookup.of(self.project)

    @cached_property
    def relations(self) -> dict[NodeId, Any]:
        """The relations of nodes as templates print them; filled as they are asked for."""
        return {}

    @cached_property
    def kept(self) -> dict[str, Any]:
        """What renderings make once for all of them; filled as it is asked for."""
        return {}

    @cached_property
    def overriding(self) -> Mapping[str, frozenset[str]]:
        """Names of macros that a template of each package sees in place of built-in names."""
        return {
            package: frozenset(self.macros.by_package.get(package, {}))
            | frozenset(self.macros.by_package.get(self.macros.root, {}))
            for package in self.macros.by_package
        }

    @cached_property
    def allowed_to_packages(self) -> Callable[[str], bool]:
        """Whether packages may read an environment variable of that name."""
        return allowed_to_packages(Path(self.project.root), self.project.settings, self.project.vars)

    def flag(self, name: str, default: Any = None) -> Any:
        """A flag of the call by its upper-case name."""
        return self.invocation.flags.get(name, default)

    @property
    def strictness(self) -> Strictness:
        """Which warnings are errors in this call."""
        return Strictness.of(self.flag("WARN_ERROR_OPTIONS") or {})

    def node(self, id: NodeId) -> Node | None:
        """The node of that id."""
        return self.project.nodes.get(id)
