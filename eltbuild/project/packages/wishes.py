"""What a project asks for in `packages.yml` or `dependencies.yml`, as values. Nothing is fetched here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from eltbuild.errors import Place, Problem, ProjectError, did_you_mean
from eltbuild.project.packages.versions import Bound, read_bounds
from eltbuild.project.project import PROJECT_FILES
from eltbuild.values import dataclass, field

PACKAGES_FILE = "packages.yml"
DEPENDENCIES_FILE = "dependencies.yml"
LARGEST_FILE = 4 * 1024 * 1024
MOST_WISHES = 1000

Render = Callable[[Any], Any]

HUB_NAME = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
PROJECT_NAME = re.compile(r"[^\W\d]\w*", re.ASCII)


@dataclass(frozen=True, slots=True)
class HubWish:
    """A package by name from an index. `bounds` empty: any version."""

    package: str
    bounds: tuple[Bound, ...]
    prereleases: bool = False
    place: Place | None = None

    @property
    def key(self) -> str:
        """Equal for wishes for the same package."""
        return f"hub {self.package.lower()}"

    @property
    def shown(self) -> str:
        """The package as messages name it."""
        return self.package

    @property
    def asked(self) -> str:
        """The version as messages name it."""
        return ", ".join(map(str, self.bounds)) or "any version"


@dataclass(frozen=True, slots=True)
class GitWish:
    """A package in a git repository. `url` may hold secrets; `written` is the text before rendering."""

    url: str
    written: str
    revision: str = ""
    subdirectory: str = ""
    warn_unpinned: bool = True
    place: Place | None = None
    private: bool = False
    """It is asked for by its name at a provider."""
    provider: str = ""
    """The provider as it was written."""

    @property
    def key(self) -> str:
        """Equal for wishes for the same folder of the same repository."""
        return f"git {self.url.rstrip('/').removesuffix('.git')}//{self.subdirectory}"

    @property
    def shown(self) -> str:
        """The package as messages name it."""
        return f"{self.written} (folder {self.subdirectory})" if self.subdirectory else self.written

    @property
    def asked(self) -> str:
        """The version as messages name it."""
        return f"revision {self.revision}" if self.revision else "the newest commit"


@dataclass(frozen=True, slots=True)
class LocalWish:
    """A package in a folder. `base` is the folder of the project that asks."""

    path: str
    base: Path
    place: Place | None = None

    @property
    def folder(self) -> Path:
        """The package's folder, absolute."""
        return Path(os.path.realpath(self.base / self.path))

    @property
    def key(self) -> str:
        """Equal for wishes for the same folder."""
        return f"local {self.folder}"

    @property
    def shown(self) -> str:
        """The package as messages name it."""
        return self.path

    @property
    def asked(self) -> str:
        """The version as messages name it."""
        return "the folder as it is"


@dataclass(frozen=True, slots=True)
class TarballWish:
    """A package in an archive. `url` may hold secrets; `written` is the text before rendering."""

    url: str
    written: str
    name: str
    place: Place | None = None

    @property
    def key(self) -> str:
        """Equal for wishes for the same archive."""
        return f"tarball {self.url}"

    @property
    def shown(self) -> str:
        """The package as messages name it."""
        return self.written

    @property
    def asked(self) -> str:
        """The version as messages name it."""
        return "the archive as it is"


Wish: TypeAlias = HubWish | GitWish | LocalWish | TarballWish


