"""Expectations written down for others: as a suite in the JSON of Great Expectations, or as properties of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from eltbuild.project.entries import TestEntry
from eltbuild.project.expectation_types import ExpectationType, type_of
from eltbuild.project.resources import Node
from eltbuild.project.suite_parameters import PARAMETERS
from eltbuild.values import dataclass

SEVERITY: Mapping[str, str] = {"error": "critical", "warn": "warning"}
"""What the severities of tests are for Great Expectations."""
OWN = "eltbuild"
"""The key under `meta` that holds what Great Expectations has no place for."""


@dataclass(frozen=True, slots=True)
class Written:
    """A suite to be written: its name, what it is about, and its expectations as Great Expectations has them."""

    name: str
    about: Mapping[str, str]
    expectations: tuple[Mapping[str, Any], ...]
    parameters: Mapping[str, Any]
    """What the parameters are worth that stand in the expectations."""


def configuration(node: Node, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The expectation that a test is, with rendered arguments, as an entry of a suite."""
    assert node.test is not None
    kind = type_of(node.test.name)
    kwargs: dict[str, Any] = {} if node.test.column_name is None else {"column": _plain(node.test.column_name)}
    kwargs |= {key: value for key, value in arguments.items() if _is_argument(key, kind)}
    config = node.config
    meta = dict(config.get("meta") or {})
    own = {key: config[key] for key in _KEPT if config.get(key) and config[key] != _USUAL.get(key)}
    if node.extra.get("title"):
        own["name"] = node.name
    if own:
        meta[OWN] = own
    severity = node.extra.get("severity") or SEVERITY.get(str(config.get("severity") or "error").lower(), "critical")
    found: dict[str, Any] = {"type": node.test.name, "kwargs": kwargs, "meta": meta, "severity": severity}
    if node.description:
        found["description"] = node.description
    if arguments.get("notes"):
        found["notes"] = arguments["notes"]
    return found


def _is_argument(key: str, kind: ExpectationType) -> bool:
    return key not in ("notes", *PLAIN) and (kind.open or key in kind.arguments)


PLAIN = ("column_name", "model", "tested")
"""What a test has among its arguments that no expectation knows."""
_KEPT = ("where", "warn_if", "error_if", "tags", "limit", "store_failures", "store_failures_as")
"""Config of a test that is kept in a suite."""
_USUAL: Mapping[str, Any] = {"warn_if": "!= 0", "error_if": "!= 0"}


def _plain(column: str) -> str:
    return column[1:-1].replace('""', '"') if len(column) > 1 and column[0] == column[-1] == '"' else column


def suite_json(suite: Written) -> dict[str, Any]:
    """The suite as Great Expectations writes it."""
    parameters = {PARAMETERS: dict(suite.parameters)} if suite.parameters else {}
    return {
        "name": suite.name,
        **parameters,
        "expectations": [dict(item) for item in suite.expectations],
        "meta": {"great_expectations_version": "1.24.0", OWN: dict(suite.about)},
    }


def properties(section: str, name: str, tests: Iterable[TestEntry]) -> dict[str, Any]:
    """The tests as the properties of a model, seed or snapshot, those of a column beneath it."""
    columns: dict[str, list[Any]] = {}
    whole: list[Any] = []
    for test in tests:
        arguments = dict(test.arguments)
        column = arguments.pop("column", None) if type_of(test.name).domain in ("column", "any") else None
        (whole if column is None else columns.setdefault(str(column), [])).append(_entry(test, arguments))
    described: dict[str, Any] = {"name": name}
    if whole:
        described["data_tests"] = whole
    if columns:
        described["columns"] = [{"name": column, "data_tests": found} for column, found in columns.items()]
    return {section: [described]}


def source_properties(source: str, table: str, tests: Iterable[TestEntry]) -> dict[str, Any]:
    """The tests as the properties of a table of a source."""
    described = properties("tables", table, tests)["tables"]
    return {"sources": [{"name": source, "tables": described}]}


def _entry(test: TestEntry, arguments: Mapping[str, Any]) -> Any:
    body: dict[str, Any] = {"name": test.title} if test.title else {}
    if test.description:
        body["description"] = test.description
    body.update(arguments)
    if test.config:
        body["config"] = dict(test.config)
    return {test.name: body} if body else test.name
