"""From the flags of a call to a settled project with its adapter: the first stages of every command."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from eltbuild.adapter import Adapter, Target, open_adapter, open_looking
from eltbuild.commands.invocation import early_names, invocation_of, new_id
from eltbuild.commands.options import Options
from eltbuild.commands.strictness import strictness_of
from eltbuild.compile.building_blocks import unasked
from eltbuild.compile.call_names import names_of_call
from eltbuild.compile.deprecations import deprecations
from eltbuild.compile.session import Say, Session, silent
from eltbuild.disk import read_whole
from eltbuild.errors import Place, Problem, ProjectError, UsageError
from eltbuild.project.project import PROJECT_FILES, Project, Settings
from eltbuild.project.resources import Macro
from eltbuild.secrecy import Mask, given_secrets, mask_secrets, remember, secrets_of, unmasked
from eltbuild.values import dataclass, replace

if TYPE_CHECKING:
    from eltbuild.project.fingerprint import Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A project ready to be worked with: settled, checked, its adapter at hand (not connected yet)."""

    session: Session
    adapter: Adapter
    options: Options
    root: Path
    fresh: bool
    """Whether anything had to be read again."""
    environment_read: tuple[str, ...] = ()
    """The names of the environment variables that the project's files name; empty where that was not looked at."""
    own: Project | None = None
    """The project with every node in its own place, where some of `project` stand where `--defer` has them."""
    kept_at: Path | None = None
    """The file in which the settled project is kept for the next call; None where nothing is kept."""

    @property
    def project(self) -> Project:
        """The settled project."""
        return self.session.project

    @property
    def target_folder(self) -> Path:
        """Where artifacts go."""
        return folder_of(self.root, self.options.target_path or self.project.settings.target_path)


def folder_of(root: Path, path: str) -> Path:
    """A folder as the project means it."""
    return root / path


