"""Patterns of names and of paths: texts in, yes or no out. The disk is not looked at."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate

WILDCARDS = "*?["


def matcher(pattern: str) -> Callable[[str], object]:
    """Whether a text equals the pattern, in which `*`, `?` and `[...]` are wildcards; upper and lower case differ."""
    if not any(char in pattern for char in WILDCARDS):
        return pattern.__eq__
    return re.compile(translate(pattern)).match


def relative(path: str, root: str) -> str:
    """The path from the project's folder, forward slashes, without `.` and what ends in a slash."""
    path, root = path.replace("\\", "/"), root.replace("\\", "/").rstrip("/")
    if root and (path == root or path.startswith(root + "/")):
        path = path[len(root) :]
    elif path.startswith("/") or path[1:2] == ":":
        return path
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def path_matcher(pattern: str) -> Callable[[str], bool]:
    """As `pathlib.Path.glob` matches: wildcards stay within a name, and `**` is any number of folders."""
    if not any(char in pattern for char in WILDCARDS):
        return pattern.__eq__
    steps = [None if part == "**" else matcher(part) for part in pattern.split("/")]

    def matches(path: str) -> bool:
        at = _skip({0}, steps)
        for name in path.split("/"):
            at = {after for step in at if step < len(steps) for after in _after(steps[step], step, name)}
            at = _skip(at, steps)
        return len(steps) in at

    return matches


def _after(step: Callable[[str], object] | None, number: int, name: str) -> tuple[int, ...]:
    if step is None:
        return (number,)
    return (number + 1,) if step(name) else ()


def _skip(at: set[int], steps: Sequence[Callable[[str], object] | None]) -> set[int]:
    """The same steps and those that follow when `**` stands for no folder."""
    reached = set(at)
    for step in sorted(at):
        while step < len(steps) and steps[step] is None:
            step += 1
            reached.add(step)
    return reached
