"""The macros that name things: schemas, aliases, databases. A project replaces them by macros of the same names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eltbuild.compile.rendering import Rendering


def generate_schema_name(rendering: Rendering, custom_schema_name: Any = None, node: Any = None) -> str:
    """The target's schema; with a custom schema both, joined by an underscore."""
    default = rendering.session.project.target.schema
    return default if custom_schema_name is None else f"{default}_{str(custom_schema_name).strip()}"


def generate_schema_name_for_env(rendering: Rendering, custom_schema_name: Any = None, node: Any = None) -> str:
    """The custom schema alone in the target `prod`; everywhere else the target's schema."""
    target = rendering.session.project.target
    if target.name == "prod" and custom_schema_name is not None:
        return str(custom_schema_name).strip()
    return target.schema


def generate_alias_name(rendering: Rendering, custom_alias_name: Any = None, node: Any = None) -> str:
    """The custom alias, else the node's name, with its version if it has one."""
    if custom_alias_name:
        return str(custom_alias_name).strip()
    name, version = str(_part(node, "name")), _part(node, "version")
    return name if version in (None, "") else f"{name}_v{str(version).replace('.', '_')}"


def generate_database_name(rendering: Rendering, custom_database_name: Any = None, node: Any = None) -> str:
    """The custom database, else the target's."""
    if custom_database_name is None:
        return rendering.session.project.target.database
    return str(custom_database_name).strip()


def generate_latest_version_pointer_alias(rendering: Rendering, custom_alias_name: Any = None, node: Any = None) -> str:
    """What points to a model's latest version: the custom alias, else the model's name without a version."""
    return str(custom_alias_name).strip() if custom_alias_name else str(_part(node, "name") or "")


def _part(node: Any, name: str) -> Any:
    return node.get(name) if isinstance(node, Mapping) else getattr(node, name, None)


NAMING: Mapping[str, Callable[..., Any]] = {
    "generate_alias_name": generate_alias_name,
    "generate_database_name": generate_database_name,
    "generate_latest_version_pointer_alias": generate_latest_version_pointer_alias,
    "generate_schema_name": generate_schema_name,
    "generate_schema_name_for_env": generate_schema_name_for_env,
}
