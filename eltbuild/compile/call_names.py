"""What Jinja in YAML files knows beside variables and the target: the language's functions, and the call.

They are those that dbt gives to every file: the project file, profiles, lists of packages, selectors and properties.
"""

from __future__ import annotations

import threading
from typing import Any

from eltbuild.compile.dbt.functions import STATIC
from eltbuild.compile.names import Flags
from eltbuild.compile.session import Invocation, Say, silent

LANGUAGE = (
    "return", "fromjson", "tojson", "fromyaml", "toyaml", "set", "set_strict", "zip", "zip_strict", "local_md5",
    "diff_of_two_dicts", "modules",
)  # fmt: skip
"""Of the functions of templates, those that YAML files have."""


def names_of_call(invocation: Invocation, say: Say = silent) -> dict[str, Any]:
    """The names by which a YAML file can use the language's functions and ask for the call itself."""

    def told(kind: str) -> Any:
        def tell(msg: Any, info: bool = False) -> str:
            say(str(msg), "info" if info or kind == "print" else "debug", kind, None)
            return ""

        return tell

    return {
        **{name: STATIC[name] for name in LANGUAGE},
        "flags": Flags(invocation.flags),
        "run_started_at": invocation.started_at,
        "invocation_id": invocation.invocation_id,
        "thread_id": threading.current_thread().name,
        "log": told("log"),
        "print": told("print"),
    }
