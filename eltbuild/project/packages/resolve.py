"""Which packages in which versions: the deciding half of an install.

The choice is repeated from the top until nothing changes: a version that a later wish rules out takes its own
wishes with it. What must be looked at on the way (an index, a package's own wishes) comes through `Origin`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from eltbuild.errors import Place, Problem, ProjectError
from eltbuild.project.packages.lockfile import Lock, Locked, digests
from eltbuild.project.packages.versions import Bound, Version, newest, read_version
from eltbuild.project.packages.wishes import GitWish, HubWish, LocalWish, TarballWish, Wish, Wishes
from eltbuild.values import dataclass, replace

ROUNDS = 100
MOST_PACKAGES = 2000
BRANCHES = frozenset({"", "main", "master", "HEAD"})


@dataclass(frozen=True, slots=True)
class Found:
    """A package looked at: its project's name, its own wishes, the exact wish for what was found, notes."""

    wish: Wish
    name: str
    wishes: tuple[Wish, ...] = ()
    notes: tuple[Problem, ...] = ()


class Origin(Protocol):
    """Where packages come from."""

    def versions(self, wish: HubWish) -> Sequence[Version]:
        """All versions of a package that an index lists and that can be used. Raises `ProjectError`."""
        ...

    def find(self, wish: Wish) -> Found:
        """Look at the package behind an exact wish. Raises `ProjectError`."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A wish and who has it: "" is the project itself."""

    wish: Wish
    by: str


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """What to install, in order. `locked`: the lock file decided, so contents must be those of the lock."""

    packages: tuple[Locked, ...]
    digest: str
    locked: bool
    notes: Mapping[str, tuple[Problem, ...]]


def plan_install(
    root: Path,
    wishes: Wishes,
    lock: Lock | None,
    origin: Origin,
    *,
    name: str = "",
    upgrade: bool = False,
) -> InstallPlan:
    """Decide what to install for the wishes of the project called `name` in the folder `root`.

    A lock that was made for the same wishes decides, unless `upgrade`. Raises `ProjectError`: wishes that
    exclude each other, two packages of one name, packages that need each other.
    """
    ours, theirs = digests(wishes)
    if lock is not None and not upgrade and lock.digest in (ours, theirs):
        return InstallPlan(lock.packages, lock.digest, True, {})
    found = _settle(root, wishes, origin)
    _check_names([found[key] for key in found], name)
    notes = {package.name: package.notes for package, _ in found.values() if package.notes}
    packages = tuple(Locked(package.wish, package.name) for package, _ in found.values())
    return InstallPlan(packages, ours, False, notes)


def _settle(root: Path, wishes: Wishes, origin: Origin) -> Mapping[str, tuple[Found, tuple[Asked, ...]]]:
    """Every package that is needed, by key, with those who ask for it; in order of first mention."""
    chosen: dict[str, Found] = {}
    for _ in range(ROUNDS):
        asked = _gather(wishes, chosen)
        pins = {key: _pin(root, askers, origin) for key, askers in asked.items()}
        missing = {key: pin for key, pin in pins.items() if key not in chosen or _differs(chosen[key].wish, pin)}
        if not missing:
            _check_circles(asked, chosen)
            return {key: (chosen[key], tuple(askers)) for key, askers in asked.items()}
        if len(pins) > MOST_PACKAGES:
            raise ProjectError(Problem(f"the packages ask for more than {MOST_PACKAGES} packages"))
        for key, pin in missing.items():
            chosen[key] = origin.find(pin)
    raise ProjectError(Problem("no choice of versions satisfies the packages: each choice asks for another one"))


def _gather(wishes: Wishes, chosen: Mapping[str, Found]) -> Mapping[str, list[Asked]]:
    """All wishes that the present choice brings with it, level by level from the project down."""
    asked: dict[str, list[Asked]] = {}
    level = [Asked(wish, "") for wish in wishes.wishes]
    while level:
        below: list[Asked] = []
        for ask in level:
            key = ask.wish.key
            if key not in asked:
                asked[key] = []
                if key in chosen:
                    below += [Asked(wish, chosen[key].name) for wish in chosen[key].wishes]
            asked[key].append(ask)
        level = below
    return asked


