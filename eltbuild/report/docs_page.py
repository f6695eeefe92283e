"""A page about a project, made of its artifacts: what there is, with which columns. Nothing is read here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a2e }
h2 { margin: 2.5rem 0 0.5rem; border-bottom: 1px solid #ccd } h3 { margin: 1.5rem 0 0 } p { margin: 0.3rem 0 }
code, .path { font-family: ui-monospace, monospace; font-size: 0.85em } .path { color: #667 }
table { border-collapse: collapse; margin: 0.5rem 0 } td, th { padding: 0.15rem 1rem 0.15rem 0; text-align: left;
vertical-align: top } th { color: #667; font-weight: normal }
@media (prefers-color-scheme: dark) { body { background: #14141f; color: #dde } h2 { border-color: #445 } }
"""
KINDS: Mapping[str, str] = {
    "model": "Models", "seed": "Seeds", "snapshot": "Snapshots", "source": "Sources", "exposure": "Exposures",
    "metric": "Metrics", "semantic_model": "Semantic models", "saved_query": "Saved queries", "function": "Functions",
    "analysis": "Analyses",
}  # fmt: skip
"""The types of resources that the page shows, in order."""
SECTIONS = ("nodes", "sources", "exposures", "metrics", "semantic_models", "saved_queries", "functions")

Found = Mapping[str, Any]


def page(manifest: Found, catalog: Found, artifacts: tuple[str, ...]) -> str:
    """The page as HTML. `catalog` may be empty; `artifacts` are the names of files to link to."""
    metadata = _mapping(manifest.get("metadata"))
    title = escape(str(metadata.get("project_name") or "project"))
    links = " · ".join(f'<a href="/{escape(name)}">{escape(name)}</a>' for name in artifacts)
    told = f"written {escape(str(metadata.get('generated_at') or ''))}" if metadata.get("generated_at") else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f'<body><h1>{title}</h1><p class="path">{told} {links}</p>{"".join(_sections(manifest, catalog))}</body></html>'
    )


def _sections(manifest: Found, catalog: Found) -> Iterator[str]:
    found: dict[str, list[Found]] = {kind: [] for kind in KINDS}
    for section in SECTIONS:
        for item in _mapping(manifest.get(section)).values():
            if isinstance(item, Mapping) and item.get("resource_type") in found:
                found[item["resource_type"]].append(item)
    standing = {**_mapping(catalog.get("nodes")), **_mapping(catalog.get("sources"))}
    for kind, items in found.items():
        if items:
            yield f"<h2>{KINDS[kind]} ({len(items)})</h2>"
            yield from (
                _resource(item, _mapping(standing.get(str(item.get("unique_id"))))) for item in sorted(items, key=_key)
            )


def _key(item: Found) -> str:
    return f"{item.get('source_name') or ''}.{item.get('name')}"


def _resource(item: Found, standing: Found) -> str:
    name = f"{item['source_name']}.{item.get('name')}" if item.get("source_name") else str(item.get("name"))
    about = [_mapping(item.get("config")).get("materialized"), item.get("original_file_path")]
    relation = item.get("relation_name")
    return (
        f"<h3>{escape(name)}</h3>"
        f'<p class="path">{escape(" · ".join(str(word) for word in (*about, relation) if word))}</p>'
        f"<p>{escape(str(item.get('description') or ''))}</p>{_columns(item, standing)}"
    )


def _columns(item: Found, standing: Found) -> str:
    described = {str(name).lower(): _mapping(column) for name, column in _mapping(item.get("columns")).items()}
    there = {str(name).lower(): _mapping(column) for name, column in _mapping(standing.get("columns")).items()}
    rows = [
        (
            there.get(name, {}).get("name") or described.get(name, {}).get("name") or name,
            there.get(name, {}).get("type") or described.get(name, {}).get("data_type") or "",
            described.get(name, {}).get("description") or "",
        )
        for name in (there or described)
    ]
    if not rows:
        return ""
    lines = "".join(
        f"<tr><td><code>{escape(str(name))}</code></td><td>{escape(str(kind))}</td><td>{escape(str(text))}</td></tr>"
        for name, kind, text in rows
    )
    return f"<table><tr><th>column</th><th>type</th><th>description</th></tr>{lines}</table>"


def _mapping(value: Any) -> Found:
    return value if isinstance(value, Mapping) else {}
