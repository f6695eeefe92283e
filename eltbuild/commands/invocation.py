"""What a command is called with, as templates and the warehouse see it: its number, its time, its flags."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from eltbuild.commands.options import Options
from eltbuild.commands.strictness import strictness_of
from eltbuild.compile.call_names import names_of_call
from eltbuild.compile.session import Invocation
from eltbuild.secrecy import Mask, unmasked


def invocation_of(
    options: Options, command: str, now: datetime, mask: Mask = unmasked, number: str | None = None
) -> Invocation:
    """The call as templates and artifacts see it; the command line without secrets. It gets an id if it has none."""
    flags = template_flags(options, command)
    return Invocation(
        command=command,
        invocation_id=number or new_id(),
        started_at=now,
        flags={**flags, "INVOCATION_COMMAND": mask(str(flags["INVOCATION_COMMAND"]))},
        args={**options.given(), "which": command},
    )


def early_names(options: Options, command: str, now: datetime, number: str) -> Mapping[str, Any]:
    """What YAML files know of the call before the project's flags are read: the project file, profiles, packages."""
    return names_of_call(Invocation(command, number, now, template_flags(options, command)))


def new_id() -> str:
    """A random UUID, version 4 (RFC 9562); the module for it would cost more than the rest of a small command."""
    digits = bytearray(os.urandom(16))
    digits[6] = digits[6] & 0x0F | 0x40
    digits[8] = digits[8] & 0x3F | 0x80
    text = digits.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def template_flags(options: Options, command: str) -> dict[str, Any]:
    """`flags` in templates, by upper-case name."""
    return {
        "WHICH": command,
        "FULL_REFRESH": bool(options.full_refresh),
        "STORE_FAILURES": bool(options.store_failures),
        "SKIP_PROVEN": bool(options.skip_proven),
        "EXAMPLE_VALUES": options.example_values is not False,
        "ON_TARGET": options.on_target,
        "ADOPT": bool(options.adopt),
        "PUBLISH": options.publish,
        "EMPTY": bool(options.empty),
        "FAIL_FAST": bool(options.fail_fast),
        "DEBUG": bool(options.debug),
        "QUIET": bool(options.quiet),
        "PRINT": options.print is not False,
        "INTROSPECT": options.introspect is not False,
        "WARN_ERROR": bool(options.warn_error),
        "WARN_ERROR_OPTIONS": strictness_of(options).told(),
        "PARTIAL_PARSE": options.partial_parse is not False,
        "WRITE_JSON": options.write_json is not False,
        "USE_COLORS": options.use_colors is not False,
        "INVOCATION_COMMAND": "eltbuild " + " ".join(sys.argv[1:]),
        "TARGET_PATH": options.target_path,
        "LOG_PATH": options.log_path,
        "PROFILES_DIR": options.profiles_dir,
        "PROJECT_DIR": options.project_dir,
        "DEFER": bool(options.defer),
        "FAVOR_STATE": bool(options.favor_state),
        "INDIRECT_SELECTION": options.indirect_selection or "eager",
        "VARS": dict(options.vars),
        "SAMPLE": options.sample,
        "SAMPLE_WINDOW": sample_window(options.sample),
        "EVENT_TIME_START": options.event_time_start,
        "EVENT_TIME_END": options.event_time_end,
        "LOG_FORMAT": options.log_format or "default",
        "VERSION_CHECK": options.version_check is not False,
        "SEND_ANONYMOUS_USAGE_STATS": False,
        "THREADS": options.threads,
    }


def sample_window(text: str | None) -> tuple[datetime, datetime] | None:
    """`--sample '3 days'` or `'{start: ..., end: ...}'` as two times. Raises `UsageError`."""
    if not text:
        return None
    from eltbuild.run.samples import window

    return window(text, datetime.now(UTC))
