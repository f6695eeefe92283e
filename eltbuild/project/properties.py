"""Properties files (`schema.yml` and its like): YAML text to typed entries. Nothing is resolved or looked up here.

As lenient as dbt 1.12: keys that mean nothing are warnings with a place and a hint, values of a wrong kind are
errors. Reading is pure; only files whose values hold Jinja need names to render it with, and say so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from eltbuild.errors import Place, Problem, ProjectError, did_you_mean
from eltbuild.project.columns import read_columns, read_constraints, read_tests
from eltbuild.project.config import KNOWN
from eltbuild.project.entries import MacroEntry, NodeEntry, OtherEntry, PropertiesFile, SourceEntry, VersionEntry
from eltbuild.project.fields import Fields, kind_of
from eltbuild.project.names import render_places
from eltbuild.project.other_properties import read_exposure, read_group, read_other, read_source, read_unit_test
from eltbuild.project.prerender import is_late, needs_rendering, trim
from eltbuild.project.semantic_properties import created_metrics, semantic_entries
from eltbuild.project.signatures import signature_of
from eltbuild.project.yaml import Mapped, load_yaml
from eltbuild.values import replace

_COMMON = frozenset({"name", "description", "docs", "config", "columns", "data_tests", "tests", "meta"})
_OWNED = frozenset({"group", "access"})
KEYS: Mapping[str, frozenset[str]] = {
    "models": _COMMON
    | _OWNED
    | {"latest_version", "deprecation_date", "constraints", "versions", "primary_key", "time_spine"}
    | {"semantic_model", "metrics", "agg_time_dimension", "derived_semantics", "primary_entity"},
    "seeds": _COMMON | _OWNED,
    "snapshots": _COMMON | _OWNED | {"relation"},
    "analyses": _COMMON | _OWNED,
    "data_tests": _COMMON | _OWNED,
    "functions": _COMMON - {"columns", "data_tests", "tests"} | {"group", "arguments", "returns", "overloads"},
    "macros": frozenset({"name", "description", "docs", "config", "meta", "arguments"}),
}
VERSION_KEYS = frozenset(
    {"v", "defined_in", "description", "access", "config", "constraints", "columns", "data_tests", "tests", "docs"}
    | {"deprecation_date"}
)
_LIFTED = ("meta", "docs", "group", "access")
"""Properties that are config, wherever they stand."""
_EXTRA = ("time_spine", "primary_key")
_WORDS: Mapping[str, str] = {
    "models": "model",
    "seeds": "seed",
    "snapshots": "snapshot",
    "analyses": "analysis",
    "data_tests": "data test",
    "functions": "function",
    "macros": "macro",
}


_BREAKS = re.compile(r"[|>][-+0-9]*\s*(?:#.*)?$|\\n", re.MULTILINE)
"""What a text that ends with a line break is written with."""


def read_properties(text: str, names: Mapping[str, Any] | None = None) -> PropertiesFile:
    """The entries of a properties file, with all problems found (their places have no path).

    Without `names`, a file whose values hold Jinja gives only `templated=True`. Does not raise.
    """
    fields = Fields()
    try:
        # dbt reads the text without the blanks at its end, which shows in a block of text that ends the file.
        tree = load_yaml(text.rstrip(), "", fields.problems)
    except ProjectError as error:
        return PropertiesFile(problems=(*fields.problems, *error.problems))
    if tree is None:
        return PropertiesFile(problems=tuple(fields.problems))
    if not isinstance(tree, Mapped):
        problem = Problem(
            f"a properties file is a mapping such as `models: [...]`, not {kind_of(tree)}", Place("", 1, 1)
        )
        return PropertiesFile(problems=(*fields.problems, problem))
    _drop_nameless_tests(fields, tree)
    if _BREAKS.search(text):
        trim(tree)
    if "{" in text and needs_rendering(tree):
        if names is None:
            return PropertiesFile(templated=True)
        rendered = render_places(tree, names, "", fields.problems, is_late)
        return with_unrendered(_read(fields, rendered), _read(Fields(), tree))
    return _read(fields, tree)


def _drop_nameless_tests(fields: Fields, tree: Mapped) -> None:
    """Take an entry without a name, and all behind it, out of the singular tests, in place: a warning, as in dbt.

    Whoever forgets to indent the tests of a model writes such a section.
    """
    for key in ("data_tests", "tests"):
        section = tree.get(key)
        if not isinstance(section, list):
            continue
        for index, entry in enumerate(section):
            if isinstance(entry, dict) and not {"name", "model"} & entry.keys():
                message = "a data test here has no `name`: it is ignored, with all behind it"
                hint = "tests of a model stand within its entry: indent them"
                fields.report(section, index, message, hint, "warning", "Note")
                del section[index:]
                break


def with_unrendered(file: PropertiesFile, written: PropertiesFile) -> PropertiesFile:
    """The entries with what their config was before it was rendered, which state comparison looks at."""
    kinds: dict[str, Any] = {}
    for kind in ("models", "seeds", "snapshots", "analyses", "data_tests", "functions", "exposures", "sources"):
        pairs = zip(getattr(file, kind), getattr(written, kind), strict=False)
        kinds[kind] = tuple(_with_unrendered(entry, before) for entry, before in pairs)
    return replace(file, templated=True, **kinds)


def _with_unrendered(entry: Any, before: Any) -> Any:
    if isinstance(entry, SourceEntry):
        return replace(entry, unrendered_database=before.database, unrendered_schema=before.schema)
    if isinstance(entry, NodeEntry) and entry.versions:
        pairs = zip(entry.versions, before.versions, strict=False)
        versions = tuple(replace(version, unrendered_config=old.config) for version, old in pairs)
        return replace(entry, unrendered_config=before.config, versions=versions)
    return replace(entry, unrendered_config=before.config)


def _read(fields: Fields, tree: Mapped) -> PropertiesFile:
    found: dict[str, list[Any]] = {}
    for key in tree:
        reader = _READERS.get(key)
        if reader is None:
            if key not in _SILENT:
                known = (*_READERS, *_SILENT)
                message = f"`{key}` is not a key of a properties file and is ignored"
                hint = did_you_mean(str(key), known)
                fields.report(tree, key, message, hint, "warning", "CustomTopLevelKeyDeprecation")
            continue
        kind, read = reader
        entries = [read(fields, item) for item in fields.mappings(tree, key, "a properties file")]
        found.setdefault(kind, []).extend(entry for entry in entries if entry is not None)
        if key == "models":
            found.setdefault("others", []).extend(_within_models(fields, tree))
    others = found.get("others", [])
    others.extend([metric for one in others if one.kind == "semantic_model" for metric in created_metrics(one)])
    kinds: dict[str, Any] = {kind: tuple(entries) for kind, entries in found.items()}
    return PropertiesFile(**kinds, problems=tuple(fields.problems), lasting=fields.lasting)


def _within_models(fields: Fields, tree: Mapping[Any, Any]) -> Iterator[OtherEntry]:
    """The semantic models and metrics that stand within the entries of models."""
    listed = tree["models"] if isinstance(tree["models"], list) else []
    for item in [item for item in listed if isinstance(item, Mapped)]:
        given = item.get("semantic_model")
        if not given or not isinstance(item.get("name"), str):
            continue
        what = f"model `{item['name']}`"
        if not isinstance(given, (bool, Mapping)):
            fields.wrong(item, "semantic_model", what, "true, or a mapping")
            continue
        metrics: list[Any] = list(fields.mappings(item, "metrics", what))
        places = {number: (metric.line, metric.column) for number, metric in enumerate(metrics)}
        yield from semantic_entries(fields.plain(item), places, (item.line, item.column))


_SILENT = frozenset({"version", "anchors", "sql", "catalogs", "checks"})


def _node(kind: str) -> Callable[[Fields, Any], NodeEntry | None]:
    known, word = KEYS[kind], _WORDS[kind]
    config_keys = KNOWN.get(kind, frozenset())

    def read(fields: Fields, item: Any) -> NodeEntry | None:
        name = fields.name(item, f"a {word}")
        if name is None:
            return None
        what = f"{word} `{name}`"
        fields.check_keys(item, known, what, config_keys)
        if item.keys() <= _PLAIN:
            return NodeEntry(
                name=name,
                description=fields.text(item, "description", what) or "",
                columns=read_columns(fields, item, what),
                tests=read_tests(fields, item, what),
                line=item.line,
                column=item.column,
            )
        versions = tuple(_versions(fields, item, what)) if item.get("versions") else ()
        latest = _version(fields, item, "latest_version", what)
        if versions and latest is not None and str(latest) not in {str(version.v) for version in versions}:
            there = ", ".join(str(version.v) for version in versions)
            text = f"`latest_version: {latest}` of {what} is none of its versions"
            fields.report(item, "latest_version", text, f"versions: {there}")
        return NodeEntry(
            name=name,
            description=fields.text(item, "description", what) or "",
            config=read_config(fields, item, what),
            columns=read_columns(fields, item, what),
            tests=read_tests(fields, item, what),
            constraints=read_constraints(fields, item, what),
            versions=versions,
            latest_version=latest,
            deprecation_date=_date(fields, item, what),
            relation=fields.text(item, "relation", what),
            extra={key: fields.plain(item[key]) for key in _EXTRA if item.get(key) is not None},
            line=item.line,
            column=item.column,
        )

    return read


_PLAIN = frozenset({"name", "description", "columns", "data_tests", "tests"})


def read_config(fields: Fields, item: Mapping[Any, Any], what: str) -> dict[str, Any]:
    """The config of an entry: what stands under `config:`, and the properties beside it that are config, too."""
    config = fields.mapping(item, "config", what)
    lifted: dict[str, Any] = {}
    for key in _LIFTED:
        if item.get(key) is None:
            continue
        if key == "meta" and config.get("meta"):
            hint = "keep the one under `config:`"
            fields.report(item, key, f"{what} has `meta` both under `config:` and beside it", hint)
        elif key not in config:
            lifted[key] = _CHECKED.get(key, _plain_value)(fields, item, key, what)
    return {**lifted, **config} if lifted else config


def _plain_value(fields: Fields, item: Mapping[Any, Any], key: str, what: str) -> Any:
    return fields.plain(item[key])


_CHECKED: Mapping[str, Callable[[Fields, Mapping[Any, Any], str, str], Any]] = {
    "meta": Fields.mapping,
    "docs": Fields.mapping,
    "group": Fields.text,
    "access": lambda fields, item, key, what: fields.choice(item, key, what, ("private", "protected", "public")),
}


def _versions(fields: Fields, item: Mapping[Any, Any], what: str) -> list[VersionEntry]:
    out: list[VersionEntry] = []
    seen: set[str] = set()
    for entry in fields.mappings(item, "versions", what):
        v = _version(fields, entry, "v", f"a version of {what}")
        if v is None:
            if entry.get("v") is None:
                fields.report(entry, "v", f"a version of {what} has no `v`")
            continue
        this = f"version {v} of {what}"
        if str(v) in seen:
            fields.report(entry, "v", f"{what} has version {v} twice")
            continue
        seen.add(str(v))
        fields.check_keys(entry, VERSION_KEYS, this, KNOWN.get("models", frozenset()))
        include, exclude = _include(fields, entry, this)
        tested = "data_tests" in entry or "tests" in entry
        out.append(
            VersionEntry(
                v=v,
                defined_in=fields.text(entry, "defined_in", this),
                description=fields.text(entry, "description", this),
                config=read_config(fields, entry, this),
                constraints=read_constraints(fields, entry, this) if entry.get("constraints") is not None else None,
                columns=read_columns(fields, entry, this),
                include=include,
                exclude=exclude,
                tests=read_tests(fields, entry, this) if tested else None,
                deprecation_date=_date(fields, entry, this),
                line=entry.line,  # type: ignore[attr-defined]
                column=entry.column,  # type: ignore[attr-defined]
            )
        )
    return out


def _include(fields: Fields, entry: Mapping[Any, Any], what: str) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Which columns of the model a version has; without `columns:` all of them."""
    rules = [item for item in fields.items(entry, "columns", what) if isinstance(item, dict) and "name" not in item]
    rules = [rule for rule in rules if "include" in rule or "exclude" in rule]
    if not rules:
        return None, ()
    if len(rules) > 1:
        fields.report(entry, "columns", f"{what} has more than one `include`", "name all columns in one list")
    rule = rules[0]
    exclude = fields.texts(rule, "exclude", what)
    include = rule.get("include", "all")
    if include in ("all", "*"):
        return None, exclude
    return fields.texts(rule, "include", what), exclude


