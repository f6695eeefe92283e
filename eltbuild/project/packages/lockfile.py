"""`package-lock.yml`: which versions were chosen, for which wishes, and what they held.

The file has dbt's shape, and dbt reads it as its own. dbt allows no further keys in it, so the hashes of the
contents stand in comments, one for each package. Nothing is fetched here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eltbuild.errors import Place, Problem, ProjectError
from eltbuild.project.packages.present import LOCK_FILE
from eltbuild.project.packages.wishes import (
    PROJECT_NAME,
    Asker,
    GitWish,
    HubWish,
    LocalWish,
    TarballWish,
    Wish,
    Wishes,
    read_text,
    rendered_wishes,
)
from eltbuild.values import dataclass

HASH_LINE = re.compile(r"^# (?P<what>sha256|archive-sha256) (?P<name>\w+) (?P<hash>[0-9a-f]{64})\s*$", re.MULTILINE)
HEADER = "# sha256 of what each package held when it was chosen; `eltbuild deps` refuses anything else."

# What dbt takes for a key that an entry leaves out, when it computes `sha1_hash`.
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "git": {"revision": None, "subdirectory": None, "warn-unpinned": None},
    "package": {"install_prerelease": False},
    "private": {"provider": None, "revision": None, "subdirectory": None, "warn-unpinned": None},
    "local": {},
    "tarball": {},
}


@dataclass(frozen=True, slots=True)
class Locked:
    """One package of a lock: an exact wish, the project's name, the hashes ("" where unknown)."""

    wish: Wish
    name: str
    sha256: str = ""
    archive_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file as read. `digest` tells for which wishes it was made."""

    packages: tuple[Locked, ...] = ()
    digest: str = ""


def wishes_digest(entries: Iterable[Mapping[str, Any]], written: Iterable[Mapping[str, Any]]) -> str:
    """dbt's `sha1_hash` of a list of packages: a change of any entry changes it, their order does not."""
    import hashlib

    texts = []
    for entry, raw in zip(entries, written, strict=True):
        kind = next((kind for kind in DEFAULTS if kind in entry), "local")
        texts.append(json.dumps({**DEFAULTS[kind], **entry, "unrendered": dict(raw)}, sort_keys=True, default=str))
    return hashlib.sha1("\n".join(sorted(texts)).encode("utf-8"), usedforsecurity=False).hexdigest()


def digests(wishes: Wishes) -> tuple[str, str]:
    """The digest over entries as written, and dbt's, over entries as rendered.

    They differ where an entry holds Jinja. Ours leaves secrets out, and so is the same on every machine.
    """
    return wishes_digest(wishes.written, wishes.written), wishes_digest(wishes.rendered, wishes.written)


def read_lock(asker: Asker) -> Lock | None:
    """The lock of a project, None when there is none. Raises `ProjectError` when the file is not sound."""
    from eltbuild.project.yaml import load_yaml

    text = read_text(asker.folder / LOCK_FILE, LOCK_FILE)
    if text is None:
        return None
    document = load_yaml(text, LOCK_FILE)
    if not isinstance(document, Mapping) or not isinstance(document.get("packages") or [], list):
        raise _unsound("holds no list `packages:`")
    entries = document.get("packages") or []
    names = [_name(entry) for entry in entries]
    wishes = rendered_wishes(asker, LOCK_FILE, entries).wishes
    hashes = {(match["what"], match["name"]): match["hash"] for match in HASH_LINE.finditer(text)}
    packages = tuple(
        Locked(wish, name, hashes.get(("sha256", name), ""), hashes.get(("archive-sha256", name), ""))
        for wish, name in zip(wishes, names, strict=True)
    )
    return Lock(packages, str(document.get("sha1_hash") or ""))


def _name(entry: Any) -> str:
    name = entry.get("name") if isinstance(entry, Mapping) else None
    if not isinstance(name, str) or not PROJECT_NAME.fullmatch(name):
        raise _unsound(f"`name: {name}` is not the name of a project")
    return name


def _unsound(why: str) -> ProjectError:
    return ProjectError(Problem(why, Place(LOCK_FILE), hint="`eltbuild deps --upgrade` writes the file anew"))


def lock_text(packages: Sequence[Locked], digest: str) -> str:
    """The text of a lock file; secrets appear only as the Jinja that reads them."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, False)

    document = {"packages": [_entry(package) for package in packages], "sha1_hash": digest}
    text = str(yaml.dump(document, Dumper=Dumper, default_flow_style=False, allow_unicode=True, width=1000))
    lines = [
        f"# {what} {package.name} {value}"
        for package in packages
        for what, value in (("sha256", package.sha256), ("archive-sha256", package.archive_sha256))
        if value
    ]
    return text + "".join(f"{line}\n" for line in ([HEADER, *lines] if lines else []))


def _entry(package: Locked) -> Mapping[str, Any]:
    wish = package.wish
    match wish:
        case HubWish():
            return {"package": wish.package, "name": package.name, "version": wish.bounds[0].version.text}
        case GitWish():
            folder = {"subdirectory": wish.subdirectory} if wish.subdirectory else {}
            provider = {"provider": wish.provider} if wish.provider else {}
            source = {"private": wish.written, **provider} if wish.private else {"git": wish.written}
            return {**source, "name": package.name, "revision": wish.revision, **folder}
        case LocalWish():
            return {"local": wish.path, "name": package.name}
        case TarballWish():
            return {"tarball": wish.written, "name": package.name}
