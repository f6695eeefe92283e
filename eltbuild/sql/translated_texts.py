"""Texts said in another engine's words: patterns, casts to text, parts of texts. One function for each kind."""

from __future__ import annotations

import re
from typing import Any

from eltbuild.sql.stand_ins import ALL_SHOWN, DOCUMENT, EXACT_TEXT, HEX, ROUNDED, SHOWN, TEXT
from eltbuild.sql.translated_terms import Refused, called, is_document, is_exact, is_text, is_text_type
from eltbuild.sql.translated_values import number


def similar(node: Any) -> Any:
    """SIMILAR TO with SQL's own wildcards, as a regular expression over the whole text."""
    from sqlglot import exp

    pattern = node.expression
    if not isinstance(pattern, exp.Literal):
        raise Refused("SIMILAR TO with a pattern that is no literal")
    text = "".join(_wildcard(letter) for letter in pattern.name)
    return exp.Anonymous(this="regexp_full_match", expressions=[node.this.copy(), exp.Literal.string(text)])


def _wildcard(letter: str) -> str:
    return {"%": ".*", "_": ".", ".": r"\.", "^": r"\^", "$": r"\$"}.get(letter, letter)


def distinct(node: Any) -> Any:
    """Different values in their order, in which PostgreSQL gives them."""
    from sqlglot import exp

    inner = node.this
    if isinstance(inner, exp.Distinct) and len(inner.expressions) == 1:
        by = exp.Ordered(this=inner.expressions[0].copy(), nulls_first=False)
        node.set("this", exp.Order(this=inner.copy(), expressions=[by]))
    return node


def matched(node: Any) -> Any:
    """`substring(text from pattern)`."""
    from sqlglot import exp

    start = node.args.get("start")
    if not (isinstance(start, exp.Literal) and start.is_string):
        return _from_the_left(node, start)
    if "(" not in start.name:
        found = exp.Anonymous(this="regexp_extract", expressions=[node.this.copy(), start.copy()])
        return exp.Nullif(this=found, expression=exp.Literal.string(""))
    if not _has_one_group(start.name):
        raise Refused("substring() by such a pattern with groups")
    group = exp.Literal.number(1)
    found = exp.Anonymous(this="regexp_extract", expressions=[node.this.copy(), start.copy(), group])
    fits = exp.Anonymous(this="regexp_matches", expressions=[node.this.copy(), start.copy()])
    return exp.paren(exp.case().when(fits, found))


ONE_GROUP = re.compile(r"(?:\\.|[^\\()\[\]|])*\((?!\?)(?:\\.|[^\\()\[\]])*\)(?![?*{])(?:\\.|[^\\()\[\]|])*")
"""A pattern with one group that is there in all that it matches, and without lists of letters."""


def _has_one_group(pattern: str) -> bool:
    """Whether what the pattern finds is the text of its one group."""
    return ONE_GROUP.fullmatch(re.sub(r"\[\^?\]?[^\]\\]*\]", "x", pattern)) is not None


def _from_the_left(node: Any, start: Any) -> Any:
    """A part whose place is counted from the left even where it lies in front of the text."""
    from sqlglot import exp

    if start is None or (isinstance(start, exp.Literal) and int(start.name) > 0):
        return node
    length = node.args.get("length")
    first = exp.Substring(this=node.this.copy(), start=exp.Literal.number(1))
    if length is not None:
        rest = exp.paren(length.copy()) + exp.paren(start.copy()) - 1
        first.set("length", exp.Greatest(this=rest, expressions=[exp.Literal.number(0)]))
    before = exp.LT(this=exp.paren(start.copy()), expression=exp.Literal.number(1))
    return exp.paren(exp.case().when(before, first).else_(node.copy()))


def any_letter(node: Any) -> Any:
    """A pattern whose `.` is any letter, the end of a line too."""
    from sqlglot import exp

    pattern = node.args.get("expression")
    if isinstance(pattern, exp.Literal) and "." in pattern.name and not pattern.name.startswith(("(?s)", "***")):
        node.set("expression", exp.Literal.string(f"(?s){pattern.name}"))
    return node


def small_hex(node: Any) -> Any:
    """Hexadecimal digits in small letters."""
    return called(HEX, node.this)


def no_format(node: Any) -> Any:
    raise Refused("format()")


def joined(node: Any) -> Any:
    """`||`, which joins documents of JSON in the one engine and their texts in the other."""
    from sqlglot import exp

    for side in (node.this, node.expression):
        if isinstance(side, exp.Cast) and side.to.this in (exp.DataType.Type.JSONB, exp.DataType.Type.JSON):
            raise Refused("`||` of documents of JSON")
        if isinstance(side, (exp.JSONExtract, exp.JSONBExtract)) or is_document(side):
            raise Refused("`||` of documents of JSON")
    if isinstance(node.this, exp.Array) or isinstance(node.expression, exp.Array):
        return called("list_concat", node.this, node.expression)
    for name, other in (("this", node.expression), ("expression", node.this)):
        if is_text(other) and not is_text(node.args[name]):
            node.set(name, _as_text(node.args[name]))
    return node