@dataclass(frozen=True, slots=True)
class Wishes:
    """All that one project asks for. `file` is "" where no file asks for anything.

    `written` are the entries as they stand in the file, `rendered` the same after Jinja.
    """

    file: str = ""
    wishes: tuple[Wish, ...] = ()
    written: tuple[Mapping[str, Any], ...] = ()
    rendered: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: its folder, from which relative paths are meant, and how places show it.

    `fetched`: it came from elsewhere, so it may not ask for folders of this machine. `root` is the folder of
    the outermost project where that is another one.
    """

    folder: Path
    shown: str = ""
    fetched: bool = False
    root: Path | None = None
    render: Render = field(default=lambda value: value)


def read_wishes(asker: Asker, texts: Mapping[str, str] | None = None) -> Wishes:
    """What a project asks for. `texts` stand for files of those names.

    `packages.yml` is rendered, `dependencies.yml` is not. Raises `ProjectError` with all that is wrong.
    """
    texts = texts or {}
    packages = _entries(asker, PACKAGES_FILE, texts.get(PACKAGES_FILE))
    dependencies = _entries(asker, DEPENDENCIES_FILE, texts.get(DEPENDENCIES_FILE))
    if packages is not None and dependencies is not None:
        raise ProjectError(
            Problem(
                f"`packages:` stands in both {PACKAGES_FILE} and {DEPENDENCIES_FILE}",
                Place(_shown(asker, PACKAGES_FILE)),
                hint="keep one of the two lists",
            )
        )
    if packages is not None:
        return wishes_of(asker, PACKAGES_FILE, packages, _rendered(asker, PACKAGES_FILE, packages))
    if dependencies is not None:
        return wishes_of(asker, DEPENDENCIES_FILE, dependencies, dependencies)
    return Wishes()


def rendered_wishes(asker: Asker, file: str, entries: Sequence[Any]) -> Wishes:
    """The wishes of entries that were read already, rendered. Raises `ProjectError`."""
    return wishes_of(asker, file, entries, _rendered(asker, file, entries))


def _rendered(asker: Asker, file: str, entries: Sequence[Any]) -> Sequence[Any]:
    from eltbuild.errors import EltbuildError

    try:
        return list(asker.render(list(entries)))
    except EltbuildError:
        raise
    except Exception as error:
        place = Place(_shown(asker, file))
        raise ProjectError(Problem(f"cannot render: {error}", place)) from None


def _shown(asker: Asker, file: str) -> str:
    return f"{asker.shown}/{file}" if asker.shown else file


def read_text(path: Path, shown: str) -> str | None:
    """The text of a small file, None when there is none. Raises `ProjectError`."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ProjectError(Problem(f"cannot be read: {error.strerror}", Place(shown))) from None
    if len(data) > LARGEST_FILE:
        raise ProjectError(Problem(f"is larger than {LARGEST_FILE} bytes", Place(shown)))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ProjectError(Problem("is not UTF-8 text", Place(shown))) from None


def _entries(asker: Asker, file: str, text: str | None = None) -> Sequence[Any] | None:
    """The list under `packages:`, None when there is none."""
    from eltbuild.project.yaml import load_yaml

    shown = _shown(asker, file)
    text = read_text(asker.folder / file, shown) if text is None else text
    if text is None:
        return None
    document = load_yaml(text, shown)
    if document is None:
        return None
    if not isinstance(document, Mapping):
        raise ProjectError(Problem("must be a mapping with a list `packages:`", Place(shown)))
    if "packages" not in document:
        return None
    entries = document["packages"] or []
    if not isinstance(entries, list):
        raise ProjectError(Problem("`packages:` must be a list", Place(shown)))
    if len(entries) > MOST_WISHES:
        raise ProjectError(Problem(f"`packages:` lists more than {MOST_WISHES} packages", Place(shown)))
    return entries


def wishes_of(asker: Asker, file: str, written: Sequence[Any], rendered: Sequence[Any]) -> Wishes:
    """The wishes that entries mean. Raises `ProjectError` with all that is wrong."""
    problems: list[Problem] = []
    wishes: list[Wish] = []
    for number, (raw, entry) in enumerate(zip(written, rendered, strict=True), start=1):
        try:
            wishes.append(_wish(asker, _place(asker, file, raw), raw, entry))
        except ValueError as error:
            message, _, hint = str(error).partition("\n")
            problems.append(Problem(f"package {number}: {message}", _place(asker, file, raw), hint))
    if problems:
        raise ProjectError(*problems)
    return Wishes(file, tuple(wishes), tuple(map(dict, written)), tuple(map(dict, rendered)))


