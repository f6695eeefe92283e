"""`eltbuild debug`."""

from __future__ import annotations

import platform
import sys

from eltbuild._version import __version__
from eltbuild.adapter import open_adapter
from eltbuild.commands.opening import Ground, Surroundings, find_root, folders_of, ground
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT
from eltbuild.errors import EltbuildError
from eltbuild.project.profile import FILES, profile_folders
from eltbuild.project.project import PROJECT_FILES
from eltbuild.run.aside import foreground
from eltbuild.secrecy import STARS, hidden, without_secrets


def command(options: Options) -> int:
    """Print what is used, and whether the connection works; the exit code.

    A project or a profile that cannot be used is what was asked for, like a connection that fails. Raises `UsageError`
    where there is no project at all.
    """
    around = Surroundings.here()
    if options.config_dir:
        return _show_folder(options, around)
    lines = [("eltbuild", __version__), ("python", platform.python_version()), ("system", platform.platform())]
    root = find_root(options, around.cwd, around.environ)
    try:
        base = ground(options, around)
    except EltbuildError as error:
        _print([*lines, ("project", "not usable")])
        sys.stdout.write(hidden("\n".join(str(problem) for problem in error.problems)) + "\n")
        return EXIT.failed
    file = next(name for name in PROJECT_FILES if (root / name).is_file())
    target = base.target
    lines += [
        ("project", f"{base.settings.name} ({root / file})"),
        ("profile", f"{target.profile}, target {target.name}"),
        ("adapter", target.type),
        ("database", target.database),
        ("schema", target.schema),
        ("threads", str(target.threads)),
    ]
    bare = without_secrets(target.fields, target.secrets)
    lines += [
        (key, str(bare.get(key, STARS)))
        for key, value in target.fields.items()
        if not isinstance(value, (dict, list)) and key not in ("type", "schema", "threads", "database")
    ]
    lines += _environment(base)
    try:
        adapter = open_adapter(target)
        try:
            connection = foreground(adapter)
            connection.execute("select 1")
            connection.close()
        finally:
            adapter.close()
    except EltbuildError as error:
        _print([*lines, ("connection", "FAILED")])
        sys.stdout.write(hidden("\n".join(f"  {problem}" for problem in error.problems)) + "\n")
        return EXIT.failed
    _print([*lines, ("connection", "ok")])
    return EXIT.ok


def _environment(base: Ground) -> list[tuple[str, str]]:
    """The names of the environment variables that the project's files ask for, and whether they are set."""
    from eltbuild.project.fingerprint import fingerprint

    read = fingerprint(base.root, folders_of(base), base.target, base.options.vars, base.environment).environment
    names = ", ".join(name if name in base.environment else f"{name} (not set)" for name in read)
    return [("environment", names)] if names else []


def _print(lines: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        sys.stdout.write(f"{name.rjust(width)}  {value}\n")


def _show_folder(options: Options, around: Surroundings) -> int:
    """Print the folder whose profiles file is used, or the one where it would be looked for first."""
    try:
        root = find_root(options, around.cwd, around.environ)
    except EltbuildError:
        root = around.cwd
    folders = profile_folders(root, options.profiles_dir, around.environ, around.home)
    used = next((folder for folder in folders if any((folder / name).is_file() for name in FILES)), folders[0])
    sys.stdout.write(f"{used.resolve()}\n")
    return EXIT.ok
