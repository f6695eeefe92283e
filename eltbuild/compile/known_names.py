"""The names that templates find without any macro of the project's."""

from __future__ import annotations

from eltbuild.compile.dbt.builtins import BUILTINS
from eltbuild.compile.dbt.context import CALLS, ON_DEMAND
from eltbuild.compile.dbt.functions import STATIC

LANGUAGE_NAMES = frozenset(
    {"ref", "source", "config", "var", "env_var", "execute", "is_incremental", "builtins", "sql", "compiled_code",
     "model", "column_name", "results", "schemas", "database_schemas", "source_node", "node", "connection_name",
     "range", "dict", "lipsum", "cycler", "joiner", "namespace", "loop", "caller", "varargs", "kwargs", "batch"}
)  # fmt: skip


def is_known(name: str) -> bool:
    """Whether templates find that name without any macro of the project's."""
    return name in LANGUAGE_NAMES or name in ON_DEMAND or name in STATIC or name in CALLS or name in BUILTINS


def is_own_macro(name: str) -> bool:
    """Whether that is one of the macros that dbt brings itself."""
    return name in BUILTINS


def known_names() -> frozenset[str]:
    """All names that templates find without any macro of the project's."""
    return LANGUAGE_NAMES | frozenset(ON_DEMAND) | frozenset(STATIC) | frozenset(CALLS) | frozenset(BUILTINS)