def _version(fields: Fields, item: Mapping[Any, Any], key: str, what: str) -> str | int | float | None:
    value = item.get(key)
    if value is None or isinstance(value, str) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    fields.wrong(item, key, what, "a number or text")
    return None


def _date(fields: Fields, item: Mapping[Any, Any], what: str) -> str | None:
    value = item.get("deprecation_date")
    if value is None or isinstance(value, date):
        return None if value is None else str(value)
    try:
        date.fromisoformat(str(value)[:10])
        return str(value)
    except ValueError:
        fields.report(item, "deprecation_date", f"`deprecation_date` of {what} is no date", "write it as 2030-12-31")
        return None


def _macro(fields: Fields, item: Any) -> MacroEntry | None:
    name = fields.name(item, "a macro")
    if name is None:
        return None
    what = f"macro `{name}`"
    fields.check_keys(item, KEYS["macros"], what, frozenset())
    arguments = []
    for argument in fields.mappings(item, "arguments", what):
        title = fields.name(argument, f"an argument of {what}")
        if title is not None:
            kind = fields.text(argument, "type", f"argument `{title}` of {what}")
            description = fields.text(argument, "description", f"argument `{title}` of {what}") or ""
            arguments.append({"name": title, "type": kind, "description": description})
    return MacroEntry(
        name=name,
        description=fields.text(item, "description", what) or "",
        arguments=tuple(arguments),
        config=read_config(fields, item, what),
        line=item.line,
        column=item.column,
    )


def read_function(fields: Fields, item: Any) -> NodeEntry | None:
    """A function; None, with a problem, when it has no name."""
    entry = _node("functions")(fields, item)
    return entry and replace(entry, extra=signature_of(fields, item, f"function `{entry.name}`"))


def _other(kind: str) -> Callable[[Fields, Any], Any]:
    return lambda fields, item: read_other(fields, item, kind)


_READERS: Mapping[str, tuple[str, Callable[[Fields, Any], Any]]] = {
    "models": ("models", _node("models")),
    "seeds": ("seeds", _node("seeds")),
    "snapshots": ("snapshots", _node("snapshots")),
    "analyses": ("analyses", _node("analyses")),
    "data_tests": ("data_tests", _node("data_tests")),
    "tests": ("data_tests", _node("data_tests")),
    "macros": ("macros", _macro),
    "sources": ("sources", read_source),
    "exposures": ("exposures", read_exposure),
    "groups": ("groups", read_group),
    "unit_tests": ("unit_tests", read_unit_test),
    "metrics": ("others", _other("metric")),
    "semantic_models": ("others", _other("semantic_model")),
    "saved_queries": ("others", _other("saved_query")),
    "functions": ("functions", read_function),
}