def find_root(options: Options, cwd: Path, environ: Mapping[str, str]) -> Path:
    """The project's folder: as given, else this folder or the nearest above it. Raises `UsageError`."""
    given = options.project_dir or environ.get("ELTBUILD_PROJECT_DIR") or environ.get("DBT_PROJECT_DIR")
    if given:
        root = (cwd / os.path.expanduser(given)).resolve()
        if not any((root / name).is_file() for name in PROJECT_FILES):
            what = "is no folder" if not root.is_dir() else f"holds neither {' nor '.join(PROJECT_FILES)}"
            raise UsageError(Problem(f"--project-dir {given} {what}"))
        return root
    for folder in (cwd, *cwd.parents):
        if any((folder / name).is_file() for name in PROJECT_FILES):
            return folder
    raise UsageError(
        Problem(
            f"no {' or '.join(PROJECT_FILES)} in {cwd} or in any folder above it",
            hint="go to the project's folder, name it with --project-dir, or make one: eltbuild init NAME",
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a call takes from the process around it."""

    environ: Mapping[str, str]
    cwd: Path
    home: Path
    now: datetime

    @classmethod
    def here(cls) -> Surroundings:
        """The process as it is."""
        home = Path(os.path.expanduser("~"))
        return cls(environ=dict(os.environ), cwd=Path.cwd(), home=home, now=datetime.now(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Settings, target and environment: what is known before any model is read."""

    root: Path
    options: Options
    settings: Settings
    target: Target
    environment: Mapping[str, str]
    home: Path
    problems: tuple[Problem, ...]
    number: str
    """The id of the call."""


def ground(options: Options, around: Surroundings, command: str = "") -> Ground:
    """The project file, the profile and the environment. Raises `ProjectError` or `UsageError`."""
    from eltbuild.project.environment import load_environment
    from eltbuild.project.names import base_names, with_target
    from eltbuild.project.profile import Wanted, load_target
    from eltbuild.project.settings import load_head, load_settings

    root = find_root(options, around.cwd, around.environ)
    problems: list[Problem] = []
    environment = load_environment(root, around.environ, problems)
    number = new_id()
    call = early_names(options, command, around.now, number)
    names = base_names(environment, options.vars, secrets_allowed=False, call=call)
    head = load_head(root, names=names)
    wanted = Wanted(options.profiles_dir, options.profile, options.target, options.threads)
    target, from_profile = load_target(root, head, wanted, environment, options.vars, around.home, call)
    # Whatever error ends the command from here on, none of these is in it.
    remember(secrets_of(target, environment, options.vars))
    settings, from_settings = load_settings(
        root, names=with_target(names, target), check_version=options.version_check is not False
    )
    problems += [*from_profile, *from_settings]
    return Ground(
        root=root,
        options=options.behind(settings.flags),
        settings=settings,
        target=target,
        environment=environment,
        home=around.home,
        problems=tuple(problems),
        number=number,
    )


def open_project(options: Options, command: str, *, around: Surroundings | None = None, say: Say = silent) -> Opened:
    """Load and settle the project that the flags name; an unchanged one comes from the cache.

    Raises `ProjectError` with all that is wrong in it, `UsageError` where the call is wrong.
    """
    around = around or Surroundings.here()
    base = ground(options, around, command)
    options = base.options
    adapter = open_adapter(base.target)
    secrets = secrets_of(base.target, base.environment, options.vars)
    invocation = invocation_of(options, command, around.now, mask_secrets(secrets), base.number)
    session = Session(
        project=_bare(base),
        dialect=adapter.dialect,
        capabilities=adapter.capabilities,
        invocation=invocation,
        phase="settle",
        say=say,
    )
    told: list[Problem] = []
    try:
        shelf = _shelf(base, session, told)
        project, fresh = _settled(base, session, shelf, told)
    except ProjectError as error:
        raise ProjectError(*error.problems, *base.problems, *told) from None
    # What an adapter finds odd in a target; what it cannot work with is raised when it connects.
    odd = [problem for problem in getattr(adapter, "problems", ()) if problem.severity == "warning"]
    over = deprecations(project, around.now)
    problems = judged(tuple(dict.fromkeys((*base.problems, *odd, *told, *project.problems, *over))), options)
    project = replace(project, problems=problems)
    return Opened(
        session=replace(session, project=project, phase="compile"),
        adapter=adapter,
        options=options,
        root=base.root,
        fresh=fresh,
        environment_read=shelf.mark.environment if shelf is not None else (),
        kept_at=shelf.path if shelf is not None else None,
    )


def looking(opened: Opened) -> Opened:
    """The same for a command that only looks at what is remembered: it makes no database where there is none."""
    return replace(opened, adapter=open_looking(opened.adapter, opened.project.target))


def _bare(base: Ground) -> Project:
    return Project(
        root=str(base.root),
        settings=base.settings,
        packages={base.settings.name: base.settings},
        target=base.target,
        vars=base.options.vars,
        environment=base.environment,
    )


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where a settled project is kept between calls: its file, the key of its seal, the fingerprint of what is now."""

    path: Path
    key: bytes
    mark: Fingerprint


def _shelf(base: Ground, session: Session, problems: list[Problem]) -> Shelf | None:
    """The place of this project; None where nothing is kept. Why it is not goes to `problems`."""
    from eltbuild.project.cache import PROBLEM
    from eltbuild.project.fingerprint import fingerprint
    from eltbuild.project.seal import VARIABLE, cache_key

    options = base.options
    if options.partial_parse is False:
        return None
    key = cache_key(base.environment, base.home)
    if key is None:
        message = "nothing is kept from one call to the next: there is no place for a key that only you can read"
        hint = f"set HOME, or {VARIABLE}; --no-partial-parse keeps nothing, without this warning"
        problems.append(Problem(message, None, hint, "warning", PROBLEM))
        return None
    call = session.invocation
    mark = fingerprint(
        base.root,
        folders_of(base),
        base.target,
        options.vars,
        base.environment,
        session.dialect,
        key=key,
        flags=repr(sorted(call.flags.items())),
        number=call.invocation_id,
    )
    return Shelf(cache_folder(base) / f"project-{_variant(base, key)}.json", key, mark)


def _settled(base: Ground, session: Session, shelf: Shelf | None, problems: list[Problem]) -> tuple[Project, bool]:
    """The settled project, and whether it had to be read; what is to be told of caches goes to `problems`."""
    from eltbuild.graph.graph import Graph
    from eltbuild.project.kept import keep, restore

    options = base.options
    if shelf is not None:
        kept = restore(shelf.path, base.root, base.target, options.vars, base.environment, shelf.key, problems)
        if kept is not None and kept[0] == shelf.mark:
            return kept[1], False
        found = _patched(base, session, shelf.mark, *kept) if kept is not None else None
        if found is not None:
            problems += keep(shelf.path, shelf.mark, found, shelf.key, mask_of(found, options))
            return found, True
    from eltbuild.compile.settle import settle_all
    from eltbuild.project.load import load

    check_packages(base)

    written = load(
        base.root,
        settings=base.settings,
        target=base.target,
        vars=options.vars,
        environment=base.environment,
        cache=shelf.path.parent if shelf is not None else None,
        key=shelf.key if shelf is not None else b"",
        lenient=True,
        call=names_of_call(session.invocation, session.say),
    )
    project = settle_all(replace(session, project=written))
    Graph.of(project)
    checked = check_configs(replace(session, project=project))
    project = replace(project, problems=(*project.problems, *(p for p in checked if p.severity == "warning")))
    if any(problem.severity == "error" for problem in checked):
        raise ProjectError(*(p for p in checked if p.severity == "error"), *project.problems)
    if shelf is not None:
        problems += keep(shelf.path, shelf.mark, project, shelf.key, mask_of(project, options))
    return project, True


def _patched(base: Ground, session: Session, now: Fingerprint, before: Fingerprint, kept: Project) -> Project | None:
    """The kept project with the models whose text changed since; None where more has changed."""
    if now.rest != before.rest or now.files.keys() != before.files.keys():
        return None
    changed = [path for path, digest in now.files.items() if before.files[path] != digest]
    if not all(path.endswith(".sql") for path in changed):
        return None
    from eltbuild.compile.patch import MOST, patched
    from eltbuild.graph.graph import Graph
    from eltbuild.project.read import read_file

    if len(changed) > MOST:
        return None
    try:
        texts = {path: read_file(base.root, path, base.settings.name).text for path in changed}
    except ProjectError:
        return None
    found = patched(replace(session, project=kept), texts)
    if found is not None:
        Graph.of(found)
    return found


def check_configs(session: Session) -> list[Problem]:
    """Configs that their materialization would refuse at the node's turn, and macros that it will not ask."""
    from eltbuild.graph.definitions import unknown_keys
    from eltbuild.plan.check import check
    from eltbuild.sql.writer import Writer

    macros, nodes = session.macros, session.project.nodes.values()

    def meant(key: str, package: str) -> Macro | None:
        return macros.visible(key, package) or macros.overridden(key)

    found = check(
        nodes,
        Writer(session.dialect, session.capabilities),
        lambda name, node: macros.of_files(name, node.package) is not None,
        lambda key, node: meant(key, node.package) is not None,
    )
    return [*found, *unasked(nodes, macros.of_files, meant), *unknown_keys(session.project.selectors)]


def check_packages(base: Ground) -> None:
    """Raise `ProjectError` where a project asks for more packages than lie in its packages folder.

    Where there is a lock, it tells which are asked for: what a list names can depend on the target or on variables.
    """
    import yaml

    from eltbuild.project.packages.present import LOCK_FILE, installed_packages

    lists = ("packages.yml", "dependencies.yml")
    for name in (LOCK_FILE,) if (base.root / LOCK_FILE).is_file() else lists:
        try:
            asked = yaml.safe_load(read_whole(base.root / name).decode("utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            # `deps` tells what is wrong with the file; what lies in the folder is used as it lies.
            continue
        listed = asked.get("packages") if isinstance(asked, dict) else None
        count = len(listed) if isinstance(listed, list) else 0
        found = len(installed_packages(base.root, base.settings.packages_path))
        if found < count:
            packages = "1 package" if count == 1 else f"{count} packages"
            text = f"{packages} asked for, and {found} installed in {base.settings.packages_path}"
            raise ProjectError(Problem(text, Place(name), "install them: eltbuild deps"))


def mask_of(project: Project, options: Options) -> Mask:
    """A function that hides the secrets of the target, of the environment and among the given vars, in a text.

    A secret that is spelled like a name of the project cannot be told from it, and is shown. A name in which a
    password of the profile stands is left whole, but for those made of a secret of the environment.
    """
    target = project.target
    secrets = secrets_of(target, project.environment, options.vars)
    if not secrets:
        return unmasked
    names = {target.type, target.profile, target.name, *project.packages}
    names.update(node.name for node in project.nodes.values())
    places: set[str | None] = {target.database, target.schema}
    relations = (*(node.relation for node in project.nodes.values()), *(s.relation for s in project.sources.values()))
    for place in filter(None, relations):
        places.update((place.database, place.schema, place.identifier))
    hidden = secrets - names - {target.database, target.schema}
    given = given_secrets(project.environment, options.vars)
    whole = [name for name in names | places if name and not any(secret in name for secret in given)]
    return mask_secrets(hidden, whole)


def folders_of(base: Ground) -> list[str]:
    """Every folder that can hold something of the project, packages included."""
    own = [folder for paths in base.settings.paths.values() for folder in paths]
    return [*own, base.settings.packages_path]


def _variant(base: Ground, key: bytes) -> str:
    """A short name for one combination of target and vars, each of which keeps a file of its own.

    It is made with a key, so that it tells nothing of the vars.
    """
    text = repr((base.target.profile, base.target.name, sorted(base.options.vars.items(), key=str)))
    return blake2b(text.encode(errors="surrogateescape"), key=key, digest_size=6).hexdigest()


def cache_folder(base: Ground) -> Path:
    """Where results that can be made again are kept."""
    return folder_of(base.root, base.options.target_path or base.settings.target_path) / "cache"


PROBLEM_OF_CACHES = "CacheProblem"
"""What is wrong with a cache is no mistake in the project: it costs time, and nothing else."""


def judged(problems: tuple[Problem, ...], options: Options) -> tuple[Problem, ...]:
    """The warnings that remain. Raises `ProjectError` with those that the flags make errors, or `UsageError`."""
    strictness = strictness_of(options)
    kept = [problem for problem in problems if not strictness.silences(problem.name)]

    def is_error(problem: Problem) -> bool:
        if problem.severity == "error":
            return True
        return problem.name != PROBLEM_OF_CACHES and strictness.refuses(problem.name)

    errors = [problem.as_error() for problem in kept if is_error(problem)]
    if errors:
        raise ProjectError(*errors)
    return tuple(kept)
