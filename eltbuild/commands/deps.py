"""`eltbuild deps`: install the packages that a project asks for."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eltbuild.commands.invocation import early_names, new_id
from eltbuild.commands.opening import Surroundings, find_root
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT
from eltbuild.project.environment import load_environment
from eltbuild.project.packages.install import Installed


def command(options: Options, *, upgrade: bool, lock_only: bool, add: str | None, source: str) -> int:
    """Install the project's packages and say what was installed; the exit code."""
    around = Surroundings.here()
    root = find_root(options, around.cwd, around.environ)
    environment = load_environment(root, around.environ, [])
    installed = deps(
        root,
        upgrade=upgrade,
        lock_only=lock_only,
        add=add,
        source=source,
        environment=environment,
        vars=options.vars,
        call=early_names(options, "deps", around.now, new_id()),
    )
    if not installed and not options.quiet:
        sys.stderr.write("no packages to install\n")
    for package in installed:
        if not options.quiet:
            sys.stderr.write(
                f"{'locked' if lock_only else 'installed'} {package.name} {package.version or ''}".rstrip() + "\n"
            )
    return EXIT.ok


def deps(
    root: Path,
    *,
    upgrade: bool = False,
    lock_only: bool = False,
    add: str | None = None,
    source: str = "hub",
    environment: Mapping[str, str],
    vars: Mapping[str, Any],
    call: Mapping[str, Any] | None = None,
) -> tuple[Installed, ...]:
    """Install what `packages.yml` or `dependencies.yml` lists: all of it is in place, or nothing changed.

    `package-lock.yml` decides on versions as long as the list is the one it was made for, unless `upgrade`.
    `lock_only` writes only that file. `add` (`org/name@1.2.0`, a git address, a folder) goes into the list
    first, and stays there if it could be installed; `source` (`git`, `local`) says what it is.
    `call` is what Jinja in the files may use beside variables. Raises `ProjectError`, `UsageError`.
    """
    from eltbuild.jinja.native import render_value
    from eltbuild.project.names import base_names
    from eltbuild.project.packages.add import with_package
    from eltbuild.project.packages.install import install, workshop, write_whole
    from eltbuild.project.packages.lockfile import read_lock
    from eltbuild.project.packages.origin import hidden_secrets, sent
    from eltbuild.project.packages.resolve import plan_install
    from eltbuild.project.packages.wishes import Asker, GitWish, TarballWish, read_wishes
    from eltbuild.project.settings import load_head
    from eltbuild.secrecy import is_secret_variable

    private = base_names(environment, vars, secrets_allowed=True, call=call)
    public = base_names(environment, vars, secrets_allowed=False, call=call)
    secrets = frozenset(value for name, value in environment.items() if is_secret_variable(name) and value)
    asker = Asker(root, render=lambda value: render_value(value, private))
    with hidden_secrets(secrets):
        # Nothing else of the project file: it may ask for a target, for which no profile need be there yet.
        settings = load_head(root, names=public)
        changed = with_package(asker, add, source) if add else {}
        wishes = read_wishes(asker, changed)
        if not wishes.file:
            return ()
        lock = None if upgrade else read_lock(asker)
        path, render = settings.packages_path, asker.render
        urls = [wish.url for wish in wishes.wishes if isinstance(wish, (GitWish, TarballWish))]
        trusted = frozenset(pair for url in urls for pair in sent(url, secrets))
        public_render = lambda value: render_value(value, public)  # noqa: E731
        with workshop(root, path, environment, render, public_render, secrets, trusted) as origin:
            plan = plan_install(root, wishes, lock, origin, name=settings.name, upgrade=upgrade)
            installed = install(root, path, plan, origin, lock_only=lock_only, secrets=secrets)
        for file, text in changed.items():
            write_whole(root / file, text)
    return installed
