"""Macros of hooks, headers, previews and checks of SQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from eltbuild.compile.rendering import Rendering
from eltbuild.jinja.errors import TemplateError


def run_hooks(rendering: Rendering, hooks: Iterable[Any], inside_transaction: bool = True) -> str:
    """Run the hooks that belong inside the transaction, or those that belong outside of it."""
    for hook in hooks or ():
        sql, inside = _hook(hook)
        if inside != bool(inside_transaction):
            continue
        text = str(rendering.scope["render"](sql)).strip()
        if text:
            rendering.scope["statement"](auto_begin=inside_transaction, caller=lambda text=text: text)
    return ""


def _hook(hook: Any) -> tuple[str, bool]:
    """The SQL of a hook, and whether it runs inside the transaction."""
    if isinstance(hook, str) and hook.lstrip().startswith("{") and '"sql"' in hook:
        try:
            hook = json.loads(hook)
        except ValueError:
            return hook, True
    if isinstance(hook, str):
        return hook, True
    if isinstance(hook, Mapping):
        return str(hook.get("sql") or ""), bool(hook.get("transaction", True))
    return str(getattr(hook, "sql", "")), bool(getattr(hook, "transaction", True))


def make_hook_config(rendering: Rendering, sql: Any, inside_transaction: bool) -> str:
    """A hook as a text that says whether it runs inside the transaction."""
    return json.dumps({"sql": str(sql), "transaction": bool(inside_transaction)})


def before_begin(rendering: Rendering, sql: Any) -> str:
    """A hook that runs before the transaction."""
    return str(rendering.scope["make_hook_config"](sql, inside_transaction=False))


def in_transaction(rendering: Rendering, sql: Any) -> str:
    """A hook that runs inside the transaction."""
    return str(rendering.scope["make_hook_config"](sql, inside_transaction=True))


def after_commit(rendering: Rendering, sql: Any) -> str:
    """A hook that runs after the transaction."""
    return str(rendering.scope["make_hook_config"](sql, inside_transaction=False))


def set_sql_header(rendering: Rendering, config: Any, caller: Callable[[], Any] | None = None) -> str:
    """`{% call set_sql_header(config) %} ... {% endcall %}`: put text in front of the node's statements."""
    if caller is None:
        raise TemplateError("set_sql_header() is used with {% call set_sql_header(config) %}")
    config.set("sql_header", caller())
    return ""


def get_limit_subquery_sql(rendering: Rendering, sql: Any, limit: Any) -> str:
    """The query with a limit."""
    if rendering.session.dialect in ("tsql", "fabric"):
        return f"select top {limit} * from (\n{sql}\n) as limited_rows"
    return f"{sql}\nlimit {limit}\n"


def get_show_sql(rendering: Rendering, compiled_code: Any, sql_header: Any, limit: Any) -> str:
    """The query as `show` runs it: behind its header, with a limit if there is one."""
    header = f"{sql_header}\n" if sql_header else ""
    if limit is None:
        return f"{header}{compiled_code}"
    return f"{header}{rendering.scope['get_limit_subquery_sql'](compiled_code, limit)}"


def validate_sql(rendering: Rendering, sql: Any) -> Any:
    """Have the warehouse explain the query; its word, or an error if it cannot be run."""
    rendering.scope["statement"]("validate_sql", fetch_result=True, caller=lambda: f"explain {sql}")
    return rendering.scope["load_result"]("validate_sql") if rendering.live else None


HOOKS: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        after_commit, before_begin, get_limit_subquery_sql, get_show_sql, in_transaction, make_hook_config,
        run_hooks, set_sql_header, validate_sql,
    )
}  # fmt: skip
