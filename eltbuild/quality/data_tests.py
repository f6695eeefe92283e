"""Data tests run one by one: the question to the warehouse, and the verdict on its answer. Nothing is run here."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any, Literal

from eltbuild.adapter import Answer
from eltbuild.errors import CompileError, Problem, Strictness, did_you_mean
from eltbuild.project.expectations import has_rows
from eltbuild.project.project import Project
from eltbuild.project.resources import Node
from eltbuild.relation import Relation
from eltbuild.state.records import Observed
from eltbuild.values import dataclass, field, replace

Verdict = Literal["pass", "warn", "fail"]

KEPT = ("ephemeral", "history", "table", "view")
"""How failing rows may be kept."""
DEFAULT_CALCULATION = "count(*)"
DEFAULT_CONDITION = "!= 0"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a data test found: `failures` as its calculation counts them, and what that means."""

    verdict: Verdict
    failures: int
    message: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What else there is to tell: the observed value of an expectation, say."""
    observed: tuple[Observed, ...] = ()
    """What was measured, for the history."""


def question(node: Node, sql: str) -> str:
    """The query that counts a test's failing rows and compares the count with the test's limits.

    One row: `failures`, `should_warn`, `should_error`. The limit, if any, bounds the rows that are looked at.
    """
    config = node.config
    calculation = config.get("fail_calc") or DEFAULT_CALCULATION
    limit = config.get("limit")
    rows = f"\nlimit {int(limit)}" if limit is not None else ""
    return (
        f"select\n  {calculation} as failures,\n"
        f"  {calculation} {condition(config, 'warn_if')} as should_warn,\n"
        f"  {calculation} {condition(config, 'error_if')} as should_error\n"
        f"from (\n{sql}{rows}\n) as dbt_internal_test"
    )


def condition(config: Mapping[str, Any], key: str) -> str:
    """The comparison that `warn_if` or `error_if` asks for."""
    value = config.get(key)
    return str(value) if value is not None else DEFAULT_CONDITION


def verdict(node: Node, answer: Answer) -> Outcome:
    """What the answer to `question` means: one row of a whole number, and whether that warns, and fails.

    Raises `CompileError` for any other answer.
    """
    if not answer.rows:
        raise CompileError(no_result(node))
    if len(answer.rows) > 1 or len(answer.rows[0]) != 3:
        raise CompileError(Problem(f"test `{node.name}`: {_shape(answer)}, not one row of 3", node.place, _HINT))
    count = _whole(node, answer.rows[0][0])
    warns, errs = (_is_true(node, *one) for one in zip(("warn_if", "error_if"), answer.rows[0][1:], strict=True))
    severity = str(node.config.get("severity") or "error").lower()
    if severity == "error" and errs:
        return Outcome("fail", count, _message(count, node, "error_if"))
    if warns:
        return Outcome("warn", count, _message(count, node, "warn_if"))
    return Outcome("pass", count)


_HINT = "fail_calc must be one aggregate of the failing rows; warn_if and error_if compare it with something"


def _shape(answer: Answer) -> str:
    rows, columns = len(answer.rows), len(answer.rows[0])
    return f"its question gave {rows} {'row' if rows == 1 else 'rows'} of {columns} columns"


def _whole(node: Node, failures: Any) -> int:
    if failures is None:
        hint = "fail_calc must give a number also when no row fails: wrap it in coalesce(..., 0)"
        raise CompileError(Problem(f"test `{node.name}`: `{_calculation(node)}` gave NULL", node.place, hint))
    with suppress(ValueError, OverflowError):  # NaN and infinity
        if isinstance(failures, int | float | Decimal) and not isinstance(failures, bool) and failures == int(failures):
            return int(failures)
    told = f"`{_calculation(node)}` gave {str(failures)!r}, which is not a whole number"
    raise CompileError(Problem(f"test `{node.name}`: {told}", node.place, "count rows, or round what is calculated"))


def _is_true(node: Node, key: str, value: Any) -> bool:
    """Whether a comparison holds; NULL does not. Raises `CompileError` for a text, of which that cannot be told."""
    if isinstance(value, str):
        told = f"test `{node.name}`: `{key}: {condition(node.config, key)}` gave the text {value!r}"
        raise CompileError(Problem(told, node.place, "it must be a comparison, as in `> 10`"))
    return bool(value)


def _calculation(node: Node) -> str:
    return str(node.config.get("fail_calc") or DEFAULT_CALCULATION)


def no_result(node: Node) -> Problem:
    """What is wrong with a test that nothing answered."""
    return Problem(f"test `{node.name}` gave no result", node.place)


def _message(count: int, node: Node, key: str) -> str:
    rows = "result" if count == 1 else "results"
    verb = "fail" if key == "error_if" else "warn"
    return f"Got {count} {rows}, configured to {verb} if {condition(node.config, key)}"


WARNS = "LogTestResult"
"""By this name a call can make the warnings of tests failures."""


def refusing_warnings(project: Project, strictness: Strictness) -> Project:
    """The project, in which a test fails that would warn, where the call wants it so."""
    if not strictness.refuses(WARNS):
        return project
    nodes = {id: _refusing(node) if node.resource_type == "test" else node for id, node in project.nodes.items()}
    return replace(project, nodes=nodes)


def _refusing(node: Node) -> Node:
    config = node.config
    # Where only `warn_if` is given, any failing row is an error already.
    if str(config.get("severity") or "error").lower() == "error" and config.get("error_if") is None:
        return node
    return replace(node, config={**config, "severity": "error", "error_if": condition(config, "warn_if")})


def stores_failures(node: Node, flag: bool | None) -> str | None:
    """How a test's failing rows are kept: as `table` or `view`; None when they are not, or there are no such rows."""
    config = node.config
    if node.test is not None and node.test.expectation and not has_rows(node.test):
        return None
    kind = config.get("store_failures_as")
    if kind is not None:
        return None if kind == "ephemeral" else str(kind)
    own = config.get("store_failures")
    wanted = own if own is not None else flag
    return "table" if wanted else None


def check_kept(node: Node) -> None:
    """Raise `CompileError` where a test's failing rows are to be kept as something that there is not."""
    kind = node.config.get("store_failures_as")
    if kind is not None and kind not in KEPT:
        common = [one for one in KEPT if one != "history"]
        text = f"'{kind}' is not a valid value of `store_failures_as`. Accepted values are: {common}, and 'history'"
        raise CompileError(Problem(text, node.place, did_you_mean(str(kind), KEPT)))


def stored_at(node: Node) -> Relation:
    """Where a test's failing rows are kept."""
    assert node.relation is not None
    return node.relation
