"""`eltbuild source freshness`, and `eltbuild freshness`, which looks at models, seeds and snapshots too."""

from __future__ import annotations

from eltbuild.commands.execution import Execution
from eltbuild.commands.following import follow
from eltbuild.commands.opening import Opened, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import exit_code
from eltbuild.commands.selecting import Chosen, choose
from eltbuild.project.resources import Node, Source
from eltbuild.quality.freshness import is_checked
from eltbuild.values import replace

EVERYTHING = "freshness of everything"
"""The name of the types of resources that `eltbuild freshness` looks at."""


def command(options: Options) -> int:
    """Ask each selected resource that says how fresh it must be; the exit code."""
    opened = open_project(options, "freshness")
    try:
        chosen = choose(opened, EVERYTHING if options.everything else "freshness")
        execution = Execution(
            opened=opened,
            statements=bool(opened.options.debug),
            command="freshness",
            chosen=watched(opened, chosen),
        )
        return exit_code(follow(execution, opened))
    finally:
        opened.adapter.close()


def watched(opened: Opened, chosen: Chosen) -> Chosen:
    """Those of the chosen that say how fresh they must be."""
    found = {id: opened.project.resource(id) for id in chosen.ids}
    return replace(
        chosen, ids=tuple(id for id, one in found.items() if isinstance(one, (Source, Node)) and is_checked(one))
    )
