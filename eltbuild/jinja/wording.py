"""What a message calls the objects that templates work with: never by the names of our own classes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from eltbuild.errors import did_you_mean
from eltbuild.jinja.sandbox import is_open

NAMES: Mapping[str, str] = {
    "AdapterName": "adapter",
    "Api": "api",
    "Behavior": "adapter.behavior",
    "BoundBuiltin": "a macro",
    "BoundMacro": "a macro",
    "Builtins": "builtins",
    "ColumnFactory": "api.Column",
    "ConfigName": "config",
    "EnvVarName": "env_var",
    "Everything": "context",
    "Exceptions": "exceptions",
    "Flags": "flags",
    "FunctionName": "function",
    "Module": "the module",
    "Named": "a row",
    "Namespace": "the package",
    "OwnGraph": "graph",
    "RefName": "ref",
    "RelationFactory": "api.Relation",
    "Response": "the response",
    "ResultColumn": "a column of a result",
    "RuntimeConfig": "config",
    "SourceName": "source",
    "Table": "the table of a result",
    "TemplateColumn": "a column",
    "TemplateIndex": "an index",
    "TemplateRelation": "a relation",
    "Validation": "validation",
    "VarName": "var",
    "_Pytz": "the module",
}
"""By the name of the class."""
ANY = "this value"
PLAIN = (dict, list, set, tuple, str, int, float)
"""Types that templates know by Jinja's own words for them; of ours, those that are no more than one of these."""

CALL = re.compile(r"\b(_?[A-Z]\w*)\.(\w+)\(\)")
QUOTED = re.compile(r"'(_?[A-Z]\w*)'( object)?")


def called(value: Any) -> str:
    """What an object of ours is called; "" for values that Jinja has words for."""
    kind = type(value)
    if kind.__name__ in NAMES:
        return NAMES[kind.__name__] if kind.__module__.startswith("eltbuild.") else ""
    if not kind.__module__.startswith("eltbuild.") or isinstance(value, PLAIN):
        return ""
    return ANY


def lacking(value: Any, name: Any) -> str:
    """That an object has no such member, with the one that was meant if it can be told; "" where Jinja tells it."""
    if isinstance(value, PLAIN) and type(value).__name__ not in NAMES:
        words = next(kind.__name__ for kind in PLAIN if isinstance(value, kind))
        known = type(value).__module__ != "builtins" and isinstance(name, str)
        return f"'{words} object' has no attribute {name!r}" if known else ""
    words = called(value)
    if not words:
        return ""
    kind: Any = type(value)
    names = [one for one in dir(value) if not one.startswith("_")] if is_open(kind) else []
    hint = did_you_mean(str(name), names)
    return f"{words} has no `{name}`" + (f": {hint}" if hint else "")


def plainly(text: str) -> str:
    """The text of an exception of Python, with our own classes called as users know them."""
    return QUOTED.sub(_quoted, CALL.sub(_call, text))


def _call(found: re.Match[str]) -> str:
    words = NAMES.get(found[1])
    if words is None:
        return found[0]
    return f"{found[2]}()" if " " in words else f"{words}.{found[2]}()"


def _quoted(found: re.Match[str]) -> str:
    return NAMES.get(found[1], found[0])
