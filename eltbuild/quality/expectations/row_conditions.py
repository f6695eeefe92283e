"""Which rows an expectation looks at: `row_condition`, in SQL or in the ways that Great Expectations has. Text only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from eltbuild.errors import CompileError, Place, Problem
from eltbuild.quality.expectations.expectation import Expectation

_COMPARED = re.compile(r"""\s*col\(\s*"(?P<column>[^"]+)"\s*\)\s*(?P<operator>==|!=|>=|<=|>|<)\s*(?P<value>.+?)\s*""")
_NOT_NULL = re.compile(r"""\s*col\(\s*"(?P<column>[^"]+)"\s*\)\s*\.notnull\(\)\s*""", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
_TEXT = re.compile(r"""(?P<date>date\()?\s*(?P<quote>["'])(?P<text>[^"']*)(?P=quote)\s*(?(date)\))""")
_OPERATORS: Mapping[str, str] = {"==": "=", "!=": "<>"}


def condition_of(expectation: Expectation) -> str:
    """The condition that `row_condition` means, in SQL; "" where there is none. Raises `CompileError`."""
    given = expectation.get("row_condition")
    if given is None:
        return ""
    if isinstance(given, Mapping):
        return _structured(expectation, given)
    text = str(given).strip()
    if not re.match(r"col\s*\(", text):
        return text
    found = _NOT_NULL.fullmatch(text)
    if found:
        return f"{_column(expectation, found['column'])} is not null"
    found = _COMPARED.fullmatch(text)
    value = _value(found["value"], expectation.place) if found else None
    if found is None or value is None:
        hint = 'write SQL, or a comparison such as col("amount") > 0'
        raise CompileError(Problem(f"`row_condition` cannot be read: {text}", expectation.place, hint))
    return _comparison(expectation, found["column"], found["operator"], value)


def _column(expectation: Expectation, name: Any) -> str:
    return expectation.quoted(expectation.find(name))


def _value(text: str, place: Place | None) -> Any:
    if _NUMBER.fullmatch(text):
        return float(text) if re.search(r"[.eE]", text) else int(text)
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    if not found["date"]:
        return found["text"]
    try:
        return date.fromisoformat(found["text"])
    except ValueError as error:
        raise CompileError(Problem(f"`row_condition`: {found['text']} is no date", place)) from error


def _comparison(expectation: Expectation, name: Any, operator: str, value: Any) -> str:
    return f"{_column(expectation, name)} {_OPERATORS.get(operator, operator)} {expectation.literal(value)}"


def _structured(expectation: Expectation, given: Mapping[str, Any]) -> str:
    read = _READERS.get(str(given.get("type")))
    try:
        if read is not None:
            return read(expectation, given)
    except (KeyError, TypeError):
        pass
    raise CompileError(Problem(f"`row_condition` cannot be read: {dict(given)}", expectation.place))


def _compared(expectation: Expectation, given: Mapping[str, Any]) -> str:
    name, operator, value = given["column"]["name"], str(given["operator"]), given["parameter"]
    if operator in ("IN", "NOT_IN"):
        if not value:
            return "false" if operator == "IN" else "true"
        word = "in" if operator == "IN" else "not in"
        return f"{_column(expectation, name)} {word} ({expectation.literals(value)})"
    return _comparison(expectation, name, operator, value)


def _nullity(expectation: Expectation, given: Mapping[str, Any]) -> str:
    return f"{_column(expectation, given['column']['name'])} is {'' if given['is_null'] else 'not '}null"


def _joined(word: str) -> Callable[[Expectation, Mapping[str, Any]], str]:
    def read(expectation: Expectation, given: Mapping[str, Any]) -> str:
        parts = [f"({_structured(expectation, part)})" for part in given["conditions"]]
        return f" {word} ".join(parts)

    return read


_READERS: Mapping[str, Callable[[Expectation, Mapping[str, Any]], str]] = {
    "comparison": _compared,
    "nullity": _nullity,
    "and": _joined("and"),
    "or": _joined("or"),
    "pass_through": lambda expectation, given: str(given["pass_through_filter"]),
}
