"""Sources, exposures, unit tests, macros, docs and groups as dbt writes them in `manifest.json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eltbuild.project.projection.frame import PLAIN, Fields, Frame
from eltbuild.project.projection.nodes import columns_dict, ref_dict
from eltbuild.project.resources import (
    Doc,
    Exposure,
    Group,
    Macro,
    NodeId,
    Source,
    SourceRef,
    UnitTest,
    Unmanaged,
)


def source_dict(source: Source, frame: Frame = PLAIN) -> Fields:
    """A table of a source."""
    relation = source.named
    freshness = _freshness(source)
    tags = list(source.tags)
    return {
        "database": relation.database if relation else None,
        "schema": (relation.schema if relation else None) or "",
        "name": source.name,
        "resource_type": "source",
        "package_name": source.package,
        "path": source.original_path,
        "original_file_path": source.original_path,
        "unique_id": source.id,
        "fqn": list(source.fqn),
        "source_name": source.source_name,
        "source_description": source.source_description,
        "loader": source.loader,
        "identifier": source.identifier or source.name,
        "quoting": {"database": None, "schema": None, "identifier": None, "column": None, **source.quoting},
        "loaded_at_field": source.loaded_at_field,
        "loaded_at_query": source.loaded_at_query,
        "freshness": freshness,
        "external": external_dict(source.external),
        "description": source.description,
        "columns": columns_dict(source.columns),
        "meta": dict(source.meta),
        "source_meta": dict(source.source_meta),
        "tags": tags,
        "config": {
            "enabled": True,
            "event_time": None,
            "static_analysis": None,
            **source.config,
            "freshness": freshness,
            "loaded_at_field": source.loaded_at_field,
            "loaded_at_query": source.loaded_at_query,
            "meta": dict(source.meta),
            "tags": list(tags),
        },
        "patch_path": None,
        "unrendered_config": source_as_written(source),
        "relation_name": frame.name(source),
        "created_at": frame.created_at,
        "unrendered_database": source.unrendered_database,
        "unrendered_schema": source.unrendered_schema,
        "doc_blocks": list(source.doc_blocks),
    }


def source_as_written(source: Source) -> Fields:
    """The config of a source's table before it is rendered; four keys stand there whatever was said."""
    settled = {
        "loaded_at_field": source.loaded_at_field,
        "loaded_at_query": source.loaded_at_query,
        "meta": dict(source.meta),
        "tags": list(source.tags),
    }
    written = {**settled, **source.unrendered_config}
    if source.freshness is not None and written.get("freshness") is not None:
        written["freshness"] = _freshness(source)
    return written


def _freshness(source: Source) -> Fields | None:
    """The rule; an empty one where nothing is said of it, and None where it is said that there is none."""
    if source.freshness is None and "freshness" in source.config and source.config["freshness"] is None:
        return None
    return freshness_dict(source.freshness or {})


def freshness_dict(freshness: Mapping[str, Any] | None) -> Fields | None:
    """`{warn_after, error_after, filter}` with `{count, period}` in both; None: not checked."""
    if freshness is None:
        return None
    return {
        "warn_after": threshold_dict(freshness.get("warn_after")),
        "error_after": threshold_dict(freshness.get("error_after")),
        "filter": freshness.get("filter"),
    }


def threshold_dict(value: Any) -> Fields:
    """`{count, period}`, both None where nothing is set."""
    given = value if isinstance(value, Mapping) else {}
    return {"count": given.get("count"), "period": given.get("period")}


def external_dict(external: Mapping[str, Any] | None) -> Fields | None:
    """An external table's description with the known keys filled in."""
    if external is None:
        return None
    return {
        "location": None,
        "file_format": None,
        "row_format": None,
        "tbl_properties": None,
        **external,
        "partitions": [_partition(item) for item in external.get("partitions") or ()] or None,
    }


def _partition(item: Any) -> Any:
    if not isinstance(item, Mapping):
        return item
    return {"name": "", "description": "", "data_type": "", "meta": {}, **item}


def depends_on(parents: Sequence[NodeId]) -> Fields:
    """`{macros, nodes}` of something that calls no macro."""
    return {"macros": [], "nodes": list(parents)}


