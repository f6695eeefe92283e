"""The project file (`eltbuild.yml` or `dbt_project.yml`) and `selectors.yml`, read into values.

What configs in it mean for a node is told in `config`; nothing is looked up there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eltbuild.errors import Place, Problem, ProjectError
from eltbuild.project.names import render_places, with_vars
from eltbuild.project.project import PROJECT_FILES, Settings
from eltbuild.project.project_file import ProjectFile, text_or_none
from eltbuild.project.read import read_file
from eltbuild.project.yaml import Listed, Mapped, load_yaml

SELECTORS_FILES = ("selectors.yml", "selectors.yaml")

_UNRENDERED = frozenset({"vars", "on-run-start", "on-run-end", "query-comment"})
_HOOKS = frozenset(
    {"pre-hook", "pre_hook", "post-hook", "post_hook", "+pre-hook", "+pre_hook", "+post-hook", "+post_hook"}
)


def load_settings(
    root: Path, folder: str = "", *, names: Mapping[str, Any], check_version: bool = True
) -> tuple[Settings, tuple[Problem, ...]]:
    """The settings of the project at `root`, or of the package in its `folder`; and warnings.

    `names` must hold `target` where the file may use it: `load_head` reads the name of the profile before there
    is one. Raises `ProjectError` with everything that is wrong.
    """
    file = ProjectFile(*_find(root, folder), folder)
    vars, early = file.vars(root)
    rendered = render_places(file.raw, with_vars(names, early), file.path, file.problems, _stays)
    if not isinstance(rendered, dict):
        rendered = Mapped()
    file.values = rendered
    settings = Settings(
        name=file.name(),
        file=file.path,
        root=folder,
        version=text_or_none(rendered.get("version")),
        profile=text_or_none(rendered.get("profile")),
        paths=file.paths(root),
        configs=file.trees(rendered, told=True),
        unrendered_configs=file.trees(file.raw, told=False),
        vars=vars,
        on_run_start=file.texts("on-run-start", split=False),
        on_run_end=file.texts("on-run-end", split=False),
        hook_places={key: file.places(key) for key in ("on-run-start", "on-run-end")},
        dispatch=file.dispatch(),
        quoting=file.quoting(),
        query_comment=file.query_comment(),
        flags=file.mapping("flags"),
        target_path=file.own_folder("target-path", "target", root),
        log_path=file.own_folder("log-path", "logs", root),
        packages_path=file.own_folder("packages-install-path", "dbt_packages", root),
        clean_targets=file.texts("clean-targets") or (file.text("target-path", "target"),),
        require_version=file.texts("require-dbt-version"),
        restrict_access=file.boolean("restrict-access", False),
    )
    if check_version:
        file.check_version(settings.require_version, settings.name)
    file.check_keys()
    return settings, file.warnings()


HEAD = ("name", "profile", "flags", "packages-install-path")


def load_head(root: Path, folder: str = "", *, names: Mapping[str, Any]) -> Settings:
    """Name, profile, flags and the packages' folder: what must be known before there is a target.

    Raises `ProjectError`.
    """
    file = ProjectFile(*_find(root, folder), folder)
    head = Mapped({key: file.raw[key] for key in HEAD if key in file.raw})
    head.line, head.column, head._places = file.raw.line, file.raw.column, file.raw._places
    vars, early = file.vars(root)
    file.values = render_places(head, with_vars(names, early), file.path, file.problems)
    settings = Settings(
        name=file.name(),
        file=file.path,
        root=folder,
        profile=text_or_none(file.values.get("profile")),
        flags=file.mapping("flags"),
        vars=vars,
        packages_path=file.own_folder("packages-install-path", "dbt_packages", root),
    )
    file.warnings()
    return settings


def project_file(root: Path, folder: str = "") -> str | None:
    """The path of the project file in a folder, relative to `root`; None when there is none."""
    for name in PROJECT_FILES:
        path = f"{folder}/{name}" if folder else name
        if os.path.isfile(os.path.join(root, path)):
            return path
    return None


def _find(root: Path, folder: str) -> tuple[str, str]:
    path = project_file(root, folder)
    if path is None:
        where = f"`{folder}`" if folder else "this folder"
        hint = "run in the folder of a project, or name it with --project-dir; `eltbuild init` makes a new one"
        problem = Problem(
            f"{where} holds neither {PROJECT_FILES[0]} nor {PROJECT_FILES[1]}", None, "" if folder else hint
        )
        raise ProjectError(problem)
    return path, read_file(root, path, "").text


def _stays(keys: tuple[Any, ...]) -> bool:
    """Whether a value stays as written: it is rendered later, with more names at hand."""
    return keys[0] in _UNRENDERED or any(key in _HOOKS for key in keys)


def load_selectors(
    root: Path, names: Mapping[str, Any], problems: list[Problem] | None = None
) -> Mapping[str, Mapping[str, Any]]:
    """The definitions of `selectors.yml` by name, as `{name, description, default, definition}`
    without what is not said.

    Empty when there is no such file, or nothing in it. `default` may be a text with Jinja.
    Raises `ProjectError`.
    """
    path = next((name for name in SELECTORS_FILES if os.path.isfile(os.path.join(root, name))), None)
    if path is None:
        return {}
    found: list[Problem] = []
    body = load_yaml(read_file(root, path, "").text, path, found)
    body = render_places(body, names, path, found, lambda keys: keys[-1:] == ("default",))
    entries = body.get("selectors") if isinstance(body, dict) else body
    selectors: dict[str, Mapping[str, Any]] = {}
    if not isinstance(entries, Listed):
        if entries is not None:
            found.append(Problem("selectors are a list under the key `selectors`", Place(path, 1)))
        entries = Listed()
    for index, entry in enumerate(entries):
        place = Place(path, *entries.place_of(index))
        problem = _selector_problem(entry, selectors)
        if problem:
            found.append(Problem(problem, place, "write `- name: nightly` and `definition: ...`"))
        else:
            selectors[entry["name"]] = {key: value for key, value in entry.items() if value is not None}
    errors = [problem for problem in found if problem.severity == "error"]
    if errors:
        raise ProjectError(*errors)
    if problems is not None:
        problems.extend(found)
    return selectors


def _selector_problem(entry: Any, known: Mapping[str, Any]) -> str:
    """What is wrong with an entry of `selectors.yml`; empty when nothing is."""
    if not isinstance(entry, dict):
        return "a selector is a mapping"
    name = entry.get("name")
    if not isinstance(name, str) or not name:
        return "a selector has no name"
    if name in known:
        return f"the selector `{name}` is defined twice"
    definition = entry.get("definition")
    if definition is None:
        return f"the selector `{name}` has no definition"
    if not isinstance(definition, (str, dict)):
        return f"the definition of the selector `{name}` must be a text or a mapping"
    return ""
