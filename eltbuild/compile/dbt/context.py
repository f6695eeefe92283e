"""All names of dbt's Jinja context for one rendering, as one scope."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from jinja2.utils import missing

from eltbuild.compile.config_name import ConfigName
from eltbuild.compile.dbt.adapter import AdapterName, Api
from eltbuild.compile.dbt.arguments import arguments_of
from eltbuild.compile.dbt.builtins import BUILTINS
from eltbuild.compile.dbt.functions import STATIC, Exceptions, metrics
from eltbuild.compile.dbt.queries import (
    load_result,
    noop_statement,
    run_query,
    statement,
    store_raw_result,
    store_result,
)
from eltbuild.compile.names import (
    Execute,
    Flags,
    FunctionName,
    RefName,
    SourceName,
    is_incremental,
    target_dict,
)
from eltbuild.compile.relations import this_relation
from eltbuild.compile.rendering import BoundBuiltin, Namespace, Rendering
from eltbuild.compile.variables import EnvVarName, VarName
from eltbuild.jinja.environment import Scope, text_environment
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.sandbox import own
from eltbuild.jinja.template import load, render
from eltbuild.project.resources import Macro
from eltbuild.secrecy import is_secret_variable

DBT_VERSION = "1.12.6"
"""The version of dbt whose behaviour templates may count on."""


def open_scope(rendering: Rendering) -> Scope:
    """Give the rendering the scope of its node; lazily filled, with the project's macros in front of built-in names."""
    names = _names(rendering)
    package = rendering.package
    own = rendering.session.overriding.get(package, frozenset())
    shadowed = own.intersection(names)
    builtins = names if not shadowed else dict(names)
    for name in shadowed:
        del names[name]
    if rendering.assumed is not None:
        names.update({name: _assumed(rendering, names, name) for name in rendering.assumed.macros})
    scope = Scope(names, partial(_find, rendering, builtins))
    rendering.scope = scope
    return scope


def _names(rendering: Rendering) -> dict[str, Any]:
    """The names that cost nothing to make; the others are found when they are asked for."""
    names = dict(text_environment().globals)
    names.update(STATIC)
    names["ref"] = RefName(rendering)
    names["source"] = SourceName(rendering)
    names["function"] = FunctionName(rendering)
    names["config"] = ConfigName(rendering)
    names["var"] = VarName(rendering)
    names["env_var"] = EnvVarName(rendering)
    names["execute"] = Execute(rendering)
    for name in ("log", "print", "load_result", "store_result", "store_raw_result", "render"):
        names[name] = partial(CALLS[name], rendering)
    for name, function in LANGUAGE_MACROS.items():
        names[name] = BoundBuiltin(rendering, name, function)
    names.update(rendering.extra_names)
    return names


def _assumed(rendering: Rendering, names: Mapping[str, Any], name: str) -> Any:
    """What a unit test gives in the place of that name: a value where it is one (`invocation_id`), else a macro."""
    value = rendering.assumed.macros[name] if rendering.assumed is not None else None
    is_macro = name not in names and rendering.session.macros.visible(name, rendering.package) is not None
    if is_macro or (name not in names and name not in ON_DEMAND):
        return _always(value)
    usual = names[name] if name in names else ON_DEMAND[name](rendering)
    return _always(value) if callable(usual) else value


def _always(value: Any) -> Callable[..., Any]:
    """A macro that gives one value, whatever it is called with."""

    def macro(*_: Any, **__: Any) -> Any:
        return value

    return macro


def _find(rendering: Rendering, builtins: dict[str, Any], name: str) -> Any:
    """A name that the scope does not hold yet: a macro, a package, a name made on demand, a built-in macro."""
    session = rendering.session
    macro = session.macros.visible(name, rendering.package)
    if macro is not None:
        return rendering.macro(macro)
    if name in rendering.extra_names:
        return rendering.extra_names[name]
    if name in session.macros.by_package:
        return Namespace(name, partial(_in_package, rendering, name))
    maker = ON_DEMAND.get(name)
    if maker is not None:
        return maker(rendering)
    if name == "builtins":
        return Builtins(rendering, builtins)
    return builtin(rendering, name)


def _in_package(rendering: Rendering, package: str, name: str) -> Any:
    if rendering.assumed is not None and f"{package}.{name}" in rendering.assumed.macros:
        return _always(rendering.assumed.macros[f"{package}.{name}"])
    found = rendering.session.macros.by_package[package].get(name)
    return missing if found is None else rendering.macro(found)


