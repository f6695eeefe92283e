"""What pure functions of a file's text gave, kept on disk by the text's digest. Knows nothing of what it keeps.

One sealed JSON file per kind of result: `{"recipe": ..., "entries": {digest: value}}`. A file is read when the first
entry of its kind is asked for, each value is decoded into its type when it is asked for, and whatever does not decode
is made again. Files are replaced in one step, so that processes beside each other see whole files; the last one wins.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from eltbuild._version import __version__
from eltbuild.disk import private_folder, read_whole, sweep, write_whole
from eltbuild.errors import Place, Problem
from eltbuild.project.seal import NotSealed, sealed, unsealed

RECIPE = 3
"""To be raised when a kept function changes what it gives for the same text."""
PROBLEM = "CacheProblem"
"""The name of what is told about caches: it is never an error."""

T = TypeVar("T")


class Cache:
    """The results kept in a folder under a key; without a folder nothing is kept and nothing is found."""

    def __init__(self, folder: Path | None, key: bytes = b"", recipe: str = f"{__version__}+{RECIPE}") -> None:
        self._folder = folder
        self._key = key
        self._recipe = recipe
        self._kinds: dict[str, Kind[Any]] = {}

    def kind(self, name: str, type: type[T]) -> Kind[T]:
        """The results of one function, by digest."""
        if name not in self._kinds:
            path = self._folder / f"{name}.json" if self._folder else None
            self._kinds[name] = Kind(path, self._key, self._recipe, type)
        return self._kinds[name]

    def save(self) -> tuple[Problem, ...]:
        """Write what is new, with what was found; whatever was not asked for is dropped. Gives warnings, each once."""
        for kind in self._kinds.values():
            kind.save()
        return tuple(dict.fromkeys(problem for kind in self._kinds.values() for problem in kind.problems))


class Kind(Generic[T]):
    """The results of one function: a file, and what was asked for in this run."""

    def __init__(self, path: Path | None, key: bytes, recipe: str, type: type[T]) -> None:
        self._path = path
        self._key = key
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
        self.problems.extend(store(self._path, data, self._key))
        self._changed = False

    def _read(self, path: Path) -> dict[str, Any]:
        import msgspec

        data, problems = stored(path, self._key)
        self.problems.extend(problems)
        if data is None:
            self._changed = bool(problems)
            return {}
        try:
            head = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
            if msgspec.json.decode(head["recipe"], type=str) != self._recipe:
                return {}
            return msgspec.json.decode(head["entries"], type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, KeyError, ValueError, RecursionError):
            self._damaged("is damaged")
            return {}

    def _damaged(self, what: str) -> None:
        self._changed = True
        self.problems.append(made_again(self._path or Path(), what))


def store(path: Path, data: bytes, key: bytes) -> tuple[Problem, ...]:
    """Put the data there under a seal, for its owner only; a warning where that cannot be done."""
    try:
        private_folder(path.parent)
        sweep(path.parent)
        write_whole(path, sealed(data, key))
    except OSError as error:
        return (_problem(path.parent, f"nothing can be kept there: {error.strerror or error}"),)
    return ()


def stored(path: Path, key: bytes) -> tuple[bytes | None, tuple[Problem, ...]]:
    """What was put there; None, with a warning but for a file that is not there, where nothing can be trusted."""
    try:
        return unsealed(read_whole(path), key), ()
    except (FileNotFoundError, NotADirectoryError):
        return None, ()
    except OSError as error:
        return None, (made_again(path, f"cannot be read: {error.strerror or error}"),)
    except NotSealed as error:
        return None, (made_again(path, str(error)),)


def made_again(path: Path, what: str) -> Problem:
    """The warning that a cache file was of no use."""
    return _problem(path, f"the cache file {what}; it is made again")


def _problem(path: Path, message: str) -> Problem:
    return Problem(message, Place(str(path)), severity="warning", name=PROBLEM)
