"""`eltbuild source freshness`."""

from __future__ import annotations

from dataclasses import replace

from eltbuild.commands.execution import Execution
from eltbuild.commands.opening import open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import exit_code, follow
from eltbuild.commands.selecting import choose
from eltbuild.quality.freshness import is_checked


def command(options: Options) -> int:
    """Ask each selected source that says how fresh it must be; the exit code."""
    opened = open_project(options, "freshness")
    try:
        chosen = choose(opened, "freshness")
        checked = tuple(id for id in chosen.ids if is_checked(opened.project.sources[id]))
        execution = Execution(
            opened=opened,
            statements=bool(opened.options.debug),
            command="freshness",
            chosen=replace(chosen, ids=checked),
        )
        return exit_code(follow(execution, opened))
    finally:
        opened.adapter.close()