def _place(asker: Asker, file: str, entry: Any) -> Place:
    line = getattr(entry, "line", 0)
    return Place(_shown(asker, file), line if isinstance(line, int) else 0)


def _wish(asker: Asker, place: Place, written: Any, entry: Any) -> Wish:
    """The wish of one entry. Raises `ValueError`, the hint on a second line."""
    if not isinstance(entry, Mapping) or not isinstance(written, Mapping):
        raise ValueError("must be a mapping such as `package: org/name`")
    kinds = [kind for kind in READERS if kind in entry]
    if len(kinds) != 1:
        near = next((hint for key in entry if (hint := did_you_mean(str(key), READERS))), "")
        raise ValueError(f"names {' and '.join(kinds) or 'no source'}; one of {', '.join(READERS)} is needed\n{near}")
    return READERS[kinds[0]](asker, place, written, entry)


def _text(entry: Mapping[str, Any], key: str, *, needed: bool = False) -> str:
    value = entry.get(key)
    if value is None or value == "":
        if needed:
            raise ValueError(f"`{key}:` has no value")
        return ""
    if not isinstance(value, str):
        raise ValueError(f"`{key}: {value}` is not a text\nput it in quotes, so that YAML reads it as written")
    return value


def _plain(text: str, key: str) -> str:
    """A text that no command line takes for an option, and that holds no control characters."""
    if text.startswith("-"):
        raise ValueError(f"`{key}:` must not begin with `-`")
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError(f"`{key}:` holds control characters")
    return text


def _hub(asker: Asker, place: Place, written: Mapping[str, Any], entry: Mapping[str, Any]) -> Wish:
    package = _text(entry, "package", needed=True)
    if not HUB_NAME.fullmatch(package) or ".." in package:
        raise ValueError(f"`package: {package}` is not of the form `organization/name`")
    if entry.get("version") in (None, [], ""):
        raise ValueError(f"`{package}` has no version\nsay `version: 1.2.3` or `version: ['>=1.0.0', '<2.0.0']`")
    given = entry["version"]
    texts = [str(version) for version in given] if isinstance(given, list) else [str(given)]
    prereleases = entry.get("install-prerelease", entry.get("install_prerelease", False))
    return HubWish(package, read_bounds(texts), bool(prereleases), place)


def _git(asker: Asker, place: Place, written: Mapping[str, Any], entry: Mapping[str, Any]) -> Wish:
    url = _plain(_text(entry, "git", needed=True), "git")
    located = _located(asker, url)
    if asker.fetched and (located != url or located.startswith(("/", "file:"))):
        raise ValueError("a package that was fetched cannot ask for a repository on this machine")
    # The lock is read from the outermost project's folder, so a nested relative path is noted as absolute.
    text = located if asker.root is not None and located != url else str(written.get("git"))
    return GitWish(located, text, _revision(entry), _subdirectory(entry), _warns(entry), place)


def _revision(entry: Mapping[str, Any]) -> str:
    if isinstance(entry.get("revision"), list):
        raise ValueError("`revision:` must be one tag, branch or commit")
    revision = _plain(_text(entry, "revision"), "revision")
    if re.search(r"[\s:?*\[\\^~+]|\.\.|@\{", revision):
        raise ValueError(f"`revision: {revision}` is not a tag, a branch or a commit")
    return revision


def _subdirectory(entry: Mapping[str, Any]) -> str:
    subdirectory = _plain(_text(entry, "subdirectory"), "subdirectory").strip("/")
    if subdirectory in (".", ""):
        return ""
    if {"..", "", "."} & set(subdirectory.split("/")):
        raise ValueError(f"`subdirectory: {subdirectory}` is not a folder inside the repository")
    return subdirectory


def _warns(entry: Mapping[str, Any]) -> bool:
    return entry.get("warn-unpinned", entry.get("warn_unpinned")) is not False


def _located(asker: Asker, url: str) -> str:
    """The url, a relative path made absolute: git runs in another folder."""
    if "://" in url or re.match(r"[^/\\]+:", url):
        return url
    return os.path.realpath(asker.folder / os.path.expanduser(url))


