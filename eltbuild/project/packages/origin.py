"""Where packages come from: folders, git repositories, archives, an index.

Everything is fetched into a workshop folder beside the installed packages, which are not touched here.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from eltbuild.errors import EltbuildError, Problem, ProjectError
from eltbuild.project.packages.archives import check_links, tar_members, tree_hash, write_tree
from eltbuild.project.packages.downloads import NotFound, download, read_index, shown
from eltbuild.project.packages.git import fetch_tree
from eltbuild.project.packages.resolve import BRANCHES, Found
from eltbuild.project.packages.versions import Version, newest, read_bounds, read_version
from eltbuild.project.packages.wishes import (
    Asker,
    GitWish,
    HubWish,
    LocalWish,
    Render,
    TarballWish,
    Wish,
    project_name,
    read_wishes,
    rendered_wishes,
)
from eltbuild.project.project import PROJECT_FILES
from eltbuild.values import dataclass, field, replace

HUB_VARIABLES = ("ELTBUILD_PACKAGE_HUB_URL", "DBT_PACKAGE_HUB_URL")
DEFAULT_HUB = "https://hub.getdbt.com/"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A package on disk. `sha256` is the hash of its files, "" for a folder of the user's own."""

    folder: Path
    name: str
    wish: Wish
    sha256: str = ""
    archive_sha256: str = ""


