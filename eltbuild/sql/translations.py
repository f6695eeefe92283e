"""Where the parser's own translation between two engines would change a result: said rightly here, or refused.

One function for each kind of expression, by pairs of dialects. What is not named here is left to the parser.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Rule = Callable[[Any], Any]
"""`expression -> expression`: what to say instead; the same one where nothing is to be changed."""


class Refused(Exception):
    """There is no way to say it that gives the same."""


def translated(node: Any, source: str, target: str) -> Any:
    """The expression as the target must hear it. Raises `Refused`."""
    rule = RULES.get((source, target), {}).get(type(node).__name__)
    return node if rule is None else rule(node)


FORMATS: Mapping[str, str] = {
    "YYYY": "%Y", "YYY": "", "YY": "%y", "IYYY": "%G", "MM": "%m", "FMMM": "%-m", "DD": "%d", "FMDD": "%-d",
    "DDD": "%j", "FMDDD": "%-j", "ID": "%u", "IW": "%V", "HH24": "%H", "FMHH24": "%-H", "HH12": "%I", "FMHH12": "%-I",
    "HH": "%I", "MI": "%M", "FMMI": "%-M", "SS": "%S", "FMSS": "%-S", "MS": "%g", "US": "%f", "Mon": "%b", "Dy": "%a",
    "FMMonth": "%B", "FMDay": "%A", "TMMonth": "%B", "TMDay": "%A", "TMMon": "%b", "TMDy": "%a", "AM": "%p",
    "PM": "%p", "T": "T",
}  # fmt: skip
"""PostgreSQL's patterns of times that have a pattern of the same meaning."""
NUMBERS = frozenset({
    "YYYY", "IYYY", "MM", "DD", "HH24", "HH12", "MI", "SS", "DDD", "IW", "MS", "US", "FMMM", "FMDD", "FMHH24", "FMHH12",
    "FMMI", "FMSS",
})  # fmt: skip
"""Those of them whose letters may be small."""
PIECE = re.compile(r'"([^"]*)"|([A-Za-z]+\d*)|(%)|([^"A-Za-z%]+)')
LONGEST = sorted(FORMATS, key=len, reverse=True)


def strftime_of(pattern: str) -> str:
    """A pattern of PostgreSQL's `to_char` for times as one of `strftime`. Raises `Refused`."""
    out: list[str] = []
    for literal, word, percent, other in PIECE.findall(pattern):
        out.append((literal or other).replace("%", "%%") + ("%%" if percent else ""))
        while word:
            name = next((own for own in LONGEST if _begins(word, own)), None)
            if name is None or not FORMATS[name]:
                raise Refused(f"the pattern `{pattern}` of times")
            out.append(FORMATS[name])
            word = word[len(name) :]
    return "".join(out)


def _begins(word: str, name: str) -> bool:
    head = word[: len(name)]
    return head == name or (name in NUMBERS and head == name.lower())


def _time_pattern(node: Any) -> Any:
    """`to_char` and `to_date` of PostgreSQL, whose pattern the parser knows in part only."""
    from sqlglot import exp
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.time import format_time

    given = node.args.get("format")
    if not isinstance(given, exp.Literal):
        raise Refused("a pattern of times that is no literal")
    dialect = Dialect.get_or_raise("postgres")
    written = format_time(given.name, dialect.INVERSE_TIME_MAPPING, dialect.INVERSE_TIME_TRIE) or given.name
    node.set("format", exp.Literal.string(strftime_of(written)))
    return node


def _seconds(node: Any) -> Any:
    """Seconds with their fraction, which the other engine leaves out."""
    from sqlglot import exp

    if node.name.upper() not in ("SECOND", "SECONDS"):
        return node
    part = exp.Extract(this=exp.var("MICROSECONDS"), expression=node.expression.copy())
    return exp.paren(exp.Div(this=part, expression=exp.Literal.number("1000000.0")))


def _similar(node: Any) -> Any:
    """SIMILAR TO with SQL's own wildcards, as a regular expression over the whole text."""
    from sqlglot import exp

    pattern = node.expression
    if not isinstance(pattern, exp.Literal):
        raise Refused("SIMILAR TO with a pattern that is no literal")
    text = "".join(_wildcard(letter) for letter in pattern.name)
    return exp.Anonymous(this="regexp_full_match", expressions=[node.this.copy(), exp.Literal.string(text)])


