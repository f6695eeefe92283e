"""Where the parser's own translation between two engines would change a result: said rightly here, or refused.

One function for each kind of expression, by pairs of dialects. What is not named here is left to the parser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eltbuild.sql.column_names import name_columns
from eltbuild.sql.stand_ins import CAPITALS, DOCUMENT, KIND, MEMBER
from eltbuild.sql.translated_json import (
    BUILT,
    PATHS,
    bracketed,
    built,
    json_list,
    member_by_path,
    member_text,
    member_text_by_path,
)
from eltbuild.sql.translated_terms import Refused, Rule, called
from eltbuild.sql.translated_texts import (
    any_letter,
    cast,
    distinct,
    joined,
    like,
    list_shown,
    matched,
    no_format,
    shown,
    similar,
    small_hex,
    split,
    split_part,
)
from eltbuild.sql.translated_times import not_by_century, time_pattern, zoned_time
from eltbuild.sql.translated_values import (
    among,
    constant,
    length,
    no_removal,
    ordered,
    percentile,
    rounded,
    same,
    seconds,
)


def translated(node: Any, source: str, target: str) -> Any:
    """The expression as the target must hear it. Raises `Refused`."""
    rule = RULES.get((source, target), {}).get(type(node).__name__)
    return node if rule is None else rule(node)


def _function(node: Any) -> Any:
    """Functions that the parser does not know."""
    from sqlglot import exp

    name = str(node.this).lower()
    if name in ("jsonb_agg", "json_agg") and len(node.expressions) == 1:
        return json_list(node)
    if name in PATHS and all(one.is_string for one in node.expressions[1:]):
        keys = "".join(f'."{one.name}"' for one in node.expressions[1:])
        found = called("json_extract", node.expressions[0], exp.Literal.string(f"${keys}"))
        return called(MEMBER, found) if name.endswith("_text") else found
    if name in BUILT:
        return built(node, BUILT[name])
    if name in RENAMED:
        return exp.Anonymous(this=RENAMED[name], expressions=[one.copy() for one in node.expressions])
    if name in OTHERS:
        raise Refused(f"{name}()")
    return node


def _capitals(node: Any) -> Any:
    return called(CAPITALS, node.this)


def _item(node: Any) -> Any:
    """An item of a list, of which there is none with a negative number."""
    from sqlglot import exp

    return exp.Null() if any(isinstance(one, exp.Neg) for one in node.expressions) else node


RENAMED: Mapping[str, str] = {
    "to_jsonb": DOCUMENT, "to_json": DOCUMENT, "row_to_json": DOCUMENT, "json_object_agg": "json_group_object",
    "jsonb_object_agg": "json_group_object", "jsonb_array_length": "json_array_length", "every": "bool_and",
    "jsonb_typeof": KIND, "json_typeof": KIND,
    "btrim": "trim", "cardinality": "len", "clock_timestamp": "now", "statement_timestamp": "now",
}  # fmt: skip
OTHERS = frozenset({"format", "hashtext", "sha256", "decode", "pg_typeof"})
"""Functions that have their namesakes there, which give something else."""
POSTGRES: Mapping[str, Rule] = {
    "TimeToStr": time_pattern,
    "StrToDate": time_pattern,
    "Extract": seconds,
    "SimilarTo": similar,
    "ArrayAgg": distinct,
    "GroupConcat": distinct,
    "JSONArrayAgg": json_list,
    "Substring": matched,
    "Format": no_format,
    "DPipe": joined,
    "Cast": cast,
    "Like": like,
    "ILike": like,
    "Round": rounded,
    "WithinGroup": percentile,
    "EQ": same,
    "NEQ": same,
    "In": among,
    "ArraySize": length,
    "Anonymous": _function,
    "JSONExtractScalar": member_text,
    "JSONExtract": bracketed,
    "JSONBExtractScalar": member_text_by_path,
    "JSONBExtract": member_by_path,
    "Concat": shown,
    "ConcatWs": shown,
    "ArrayToString": list_shown,
    "ArrayRemove": no_removal,
    "Hex": small_hex,
    "LowerHex": small_hex,
    "LT": ordered,
    "LTE": ordered,
    "GT": ordered,
    "GTE": ordered,
    "Corr": constant,
    "StringToArray": split,
    "SplitPart": split_part,
    "StrToTime": zoned_time,
    "Upper": _capitals,
    "Bracket": _item,
    "RegexpReplace": any_letter,
    "RegexpLike": any_letter,
    "RegexpILike": any_letter,
    "TimestampTrunc": not_by_century,
    "DateTrunc": not_by_century,
    "Window": constant,
    "Filter": constant,
}
NAMING: Mapping[tuple[str, str], Callable[[Any], None]] = {("postgres", "duckdb"): name_columns}
"""What names the columns of a query that its text does not name, where the other engine would name them otherwise."""
RULES: Mapping[tuple[str, str], Mapping[str, Rule]] = {("postgres", "duckdb"): POSTGRES}
