"""Numbers, times, rows and lists said in another engine's words. One function for each kind of expression."""

from __future__ import annotations

from typing import Any

from eltbuild.sql.stand_ins import DIGITS, ROUNDED
from eltbuild.sql.translated_json import is_document_value
from eltbuild.sql.translated_terms import Refused, called, is_exact, is_text


def seconds(node: Any) -> Any:
    """Seconds with their fraction, which the other engine leaves out."""
    from sqlglot import exp

    if node.name.upper() not in ("SECOND", "SECONDS"):
        return node
    part = exp.Extract(this=exp.var("MICROSECONDS"), expression=node.expression.copy())
    return exp.paren(exp.Div(this=part, expression=exp.Literal.number("1000000.0")))


def constant(node: Any) -> Any:
    """The correlation with a constant, of which there is none."""
    from sqlglot import exp

    own = node.this if isinstance(node, (exp.Window, exp.Filter)) else node
    if not isinstance(own, exp.Corr) or isinstance(node.parent, (exp.Window, exp.Filter)):
        return node
    return exp.Nullif(this=node.copy(), expression=exp.cast(exp.Literal.string("NaN"), "double"))


def ordered(node: Any) -> Any:
    """Rows of which one comes first: the first pair that differs, or holds NULL, decides."""
    from sqlglot import exp

    if not (isinstance(node.this, exp.Tuple) and isinstance(node.expression, exp.Tuple)):
        return node
    strict = exp.LT if isinstance(node, (exp.LT, exp.LTE)) else exp.GT
    pairs = list(zip(node.this.expressions, node.expression.expressions, strict=False))
    found: Any = None
    for left, right in reversed(pairs):
        sign = type(node) if found is None else strict
        decided = sign(this=left.copy(), expression=right.copy())
        same = exp.EQ(this=left.copy(), expression=right.copy())
        found = decided if found is None else exp.paren(exp.or_(decided, exp.and_(same, found)))
    return exp.paren(found)


def no_removal(node: Any) -> Any:
    raise Refused("array_remove()")


def number(node: Any, inner: Any) -> Any:
    """A number made whole or a decimal of a size, as decimals are: away from zero in the middle."""
    from sqlglot import exp

    kind = node.to
    if kind.this in exp.DataType.INTEGER_TYPES and is_exact(inner):
        node.set("this", exp.Round(this=node.this.copy()))
    is_sized = kind.this == exp.DataType.Type.DECIMAL and kind.expressions
    if is_sized and not (isinstance(inner, exp.Literal) or is_text(inner)):
        node.set("this", called(DIGITS, node.this))
    return node


def rounded(node: Any) -> Any:
    """A float in the middle of two whole numbers is rounded to the even one; a decimal away from zero in both."""
    from sqlglot import exp

    digits = node.args.get("decimals")
    if digits is not None:
        few = isinstance(digits, exp.Literal) and digits.is_int and int(digits.name) <= 6
        return called(ROUNDED, node.this, digits) if few else node
    if is_exact(node.this):
        return node
    kind = exp.func("typeof", node.this.copy())
    rest = exp.Mod(this=exp.Abs(this=node.this.copy()), expression=exp.Literal.number(2))
    middle = exp.and_(kind.isin("DOUBLE", "FLOAT"), exp.EQ(this=rest, expression=exp.Literal.number("0.5")))
    beyond = exp.case().when(middle, exp.Sign(this=node.this.copy())).else_("0")
    return exp.paren(exp.Sub(this=node.copy(), expression=beyond))


def percentile(node: Any) -> Any:
    """A percentile between two values, which is a float whatever they are."""
    from sqlglot import exp

    if isinstance(node.this, exp.PercentileCont):
        for ordered in node.expression.expressions:
            ordered.set("this", exp.cast(ordered.this.copy(), "double"))
    return node


def same(node: Any) -> Any:
    """Rows that are compared, and a value with the items of a list: NULL is the same as nothing in PostgreSQL."""
    from sqlglot import exp

    if any(is_document_value(side) for side in (node.this, node.expression)):
        raise Refused("comparing documents of JSON")
    items = _items(node)
    if items is not None:
        among = exp.In(this=node.this.copy(), query=exp.select(exp.Explode(this=items.copy())).subquery())
        said = exp.not_(among) if isinstance(node, exp.NEQ) else among
        return exp.case().when(items.copy().is_(exp.null()), exp.null()).else_(said)
    if not (isinstance(node.this, exp.Tuple) and isinstance(node.expression, exp.Tuple)):
        return node
    same = _pairwise(node.this, node.expression)
    return exp.paren(exp.not_(same) if isinstance(node, exp.NEQ) else same)


def _items(node: Any) -> Any:
    """The list in `= any(list)` and `<> all(list)`; None where nothing is compared so, or with a query."""
    from sqlglot import exp

    quantified = node.expression
    if isinstance(node, exp.EQ) and isinstance(quantified, exp.Any):
        items = quantified.this.unnest()
    elif isinstance(node, exp.NEQ) and isinstance(quantified, exp.Anonymous) and quantified.name.lower() == "all":
        items = quantified.expressions[0]
    else:
        return None
    return None if isinstance(items, exp.Query) else items


def length(node: Any) -> Any:
    """The length of a list, which is NULL for an empty one."""
    from sqlglot import exp

    return exp.Nullif(this=node.copy(), expression=exp.Literal.number(0))


def among(node: Any) -> Any:
    """A row among rows that are listed."""
    from sqlglot import exp

    listed = node.expressions
    if not (isinstance(node.this, exp.Tuple) and listed and all(isinstance(row, exp.Tuple) for row in listed)):
        return node
    return exp.paren(exp.or_(*(_pairwise(node.this, row) for row in listed)))


def _pairwise(left: Any, right: Any) -> Any:
    from sqlglot import exp

    pairs = zip(left.expressions, right.expressions, strict=False)
    return exp.paren(exp.and_(*(exp.EQ(this=a.copy(), expression=b.copy()) for a, b in pairs)))
