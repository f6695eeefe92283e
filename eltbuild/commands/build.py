"""`eltbuild build`."""

from __future__ import annotations

from eltbuild.commands.options import Options
from eltbuild.commands.whole_run import whole_run


def command(options: Options) -> int:
    """Select, run, report; the exit code."""
    return whole_run(options, "build")
