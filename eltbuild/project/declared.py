"""Resources that only properties files declare: sources, exposures, groups, and what is kept but not built."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from eltbuild.errors import Place
from eltbuild.project.calls import read_call
from eltbuild.project.descriptions import described, described_column, doc_blocks
from eltbuild.project.entries import ExposureEntry, GroupEntry, OtherEntry, SourceEntry, TableEntry, TestEntry
from eltbuild.project.files import folders_of
from eltbuild.project.loading import Loading, Package
from eltbuild.project.resources import Exposure, Group, Ref, Resource, Source, SourceFile, SourceRef, Unmanaged
from eltbuild.relation import Relation

TableTest = tuple[TestEntry, str | None, tuple[str, ...]]
_PEERS = {"loaded_at_field": "loaded_at_query", "loaded_at_query": "loaded_at_field"}


def keep(loading: Loading, kept: dict[str, Any], disabled: list[Resource], item: Any) -> bool:
    """Put a resource where it belongs; False when another has its identifier, which is a problem."""
    if item.config.get("enabled", True) is False:
        disabled.append(item)
        return True
    other = kept.get(item.id)
    if other is not None:
        what = item.resource_type.replace("_", " ")
        name = f"{item.source_name}.{item.name}" if isinstance(item, Source) else item.name
        loading.report(f"{what} `{name}` exists twice", item.place, f"the other one is at {other.place}")
        return False
    kept[item.id] = item
    return True


def make_sources(
    loading: Loading, package: Package, file: SourceFile, within: str, entry: SourceEntry
) -> Iterator[tuple[Source, list[TableTest]]]:
    """Each table of a source, with the tests that hang on it."""
    source_place = Place(file.path, entry.line, entry.column)
    source_description = described(loading, entry.description, package, source_place)
    loading.check_config("sources", entry.config, package, source_place)
    for table in entry.tables:
        place = Place(file.path, table.line, table.column)
        source = _source(loading, package, file, within, entry, table, place, source_description)
        inherited = (*entry.tags, *table.tags)
        tests: list[TableTest] = [
            (test, str(test.arguments.get("column_name")), (*inherited, *column.spec.tags))
            for column in table.columns
            for test in column.tests
        ]
        tests.extend((test, None, inherited) for test in table.tests)
        yield source, tests


def _source(
    loading: Loading,
    package: Package,
    file: SourceFile,
    within: str,
    entry: SourceEntry,
    table: TableEntry,
    place: Place,
    source_description: str,
) -> Source:
    fqn = (package.name, *folders_of(within), entry.name, table.name)
    properties = merged_source_config(entry.config, table.config)
    loading.check_config("sources", table.config, package, place)
    resolved = loading.resolve("sources", package.name, fqn, properties, {}, place)
    config = resolved.config
    identifier = table.identifier or table.name
    database = entry.database or loading.target.database
    return Source(
        id=f"source.{package.name}.{entry.name}.{table.name}",
        name=table.name,
        source_name=entry.name,
        package=package.name,
        path=file.original_path,
        original_path=file.original_path,
        root=package.root,
        fqn=fqn,
        relation=Relation(database, entry.schema or entry.name, identifier),
        identifier=identifier,
        loader=table.loader or entry.loader or "",
        description=described(loading, table.description, package, place),
        doc_blocks=doc_blocks(loading, table.description, package),
        source_description=source_description,
        columns={
            column.spec.name: described_column(loading, column.spec, package, Place(file.path, column.line))
            for column in table.columns
        },
        config=config,
        unrendered_config=resolved.unrendered,
        meta=config.get("meta") or {},
        source_meta=entry.config.get("meta") or {},
        quoting={**entry.quoting, **table.quoting},
        loaded_at_field=config.get("loaded_at_field"),
        loaded_at_query=config.get("loaded_at_query"),
        freshness=freshness_rule(config.get("freshness")),
        external=table.external,
        unrendered_database=entry.unrendered_database or entry.database,
        unrendered_schema=entry.unrendered_schema or entry.schema,
        place=place,
    )


def merged_source_config(source: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a table: the source's, with the table's in it.

    Tags add up and meta is merged; of a freshness rule the table replaces the parts that it names whole, and null takes
    the rule away; a table that says how its loading time is found does not inherit the other way.
    """
    out = dict(source)
    for key, value in table.items():
        if key == "meta" and isinstance(value, dict):
            out["meta"] = {**(out.get("meta") or {}), **value}
        elif key == "tags":
            out["tags"] = list(dict.fromkeys((*_listed(out.get("tags")), *_listed(value))))
        elif key == "freshness" and isinstance(value, dict) and isinstance(out.get("freshness"), dict):
            out["freshness"] = {**out["freshness"], **{k: rule for k, rule in value.items() if not _is_half(rule)}}
        elif key in _PEERS and value is not None:
            out.pop(_PEERS[key], None)
            out[key] = value
        else:
            out[key] = value
    return out


