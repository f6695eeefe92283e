"""Python models, read through their syntax tree. Nothing of the user's is run or imported.

A Python model is a file with exactly one `def model(dbt, session)`; what it takes and how it is configured stands in
calls with literal arguments: `dbt.ref("orders")`, `dbt.source("raw", "orders")`, `dbt.config(materialized="table")`.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from typing import Any

from eltbuild.errors import Place, Problem
from eltbuild.jinja.mentions import Mentions, RefCall, SourceCall
from eltbuild.values import dataclass, field


@dataclass(slots=True)
class _Reading:
    path: str
    refs: list[RefCall] = field(default_factory=list)
    sources: list[SourceCall] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, tuple[list[str], list[Any]]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def error(self, message: str, node: ast.AST | None = None, hint: str = "") -> None:
        place = Place(self.path, getattr(node, "lineno", 0), getattr(node, "col_offset", -1) + 1)
        self.problems.append(Problem(message, place, hint))


def read_python_model(text: str, path: str) -> tuple[Mentions, tuple[Problem, ...]]:
    """What a Python model mentions, and everything that is wrong with it, each with its line.

    The config holds besides what `dbt.config()` gave: `config_keys_used` and `config_keys_defaults`, and the same for
    `meta`, in the order of the calls, as dbt keeps them.
    """
    reading = _Reading(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        place = Place(path, error.lineno or 0, error.offset or 0)
        return Mentions(), (Problem(f"this is not valid Python: {error.msg}", place),)
    except (ValueError, RecursionError, MemoryError) as error:
        return Mentions(), (Problem(f"this Python file cannot be read: {error}", Place(path)),)
    dbt = _check_function(reading, tree)
    for call, method in _calls(tree, dbt):
        _CALLS[method](reading, call)
    for kind, (names, defaults) in reading.keys.items():
        reading.config[f"{kind}_keys_used"] = names
        reading.config[f"{kind}_keys_defaults"] = defaults
    mentions = Mentions(
        refs=tuple(reading.refs),
        sources=tuple(reading.sources),
        config=reading.config,
        unrendered_config=reading.config,
    )
    return mentions, tuple(reading.problems)


def _check_function(reading: _Reading, tree: ast.Module) -> str:
    """Judge the one function `model`; gives the name of its first parameter."""
    found = [
        node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == "model"
    ]
    if len(found) != 1:
        count = "none" if not found else str(len(found))
        reading.error(
            f"a Python model defines exactly one function `model`, this file defines {count}",
            found[1] if found else None,
            "write `def model(dbt, session):` with a `return` of one data frame",
        )
        return "dbt"
    function = found[0]
    if isinstance(function, ast.AsyncFunctionDef):
        reading.error("the function `model` cannot be async", function)
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    if len(names) != 2 or names[0] != "dbt":
        reading.error("the function `model` takes two parameters", function, "write `def model(dbt, session):`")
    returns = [node.value for node in _own_statements(function) if isinstance(node, ast.Return)]
    if not returns or any(value is None or isinstance(value, ast.Tuple) for value in returns):
        reading.error("the function `model` must return one data frame", function)
    return "dbt"


def _own_statements(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function's body, those of functions within it left out."""
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(node))


def _calls(tree: ast.Module, dbt: str) -> Iterator[tuple[ast.Call, str]]:
    """The calls of methods of `dbt` that tell something, in the order of the text."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (method := _dotted(node.func)) and method.startswith(f"{dbt}."):
            name = method[len(dbt) + 1 :]
            if name in _CALLS:
                found.append((node, name))
    yield from sorted(found, key=lambda pair: (pair[0].lineno, pair[0].col_offset))


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (head := _dotted(node.value)):
        return f"{head}.{node.attr}"
    return None


def _arguments(reading: _Reading, call: ast.Call, what: str) -> tuple[list[Any], dict[str, Any]] | None:
    try:
        if any(keyword.arg is None for keyword in call.keywords):
            raise ValueError
        return (
            [ast.literal_eval(argument) for argument in call.args],
            {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg},
        )
    except (ValueError, TypeError, RecursionError, MemoryError):
        reading.error(
            f"the arguments of `{what}` must be literals, such as texts and numbers",
            call,
            "the file is read without being run, so that its parents are known beforehand",
        )
        return None


def _ref(reading: _Reading, call: ast.Call) -> None:
    given = _arguments(reading, call, "dbt.ref")
    if given is None:
        return
    names, options = given
    version = options.get("version", options.get("v"))
    if not 1 <= len(names) <= 2 or not all(isinstance(name, str) for name in names) or set(options) - {"v", "version"}:
        reading.error("`dbt.ref` takes the name of a model, or a package and a model", call)
        return
    package = names[0] if len(names) == 2 else None
    number = None if version is None else str(version)
    reading.refs.append(RefCall(names[-1], package, number, call.lineno, call.col_offset + 1))


def _source(reading: _Reading, call: ast.Call) -> None:
    given = _arguments(reading, call, "dbt.source")
    if given is None:
        return
    names, options = given
    if options or len(names) != 2 or not all(isinstance(name, str) for name in names):
        reading.error("`dbt.source` takes two names: the source and its table", call)
        return
    reading.sources.append(SourceCall(names[0], names[1], call.lineno, call.col_offset + 1))


def _config(reading: _Reading, call: ast.Call) -> None:
    given = _arguments(reading, call, "dbt.config")
    if given is None:
        return
    positional, options = given
    if positional:
        reading.error("`dbt.config` takes keyword arguments only", call)
        return
    reading.config.update(options)


def _config_get(reading: _Reading, call: ast.Call) -> None:
    _read_key(reading, call, "config", "dbt.config.get")


def _meta_get(reading: _Reading, call: ast.Call) -> None:
    _read_key(reading, call, "meta", "dbt.config.meta_get")


def _read_key(reading: _Reading, call: ast.Call, kind: str, what: str) -> None:
    given = _arguments(reading, call, what)
    if given is None:
        return
    names, options = given
    if not 1 <= len(names) <= 2 or not isinstance(names[0], str):
        reading.error(f"`{what}` takes the name of a key, and what to give where it is missing", call)
        return
    used, defaults = reading.keys.setdefault(kind, ([], []))
    used.append(names[0])
    defaults.append(names[1] if len(names) == 2 else options.get("default"))


_CALLS = {
    "ref": _ref,
    "source": _source,
    "config": _config,
    "config.get": _config_get,
    "config.meta_get": _meta_get,
}