def _wildcard(letter: str) -> str:
    return {"%": ".*", "_": ".", ".": r"\.", "^": r"\^", "$": r"\$"}.get(letter, letter)


def _distinct(node: Any) -> Any:
    """Different values in their order, in which PostgreSQL gives them."""
    from sqlglot import exp

    inner = node.this
    if isinstance(inner, exp.Distinct) and len(inner.expressions) == 1:
        by = exp.Ordered(this=inner.expressions[0].copy(), nulls_first=False)
        node.set("this", exp.Order(this=inner.copy(), expressions=[by]))
    return node


def _json_list(node: Any) -> Any:
    """All values as JSON."""
    from sqlglot import exp

    inner = node.this if type(node) is exp.JSONArrayAgg else node.expressions[0]
    return exp.Anonymous(this="to_json", expressions=[exp.ArrayAgg(this=inner.copy())])


def _matched(node: Any) -> Any:
    """`substring(text from pattern)`."""
    from sqlglot import exp

    start = node.args.get("start")
    if not (isinstance(start, exp.Literal) and start.is_string):
        return node
    if "(" in start.name:
        raise Refused("substring() by a pattern with groups")
    found = exp.Anonymous(this="regexp_extract", expressions=[node.this.copy(), start.copy()])
    return exp.Nullif(this=found, expression=exp.Literal.string(""))


def _no_format(node: Any) -> Any:
    raise Refused("format()")


def _joined(node: Any) -> Any:
    """`||`, which joins documents of JSON in the one engine and their texts in the other."""
    from sqlglot import exp

    for side in (node.this, node.expression):
        if isinstance(side, exp.Cast) and side.to.this in (exp.DataType.Type.JSONB, exp.DataType.Type.JSON):
            raise Refused("`||` of documents of JSON")
        if isinstance(side, (exp.JSONExtract, exp.JSONBExtract)) or _is_document(side):
            raise Refused("`||` of documents of JSON")
    return node


def _is_document(node: Any) -> bool:
    """Whether it is a text that is a JSON object or list, all of it."""
    if not node.is_string or node.name[:1] not in ("{", "["):
        return False
    try:
        json.loads(node.name)
    except ValueError:
        return False
    return True


def _cast(node: Any) -> Any:
    """Lists in PostgreSQL's words, and texts of values that the engines write in their own ways."""
    from sqlglot import exp

    inner = node.this.unnest()
    if node.to.this == exp.DataType.Type.ARRAY and inner.is_string:
        items = [exp.null() if item is None else exp.Literal.string(item) for item in list_of(inner.name)]
        return exp.Cast(this=exp.Array(expressions=items), to=node.to.copy())
    if node.to.this not in exp.DataType.TEXT_TYPES:
        return node
    documents = (exp.JSONObject, exp.JSONObjectAgg, exp.JSONBObjectAgg)
    if isinstance(inner, documents) or (isinstance(inner, exp.Anonymous) and str(inner.this).lower() in WRITTEN):
        raise Refused("the text of a row or a document of JSON")
    if not isinstance(inner, exp.Cast):
        return node
    # The other engine shows digits that were never written.
    if inner.to.this == exp.DataType.Type.DECIMAL and not inner.to.expressions:
        raise Refused("the text of a number whose scale is not told")
    return node


def list_of(text: str) -> list[str | None]:
    """The items of a list as PostgreSQL writes it: `{1,NULL,"a,b"}`. Raises `Refused` for lists of lists."""
    inner = text.strip()
    if inner == "{}":
        return []
    if not re.fullmatch(rf"\{{\s*{_ITEM}(,\s*{_ITEM})*\}}", inner):
        raise Refused(f"the list `{text}`")
    return [_item(found[0]) for found in re.finditer(_ITEM, inner[1:-1])]


_ITEM = r"""(?:"(?:[^"\\]|\\.)*"|[^\s,{}"\\](?:[^,{}"\\]*[^\s,{}"\\])?)\s*"""


def _item(written: str) -> str | None:
    bare = written.strip()
    if bare.startswith('"'):
        return re.sub(r"\\(.)", r"\1", bare[1:-1])
    return None if bare.upper() == "NULL" else bare


def _like(node: Any) -> Any:
    """LIKE, in which a backslash escapes what follows though nothing says so."""
    from sqlglot import exp

    pattern = node.expression
    said = isinstance(node.parent, exp.Escape) or isinstance(pattern, exp.Any)
    if said or (pattern.is_string and "\\" not in pattern.name):
        return node
    return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\"))