def _is_half(rule: Any) -> bool:
    """Whether it lacks a count or a period: that says nothing."""
    return isinstance(rule, Mapping) and (rule.get("count") is None or rule.get("period") is None)


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def freshness_rule(value: Any) -> Mapping[str, Any] | None:
    """The rule, if it says anything: half rules (a count without a period) count for nothing."""
    if not isinstance(value, Mapping):
        return None
    rule = {
        key: value[key]
        for key in ("warn_after", "error_after")
        if isinstance(value.get(key), Mapping)
        and value[key].get("count") is not None
        and value[key].get("period") is not None
    }
    if value.get("filter") is not None:
        rule["filter"] = value["filter"]
    return rule or None


_CALL = re.compile(r"\b(ref|source|metric)\s*\([^()]*\)")


def make_exposure(loading: Loading, package: Package, file: SourceFile, within: str, entry: ExposureEntry) -> Exposure:
    """An exposure with what it depends on."""
    place = Place(file.path, entry.line, entry.column)
    fqn = (package.name, *folders_of(within), entry.name)
    resolved = loading.resolve("exposures", package.name, fqn, entry.config, {}, place, entry.unrendered_config)
    refs: list[Ref] = []
    sources: list[SourceRef] = []
    metrics: list[str] = []
    for text, line in zip(entry.depends_on, entry.depends_on_lines, strict=True):
        if not _depend(text, Place(file.path, line), refs, sources, metrics):
            message = f"exposure `{entry.name}` depends on `{text}`, which is no ref, source or metric"
            loading.report(message, Place(file.path, line), "write ref('model') or source('source', 'table')")
    return Exposure(
        id=f"exposure.{package.name}.{entry.name}",
        name=entry.name,
        package=package.name,
        path=within,
        original_path=file.original_path,
        root=package.root,
        fqn=fqn,
        type=entry.type,
        owner=entry.owner,
        label=entry.label,
        maturity=entry.maturity,
        url=entry.url,
        description=described(loading, entry.description, package, place),
        config=resolved.config,
        unrendered_config=resolved.unrendered,
        refs=tuple(refs),
        source_refs=tuple(sources),
        metrics=tuple(metrics),
        place=place,
    )


def _depend(text: str, place: Place, refs: list[Ref], sources: list[SourceRef], metrics: list[str]) -> bool:
    """Add the calls in one item of `depends_on`; several may stand in it. False when there is none."""
    calls = [read_call(match[0]) for match in _CALL.finditer(text)]
    for call in calls:
        if call is None:
            return False
        if call.function == "ref":
            refs.append(Ref(call.names[-1], call.names[0] if len(call.names) == 2 else None, call.version, place))
        elif call.function == "source":
            sources.append(SourceRef(call.names[0], call.names[1], place))
        else:
            metrics.append(call.names[-1])
    return bool(calls)


def make_group(loading: Loading, package: Package, file: SourceFile, within: str, entry: GroupEntry) -> Group:
    """A group."""
    return Group(
        id=f"group.{package.name}.{entry.name}",
        name=entry.name,
        package=package.name,
        path=within,
        original_path=file.original_path,
        owner=entry.owner,
        description=entry.description,
        config=entry.config,
    )


_SECTIONS = {
    "metric": "metrics",
    "semantic_model": "semantic_models",
    "saved_query": "saved_queries",
}


def make_unmanaged(loading: Loading, package: Package, file: SourceFile, within: str, entry: OtherEntry) -> Unmanaged:
    """A metric, semantic model or saved query."""
    place = Place(file.path, entry.line, entry.column)
    fqn = (package.name, *folders_of(within), entry.name)
    resolved = loading.resolve(_SECTIONS[entry.kind], package.name, fqn, entry.config, {}, place)
    refs: list[Ref] = []
    if entry.kind == "semantic_model" and isinstance(entry.body.get("model"), str):
        _depend(entry.body["model"], place, refs, [], [])
    return Unmanaged(
        id=f"{entry.kind}.{package.name}.{entry.name}",
        resource_type=cast(Any, entry.kind),
        name=entry.name,
        package=package.name,
        path=within,
        original_path=file.original_path,
        root=package.root,
        fqn=fqn,
        description=described(loading, entry.description, package, place),
        config=resolved.config,
        body=entry.body,
        refs=tuple(refs),
        place=place,
    )


def check_groups(loading: Loading, items: Iterable[Any], groups: Mapping[str, Group]) -> None:
    """A problem for each resource whose group does not exist."""
    from eltbuild.errors import did_you_mean

    names = {group.name for group in groups.values()}
    for item in items:
        if item.group is not None and item.group not in names and item.test is None:
            place = item.patch_place or item.place
            message = f"{item.resource_type} `{item.name}` belongs to group `{item.group}`, which was not found"
            loading.report(message, place, did_you_mean(str(item.group), names))
