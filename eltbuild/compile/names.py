"""The names a template sees: language, project and call. What dbt packages expect beyond that is in `dbt`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from eltbuild.compile.dbt.relation import TemplateRelation
from eltbuild.compile.dbt.runtime import RuntimeConfig
from eltbuild.compile.rendering import Assumed, Rendering
from eltbuild.errors import CompileError, Place, Problem, did_you_mean
from eltbuild.jinja.errors import TemplateError
from eltbuild.project.projection.configs import config_dict
from eltbuild.project.resources import Node, NodeId, Ref, Source, SourceRef
from eltbuild.relation import Relation

_ABSENT = object()

HOOK_KEYS = {"pre_hook": "pre-hook", "post_hook": "post-hook"}
ADDITIVE = frozenset({"tags", "pre-hook", "post-hook", "packages"})
MERGED = frozenset({"meta", "column_types", "docs", "contract", "quoting"})


def cte_name(node: Node) -> str:
    """The name under which an ephemeral model stands in front of a query."""
    return f"__dbt__cte__{node.name}"


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
        if not 1 <= len(args) <= 2 or (
            kwargs and not rendering.session.project.settings.flags.get("support_custom_ref_kwargs")
        ):
            raise TemplateError("ref() takes a name, or a package and a name, and `v=`")
        name = str(args[-1])
        package = str(args[0]) if len(args) == 2 else None
        ref = Ref(name, package, None if version is None else str(version))
        if ref not in rendering.refs:
            rendering.refs.append(ref)
        if rendering.settling:
            return guess(rendering, name)
        target = rendering.session.lookup.ref(name, package, ref.version, rendering.package)
        if target is None:
            what, hint = rendering.session.lookup.missing_ref(name, package, ref.version)
            raise TemplateError(f"ref() leads to {what}", hint=hint)
        if rendering.assumed is not None:
            return stand_in(rendering, rendering.assumed, target.id, _call_of("ref", args, ref.version))
        check_parent(rendering, target.id, f"ref('{name}')")
        return node_relation(rendering, target)


def check_parent(rendering: Rendering, id: NodeId, call: str) -> None:
    """A template may only refer to what settling found, so that the order of the run is right."""
    node = rendering.node
    if node is None or node.resource_type == "operation" or id in node.parents:
        return
    raise TemplateError(
        f"{call} was not seen when the dependencies were read",
        hint=f"write `-- depends_on: {{{{ {call} }}}}` at the top of the file, outside of any condition",
    )


def stand_in(rendering: Rendering, assumed: Assumed, id: NodeId, call: str) -> TemplateRelation:
    """The CTE of the rows that are assumed for a relation. Raises `TemplateError` where none are."""
    rows = assumed.rows.get(id)
    if rows is None:
        raise TemplateError(f"{call} has no rows in the unit test", hint=f"add `- input: {call}` under `given`")
    if id not in rendering.ctes:
        rendering.ctes.append(id)
    return TemplateRelation(None, None, rows.name, type="cte", dialect=rendering.session.dialect, plain=rows.name)


def _call_of(name: str, args: tuple[Any, ...], version: str | None = None) -> str:
    words = [repr(str(arg)) for arg in args] + ([] if version is None else [f"v={version}"])
    return f"{name}({', '.join(words)})"


def guess(rendering: Rendering, name: str) -> TemplateRelation:
    """A stand-in for a relation whose name is not settled."""
    target = rendering.session.project.target
    return TemplateRelation(target.database, target.schema, name, dialect=rendering.session.dialect)


def node_relation(rendering: Rendering, target: Node) -> TemplateRelation:
    """The relation of a node as this rendering prints it: a CTE's name, a filtered subquery, or the plain name."""
    if target.ephemeral:
        if target.id not in rendering.ctes:
            rendering.ctes.append(target.id)
        name = cte_name(target)
        return TemplateRelation(None, None, name, type="cte", dialect=rendering.session.dialect, plain=name)
    cache = rendering.session.relations
    relation = cache.get(target.id)
    if relation is None:
        assert target.relation is not None
        relation = cache[target.id] = TemplateRelation.of(
            target.relation,
            rendering.session.dialect,
            quoted=quoting(rendering, target.config.get("quoting")),
        )
    return narrowed(rendering, relation, target.config.get("event_time"))


