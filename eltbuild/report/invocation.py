"""One call of eltbuild, as artifacts and logs name it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from eltbuild.secrecy import is_secret_variable
from eltbuild.values import dataclass, field

DBT_VERSION = "1.12.6"
"""The version of dbt whose artifacts and events these are; readers decide by it what they may expect."""

CUSTOM_ENVIRONMENT = ("DBT_ENV_CUSTOM_ENV_", "DBT_ENGINE_ENV_CUSTOM_ENV_", "ELTBUILD_ENV_CUSTOM_ENV_")
"""Environment variables with these beginnings are copied into the metadata of artifacts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What was called, when, and with which arguments. `id` is a UUID; `started_at` is aware, UTC."""

    id: str
    command: str
    started_at: datetime
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """The flags as parsed, for `args` in `run_results.json`: `which`, `select`, `vars` ..."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What of the environment goes into artifacts: see `custom_environment`."""
    command_line: str = ""
    """The call as typed, secrets masked."""
    project_name: str = ""
    adapter_type: str = ""


def custom_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that the user wants in artifacts, without their prefix; never a secret one."""
    return {
        name[len(prefix) :]: value
        for name, value in environ.items()
        for prefix in CUSTOM_ENVIRONMENT
        if name.startswith(prefix) and name != prefix and not is_secret_variable(name)
    }


def stamp(moment: datetime) -> str:
    """The moment as dbt writes it in artifacts and logs: UTC, microseconds, `Z`."""
    return utc_text(moment) + "Z"


@lru_cache(maxsize=64)
def utc_text(moment: datetime) -> str:
    """The moment in UTC with microseconds and no word on the zone: `2026-01-02T03:04:05.000006`."""
    # Half the cost of a log is here: `isoformat` takes a fifth of the time of `strftime`, and a moment is told often.
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26]


def metadata(schema: str, invocation: Invocation, now: datetime) -> dict[str, Any]:
    """What every artifact begins with. Readers of dbt's artifacts take no key besides, and in `env` only the user's."""
    return {
        "dbt_schema_version": f"https://schemas.getdbt.com/dbt/{schema}.json",
        "dbt_version": DBT_VERSION,
        "generated_at": stamp(now),
        "invocation_id": invocation.id,
        "invocation_started_at": stamp(invocation.started_at),
        "env": dict(invocation.environment),
    }
