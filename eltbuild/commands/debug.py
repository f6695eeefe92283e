"""`eltbuild debug`."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from eltbuild._version import __version__
from eltbuild.adapter import open_adapter
from eltbuild.commands.invocation import early_names, new_id
from eltbuild.commands.opening import Ground, Surroundings, find_root, folders_of, ground
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT
from eltbuild.errors import EltbuildError, Problem
from eltbuild.project.profile import FILES, profile_folders
from eltbuild.project.project import PROJECT_FILES, Settings
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
        return _failed(_parted(options, around, error))
    target = base.target
    if options.connection:
        lines.append(("", "Skipping steps before connection verification"))
        lines.append(("adapter", target.type))
    else:
        lines += _used(base, root)
    try:
        adapter = open_adapter(target)
        try:
            connection = foreground(adapter)
            connection.execute("select 1")
            connection.close()
        finally:
            adapter.close()
    except EltbuildError as error:
        _print([*lines, ("Connection test", "[ERROR]")])
        return _failed([("", error.problems)])
    _print([*lines, ("Connection test", "[OK connection ok]")])
    sys.stdout.write("All checks passed!\n")
    return EXIT.ok


def _used(base: Ground, root: Path) -> list[tuple[str, str]]:
    """What the project and the profile say, without secrets."""
    file = next(name for name in PROJECT_FILES if (root / name).is_file())
    target = base.target
    lines = [
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
    return lines + _environment(base)


Failure = tuple[str, tuple[Problem, ...]]
"""A check that failed: what is said of it, and why."""


def _parted(options: Options, around: Surroundings, error: EltbuildError) -> list[Failure]:
    """The failures of the profile and of the project, each by itself: either can be read without the other."""
    told = _of_profile(options, around)
    rest = tuple(problem for problem in error.problems if problem not in told)
    parts: list[Failure] = [("Project loading failed for the following reason:", rest)]
    parts.append(("Profile loading failed for the following reason:", told))
    return [part for part in parts if part[1]]


def _of_profile(options: Options, around: Surroundings) -> tuple[Problem, ...]:
    """What is wrong with the profile; of a project that cannot be read, with the one that the call names."""
    from eltbuild.project.environment import load_environment
    from eltbuild.project.names import base_names
    from eltbuild.project.profile import Wanted, load_target
    from eltbuild.project.settings import load_head

    root = find_root(options, around.cwd, around.environ)
    environment = load_environment(root, around.environ, [])
    call = early_names(options, "debug", around.now, new_id())
    try:
        head = load_head(root, names=base_names(environment, options.vars, secrets_allowed=False, call=call))
    except EltbuildError:
        if not options.profile:
            return ()
        head = Settings(name=options.profile)
    wanted = Wanted(options.profiles_dir, options.profile, options.target, options.threads)
    try:
        load_target(root, head, wanted, environment, options.vars, around.home, call)
    except EltbuildError as error:
        return error.problems
    return ()


def _failed(failures: list[Failure]) -> int:
    """Print how many checks failed, and why; the exit code."""
    number = len(failures)
    said = [f"{number} {'check' if number == 1 else 'checks'} failed:"]
    for head, problems in failures:
        said += [head] if head else []
        said += map(str, problems)
    sys.stdout.write(hidden("\n".join(said)) + "\n")
    return EXIT.failed


def _environment(base: Ground) -> list[tuple[str, str]]:
    """The names of the environment variables that the project's files ask for, and whether they are set."""
    from eltbuild.project.fingerprint import fingerprint

    read = fingerprint(base.root, folders_of(base), base.target, base.options.vars, base.environment).environment
    names = ", ".join(name if name in base.environment else f"{name} (not set)" for name in read)
    return [("environment", names)] if names else []


def _print(lines: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        end = ":" if name == "Connection test" else " "
        sys.stdout.write(f"  {name.rjust(width)}{end if name else ' '} {value}\n")


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
