"""`eltbuild seed`."""

from __future__ import annotations

from eltbuild.commands.opening import open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import Reporter
from eltbuild.commands.selecting import choose
from eltbuild.commands.whole_run import whole_run
from eltbuild.project.resources import Node


def command(options: Options) -> int:
    """Select, run, report, and with `--show` print the first rows; the exit code."""
    code = whole_run(options, "seed")
    if options.show and code == 0:
        _show(options)
    return code


def _show(options: Options) -> None:
    from eltbuild.commands.show import show_all

    opened = open_project(options, "seed")
    try:
        seeds = [node for node in choose(opened, "seed").resources(opened.project) if isinstance(node, Node)]
        with Reporter(opened) as reporter:
            show_all(opened, reporter, seeds)
    finally:
        opened.adapter.close()
