"""Numbers that are exact in one engine and floats in another: the quotients and averages of decimals. Nothing is run.

A float in the middle of two whole numbers is rounded to the even one, a decimal away from zero; and the digits of a
quotient are those of its type. So it has to be known which of the two a number is in the warehouse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from eltbuild.relation import Column

Places = frozenset[tuple[str, int]]
"""Expressions, by their kind and the offset of their first word."""


def exact_places(tree: Any, source: str, target: str, tables: Callable[[], Mapping[str, Sequence[Column]]]) -> Places:
    """The expressions of a query that are decimals of no certain scale in `source`, and floats in `target`.

    `tables` gives the columns of the tables that it reads, typed in the words of `target`. Nothing where the query is
    not understood.
    """
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.annotate_types import annotate_types
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.schema import MappingSchema

    asking, doubtful = (exp.Round, exp.Cast, exp.DPipe, exp.Concat, exp.ConcatWs), _doubtful()
    if not tree.find(*asking) or not tree.find(*doubtful):
        return frozenset()
    try:
        typed: dict[str, object] = {
            name.strip('"'): {one.name: _kind(one.type, target) for one in own} for name, own in tables().items()
        }
        known = MappingSchema(typed, dialect=source)
        copy = qualify(
            tree.copy(), dialect=source, schema=known, validate_qualify_columns=False, quote_identifiers=False
        )
        found = annotate_types(copy, schema=known, dialect=source, expression_metadata=dict(_metadata(source)))
    except (SqlglotError, ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return frozenset()
    return frozenset(
        (type(node).__name__, first)
        for node in found.walk()
        if isinstance(node, exp.Expression) and _is_exact(node) and (first := first_place(node)) is not None
    )


def sized(query: str, source: str, tables: Mapping[str, Sequence[Column]], unsized: str) -> frozenset[str]:
    """The columns of a query, in lower case, that are decimals of a size in `source`: casts, and columns that have one.

    All other expressions lose the size there. `tables` are as for `exact_places`; `unsized` is the type that stands for
    a decimal without a size. Nothing where the query is not understood.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import Scope, build_scope
    from sqlglot.schema import MappingSchema

    plain = unsized.replace(" ", "").casefold()
    kept = {
        (name.strip('"').casefold(), one.name.casefold()): one.type.upper().removeprefix("DECIMAL").replace(" ", "")
        for name, own in tables.items()
        for one in own
        if one.type.upper().startswith("DECIMAL(") and one.type.replace(" ", "").casefold() != plain
    }

    def size_of(scope: Any, node: Any) -> str:
        while isinstance(node, (exp.Alias, exp.Paren)):
            node = node.this
        if isinstance(node, exp.Cast):
            return f"({','.join(part.name for part in node.to.expressions)})" if node.to.expressions else ""
        found = scope.sources.get(node.table) if isinstance(node, exp.Column) else None
        if isinstance(found, Scope):
            names = [one.alias_or_name for one in getattr(found.expression, "selects", ())]
            return at(found, names.index(node.name)) if node.name in names else ""
        return kept.get((found.name.casefold(), node.name.casefold()), "") if isinstance(found, exp.Table) else ""

    def at(scope: Any, index: int) -> str:
        if scope.set_operation_scopes:
            sizes = {at(side, index) for side in scope.set_operation_scopes}
            return sizes.pop() if len(sizes) == 1 else ""
        return size_of(scope, scope.expression.selects[index])

    try:
        schema: dict[str, object] = {
            name.strip('"'): {one.name: "unknown" for one in own} for name, own in tables.items()
        }
        known = MappingSchema(schema, dialect=source)
        tree = sqlglot.parse_one(query, read=source)
        tree = qualify(tree, dialect=source, schema=known, validate_qualify_columns=False, quote_identifiers=False)
        root = build_scope(tree)
        names = [one.alias_or_name for one in getattr(tree, "selects", ())]
        return frozenset(name.casefold() for index, name in enumerate(names) if root is not None and at(root, index))
    except (SqlglotError, ValueError, RecursionError, AttributeError, KeyError, IndexError, TypeError):
        return frozenset()


