"""Queries that a template asks while it is rendered, and their results under a name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eltbuild.compile.dbt.responses import Response, table_of
from eltbuild.compile.dbt.table import Table
from eltbuild.compile.rendering import Rendering
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.unknown import Unknown

LOADED = object()
"""What stands for a result that a template has taken."""


class Result(dict[str, Any]):
    """`load_result(name)`: response, data and table, by key or by attribute."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def statement(
    rendering: Rendering, name: str | None = None, fetch_result: bool = False, auto_begin: bool = True,
    language: str = "sql", caller: Callable[[], str] | None = None,
) -> str:  # fmt: skip
    """`{% call statement('name', fetch_result=True) %} sql {% endcall %}`: run SQL and keep the result by name."""
    if caller is None:
        raise TemplateError("statement() is used with {% call statement(...) %}")
    sql = str(caller())
    introspector = rendering.ask()
    if not introspector.live or not sql.strip():
        return ""
    if name == "main":
        rendering.statements.append((name, sql))
    answer = introspector.query(sql)
    if name is not None and answer is not None:
        table = table_of(rendering, answer) if fetch_result else Table((), ())
        _keep(rendering, name, Response(answer.message, answer.affected), table)
    return ""


def _keep(rendering: Rendering, name: str, response: Any, table: Table) -> None:
    rendering.results[name] = Result(response=response, data=[tuple(row) for row in table.rows], table=table)


def store_result(rendering: Rendering, name: str, response: Any, agate_table: Any = None) -> str:
    """Keep a result under a name."""
    _keep(rendering, name, response, agate_table if agate_table is not None else Table((), ()))
    return ""


def store_raw_result(
    rendering: Rendering,
    name: str,
    message: Any = None,
    code: Any = None,
    rows_affected: Any = None,
    agate_table: Any = None,
) -> str:
    """Keep a result under a name, from its parts."""
    return store_result(rendering, name, Response(str(message or ""), rows_affected, str(code or "")), agate_table)


def noop_statement(
    rendering: Rendering, name: str | None = None, message: Any = None, code: Any = None, rows_affected: Any = None,
    res: Any = None, caller: Callable[[], str] | None = None,
) -> str:  # fmt: skip
    """A statement that is not sent: only its result is kept."""
    if caller is not None:
        rendering.statements.append((name or "", str(caller())))
    if name is not None:
        store_raw_result(rendering, name, message, code, rows_affected, res)
    return ""


def load_result(rendering: Rendering, name: str) -> Any:
    """The result of a statement; none where there was none. Raises `TemplateError` when it is loaded a second time."""
    found = rendering.results.get(name)
    if found is LOADED:
        raise TemplateError(
            f"The 'statement' result named '{name}' has already been loaded into a variable",
            hint="keep it in a variable, or run the statement again",
        )
    if found is not None and name != "main":
        rendering.results[name] = LOADED
    return found


def run_query(rendering: Rendering, sql: str) -> Any:
    """The rows of a query; while nothing can be asked, what is unknown: no rows, false, not `none`."""
    introspector = rendering.ask()
    if not introspector.live:
        return Unknown("the query has not been asked yet", name="table")
    answer = introspector.query(str(sql))
    return table_of(rendering, answer) if answer is not None else None
