"""`eltbuild clean`: delete what builds leave behind."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from eltbuild.commands.opening import Surroundings, ground
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT
from eltbuild.errors import Place, Problem, ProjectError
from eltbuild.project.project import Settings

KEPT = frozenset(
    {".git", ".eltbuild", "eltbuild.yml", "dbt_project.yml", "profiles.yml", "packages.yml", "dependencies.yml"}
)


def command(options: Options) -> int:
    """Delete the clean-targets and say which; the exit code."""
    base = ground(options, Surroundings.here())
    for path in clean(base.root, base.settings, outside=options.clean_project_files_only is False):
        if not options.quiet:
            sys.stderr.write(f"deleted {path}\n")
    return EXIT.ok


def clean(root: Path, settings: Settings, *, outside: bool = False) -> tuple[Path, ...]:
    """Delete the `clean-targets`; returns what was there and is gone, in the order of the project file.

    Nothing is deleted when one of them is the project itself, lies outside of it (a link that leads out
    counts) unless `outside` allows that, or holds or lies in a folder of sources. Raises `ProjectError`.
    """
    paths = clean_targets(root, settings, outside=outside)
    for path in paths:
        _delete(path)
    return paths


def clean_targets(root: Path, settings: Settings, *, outside: bool = False) -> tuple[Path, ...]:
    """The `clean-targets` that exist, absolute. Raises `ProjectError` if one may not be deleted."""
    top = root.resolve()
    sources = [(top / path).resolve() for paths in settings.paths.values() for path in paths]
    targets = dict.fromkeys(top / target for target in settings.clean_targets)
    refusals = [(target, why) for target in targets if (why := _refusal(target, top, sources, outside))]
    if refusals:
        raise ProjectError(
            *(
                Problem(
                    f"`clean-targets`: `{_relative(target, top)}` is not deleted, because it {why}",
                    Place(settings.file),
                )
                for target, why in refusals
            )
        )
    return tuple(target for target in targets if target.exists() or target.is_symlink())


def _refusal(target: Path, top: Path, sources: Iterable[Path], outside: bool) -> str:
    """Why a path may not be deleted; "" when it may."""
    place = target.resolve()
    if place == top or place in top.parents:
        return "holds the project itself"
    if top not in place.parents:
        home = Path.home().resolve()
        if place == home or place in home.parents:
            return "holds the home folder"
        return "" if outside else "lies outside of the project"
    if place.relative_to(top).parts[0] in KEPT:
        return "is a part of the project"
    for source in sources:
        if place == source or place in source.parents:
            return f"holds the sources `{_relative(source, top)}`"
        if source in place.parents:
            return f"lies in the sources `{_relative(source, top)}`"
    return ""


def _relative(path: Path, top: Path) -> str:
    return path.relative_to(top).as_posix() if path.is_relative_to(top) else str(path)


def _delete(path: Path) -> None:
    """Delete a file, a folder with all in it, or a link (not what it leads to)."""
    try:
        if path.is_symlink() or not path.is_dir():
            path.unlink()
        else:
            shutil.rmtree(path)
    except OSError as error:
        raise ProjectError(Problem(f"cannot be deleted: {error.strerror}", Place(str(path)))) from None