def first_place(node: Any) -> int | None:
    """The offset of the first word of an expression that the parser knows the place of."""
    return min((part.meta["start"] for part in node.walk() if part.meta.get("start") is not None), default=None)


def _doubtful() -> tuple[type, ...]:
    from sqlglot import exp

    spreads = (exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop)
    return (exp.Avg, exp.Div, *spreads, exp.Sqrt, exp.Pow)


def _is_exact(node: Any) -> bool:
    from sqlglot import exp

    kind = node.type
    return isinstance(kind, exp.DataType) and kind.this == exp.DataType.Type.DECIMAL and not kind.expressions


def _kind(name: str, target: str) -> str:
    """A type as the parser's type of the same kind; decimals have a size."""
    upper = name.upper()
    if upper in ("DOUBLE", "FLOAT", "REAL"):
        return "double precision"
    if upper in ("HUGEINT", "UHUGEINT"):
        return "numeric(38, 0)"
    if upper.startswith("DECIMAL"):
        return upper
    if upper in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DATE", "TIMESTAMP", "BOOLEAN"):
        return upper
    return "text" if upper.startswith("VARCHAR") else "unknown"


@lru_cache(maxsize=4)
def _metadata(source: str) -> tuple[tuple[Any, Any], ...]:
    """What the parser knows of the types of expressions, but for those that are decimals where it thinks of floats."""
    from sqlglot import exp
    from sqlglot.dialects.dialect import Dialect

    floats = (exp.DataType.Type.DOUBLE, exp.DataType.Type.FLOAT)
    unknown = (exp.DataType.Type.UNKNOWN, exp.DataType.Type.NULL, None)

    def like_its_argument(annotator: Any, node: Any) -> Any:
        kind = node.this.type
        name = kind.this if isinstance(kind, exp.DataType) else kind
        if name in unknown:
            annotator._set_type(node, exp.DataType.Type.UNKNOWN)
        else:
            annotator._set_type(node, exp.DataType.Type.DOUBLE if name in floats else exp.DataType.build("decimal"))
        return node

    def float_unless_decimal(annotator: Any, node: Any) -> Any:
        kind = node.this.type
        is_decimal = isinstance(kind, exp.DataType) and kind.this == exp.DataType.Type.DECIMAL
        annotator._set_type(node, exp.DataType.build("decimal") if is_decimal else exp.DataType.Type.DOUBLE)
        return node

    def literal(annotator: Any, node: Any) -> Any:
        if node.is_string:
            annotator._set_type(node, exp.DataType.Type.VARCHAR)
        else:
            annotator._set_type(node, exp.DataType.Type.INT if node.is_int else exp.DataType.build("decimal(38, 10)"))
        return node

    def quotient(annotator: Any, node: Any) -> Any:
        kinds = (node.this.type, node.expression.type)
        sides = [kind.this if isinstance(kind, exp.DataType) else None for kind in kinds]
        if any(side in floats for side in sides):
            annotator._set_type(node, exp.DataType.Type.DOUBLE)
        elif exp.DataType.Type.DECIMAL in sides:
            # A text or what nobody knows is taken for a number beside a decimal, as the engine does.
            annotator._set_type(node, exp.DataType.build("decimal"))
        elif any(side in unknown for side in sides):
            annotator._set_type(node, exp.DataType.Type.UNKNOWN)
        else:
            annotator._set_type(node, exp.DataType.Type.BIGINT)
        return node

    own: dict[Any, Any] = dict(Dialect.get_or_raise(source).EXPRESSION_METADATA)
    averages = (exp.Avg, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop)
    own.update({kind: {"annotator": like_its_argument} for kind in averages})
    own.update({kind: {"annotator": float_unless_decimal} for kind in (exp.Sqrt, exp.Exp, exp.Ln, exp.Pow)})
    own[exp.Literal] = {"annotator": literal}
    own[exp.Div] = {"annotator": quotient}
    own[exp.Round] = {"annotator": lambda annotator, node: annotator._annotate_by_args(node, "this")}
    return tuple(own.items())