def _local(asker: Asker, place: Place, written: Mapping[str, Any], entry: Mapping[str, Any]) -> Wish:
    path = _plain(_text(entry, "local", needed=True), "local")
    if asker.fetched:
        raise ValueError(f"a package that was fetched cannot ask for a folder (`local: {path}`)")
    wish = LocalWish(path, asker.folder, place)
    if asker.root is not None and not os.path.exists(wish.folder):
        # dbt means every relative path from the outermost project; what was written for it stays right.
        return LocalWish(path, asker.root, place)
    return wish


def _tarball(asker: Asker, place: Place, written: Mapping[str, Any], entry: Mapping[str, Any]) -> Wish:
    url = _plain(_text(entry, "tarball", needed=True), "tarball")
    name = _text(entry, "name", needed=True)
    if not PROJECT_NAME.fullmatch(name):
        raise ValueError(f"`name: {name}` is not the name of a project")
    if not url.startswith(("http://", "https://", "file://")):
        raise ValueError("`tarball:` must be an address that begins with https://, http:// or file://")
    if asker.fetched and url.startswith("file:"):
        raise ValueError("a package that was fetched cannot ask for a file of this machine")
    return TarballWish(url, str(written.get("tarball")), name, place)


def _private(asker: Asker, place: Place, written: Mapping[str, Any], entry: Mapping[str, Any]) -> Wish:
    name = _text(entry, "private", needed=True)
    provider = _text(entry, "provider")
    if (provider or "github") not in PROVIDERS:
        hint = did_you_mean(provider, PROVIDERS) or f"one of {', '.join(PROVIDERS)}"
        raise ValueError(f"`provider: {provider}` of `private: {name}` is not known\n{hint}")
    address, form, shape = PROVIDERS[provider or "github"]
    if not shape.fullmatch(name) or {".", ".."} & set(name.split("/")):
        raise ValueError(f"`private: {name}` is not of the form `{form}`, as {provider or 'github'} has it")
    url, revision, folder = address.format(name), _revision(entry), _subdirectory(entry)
    text = str(written.get("private"))
    return GitWish(url, text, revision, folder, _warns(entry), place, private=True, provider=provider)


_PART = r"[A-Za-z0-9_.%][A-Za-z0-9_.%~-]*"
PROVIDERS: Mapping[str, tuple[str, str, re.Pattern[str]]] = {
    "github": ("git@github.com:{}.git", "org/repo", re.compile(rf"{_PART}/{_PART}")),
    "gitlab": ("git@gitlab.com:{}.git", "group/repo", re.compile(rf"{_PART}(/{_PART})+")),
    **dict.fromkeys(
        ("ado", "azure_devops"),
        ("git@ssh.dev.azure.com:v3/{}", "org/project/repo", re.compile(rf"{_PART}/{_PART}/{_PART}")),
    ),
}
"""Where `private:` packages are: the address by ssh, the form of their names, and what these may be."""


READERS: Mapping[str, Callable[[Asker, Place, Mapping[str, Any], Mapping[str, Any]], Wish]] = {
    "package": _hub,
    "git": _git,
    "local": _local,
    "tarball": _tarball,
    "private": _private,
}


def project_name(folder: Path, shown: str) -> str:
    """The name in a package's project file. Raises `ProjectError` when the folder holds no project."""
    from eltbuild.project.yaml import load_yaml

    for file in PROJECT_FILES:
        text = read_text(folder / file, f"{shown}/{file}")
        if text is None:
            continue
        document = load_yaml(text, f"{shown}/{file}")
        name = document.get("name") if isinstance(document, Mapping) else None
        if not isinstance(name, str) or not PROJECT_NAME.fullmatch(name):
            raise ProjectError(Problem(f"`name: {name}` is not the name of a project", Place(f"{shown}/{file}")))
        return name
    raise ProjectError(Problem(f"{shown} holds no project: neither {' nor '.join(PROJECT_FILES)} stands in it"))
