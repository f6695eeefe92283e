"""What the pages of `docs serve` have in common: a whole document, and text that stays text. Nothing is read here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import quote

from eltbuild.report.text import clean

STYLE = """
:root { color-scheme: light dark; --ink: #1a1a2e; --paper: #fff; --faint: #5b5b70; --line: #d5d5e2; --bar: #5b7fd6;
--track: #ecebf3; --good: #1b7a3d; --bad: #b3261e; --doubt: #8a5a00 }
@media (prefers-color-scheme: dark) { :root { --ink: #e2e2ee; --paper: #14141f; --faint: #a0a0b4; --line: #3a3a4e;
--bar: #86a5f0; --track: #26263a; --good: #6fcf8d; --bad: #ff8a80; --doubt: #e5b454 } }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 1.5rem auto; padding: 0 1rem;
color: var(--ink); background: var(--paper); overflow-wrap: anywhere }
h1 { margin: 0 0 0.3rem; line-height: 1.2 } h2 { margin: 2.5rem 0 0.5rem; border-bottom: 1px solid var(--line) }
h3 { margin: 1.8rem 0 0 } p { margin: 0.3rem 0 } a { color: inherit; text-underline-offset: 0.2em }
code, .path { font-family: ui-monospace, monospace; font-size: 0.85em } .path, .faint { color: var(--faint) }
.words { white-space: pre-line }
table { border-collapse: collapse; margin: 0.5rem 0 } td, th { padding: 0.2rem 1.2rem 0.2rem 0; text-align: left;
vertical-align: top; overflow-wrap: break-word } th { color: var(--faint); font-weight: normal }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.good { color: var(--good) } .bad { color: var(--bad); font-weight: 600 } .doubt { color: var(--doubt) }
summary { cursor: pointer } details > table { margin-left: 1rem }
.list { columns: 20rem; padding: 0; margin: 0.5rem 0; list-style: none } .list li { break-inside: avoid }
.profile { width: 100% } .profile tr + tr { border-top: 1px solid var(--line) } .profile td { padding-block: 0.5rem }
.profile td:first-child { min-width: 8rem } .values { min-width: 18rem }
svg { display: block; fill: var(--bar) } svg .track { fill: var(--track) }
.top { display: grid; grid-template-columns: minmax(4rem, max-content) 6rem max-content; gap: 0 0.8rem;
align-items: center; font-size: 0.9em; margin-top: 0.3rem }
@media (max-width: 44rem) { body { margin-top: 1rem }
table, tbody, tr, td { display: block } tr { padding: 0.4rem 0; border-top: 1px solid var(--line) }
tr:has(th) { display: none } td, .profile td { padding: 0.1rem 0 } .number { text-align: left }
td.brief { display: inline; margin-right: 0.8rem }
td[data-of]::before { content: attr(data-of) " "; color: var(--faint) } td:empty { display: none } }
"""


def document(title: str, body: str) -> str:
    """A whole page, which needs nothing from anywhere. `title` is text, `body` is HTML."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{told(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body>{body}</body></html>"
    )


def told(value: Any) -> str:
    """Text from anywhere as HTML: nothing in it is a tag, turns the direction of writing, or cannot be encoded."""
    text = "" if value is None else value if isinstance(value, str) else str(value)
    return escape(clean(text.encode(errors="replace").decode()))


def anchor(id: Any) -> str:
    """Where the page tells of a resource, by its id: a fragment of an address, and the `id` of an element."""
    return escape(quote(str(id).encode(errors="replace"), safe="."))


def table(head: Mapping[str, str], rows: list[list[str]], style: str = "") -> str:
    """A table. `head`: titles of columns with the classes of their cells; `rows`: cells as HTML.

    Where there is little room each row is a block, and its cells say what they are.
    """
    titles = "".join(f"<th{_class(kind)}>{told(name)}</th>" for name, kind in head.items())
    lines = "".join(
        "<tr>"
        + "".join(
            f"<td{_class(kind)}{f' data-of={chr(34)}{told(name)}{chr(34)}' if kind == 'number' else ''}>{cell}</td>"
            for (name, kind), cell in zip(head.items(), row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table{_class(style)}><tbody><tr>{titles}</tr>{lines}</tbody></table>"


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def mapping(value: Any) -> Mapping[str, Any]:
    """A mapping; empty where it is none."""
    return value if isinstance(value, Mapping) else {}


def listed(value: Any) -> list[Any]:
    """A list; empty where it is none."""
    return value if isinstance(value, list) else []


def moment(text: Any) -> str:
    """`2026-11-20 04:00 UTC`, of a time as artifacts have it; HTML."""
    found = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)", str(text or ""))
    return f"{found[1]} {found[2]} UTC" if found else told(text)
