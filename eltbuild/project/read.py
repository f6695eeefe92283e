"""Reading of the user's files: the only place that touches their disk. What they mean is not known here."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import translate
from functools import cache
from hashlib import blake2b
from pathlib import Path

from eltbuild.errors import Place, Problem, ProjectError
from eltbuild.project.resources import SourceFile
from eltbuild.values import dataclass

SIZE_LIMIT = 64 * 1024 * 1024
"""Files of text larger than this are refused, but for seeds."""
IGNORE_FILES = (".dbtignore", ".eltbuildignore")
HIDDEN = (".", "#", "~")
"""Names that begin so are left out."""
_BULK = (".csv",)


def read_file(root: Path, path: str, package: str, package_root: str = "") -> SourceFile:
    """One file; `path` is relative to `root`, the project's folder.

    Raises `ProjectError` when it cannot be read.
    """
    data = _bytes(os.path.join(root, path), path)
    return SourceFile(path, _text(data, path), digest(data), package, package_root)


def read_folders(
    root: Path,
    package_root: str,
    package: str,
    folders: Sequence[str],
    suffixes: Sequence[str],
    problems: list[Problem] | None = None,
) -> tuple[SourceFile, ...]:
    """Every file in those folders of a package whose name ends in one of `suffixes`, by path, each once.

    Folders are relative to the package and may hold globs. Hidden and ignored files are left out. Files that
    cannot be read go to `problems`; without it they raise `ProjectError` together.
    """
    found: list[Problem] = []
    files = []
    for path in find_files(root, package_root, folders, suffixes, found):
        try:
            files.append(read_file(root, path, package, package_root))
        except ProjectError as error:
            found.extend(error.problems)
    if problems is not None:
        problems.extend(found)
    elif found:
        raise ProjectError(*found)
    return tuple(files)


def find_files(
    root: Path,
    package_root: str,
    folders: Sequence[str],
    suffixes: Sequence[str],
    problems: list[Problem] | None = None,
) -> tuple[str, ...]:
    """The paths (relative to `root`) that `read_folders` would read, without reading them."""
    base = os.path.join(root, package_root)
    ends = tuple(suffix.lower() for suffix in suffixes)
    patterns = _ignore_patterns(base)
    # A package that was fetched may not lead out of its folder; one that is a link is a folder of the user's own.
    bound = os.path.realpath(base) if package_root and not os.path.islink(base) else None
    walk = _Walk([] if problems is None else problems, bound)
    paths: set[str] = set()
    for folder in _expanded(base, folders):
        if bound is not None and not walk.is_bound(os.path.join(base, folder), folder):
            continue
        for path in walk.files(os.path.join(base, folder), folder):
            if path.lower().endswith(ends) and not (patterns and _ignored(path, patterns)):
                paths.add(f"{package_root}/{path}" if package_root and not os.path.isabs(path) else path)
    return tuple(sorted(paths))


def digest(data: bytes) -> str:
    """The digest by which a file's content is known: BLAKE2b of 16 bytes, in hexadecimal."""
    return blake2b(data, digest_size=16).hexdigest()


def digest_file(root: Path, path: str) -> str:
    """The digest of a file of any size. Raises `ProjectError` when it cannot be read."""
    hashed = blake2b(digest_size=16)
    try:
        with open(os.path.join(root, path), "rb") as file:
            while block := file.read(1 << 20):
                hashed.update(block)
    except (OSError, ValueError) as error:
        raise ProjectError(_unreadable(path, error)) from None
    return hashed.hexdigest()


