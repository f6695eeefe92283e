"""Putting packages where projects find them, all in one step: the acting half of an install.

Everything is fetched and checked in a folder beside the installed packages first; then the two folders change
places. A reader, and whoever comes after a kill, finds the old packages whole or the new ones.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from eltbuild import disk
from eltbuild.disk import sweep
from eltbuild.errors import Place, Problem, ProjectError, UsageError
from eltbuild.project.names import COMPATIBLE_VERSION
from eltbuild.project.packages.archives import tree_hash
from eltbuild.project.packages.lockfile import Locked, lock_text
from eltbuild.project.packages.origin import Fetched, Workshop, hider
from eltbuild.project.packages.present import LOCK_FILE
from eltbuild.project.packages.resolve import InstallPlan
from eltbuild.project.packages.wishes import (
    GitWish,
    HubWish,
    LocalWish,
    Render,
    TarballWish,
    Wish,
)
from eltbuild.project.project import PROJECT_FILES
from eltbuild.values import dataclass, replace

WORKSHOP_PREFIX = ".eltbuild-packages-"


@dataclass(frozen=True, slots=True)
class Installed:
    """A package as installed. `source` shows no secrets; `sha256` is "" for a folder of the user's own."""

    name: str
    version: str
    source: str
    sha256: str = ""
    kind: str = ""
    fetched: bool = True
    """False: the package stood there already, unchanged."""
    notes: tuple[Problem, ...] = ()


@contextmanager
def workshop(
    root: Path,
    packages_path: str,
    environment: Mapping[str, str],
    render: Render,
    public_render: Render,
    secrets: frozenset[str] = frozenset(),
    trusted: frozenset[tuple[str, str]] = frozenset(),
) -> Iterator[Workshop]:
    """An origin of packages that works in a folder beside the installed ones; the folder is gone afterwards.

    Raises `UsageError` when another install works in the same project, `ProjectError` when the disk refuses.
    """
    try:
        folder = packages_folder(root, packages_path)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.parent):
            for left_over in folder.parent.glob(f"{WORKSHOP_PREFIX}*"):
                shutil.rmtree(left_over, ignore_errors=True)
            place = Path(tempfile.mkdtemp(prefix=WORKSHOP_PREFIX, dir=folder.parent))
            try:
                yield Workshop(root, place, environment, render, public_render, COMPATIBLE_VERSION, secrets, trusted)
            finally:
                shutil.rmtree(place, ignore_errors=True)
    except OSError as error:
        raise ProjectError(Problem(f"cannot install packages: {error}")) from None


def packages_folder(root: Path, packages_path: str) -> Path:
    """Where packages belong, absolute.

    Raises `UsageError` for a folder that holds more than packages: it is going to be replaced whole.
    """
    folder, top = Path(os.path.realpath(root / packages_path)), Path(os.path.realpath(root))
    if folder == top or folder in top.parents:
        raise UsageError(f"`packages-install-path: {packages_path}` holds the project itself")
    if folder.is_dir():
        for entry in folder.iterdir():
            kept = entry.name.startswith(".") or any((entry / file).is_file() for file in PROJECT_FILES)
            if not kept and not (entry.is_symlink() and not entry.exists()):
                raise UsageError(
                    Problem(
                        f"`{packages_path}` is replaced whole, but `{entry.name}` in it is no package",
                        hint="move it away, or choose another `packages-install-path`",
                    )
                )
    return folder


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder for ourselves where the system can; a killed process lets go of it."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another `eltbuild deps` is at work in {folder}") from None
        except OSError:
            pass  # A file system without locks.
        yield
    finally:
        os.close(handle)


def install(
    root: Path,
    packages_path: str,
    plan: InstallPlan,
    origin: Workshop,
    *,
    lock_only: bool = False,
    secrets: frozenset[str] = frozenset(),
) -> tuple[Installed, ...]:
    """Fetch what the plan names, check it, write the lock file, and put it in place of what was installed.

    With `lock_only` nothing is put in place. Raises `ProjectError` when a content differs from the lock;
    then, and after any other error, the installed packages are as before.
    """
    folder = packages_folder(root, packages_path)
    new = origin.folder / "new"
    new.mkdir()
    hide = hider(secrets)
    packages: list[Locked] = []
    installed: list[Installed] = []
    for package in plan.packages:
        standing = _standing(folder, package)
        fetched = standing or origin.fetch(package.wish)
        packages.append(_checked(package, fetched, kept=standing is not None))
        if not lock_only:
            _place(fetched, new / package.name, folder / package.name)
        installed.append(_installed(packages[-1], fetched, plan, standing is None, hide))
    write_lock(root, lock_text(packages, plan.digest))
    if not lock_only:
        _swap(folder, new)
    return tuple(installed)


