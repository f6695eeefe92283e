"""Sources, exposures, groups, unit tests and the rest of a properties file, read into entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.errors import did_you_mean
from eltbuild.project.columns import read_columns, read_tests
from eltbuild.project.entries import ExposureEntry, GroupEntry, OtherEntry, SourceEntry, TableEntry, UnitTestEntry
from eltbuild.project.fields import Fields, kind_of
from eltbuild.project.semantic_properties import metric_body

_FRESHNESS = frozenset({"freshness", "loaded_at_field", "loaded_at_query"})
SOURCE_KEYS = (
    frozenset({"name", "description", "database", "schema", "loader", "quoting", "overrides", "tags", "meta", "config"})
    | frozenset({"tables", "catalog"})
    | _FRESHNESS
)
TABLE_KEYS = (
    frozenset({"name", "description", "identifier", "loader", "quoting", "external", "tags", "meta", "config"})
    | frozenset({"columns", "data_tests", "tests"})
    | _FRESHNESS
)
EXPOSURE_KEYS = frozenset(
    {
        "name",
        "type",
        "label",
        "owner",
        "maturity",
        "url",
        "description",
        "depends_on",
        "tags",
        "meta",
        "config",
    }
)
GROUP_KEYS = frozenset({"name", "owner", "description", "config", "meta"})
UNIT_TEST_KEYS = frozenset({"name", "model", "description", "given", "expect", "overrides", "versions", "config"})
EXPOSURE_TYPES = ("dashboard", "notebook", "analysis", "ml", "application")
MATURITIES = ("low", "medium", "high")
FORMATS = ("dict", "csv", "sql")
PERIODS = ("minute", "hour", "day")
_CONFIG = frozenset({"enabled", "tags", "meta", "event_time"})
"""Config keys that are often written beside `config:`."""
_LIFTED = ("freshness", "loaded_at_field", "loaded_at_query", "meta", "tags")


def read_source(fields: Fields, item: Any) -> SourceEntry | None:
    """A source with its tables; None, with a problem, when it has no name."""
    name = fields.name(item, "a source")
    if name is None:
        return None
    what = f"source `{name}`"
    fields.check_keys(item, SOURCE_KEYS, what, _CONFIG)
    tables = [_table(fields, table, what) for table in fields.mappings(item, "tables", what)]
    return SourceEntry(
        name=name,
        description=fields.text(item, "description", what) or "",
        database=fields.text(item, "database", what),
        schema=fields.text(item, "schema", what),
        loader=fields.text(item, "loader", what),
        config=_source_config(fields, item, what),
        tags=tuple(fields.texts(item, "tags", what)),
        quoting=fields.mapping(item, "quoting", what),
        tables=tuple(table for table in tables if table is not None),
        line=item.line,
        column=item.column,
    )


def _table(fields: Fields, item: Any, source: str) -> TableEntry | None:
    name = fields.name(item, f"a table of {source}")
    if name is None:
        return None
    what = f"table `{name}` of {source}"
    if item.keys() <= {"name", "description"}:
        description = fields.text(item, "description", what) or ""
        return TableEntry(name, description=description, line=item.line, column=item.column)
    fields.check_keys(item, TABLE_KEYS, what, _CONFIG)
    return TableEntry(
        name=name,
        identifier=fields.text(item, "identifier", what),
        description=fields.text(item, "description", what) or "",
        loader=fields.text(item, "loader", what),
        config=_source_config(fields, item, what),
        tags=tuple(fields.texts(item, "tags", what)),
        quoting=fields.mapping(item, "quoting", what),
        external=fields.mapping(item, "external", what) if item.get("external") is not None else None,
        columns=read_columns(fields, item, what),
        tests=read_tests(fields, item, what),
        line=item.line,
        column=item.column,
    )


def _source_config(fields: Fields, item: Mapping[Any, Any], what: str) -> dict[str, Any]:
    """The config, with the properties beside it that are config, too; a null freshness is kept: it says "none"."""
    config = fields.mapping(item, "config", what)
    out: dict[str, Any] = {}
    for key in _LIFTED:
        if key == "meta" and item.get("meta") and config.get("meta"):
            out["meta"] = {**fields.mapping(item, "meta", what), **config["meta"]}
        elif key == "tags" and (item.get("tags") or config.get("tags")):
            mapping = config if "tags" in config else {}
            out["tags"] = list(dict.fromkeys((*fields.texts(item, "tags", what), *fields.texts(mapping, "tags", what))))
        elif key in item and key not in config:
            out[key] = fields.plain(item[key])
    for key in ("loaded_at_field", "loaded_at_query"):
        if out.get(key) is not None:
            fields.text(item, key, what)
    inner = item if "freshness" in item else item.get("config") or {}
    freshness = inner.get("freshness") if isinstance(inner, Mapping) else None
    _check_freshness(fields, item, freshness, what)
    if all({**out, **config}.get(key) for key in ("loaded_at_field", "loaded_at_query")):
        hint = "keep one of them"
        fields.report(item, "loaded_at_query", f"{what} has both `loaded_at_field` and `loaded_at_query`", hint)
    return {**config, **out} if out else config


FRESHNESS = frozenset({"warn_after", "error_after", "filter", "build_after"})


def _check_freshness(fields: Fields, item: Any, freshness: Any, what: str) -> None:
    if freshness is None:
        return
    if not isinstance(freshness, dict):
        fields.report(item, "freshness", f"`freshness` of {what} must be a mapping, not {kind_of(freshness)}")
        return
    for key in freshness.keys() - FRESHNESS:
        hint = did_you_mean(str(key), FRESHNESS)
        fields.report(freshness, key, f"`{key}` is no part of the freshness of {what} and is ignored", hint, "warning")
    for key in ("warn_after", "error_after"):
        rule = freshness.get(key)
        if rule is None:
            continue
        if not isinstance(rule, dict):
            fields.report(freshness, key, f"`{key}` of {what} must be a mapping, not {kind_of(rule)}")
            continue
        count = rule.get("count")
        if count is not None and (not isinstance(count, int) or isinstance(count, bool)):
            fields.report(rule, "count", f"`count` of {what} must be a whole number, not {kind_of(count)}")
        if rule.get("period") is not None:
            fields.choice(rule, "period", f"`{key}` of {what}", PERIODS)
        if (count is None) != (rule.get("period") is None):
            hint = "write both `count` and `period`"
            fields.report(freshness, key, f"`{key}` of {what} is half a rule and is ignored", hint, "warning")


def read_exposure(fields: Fields, item: Any) -> ExposureEntry | None:
    """An exposure; None, with a problem, when it has no name or type."""
    name = fields.name(item, "an exposure")
    if name is None:
        return None
    what = f"exposure `{name}`"
    fields.check_keys(item, EXPOSURE_KEYS, what, _CONFIG)
    if fields.name(item, what, "type") is None:
        return None
    kind = fields.choice(item, "type", what, EXPOSURE_TYPES)
    owner = fields.mapping(item, "owner", what)
    if not owner.get("name") and not owner.get("email"):
        fields.report(item, "owner", f"{what} has no owner", "give `owner:` a `name` or an `email`")
    depends_on = fields.texts(item, "depends_on", what)
    listed = item.get("depends_on")
    place_of = getattr(listed, "place_of", None) or (lambda _: item.place_of("depends_on"))
    return ExposureEntry(
        name=name,
        type=kind or "dashboard",
        owner=owner,
        label=fields.text(item, "label", what),
        maturity=fields.choice(item, "maturity", what, MATURITIES),
        url=fields.text(item, "url", what),
        description=fields.text(item, "description", what) or "",
        depends_on=depends_on,
        depends_on_lines=tuple(place_of(index)[0] for index in range(len(depends_on))),
        config=_with_lifted(fields, item, what),
        line=item.line,
        column=item.column,
    )


def _with_lifted(fields: Fields, item: Mapping[Any, Any], what: str) -> dict[str, Any]:
    """The config with `meta` and `tags` of the top level in it."""
    config = fields.mapping(item, "config", what)
    if item.get("meta") is not None:
        config["meta"] = {**fields.mapping(item, "meta", what), **(config.get("meta") or {})}
    if item.get("tags") is not None:
        config["tags"] = list(dict.fromkeys((*fields.texts(item, "tags", what), *fields.texts(config, "tags", what))))
    return config


def read_group(fields: Fields, item: Any) -> GroupEntry | None:
    """A group; None, with a problem, when it has no name."""
    name = fields.name(item, "a group")
    if name is None:
        return None
    what = f"group `{name}`"
    fields.check_keys(item, GROUP_KEYS, what, _CONFIG)
    owner = fields.mapping(item, "owner", what)
    if not owner.get("name") and not owner.get("email"):
        fields.report(item, "owner", f"{what} has no owner", "give `owner:` a `name` or an `email`")
    return GroupEntry(
        name=name,
        owner=owner,
        description=fields.text(item, "description", what) or "",
        config=_with_lifted(fields, item, what),
        line=item.line,
        column=item.column,
    )


def read_unit_test(fields: Fields, item: Any) -> UnitTestEntry | None:
    """A unit test; None, with a problem, when its name or model is missing."""
    name = fields.name(item, "a unit test")
    if name is None:
        return None
    what = f"unit test `{name}`"
    fields.check_keys(item, UNIT_TEST_KEYS, what, _CONFIG)
    model = fields.name(item, what, "model")
    if "expect" not in item:
        fields.report(item, "expect", f"{what} has no `expect`", "write the rows that the model must give")
    given = [_fixture(fields, entry, f"an input of {what}") for entry in fields.mappings(item, "given", what)]
    for entry in fields.mappings(item, "given", what):
        fields.name(entry, f"an entry of `given` of {what}", "input")
    expect = item.get("expect")
    if expect is not None and not isinstance(expect, dict):
        fields.wrong(item, "expect", what, "a mapping")
    if model is None:
        return None
    return UnitTestEntry(
        name=name,
        model=model,
        given=tuple(given),
        expect=_fixture(fields, expect, f"`expect` of {what}") if isinstance(expect, dict) else {},
        overrides=fields.mapping(item, "overrides", what),
        versions=fields.mapping(item, "versions", what),
        description=fields.text(item, "description", what) or "",
        config=_with_lifted(fields, item, what),
        line=item.line,
        column=item.column,
    )


_FIXTURE_KEYS = frozenset({"input", "rows", "format", "fixture"})


def _fixture(fields: Fields, item: Mapping[Any, Any], what: str) -> dict[str, Any]:
    """Rows as written, with their format; `dict` where none is named."""
    fields.check_keys(item, _FIXTURE_KEYS, what, _CONFIG)
    form = fields.choice(item, "format", what, FORMATS) or "dict"
    rows = item.get("rows")
    fixture = fields.text(item, "fixture", what)
    if rows is not None and fixture is not None:
        fields.report(item, "fixture", f"{what} has both `rows` and `fixture`", "keep one of them")
    if form == "dict" and item.get("format") in (None, "dict"):
        fields.mappings(item, "rows", what)
        if fixture is not None:
            hint = "add `format: csv` or `format: sql`"
            fields.report(item, "fixture", f"{what} names a fixture, whose rows are not of format `dict`", hint)
    elif form != "dict" and rows is not None and not isinstance(rows, str):
        fields.wrong(item, "rows", what, "text")
        rows = None
    out = {"rows": fields.plain(rows), "format": form, "fixture": fixture}
    return {"input": fields.plain(item.get("input")), **out} if "input" in item else out


_WORDS = {"metric": "metric", "semantic_model": "semantic model", "saved_query": "saved query"}


def read_other(fields: Fields, item: Any, kind: str) -> OtherEntry | None:
    """An entry that is kept as written; None, with a problem, when it has no name."""
    what = _WORDS[kind]
    name = fields.name(item, f"a {what}")
    if name is None:
        return None
    return OtherEntry(
        kind=kind,
        name=name,
        description=fields.text(item, "description", f"{what} `{name}`") or "",
        config=_with_lifted(fields, item, f"{what} `{name}`"),
        body=metric_body(fields.plain(item)) if kind == "metric" else fields.plain(item),
        line=item.line,
        column=item.column,
    )
