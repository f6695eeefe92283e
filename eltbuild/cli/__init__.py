"""Commands in, exit code out. Decides nothing, and imports nothing heavy before a command is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from eltbuild.cli import building, keeping, looking
from eltbuild.cli.group import cli

__all__ = ["building", "cli", "keeping", "looking", "main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script: run a command, tell errors in plain words and without secrets, leave with 0, 1 or 2."""
    import os

    from eltbuild.process import run_and_leave
    from eltbuild.secrecy import remembering

    with remembering(os.environ):
        run_and_leave(cli, arguments)