def _bytes(full: str, path: str) -> bytes:
    """All of a file's bytes, by as few calls of the system as can be."""
    try:
        # Not to wait for a writer where a pipe stands in place of a file.
        handle = os.open(full, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise ProjectError(_unreadable(path, error)) from None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ProjectError(Problem("this is not a file", Place(path)))
        if status.st_size > SIZE_LIMIT and not path.lower().endswith(_BULK):
            raise ProjectError(Problem(f"the file is larger than {SIZE_LIMIT // 2**20} MiB", Place(path)))
        data = os.read(handle, status.st_size + 1)
        if len(data) == status.st_size:
            return data
        # A file that grows or shrinks meanwhile, or one whose size the system does not tell.
        parts = [data]
        while block := os.read(handle, 1 << 20):
            parts.append(block)
        return b"".join(parts)
    except OSError as error:
        raise ProjectError(_unreadable(path, error)) from None
    finally:
        os.close(handle)


def _text(data: bytes, path: str) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = len(data[data.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8", "replace")) + 1
        hint = "save the file in the encoding UTF-8"
        raise ProjectError(
            Problem(f"the byte 0x{data[error.start]:02x} is not UTF-8", Place(path, line, column), hint)
        ) from None
    return text.removeprefix("\ufeff")


def _unreadable(path: str, error: Exception) -> Problem:
    if isinstance(error, FileNotFoundError):
        return Problem("there is no such file", Place(path))
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Problem(f"the file cannot be read: {reason}", Place(path))


@dataclass(slots=True)
class _Walk:
    """A walk through folders that enters each real folder once, whatever links lead to it."""

    problems: list[Problem]
    bound: str | None = None
    """A folder out of which no link may lead."""

    def files(self, full: str, path: str) -> Iterator[str]:
        """The paths of all files under a folder; what is reached by links to folders comes last."""
        seen: set[tuple[int, int]] = set()
        pending = [(full, path)]
        links: list[tuple[str, str]] = []
        while pending or links:
            # Links wait until the folders themselves have been read, so that a file keeps its own path.
            full, path = pending.pop() if pending else links.pop(0)
            if not self._enter(full, seen):
                continue
            try:
                with os.scandir(full) as entries:
                    for entry in entries:
                        name = entry.name
                        if name[0] in HIDDEN:
                            continue
                        inner = f"{path}/{name}" if path else name
                        if self.bound is not None and entry.is_symlink() and not self.is_bound(entry.path, inner):
                            continue
                        if entry.is_dir():
                            (links if entry.is_symlink() else pending).append((entry.path, inner))
                        elif entry.is_file() or entry.is_symlink():
                            yield inner
            except OSError as error:
                if not isinstance(error, FileNotFoundError):
                    self.problems.append(Problem(f"the folder cannot be read: {error.strerror}", Place(path)))

    def is_bound(self, full: str, path: str) -> bool:
        """Whether a place lies in the folder that must not be left; that it does not is noted."""
        real, bound = os.path.realpath(full), self.bound or ""
        if real == bound or real.startswith(bound + os.sep):
            return True
        self.problems.append(Problem("this link leads out of the package, and is not followed", Place(path)))
        return False

    def _enter(self, full: str, seen: set[tuple[int, int]]) -> bool:
        try:
            status = os.stat(full)
        except (OSError, ValueError):
            return False
        key = (status.st_dev, status.st_ino)
        if (key in seen and status.st_ino) or not stat.S_ISDIR(status.st_mode):
            return False
        seen.add(key)
        return True


def _expanded(base: str, folders: Sequence[str]) -> list[str]:
    """The folders with globs replaced by what they match; each once, in order."""
    found: dict[str, None] = {}
    for folder in folders:
        plain = "/".join(part for part in folder.replace("\\", "/").split("/") if part not in ("", "."))
        if folder.startswith("/"):
            plain = "/" + plain
        for path in _glob(base, plain) if re.search(r"[*?\[]", plain) else [plain]:
            found[path] = None
    return list(found)


def _glob(base: str, pattern: str) -> list[str]:
    """The folders that a pattern matches, sorted; `**` stands for any folders, none of them a link."""
    found = {"/" if pattern.startswith("/") else ""}
    for part in pattern.strip("/").split("/"):
        if part == "**":
            found |= {inner for path in found for inner in _below(base, path)}
        elif re.search(r"[*?\[]", part):
            match = _segment(part).match
            found = {f"{path.rstrip('/')}/{name}".lstrip() if path else name
                     for path in found for name in _folder_names(base, path) if match(name)}  # fmt: skip
        else:
            found = {f"{path.rstrip('/')}/{part}" if path else part for path in found}
    return sorted(path for path in found if os.path.isdir(os.path.join(base, path)))


def _below(base: str, path: str) -> Iterator[str]:
    for folder, names, _ in os.walk(os.path.join(base, path)):
        names[:] = [name for name in names if name[0] not in HIDDEN]
        for name in names:
            if not os.path.islink(os.path.join(folder, name)):
                yield os.path.relpath(os.path.join(folder, name), base).replace(os.sep, "/")


def _folder_names(base: str, path: str) -> list[str]:
    try:
        with os.scandir(os.path.join(base, path)) as entries:
            return [entry.name for entry in entries if entry.name[0] not in HIDDEN and entry.is_dir()]
    except OSError:
        return []


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A line of an ignore file. `parts` are names or globs; without `anchored` they match at any depth."""

    parts: tuple[str, ...]
    anchored: bool
    folders_only: bool
    keeps: bool


def _ignore_patterns(base: str) -> tuple[_Pattern, ...]:
    lines: list[str] = []
    for name in IGNORE_FILES:
        full = os.path.join(base, name)
        if os.path.isfile(full):
            lines += _text(_bytes(full, name), name).splitlines()
    return tuple(pattern for line in lines if (pattern := _pattern(line)))


def _pattern(line: str) -> _Pattern | None:
    """A line as git reads it: `#` comments, `!` keeps, `/` anchors, a `/` at the end means folders."""
    text = line if line.endswith("\\ ") else line.rstrip()
    if not text or text.startswith("#"):
        return None
    keeps = text.startswith("!")
    text = text.removeprefix("!").removeprefix("\\")
    folders_only = text.endswith("/")
    parts = tuple(part for part in text.split("/") if part)
    anchored = "/" in text.rstrip("/")
    return _Pattern(parts, anchored, folders_only, keeps) if parts else None


def _ignored(path: str, patterns: Iterable[_Pattern]) -> bool:
    """Whether the last pattern that matches a file, or a folder that it is in, says to leave it out."""
    names = path.split("/")
    ignored = False
    for pattern in patterns:
        if pattern.keeps == ignored and _matches(pattern, names):
            ignored = not pattern.keeps
    return ignored


def _matches(pattern: _Pattern, names: list[str]) -> bool:
    last = len(names) - 1 if pattern.folders_only else len(names)
    if not pattern.anchored:
        match = _segment(pattern.parts[0]).match
        return any(match(name) for name in names[:last])
    # The ends that the parts so far can have reached.
    ends = {0}
    for number, part in enumerate(pattern.parts):
        if part == "**":
            final = number == len(pattern.parts) - 1
            ends = {end for start in ends for end in range(start + final, last + 1)}
        else:
            match = _segment(part).match
            ends = {start + 1 for start in ends if start < last and match(names[start])}
        if not ends:
            return False
    return True


@cache
def _segment(part: str) -> re.Pattern[str]:
    return re.compile(translate(part))
