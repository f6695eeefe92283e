"""`config` in templates: what a file says of itself, and what has come of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.compile.rendering import Rendering
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.sandbox import own
from eltbuild.project.projection import config_dict
from eltbuild.project.projection.configs import HOOK_KEYS

ADDITIVE = frozenset({"tags", "pre-hook", "post-hook", "packages"})
MERGED = frozenset({"meta", "column_types", "docs", "contract", "quoting"})


class ConfigName:
    """`config(...)` sets what a file says of itself; `config.get()` and its like read the resolved config."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering
        self._full: Mapping[str, Any] | None = None
        """The template's own: what it changes in it, the node does not see."""

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
            self._full = own(config_dict(node)) if node is not None else {}
        return self._full

    def get(self, name: str, default: Any = None, validator: Any = None) -> Any:
        """The value of a key, or the default. While settling: an empty string, as dbt has it.

        A key that every node of the type has gives its own default, even none: that, too, is as in dbt.
        """
        if self._rendering.settling:
            return ""
        value = self._values().get(HOOK_KEYS.get(name, name), default)
        if validator is not None and default is not None and value is not None:
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
