"""Documents of JSON said in another engine's words: members, lists, their texts. One function for each kind."""

from __future__ import annotations

from typing import Any

from eltbuild.sql.stand_ins import MEMBER
from eltbuild.sql.translated_terms import called, copied, is_document, is_json_type


def json_list(node: Any) -> Any:
    """All values as JSON."""
    from sqlglot import exp

    inner = node.this if type(node) is exp.JSONArrayAgg else node.expressions[0]
    return exp.Anonymous(this="to_json", expressions=[exp.ArrayAgg(this=inner.copy())])


def is_document_value(node: Any) -> bool:
    """Whether it is written as a document that is an object or a list."""
    from sqlglot import exp

    node = node.unnest()
    return isinstance(node, exp.Cast) and is_json_type(node.to) and is_document(node.this)


def member_text(node: Any) -> Any:
    """`->>`: the text of what is no object and no list, unless it is made a document again."""
    from sqlglot import exp

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


def no_lambda(node: Any) -> Any:
    """`->` as an argument of a function, which the parser takes for a lambda."""
    from sqlglot import exp
    from sqlglot.dialects.dialect import Dialect

    leaf = node.this
    while isinstance(leaf, (exp.JSONExtract, exp.JSONExtractScalar)):
        leaf = leaf.this
    if len(node.expressions) != 1 or not isinstance(leaf, exp.Literal):
        return node
    path = Dialect.get_or_raise("postgres").to_json_path(leaf.copy())
    inner = exp.JSONExtract(this=exp.column(node.expressions[0].copy()), expression=path)
    if leaf is node.this:
        return exp.paren(inner)
    leaf.replace(inner)
    return exp.paren(node.this.copy())


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
