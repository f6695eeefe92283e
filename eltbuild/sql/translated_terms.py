"""What rules of translation between two engines have in common: refusals, and what is known of an expression."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from eltbuild.sql.stand_ins import CAPITALS, EXACT_TEXT, HEX, MEMBER, SHOWN, TEXT

Rule = Callable[[Any], Any]
"""`expression -> expression`: what to say instead; the same one where nothing is to be changed."""


class Refused(Exception):
    """There is no way to say it that gives the same."""


EXACT = "is_exact"
"""How expressions are marked that are decimals of no certain scale."""


def is_exact(node: Any) -> bool:
    """Whether it is known to be a decimal of no certain scale, though it may be a float in the other engine."""
    return bool(node.meta.get(EXACT) or node.unnest().meta.get(EXACT))


def is_text(node: Any) -> bool:
    """Whether an expression is a text, whatever the columns in it are."""
    from sqlglot import exp

    node = node.unnest()
    if isinstance(node, exp.DPipe):
        return is_text(node.this) or is_text(node.expression)
    if isinstance(node, exp.Anonymous):
        return str(node.this) in (TEXT, EXACT_TEXT, SHOWN, MEMBER, CAPITALS, HEX)
    texts = (exp.Upper, exp.Lower, exp.Trim, exp.Substring, exp.Concat, exp.ConcatWs, exp.Left, exp.Right, exp.Replace)
    return bool(node.is_string) or isinstance(node, texts) or (isinstance(node, exp.Cast) and is_text_type(node.to))


def is_text_type(kind: Any) -> bool:
    from sqlglot import exp

    return kind.this in exp.DataType.TEXT_TYPES


def called(name: str, *arguments: Any) -> Any:
    from sqlglot import exp

    return exp.Anonymous(this=name, expressions=[one.copy() for one in arguments])


def is_document(node: Any) -> bool:
    """Whether it is a text that is a JSON object or list, all of it."""
    if not node.is_string or node.name[:1] not in ("{", "["):
        return False
    try:
        json.loads(node.name)
    except ValueError:
        return False
    return True


def is_json_type(kind: Any) -> bool:
    from sqlglot import exp

    return kind.this in (exp.DataType.Type.JSONB, exp.DataType.Type.JSON)


def copied(value: Any) -> Any:
    return value.copy() if hasattr(value, "copy") else value
