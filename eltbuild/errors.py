"""What can go wrong, as values and as exceptions. Nothing is printed here.

A `Problem` says what, where and how to mend it. A stage collects all its problems and raises them
together. The tree of exceptions::

    EltbuildError
    ├── UsageError       the call is wrong (flags, names, paths)            exit code 2
    ├── ProjectError     the project is wrong (YAML, SQL, Jinja, graph)     exit code 2
    ├── CompileError     one node's template failed at its turn             the node fails
    │   ├── InlinedError     that of an ephemeral model it refers to
    │   └── AuditError       its tests failed on what was to be published
    ├── DatabaseError    the warehouse refused a statement                  the node fails
    └── Interrupted      the user asked to stop                             exit code 130
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from eltbuild.values import dataclass, replace

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file of the user's: path as the user would type it; line and column from 1, 0 if unknown."""

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.path]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where, and a hint. `name` is the stable event name that warn_error_options can list."""

    message: str
    place: Place | None = None
    hint: str = ""
    severity: Severity = "error"
    name: str = ""

    def __str__(self) -> str:
        head = f"{self.place}: {self.message}" if self.place else self.message
        return f"{head}\n    hint: {self.hint}" if self.hint else head

    def as_error(self) -> Problem:
        """The same problem with severity `error`."""
        return replace(self, severity="error")


DEPRECATIONS = "Deprecations"
"""Stands for all warnings whose names end in `Deprecation`."""


@dataclass(frozen=True, slots=True)
class Strictness:
    """Which warnings are errors, and which are not told, by their names."""

    everything: bool = False
    errors: frozenset[str] = frozenset()
    spared: frozenset[str] = frozenset()
    silenced: frozenset[str] = frozenset()

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Strictness:
        """What `told` gave, read again."""
        everything = told.get("error") == "all"
        lists = (frozenset(() if everything else told.get("error", ())), told.get("warn", ()), told.get("silence", ()))
        return cls(everything, *map(frozenset, lists))

    def told(self) -> Mapping[str, Any]:
        """As templates see it."""
        errors: Any = "all" if self.everything else sorted(self.errors)
        return {"error": errors, "warn": sorted(self.spared), "silence": sorted(self.silenced)}

    def refuses(self, name: str) -> bool:
        """Whether a warning of that name is an error."""
        if self._lists(self.spared, name) or self.silences(name):
            return False
        return self.everything or self._lists(self.errors, name)

    def silences(self, name: str) -> bool:
        """Whether a warning of that name is not told."""
        return self._lists(self.silenced, name)

    def _lists(self, names: frozenset[str], name: str) -> bool:
        return name in names or (DEPRECATIONS in names and name.endswith("Deprecation"))


class EltbuildError(Exception):
    """The root of all errors that a user's input can cause; carries every problem that was found."""

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = tuple(Problem(p) if isinstance(p, str) else p for p in problems)
        super().__init__("\n".join(map(str, self.problems)))


class UsageError(EltbuildError):
    """The call is wrong: an unknown flag value, a path that does not exist."""


class ProjectError(EltbuildError):
    """The project is wrong: all problems of the stage that found them."""


class CompileError(EltbuildError):
    """A template failed while its node was rendered."""


INLINED = "EphemeralFailed"
"""The name of a problem of an ephemeral model, by which those fail that its text stands in."""


class InlinedError(CompileError):
    """The template of an ephemeral model failed while one was rendered that refers to it. `node` is the ephemeral."""

    def __init__(self, node: str, *problems: Problem) -> None:
        super().__init__(*(replace(problem, name=INLINED) for problem in problems))
        self.node = node


class AuditError(CompileError):
    """Tests failed on the rows that were to be published: nothing of them is seen."""


class DatabaseError(EltbuildError):
    """The warehouse refused a statement. `sql` is what was sent; `line`/`column` are positions in it, 0 if unknown.

    `code` is the engine's own. `transient`: the same may succeed a little later, and nothing of it has been kept.
    `lost`: the session is gone with it, and only a new one can go on.
    """

    def __init__(
        self,
        message: str,
        *,
        sql: str = "",
        line: int = 0,
        column: int = 0,
        code: str = "",
        transient: bool = False,
        lost: bool = False,
        hint: str = "",
    ) -> None:
        super().__init__(Problem(message, hint=hint))
        self.message = message
        self.sql = sql
        self.line = line
        self.column = column
        self.code = code
        self.transient = transient
        self.lost = lost


class Interrupted(EltbuildError):
    """The user asked to stop; what was running has been cancelled."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint naming the nearest of `known`, or an empty string when nothing is near."""
    from difflib import get_close_matches

    names = sorted({name for name in known if name != word})
    near = get_close_matches(word, names, n=1, cutoff=0.6)
    if not near:
        lower = {name.lower(): name for name in names}
        near = [lower[word.lower()]] if word.lower() in lower else []
    return f"did you mean `{near[0]}`?" if near else ""