def _as_text(node: Any) -> Any:
    """A value as the text that a cast makes of it."""
    return called(EXACT_TEXT if is_exact(node) else TEXT, node)


def shown(node: Any) -> Any:
    """`concat` and `concat_ws`, which show values as they are printed."""
    first = 0 if type(node).__name__ == "Concat" else 1
    shown = [one if at < first or is_text(one) else called(SHOWN, one) for at, one in enumerate(node.expressions)]
    node.set("expressions", shown)
    return node


def list_shown(node: Any) -> Any:
    """The items of a list as one text."""
    node.set("this", called(ALL_SHOWN, node.this))
    return node


def cast(node: Any) -> Any:
    """Lists in PostgreSQL's words, and texts of values that the engines write in their own ways."""
    from sqlglot import exp

    inner = node.this.unnest()
    if node.to.this == exp.DataType.Type.ARRAY and inner.is_string:
        items = [exp.null() if item is None else exp.Literal.string(item) for item in list_of(inner.name)]
        return exp.Cast(this=exp.Array(expressions=items), to=node.to.copy())
    if node.to.this == exp.DataType.Type.VARBINARY and inner.is_string:
        return exp.Cast(this=exp.Literal.string(bytes_of(inner.name)), to=node.to.copy())
    if not is_text_type(node.to):
        return number(node, inner)
    documents = (exp.JSONObject, exp.JSONObjectAgg, exp.JSONBObjectAgg)
    if isinstance(inner, documents) or (isinstance(inner, exp.Anonymous) and str(inner.this).lower() in WRITTEN):
        raise Refused("the text of a row or a document of JSON")
    # The other engine shows digits that were never written.
    if isinstance(inner, exp.Cast) and inner.to.this == exp.DataType.Type.DECIMAL and not inner.to.expressions:
        raise Refused("the text of a number whose scale is not told")
    if not is_text(inner):
        node.set("this", _sized_text(inner) or _as_text(node.this))
    if node.to.expressions:
        # A size cuts there, and is of no effect here.
        return exp.Left(this=node.copy(), expression=exp.Literal.number(node.to.expressions[0].name))
    return node


def _sized_text(node: Any) -> Any:
    """The text of a number that has been rounded to so many digits, and shows them; None for others."""
    from sqlglot import exp

    if not (isinstance(node, exp.Anonymous) and str(node.this) == ROUNDED):
        return None
    return exp.cast(exp.cast(node.copy(), f"decimal(37, {node.expressions[1].name})"), "varchar")


HEXADECIMAL = re.compile(r"\\x((?:[0-9a-fA-F]{2})*)")


def bytes_of(text: str) -> str:
    """Bytes as PostgreSQL writes them, in hexadecimal digits, as DuckDB does. Raises `Refused` for octal ones."""
    found = HEXADECIMAL.fullmatch(text)
    if found is not None:
        return re.sub("..", r"\\x\g<0>", found[1])
    if "\\" in text:
        raise Refused(f"the bytes `{text}`")
    return text


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


def like(node: Any) -> Any:
    """LIKE, in which a backslash escapes what follows though nothing says so."""
    from sqlglot import exp

    pattern = node.expression
    said = isinstance(node.parent, exp.Escape) or isinstance(pattern, exp.Any)
    if said or (pattern.is_string and "\\" not in pattern.name):
        return node
    return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\"))


def split(node: Any) -> Any:
    """The parts of a text: none of an empty one; an empty mark does not divide."""
    from sqlglot import exp

    if isinstance(node.expression, exp.Null):
        raise Refused("string_to_array() without a mark")
    empty = exp.EQ(this=node.this.copy(), expression=exp.Literal.string(""))
    nothing = exp.cast(exp.Array(expressions=[]), "varchar[]")
    whole = exp.and_(
        exp.EQ(this=node.expression.copy(), expression=exp.Literal.string("")),
        exp.Not(this=exp.Is(this=node.this.copy(), expression=exp.Null())),
    )
    undivided = exp.Array(expressions=[node.this.copy()])
    cases = exp.case().when(empty, nothing)
    cases = cases if node.expression.is_string and node.expression.name else cases.when(whole, undivided)
    return exp.paren(cases.else_(node.copy()))


def split_part(node: Any) -> Any:
    """One part of a text, which an empty mark does not divide."""

    mark = node.args.get("delimiter")
    if mark is None or (mark.is_string and mark.name):
        return node
    raise Refused("split_part() by a mark that may be empty")


WRITTEN = frozenset({"row", "to_json", DOCUMENT, "json_object", "json_array", "json_group_object"})
"""Functions of which the other engine writes the result with other spaces."""
