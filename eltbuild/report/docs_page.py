"""A page about a project, made of its artifacts: what there is, with which columns, how its tests ended.

Nothing is read here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eltbuild.report.docs_html import anchor, document, listed, mapping, moment, table, told
from eltbuild.report.docs_profile import in_short as profile_in_short
from eltbuild.report.docs_results import Verdict, freshness, freshness_in_short, tests, verdicts
from eltbuild.report.docs_results import in_short as tests_in_short
from eltbuild.values import dataclass, field

KINDS: Mapping[str, str] = {
    "model": "Models", "seed": "Seeds", "snapshot": "Snapshots", "source": "Sources", "exposure": "Exposures",
    "metric": "Metrics", "semantic_model": "Semantic models", "saved_query": "Saved queries", "function": "Functions",
    "analysis": "Analyses",
}  # fmt: skip
"""The types of resources that the page shows, in order."""
SECTIONS = ("nodes", "sources", "exposures", "metrics", "semantic_models", "saved_queries", "functions")

Found = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifacts:
    """What the page is made of, as it was read; empty where there is none."""

    manifest: Found = field(default_factory=dict)
    catalog: Found = field(default_factory=dict)
    results: Found = field(default_factory=dict)
    """Of the last run that built or tested anything."""
    sources: Found = field(default_factory=dict)
    profiles: Mapping[str, tuple[str, Found]] = field(default_factory=dict)
    """By id: where the page of the profile is, and the profile."""
    files: tuple[str, ...] = ()
    """The names of files to link to."""


def page(given: Artifacts) -> str:
    """The page as HTML."""
    metadata = mapping(given.manifest.get("metadata"))
    title = str(metadata.get("project_name") or "project")
    links = " · ".join(f'<a href="/{told(name)}">{told(name)}</a>' for name in given.files)
    written = f"written {moment(metadata['generated_at'])} · " if metadata.get("generated_at") else ""
    return document(title, f'<h1>{told(title)}</h1><p class="path">{written}{links}</p>{"".join(_sections(given))}')


def about_tests(given: Artifacts, id: str) -> str:
    """The tests of one resource and how fresh it is, as HTML."""
    found = verdicts(given.manifest, given.results).get(id, [])
    return freshness(given.sources).get(id, "") + tests(found, _asked_at(given))


def _asked_at(given: Artifacts) -> Any:
    return mapping(given.results.get("metadata")).get("generated_at")


def _sections(given: Artifacts) -> Iterator[str]:
    found: dict[str, list[Found]] = {kind: [] for kind in KINDS}
    for section in SECTIONS:
        for item in mapping(given.manifest.get(section)).values():
            kind = item.get("resource_type") if isinstance(item, Mapping) else None
            if isinstance(kind, str) and kind in found:
                found[kind].append(item)
    known = _Known(
        verdicts(given.manifest, given.results), freshness(given.sources), freshness_in_short(given.sources),
        {**mapping(given.catalog.get("nodes")), **mapping(given.catalog.get("sources"))},
    )  # fmt: skip
    for kind, items in found.items():
        if items:
            items.sort(key=name_of)
            yield f"<h2>{KINDS[kind]} ({len(items):,})</h2>"
            yield f'<ul class="list">{"".join(_listed(item, given, known) for item in items)}</ul>'
            yield from (_resource(item, given, known) for item in items)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of resources, by their ids."""

    verdicts: Mapping[str, list[Verdict]]
    fresh: Mapping[str, str]
    ages: Mapping[str, str]
    standing: Found


def name_of(item: Found) -> str:
    """What people call a resource."""
    name, version = str(item.get("name")), item.get("version")
    if item.get("resource_type") == "source":
        return f"{item.get('source_name')}.{name}"
    return f"{name}.v{version}" if version not in (None, "") else name


def _listed(item: Found, given: Artifacts, known: _Known) -> str:
    """A line of the list: the name, how its tests ended, and its profile."""
    id = str(item.get("unique_id"))
    parts = [f'<a href="#{anchor(id)}">{told(name_of(item))}</a>']
    short = tests_in_short(known.verdicts.get(id, []))
    if short:
        parts.append(f"<small>{short}</small>")
    if id in known.ages:
        parts.append(f"<small>freshness {known.ages[id]}</small>")
    if id in given.profiles:
        parts.append(f'<small><a href="{told(given.profiles[id][0])}">profile</a></small>')
    return f"<li>{' · '.join(parts)}</li>"


def _resource(item: Found, given: Artifacts, known: _Known) -> str:
    id = str(item.get("unique_id"))
    about = [mapping(item.get("config")).get("materialized"), item.get("original_file_path"), item.get("relation_name")]
    link = ""
    if id in given.profiles:
        where, profile = given.profiles[id]
        link = f'<p><a href="{told(where)}">profile</a>: {profile_in_short(profile)}</p>'
    return (
        f'<h3 id="{anchor(id)}">{told(name_of(item))}</h3>'
        f'<p class="path">{told(" · ".join(str(word) for word in about if word))}</p>'
        f'<p class="words">{told(item.get("description") or "")}</p>{link}{known.fresh.get(id, "")}'
        f"{tests(known.verdicts.get(id, []), _asked_at(given))}{_columns(item, mapping(known.standing.get(id)))}"
    )


def _columns(item: Found, standing: Found) -> str:
    described = {str(name).lower(): mapping(column) for name, column in _by_name(item.get("columns"))}
    there = {str(name).lower(): mapping(column) for name, column in _by_name(standing.get("columns"))}
    rows = [
        [
            f"<code>{told(there.get(name, {}).get('name') or described.get(name, {}).get('name') or name)}</code>",
            told(there.get(name, {}).get("type") or described.get(name, {}).get("data_type") or ""),
            told(described.get(name, {}).get("description") or ""),
        ]
        for name in (there or described)
    ]
    return table({"column": "", "type": "path", "description": "words"}, rows) if rows else ""


def _by_name(columns: Any) -> list[tuple[str, Any]]:
    if isinstance(columns, Mapping):
        return [(str(name), column) for name, column in columns.items()]
    return [(str(mapping(column).get("name")), column) for column in listed(columns)]
