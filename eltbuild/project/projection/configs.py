"""The configuration of a node in full: what was given, laid over the defaults of its type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from eltbuild.project.projection.frame import Fields
from eltbuild.project.resources import Node


def _common() -> Fields:
    return {
        "enabled": True,
        "alias": None,
        "schema": None,
        "database": None,
        "tags": [],
        "meta": {},
        "group": None,
        "static_analysis": None,
    }


def _built(materialized: str) -> Fields:
    return {
        **_common(),
        "materialized": materialized,
        "incremental_strategy": None,
        "batch_size": None,
        "lookback": 1,
        "begin": None,
        "persist_docs": {},
        "post-hook": [],
        "pre-hook": [],
        "quoting": {},
        "column_types": {},
        "full_refresh": None,
        "unique_key": None,
        "on_schema_change": "ignore",
        "on_configuration_change": "apply",
        "grants": {},
        "packages": [],
        "docs": {"show": True, "node_color": None},
        "contract": {"enforced": False, "alias_types": True},
        "event_time": None,
        "concurrent_batches": None,
    }


def _model_config() -> Fields:
    return {
        **_built("view"),
        "access": "protected",
        "freshness": None,
        "on_error": None,
        "latest_version_pointer": {"enabled": None, "alias": None},
    }


def _seed_config() -> Fields:
    return {**_built("seed"), "delimiter": ",", "quote_columns": None}


def _snapshot_config() -> Fields:
    return {
        **_built("snapshot"),
        "strategy": None,
        "target_schema": None,
        "target_database": None,
        "updated_at": None,
        "check_cols": None,
        "snapshot_meta_column_names": {
            "dbt_valid_to": None,
            "dbt_valid_from": None,
            "dbt_scd_id": None,
            "dbt_updated_at": None,
            "dbt_is_deleted": None,
        },
        "dbt_valid_to_current": None,
    }


def _test_config() -> Fields:
    return {
        **_common(),
        "schema": "dbt_test__audit",
        "materialized": "test",
        "severity": "ERROR",
        "store_failures": None,
        "store_failures_as": None,
        "sql_header": None,
        "where": None,
        "limit": None,
        "fail_calc": "count(*)",
        "warn_if": "!= 0",
        "error_if": "!= 0",
    }


CONFIG_DEFAULTS: Mapping[str, Callable[[], Fields]] = {
    "model": _model_config,
    "seed": _seed_config,
    "snapshot": _snapshot_config,
    "test": _test_config,
    "analysis": lambda: _built("view"),
    "operation": lambda: _built("view"),
    "function": lambda: {
        **_built("function"),
        "type": "scalar",
        "volatility": None,
        "runtime_version": None,
        "entry_point": None,
        "snowflake": {"quote_args": True},
    },
}
"""The whole configuration of a node that sets nothing, new on each call."""

HOOK_KEYS: Mapping[str, str] = {"pre_hook": "pre-hook", "post_hook": "post-hook"}
NESTED = frozenset({"docs", "contract", "snapshot_meta_column_names", "latest_version_pointer", "snowflake"})
"""Keys whose given mapping is laid over the default mapping."""


def config_dict(node: Node) -> Fields:
    """The resolved configuration with every default filled in and hooks as `{sql, transaction, index}`."""
    return filled_config(node.resource_type, node.config)


def filled_config(resource_type: str, given: Mapping[str, Any]) -> Fields:
    """The configuration of any node with the defaults of its type filled in."""
    config = CONFIG_DEFAULTS[resource_type]()
    for key, value in given.items():
        name = HOOK_KEYS.get(key, key)
        if name == "pre-hook" or name == "post-hook":
            config[name] = hooks_list(value)
        elif name in NESTED and isinstance(value, Mapping):
            config[name] = {**config.get(name, {}), **value}
        elif name == "tags":
            config[name] = as_list(value)
        elif name == "meta":
            config[name] = dict(value) if isinstance(value, Mapping) else {}
        elif name == "freshness" and resource_type == "model":
            # dbt's models know no other rule, and its manifest no other shape.
            config[name] = value if isinstance(value, Mapping) and value.get("build_after") else None
        elif name == "begin" and given.get("incremental_strategy") == "microbatch":
            config[name] = moment_text(value)
        else:
            config[name] = value
    if resource_type == "test":
        _tell_both_ways(config)
    return config


def _tell_both_ways(config: Fields) -> None:
    """Two configs say whether a test's failing rows are kept: each where it is given, `store_failures_as` first."""
    kept_as, kept = config["store_failures_as"], config["store_failures"]
    if kept_as is not None:
        config["store_failures"] = str(kept_as).lower() != "ephemeral"
    elif isinstance(kept, bool):
        config["store_failures_as"] = "table" if kept else "ephemeral"


def moment_text(value: Any) -> Any:
    """A time in the one form of ISO 8601 that dbt writes; what is no time stays as it is."""
    try:
        return datetime.fromisoformat(str(value)).isoformat()
    except ValueError:
        return value


def hooks_list(value: Any) -> list[Fields]:
    """Hooks in their one full form, from a text, a mapping or a list of both."""
    if not value:
        return []
    items = value if isinstance(value, (list, tuple)) else [value]
    return [
        {"transaction": True, "index": None, **item}
        if isinstance(item, Mapping)
        else {"sql": str(item), "transaction": True, "index": None}
        for item in items
    ]


def as_list(value: Any) -> list[Any]:
    """A list of what was given as one value, as several, or not at all."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)
