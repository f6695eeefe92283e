"""`eltbuild init`."""

from __future__ import annotations

import sys
from pathlib import Path

from eltbuild.commands.init import init
from eltbuild.commands.reporting import EXIT
from eltbuild.errors import Problem, UsageError


def command(name: str | None, adapter: str, project_dir: str | None) -> int:
    """Write a new project's files and say how to go on; the exit code."""
    if not name:
        raise UsageError(Problem("which name shall the project have?", hint="eltbuild init shop"))
    folder = Path(project_dir or ".") / name
    for path in init(folder, name, adapter):
        sys.stderr.write(f"wrote {path}\n")
    sys.stderr.write(f"\nnext:\n  cd {folder}\n  eltbuild build\n")
    return EXIT.ok
