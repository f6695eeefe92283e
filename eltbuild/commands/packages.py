"""`eltbuild deps`."""

from __future__ import annotations

import sys

from eltbuild.commands.deps import deps
from eltbuild.commands.opening import Surroundings, find_root
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT
from eltbuild.project.environment import load_environment


def command(options: Options, *, upgrade: bool, lock_only: bool, add: str | None, source: str) -> int:
    """Install the project's packages and say what was installed; the exit code."""
    around = Surroundings.here()
    root = find_root(options, around.cwd, around.environ)
    environment = load_environment(root, around.environ, [])
    installed = deps(
        root, upgrade=upgrade, lock_only=lock_only, add=add, source=source, environment=environment, vars=options.vars
    )
    if not installed and not options.quiet:
        sys.stderr.write("no packages to install\n")
    for package in installed:
        if not options.quiet:
            sys.stderr.write(
                f"{'locked' if lock_only else 'installed'} {package.name} {package.version or ''}".rstrip() + "\n"
            )
    return EXIT.ok