@dataclass(slots=True)
class Workshop:
    """The origin of packages for one install: what was fetched lies in `folder` and is fetched once only.

    `render` reads secrets from the environment, `public_render` does not: an index lists anybody's packages,
    and their wishes may not send secrets anywhere.
    """

    root: Path
    folder: Path
    environment: Mapping[str, str]
    render: Render
    public_render: Render
    dbt_version: str = ""
    secrets: frozenset[str] = frozenset()
    trusted: frozenset[tuple[str, str]] = frozenset()
    """Secrets with the hosts to which the project itself sends them: nobody else's wishes send them elsewhere."""
    fetched: dict[tuple[str, str], Fetched] = field(default_factory=dict)
    listings: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def versions(self, wish: HubWish) -> Sequence[Version]:
        """All versions that the index lists and that suit us. Raises `ProjectError`."""
        versions = []
        for text, entry in self._listing(wish).items():
            try:
                version = read_version(str(text))
            except ValueError:
                continue
            if self._suits(entry):
                versions.append(version)
        return versions

    def find(self, wish: Wish) -> Found:
        """Look at the package behind an exact wish. Raises `ProjectError`."""
        if isinstance(wish, HubWish):
            entry = self._entry(wish)
            if entry.get("name") and isinstance(entry.get("packages"), list):
                asker = Asker(self.root, wish.package, True, self.root, self.public_render)
                wishes = rendered_wishes(asker, "packages.yml", entry["packages"]).wishes
                return Found(wish, str(entry["name"]), wishes, self._notes(wish))
        fetched = self.fetch(wish)
        wishes = read_wishes(self._asker(fetched)).wishes
        if not isinstance(fetched.wish, LocalWish):
            self._check_secrets(fetched.name, wishes)
        return Found(fetched.wish, fetched.name, wishes, self._notes(wish))

    def _check_secrets(self, name: str, wishes: Sequence[Wish]) -> None:
        """Refuse wishes of a fetched package that send a secret to where the project does not send it."""
        for wish in wishes:
            if isinstance(wish, (GitWish, TarballWish)) and not sent(wish.url, self.secrets) <= self.trusted:
                raise ProjectError(
                    Problem(
                        f"the package `{name}` would send a secret to `{wish.written}`, where the project sends none",
                        wish.place,
                        hint="if that is right, ask for that package in the project's own list, too",
                    )
                )

    def fetch(self, wish: Wish) -> Fetched:
        """The package behind an exact wish, on disk. Raises `ProjectError`."""
        known = (wish.key, wish.asked)
        if known not in self.fetched:
            try:
                fetched = FETCHERS[type(wish)](self, wish)
            except ProjectError as error:
                named = [
                    replace(p, message=f"`{wish.shown}`: {p.message}", place=p.place or wish.place)
                    for p in error.problems
                ]
                raise ProjectError(*named) from None
            self.fetched[known] = fetched
            self.fetched[fetched.wish.key, fetched.wish.asked] = fetched
        return self.fetched[known]

    def _asker(self, fetched: Fetched) -> Asker:
        if isinstance(fetched.wish, LocalWish):
            return Asker(fetched.folder, fetched.name, root=self.root, render=self.render)
        public = isinstance(fetched.wish, HubWish)
        render = self.public_render if public else self.render
        return Asker(fetched.folder, fetched.name, True, self.root, render)

    def _new_folder(self) -> Path:
        number = sum(1 for _ in self.folder.iterdir())
        folder = self.folder / f"fetched-{number}"
        folder.mkdir()
        return folder

    # Local folders

    def _fetch_local(self, wish: LocalWish) -> Fetched:
        folder = wish.folder
        if not os.path.isdir(folder):
            raise ProjectError(Problem(f"there is no folder {folder}"))
        return Fetched(folder, project_name(folder, wish.path), wish)

    # Git repositories

    def _fetch_git(self, wish: GitWish) -> Fetched:
        place = self._new_folder()
        files = place / "files"
        files.mkdir()
        commit = fetch_tree(wish.url, wish.revision, wish.subdirectory, files, place / "objects", self.environment)
        exact = replace(wish, revision=commit)
        return Fetched(files, project_name(files, wish.shown), exact, tree_hash(files))

    # Archives

    def _fetch_tarball(self, wish: TarballWish) -> Fetched:
        fetched = self._unpacked(wish.url, wish)
        if fetched.name != wish.name:
            raise ProjectError(Problem(f"the project in it is called `{fetched.name}`, not `{wish.name}`"))
        return fetched

    def _unpacked(self, url: str, wish: Wish) -> Fetched:
        place = self._new_folder()
        archive, files = place / "archive", place / "files"
        files.mkdir()
        digest = download(url, archive)
        write_tree(tar_members(archive), files)
        archive.unlink()
        top = _project_folder(files)
        check_links(top)
        return Fetched(top, project_name(top, wish.shown), wish, tree_hash(top), digest)

    # The index

    def _fetch_hub(self, wish: HubWish) -> Fetched:
        entry = self._entry(wish)
        downloads = entry.get("downloads")
        address = downloads.get("tarball") if isinstance(downloads, Mapping) else None
        if not isinstance(address, str):
            raise ProjectError(Problem(f"the index names no archive for version {wish.asked}"))
        url = urljoin(self._address(wish), address)
        if url.startswith("file:") and not self._hub().startswith("file:"):
            raise ProjectError(Problem("the index names a file of this machine as archive"))
        fetched = self._unpacked(url, wish)
        if entry.get("name") not in (None, fetched.name):
            raise ProjectError(
                Problem(f"the project in it is called `{fetched.name}`, the index says `{entry['name']}`")
            )
        return fetched

    def _hub(self) -> str:
        given = next((self.environment[name] for name in HUB_VARIABLES if self.environment.get(name)), DEFAULT_HUB)
        return given if given.endswith("/") else f"{given}/"

    def _address(self, wish: HubWish) -> str:
        return f"{self._hub()}api/v1/{wish.package}.json"

    def _listing(self, wish: HubWish) -> Mapping[str, Any]:
        """The versions of a package, as the index has them."""
        if wish.package not in self.listings:
            document = self._read(wish)
            versions = document.get("versions") if isinstance(document, Mapping) else None
            if not isinstance(versions, Mapping):
                raise ProjectError(Problem(f"{shown(self._address(wish))} lists no versions", wish.place))
            self.listings[wish.package] = versions
        return self.listings[wish.package]

    def _read(self, wish: HubWish) -> Any:
        address = self._address(wish)
        try:
            return json.loads(read_index(address))
        except NotFound:
            raise ProjectError(
                Problem(f"the package `{wish.package}` is not in the index at {shown(self._hub())}", wish.place)
            ) from None
        except ProjectError as error:
            raise ProjectError(
                Problem(
                    f"`{wish.package}`: {error.problems[0].message}",
                    wish.place,
                    hint=f"without a network, set {HUB_VARIABLES[0]} to a mirror (file:///folder works too), "
                    "or ask for the package with `git:` or `local:`",
                )
            ) from None
        except (ValueError, RecursionError):
            raise ProjectError(Problem(f"{shown(address)} is not JSON", wish.place)) from None

    def _entry(self, wish: HubWish) -> Mapping[str, Any]:
        entry = self._listing(wish).get(wish.bounds[0].version.text)
        if not isinstance(entry, Mapping):
            raise ProjectError(Problem(f"`{wish.package}` has no version {wish.asked} in the index", wish.place))
        return entry

    def _suits(self, entry: Any) -> bool:
        """Whether a version can be used; what its requirement says in another grammar is not judged."""
        required = entry.get("require_dbt_version") if isinstance(entry, Mapping) else None
        if not required or not self.dbt_version:
            return isinstance(entry, Mapping)
        try:
            bounds = read_bounds([str(text) for text in (required if isinstance(required, list) else [required])])
            return all(bound.allows(read_version(self.dbt_version)) for bound in bounds)
        except ValueError:
            return True

    def _notes(self, wish: Wish) -> tuple[Problem, ...]:
        if isinstance(wish, GitWish) and wish.revision in BRANCHES and wish.warn_unpinned:
            what = f"the branch `{wish.revision}`" if wish.revision else "no revision"
            return (
                Problem(
                    f"`{wish.shown}` is asked for by {what}, so another day brings another content",
                    wish.place,
                    hint="say `revision:` with a tag or a commit, or `warn-unpinned: false`",
                    severity="warning",
                    name="DepsUnpinned",
                ),
            )
        if isinstance(wish, HubWish):
            latest = newest((), self.versions(wish), prereleases=False)
            if latest and latest.key > wish.bounds[0].version.key:
                text = f"`{wish.package}`: version {latest.text} is out, {wish.asked} is installed"
                return (Problem(text, severity="warning", name="DepsUpdateAvailable"),)
        return ()