def exposure_dict(exposure: Exposure, frame: Frame = PLAIN) -> Fields:
    """A use of the data outside the project."""
    meta = exposure.config.get("meta") or {}
    owner = exposure.owner
    return {
        **head_dict(exposure),
        "type": exposure.type,
        "owner": {"email": owner.get("email"), "name": owner.get("name"), **owner},
        "description": exposure.description,
        "label": exposure.label,
        "maturity": exposure.maturity,
        "meta": dict(meta),
        "tags": list(exposure.tags),
        "config": {"enabled": True, **exposure.config, "tags": list(exposure.tags), "meta": dict(meta)},
        "unrendered_config": dict(exposure.unrendered_config),
        "url": exposure.url,
        "depends_on": depends_on(exposure.parents),
        "refs": [ref_dict(ref) for ref in exposure.refs],
        "sources": _source_refs(exposure.source_refs),
        "metrics": [[name] for name in exposure.metrics],
        "created_at": frame.created_at,
    }


def unit_test_dict(test: UnitTest, frame: Frame = PLAIN, *, schema: str | None = None) -> Fields:
    """A unit test; rows given as CSV text become one mapping a row."""
    return {
        "model": test.model,
        "given": [{"input": item.get("input"), **fixture_dict(item)} for item in test.given],
        "expect": fixture_dict(test.expect),
        **head_dict(test),
        "description": test.description,
        "overrides": {"macros": {}, "vars": {}, "env_vars": {}, **test.overrides} if test.overrides else None,
        "depends_on": depends_on(test.parents),
        "config": {"tags": [], "meta": {}, "enabled": True, "static_analysis": None, **test.config},
        "checksum": test.checksum or None,
        "schema": schema,
        "created_at": frame.created_at,
        "versions": {"include": None, "exclude": None, **test.versions} if test.versions else None,
        "version": test.version,
    }


def fixture_dict(fixture: Mapping[str, Any]) -> Fields:
    """Rows of a unit test: `{rows, format, fixture}`."""
    rows = fixture.get("rows")
    style = fixture.get("format") or "dict"
    if style == "csv" and isinstance(rows, str):
        rows = _csv_rows(rows)
    return {"rows": rows, "format": style, "fixture": fixture.get("fixture")}


def _csv_rows(text: str) -> list[Fields]:
    from csv import DictReader
    from io import StringIO

    rows = DictReader(StringIO(text.strip()), skipinitialspace=True)
    return [{key: value or None for key, value in row.items() if key is not None} for row in rows]


def macro_dict(macro: Macro, frame: Frame = PLAIN) -> Fields:
    """A macro, its text included."""
    docs = {"show": True, "node_color": None, **macro.docs}
    return {
        "name": macro.key,
        "resource_type": "macro",
        "package_name": macro.package,
        "path": macro.original_path,
        "original_file_path": macro.original_path,
        "unique_id": macro.id,
        "macro_sql": macro.text,
        "depends_on": {"macros": list(macro.macros)},
        "description": macro.description,
        "meta": dict(macro.meta),
        "docs": docs,
        "config": {**macro.config, "meta": dict(macro.meta), "docs": dict(docs)},
        "patch_path": macro.patch_path,
        "arguments": [argument_dict(item) for item in _arguments(macro)],
        "created_at": frame.created_at,
        "supported_languages": list(macro.supported_languages) if macro.kind == "materialization" else None,
    }


def _arguments(macro: Macro) -> Sequence[Mapping[str, Any]]:
    """As dbt has them: a materialization's are those of its tag."""
    return ({"name": "supported_languages"},) if macro.kind == "materialization" else macro.arguments


def argument_dict(argument: Mapping[str, Any]) -> Fields:
    """An argument of a macro."""
    return {
        "name": argument.get("name"),
        "type": argument.get("type") or None,
        "description": argument.get("description") or "",
    }


def doc_dict(doc: Doc) -> Fields:
    """A docs block."""
    return {
        "name": doc.name,
        "resource_type": "doc",
        "package_name": doc.package,
        "path": doc.path,
        "original_file_path": doc.original_path,
        "unique_id": doc.id,
        "block_contents": doc.text,
    }


def group_dict(group: Group) -> Fields:
    """An owner of models."""
    owner = group.owner
    return {
        "name": group.name,
        "resource_type": "group",
        "package_name": group.package,
        "path": group.path,
        "original_file_path": group.original_path,
        "unique_id": group.id,
        "owner": {"email": owner.get("email"), "name": owner.get("name"), **owner},
        "description": group.description or None,
        "config": {"meta": {}, **group.config},
    }


def head_dict(resource: Exposure | UnitTest | Unmanaged) -> Fields:
    """What every resource that is no node begins with."""
    return {
        "name": resource.name,
        "resource_type": resource.resource_type,
        "package_name": resource.package,
        "path": resource.path,
        "original_file_path": resource.original_path,
        "unique_id": resource.id,
        "fqn": list(resource.fqn),
    }


def _source_refs(sources: Iterable[SourceRef]) -> list[list[str]]:
    return [[source.source, source.table] for source in sources]
