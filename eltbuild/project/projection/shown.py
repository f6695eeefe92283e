"""A node as a template sees it as `model`: as in the manifest, without the properties that have no value."""

from __future__ import annotations

from typing import Any

from eltbuild.project.projection.configs import CONFIG_DEFAULTS
from eltbuild.project.projection.frame import Fields

_OF_CONFIG = frozenset({key for defaults in CONFIG_DEFAULTS.values() for key in defaults()})
_PROPERTIES = ("docs", "contract", "test_metadata", "time_spine")
_LISTS = ("refs", "constraints")


def without_nulls(fields: Fields) -> Fields:
    """The dictionary of a node without what is null in it; what the user wrote, as in `meta`, stays as it is."""
    out = {key: value for key, value in fields.items() if value is not None}
    for key in _PROPERTIES:
        if key in out:
            out[key] = _filled(out[key])
    for key in _LISTS:
        if key in out:
            out[key] = [_filled(item) for item in out[key]]
    if "columns" in out:
        out["columns"] = {name: _filled(column) for name, column in out["columns"].items()}
    if "config" in out:
        out["config"] = _config(out["config"])
    return out


def _filled(value: Any) -> Any:
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


def _config(config: dict[str, Any]) -> dict[str, Any]:
    out = {key: value for key, value in config.items() if value is not None or key not in _OF_CONFIG}
    for key in ("docs", "contract", "latest_version_pointer"):
        if key in out:
            out[key] = _filled(out[key])
    for key in ("pre-hook", "post-hook"):
        if isinstance(out.get(key), list):
            out[key] = [_filled(hook) for hook in out[key]]
    return out