def builtin(rendering: Rendering, name: str) -> Any:
    """A built-in macro by its name, `default__` and adapter prefixes included; the project's override comes first."""
    head, separator, rest = name.partition("__")
    if separator and head in rendering.session.macros.prefixes and rest in BUILTINS:
        return BoundBuiltin(rendering, name, BUILTINS[rest])
    function = BUILTINS.get(name) or LANGUAGE_MACROS.get(name) or _of_adapter(rendering, name)
    if function is None:
        return missing
    override = rendering.session.macros.overridden(name)
    if override is not None:
        return BoundBuiltin(rendering, name, partial(_overriding, override))
    return BoundBuiltin(rendering, name, function)


def _of_adapter(rendering: Rendering, name: str) -> Callable[..., Any] | None:
    """A materialization under its adapter's name: `materialization_table_duckdb`. Here, each does for all."""
    what, _, adapter = name.rpartition("_")
    known = name.startswith("materialization_") and adapter in rendering.session.macros.prefixes
    return BUILTINS.get(f"{what}_default") if known else None


def _overriding(macro: Macro, rendering: Rendering, *args: Any, **kwargs: Any) -> Any:
    return rendering.macro(macro)(*args, **kwargs)


class Builtins:
    """`builtins.ref` and the like: the names as they are before the project's macros take their place."""

    def __init__(self, rendering: Rendering, names: Mapping[str, Any]) -> None:
        self._rendering = rendering
        self._names = names

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def keys(self) -> list[str]:
        """The names that there are, but for those of macros."""
        return sorted({*self._names, *ON_DEMAND} - {"context", "dbt", "builtins"} - INNER)

    def __getitem__(self, name: str) -> Any:
        if name in self._names:
            return self._names[name]
        if name in ON_DEMAND:
            return ON_DEMAND[name](self._rendering)
        found = builtin(self._rendering, name)
        if found is missing:
            raise KeyError(name)
        return found

    def get(self, name: str, default: Any = None) -> Any:
        """The built-in of that name, or the default."""
        try:
            return self[name]
        except KeyError:
            return default


INNER = frozenset({"__adapter"})
"""Names of a scope that are not the template's."""


