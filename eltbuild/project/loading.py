"""What every step of loading needs: settings, configs, names, the cache, and where problems go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from eltbuild.adapter import Target
from eltbuild.errors import Place, Problem, ProjectError, Severity
from eltbuild.jinja.blocks import blocks
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.macro_scan import scan_macro
from eltbuild.jinja.mentions import Block, Mentions
from eltbuild.jinja.scan import scan
from eltbuild.project.cache import Cache
from eltbuild.project.config import Configs, Resolved, check_keys, wrong_values
from eltbuild.project.declared_environment import allowed_to_packages
from eltbuild.project.entries import PropertiesFile
from eltbuild.project.names import base_names, with_target
from eltbuild.project.project import Settings
from eltbuild.project.properties import read_properties
from eltbuild.project.python_models import read_python_model
from eltbuild.project.resources import Doc, Ref, SourceFile, SourceRef
from eltbuild.project.variables import visible_vars
from eltbuild.values import dataclass, field, replace

NOTHING = Mentions()
_DOCS = frozenset({"docs"})


@dataclass(frozen=True, slots=True)
class Package:
    """A package as it is being loaded. `names` are what Jinja in its properties files may use."""

    name: str
    root: str
    settings: Settings
    names: Mapping[str, Any]


@dataclass(slots=True)
class Loading:
    """One load of a project. Everything but `problems`, `docs` and the cache stays as it is made."""

    root: Path
    settings: Settings
    packages: Mapping[str, Package]
    target: Target
    configs: Configs
    cache: Cache
    problems: list[Problem]
    docs: dict[str, Doc] = field(default_factory=dict)

    def report(
        self, message: str, place: Place | None, hint: str = "", severity: Severity = "error", name: str = ""
    ) -> None:
        """Note a problem."""
        self.problems.append(Problem(message, place, hint, severity, name))

    def properties(self, file: SourceFile, package: Package) -> PropertiesFile:
        """The entries of a properties file; its problems are noted, of installed packages only the errors."""
        kept = self.cache.kind("properties", PropertiesFile)
        entries = kept.get(file.digest)
        if entries is None:
            entries = read_properties(file.text)
            if entries.lasting:
                kept.put(file.digest, entries)
        if entries.templated:
            entries = read_properties(file.text, package.names)
        for problem in entries.problems:
            if problem.severity == "error" or not package.root:
                where = problem.place or Place("")
                self.problems.append(replace(problem, place=Place(file.path, where.line, where.column)))
        return entries

    def check_config(self, section: str, config: Mapping[str, Any], package: Package, place: Place) -> None:
        """Warn of config keys that nothing reads; not of those of installed packages, which a user cannot mend."""
        if config and not package.root:
            self.problems.extend(check_keys(section, config, place))

    def mentions(self, text: str, digest: str, path: str, line: int = 1) -> Mentions:
        """What a template mentions; `line` is where it begins in the file. A template that is broken is a problem."""
        return self._mentions("mentions", scan, text, digest, path, line)

    def macro_mentions(self, text: str, digest: str, path: str, line: int) -> Mentions:
        """What a macro, a test or a materialization mentions, from its head to its end tag."""
        return self._mentions("macros", scan_macro, text, digest, path, line)

    def _mentions(
        self, kind: str, read: Callable[[str], Mentions], text: str, digest: str, path: str, line: int
    ) -> Mentions:
        kept = self.cache.kind(kind, Mentions)
        found = kept.get(digest)
        if found is None:
            try:
                found = carried(read(text))
            except TemplateError as error:
                self.template_problem(error, path, line)
                return NOTHING
            kept.put(digest, found)
        return found

    def python_mentions(self, file: SourceFile) -> Mentions:
        """What a Python model mentions; its problems are noted."""
        kept = self.cache.kind("python", Mentions)
        found = kept.get(file.digest)
        if found is None:
            read, problems = read_python_model(file.text, file.path)
            found = carried(read)
            self.problems.extend(problems)
            if not problems:
                kept.put(file.digest, found)
        return found

    def blocks(self, file: SourceFile, docs: bool = False) -> tuple[Block, ...]:
        """The blocks of a file (with `docs`: of a Markdown file); a block that is broken is a problem."""
        if "{%" not in file.text:
            return ()
        kept = self.cache.kind("docs" if docs else "blocks", tuple[Block, ...])
        found = kept.get(file.digest)
        if found is None:
            try:
                found = blocks(file.text, _DOCS) if docs else blocks(file.text)
            except TemplateError as error:
                self.template_problem(error, file.path)
                return ()
            kept.put(file.digest, found)
        return found

    def template_problem(self, error: TemplateError, path: str, line: int = 1) -> None:
        """Note what is wrong with a template that begins at a line of a file."""
        place = Place(path, error.line + line - 1 if error.line else 0, error.column)
        self.report(error.message, place, error.hint)

    def resolve(
        self,
        section: str,
        package: str,
        fqn: tuple[str, ...],
        properties: Mapping[str, Any],
        infile: Mapping[str, Any],
        place: Place | None,
        unrendered_properties: Mapping[str, Any] | None = None,
        unrendered_infile: Mapping[str, Any] | None = None,
        described_at: Place | None = None,
    ) -> Resolved:
        """The config of one node; what is wrong with it is noted at the place, where it has none of its own.

        `described_at` is where the properties stand.
        """
        try:
            return self.configs.resolve(
                section, package, fqn, properties, infile, unrendered_properties, unrendered_infile
            )
        except ProjectError as error:
            wrong = [replace(problem, place=described_at or place) for _, problem in wrong_values(properties)]
            wrong += [replace(problem, place=place) for _, problem in wrong_values(infile)]
            found = [problem if problem.place else replace(problem, place=place) for problem in error.problems]
            # What is wrong in the project file knows its own place; it is the same for many nodes.
            wrong += [problem for problem in error.problems if problem.place and problem not in self.problems]
            self.problems.extend(wrong or found)
            return Resolved({}, {})


def packages_of(
    root: Path,
    settings: Settings,
    others: Iterable[Settings],
    target: Target,
    vars: Mapping[str, Any],
    environment: Mapping[str, str],
    call: Mapping[str, Any] | None = None,
) -> dict[str, Package]:
    """The project and its packages, by name, the project first; their files may use the names of the `call`."""
    out = {}
    allowed = allowed_to_packages(root, settings, vars)
    for own in (settings, *others):
        names = base_names(
            environment,
            visible_vars(settings, own, vars),
            secrets_allowed=False,
            allowed=None if own is settings else allowed,
            call={**(call or {}), "project_name": settings.name},
        )
        out[own.name] = Package(own.name, own.root, own, with_target(names, target))
    return out


def carried(mentions: Mentions) -> Mentions:
    """The mentions with config values as JSON would bring them back, so that kept and new ones are equal."""
    if not mentions.config and not mentions.unrendered_config:
        return mentions
    return replace(mentions, config=_plain(mentions.config), unrendered_config=_plain(mentions.unrendered_config))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def refs_of(mentions: Mentions, path: str, line: int = 1) -> tuple[Ref, ...]:
    """The refs with their places in the file, in which the template begins at `line`."""
    before = line - 1
    return tuple(
        [Ref(ref.name, ref.package, ref.version, Place(path, ref.line + before, ref.column)) for ref in mentions.refs]
    )


def sources_of(mentions: Mentions, path: str, line: int = 1) -> tuple[SourceRef, ...]:
    """The source calls with their places in the file."""
    before = line - 1
    return tuple(
        [SourceRef(call.source, call.table, Place(path, call.line + before, call.column)) for call in mentions.sources]
    )


def checksum(text: str) -> str:
    """dbt's checksum of a template: SHA-256 of its text with every run of blanks as one space, none around it."""
    return sha256(" ".join(text.split()).encode("utf-8", "surrogatepass")).hexdigest()
