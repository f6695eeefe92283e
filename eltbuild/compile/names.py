"""The names a template sees: `ref`, `source`, `execute` and the like. What packages expect beyond that is in `dbt`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from eltbuild.compile.dbt.arguments import FLAGS, target_defaults
from eltbuild.compile.dbt.relation import TemplateRelation
from eltbuild.compile.dbt.runtime import RuntimeConfig
from eltbuild.compile.relations import (
    call_of,
    check_parent,
    guess,
    node_relation,
    source_relation,
    stand_in,
)
from eltbuild.compile.rendering import Rendering
from eltbuild.errors import Problem
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.sandbox import own
from eltbuild.project.names import target_fields
from eltbuild.project.resources import Node, Ref, SourceRef


class RefName:
    """`ref('orders')`, `ref('package', 'orders', v=2)`: the relation of a node; the call is noted."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering

    @property
    def config(self) -> RuntimeConfig:
        """The project at run time, as packages ask for it through `builtins.ref`."""
        session = self._rendering.session
        return RuntimeConfig(session, session.project.settings)

    def __call__(self, *args: Any, **kwargs: Any) -> TemplateRelation:
        rendering = self._rendering
        version = kwargs.pop("version", None)
        version = kwargs.pop("v", version)
        if not 1 <= len(args) <= 2:
            raise TemplateError("ref() takes a name, or a package and a name, and `v=`")
        if kwargs and rendering.settling:
            self._warn_of(kwargs)
        name = str(args[-1])
        package = str(args[0]) if len(args) == 2 else None
        ref = Ref(name, package, None if version is None else str(version))
        rendering.refs.append(ref)
        if rendering.settling:
            return guess(rendering, name)
        target = rendering.session.lookup.ref(name, package, ref.version, rendering.package)
        if target is None:
            what, hint = rendering.session.lookup.missing_ref(name, package, ref.version)
            raise TemplateError(f"ref() leads to {what}", hint=hint)
        if rendering.assumed is not None:
            return stand_in(rendering, rendering.assumed, target.id, call_of("ref", args, ref.version))
        check_parent(rendering, target.id, f"ref('{name}')")
        return node_relation(rendering, target)

    def _warn_of(self, names: Iterable[str]) -> None:
        """Tell of arguments that `ref` does not know; a project whose own `ref` takes more may switch that off."""
        rendering = self._rendering
        if rendering.session.project.settings.flags.get("support_custom_ref_kwargs"):
            return
        said = ", ".join(f"`{name}`" for name in names)
        hint = "ref() takes a name, or a package and a name, and `v=`"
        place = rendering.node.place if rendering.node else None
        rendering.problems.append(Problem(f"ref() knows no argument {said}: passed over", place, hint, "warning"))


class SourceName:
    """`source('raw', 'orders')`: the relation of a source's table; the call is noted."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering

    def __call__(self, *args: Any, **kwargs: Any) -> TemplateRelation:
        rendering = self._rendering
        if len(args) != 2 or kwargs:
            raise TemplateError("source() takes the name of a source and of a table")
        name, table = str(args[0]), str(args[1])
        ref = SourceRef(name, table)
        rendering.sources.append(ref)
        if rendering.settling:
            return guess(rendering, table)
        target = rendering.session.lookup.source(name, table)
        if target is None:
            what, hint = rendering.session.lookup.missing_source(name, table)
            raise TemplateError(f"source() leads to {what}", hint=hint)
        if rendering.assumed is not None:
            return stand_in(rendering, rendering.assumed, target.id, call_of("source", args))
        # One that settling has not seen is no mistake: a source is there before the run, whatever its order.
        return source_relation(rendering, target)


class FunctionName:
    """`function('double')`, `function('package', 'double')`: the name of a function; the call is noted."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering

    def __call__(self, *args: Any, **kwargs: Any) -> TemplateRelation:
        rendering = self._rendering
        if not 1 <= len(args) <= 2 or kwargs:
            raise TemplateError("function() takes a name, or a package and a name")
        name, package = str(args[-1]), str(args[0]) if len(args) == 2 else None
        rendering.functions.append(Ref(name, package))
        if rendering.settling:
            return guess(rendering, name)
        target = rendering.session.lookup.function(name, package, rendering.package)
        if target is None:
            what, hint = rendering.session.lookup.missing_function(name, package)
            raise TemplateError(f"function() leads to {what}", hint=hint)
        check_parent(rendering, target.id, call_of("function", args))
        return node_relation(rendering, target)


class Execute:
    """`execute`: true when the warehouse answers. To ask is to depend on the warehouse."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering

    def __bool__(self) -> bool:
        return self._rendering.ask().live

    def __str__(self) -> str:
        return str(bool(self))

    def __eq__(self, other: object) -> bool:
        return bool(self) == other

    def __hash__(self) -> int:
        return id(self)


class Flags:
    """`flags.FULL_REFRESH`, in upper or lower case; unknown ones are undefined."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, name: str) -> Any:
        key = str(name).upper()
        return own(self._values[key] if key in self._values else FLAGS[key])

    def get(self, name: str, default: Any = None) -> Any:
        """A flag, or the default."""
        try:
            return self[name]
        except KeyError:
            return default


def target_dict(rendering: Rendering) -> dict[str, Any]:
    """`target`: the profile's output without what must stay secret; each rendering has its own."""
    target = rendering.session.project.target
    return {**own(dict(target_defaults(target))), **target_fields(target), "dbname": target.database}


def is_incremental(rendering: Rendering) -> bool:
    """Whether the node is incremental, its table stands, and it is not being rebuilt from nothing.

    Never in a unit test: that says so itself.
    """
    node = rendering.node
    if rendering.assumed is not None:
        return False
    if node is None or node.materialized != "incremental" or node.relation is None:
        return False
    info = rendering.ask().relation(node.relation)
    return info is not None and info.kind in ("table", "external") and not full_refresh(rendering, node)


def full_refresh(rendering: Rendering, node: Node) -> bool:
    """The node's own `full_refresh`, else the flag."""
    own = node.config.get("full_refresh")
    return bool(own) if own is not None else bool(rendering.session.flag("FULL_REFRESH"))
