"""Tests that are written as plain queries, as aggregates over their relation, told by the shape of the query.

Rows that are filtered are counted under the filter; a single row of aggregates that is filtered is there or not.
Nothing is run here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from eltbuild.project.resources import Node
from eltbuild.quality.data_tests import condition
from eltbuild.quality.measures.expressions import Expression, expression_of, limited_to
from eltbuild.quality.measures.limits import COMPARISON, Limits, calculated, counted, is_calculation, screened
from eltbuild.quality.measures.measure import Measure
from eltbuild.quality.measures.pieces import Item, Query, Select, Unreadable, pieces
from eltbuild.quality.measures.uniqueness import unique_together
from eltbuild.sql.quoting import read_bare
from eltbuild.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that a SELECT gives, as what can be said of the relation's own rows."""

    dialect: str
    alias: str | None = None
    """How its columns may be qualified."""
    open: bool = False
    """All columns of the relation are there, whatever they are called."""
    whole: bool = False
    """It is the relation itself, by its own name."""
    names: Mapping[str, str | None] = field(default_factory=dict)
    """Columns that are told, by their name as the engine keeps it, with the expression that they are.

    None for a constant, whose type depends on where it stands.
    """
    single: bool = False
    """One row of aggregates, there where the conditions on aggregates hold."""
    conditions: tuple[str, ...] = ()
    """What holds for the rows of the relation."""
    outer: tuple[str, ...] = ()
    """What holds for the single row."""
    merged: bool = False
    """Several rows of the relation may have become one."""
    repeated: tuple[str, ...] = ()
    """These are the expressions that rows of the relation have in common: one row for each case where several do."""
    unused: tuple[str, ...] = ()
    """Expressions that are selected: they must be ones of the relation, though nothing depends on them."""

    def text(self, expression: Expression) -> str:
        """The expression on these rows as one on the relation. Raises `Unreadable`."""
        return expression.replaced(self._resolve, self._is_known)

    def _kept(self, name: str) -> str:
        return read_bare(name, self.dialect)

    def _is_known(self, name: str) -> bool:
        kept = self._kept(name).casefold()
        known = any(kept == other.casefold() for other in self.names)
        return known or (self.alias is not None and kept == self._kept(self.alias).casefold())

    def _resolve(self, parts: Sequence[str]) -> str | None:
        column, qualifier = self._kept(parts[-1]), parts[:-1]
        if self.alias is not None and not qualifier and column.casefold() == self._kept(self.alias).casefold():
            raise Unreadable  # a whole row
        if qualifier and not self._is_own(qualifier):
            if self.whole:
                return None
            raise Unreadable
        near = [name for name in self.names if name.casefold() == column.casefold()]
        if not near:
            if not self.open:
                raise Unreadable
            return None if not qualifier else parts[-1]
        text = self.names.get(column)
        if self.open or text is None or len(near) > 1:
            raise Unreadable  # the relation may have a column of that name, too
        return f"({text})"

    def _is_own(self, qualifier: Sequence[str]) -> bool:
        return len(qualifier) == 1 and self.alias is not None and self._kept(qualifier[0]) == self._kept(self.alias)


