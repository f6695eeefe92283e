"""What a template says about itself without being rendered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.values import dataclass, field


@dataclass(frozen=True, slots=True)
class RefCall:
    """A literal `ref('name')`, `ref('package', 'name', v=2)`, with its line and column in the template."""

    name: str
    package: str | None = None
    version: str | None = None
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class SourceCall:
    """A literal `source('name', 'table')`."""

    source: str
    table: str
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Mentions:
    """Literal refs, sources and config of a template, the names it calls, and whether that is all.

    `complete` False: some ref, source, config or var depends on values, so only rendering can tell.
    `calls` are the called or read names that are not Jinja's own, dotted as written (`dbt_utils.star`, `my_macro`).
    """

    refs: tuple[RefCall, ...] = ()
    sources: tuple[SourceCall, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    calls: tuple[str, ...] = ()
    call_lines: tuple[int, ...] = ()
    """The line of each of `calls`."""
    vars: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    complete: bool = True
    unrendered_config: Mapping[str, Any] = field(default_factory=dict)
    plain: bool = False
    """Whether nothing but `ref`, `source` and `config` of texts, `True`, `False`, lists and mappings stands there."""


@dataclass(frozen=True, slots=True)
class Block:
    """A top-level block of a file: macro, test, materialization, snapshot or docs.

    `text` runs from the opening `{%` to the closing `%}`; `body` is what stands between the two tags.
    """

    kind: str
    name: str
    text: str
    body: str
    line: int
    arguments: tuple[tuple[str, str], ...] = ()
    """Parameter names with their type annotation, "" where there is none."""
    adapter: str = "default"
    languages: tuple[str, ...] = ("sql",)
