"""`builtins.ref.config` and its like: what packages read of the project and its packages at run time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.compile.session import Session
from eltbuild.jinja.sandbox import own
from eltbuild.project.project import Settings


class RuntimeVars(dict[str, Any]):
    """The vars of a project."""

    def to_dict(self) -> dict[str, Any]:
        """The same as a plain mapping."""
        return dict(self)


class RuntimeConfig:
    """A project or a package as dbt's runtime config shows it, as far as packages read it."""

    def __init__(self, session: Session, settings: Settings) -> None:
        self._session = session
        self.project_name = settings.name
        self.version = settings.version
        self.profile_name = session.project.target.profile
        self.target_name = session.project.target.name
        self.project_root = session.project.root
        self.packages_install_path = session.project.settings.packages_path
        self.target_path = session.project.settings.target_path
        self.vars = RuntimeVars(own(dict(settings.vars)))
        self.args: Mapping[str, Any] = own(dict(session.invocation.args))
        self.threads = session.project.target.threads

    @property
    def dependencies(self) -> dict[str, RuntimeConfig]:
        """The project and its packages by name."""
        return {name: RuntimeConfig(self._session, found) for name, found in self._session.project.packages.items()}

    def load_dependencies(self, *_: Any, **__: Any) -> dict[str, RuntimeConfig]:
        """The same."""
        return self.dependencies
