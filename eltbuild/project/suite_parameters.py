"""Parameters of suites, `{"$PARAMETER": "most * 0.9"}`: how they are written until vars are known, and their values.

A name by itself becomes the var of that name; an expression keeps its names beside it, each as such a var, and is
computed when they have values. The language of expressions is that of Great Expectations. Nothing is executed.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any

from eltbuild.errors import CompileError, Place, Problem

KEY = "$PARAMETER"
PARAMETERS = "suite_parameters"
"""The key of the values of a suite's parameters: in the suite, and where a model names it."""
VALUES = "values"
"""The key beside an expression that holds the values of its names."""
_NAME = re.compile(r"[^\W\d]\w*")
_WHOLE = re.compile(r"\s*\{\{-?((?:(?!\{\{|\}\}).)*?)-?\}\}\s*", re.DOTALL)
_CALLED = re.compile(r"\s*\{\{\s*var\(\s*['\"](\w+)['\"]\s*(?:,(?:(?!\{\{|\}\}).)*)?\)\s*\}\}\s*", re.DOTALL)
_HINT = "a parameter is a name, or an expression such as `rows * 0.9` or `now() - timedelta(days=1)`"
_MOST = 1_000_000
"""How large a number may be that is raised, or raised to."""


def is_parameter(value: Any) -> bool:
    """Whether a value is a parameter that is not known yet."""
    return isinstance(value, Mapping) and KEY in value


def holds_parameter(value: Any) -> bool:
    """Whether there is a parameter in a value, at any depth."""
    if isinstance(value, Mapping):
        return KEY in value or any(map(holds_parameter, value.values()))
    return isinstance(value, (list, tuple)) and any(map(holds_parameter, value))


def with_parameters(
    value: Any, given: Mapping[str, Any], usual: Mapping[str, Any], place: Place | None, problems: list[Problem]
) -> Any:
    """The value with each parameter as what it is until vars are known.

    `given` are values that count whatever vars there are, `usual` those of parameters that no var gives. What is
    wrong is added to the problems.
    """
    if isinstance(value, list):
        return [with_parameters(item, given, usual, place, problems) for item in value]
    if not isinstance(value, Mapping):
        return value
    if KEY not in value:
        return {key: with_parameters(item, given, usual, place, problems) for key, item in value.items()}
    text = value[KEY]
    if not isinstance(text, str) or not text.strip():
        problems.append(Problem(f"`{KEY}` is the name of a parameter, not `{text}`", place, _HINT))
        return value
    text = text.strip()
    known = value.get(f"{KEY}.{text}")
    if known is not None:
        return known
    written = value.get(VALUES)
    if text in given:
        return given[text]
    if _NAME.fullmatch(text) and text.upper() not in _CONSTANTS:
        return _var(text, usual)
    try:
        names = sorted(set(_names(_parsed(text))))
    except ValueError as error:
        problems.append(Problem(f"`{KEY}: {text}` cannot be read: {error}", place, _HINT))
        return value
    values = {name: given[name] if name in given else _var(name, usual) for name in names}
    return {KEY: text, VALUES: {**values, **(written if isinstance(written, Mapping) else {})}}


def names_in(value: Any) -> Iterator[str]:
    """The names of the parameters in a value as it is written; what cannot be read has none."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from names_in(item)
    elif isinstance(value, Mapping) and KEY not in value:
        for item in value.values():
            yield from names_in(item)
    elif isinstance(value, Mapping) and f"{KEY}.{value[KEY]}" not in value:
        known = value.get(VALUES)
        beside = frozenset(known) if isinstance(known, Mapping) else frozenset()
        with suppress(ValueError):
            yield from sorted({*_names(_parsed(str(value[KEY]).strip()))} - beside)


def _var(name: str, usual: Mapping[str, Any]) -> str:
    more = f", {_expression(usual[name])}" if name in usual else ""
    return f"{{{{ var({as_jinja(name)}{more}) }}}}"


def _expression(value: Any) -> str:
    """A value within an expression of Jinja; one that is an expression itself stays that."""
    found = _WHOLE.fullmatch(value) if isinstance(value, str) else None
    return as_jinja(value) if found is None else f"({found[1]})"


def as_jinja(value: Any) -> str:
    """A value as it is written within an expression of Jinja."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{as_jinja(key)}: {as_jinja(item)}' for key, item in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(as_jinja, value))}]"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)) and math.isfinite(value):
        return repr(value)
    text = str(value).replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{text}'"