def _pin(root: Path, askers: Sequence[Asked], origin: Origin) -> Wish:
    """One exact wish in place of several for a package. Raises `ProjectError` when none suits all."""
    first = askers[0].wish
    match first:
        case HubWish():
            return _pin_hub(askers, origin)
        case GitWish():
            revisions = {ask.wish.revision for ask in askers if isinstance(ask.wish, GitWish)}
            if len(revisions) > 1:
                raise _conflict(first, askers, "is asked for in different revisions")
            warn = all(ask.wish.warn_unpinned for ask in askers if isinstance(ask.wish, GitWish))
            return replace(first, warn_unpinned=warn)
        case LocalWish():
            # A lock is read from the project's own folder, whoever asked.
            path = first.path if first.base == root else _relative(first.folder, root)
            return replace(first, path=path, base=root)
        case TarballWish():
            return first


def _relative(folder: Path, root: Path) -> str:
    try:
        return os.path.relpath(folder, root).replace(os.sep, "/")
    except ValueError:
        return str(folder)


def _pin_hub(askers: Sequence[Asked], origin: Origin) -> HubWish:
    wishes = [ask.wish for ask in askers if isinstance(ask.wish, HubWish)]
    bounds = [bound for wish in wishes for bound in wish.bounds]
    available = origin.versions(wishes[0])
    best = newest(bounds, available, prereleases=any(wish.prereleases for wish in wishes))
    if best is None:
        newest_first = sorted(available, key=lambda version: version.key, reverse=True)
        listed = ", ".join(version.text for version in newest_first[:8])
        why = "is asked for in versions that exclude each other" if len(wishes) > 1 else "has no such version"
        raise _conflict(wishes[0], askers, why, f"published: {listed}" if listed else "no version is published")
    return replace(wishes[0], bounds=(Bound("=", read_version(best.text)),))


def _conflict(wish: Wish, askers: Sequence[Asked], why: str, hint: str = "") -> ProjectError:
    lines = "".join(f"\n    {ask.wish.asked}: asked for by {ask.by or _file(ask.wish.place)}" for ask in askers)
    return ProjectError(Problem(f"`{wish.shown}` {why}{lines}", wish.place, hint))


def _file(place: Place | None) -> str:
    return place.path if place else "the project"


def _differs(chosen: Wish, pin: Wish) -> bool:
    """Whether what was looked at is not what is wanted now."""
    # Only versions can change: revisions that differ are a conflict, and a commit stands for its revision.
    return isinstance(chosen, HubWish) and isinstance(pin, HubWish) and chosen.bounds != pin.bounds


def _check_names(found: Iterable[tuple[Found, tuple[Asked, ...]]], own_name: str) -> None:
    seen: dict[str, tuple[Found, tuple[Asked, ...]]] = {}
    problems: list[Problem] = []
    for package, askers in found:
        folded = package.name.casefold()
        if folded == own_name.casefold():
            problems.append(
                Problem(
                    f"`{package.wish.shown}` is called `{package.name}`, as the project itself",
                    askers[0].wish.place,
                )
            )
        elif folded in seen:
            other, others = seen[folded]
            lines = "".join(
                f"\n    {one.wish.shown}: asked for by {ask.by or _file(ask.wish.place)}"
                for one, asks in ((other, others), (package, askers))
                for ask in asks
            )
            problems.append(
                Problem(
                    f"two packages are called `{package.name}`{lines}",
                    askers[0].wish.place,
                    hint="ask for it from one place only",
                )
            )
        seen.setdefault(folded, (package, askers))
    if problems:
        raise ProjectError(*problems)


def _check_circles(asked: Mapping[str, Sequence[Asked]], chosen: Mapping[str, Found]) -> None:
    """Packages that need each other are refused: nobody could say whose macros come first."""
    import graphlib

    needs = {key: {wish.key for wish in chosen[key].wishes} for key in asked}
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        names = [chosen[key].name for key in reversed(error.args[1])]
        raise ProjectError(
            Problem(
                f"packages need each other in a circle: {' -> '.join(names)}",
                asked[error.args[1][0]][0].wish.place,
            )
        ) from None