def _installed(
    package: Locked, fetched: Fetched, plan: InstallPlan, new: bool, hide: Callable[[str], str]
) -> Installed:
    return Installed(
        package.name,
        _version(package.wish),
        hide(package.wish.shown),
        package.sha256,
        KINDS[type(package.wish)],
        new,
        tuple(replace(note, message=hide(note.message)) for note in plan.notes.get(package.name, ())),
    )


KINDS: Mapping[type, str] = {HubWish: "hub", GitWish: "git", LocalWish: "local", TarballWish: "tarball"}


def _version(wish: Wish) -> str:
    match wish:
        case HubWish():
            return wish.asked
        case GitWish():
            return wish.revision
    return ""


def _standing(folder: Path, package: Locked) -> Fetched | None:
    """The package as it is installed already, when it holds exactly what the lock says."""
    place = folder / package.name
    if not package.sha256 or place.is_symlink() or not place.is_dir() or tree_hash(place) != package.sha256:
        return None
    return Fetched(place, package.name, package.wish, package.sha256, package.archive_sha256)


def _checked(package: Locked, fetched: Fetched, *, kept: bool) -> Locked:
    """The entry with the hashes of what was fetched. Raises `ProjectError` when the lock has others."""
    if fetched.name != package.name:
        raise ProjectError(
            Problem(f"`{package.wish.shown}` is called `{fetched.name}`, not `{package.name}`", Place(LOCK_FILE))
        )
    if package.sha256 and fetched.sha256 and fetched.sha256 != package.sha256:
        raise ProjectError(
            Problem(
                f"`{package.name}` ({package.wish.shown}) does not hold what was locked\n"
                f"    locked  sha256 {package.sha256}\n    fetched sha256 {fetched.sha256}",
                Place(LOCK_FILE),
                hint="somebody changed it at its source; if that is right, run `eltbuild deps --upgrade`",
            )
        )
    archive = package.archive_sha256 if kept else fetched.archive_sha256
    return replace(package, sha256=fetched.sha256, archive_sha256=archive)


def _place(fetched: Fetched, place: Path, final: Path) -> None:
    """Put a package in the new folder: a folder of the user's own as a link, so that edits show."""
    if isinstance(fetched.wish, LocalWish):
        try:
            place.symlink_to(_link_target(fetched.folder, final.parent), target_is_directory=True)
            return
        except OSError:
            pass  # A system without links: copied.
    if fetched.folder == final or isinstance(fetched.wish, LocalWish):
        ignored = shutil.ignore_patterns(".git", "target", "logs", "dbt_packages", "*.duckdb", "*.duckdb.wal")
        shutil.copytree(fetched.folder, place, symlinks=True, ignore=None if fetched.folder == final else ignored)
    else:
        fetched.folder.rename(place)


def _link_target(folder: Path, place: Path) -> str:
    try:
        return os.path.relpath(folder, place)
    except ValueError:
        return str(folder)


def write_lock(root: Path, text: str) -> None:
    """Replace the lock file in one step, when it differs."""
    write_whole(root / LOCK_FILE, text)


def write_whole(place: Path, text: str) -> None:
    """Replace a file in one step, when it differs. Raises `ProjectError`."""
    try:
        if place.is_file() and place.read_text(encoding="utf-8") == text:
            return
        sweep(place.parent)
        # A file that is kept under version control: its mode is the user's.
        mode = place.stat().st_mode & 0o777 if place.exists() else None
        disk.write_whole(place, text.encode("utf-8"), mode=mode, durable=True)
    except OSError as error:
        raise ProjectError(Problem(f"cannot be written: {error.strerror}", Place(place.name))) from None


def _swap(folder: Path, new: Path) -> None:
    """Let the new folder stand where the old one stood. Raises `ProjectError`."""
    try:
        if not folder.exists():
            new.rename(folder)
        elif not _exchanged(folder, new):
            old = new.with_name("old")
            folder.rename(old)
            try:
                new.rename(folder)
            except OSError:
                old.rename(folder)
                raise
    except OSError as error:
        raise ProjectError(Problem(f"cannot put the packages in place: {error.strerror}", Place(str(folder)))) from None


def _exchanged(one: Path, other: Path) -> bool:
    """Let two folders change places in one system call, where there is such a call."""
    import ctypes

    calls = {"linux": ("renameat2", (-100, os.fsencode(one), -100, os.fsencode(other), 2)),
             "darwin": ("renamex_np", (os.fsencode(one), os.fsencode(other), 2))}  # fmt: skip
    if sys.platform not in calls:
        return False
    name, arguments = calls[sys.platform]
    function = getattr(ctypes.CDLL(None), name, None)
    return function is not None and function(*arguments) == 0
