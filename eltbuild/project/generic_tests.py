"""Nodes of the generic data tests that properties files hang on models, seeds, snapshots and sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from eltbuild.errors import Place, Problem, did_you_mean
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.native import has_jinja
from eltbuild.jinja.scan import scan
from eltbuild.jinja.source_text import literal_text
from eltbuild.project.anomaly_tests import NAMESPACE, check_entry, is_anomaly, without_dates
from eltbuild.project.calls import read_call
from eltbuild.project.config import Resolved
from eltbuild.project.descriptions import described, doc_blocks
from eltbuild.project.entries import TestEntry
from eltbuild.project.expectation_classes import Classes, ExpectationClass
from eltbuild.project.expectation_types import EXPECTATIONS, OWN_CLASSES
from eltbuild.project.expectations import as_test, check_arguments, is_expectation, told_of
from eltbuild.project.files import folders_of_test
from eltbuild.project.loading import Loading, Package
from eltbuild.project.nodes import Tested
from eltbuild.project.prerender import render_late
from eltbuild.project.resources import Macro, Node, Ref, Source, SourceFile, SourceRef, TestCase
from eltbuild.project.suite_parameters import PARAMETERS, names_in, with_parameters
from eltbuild.project.suites import TEST as SUITE
from eltbuild.project.suites import Suite, asked_for
from eltbuild.project.test_names import (
    BUILT_IN,
    attached_reference,
    attached_source,
    test_code,
    test_id,
    test_names,
)
from eltbuild.values import dataclass, field, replace

_NOTHING: Mapping[str, Any] = {}
_SHOWN: Mapping[str, Any] = {"show": True}


@dataclass(slots=True)
class Target:
    """What tests hang on, told once for all of them."""

    file: SourceFile
    package: Package
    folders: tuple[str, ...]
    title: str
    """The name as it stands in names of tests: `orders`, `orders_v2`, `raw_orders`."""
    prefix: str
    """What types of tests begin with: `source_`, or nothing."""
    model: str
    """The argument `model`."""
    refs: tuple[Ref, ...]
    source_refs: tuple[SourceRef, ...]
    attached_to: str | None
    file_key: str
    group: str | None = None
    tags: tuple[str, ...] = ()
    disabled: bool = False
    suite: str | None = None
    """The suite of expectations that they come from."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """What it gives to parameters of its tests."""
    usual: Mapping[str, Any] = field(default_factory=dict)
    """What parameters are that no var gives."""
    complete: bool = True
    """Whether `refs` and `source_refs` are all that `model` refers to."""


@dataclass(slots=True)
class DataTests:
    """The tests made so far."""

    enabled: dict[str, Node] = field(default_factory=dict)
    disabled: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Understood:
    """A test of which is known what it asks."""

    entry: TestEntry
    """With its arguments as they are asked."""
    written: Mapping[str, Any]
    """The arguments after which it is named."""
    kind: Literal["sql", "expectation", "anomaly"]
    file: str = ""
    """The file of the expectation's class, where it is the project's own."""
    checksum: str = ""
    """Of that class."""
    extra: Mapping[str, Any] = field(default_factory=dict)


class DataTestMaker:
    """Makes the nodes of generic tests; keeps what many of them share."""

    def __init__(
        self, loading: Loading, macros: Mapping[str, Macro], suites: Mapping[str, Suite], classes: Classes
    ) -> None:
        self._loading = loading
        self._defined = frozenset((macro.package, macro.key) for macro in macros.values() if macro.kind == "test")
        self._suites = suites
        self._classes = classes
        self.asked_for: set[str] = set()
        """The suites that properties files have named."""
        self._shared: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Resolved] = {}
        self._named = _keys_of(settings.configs.get("data_tests", {}) for settings in _all_settings(loading))
        self.made = DataTests()

    def node_tests(self, tested: Tested) -> None:
        """Make the tests of a model, seed or snapshot."""
        patch, node = tested.patch, tested.node
        attached = None if tested.elsewhere else node
        version = patch.version.v if patch.version else None
        name = patch.entry.name
        target = Target(
            file=patch.file,
            package=patch.package,
            folders=folders_of_test(patch.file.original_path),
            title=name if version is None else f"{name}_v{version}",
            prefix="",
            model=attached_reference(name, version),
            refs=(Ref(name, None, None if version is None else str(version), patch.place),),
            source_refs=(),
            attached_to=attached.id if attached else None,
            file_key=f"{patch.kind}.{name}",
            group=attached.group if attached else None,
            disabled=node is None or node.config.get("enabled", True) is False,
        )
        for column in tested.columns:
            if column.tests:
                target.tags = column.spec.tags
                for test in column.tests:
                    self._add(target, test, str(test.arguments.get("column_name")))
        target.tags = ()
        for test in tested.tests:
            self._add(target, test, None)

    def source_tests(
        self,
        source: Source,
        package: Package,
        file: SourceFile,
        within: str,
        tests: Iterable[tuple[TestEntry, str | None, tuple[str, ...]]],
    ) -> None:
        """Make the tests of a source's table; each comes with its column, if it has one, and the tags it inherits."""
        place = source.place
        target = Target(
            file=file,
            package=package,
            folders=folders_of_test(file.original_path),
            title=f"{source.source_name}_{source.name}",
            prefix="source_",
            model=attached_source(source.source_name, source.name),
            refs=(),
            source_refs=(SourceRef(source.source_name, source.name, place),),
            attached_to=None,
            file_key=f"sources.{source.source_name}",
            disabled=source.config.get("enabled", True) is False,
        )
        for test, column, tags in tests:
            target.tags = tuple(dict.fromkeys(tags))
            self._add(target, test, column)

    def suite_tests(
        self,
        target: Target,
        suite: Suite,
        more: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] = _NOTHING,
    ) -> None:
        """Make the tests of a suite for what the target is.

        `more`: config that comes before the suite's own; `parameters`: values that the target gives to those of the
        suite.
        """
        of_suite = replace(
            target, file=suite.file, package=suite.package, suite=suite.name,
            folders=(suite.name,), given=parameters, usual=suite.parameters,
        )  # fmt: skip
        for entry in suite.tests:
            config = {**suite.config, **entry.config, **(more or {})}
            place = Place(suite.file.path, entry.line, entry.column)
            if not self._is_expectation(suite.package, entry) and entry.namespace is None:
                names = {*EXPECTATIONS, *(name for _, name in self._classes)}
                hint = f"{did_you_mean(entry.name, names)} {OWN_CLASSES}".strip()
                self._loading.report(f"there is no expectation `{entry.name}`", place, hint)
                continue
            self._add(of_suite, replace(entry, config=config), None)

    def _add(self, target: Target, entry: TestEntry, column: str | None) -> None:
        if entry.name == SUITE and entry.namespace is None and not self._is_defined(target.package, entry):
            place = Place(target.file.path, entry.line, entry.column)
            suite = asked_for(self._suites, entry, place)
            if isinstance(suite, Problem):
                self._loading.problems.append(suite)
            else:
                self.asked_for.add(suite.name)
                self.suite_tests(target, suite, entry.config, entry.arguments.get(PARAMETERS) or _NOTHING)
            return
        node = self._node(target, entry, column)
        if target.disabled or node.config.get("enabled", True) is False:
            self.made.disabled.append(node)
            return
        other = self.made.enabled.get(node.id)
        if other is not None:
            hint = f"the other one is at {other.place}: remove one, or give one of them a `name:`"
            self._loading.report(f"data test `{node.name}` is written twice", node.place, hint)
            return
        self.made.enabled[node.id] = node

    def _is_expectation(self, package: Package, entry: TestEntry) -> bool:
        """Whether Great Expectations is meant: by a name that no test of the package or of the project has."""
        if entry.namespace is not None:
            macro = (entry.namespace, f"test_{entry.name}")
            return macro not in self._defined and self._class(package, entry) is not None
        return (is_expectation(entry.name) or self._class(package, entry) is not None) and not self._is_defined(
            package, entry
        )

    def _class(self, package: Package, entry: TestEntry) -> ExpectationClass | None:
        """The class of that name that the package or the project has; that of another package is asked for by both."""
        if entry.namespace is not None:
            return self._classes.get((entry.namespace, entry.name))
        own = self._classes.get((package.name, entry.name))
        return own or self._classes.get((self._loading.settings.name, entry.name))

    def _is_defined(self, package: Package, entry: TestEntry) -> bool:
        """Whether the package or the project has a test of that name."""
        key = f"test_{entry.name}"
        return bool({(package.name, key), (self._loading.settings.name, key)} & self._defined)

    def _understood(self, target: Target, entry: TestEntry, column: str | None, place: Place) -> Understood:
        """What is asked: a test of SQL, an expectation, or a comparison with what was before."""
        if self._is_expectation(target.package, entry):
            own = self._class(target.package, entry)
            given = with_parameters(entry.arguments, target.given, target.usual, place, self._loading.problems)
            asked = replace(entry, arguments=given)
            self._tell_unknown(target, entry, place)
            self._loading.problems.extend(check_arguments(asked, column, place))
            file, checksum = ("", "") if own is None else (own.file, own.checksum)
            return Understood(as_test(asked), entry.arguments, "expectation", file, checksum, told_of(entry))
        # A package that is really called so comes first, with the tests that it has.
        if is_anomaly(entry.namespace) and (NAMESPACE, f"test_{entry.name}") not in self._defined:
            self._loading.problems.extend(check_entry(entry, place))
            asked = without_dates(entry)
            return Understood(asked, asked.arguments, "anomaly")
        return Understood(entry, entry.arguments, "sql")

    def _tell_unknown(self, target: Target, entry: TestEntry, place: Place) -> None:
        """Warn of parameters that have no value: there it can still be a matter of the call."""
        known = {*target.given, *target.usual}
        for name in dict.fromkeys(names_in(entry.arguments)):
            if name not in known and not target.package.names["var"].has_var(name):
                told = f"parameter `{name}` of `{entry.name}` has no value: there is no var of that name"
                hint = f"give it with --vars, under `vars:` of the project file, or among the `{PARAMETERS}` of a suite"
                self._loading.report(told, place, hint, "warning", "UnknownParameter")

    def _names(self, target: Target, understood: Understood, place: Place) -> tuple[str, str]:
        """The name of a test, and the one of its file."""
        entry = understood.entry
        kind = f"{entry.namespace}_{target.prefix}{entry.name}" if entry.namespace else f"{target.prefix}{entry.name}"
        full = short = entry.title
        if full is None or short is None:
            names = test_names(kind, target.title, understood.written)
            full, short = names.full, names.short
        if " " in full and self._loading.settings.flags.get("require_resource_names_without_spaces", True):
            self._loading.report(f"the name of data test `{full}` holds a space", place, "rename it")
        return full, short

    def _config(self, target: Target, entry: TestEntry, names: tuple[str, str], place: Place) -> Mapping[str, Any]:
        """The config that stands at a test."""
        config: Mapping[str, Any] = entry.config
        if config:
            config = render_late(config, target.package.names, place, self._loading.problems)
            self._loading.check_config("data_tests", config, target.package, place)
            # What is set to nothing here is as if it were not set, and what is above holds.
            config = {key: value for key, value in config.items() if value is not None}
        full, short = names
        return {**config, "alias": short} if short != full and "alias" not in config else config

    def _node(self, target: Target, entry: TestEntry, column: str | None) -> Node:
        package, test = target.package, entry.name
        place = Place(target.file.path, entry.line, entry.column)
        understood = self._understood(target, entry, column, place)
        entry, arguments = understood.entry, understood.entry.arguments
        names = full, short = self._names(target, understood, place)
        config = self._config(target, entry, names, place)
        resolved = self._resolved(target, full, config, place)
        refs, source_refs, plain = (
            _mentioned(arguments, place) if len(arguments) > 1 or column is None else ((), (), True)
        )
        built_in = understood.kind != "sql" or (entry.namespace is None and test in BUILT_IN)
        macro = f"{entry.namespace}.test_{test}" if entry.namespace else f"test_{test}"
        blocks = doc_blocks(self._loading, entry.description, package) if entry.description else ()
        kwargs = {**arguments, "model": target.model}
        return Node(
            id=test_id(package.name, full, entry.namespace, test, kwargs),
            resource_type="test",
            name=full,
            package=package.name,
            path=f"{short}.sql",
            original_path=target.file.original_path,
            root=package.root,
            fqn=(package.name, *target.folders, full),
            code=test_code(test, entry.namespace, config),
            checksum=understood.checksum,
            line=entry.line,
            config=resolved.config,
            yaml_config={"tags": list(target.tags)} if target.tags else _NOTHING,
            unrendered_config=resolved.unrendered,
            description=described(self._loading, entry.description, package, place) if entry.description else "",
            docs=_SHOWN,
            place=place,
            refs=(*refs, *target.refs) if refs else target.refs,
            source_refs=(*source_refs, *target.source_refs) if source_refs else target.source_refs,
            macro_names=(macro,) if understood.kind == "sql" else (),
            complete=built_in and plain and target.complete,
            test=_case(target, understood, column, kwargs),
            group=target.group,
            extra={**understood.extra, "doc_blocks": blocks} if blocks else understood.extra,
        )

    def _resolved(self, target: Target, name: str, config: Mapping[str, Any], place: Place) -> Resolved:
        """The config of a test: one and the same for all that nothing tells apart."""
        package = target.package.name
        properties = {"tags": list(target.tags)} if target.tags else _NOTHING
        fqn = (package, *target.folders, name)
        if config or name in self._named:
            written = {key: value if key == "tags" else literal_text(value) for key, value in config.items()}
            return self._loading.resolve("data_tests", package, fqn, properties, config, place, None, written)
        key = (package, target.folders, target.tags)
        found = self._shared.get(key)
        if found is None:
            found = self._loading.resolve("data_tests", package, fqn, properties, config, place)
            self._shared[key] = found
        return found