def quoting(rendering: Rendering, own: Any = None) -> tuple[bool, bool, bool]:
    """Which parts of a relation are quoted: the resource's own word, the project's, else all of them."""
    settings = {**rendering.session.project.settings.quoting, **(own or {})}
    return tuple(settings.get(part) is not False for part in ("database", "schema", "identifier"))  # type: ignore[return-value]


def narrowed(rendering: Rendering, relation: TemplateRelation, event_time: Any) -> TemplateRelation:
    """The relation under `--empty` or `--sample`, or within a microbatch: a subquery that gives only those rows."""
    session = rendering.session
    if session.flag("EMPTY") and rendering.node is not None and rendering.node.resource_type in ("model", "snapshot"):
        return relation._copy(
            text=f"(select * from {relation.render()} where false limit 0) _dbt_limit_subq_{relation.identifier}",
            plain=relation.render(),
        )
    window = rendering.batch or session.flag("SAMPLE_WINDOW")
    if window and event_time and rendering.node is not None and rendering.node.resource_type in ("model", "snapshot"):
        start, end = (moment.strftime("%Y-%m-%d %H:%M:%S+00:00") for moment in window)
        return relation._copy(
            text=f"(select * from {relation.render()} where {event_time} >= '{start}' and {event_time} < '{end}')"
            f" _dbt_et_filter_subq_{relation.identifier}",
            plain=relation.render(),
        )
    return relation


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
        if ref not in rendering.sources:
            rendering.sources.append(ref)
        if rendering.settling:
            return guess(rendering, table)
        target = rendering.session.lookup.source(name, table)
        if target is None:
            what, hint = rendering.session.lookup.missing_source(name, table)
            raise TemplateError(f"source() leads to {what}", hint=hint)
        if rendering.assumed is not None:
            return stand_in(rendering, rendering.assumed, target.id, _call_of("source", args))
        check_parent(rendering, target.id, f"source('{name}', '{table}')")
        return source_relation(rendering, target)


def source_relation(rendering: Rendering, source: Source) -> TemplateRelation:
    """The relation of a source as this rendering prints it: its name, or the file it lies in."""
    cache = rendering.session.relations
    relation = cache.get(source.id)
    if relation is None:
        place = source.relation or Relation(None, None, source.name)
        text = external_text(rendering, source)
        relation = cache[source.id] = TemplateRelation.of(
            place, rendering.session.dialect, type="external" if text else None,
            quoted=quoting(rendering, source.quoting), plain=text,
        )  # fmt: skip
    return narrowed(rendering, relation, source.config.get("event_time"))


def external_text(rendering: Rendering, source: Source) -> str | None:
    """What reads a source straight from its files; None for a source that is a table.

    `external_location` may hold `{name}`, `{identifier}` and `{schema}`; a relative path is meant against the
    project's folder; text with a parenthesis is taken as SQL as it stands.
    """
    from eltbuild.sql.files import reader

    given = source.config.get("external_location") or source.meta.get("external_location")
    if not given:
        given = source.source_meta.get("external_location")
    if not given:
        return None
    names = {
        "name": source.name, "identifier": source.identifier or source.name, "source_name": source.source_name,
        "schema": source.relation.schema if source.relation else "",
    }  # fmt: skip
    formatter = source.config.get("formatter") or source.meta.get("formatter") or "newstyle"
    location = _format(str(given), names, str(formatter))
    text = reader(location, rendering.session.project.root, rendering.session.dialect)
    if text is None:
        return None
    return text


def _format(text: str, names: Mapping[str, Any], formatter: str) -> str:
    from string import Formatter, Template

    try:
        if formatter == "oldstyle":
            return text % names
        if formatter == "template":
            return Template(text).substitute(names)
        for _, field, _, _ in Formatter().parse(text):
            if field is not None and field not in names:
                raise KeyError(field)
        return text.format(**names)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise TemplateError(
            f"external_location `{text}` cannot be filled in: {error}",
            hint=f"it may use {', '.join('{' + n + '}' for n in names)}",
        ) from None


