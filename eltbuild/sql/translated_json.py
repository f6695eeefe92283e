"""Documents of JSON said in another engine's words: members, lists, their texts. One function for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.sql.stand_ins import DOCUMENT, MEMBER
from eltbuild.sql.translated_terms import Refused, called, copied, is_document, is_json_type


def json_list(node: Any) -> Any:
    """All values as JSON."""
    from sqlglot import exp

    inner = node.this if type(node) is exp.JSONArrayAgg else node.expressions[0]
    return called(DOCUMENT, exp.ArrayAgg(this=inner.copy()))


def built(node: Any, name: str) -> Any:
    """A document that is built of values, which are JSON each; of `json_object`, every second one."""
    from sqlglot import exp

    every = [
        one.copy() if name == "json_object" and number % 2 == 0 else called(DOCUMENT, one)
        for number, one in enumerate(node.expressions)
    ]
    return exp.Anonymous(this=name, expressions=every)


BUILT: Mapping[str, str] = {
    "json_build_object": "json_object", "jsonb_build_object": "json_object",
    "json_build_array": "json_array", "jsonb_build_array": "json_array",
}  # fmt: skip
"""Functions that build a document, and what they are called there."""
MADE = frozenset({*BUILT.values(), DOCUMENT})
"""What gives documents whose numbers and times are not written as the warehouse writes them."""


def is_document_value(node: Any) -> bool:
    """Whether it is written as a document that is an object or a list."""
    from sqlglot import exp

    node = node.unnest()
    return isinstance(node, exp.Cast) and is_json_type(node.to) and is_document(node.this)


def member_text(node: Any) -> Any:
    """`->>`: the text of what is no object and no list, unless it is made a document again."""
    from sqlglot import exp

    whole = node.this.unnest()
    while isinstance(whole, (exp.JSONExtract, exp.JSONExtractScalar)):
        whole = whole.this.unnest()
    if isinstance(whole, exp.Anonymous) and str(whole.this) in MADE:
        raise Refused("the text of a member of a document that is built")
    parent = node.parent.parent if isinstance(node.parent, exp.Paren) else node.parent
    if isinstance(parent, exp.Cast) and is_json_type(parent.to):
        return node
    return called(MEMBER, exp.paren(exp.JSONExtract(**{name: copied(value) for name, value in node.args.items()})))


def member_text_by_path(node: Any) -> Any:
    """`#>>` with keys that are a literal."""
    return called(MEMBER, member_by_path(node)) if node.expression.is_string else node


def member_by_path(node: Any) -> Any:
    """`#>` with keys that are a literal."""
    from sqlglot import exp

    if not node.expression.is_string:
        return node
    return called("json_extract", node.this, exp.Literal.string(_path(node.expression.name)))


def arrows_read(tree: Any) -> None:
    """`->` as an argument of a function, which the parser takes for a lambda, is what it is; a key is a literal."""
    from sqlglot import exp

    for node in list(tree.find_all(exp.Lambda)):
        leaf = _first(node.this)
        if len(node.expressions) == 1 and _key(leaf) is not None:
            inner = exp.JSONExtract(this=exp.column(node.expressions[0].copy()), expression=leaf.copy())
            whole = exp.paren(node.this.copy(), copy=False)
            _first(whole.this).replace(inner)
            node.replace(whole)
    for node in tree.find_all(exp.JSONExtract, exp.JSONExtractScalar):
        key = _key(node.expression)
        if key is not None:
            node.set("expression", _json_path(key))


def _first(node: Any) -> Any:
    """What stands first in the text of an expression, as far as that can be the key behind a `->`."""
    from sqlglot import exp

    while isinstance(node, exp.Binary | exp.JSONExtract | exp.JSONExtractScalar | exp.Is | exp.In | exp.Between):
        node = node.this
    return node


def _key(node: Any) -> Any:
    """The literal that a key is, `'a'` or `'a'::text`; None where it is none."""
    from sqlglot import exp

    if isinstance(node, exp.Cast) and node.is_type(*exp.DataType.TEXT_TYPES):
        node = node.this
    return node if isinstance(node, exp.Literal) else None


def _json_path(key: Any) -> Any:
    from sqlglot.dialects.dialect import Dialect

    return Dialect.get_or_raise("postgres").to_json_path(key.copy())


def bracketed(node: Any) -> Any:
    """`->` as an argument, where the other engine takes it for a lambda."""
    from sqlglot import exp

    return exp.paren(node.copy()) if isinstance(node.parent, exp.Anonymous) else node


def _path(keys: str) -> str:
    """The path that keys such as `{a,0,b}` are."""
    return "$" + "".join(f"[{key}]" if key.isdecimal() else f'."{key}"' for key in keys.strip("{}").split(","))


PATHS = frozenset({
    "jsonb_extract_path", "json_extract_path", "jsonb_extract_path_text", "json_extract_path_text",
})  # fmt: skip