@dataclass(frozen=True, slots=True)
class Shape:
    """What is read: a query over a relation, in a dialect."""

    query: Query
    relation: str
    dialect: str
    used: set[str] = field(default_factory=set)

    def rows(self) -> Rows:
        """The rows of the whole query. Raises `Unreadable`."""
        rows = self._selected(self.query.body, tuple(self.query.ctes))
        if self.used != set(self.query.ctes):
            raise Unreadable  # what is not used must be correct all the same
        return rows

    def _selected(self, select: Select, visible: Sequence[str]) -> Rows:
        below = self._below(select, visible)
        if select.where:
            below = self._filtered(below, select.where)
        items = [item if item.star else (item, self._expression(item.text)) for item in select.items]
        told = [pair for pair in items if not isinstance(pair, Item)]
        star = len(told) < len(items)
        if select.group:
            return self._grouped(below, select, told, star)
        if select.having or any(expression.aggregates for _, expression in told):
            if star or select.distinct:
                raise Unreadable
            return self._aggregated(below, told, select.having)
        rows = self._projected(below, told, star)
        return replace(rows, merged=rows.merged or select.distinct)

    def _grouped(self, rows: Rows, select: Select, told: Sequence[tuple[Item, Expression]], star: bool) -> Rows:
        """One row for each key. Which keys there are can be told, what is aggregated for each cannot."""
        if select.having:
            return self._repeated(rows, select, told, star)
        keys = [(item, expression) for item, expression in told if item.text == select.group]
        counts = [item for item, _ in told if item.text.casefold() == "count(*)"]
        if rows.single or rows.merged or star or len(keys) != 1 or len(told) != 1 + len(counts):
            raise Unreadable
        if len({item.name for item, _ in told}) != len(told) or None in {item.name for item in counts}:
            raise Unreadable
        return replace(self._projected(rows, keys, False), merged=True)

    def _repeated(self, rows: Rows, select: Select, told: Sequence[tuple[Item, Expression]], star: bool) -> Rows:
        """The keys that come more than once: `select a, b from ... group by a, b having count(*) > 1`."""
        keys = [(item, expression) for item, expression in told if not expression.aggregates]
        counts = [item for item, expression in told if expression.aggregates]
        if rows.single or rows.merged or star or select.distinct or not _OFTEN.fullmatch(select.having):
            raise Unreadable
        if _listed(select.group) != [item.text for item, _ in keys] or any(
            item.text.casefold() != "count(*)" or item.name is None for item in counts
        ):
            raise Unreadable
        if len({item.name for item, _ in told}) != len(told) or any(expression.is_literal for _, expression in keys):
            raise Unreadable
        texts = tuple(rows.text(expression) for _, expression in keys)
        return replace(self._projected(rows, keys, False), merged=True, repeated=texts)

    def _below(self, select: Select, visible: Sequence[str]) -> Rows:
        if isinstance(select.source, Select):
            return replace(self._selected(select.source, visible), alias=select.alias, whole=False)
        name = read_bare(select.source, self.dialect).casefold()
        same = [cte for cte in self.query.ctes if read_bare(cte, self.dialect).casefold() == name]
        if same:
            if same != [select.source] or same[0] not in visible or same[0] in self.used:
                raise Unreadable
            self.used.add(same[0])
            earlier = visible[: visible.index(same[0])]
            return replace(
                self._selected(self.query.ctes[same[0]], earlier), alias=select.alias or same[0], whole=False
            )
        if select.source != self.relation:
            raise Unreadable
        return Rows(self.dialect, select.alias, open=True, whole=select.alias is None)

    def _expression(self, text: str) -> Expression:
        return expression_of(text, self.dialect)

    def _filtered(self, rows: Rows, where: str) -> Rows:
        expression = self._expression(where)
        if expression.aggregates or rows.repeated:
            raise Unreadable
        condition = rows.text(expression)
        if rows.single:
            return replace(rows, outer=(*rows.outer, condition))
        return replace(rows, conditions=(*rows.conditions, condition))

    def _projected(self, rows: Rows, told: Sequence[tuple[Item, Expression]], star: bool) -> Rows:
        names: dict[str, str | None] = dict(rows.names) if star else {}
        texts = []
        for item, expression in told:
            if not expression.is_plain or (star and item.name is None):
                raise Unreadable  # without a name it may have one that hides another
            text = None if expression.is_literal else rows.text(expression)
            if text is not None:
                texts.append(text)
            if item.name is not None:
                self._name(names, item.name, text)
        unused = (*rows.unused, *(text for text in texts if text not in rows.unused))
        return replace(rows, names=names, open=rows.open and star, whole=False, unused=unused, alias=None)

    def _name(self, names: dict[str, str | None], name: str, text: str | None) -> None:
        kept = self._kept(name)
        if any(kept.casefold() == other.casefold() for other in names):
            raise Unreadable
        names[kept] = text

    def _kept(self, name: str) -> str:
        return read_bare(name, self.dialect)

    def _aggregated(self, rows: Rows, told: Sequence[tuple[Item, Expression]], having: str) -> Rows:
        if rows.single or rows.merged:
            raise Unreadable
        names: dict[str, str | None] = {}
        texts = []
        for item, expression in told:
            if expression.aggregates:
                texts.append(text := self._over(rows, expression))
                if item.name is not None:
                    self._name(names, item.name, text)
            elif not expression.is_plain or not expression.is_literal:
                raise Unreadable
            elif item.name is not None:
                self._name(names, item.name, None)
        outer = (self._over(rows, self._expression(having)),) if having else ()
        return Rows(
            self.dialect,
            names=names,
            single=True,
            outer=outer,
            unused=(*(f"count({text})" for text in rows.unused), *texts),
        )

    def _over(self, rows: Rows, expression: Expression) -> str:
        text = rows.text(expression)
        return limited_to(_all(rows.conditions), self._expression(text)) if rows.conditions else text