def _case(target: Target, understood: Understood, column: str | None, kwargs: Mapping[str, Any]) -> TestCase:
    return TestCase(
        understood.entry.name,
        understood.entry.namespace,
        kwargs,
        column,
        target.attached_to,
        target.file_key,
        understood.kind == "expectation",
        target.suite,
        understood.kind == "anomaly",
        understood.file,
    )


def _all_settings(loading: Loading) -> list[Any]:
    return [package.settings for package in loading.packages.values()]


def _keys_of(trees: Iterable[Any]) -> frozenset[str]:
    """Every key at any depth of config trees: a test of such a name may be configured by it."""
    keys: set[str] = set()
    waiting = list(trees)
    while waiting:
        tree = waiting.pop()
        if isinstance(tree, Mapping):
            keys.update(map(str, tree))
            waiting.extend(tree.values())
    return frozenset(keys)


def _mentioned(arguments: Mapping[str, Any], place: Place) -> tuple[tuple[Ref, ...], tuple[SourceRef, ...], bool]:
    """The literal refs and sources in the arguments of a test, and whether that is all they mention."""
    refs: list[Ref] = []
    sources: list[SourceRef] = []
    plain = True
    for value in arguments.values():
        if type(value) is not str:
            plain &= not isinstance(value, (dict, list)) or not _holds_jinja(value)
            continue
        call = read_call(value) if "(" in value else None
        if call is not None and call.function == "ref":
            refs.append(Ref(call.names[-1], call.names[0] if len(call.names) == 2 else None, call.version, place))
        elif call is not None and call.function == "source":
            sources.append(SourceRef(call.names[0], call.names[1], place))
        elif has_jinja(value):
            plain &= _scan_argument(value, place, refs, sources)
    return tuple(refs), tuple(sources), plain


def _scan_argument(text: str, place: Place, refs: list[Ref], sources: list[SourceRef]) -> bool:
    """Add what one argument mentions; False when that may not be all."""
    try:
        mentions = scan(text)
    except TemplateError:
        return False
    refs.extend(Ref(ref.name, ref.package, ref.version, place) for ref in mentions.refs)
    sources.extend(SourceRef(call.source, call.table, place) for call in mentions.sources)
    return mentions.complete and not mentions.calls


def _holds_jinja(value: Any) -> bool:
    if type(value) is str:
        return has_jinja(value)
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(_holds_jinja, items))
