"""How an expectation is asked without Great Expectations: as a measure that joins the one scan of its relation."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from string import Formatter

from eltbuild.errors import CompileError, Problem
from eltbuild.project.resources import Node
from eltbuild.quality.data_tests import Outcome
from eltbuild.quality.expectations import judged
from eltbuild.quality.expectations.aggregates import AGGREGATES, Aggregate
from eltbuild.quality.expectations.expectation import Expectation
from eltbuild.quality.expectations.judged import Judged, outcome
from eltbuild.quality.expectations.rows import ROWS, SPREAD, Rows
from eltbuild.quality.expectations.shape import SHAPES
from eltbuild.quality.measures.measure import Measure, Query, Values
from eltbuild.sql.statistics import STATISTICS
from eltbuild.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Planned:
    """What is asked for an expectation."""

    expressions: tuple[str, ...]
    queries: tuple[Query, ...]
    judge: Callable[[Values], Judged]
    """What the values of the expressions, and then those of the queries, mean."""
    rows: str
    """The query of what is not as expected: rows, or what was observed."""
    examples: str = ""
    """The query of some values that are not as expected, where there are such."""

    def measure(self, node: Node) -> Measure:
        """The measure of a test that asks this.

        It is asked alone where examples are to be had of what fails, and where its values cannot be judged: that is an
        error of this test, and of no other one.
        """

        def meaning(values: Values) -> Outcome | None:
            try:
                found = self.judge(values)
            except CompileError:
                return None
            return outcome(node, found) if found.success or not self.examples else None

        return Measure(self.expressions, meaning, self.queries)

    def anonymous(self, type: str) -> Planned:
        """The same, which tells no values of rows and asks for none. `type`: of the expectation."""
        return replace(self, judge=lambda values: judged.anonymous(self.judge(values), type), examples="")


def planned(expectation: Expectation) -> Planned | None:
    """How the expectation is asked; None where Great Expectations must be asked. Raises `CompileError`."""
    plan = _plan(expectation)
    return plan and replace(plan, judge=partial(_judged, expectation, plan.judge))


def _judged(expectation: Expectation, judge: Callable[[Values], Judged], values: Values) -> Judged:
    """The judgement. Raises `CompileError` where the values are of a kind that it cannot be made on."""
    try:
        return judge(values)
    except (TypeError, ValueError, ArithmeticError) as error:
        text = f"`{expectation.type}` cannot judge {expectation.kind()}"
        raise CompileError(Problem(text, expectation.place)) from error


def _plan(expectation: Expectation) -> Planned | None:
    if expectation.dialect not in STATISTICS:
        return None
    if expectation.type in ROWS:
        return _by_row(expectation, ROWS[expectation.type](expectation))
    if expectation.type in AGGREGATES:
        return _as_whole(expectation, AGGREGATES[expectation.type](expectation))
    if expectation.type in SHAPES:
        # The number of rows is asked for only because a query asks for something.
        found = SHAPES[expectation.type](expectation)
        return Planned(("count(*)",), (), lambda values: found, f"select * from {expectation.relation}")
    if expectation.type == "unexpected_rows_expectation":
        return _unexpected(expectation)
    return None


def _by_row(expectation: Expectation, rows: Rows) -> Planned:
    counts = [expectation.count()]
    if rows.considered:
        counts.append(expectation.count(rows.considered))
    queries: tuple[Query, ...] = ()
    if rows.keys or rows.spread:
        queries = (Query(_repeated(expectation, rows) if rows.keys else _spread(expectation, rows), 1),)
    else:
        counts.append(expectation.count(rows.considered, rows.unexpected))
    judge = partial(_judge_rows, expectation, rows)
    found = _unexpected_rows(expectation, rows)
    return Planned(tuple(counts), queries, judge, found, _examples(expectation, rows, found))


EXAMPLES = 20
"""How many unexpected values are told, as by Great Expectations."""


def _examples(expectation: Expectation, rows: Rows, found: str) -> str:
    """Some of the unexpected values; none where they are all NULL."""
    if not rows.counts_missing and expectation.type == "expect_column_values_to_not_be_null":
        return ""
    keys = [key for key in ("column", "column_A", "column_B") if expectation.get(key) is not None]
    columns = [expectation.named(key) for key in keys] or list(map(expectation.find, expectation.get("column_list")))
    names = ", ".join(map(expectation.quoted, columns))
    return f"select {names} from (\n{found}\n) as unexpected limit {EXAMPLES}"


def _judge_rows(expectation: Expectation, rows: Rows, values: Values) -> Judged:
    elements, unexpected = int(values[0]), int(values[-1] or 0)
    considered = int(values[1]) if rows.considered else elements
    counted = considered if rows.counts_missing else None
    success, result = judged.by_row(elements, counted, unexpected, expectation.mostly)
    return Judged(success, result, _told(expectation, rows, considered, unexpected))


def _told(expectation: Expectation, rows: Rows, considered: int, unexpected: int) -> str:
    """`3 of 10 values of `amount` are not between 0 and 9`."""
    noun = "rows"
    if expectation.get("column") is not None:
        noun = f"values of `{expectation.named().name}`"
    told = f"{unexpected} of {considered} {noun} {rows.told}"
    if expectation.mostly < 1:
        share = 100 * unexpected / considered if considered else 0
        told += f" ({share:.3g} %; at most {100 * (1 - expectation.mostly):.3g} % may be)"
    return told


def _keyed(expectation: Expectation, rows: Rows) -> str:
    """The keys that come more than once; one that lacks a value is never the same as another."""
    keys = ", ".join(rows.keys)
    whole = [f"{key} is not null" for key in rows.keys]
    return (
        f"from {expectation.relation}{expectation.having(rows.considered, *whole)} group by {keys} having count(*) > 1"
    )


def _repeated(expectation: Expectation, rows: Rows) -> str:
    counted = f"select count(*) as times {_keyed(expectation, rows)}"
    return f"select coalesce(sum(times), 0) from ({counted}) as repeated"


def _with_spread(expectation: Expectation, rows: Rows) -> str:
    return f"{expectation.relation} cross join (select {rows.spread} from {expectation.relation}) as {SPREAD}"


def _spread(expectation: Expectation, rows: Rows) -> str:
    return f"select {expectation.count(rows.considered, rows.unexpected)} from {_with_spread(expectation, rows)}"


def _unexpected_rows(expectation: Expectation, rows: Rows) -> str:
    if rows.keys:
        keys = ", ".join(rows.keys)
        among = f"({keys}) in (select {keys} {_keyed(expectation, rows)})"
        return f"select * from {expectation.relation}{expectation.having(rows.considered, among)}"
    if rows.spread:
        names = ", ".join(map(expectation.quoted, expectation.columns))
        found = expectation.having(rows.considered, rows.unexpected)
        return f"select {names} from {_with_spread(expectation, rows)}{found}"
    return f"select * from {expectation.relation}{expectation.having(rows.considered, rows.unexpected)}"


def _as_whole(expectation: Expectation, aggregate: Aggregate) -> Planned:
    asked = ", ".join(aggregate.expressions)
    sql = f"select {asked} from {expectation.relation}" if asked else aggregate.queries[0].sql
    return Planned(aggregate.expressions, aggregate.queries, aggregate.judge, sql)


_BATCH = re.compile(
    r"\{batch\}(\s+(?:as\s+)?(?!(?:where|group|order|limit|having|union|except|intersect|join|inner|left|right|full|cross"
    r"|natural|on|using|window|qualify|tablesample|lateral|offset|fetch|for)\b)[^\W\d]\w*)?",
    re.IGNORECASE,
)
"""The place of the rows in a query, with the name that they get there, if any."""


def _unescaped(query: str) -> str:
    """The query with one brace for two, where it is written as Great Expectations reads it; any other as it is."""
    try:
        parts = list(Formatter().parse(query))
    except ValueError:
        return query
    if any(field not in (None, "batch") or spec or conversion for _, field, spec, conversion in parts):
        return query
    return "".join(text + ("" if field is None else "{batch}") for text, field, _, _ in parts)


def _unexpected(expectation: Expectation) -> Planned:
    """A query of the user's that gives the unexpected rows; `{batch}` stands for the rows."""
    narrowed = f"(select * from {expectation.relation}{expectation.having()})"
    query = _unescaped(str(expectation.get("unexpected_rows_query"))).strip().rstrip(";")
    sql = _BATCH.sub(lambda found: narrowed + (found[1] or " as batch"), query)

    def judge(values: Values) -> Judged:
        count = int(values[0])
        told = f"{count} unexpected row{'' if count == 1 else 's'}"
        return Judged(count == 0, {"observed_value": count, "unexpected_rows": None}, told, count=count)

    return Planned((), (Query(f"select count(*) from (\n{sql}\n) as unexpected", 1),), judge, sql)
