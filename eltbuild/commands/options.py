"""What a call asks for: every flag of every command as one frozen value, whoever makes the call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eltbuild.values import dataclass, field, fields, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Flags by the names that the command line gives them. None: not given, so the project or the default decides."""

    project_dir: str | None = None
    profiles_dir: str | None = None
    profile: str | None = None
    target: str | None = None
    threads: int | None = None
    vars: Mapping[str, Any] = field(default_factory=dict)
    target_path: str | None = None
    log_path: str | None = None

    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    selector: str | None = None
    resource_type: tuple[str, ...] = ()
    exclude_resource_type: tuple[str, ...] = ()
    indirect_selection: str | None = None
    state: str | None = None
    defer: bool | None = None
    defer_state: str | None = None
    favor_state: bool | None = None

    full_refresh: bool | None = None
    adopt: bool | None = None
    publish: str | None = None
    wait: str | None = None
    fail_fast: bool | None = None
    empty: bool | None = None
    sample: str | None = None
    event_time_start: str | None = None
    event_time_end: str | None = None
    store_failures: bool | None = None
    skip_proven: bool | None = None
    example_values: bool | None = None
    gx_results: str | None = None
    gx_data_docs: bool | None = None
    on_target: bool | None = None
    introspect: bool | None = None
    warn_error: bool | None = None
    warn_error_options: Mapping[str, Any] | None = None
    write_json: bool | None = None
    version_check: bool | None = None
    partial_parse: bool | None = None

    log_format: str | None = None
    log_level: str | None = None
    log_format_file: str | None = None
    log_level_file: str | None = None
    use_colors: bool | None = None
    quiet: bool | None = None
    debug: bool | None = None
    print: bool | None = None

    inline: str | None = None
    limit: int | None = None
    output: str | None = None
    output_keys: tuple[str, ...] = ()
    show: bool | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    sql: str | None = None
    compile: bool | None = None
    drop: bool | None = None
    kept: bool | None = None
    restore: str | None = None
    config_dir: bool | None = None
    connection: bool | None = None
    clean_project_files_only: bool | None = None
    empty_catalog: bool | None = None
    static: bool | None = None
    deltas: int | None = None
    cut: str | None = None
    since: str | None = None
    exclude_columns: tuple[str, ...] = ()
    min_score: float | None = None
    data_tests: bool | None = None
    record: tuple[str, ...] = ()
    rows: int | None = None
    mask: tuple[str, ...] = ()
    fail_on: str | None = None
    everything: bool | None = None
    host: str | None = None
    port: int | None = None
    browser: bool | None = None

    def given(self) -> dict[str, Any]:
        """The flags that were given, by name."""
        out = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if value is not None and value not in ((), {}):
                out[item.name] = value
        return out

    def behind(self, flags: Mapping[str, Any]) -> Options:
        """These options, with the `flags:` of a project file where the call gave nothing."""
        names = {item.name for item in fields(self)}
        changes = {
            key: value
            for key, value in flags.items()
            if key in names and key in FROM_PROJECT and getattr(self, key) is None
        }
        return replace(self, **changes) if changes else self


FROM_PROJECT = frozenset(
    {
        "indirect_selection", "fail_fast", "full_refresh", "store_failures", "introspect", "warn_error",
        "warn_error_options", "write_json", "version_check", "partial_parse", "log_format", "log_level",
        "log_format_file", "log_level_file", "use_colors", "quiet", "debug", "print", "defer", "favor_state", "empty",
        "log_path", "target_path", "on_target", "publish", "skip_proven",
        "example_values",
    }
)  # fmt: skip
"""Flags that a project file may set."""
