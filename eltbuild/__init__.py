"""Build SQL transformations from model files: parse, compile, plan, run and test.

`from eltbuild import Project` is the Python API; it is imported when it is first asked for.
"""

from typing import TYPE_CHECKING

from eltbuild._version import __version__

if TYPE_CHECKING:
    from eltbuild.commands.api import Project as Project

__all__ = ["Project", "__version__"]


def __getattr__(name: str) -> object:
    if name == "Project":
        from eltbuild.commands.api import Project

        return Project
    raise AttributeError(f"module `eltbuild` has no attribute `{name}`")
