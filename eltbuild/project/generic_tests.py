"""Nodes of the generic data tests that properties files hang on models, seeds, snapshots and sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from eltbuild.errors import Place
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.native import has_jinja
from eltbuild.jinja.scan import scan
from eltbuild.project.calls import read_call
from eltbuild.project.config import Resolved
from eltbuild.project.descriptions import described
from eltbuild.project.entries import TestEntry
from eltbuild.project.files import folders_of
from eltbuild.project.loading import Loading, Package
from eltbuild.project.nodes import Tested
from eltbuild.project.prerender import render_late
from eltbuild.project.resources import Node, Ref, Source, SourceFile, SourceRef, TestCase
from eltbuild.project.test_names import (
    BUILT_IN,
    attached_reference,
    attached_source,
    test_code,
    test_id,
    test_names,
)

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


@dataclass(slots=True)
class DataTests:
    """The tests made so far."""

    enabled: dict[str, Node] = field(default_factory=dict)
    disabled: list[Node] = field(default_factory=list)


class DataTestMaker:
    """Makes the nodes of generic tests; keeps what many of them share."""

    def __init__(self, loading: Loading) -> None:
        self._loading = loading
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
            folders=folders_of(patch.within),
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
            folders=folders_of(within),
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

    def _add(self, target: Target, entry: TestEntry, column: str | None) -> None:
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

    def _node(self, target: Target, entry: TestEntry, column: str | None) -> Node:
        package, test = target.package, entry.name
        place = Place(target.file.path, entry.line, entry.column)
        arguments = entry.arguments
        kind = f"{entry.namespace}_{target.prefix}{test}" if entry.namespace else f"{target.prefix}{test}"
        if entry.title is not None:
            full = short = entry.title
        else:
            names = test_names(kind, target.title, arguments)
            full, short = names.full, names.short
        kwargs = {**arguments, "model": target.model}
        config: Mapping[str, Any] = entry.config
        if config:
            config = render_late(config, package.names, place, self._loading.problems)
            self._loading.check_config("data_tests", config, package, place)
        if short != full and "alias" not in config:
            config = {**config, "alias": short}
        if " " in full and self._loading.settings.flags.get("require_resource_names_without_spaces", True):
            self._loading.report(f"the name of data test `{full}` holds a space", place, "rename it")
        resolved = self._resolved(target, full, config, place)
        refs, source_refs, plain = (
            _mentioned(arguments, place) if len(arguments) > 1 or column is None else ((), (), True)
        )
        built_in = entry.namespace is None and test in BUILT_IN
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
            line=entry.line,
            config=resolved.config,
            yaml_config={"tags": list(target.tags)} if target.tags else _NOTHING,
            unrendered_config=resolved.unrendered,
            description=described(self._loading, entry.description, package, place) if entry.description else "",
            docs=_SHOWN,
            place=place,
            refs=(*refs, *target.refs) if refs else target.refs,
            source_refs=(*source_refs, *target.source_refs) if source_refs else target.source_refs,
            macro_names=(f"{entry.namespace}.test_{test}" if entry.namespace else f"test_{test}",),
            complete=built_in and plain,
            test=TestCase(test, entry.namespace, kwargs, column, target.attached_to, target.file_key),
            group=target.group,
        )

    def _resolved(self, target: Target, name: str, config: Mapping[str, Any], place: Place) -> Resolved:
        """The config of a test: one and the same for all that nothing tells apart."""
        package = target.package.name
        properties = {"tags": list(target.tags)} if target.tags else _NOTHING
        fqn = (package, *target.folders, name)
        if config or name in self._named:
            return self._loading.resolve("data_tests", package, fqn, properties, config, place)
        key = (package, target.folders, target.tags)
        found = self._shared.get(key)
        if found is None:
            found = self._loading.resolve("data_tests", package, fqn, properties, config, place)
            self._shared[key] = found
        return found


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