class ConfigName:
    """`config(...)` sets what a file says of itself; `config.get()` and its like read the resolved config."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering
        self._full: Mapping[str, Any] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> str:
        if (args and kwargs) or len(args) > 1:
            raise TemplateError("config() takes keyword arguments, or one mapping")
        given = dict(args[0]) if args else dict(kwargs)
        merge_config(self._rendering.config, given)
        return ""

    def set(self, name: str, value: Any) -> str:
        """Set one key."""
        return self(**{name: value})

    def _values(self) -> Mapping[str, Any]:
        """The whole config, defaults included: templates read those, too."""
        node = self._rendering.node
        if self._full is None:
            self._full = config_dict(node) if node is not None else {}
        return self._full

    def get(self, name: str, default: Any = None, validator: Any = None) -> Any:
        """The value of a key, or the default. While settling: an empty string, as dbt has it.

        A key that every node of the type has gives its own default, even none: that, too, is as in dbt.
        """
        if self._rendering.settling:
            return ""
        value = self._values().get(HOOK_KEYS.get(name, name), default)
        if validator is not None and value is not None:
            validator(value)
        return value

    def require(self, name: str, validator: Any = None) -> Any:
        """The value of a key that must be set."""
        if self._rendering.settling:
            return ""
        value = self._values().get(name)
        if value is None:
            raise TemplateError(f"config `{name}` is required and is not set")
        if validator is not None:
            validator(value)
        return value

    def meta_get(self, name: str, default: Any = None, validator: Any = None) -> Any:
        """A value of the config's `meta`."""
        if self._rendering.settling:
            return ""
        value = (self._values().get("meta") or {}).get(name)
        return default if value is None else value

    def meta_require(self, name: str, validator: Any = None) -> Any:
        """A value of the config's `meta` that must be set."""
        if self._rendering.settling:
            return ""
        value = (self._values().get("meta") or {}).get(name)
        if value is None:
            raise TemplateError(f"config `meta.{name}` is required and is not set")
        return value

    def persist_relation_docs(self) -> bool:
        """Whether the description becomes the relation's comment."""
        return bool((self._values().get("persist_docs") or {}).get("relation"))

    def persist_column_docs(self) -> bool:
        """Whether the columns' descriptions become comments."""
        return bool((self._values().get("persist_docs") or {}).get("columns"))

    @property
    def model(self) -> Any:
        """The node as a mapping."""
        return self._rendering.scope.get("model")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.get(name)