def _rounded(node: Any) -> Any:
    """A float in the middle of two whole numbers is rounded to the even one; a decimal away from zero in both."""
    from sqlglot import exp

    if node.args.get("decimals") is not None:
        return node
    kind = exp.func("typeof", node.this.copy())
    rest = exp.Mod(this=exp.Abs(this=node.this.copy()), expression=exp.Literal.number(2))
    middle = exp.and_(kind.isin("DOUBLE", "FLOAT"), exp.EQ(this=rest, expression=exp.Literal.number("0.5")))
    beyond = exp.case().when(middle, exp.Sign(this=node.this.copy())).else_("0")
    return exp.paren(exp.Sub(this=node.copy(), expression=beyond))


def _percentile(node: Any) -> Any:
    """A percentile between two values, which is a float whatever they are."""
    from sqlglot import exp

    if isinstance(node.this, exp.PercentileCont):
        for ordered in node.expression.expressions:
            ordered.set("this", exp.cast(ordered.this.copy(), "double"))
    return node


def _same(node: Any) -> Any:
    """Rows that are compared, and a value with the items of a list: NULL is the same as nothing in PostgreSQL."""
    from sqlglot import exp

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


def _length(node: Any) -> Any:
    """The length of a list, which is NULL for an empty one."""
    from sqlglot import exp

    return exp.Nullif(this=node.copy(), expression=exp.Literal.number(0))


def _among(node: Any) -> Any:
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


def _function(node: Any) -> Any:
    """Functions that the parser does not know."""
    from sqlglot import exp

    name = str(node.this).lower()
    if name in ("jsonb_agg", "json_agg") and len(node.expressions) == 1:
        return _json_list(node)
    if name in RENAMED:
        return exp.Anonymous(this=RENAMED[name], expressions=[one.copy() for one in node.expressions])
    if name in OTHERS:
        raise Refused(f"{name}()")
    return node


def _json_text(node: Any) -> Any:
    """`#>>` with keys that are a literal."""
    from sqlglot import exp

    if not node.expression.is_string:
        return node
    path = _path(node.expression.name)
    return exp.Anonymous(this="json_extract_string", expressions=[node.this.copy(), exp.Literal.string(path)])


def _path(keys: str) -> str:
    """The path that keys such as `{a,0,b}` are."""
    return "$" + "".join(f"[{key}]" if key.isdecimal() else f'."{key}"' for key in keys.strip("{}").split(","))


RENAMED: Mapping[str, str] = {
    "json_build_object": "json_object", "jsonb_build_object": "json_object", "to_jsonb": "to_json",
    "json_build_array": "json_array", "jsonb_build_array": "json_array", "json_object_agg": "json_group_object",
    "jsonb_object_agg": "json_group_object", "jsonb_array_length": "json_array_length", "every": "bool_and",
    "btrim": "trim", "cardinality": "len", "clock_timestamp": "now", "statement_timestamp": "now",
}  # fmt: skip
OTHERS = frozenset({"format", "jsonb_typeof", "json_typeof", "hashtext", "sha256", "decode", "pg_typeof"})
"""Functions that have their namesakes there, which give something else."""
WRITTEN = frozenset({"row", "to_json", "json_object", "json_array", "json_group_object"})
"""Functions of which the other engine writes the result with other spaces."""

POSTGRES: Mapping[str, Rule] = {
    "TimeToStr": _time_pattern,
    "StrToDate": _time_pattern,
    "StrToTime": _time_pattern,
    "Extract": _seconds,
    "SimilarTo": _similar,
    "ArrayAgg": _distinct,
    "GroupConcat": _distinct,
    "JSONArrayAgg": _json_list,
    "Substring": _matched,
    "Format": _no_format,
    "DPipe": _joined,
    "Cast": _cast,
    "Like": _like,
    "ILike": _like,
    "Round": _rounded,
    "WithinGroup": _percentile,
    "EQ": _same,
    "NEQ": _same,
    "In": _among,
    "ArraySize": _length,
    "Anonymous": _function,
    "JSONBExtractScalar": _json_text,
}
RULES: Mapping[tuple[str, str], Mapping[str, Rule]] = {("postgres", "duckdb"): POSTGRES}
