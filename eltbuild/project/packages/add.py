"""Adding a package to `packages.yml`, with all comments kept. Nothing is written here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from eltbuild.errors import Problem, ProjectError, UsageError
from eltbuild.project.packages.wishes import DEPENDENCIES_FILE, HUB_NAME, PACKAGES_FILE, Asker, read_text

Entry = Mapping[str, Any]
GIT = re.compile(r"(?P<url>(?:\w[\w+.-]*://|[\w.-]+@[\w.-]+:).*?(?:\.git)?)(?:@(?P<revision>[^@/:]+))?")


def read_addition(text: str, source: str = "hub") -> Entry:
    """The entry that `org/name@1.2.0`, `https://host/repository.git@tag` or `../folder` means.

    `source` settles what the text alone leaves open: `git` and `local` take it as an address, or a folder,
    whatever it looks like. Raises `UsageError`.
    """
    name, _, version = text.partition("@")
    if source == "local":
        return {"local": text}
    if source == "git":
        return _git(text)
    if HUB_NAME.fullmatch(name) and not text.startswith((".", "/", "~")):
        if not version:
            raise UsageError(
                Problem(f"`{text}` has no version", hint=f"say `{name}@1.2.3` or `{name}@'>=1.0.0,<2.0.0'`")
            )
        bounds = [bound.strip() for bound in version.split(",") if bound.strip()]
        return {"package": name, "version": bounds[0] if len(bounds) == 1 else bounds}
    if text.startswith((".", "/", "~")):
        return {"local": text}
    if GIT.fullmatch(text):
        return _git(text)
    raise UsageError(
        Problem(
            f"`{text}` is neither `organization/name@version`, nor a git repository's address, nor a folder",
            hint="folders begin with `./`, `../` or `/`",
        )
    )


def _git(text: str) -> Entry:
    match = GIT.fullmatch(text)
    url, revision = (match["url"], match["revision"]) if match else (text, None)
    return {"git": url, "revision": revision} if revision else {"git": url}


def with_package(asker: Asker, text: str, source: str = "hub") -> Mapping[str, str]:
    """The file that lists the packages, by name, with one more package in it (or another version of it).

    Raises `ProjectError` and `UsageError`.
    """
    entry = read_addition(text, source)
    packages = read_text(asker.folder / PACKAGES_FILE, PACKAGES_FILE)
    dependencies = read_text(asker.folder / DEPENDENCIES_FILE, DEPENDENCIES_FILE)
    if packages is None and dependencies is not None and _listed(dependencies, DEPENDENCIES_FILE):
        return {DEPENDENCIES_FILE: edited(dependencies, entry, DEPENDENCIES_FILE)}
    return {PACKAGES_FILE: edited(packages or "", entry, PACKAGES_FILE)}


def _listed(text: str, file: str) -> list[Any]:
    from eltbuild.project.yaml import load_yaml

    document = load_yaml(text, file)
    entries = document.get("packages") if isinstance(document, Mapping) else None
    return list(entries) if isinstance(entries, list) else []


def edited(text: str, entry: Entry, file: str) -> str:
    """The text of a list of packages with an entry more; one for the same package is replaced.

    Raises `ProjectError` where only a person can tell how.
    """
    before = _listed(text, file)
    same = [number for number, other in enumerate(before) if _same(other, entry)]
    after = [entry if number in same[:1] else dict(other) for number, other in enumerate(before)]
    after += [] if same else [entry]
    result = _written(text, entry, same[0] if same else None)
    if result is None or [dict(other) for other in _listed(result, file)] != after:
        raise ProjectError(
            Problem(
                f"`{file}` is laid out in a way that cannot be edited without losing something",
                hint=f"add the package by hand: {dict(entry)}",
            )
        )
    return result


def _same(other: Any, entry: Entry) -> bool:
    if not isinstance(other, Mapping):
        return False
    kind = next(iter(entry))
    one, two = str(other.get(kind, "")), str(entry[kind])
    return bool(one) and one.removesuffix(".git").lower() == two.removesuffix(".git").lower()


def _written(text: str, entry: Entry, number: int | None) -> str | None:
    """The new text, None where the layout is not the usual one."""
    import yaml

    root = yaml.compose(text, Loader=yaml.SafeLoader)
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    if root is None:
        return "".join([*lines, "packages:\n", *_item(entry, 2)])
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    found = next(((key, value) for key, value in pairs if key.value == "packages"), None)
    if found is None:
        return "".join([*lines, "\npackages:\n", *_item(entry, 2)])
    key, value = found
    if not value.value:
        lines[key.start_mark.line] = "packages:\n"
        return "".join([*lines[: key.start_mark.line + 1], *_item(entry, 2), *lines[key.start_mark.line + 1 :]])
    if not isinstance(value, yaml.SequenceNode) or value.flow_style:
        return None
    dash = value.start_mark.column
    if number is None:
        end = _last_line(value) + 1
        return "".join([*lines[:end], *_item(entry, dash), *lines[end:]])
    item = value.value[number]
    return "".join([*lines[: item.start_mark.line], *_item(entry, dash), *lines[_last_line(item) + 1 :]])


def _last_line(node: Any) -> int:
    """The line of the last character of a node; a block's own end mark lies after the comments below it."""
    while isinstance(node.value, list) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return int(node.end_mark.line)


def _item(entry: Entry, column: int) -> list[str]:
    import yaml

    text = yaml.safe_dump(dict(entry), sort_keys=False, default_flow_style=None, width=1000, allow_unicode=True)
    lines = (
        yaml.safe_dump(dict(entry), sort_keys=False, width=1000).splitlines()
        if text.startswith("{")
        else text.splitlines()
    )
    return [" " * column + ("- " if number == 0 else "  ") + line + "\n" for number, line in enumerate(lines)]
