"""dbt's cross-database macros for texts, arrays, aggregates and sets. Dates are in `dates`, types in `types`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eltbuild.compile.dbt.spelling import enclosed, spell, spelling
from eltbuild.compile.rendering import Rendering
from eltbuild.jinja.errors import TemplateError


def any_value(rendering: Rendering, expression: Any) -> str:
    """The expression's value in some row of a group."""
    return spell("any_value", rendering.session.dialect, expression=expression)


def bool_or(rendering: Rendering, expression: Any) -> str:
    """Whether the expression holds in any row of a group."""
    return spell("bool_or", rendering.session.dialect, expression=expression)


def array_append(rendering: Rendering, array: Any, new_element: Any) -> str:
    """The array with one more element at its end."""
    return spell("array_append", rendering.session.dialect, array=array, new_element=new_element)


def array_concat(rendering: Rendering, array_1: Any, array_2: Any) -> str:
    """The elements of the first array, then those of the second."""
    return spell("array_concat", rendering.session.dialect, array_1=array_1, array_2=array_2)


def array_construct(rendering: Rendering, inputs: Sequence[Any] = (), data_type: Any = None) -> str:
    """An array of those elements; the type of its elements counts only when there are none."""
    dialect = rendering.session.dialect
    if inputs is None or isinstance(inputs, str):
        raise TemplateError(f"array_construct() takes a list of expressions, got {inputs!r}")
    if inputs:
        return spell("array_construct", dialect, inputs=", ".join(map(str, inputs)))
    return spell("empty_array", dialect, data_type=data_type or rendering.scope["type_int"]())


def cast(rendering: Rendering, field: Any, type: Any) -> str:
    """The field cast to the type."""
    return f"cast({field} as {type})"


def safe_cast(rendering: Rendering, field: Any, type: Any) -> str:
    """The field cast to the type; NULL where that fails, in engines whose dbt adapter has such a cast."""
    return spell("safe_cast", rendering.session.dialect, field=field, type=type)


def cast_bool_to_text(rendering: Rendering, field: Any) -> str:
    """A boolean as `'true'` or `'false'`."""
    return spell("cast_bool_to_text", rendering.session.dialect, field=field)


def concat(rendering: Rendering, fields: Sequence[Any]) -> str:
    """The texts one after the other; NULL if any of them is."""
    if isinstance(fields, str):
        raise TemplateError("concat() takes a list of expressions, got a text")
    if len(fields) < 2:
        return "".join(map(str, fields))
    before, between, after = spelling("concat", rendering.session.dialect).texts()
    return before + between.join(enclosed(str(field)) for field in fields) + after


def equals(rendering: Rendering, expr1: Any, expr2: Any) -> str:
    """Whether two values are equal; with the flag `enable_truthy_nulls_equals_macro` two NULLs are."""
    if rendering.session.project.settings.flags.get("enable_truthy_nulls_equals_macro"):
        return f"({spell('same', rendering.session.dialect, expr1=expr1, expr2=expr2)})"
    return f"({expr1} = {expr2})"


def except_(rendering: Rendering) -> str:
    """The set operator that takes rows away."""
    return "except distinct" if rendering.session.dialect == "bigquery" else "except"


def intersect(rendering: Rendering) -> str:
    """The set operator that keeps common rows."""
    return "intersect distinct" if rendering.session.dialect == "bigquery" else "intersect"


def hash_(rendering: Rendering, field: Any) -> str:
    """The md5 of the field as text, in hexadecimal."""
    return spell("hash", rendering.session.dialect, field=field)


def length(rendering: Rendering, expression: Any) -> str:
    """The number of characters."""
    return spell("length", rendering.session.dialect, expression=expression)


def listagg(
    rendering: Rendering,
    measure: Any,
    delimiter_text: Any = "','",
    order_by_clause: Any = None,
    limit_num: Any = None,
) -> str:
    """The texts of a group joined; with `limit_num` the first so many only. `order_by_clause` begins with ORDER BY."""
    dialect = rendering.session.dialect
    arguments: dict[str, Any] = {"measure": measure, "delimiter_text": delimiter_text}
    name = "listagg"
    if order_by_clause:
        name += "_ordered"
        arguments["order"] = _order(str(order_by_clause))
    if limit_num:
        name += "_limited"
        arguments["limit"] = limit_num
    try:
        return spell(name, dialect, **arguments)
    except KeyError:
        raise TemplateError(
            f"listagg() with {'an order and ' if order_by_clause else ''}a limit cannot be written for {dialect}",
            hint="number the rows with row_number() in a subquery and filter there",
        ) from None


def _order(clause: str) -> str:
    words = clause.strip().split(None, 2)
    if [word.lower() for word in words[:2]] == ["order", "by"] and len(words) == 3:
        return words[2]
    raise TemplateError(f"listagg(): order_by_clause begins with `order by`, got `{clause.strip()}`")


def string_literal(rendering: Rendering, value: Any) -> str:
    """The text in quotes. Quotes inside are the caller's business, as `escape_single_quotes` is there for them."""
    return f"'{value}'"


def escape_single_quotes(rendering: Rendering, expression: Any) -> str:
    """The text with its single quotes as the engine wants them inside a literal."""
    backslash = rendering.session.dialect in ("bigquery", "snowflake", "spark", "databricks")
    return str(expression).replace("'", "\\'" if backslash else "''")


def position(rendering: Rendering, substring_text: Any, string_text: Any) -> str:
    """Where the first text begins in the second, from 1; 0 where it does not."""
    return spell("position", rendering.session.dialect, substring_text=substring_text, string_text=string_text)


def replace(rendering: Rendering, field: Any, old_chars: Any, new_chars: Any) -> str:
    """The field with one text in place of another."""
    return spell("replace", rendering.session.dialect, field=field, old_chars=old_chars, new_chars=new_chars)


def right(rendering: Rendering, string_text: Any, length_expression: Any) -> str:
    """The last characters of a text."""
    return spell("right", rendering.session.dialect, string_text=string_text, length_expression=length_expression)


def split_part(rendering: Rendering, string_text: Any, delimiter_text: Any, part_number: Any) -> str:
    """A part of a text between delimiters, counted from 1; negative numbers count from the end."""
    negative = "negative" if str(part_number).lstrip().startswith("-") else ""
    return spell(
        "split_part", rendering.session.dialect, negative,
        string_text=string_text, delimiter_text=delimiter_text, part_number=part_number,
    )  # fmt: skip


def is_core_v2(rendering: Rendering) -> bool:
    """Whether this is dbt's second engine; it is not."""
    return False


CROSSDB: Mapping[str, Callable[..., Any]] = {
    "any_value": any_value,
    "array_append": array_append,
    "array_concat": array_concat,
    "array_construct": array_construct,
    "bool_or": bool_or,
    "cast": cast,
    "cast_bool_to_text": cast_bool_to_text,
    "concat": concat,
    "equals": equals,
    "escape_single_quotes": escape_single_quotes,
    "except": except_,
    "hash": hash_,
    "intersect": intersect,
    "is_core_v2": is_core_v2,
    "length": length,
    "listagg": listagg,
    "position": position,
    "replace": replace,
    "right": right,
    "safe_cast": safe_cast,
    "split_part": split_part,
    "string_literal": string_literal,
}