_OFTEN = re.compile(r"count\s*\(\s*\*\s*\)\s*>\s*1", re.IGNORECASE)


def _listed(group: str) -> list[str]:
    return [key.strip() for key in group.split(",")]


def _all(conditions: Sequence[str]) -> str:
    return " and ".join(f"({condition})" for condition in conditions)


def read_shape(limits: Limits, sql: str, relation: str, dialect: str) -> Measure | None:
    """A test that is a query over the relation as aggregates over its rows; None where its shape is another."""
    rows = _read(sql, relation, dialect)
    if rows is None or rows.repeated:
        return None
    return (screened if rows.merged else counted)(limits, _count(rows))


def read_repeated(limits: Limits, sql: str, relation: str, dialect: str, written: Measure) -> Measure | None:
    """A test that finds keys which come more than once, as a measure; None where its shape is another.

    `written`: the test as it stands.
    """
    rows = _read(sql, relation, dialect)
    if rows is None or not rows.repeated:
        return None
    return unique_together(limits, rows.repeated, _all(rows.conditions), dialect, written)


def is_filter(sql: str, relation: str, dialect: str) -> bool:
    """Whether a query gives rows of the relation that are told by themselves, whatever the others are."""
    rows = _read(sql, relation, dialect)
    return rows is not None and not rows.single and not rows.repeated


def _read(sql: str, relation: str, dialect: str) -> Rows | None:
    query = pieces(sql, dialect)
    try:
        return None if query is None else Shape(query, relation, dialect).rows()
    except Unreadable:
        return None


def read_calculation(node: Node, sql: str, relation: str, dialect: str) -> Measure | None:
    """A test with a calculation of its own over the rows of a query; None where its shape is another.

    What it gives is compared by the warehouse.
    """
    calculation, limit = node.config.get("fail_calc"), node.config.get("limit")
    compared = [condition(node.config, key) for key in ("warn_if", "error_if")]
    query = pieces(sql, dialect) if calculation and limit is None else None
    if query is None or not is_calculation(str(calculation), dialect) or not all(map(COMPARISON.fullmatch, compared)):
        return None
    try:
        rows = replace(Shape(query, relation, dialect).rows(), alias=TESTED, whole=False)
        if rows.single or rows.merged:
            return None
        expression = expression_of(str(calculation), dialect)
        text = rows.text(expression)
        if rows.conditions:
            text = limited_to(_all(rows.conditions), expression_of(text, dialect))
    except Unreadable:
        return None
    named = (f"count(case {_named(rows)} end)",) if rows.unused else ()
    return calculated(node, (text, *(f"{text} {how}" for how in compared), *named))


TESTED = "dbt_internal_test"
"""How a calculation may call the rows of the test's query."""


def _named(rows: Rows) -> str:
    """What is unused, named where it is never computed, so that it must be there."""
    return " ".join(f"when false then case when ({text}) is null then 1 end" for text in rows.unused)


def _count(rows: Rows) -> str:
    """How many rows there are."""
    if not (rows.single or rows.conditions or rows.unused):
        return "count(*)"
    named = f" {_named(rows)}" if rows.unused else ""
    conditions = rows.outer if rows.single else rows.conditions
    kept = f" when {_all(conditions) if conditions else 'true'} then 1"
    return f"case{named}{kept} else 0 end" if rows.single else f"count(case{named}{kept} end)"
