"""The packages that lie in a project, as they lie. Nothing is fetched, and no list of packages is read."""

from __future__ import annotations

import os
from pathlib import Path

from eltbuild.project.project import PROJECT_FILES

LOCK_FILE = "package-lock.yml"


def installed_packages(root: Path, packages_path: str) -> tuple[str, ...]:
    """The folders of the packages that lie in a project, relative to its root, sorted; used as they lie."""
    folder = root / packages_path
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return ()
    found = [name for name in names if any((folder / name / file).is_file() for file in PROJECT_FILES)]
    return tuple(f"{packages_path.rstrip('/')}/{name}" for name in found)
