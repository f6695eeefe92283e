"""What pure functions of a file's text gave, kept on disk by the text's digest. Knows nothing of what it keeps.

One JSON file per kind of result: `{"recipe": ..., "entries": {digest: value}}`. A file is read when the first entry
of its kind is asked for, each value is decoded into its type when it is asked for, and whatever does not decode is
made again. Files are replaced in one step, so that processes beside each other see whole files; the last one wins.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from eltbuild._version import __version__
from eltbuild.errors import Place, Problem

RECIPE = 1
"""To be raised when a kept function changes what it gives for the same text."""

T = TypeVar("T")


class Cache:
    """The results kept in a folder; without a folder nothing is kept and nothing is found."""

    def __init__(self, folder: Path | None, recipe: str = f"{__version__}+{RECIPE}") -> None:
        self._folder = folder
        self._recipe = recipe
        self._kinds: dict[str, Kind[Any]] = {}

    def kind(self, name: str, type: type[T]) -> Kind[T]:
        """The results of one function, by digest."""
        if name not in self._kinds:
            path = self._folder / f"{name}.json" if self._folder else None
            self._kinds[name] = Kind(path, self._recipe, type)
        return self._kinds[name]

    def save(self) -> tuple[Problem, ...]:
        """Write what is new, with what was found; whatever was not asked for is dropped. Gives warnings."""
        for kind in self._kinds.values():
            kind.save()
        return tuple(problem for kind in self._kinds.values() for problem in kind.problems)


class Kind(Generic[T]):
    """The results of one function: a file, and what was asked for in this run."""

    def __init__(self, path: Path | None, recipe: str, type: type[T]) -> None:
        self._path = path
        self._shown = str(path)
        self._recipe = recipe
        self._type = type
        self._stored: dict[str, Any] | None = None
        self._used: dict[str, Any] = {}
        self._changed = False
        self._decode: Callable[[Any], T] | None = None
        self.problems: list[Problem] = []

    def get(self, digest: str) -> T | None:
        """What was kept for a text of that digest; None where nothing can be trusted to be."""
        if self._path is None:
            return None
        if self._stored is None:
            self._stored = self._read(self._path)
        raw = self._stored.get(digest)
        if raw is None:
            return None
        import msgspec

        if self._decode is None:
            self._decode = msgspec.json.Decoder(self._type).decode
        try:
            value = self._decode(raw)
        except (msgspec.DecodeError, ValueError, RecursionError):
            self._damaged("holds an entry that cannot be read")
            del self._stored[digest]
            return None
        self._used[digest] = raw
        return value

    def put(self, digest: str, value: T) -> None:
        """Keep a result; one that JSON cannot carry is left out."""
        if self._path is None:
            return
        import msgspec

        try:
            self._used[digest] = msgspec.Raw(msgspec.json.encode(value))
        except (TypeError, ValueError, OverflowError, RecursionError):
            return
        self._changed = True

    def save(self) -> None:
        """Replace the file where something new was put. A folder that cannot be written is a warning."""
        if self._path is None or not self._changed:
            return
        import msgspec

        data = msgspec.json.encode({"recipe": self._recipe, "entries": self._used})
        try:
            _replace(self._path, data)
        except OSError as error:
            self._warn(f"the cache cannot be written: {error.strerror or error}")
        self._changed = False

    def _read(self, path: Path) -> dict[str, Any]:
        import msgspec

        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            self._warn(f"the cache cannot be read: {error.strerror or error}")
            self._path = None
            return {}
        try:
            head = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
            if msgspec.json.decode(head["recipe"], type=str) != self._recipe:
                return {}
            return msgspec.json.decode(head["entries"], type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, KeyError, ValueError, RecursionError):
            self._damaged("is damaged, or not one of ours")
            return {}

    def _damaged(self, what: str) -> None:
        self._changed = True
        self._warn(f"the cache file {what}; it is made again")

    def _warn(self, message: str) -> None:
        self.problems.append(Problem(message, Place(self._shown), severity="warning", name="CacheProblem"))


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{os.getpid()}-{os.urandom(6).hex()}"
    try:
        # "x": never to write through a link that somebody else put there.
        with open(temporary, "xb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
