"""The functions of dbt's Jinja context that ask nothing of the warehouse: JSON, YAML, sets, exceptions, modules."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from eltbuild.compile.dbt.sets import FixedSet
from eltbuild.compile.rendering import MacroReturn, Rendering
from eltbuild.errors import Problem, did_you_mean
from eltbuild.jinja.bounds import checked_call, weight
from eltbuild.jinja.clock import current
from eltbuild.jinja.errors import RenderLimitError, TemplateError
from eltbuild.jinja.iterators import ITERTOOLS
from eltbuild.jinja.patterns import PATTERNS
from eltbuild.jinja.sandbox import thawed


def give_back(value: Any = None) -> None:
    """`return(value)`: leave the macro with a value."""
    raise MacroReturn(value)


give_back.passes_on = True  # type: ignore[attr-defined]
"""Nothing is looked into: the value is counted where it is used."""


def from_json(text: Any, default: Any = None) -> Any:
    """`fromjson`: the value of a JSON text, or the default."""
    try:
        return json.loads(text)
    except (ValueError, TypeError):
        return default


def to_json(value: Any, default: Any = None, sort_keys: bool = False) -> Any:
    """`tojson`: JSON text, or the default where a value goes round in circles.

    Raises `TemplateError` for what has no JSON form, unless there is a default.
    """
    try:
        return json.dumps(_plain(value), sort_keys=sort_keys)
    except ValueError:
        return default
    except TypeError as error:
        if default is not None:
            return default
        raise TemplateError(f"tojson: {error}") from None


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) and not isinstance(value, dict) else thawed(value)


MOST_YAML = 500_000
"""Characters of YAML: reading and writing it takes long, and nothing can stop it."""


def from_yaml(text: Any, default: Any = None) -> Any:
    """`fromyaml`: the value of a YAML text, or the default."""
    import yaml

    if isinstance(text, (str, bytes)) and len(text) > MOST_YAML:
        raise RenderLimitError(f"`fromyaml` takes at most {MOST_YAML:,} characters")
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, AttributeError, TypeError):
        return default


def to_yaml(value: Any, default: Any = None, sort_keys: bool = False) -> Any:
    """`toyaml`: YAML text, or the default."""
    import yaml

    if weight(value, MOST_YAML) > MOST_YAML:
        raise RenderLimitError(f"`toyaml` takes at most {MOST_YAML:,} characters")
    try:
        return yaml.safe_dump(_plain(value), sort_keys=sort_keys)
    except (ValueError, yaml.YAMLError):
        return default


def as_set(value: Any, default: Any = None) -> Any:
    """`set`: the set of an iterable, or the default."""
    try:
        return FixedSet(value)
    except TypeError:
        return default


def set_strict(value: Iterable[Any]) -> set[Any]:
    """`set_strict`: the set of an iterable, or an error."""
    try:
        return FixedSet(value)
    except TypeError as error:
        raise TemplateError(str(error)) from None


def as_zip(*values: Any, default: Any = None) -> Any:
    """`zip`: pairs, or the default."""
    try:
        return zip(*values, strict=False)
    except TypeError:
        return default


def zip_strict(*values: Any) -> Any:
    """`zip_strict`: pairs, or an error."""
    try:
        return zip(*values, strict=False)
    except TypeError as error:
        raise TemplateError(str(error)) from None


def local_md5(value: Any) -> str:
    """The md5 of a text, in hexadecimal."""
    return hashlib.md5(str(value).encode(), usedforsecurity=False).hexdigest()


def diff_of_two_dicts(first: Mapping[str, Iterable[str]], second: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """What the first has and the second lacks, letter case of values aside."""
    out: dict[str, list[str]] = {}
    theirs = {key.lower(): {item.lower() for item in values} for key, values in second.items()}
    for key, values in first.items():
        missing = [item for item in values if item.lower() not in theirs.get(key.lower(), set())]
        if missing:
            out[key] = missing
    return out


class Module:
    """Some names of a Python module, read only."""

    def __init__(self, name: str, members: Mapping[str, Any]) -> None:
        self._name = name
        self._members = members

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self._members:
            raise AttributeError(f"module `{self._name}` has no `{name}` here")
        return self._members[name]

    def __dir__(self) -> list[str]:
        return list(self._members)

    def keys(self) -> list[str]:
        """The names that are there."""
        return list(self._members)

    def __getitem__(self, name: str) -> Any:
        return self._members[name]


_DATETIME = {name: getattr(datetime, name) for name in ("date", "datetime", "time", "timedelta", "timezone", "tzinfo")}


class _Pytz:
    """`modules.pytz`, imported when it is asked for."""

    def __getattr__(self, name: str) -> Any:
        import pytz

        if name not in pytz.__all__:
            raise AttributeError(f"module `pytz` has no `{name}` here")
        return getattr(pytz, name)

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


MODULES = Module(
    "modules",
    {
        "datetime": Module("datetime", _DATETIME), "re": Module("re", PATTERNS),
        "itertools": Module("itertools", ITERTOOLS), "pytz": _Pytz(),
    },
)  # fmt: skip


RAISING = frozenset({
    "raise_ambiguous_alias", "raise_ambiguous_catalog_match", "raise_cache_inconsistent", "raise_dataclass_not_dict",
    "raise_dep_not_found", "raise_duplicate_patch_name", "raise_duplicate_resource_name",
})  # fmt: skip
"""Members of `exceptions` that fail with whatever they are given."""


def metrics(rendering: Rendering) -> Callable[..., str]:
    """`metric('name')` or `metric('package', 'name')`: the name, of a metric that is there."""

    def metric(*names: str) -> str:
        told = ".".join(map(str, names))
        if len(names) not in (1, 2):
            raise TemplateError(f"metric({told}): it takes a name, or a package and a name")
        known = [one for one in rendering.session.project.unmanaged.values() if one.resource_type == "metric"]
        name = str(names[-1])
        if not any(one.name == name and names[0] in (one.name, one.package) for one in known):
            raise TemplateError(f"there is no metric `{told}`", hint=did_you_mean(name, (one.name for one in known)))
        return name

    return metric


class Exceptions:
    """`exceptions.raise_compiler_error(...)` and its like."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering

    def warn(self, message: Any, node: Any = None) -> str:
        """Say a warning."""
        return self._warn(str(message))

    def _warn(self, text: str) -> str:
        rendering = self._rendering
        id = rendering.node.id if rendering.node else None
        strictness = rendering.session.strictness
        if strictness.refuses("JinjaLogWarning"):
            raise TemplateError(text)
        if strictness.silences("JinjaLogWarning"):
            return ""
        rendering.session.say(text, "warn", "warning", id)
        if rendering.settling:
            rendering.problems.append(
                Problem(text, rendering.node.place if rendering.node else None, severity="warning")
            )
        return ""

    def raise_compiler_error(self, message: Any, node: Any = None) -> None:
        """End the rendering with an error."""
        raise TemplateError(str(message))

    def _raise(self, *parts: Any) -> None:
        raise TemplateError(" ".join(str(part) for part in parts if part is not None))

    raise_database_error = raise_dependency_error = raise_fail_fast_error = raise_duplicate_alias = _raise
    raise_not_implemented = raise_parsing_error = raise_contract_error_text = _raise

    def missing_config(self, model: Any, name: str) -> None:
        """A config that must be set is not."""
        raise TemplateError(f"config `{name}` is required and is not set")

    def missing_materialization(self, model: Any, adapter_type: str) -> None:
        """There is no such materialization."""
        raise TemplateError(f"no materialization `{model}` for adapter `{adapter_type}`")

    def missing_relation(self, relation: Any, model: Any = None) -> None:
        """A relation that must exist does not."""
        raise TemplateError(f"relation {relation} does not exist")

    def relation_wrong_type(self, relation: Any, expected_type: str, model: Any = None) -> None:
        """A relation is of another kind than it must be."""
        raise TemplateError(f"{relation} is a {relation.type}, and a {expected_type} is needed")

    def column_type_missing(self, column_names: Any) -> None:
        """A contract lacks types."""
        raise TemplateError(f"the contract gives no data_type for: {', '.join(map(str, column_names))}")

    def raise_contract_error(self, yaml_columns: Any, sql_columns: Any) -> None:
        """The query does not give what the contract says."""
        raise TemplateError(f"the contract asks for {yaml_columns}, and the query gives {sql_columns}")

    def raise_invalid_property_yml_version(self, path: str, issue: str) -> None:
        """A properties file has a wrong version."""
        raise TemplateError(f"{path}: {issue}")

    def warn_snapshot_timestamp_data_types(self, *types: Any) -> str:
        """Snapshot columns of different time types."""
        return self._warn(f"the snapshot compares timestamps of types {types}")

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name in RAISING:
            return self._raise
        raise AttributeError(name)

    def keys(self) -> list[str]:
        """The names of all of them."""
        return sorted({*RAISING, *(name for name in dir(Exceptions) if name[0] != "_" and name != "keys")})


