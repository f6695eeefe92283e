"""Names, identifiers and code of generic data tests, as dbt gives them: tools find tests by these.

The identifier of a test ends in ten characters of a digest over its name and arguments, so that arguments must be
written the way dbt writes them. Nothing is read or rendered here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import md5
from typing import Any

from eltbuild.values import dataclass

NAME_LIMIT = 63
"""The longest name that is used for files and relations as it is."""

_HEAD = 30
_ODD = re.compile(r"[^0-9a-zA-Z_]+")

CONFIG_KEYS = (
    "severity",
    "tags",
    "enabled",
    "where",
    "limit",
    "warn_if",
    "error_if",
    "fail_calc",
    "store_failures",
    "store_failures_as",
    "meta",
    "database",
    "schema",
    "alias",
    "sql_header",
)
"""Keys that are config even where they stand beside the arguments; in the order of a test's code."""

BUILT_IN = frozenset({"unique", "not_null", "accepted_values", "relationships"})
"""The generic tests that are there without any package."""


@dataclass(frozen=True, slots=True)
class TestNames:
    """`full` is the test's name, `short` what files and relations are called: the same unless too long."""

    __test__ = False
    full: str
    short: str


def test_names(test_type: str, target: str, arguments: Mapping[str, Any]) -> TestNames:
    """The name that dbt makes of a test's type (`not_null`, `dbt_utils_at_least_one`, `source_unique`), what it hangs
    on and its arguments."""
    parts: list[str] = []
    for key in sorted(arguments):
        if key == "model":
            continue
        value = arguments[key]
        if isinstance(value, dict):
            parts.extend(map(str, value.values()))
        elif isinstance(value, (list, tuple)):
            parts.extend(map(str, value))
        else:
            parts.append(str(value))
    head = f"{test_type}_{target}"
    full = f"{head}_{'__'.join([_ODD.sub('_', part) for part in parts])}"
    if len(full) <= NAME_LIMIT:
        return TestNames(full, full)
    return TestNames(full, f"{head[:_HEAD]}_{_digest(full)}")


def test_id(package: str, name: str, namespace: str | None, test: str, arguments: Mapping[str, Any]) -> str:
    """The identifier of a generic test; `arguments` hold `model` and, for a test of a column, `column_name`."""
    told = {"kwargs": _told(arguments), "name": test, "namespace": str(namespace)}
    return f"test.{package}.{name}.{_digest(name + repr(told))[-10:]}"


def _told(value: Any) -> Any:
    """A value as it goes into the digest: sorted, and all leaves as text."""
    if isinstance(value, dict):
        return {key: _told(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_told(item) for item in value]
    return str(value)


def _digest(text: str) -> str:
    return md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def test_code(test: str, namespace: str | None, config: Mapping[str, Any]) -> str:
    """The template of a generic test: a call of its macro, and its config as dbt writes it."""
    prefix = f"{namespace}." if namespace else ""
    call = f"{{{{ {prefix}test_{test}(**_dbt_generic_test_kwargs) }}}}"
    if not config:
        return call
    known = [key for key in CONFIG_KEYS if key in config]
    rest = [key for key in config if key not in CONFIG_KEYS]
    written = ",".join(f"{key}={_literal(config[key])}" for key in (*known, *rest))
    return f"{call}{{{{ config({written}) }}}}"


def _literal(value: Any) -> str:
    if isinstance(value, str):
        escaped = value.replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)


def attached_reference(name: str, version: str | int | float | None = None) -> str:
    """The `model` argument of a test on a model, seed or snapshot."""
    pinned = f", version='{version}'" if version is not None else ""
    return f"{{{{ get_where_subquery(ref('{name}'{pinned})) }}}}"


def attached_source(source: str, table: str) -> str:
    """The `model` argument of a test on a table of a source."""
    return f"{{{{ get_where_subquery(source('{source}', '{table}')) }}}}"
