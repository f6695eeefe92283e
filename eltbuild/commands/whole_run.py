"""The recipe that build, run, test, seed and snapshot share: open, choose, do, tell."""

from __future__ import annotations

from eltbuild.commands.deferral import deferred
from eltbuild.commands.execution import Execution
from eltbuild.commands.following import follow
from eltbuild.commands.opening import Surroundings, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import exit_code
from eltbuild.commands.selecting import choose


def whole_run(options: Options, command: str, around: Surroundings | None = None) -> int:
    """Do one command on what is selected; the exit code."""
    opened = open_project(options, command, around=around)
    try:
        chosen = choose(opened, command)
        opened = deferred(opened, chosen.ids)
        return exit_code(
            follow(
                Execution(opened=opened, statements=bool(opened.options.debug), command=command, chosen=chosen), opened
            )
        )
    finally:
        opened.adapter.close()