class Everything(Mapping[str, Any]):
    """`context`: every name by its text."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering

    def __getitem__(self, name: str) -> Any:
        return self._rendering.scope[name]

    def __iter__(self) -> Iterator[str]:
        seen = {**dict.fromkeys(self._rendering.scope), **dict.fromkeys(ON_DEMAND), **dict.fromkeys(BUILTINS)}
        seen.update(dict.fromkeys(self._rendering.session.macros.by_package))
        seen.update(dict.fromkeys(self._rendering.session.macros.names(self._rendering.package)))
        return iter(seen)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a name, or the default."""
        return self._rendering.scope.get(name, default)

    def update(self, names: Mapping[str, Any], **more: Any) -> None:
        """Give names another value for the rest of this rendering, as packages do to remember something in it."""
        for name, value in {**names, **more}.items():
            if str(name) not in INNER:
                self._rendering.scope[str(name)] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The value of a name, which has one afterwards."""
        if name not in self._rendering.scope:
            self.update({name: default})
        return self.get(name, default)


def model_dict(rendering: Rendering) -> Any:
    """`model`: the node as a mapping."""
    node = rendering.node
    if node is None:
        return None
    from eltbuild.project.projection import model_dict as dictionary
    from eltbuild.project.projection.shown import without_nulls

    session = rendering.session
    value: dict[str, Any] = own(without_nulls(dictionary(node, session.project)))
    if node.id in session.deferred:
        value["defer_relation"] = own(dict(session.deferred[node.id]))
    if rendering.batch is not None:
        start, end = rendering.batch
        value["batch"] = {"id": start.strftime("%Y%m%d"), "event_time_start": start, "event_time_end": end}
    return value


def _graph(rendering: Rendering) -> Mapping[str, Any]:
    from eltbuild.compile.template_graph import template_graph

    return template_graph(rendering.session)


def _dbt_namespace(rendering: Rendering) -> Namespace:
    return Namespace("dbt", partial(_of_dbt, rendering))


def _of_dbt(rendering: Rendering, name: str) -> Any:
    """A built-in macro; one that a unit test assumes, under its own name or with the namespace, comes first."""
    assumed = rendering.assumed.macros if rendering.assumed is not None else {}
    for key in (f"dbt.{name}", name):
        if key in assumed:
            return _always(assumed[key])
    return builtin(rendering, name)


def _selected(rendering: Rendering) -> list[str]:
    return list(rendering.session.invocation.selected) if not rendering.settling else []


def _metadata_environment(rendering: Rendering) -> dict[str, str]:
    prefix = "DBT_ENV_CUSTOM_ENV_"
    environment = rendering.session.project.environment
    return {
        key.removeprefix(prefix): value
        for key, value in environment.items()
        if key.startswith(prefix) and not is_secret_variable(key)
    }


def _schema(rendering: Rendering) -> Any:
    node = rendering.node
    return node.relation.schema if node and node.relation else rendering.session.project.target.schema


def _database(rendering: Rendering) -> Any:
    node = rendering.node
    return node.relation.database if node and node.relation else rendering.session.project.target.database


def adapter_macro(name: Any, *_: Any, **__: Any) -> None:
    """What macros were dispatched with before `adapter.dispatch`. Raises `TemplateError`: it is gone, as in dbt."""
    package, macro = ([None, *str(name).split(".", 1)])[-2:]
    said = f"'{macro}', '{package}'" if package else f"'{macro}'"
    text = 'The "adapter_macro" macro has been deprecated, and is not there any more'
    raise TemplateError(text, hint=f"write adapter.dispatch({said})(...)")


def _arguments(rendering: Rendering) -> Any:
    session = rendering.session
    return own(arguments_of(session.invocation, session.project.settings.flags))


def _empty_text(*_: Any, **__: Any) -> str:
    return ""


def _doc(rendering: Rendering) -> Callable[..., str]:
    def doc(*args: str) -> str:
        package, name = (args[0], args[1]) if len(args) == 2 else (rendering.package, args[0])
        docs = rendering.session.project.docs
        for candidate in (package, rendering.session.project.settings.name):
            found = docs.get(f"doc.{candidate}.{name}")
            if found is not None:
                return found.text
        raise TemplateError(f"no docs block `{name}`")

    return doc


def _adapter(rendering: Rendering) -> AdapterName:
    held = rendering.scope.get("__adapter") if "__adapter" in rendering.scope else None
    if held is None:
        held = AdapterName(rendering, partial(builtin, rendering))
        rendering.scope["__adapter"] = held
    return held


ON_DEMAND: Mapping[str, Callable[[Rendering], Any]] = {
    "this": this_relation,
    "target": target_dict,
    "env": target_dict,
    "flags": lambda r: Flags(r.session.invocation.flags),
    "adapter": _adapter,
    "api": lambda r: Api(_adapter(r)),
    "column": lambda r: _adapter(r).Column,
    "context": Everything,
    "dbt": _dbt_namespace,
    "model": model_dict,
    "graph": _graph,
    "selected_resources": _selected,
    "invocation_id": lambda r: r.session.invocation.invocation_id,
    "run_started_at": lambda r: r.session.invocation.started_at,
    "thread_id": lambda r: threading.current_thread().name,
    "dbt_version": lambda r: DBT_VERSION,
    "project_name": lambda r: r.session.project.settings.name,
    "invocation_args_dict": _arguments,
    "dbt_metadata_envs": _metadata_environment,
    "exceptions": Exceptions,
    "schema": _schema,
    "database": _database,
    "doc": _doc,
    "write": lambda r: _empty_text,
    "otel_trace_id": lambda r: _always("0" * 32),
    "otel_span_id": lambda r: _always("0" * 16),
    "debug": lambda r: _empty_text,
    "metric": metrics,
    "context_macro_stack": lambda r: None,
    "defer_relation": lambda r: None,
    "sql_now": lambda r: "now()",
    "pre_hooks": lambda r: own(list(r.node.config.get("pre-hook") or ())) if r.node else [],
    "post_hooks": lambda r: own(list(r.node.config.get("post-hook") or ())) if r.node else [],
    "sql": lambda r: None,
    "compiled_code": lambda r: None,
    "adapter_macro": lambda r: adapter_macro,
    "_sql_results": lambda r: r.results,
}


# Statements -----------------------------------------------------------------------------------------------


def log(rendering: Rendering, msg: Any, info: bool = False) -> str:
    """Say something in the log, or with `info` to the user."""
    rendering.session.say(str(msg), "info" if info else "debug", "log", rendering.node.id if rendering.node else None)
    return ""


def print_(rendering: Rendering, msg: Any) -> str:
    """Say something on standard output, unless `--no-print`."""
    if rendering.session.flag("PRINT", True):
        rendering.session.say(str(msg), "info", "print", rendering.node.id if rendering.node else None)
    return ""


def render_text(rendering: Rendering, text: Any) -> str:
    """A text rendered as a template of its own."""
    return str(render(load(str(text)), rendering.scope))


CALLS: Mapping[str, Callable[..., Any]] = {
    "log": log, "print": print_, "statement": statement, "run_query": run_query, "load_result": load_result,
    "store_result": store_result, "store_raw_result": store_raw_result, "noop_statement": noop_statement,
    "render": render_text,
}  # fmt: skip

LANGUAGE_MACROS: Mapping[str, Callable[..., Any]] = {
    "is_incremental": is_incremental, "statement": statement, "run_query": run_query, "noop_statement": noop_statement,
}  # fmt: skip
"""Macros of dbt's that are names of the language here; also found as `dbt.run_query`."""
