"""Where a column of a query comes from, and what must be so of its values. Nothing is run here.

The query is followed downwards, through subqueries and common table expressions, as long as each step is plain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from eltbuild.quality.measures.trees import (
    Tree,
    Unclear,
    aggregates,
    bare,
    called,
    conjuncts,
    is_a,
    is_column,
    is_numbering,
    is_star,
    key_of,
    key_of_text,
    literals,
    spelled_table,
    told,
)
from eltbuild.values import dataclass, field

UNCLEAR = (
    "UDTF", "Explode", "Unnest", "Lateral", "Pivot", "TableSample", "Rand", "Randn", "Uuid", "Placeholder", "Parameter",
    "MatchRecognize", "GroupingSets", "Rollup", "Cube", "Anonymous", "AnonymousAggFunc", "Columns", "Command",
    "GenerateSeries", "ExplodingGenerateSeries", "Inline", "JSONTable", "JSONKeys", "JSONKeysAtDepth", "Flatten",
)  # fmt: skip
"""What a query may not hold anywhere: what gives other rows each time, several for one, or is not known at all."""
NEVER_NULL = frozenset(
    {"Count", "RowNumber", "Rank", "DenseRank", "CurrentTimestamp", "CurrentDate", "Boolean", "Exists"}
)
REJECTING = frozenset({"EQ", "NEQ", "GT", "GTE", "LT", "LTE", "Like"})
"""Comparisons that are not true of NULL."""
QUANTIFIED = ("All", "Any", "SubqueryPredicate")
READ = frozenset({
    "with_", "with", "expressions", "from_", "from", "joins", "where", "group", "having", "order", "limit", "distinct",
    "qualify",
})  # fmt: skip
"""The parts of a SELECT that are understood."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a SELECT reads: a relation, or a query."""

    name: str
    table: str = ""
    """The relation as the engine spells it, in full."""
    query: Tree = None
    ctes: Mapping[str, Tree] = field(default_factory=dict)
    padded: bool = False
    """Its columns may be NULL where a row of another source has no partner."""


