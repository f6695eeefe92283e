"""Which file of a package is what, by the folder that it lies in and its suffix. Each folder is walked once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from eltbuild.errors import Problem, ProjectError
from eltbuild.project.project import Settings
from eltbuild.project.read import find_files, read_file
from eltbuild.project.resources import SourceFile
from eltbuild.project.seeds import SEED_SUFFIXES

YAML = (".yml", ".yaml")
_ALL = (".sql", ".py", ".js", ".json", ".md", *YAML, *SEED_SUFFIXES)
_PROPERTIES = (
    "model-paths",
    "seed-paths",
    "snapshot-paths",
    "analysis-paths",
    "macro-paths",
    "test-paths",
    "function-paths",
)


class PackageFiles:
    """The files of one package. Files are read when they are asked for, each once; what fails is a problem."""

    def __init__(self, root: Path, settings: Settings, problems: list[Problem]) -> None:
        self._root = root
        self._settings = settings
        self._problems = problems
        self._listed: dict[str, tuple[str, ...]] = {}
        self._read: dict[str, SourceFile | None] = {}

    def paths(self, kind: str, suffixes: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Paths (from the project root, and within the resource folder) of the files of one kind of folder."""
        ends = tuple(suffixes)
        seen = set()
        for folder in self._settings.paths.get(kind, ()):
            for path in self._list(folder):
                if path.lower().endswith(ends) and path not in seen:
                    seen.add(path)
                    yield path, self._within(path, folder)

    def files(self, kind: str, suffixes: Sequence[str]) -> Iterator[tuple[SourceFile, str]]:
        """The same, read."""
        for path, within in self.paths(kind, suffixes):
            file = self.read(path)
            if file is not None:
                yield file, within

    def properties(self) -> Iterator[tuple[SourceFile, str]]:
        """The properties files of all folders, each once."""
        seen = set()
        for kind in _PROPERTIES:
            for path, within in self.paths(kind, YAML):
                if path not in seen:
                    seen.add(path)
                    file = self.read(path)
                    if file is not None:
                        yield file, within

    def read(self, path: str) -> SourceFile | None:
        """One file; None when it cannot be read, which is noted."""
        if path not in self._read:
            try:
                self._read[path] = read_file(self._root, path, self._settings.name, self._settings.root)
            except ProjectError as error:
                self._problems.extend(error.problems)
                self._read[path] = None
        return self._read[path]

    def _list(self, folder: str) -> tuple[str, ...]:
        if folder not in self._listed:
            found = find_files(self._root, self._settings.root, [folder], _ALL, self._problems)
            self._listed[folder] = found
        return self._listed[folder]

    def _within(self, path: str, folder: str) -> str:
        """The path below the resource folder, which may be a glob."""
        parts = [part for part in folder.replace("\\", "/").split("/") if part not in ("", ".")]
        if "**" in parts:
            parts = parts[: next(index for index, part in enumerate(parts) if re.search(r"[*?\[]", part))]
        own = path[len(self._settings.root) + 1 :] if self._settings.root else path
        return "/".join(own.split("/")[len(parts) :]) if not folder.startswith("/") else path.rpartition("/")[2]


def folders_of(within: str) -> tuple[str, ...]:
    """The folders of a path."""
    return tuple(within.split("/")[:-1])


def folders_of_test(original_path: str) -> tuple[str, ...]:
    """The folders of a data test or unit test, as dbt counts them: those below the first one of its file's path."""
    return tuple(original_path.split("/")[1:-1])


def stem(within: str) -> str:
    """The name of a file without its suffix."""
    name = within.rpartition("/")[2]
    return name.rpartition(".")[0]
