"""Versions of packages and ranges of them, as dbt reads them: semantic versions, compared part by part.

Source of the order: Semantic Versioning 2.0.0, section 11. A build tag (`+abc`) plays no part in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from eltbuild.values import dataclass

VERSION = re.compile(
    r"v?(?P<major>\d{1,9})(?:\.(?P<minor>\d{1,9}))?(?:\.(?P<patch>\d{1,9}))?"
    r"(?:-(?P<prerelease>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)|(?P<glued>[A-Za-z][0-9A-Za-z-]*(?:\.[0-9A-Za-z-]+)*))?"
    r"(?:\+[0-9A-Za-z.-]*)?"
)
BOUND = re.compile(r"\s*(?P<operator>>=|<=|==|=|>|<)?\s*(?P<version>\S+)\s*")
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Version:
    """A version; `text` is how it was written."""

    text: str
    numbers: tuple[int, int, int]
    prerelease: str = ""

    @property
    def key(self) -> tuple[Any, ...]:
        """Sorts versions: a prerelease stands before its release, numbers in it before words."""
        parts = tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in self.prerelease.split(".") if p)
        return (self.numbers, not self.prerelease, parts)


@dataclass(frozen=True, slots=True)
class Bound:
    """One side of a range, such as `>=1.2.0`; operator `=` allows that one version only."""

    operator: str
    version: Version

    def allows(self, version: Version) -> bool:
        """Whether a version keeps to this bound. `<2.0.0` keeps the prereleases of 2.0.0 out."""
        mine, other = self.version.key, version.key
        match self.operator:
            case ">=":
                return other >= mine
            case ">":
                return other > mine
            case "<=":
                return other <= mine
            case "<":
                sneaks_in = version.numbers == self.version.numbers and not self.version.prerelease
                return other < mine and not sneaks_in
        return other == mine

    def __str__(self) -> str:
        return f"{'' if self.operator == '=' else self.operator}{self.version.text}"


def read_version(text: str, *, whole: bool = True) -> Version:
    """The version that a text means; with `whole` False, missing parts are zero. Raises `ValueError`."""
    match = VERSION.fullmatch(text) if len(text) <= LONGEST else None
    if not match or (whole and match["patch"] is None):
        raise ValueError(f"`{text[:LONGEST]}` is not a version of three numbers, such as 1.2.0")
    numbers = (int(match["major"]), int(match["minor"] or 0), int(match["patch"] or 0))
    return Version(text, numbers, match["prerelease"] or match["glued"] or "")


def read_bounds(texts: Iterable[str]) -> tuple[Bound, ...]:
    """The bounds of a list such as `[">=1.0.0", "<2.0.0"]` or `[">=1.0.0,<2.0.0"]`. Raises `ValueError`."""
    return tuple(_bound(part) for text in texts for part in text.split(",") if part.strip())


def _bound(text: str) -> Bound:
    match = BOUND.fullmatch(text)
    if not match:
        raise ValueError(f"`{text[:LONGEST]}` is not a version nor a bound such as >=1.2.0")
    operator = "=" if match["operator"] in (None, "==") else match["operator"]
    return Bound(operator, read_version(match["version"], whole=operator == "="))


def newest(bounds: Sequence[Bound], available: Iterable[Version], *, prereleases: bool) -> Version | None:
    """The newest version within all bounds, or None. Prereleases count if asked for or named in a bound."""
    wanted = prereleases or any(bound.version.prerelease for bound in bounds)
    fitting = [
        version
        for version in available
        if (wanted or not version.prerelease) and all(bound.allows(version) for bound in bounds)
    ]
    return max(fitting, key=lambda version: version.key, default=None)