def merge_config(config: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Add what one config() call gives to what earlier ones gave."""
    for key, value in given.items():
        key = HOOK_KEYS.get(key, key)
        if key in ADDITIVE and key in config:
            config[key] = [*_listed(config[key]), *_listed(value)]
        elif key in MERGED and isinstance(config.get(key), Mapping) and isinstance(value, Mapping):
            config[key] = {**config[key], **value}
        else:
            config[key] = value


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


class VarName:
    """`var('name', default)`: the call's vars, the project's for this package, the project's, the package's own."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering

    def _find(self, name: str) -> Any:
        assumed = self._rendering.assumed
        if assumed is not None and name in assumed.vars:
            return assumed.vars[name]
        project = self._rendering.session.project
        if name in project.vars:
            return project.vars[name]
        package = self._rendering.package
        own = project.settings.vars
        scoped = own.get(package)
        if isinstance(scoped, Mapping) and name in scoped:
            return scoped[name]
        if name in own and name not in project.packages:
            return own[name]
        settings = project.packages.get(package)
        if settings is not None and settings is not project.settings:
            inner = settings.vars.get(package)
            if isinstance(inner, Mapping) and name in inner:
                return inner[name]
            if name in settings.vars:
                return settings.vars[name]
        return _ABSENT

    def __call__(self, name: str, default: Any = _ABSENT) -> Any:
        found = self._find(str(name))
        if found is not _ABSENT:
            return found
        if default is not _ABSENT:
            return default
        if self._rendering.settling:
            return None
        known = [*self._rendering.session.project.vars, *self._rendering.session.project.settings.vars]
        raise TemplateError(
            f"var `{name}` is not set and has no default",
            hint=did_you_mean(str(name), known)
            or f"give it with --vars '{{{name}: ...}}' or under `vars:` in the project file",
        )

    def has_var(self, name: str) -> bool:
        """Whether it is set anywhere."""
        return self._find(name) is not _ABSENT


SECRET_PREFIXES = ("DBT_ENV_SECRET", "ELTBUILD_ENV_SECRET")


class EnvVarName:
    """`env_var('NAME', 'default')`; secrets are not for templates of models."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering

    def __call__(self, name: str, default: Any = _ABSENT) -> Any:
        if name.startswith(SECRET_PREFIXES):
            raise TemplateError(f"env_var `{name}` is a secret and can only be used in profiles.yml and packages.yml")
        assumed = self._rendering.assumed
        value = assumed.environment.get(name) if assumed is not None else None
        if value is None:
            value = self._rendering.session.project.environment.get(name)
        if value is not None:
            return value
        if default is not _ABSENT:
            return default
        raise TemplateError(
            f"Env var required but not provided: '{name}'",
            hint=f"set it, or give a default: env_var('{name}', '...')",
        )


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
    """`flags.FULL_REFRESH`, in upper or lower case; unknown ones are none."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._values.get(name.upper())

    def __getitem__(self, name: str) -> Any:
        return self._values.get(str(name).upper())

    def get(self, name: str, default: Any = None) -> Any:
        """A flag, or the default."""
        return self._values.get(str(name).upper(), default)


def target_dict(rendering: Rendering) -> dict[str, Any]:
    """`target`: the profile's output without what must stay secret."""
    target = rendering.session.project.target
    hidden = target.secrets
    fields = {key: value for key, value in target.fields.items() if not (isinstance(value, str) and value in hidden)}
    return {
        **fields, "name": target.name, "target_name": target.name, "profile_name": target.profile,
        "database": target.database, "dbname": target.database, "schema": target.schema, "type": target.type,
        "threads": target.threads,
    }  # fmt: skip


def this_relation(rendering: Rendering) -> TemplateRelation | None:
    """`this`: where the node's result stands."""
    node = rendering.node
    if node is None:
        return None
    if rendering.assumed is not None:
        return _own_stand_in(rendering, rendering.assumed, node)
    if node.relation is None:
        if node.ephemeral:
            name = cte_name(node)
            target = rendering.session.project.target
            return TemplateRelation(target.database, target.schema, name, dialect=rendering.session.dialect)
        return guess(rendering, str(node.config.get("alias") or node.name))
    return TemplateRelation.of(
        node.relation, rendering.session.dialect, quoted=quoting(rendering, node.config.get("quoting")),
        type=None if node.resource_type != "model" else ("view" if node.materialized == "view" else "table"),
    )  # fmt: skip


def _own_stand_in(rendering: Rendering, assumed: Assumed, node: Node) -> TemplateRelation:
    """`this` in a unit test: the rows given for it; else a name with nothing behind it, so that no table is read."""
    if node.id in assumed.rows:
        return stand_in(rendering, assumed, node.id, "this")
    place = node.relation or Relation(None, None, node.name)
    return TemplateRelation.of(place, rendering.session.dialect, type="cte", plain=cte_name(node))


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


def problem_of(error: TemplateError, node: Node, offset: int = 0) -> Problem:
    """A template's error as a problem in the user's file."""
    if error.path:
        return Problem(error.message, Place(error.path, error.line, error.column), error.hint)
    if node.test is not None:
        return Problem(error.message, node.place, error.hint)
    line = error.line + node.line - 1 + offset if error.line else (node.place.line if node.place else 0)
    column = error.column or _column(error, node.code)
    return Problem(error.message, Place(node.project_path, line, column), error.hint)


def _column(error: TemplateError, text: str) -> int:
    """Where on its line the name stands that the message puts in quotes; 0 where it does not stand there."""
    named = re.search(r"`([^`]+)`", error.message)
    rows = text.split("\n")
    if named is None or not 0 < error.line <= len(rows):
        return 0
    return rows[error.line - 1].find(named[1]) + 1


def compile_error(error: TemplateError, node: Node) -> CompileError:
    """A template's error as the failure of a node."""
    return CompileError(problem_of(error, node))


def day(value: Any) -> str:
    """Dates in vars print as they were written."""
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)