@dataclass(frozen=True, slots=True)
class Origin:
    """One column of a SELECT."""

    select: Tree
    name: str
    """As the engine keeps it."""
    ctes: Mapping[str, Tree]
    dialect: str

    # What the SELECT is made of

    @property
    def sources(self) -> tuple[Source, ...]:
        """What is read, in order. Raises `Unclear`."""
        start = self.select.args.get("from_") or self.select.args.get("from")
        if start is None:
            return ()
        found = [self._source(start.this)]
        for join in self.select.args.get("joins") or ():
            side, kind = str(join.side or "").upper(), str(join.kind or "").upper()
            if join.args.get("method") or join.args.get("using") or kind not in ("", "INNER", "CROSS", "OUTER"):
                raise Unclear
            if kind == "OUTER" and not side:
                raise Unclear
            if side in ("RIGHT", "FULL"):
                found = [_padded(source) for source in found]
            elif side not in ("", "LEFT"):
                raise Unclear
            new = self._source(join.this)
            found.append(_padded(new) if side in ("LEFT", "FULL") else new)
        return tuple(found)

    def _source(self, tree: Tree) -> Source:
        kind, alias = type(tree).__name__, tree.args.get("alias")
        if alias is not None and alias.args.get("columns"):
            raise Unclear
        named = "" if alias is None or alias.this is None else self._key(alias.this)
        if kind == "Subquery" and not tree.args.get("joins"):
            return Source(named, query=tree.this, ctes=self.ctes)
        if kind != "Table" or type(tree.this).__name__ != "Identifier" or not _is_plain_table(tree):
            raise Unclear
        own = self._key(tree.this)
        name = named or own
        if not tree.args.get("db") and own in self.ctes:
            earlier = dict(list(self.ctes.items())[: list(self.ctes).index(own)])
            return Source(name, query=self.ctes[own], ctes=earlier)
        return Source(name, table=spelled_table(tree, self.dialect))

    def _key(self, identifier: Tree) -> str:
        return key_of(identifier, self.dialect)

    @property
    def conditions(self) -> tuple[Tree, ...]:
        """What is true of every row, as the sources give it. Raises `Unclear`."""
        found: list[Tree] = []
        for join in self.select.args.get("joins") or ():
            if join.side:
                if str(join.side).upper() != "LEFT":
                    found.clear()
                continue
            if join.args.get("on") is not None:
                found.extend(conjuncts(join.args["on"]))
        where = self.select.args.get("where")
        return (*found, *(conjuncts(where.this) if where is not None else ()))

    def expression(self) -> Tree | None:
        """What is selected under that name; None where a star passes it on. Raises `Unclear`."""
        items = self.select.expressions
        named = [item for item in items if not is_star(item) and called(item, self.dialect) == self.name]
        stars = [item for item in items if is_star(item)]
        if any(type(item).__name__ != "Star" or any(item.args.values()) for item in stars) or len(stars) > 1:
            raise Unclear
        if len(named) > 1 or not (named or stars) or (stars and len(self.sources) != 1):
            raise Unclear
        if named and stars:
            return self._beside_star(named[0])
        return bare(named[0]) if named else None

    def _beside_star(self, item: Tree) -> Tree:
        """The expression, where the star does not pass on another column of that name. Raises `Unclear`."""
        source = self.sources[0]
        passed = None if source.query is None else _origin(source.query, "", source.ctes, self.dialect).columns()
        if passed is None or self.name in passed:
            raise Unclear
        return bare(item)

    def below(self, column: Tree | None) -> Origin | None:
        """The column of a query below that this one is as it is; None where there is no telling."""
        sources = self.sources
        if column is not None and type(column).__name__ != "Column":
            return None
        source = self._of(column, sources)
        if source is None or source.query is None:
            return None
        name = self.name if column is None else self._key(column.this)
        return _origin(source.query, name, source.ctes, self.dialect)

    def _of(self, column: Tree | None, sources: Sequence[Source]) -> Source | None:
        """The source of a column; None for what is no column."""
        if column is not None and type(column).__name__ != "Column":
            return None
        if column is None or not column.table:
            return sources[0] if len(sources) == 1 else None
        found = [source for source in sources if source.name == self._key(column.args["table"])]
        return found[0] if len(found) == 1 and not column.args.get("db") else None

    # What can be told

    def never_null(self) -> str | None:
        """Why the column holds no NULL."""
        expression = self.expression()
        return self._passed_never_null(None, self.name) if expression is None else self._not_null(expression)

    def _not_null(self, tree: Tree) -> str | None:
        tree = bare(tree)
        kind = type(tree).__name__
        if kind == "Column":
            return self._passed_never_null(tree, self._key(tree.this))
        if kind in NEVER_NULL or (kind == "Literal" and self.dialect != "oracle"):
            return f"`{self.name}` is {told(tree, self.dialect)}, which is never NULL"
        if kind == "Window" and type(tree.this).__name__ in NEVER_NULL:
            return f"`{self.name}` is {tree.this.sql_name().lower()}() over rows, which is never NULL"
        if kind == "Coalesce":
            parts = (tree.this, *tree.expressions)
            return next(
                (f"`{self.name}` is a COALESCE: {why}" for part in parts if (why := self._not_null(part))), None
            )
        if kind == "Case":
            branches = [*(branch.args.get("true") for branch in tree.args["ifs"]), tree.args.get("default")]
            sure = all(branch is not None and self._not_null(branch) for branch in branches)
            return f"no branch of the CASE of `{self.name}` is NULL" if sure else None
        return None

    def _passed_never_null(self, column: Tree | None, name: str) -> str | None:
        if self._is_grouped_otherwise(column):
            return None
        for condition in self.conditions:
            if self._rejects(condition, column, name):
                return f"rows are only those where {told(condition, self.dialect)}"
        source = self._of(column, self.sources)
        below = None if source is None or source.padded else self.below(column)
        return below.never_null() if below is not None else None

    def _is_grouped_otherwise(self, column: Tree | None) -> bool:
        # A SELECT list may name a column that is no key of GROUP BY where the engine lets it; what then is unclear.
        group = self.select.args.get("group")
        return group is not None and column is None

    def _rejects(self, condition: Tree, column: Tree | None, name: str) -> bool:
        kind = type(condition).__name__
        if kind in ("Not", "Is"):
            inner = bare(condition.this) if kind == "Not" else condition
            is_null = type(inner).__name__ == "Is" and type(inner.expression).__name__ == "Null"
            negated = (kind == "Not") != bool(inner.args.get("negate"))
            return is_null and negated and self._same(inner.this, column, name)
        if kind in REJECTING:
            if is_a(condition.expression, *QUANTIFIED) or is_a(condition.this, *QUANTIFIED):
                return False  # of no values at all it is true of NULL, too
            return self._same(condition.this, column, name) or self._same(condition.expression, column, name)
        if kind == "In" and condition.args.get("query") is None and condition.expressions:
            return self._same(condition.this, column, name)
        return False

    def _same(self, tree: Tree, column: Tree | None, name: str) -> bool:
        """Whether the tree is that column, and no other that is called so."""
        tree = bare(tree)
        if type(tree).__name__ != "Column" or self._key(tree.this) != name:
            return False
        sources = self.sources
        mine, other = self._of(column, sources), self._of(tree, sources)
        return mine is not None and mine is other

    def unique(self) -> str | None:
        """Why no value of the column stands in two rows."""
        select = self.select
        expression = self.expression()
        group, items = select.args.get("group"), select.expressions
        if group is None and any(aggregates(item) for item in items):
            return "the query gives a single row"
        if group is not None:
            return self._key_of_group(group, expression)
        distinct = select.args.get("distinct")
        if distinct is not None:
            alone = distinct.args.get("on") is None and len(items) == 1 and expression is not None
            return "the query is a SELECT DISTINCT of this column alone" if alone else None
        sources = self.sources
        if len(sources) != 1 or (expression is not None and type(expression).__name__ != "Column"):
            return None
        if expression is not None and self._of(expression, sources) is None:
            return None
        name = self.name if expression is None else self._key(expression.this)
        numbered = self._first_of_each(name, sources[0])
        below = self.below(expression)
        return numbered or (below.unique() if below is not None else None)

    def _key_of_group(self, group: Tree, expression: Tree | None) -> str | None:
        if [key for key, value in group.args.items() if value] != ["expressions"] or len(group.expressions) != 1:
            return None
        if expression is None:
            return None
        key = group.expressions[0]
        if type(key).__name__ == "Literal":
            items = self.select.expressions
            at = int(key.name) - 1 if not key.is_string and key.name.isdigit() else -1
            same = 0 <= at < len(items) and bare(items[at]) is expression
        else:
            # What an alias hides is grouped by in some engines and not in others.
            others = [item for item in self.select.expressions if bare(item) != key]
            same = type(key).__name__ == "Column" and key == expression
            same = same and all(called(item, self.dialect) != self._key(key.this) for item in others)
        return f"`{self.name}` is the key of GROUP BY" if same else None

    def _first_of_each(self, name: str, source: Source) -> str | None:
        """Whether only the first row of each value is kept, by row_number()."""
        qualify = self.select.args.get("qualify")
        for condition in (*self.conditions, *(conjuncts(qualify.this) if qualify is not None else ())):
            if type(condition).__name__ != "EQ":
                continue
            left, right = bare(condition.this), bare(condition.expression)
            if type(right).__name__ != "Literal" or right.is_string or right.name != "1":
                continue
            window, among = left, self
            if type(left).__name__ == "Column":
                if source.query is None or self._of(left, (source,)) is None:
                    continue
                among = _origin(source.query, self._key(left.this), source.ctes, self.dialect)
                window = among._numbering()
            if is_numbering(window) and among._is_partition(window, self, name):
                return f"only the first row of each `{name}` is kept"
        return None

    def _is_partition(self, window: Tree, outer: Origin, name: str) -> bool:
        """Whether the window numbers the rows of each value of the column of that name."""
        keys: list[Tree] = list(window.args.get("partition_by") or ())
        if len(keys) != 1 or type(keys[0]).__name__ != "Column" or len(self.sources) != 1:
            return False
        if self is outer:
            hidden = any(
                called(item, self.dialect) == name and not is_column(bare(item), name, self.dialect)
                for item in self.select.expressions
            )
            return self._key(keys[0].this) == name and not hidden
        if self.select.args.get("group") is not None or self.select.args.get("distinct") is not None:
            return False
        column = replace(self, name=name).expression()
        if column is not None and type(column).__name__ != "Column":
            return False
        return self._key(keys[0].this) == (name if column is None else self._key(column.this))

    def columns(self) -> frozenset[str] | None:
        """The names of all columns; None where a star passes on those of a relation."""
        found: set[str] = set()
        for item in self.select.expressions:
            if not is_star(item):
                found.add(called(item, self.dialect))
                continue
            for source in self.sources:
                below = _origin(source.query, "", source.ctes, self.dialect) if source.query is not None else None
                passed = below.columns() if below is not None else None
                if passed is None:
                    return None
                found |= passed
        return frozenset(found)

    def _numbering(self) -> Tree:
        """What this column is, where no other of the query can be called so."""
        try:
            return self.expression()
        except Unclear:
            return None

    def among(self, values: frozenset[tuple[bool, str]]) -> str | None:
        """Why every value of the column is one of these literals, or NULL: `(is a text, text)` each."""
        expression = self.expression()
        if expression is not None and literals(expression) is not None:
            given = literals(expression) or frozenset()
            return f"`{self.name}` is one of few literals, all of them accepted" if given <= values else None
        if expression is not None and type(expression).__name__ != "Column":
            return None
        if self._is_grouped_otherwise(expression):
            return None
        name = self.name if expression is None else self._key(expression.this)
        for condition in self.conditions:
            if self._limits(condition, expression, name, values):
                return f"rows are only those where {told(condition, self.dialect)}"
        below = self.below(expression)
        return below.among(values) if below is not None else None

    def _limits(self, condition: Tree, column: Tree | None, name: str, values: frozenset[tuple[bool, str]]) -> bool:
        kind = type(condition).__name__
        if condition.args.get("negate"):
            return False
        if kind == "In" and condition.args.get("query") is None and condition.expressions:
            found = [literals(item) for item in condition.expressions]
            listed = frozenset(pair for item in found if item for pair in item)
            return None not in found and listed <= values and self._same(condition.this, column, name)
        if kind == "EQ":
            one = literals(condition.expression)
            return bool(one) and (one or frozenset()) <= values and self._same(condition.this, column, name)
        return False

    def found_in(self, table: str, field: str) -> str | None:
        """Why every value of the column is one of that field of that relation, or NULL."""
        expression = self.expression()
        if expression is None or type(expression).__name__ != "Column" or self.select.args.get("group") is not None:
            below = self.below(expression) if self.select.args.get("group") is None else None
            return below.found_in(table, field) if below is not None else None
        sources = self.sources
        mine = self._of(expression, sources)
        if mine is not None and mine.table == table and self._key(expression.this) == field:
            return f"`{self.name}` is `{field}` of {table}"
        for condition in self.conditions:
            if type(condition).__name__ != "EQ":
                continue
            for one, other in ((condition.this, condition.expression), (condition.expression, condition.this)):
                if self._same(one, expression, self._key(expression.this)) and self._is_field(other, table, field):
                    return f"`{self.name}` is joined to `{field}` of {table}"
        below = self.below(expression)
        return below.found_in(table, field) if below is not None else None

    def _is_field(self, tree: Tree, table: str, field: str) -> bool:
        tree = bare(tree)
        if type(tree).__name__ != "Column" or not tree.table:
            return False
        source = self._of(tree, self.sources)
        if source is None:
            return False
        if source.query is not None:
            below = self.below(tree)
            return below is not None and below._passes(table, field)
        return source.table == table and self._key(tree.this) == field

    def _passes(self, table: str, field: str) -> bool:
        """Whether the column is that field of that relation, as it is."""
        expression = self.expression()
        source = self._of(expression, self.sources)
        if self.select.args.get("group") is not None or (
            expression is not None and type(expression).__name__ != "Column"
        ):
            return False
        name = self.name if expression is None else self._key(expression.this)
        if source is None:
            return False
        if source.query is not None:
            below = self.below(expression)
            return below is not None and below._passes(table, field)
        return source.table == table and name == field