class Validation:
    """`validation.any[...]`: a check for config values."""

    class Any_:
        """Built by subscription or call with types or values."""

        def __getitem__(self, allowed: Any) -> Callable[[Any], None]:
            return self(*(allowed if isinstance(allowed, tuple) else (allowed,)))

        def __call__(self, *allowed: Any) -> Callable[[Any], None]:
            def check(value: Any) -> None:
                kinds = tuple(item for item in allowed if isinstance(item, type))
                if not (isinstance(value, kinds) or value in [item for item in allowed if not isinstance(item, type)]):
                    raise TemplateError(f"{value!r} is not one of {', '.join(map(str, allowed))}")

            return check

    any = Any_()


def try_or_compiler_error(message: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call the function; any failure becomes that message."""
    try:
        return checked_call(current(), function, *args, **kwargs)
    except (MacroReturn, RenderLimitError):
        raise
    except Exception:
        raise TemplateError(str(message)) from None


def current_timestring() -> str:
    """The time as text that sorts, to microseconds."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y%m%d%H%M%S%f")


STATIC: Mapping[str, Any] = {
    "return": give_back, "fromjson": from_json, "tojson": to_json, "fromyaml": from_yaml, "toyaml": to_yaml,
    "set": as_set, "set_strict": set_strict, "zip": as_zip, "zip_strict": zip_strict, "local_md5": local_md5,
    "diff_of_two_dicts": diff_of_two_dicts, "modules": MODULES, "validation": Validation(),
    "try_or_compiler_error": try_or_compiler_error, "py_current_timestring": current_timestring,
}  # fmt: skip
"""The same in every rendering."""