def sent(url: str, secrets: frozenset[str]) -> frozenset[tuple[str, str]]:
    """The secrets in an address, each with the host that would see it."""
    from urllib.parse import quote, urlsplit

    held = {secret for secret in secrets if secret in url or quote(secret, safe="") in url}
    if not held:
        return frozenset()
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    if not host:
        # `user@host:path`, as ssh has it.
        host = url.rpartition("@")[2].partition(":")[0]
    return frozenset((secret, host.lower()) for secret in held)


FETCHERS: Mapping[type, Callable[[Workshop, Any], Fetched]] = {
    HubWish: Workshop._fetch_hub,
    GitWish: Workshop._fetch_git,
    LocalWish: Workshop._fetch_local,
    TarballWish: Workshop._fetch_tarball,
}


def _project_folder(folder: Path) -> Path:
    """The folder that holds the project: the archive's own top, or the one folder in it."""
    if any((folder / file).is_file() for file in PROJECT_FILES):
        return folder
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() and not inside[0].is_symlink() else folder


@contextmanager
def hidden_secrets(secrets: frozenset[str]) -> Iterator[None]:
    """Errors that leave this block show no secret: neither one of `secrets`, nor a password in an address."""
    try:
        yield
    except EltbuildError as error:
        hide = hider(secrets)
        problems = [replace(p, message=hide(p.message), hint=hide(p.hint)) for p in error.problems]
        raise type(error)(*problems) from None


def hider(secrets: frozenset[str]) -> Callable[[str], str]:
    """A function that replaces secrets, also as they stand in addresses, by asterisks."""
    from urllib.parse import quote

    forms = {form for secret in secrets if secret for form in (secret, quote(secret), quote(secret, safe=""))}
    texts = sorted(forms, key=len, reverse=True)

    def hide(text: str) -> str:
        for secret in texts:
            text = text.replace(secret, "*****")
        return re.sub(r"(https?://)[^/@\s'\"`]+@", r"\1***@", text)

    return hide