def origin_of(query: str, column: str, dialect: str) -> Origin:
    """The column of a query. Raises `Unclear`."""
    from sqlglot import parse
    from sqlglot.errors import SqlglotError

    try:
        trees = parse(query, dialect=dialect)
    except SqlglotError as error:
        raise Unclear from error
    tree: Tree = trees[0] if len(trees) == 1 else None
    if tree is None or any(is_a(node, *UNCLEAR) for node in tree.walk()):
        raise Unclear
    return _origin(tree, key_of_text(column, dialect), {}, dialect)


def _origin(tree: Tree, name: str, ctes: Mapping[str, Tree], dialect: str) -> Origin:
    while type(tree).__name__ == "Subquery" and not tree.alias:
        tree = tree.this
    if type(tree).__name__ != "Select":
        raise Unclear
    if any(value and key not in READ for key, value in tree.args.items()):
        raise Unclear
    names = [called(item, dialect) for item in tree.expressions if not is_star(item)]
    if any(own and names.count(own) > 1 for own in names):
        raise Unclear
    visible = dict(ctes)
    first = tree.args.get("with_") or tree.args.get("with")
    if first is not None:
        if first.args.get("recursive"):
            raise Unclear
        for cte in first.expressions:
            if cte.args["alias"].args.get("columns"):
                raise Unclear
            own = key_of(cte.args["alias"].this, dialect)
            if own in visible:
                raise Unclear
            visible[own] = cte.this
    return Origin(tree, name, visible, dialect)


def _is_plain_table(tree: Tree) -> bool:
    """Whether it is a relation by its name and no more: as of another time it has other rows."""
    return all(key in ("this", "db", "catalog", "alias") for key, value in tree.args.items() if value)


def _padded(source: Source) -> Source:
    return replace(source, padded=True)