def as_written(given: Any, written: Any, value: Any, values: dict[str, Any]) -> Any:
    """A value for a suite of Great Expectations: its parameters stay such, what they are worth is put to `values`.

    `given` is what stood there, `written` the same with vars in the place of names, `value` that with vars known.
    """
    text = value[KEY] if is_parameter(value) else given[KEY] if is_parameter(given) else None
    if is_parameter(value):
        values.update(value.get(VALUES) or {})
        return {KEY: text}
    name = text.strip() if isinstance(text, str) else _var_of(written)
    if name is not None and _NAME.fullmatch(name):
        values[name] = value
        return {KEY: name}
    if isinstance(value, Mapping) and isinstance(written, Mapping):
        own = given if isinstance(given, Mapping) else written
        return {key: as_written(own.get(key), written.get(key), item, values) for key, item in value.items()}
    if isinstance(value, list) and isinstance(written, list) and len(value) == len(written):
        listed = given if isinstance(given, list) and len(given) == len(value) else written
        return [as_written(*each, values) for each in zip(listed, written, value, strict=True)]
    return value


def _var_of(written: Any) -> str | None:
    """The name of the var that a value is, and nothing else."""
    found = _CALLED.fullmatch(written) if isinstance(written, str) else None
    return None if found is None or found[1].upper() in _CONSTANTS else found[1]


# Values


def valued(value: Any, place: Place | None) -> Any:
    """The value with each expression computed. Raises `CompileError` where that cannot be done."""
    if isinstance(value, list):
        return [valued(item, place) for item in value]
    if not isinstance(value, Mapping):
        return value
    if KEY not in value:
        return {key: valued(item, place) for key, item in value.items()}
    text, names = str(value[KEY]), value.get(VALUES) or {}
    try:
        found = _value(_parsed(text), names)
    except (ValueError, TypeError, ArithmeticError, AttributeError) as error:
        raise CompileError(Problem(f"`{KEY}: {text}` has no value: {error}", place, _HINT)) from error
    return found.isoformat() if isinstance(found, (date, datetime)) else found


def _parsed(text: str) -> ast.expr:
    if "**" in text:
        raise ValueError("`**` is written as `^`")
    try:
        return ast.parse(text.replace("^", "**"), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError("it is no expression") from error


def _names(tree: ast.expr) -> Iterator[str]:
    """The names in an expression; raises `ValueError` where it holds what is none of this language."""
    match tree:
        case ast.Name(id=name):
            if name.upper() not in _CONSTANTS:
                yield name
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _SIGNS:
            yield from _names(left)
            yield from _names(right)
        case ast.UnaryOp(operand=ast.BinOp(op=ast.Pow())):
            raise ValueError("a power behind a sign wants brackets: `(-x) ^ y`, or `0 - x ^ y`")
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=inner):
            yield from _names(inner)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            if name not in _FUNCTIONS:
                raise ValueError(f"there is no function `{name}`; there are {', '.join(sorted(_FUNCTIONS))}")
            for inner in (*args, *(keyword.value for keyword in keywords)):
                yield from _names(inner)
        case ast.Constant(value=int() | float()):
            pass
        case _:
            raise ValueError(f"`{ast.unparse(tree)}` has no meaning here")


def _value(tree: ast.expr, names: Mapping[str, Any]) -> Any:
    match tree:
        case ast.Name(id=name):
            return _CONSTANTS[name.upper()] if name.upper() in _CONSTANTS else _operand(name, names)
        case ast.BinOp(left=left, op=sign, right=right):
            return _SIGNS[type(sign)](_value(left, names), _value(right, names))
        case ast.UnaryOp(op=sign, operand=inner):
            found = _value(inner, names)
            return -found if isinstance(sign, ast.USub) else found
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            given = {str(keyword.arg): _value(keyword.value, names) for keyword in keywords}
            return _FUNCTIONS[name](*(_value(inner, names) for inner in args), **given)
        case ast.Constant(value=number):
            return number
    raise ValueError(f"`{ast.unparse(tree)}` has no meaning here")


def _operand(name: str, names: Mapping[str, Any]) -> Any:
    """The value of a name: a number, a date or a time."""
    value = names.get(name)
    if isinstance(value, (int, float, datetime)):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    for read in (int, float, datetime.fromisoformat):
        try:
            return read(str(value))
        except ValueError:
            continue
    raise ValueError(f"`{name}` is no number and no time, but `{value}`")


def _power(base: Any, exponent: Any) -> Any:
    if abs(base) > _MOST or abs(exponent) > 1000:
        raise ValueError("a power is too large")
    return base**exponent


def _sign(number: Any) -> int:
    return int(number > 1e-12) - int(number < -1e-12)


_SIGNS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: _power,
}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "exp": math.exp, "abs": abs, "trunc": int, "round": round,
    "sgn": _sign, "now": datetime.now, "datetime": datetime, "timedelta": timedelta,
}  # fmt: skip
_CONSTANTS: Mapping[str, float] = {"PI": math.pi, "E": math.e}
