"""The built-in data tests and what stands around every test's query. Text only: nothing is run here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from eltbuild.compile.rendering import Rendering
from eltbuild.jinja.errors import TemplateError

LONE_QUOTE = re.compile(r"(?<!['\\])'(?!')")
"""A quote that is not written as an engine wants it inside a literal."""


def unique(rendering: Rendering, model: Any, column_name: Any) -> str:
    """Values that stand in more than one row, and in how many; NULLs are no values."""
    return (
        f"select\n    {column_name} as unique_field,\n    count(*) as n_records\n\nfrom {model}\n"
        f"where {column_name} is not null\ngroup by {column_name}\nhaving count(*) > 1"
    )


def not_null(rendering: Rendering, model: Any, column_name: Any) -> str:
    """Rows without a value; whole rows where failures are kept."""
    columns = "*" if rendering.scope["should_store_failures"]() else column_name
    return f"select {columns}\nfrom {model}\nwhere {column_name} is null"


def accepted_values(
    rendering: Rendering, model: Any, column_name: Any, values: Iterable[Any], quote: bool = True
) -> str:
    """Values that are not in the list, and in how many rows. NULL is never among them."""
    given = list(values) if isinstance(values, (list, tuple, set, frozenset)) else []
    if not given and not rendering.settling:
        raise TemplateError(
            f"accepted_values on `{column_name}`: `values` must be a list with something in it, got {values!r}"
        )
    texts = [_literal(value) if quote else str(value) for value in given]
    return (
        f"with all_values as (\n\n    select\n        {column_name} as value_field,\n        count(*) as n_records\n\n"
        f"    from {model}\n    group by {column_name}\n\n)\n\n"
        f"select *\nfrom all_values\nwhere value_field not in (\n    {','.join(texts)}\n)"
    )


def _literal(value: Any) -> str:
    # What is doubled or escaped already was written for dbt, which puts the text between quotes as it is.
    text = str(value)
    return "'" + (LONE_QUOTE.sub("''", text) if "'" in text else text) + "'"


def relationships(rendering: Rendering, model: Any, column_name: Any, to: Any, field: Any) -> str:
    """Values that have no counterpart in the other relation; NULLs need none."""
    return (
        f"with child as (\n    select {column_name} as from_field\n    from {model}\n"
        f"    where {column_name} is not null\n),\n\n"
        f"parent as (\n    select {field} as to_field\n    from {to}\n)\n\n"
        "select\n    from_field\n\nfrom child\nleft join parent\n    on child.from_field = parent.to_field\n\n"
        "where parent.to_field is null"
    )


def get_where_subquery(rendering: Rendering, relation: Any) -> Any:
    """The relation; with the test's config `where`, a subquery of the rows for which it holds."""
    where = rendering.scope["config"].get("where", "")
    return f"(select * from {relation} where {where}) dbt_subquery" if where else relation


def should_store_failures(rendering: Rendering) -> bool:
    """Whether the test's failures are kept in a table: the config's word, else the call's."""
    configured = rendering.scope["config"].get("store_failures")
    return bool(rendering.session.flag("STORE_FAILURES", False) if configured in (None, "") else configured)


def get_test_sql(
    rendering: Rendering, main_sql: Any, fail_calc: Any, warn_if: Any, error_if: Any, limit: Any = None
) -> str:
    """One row that says how many failures a test's query has, and whether they warn or fail."""
    cut = f"\n      limit {limit}" if limit is not None else ""
    return (
        f"select\n      {fail_calc} as failures,\n      {fail_calc} {warn_if} as should_warn,\n"
        f"      {fail_calc} {error_if} as should_error\n"
        f"    from (\n      {main_sql}{cut}\n    ) dbt_internal_test"
    )


def materialization_test_default(rendering: Rendering) -> dict[str, Any]:
    """Ask how many failures the test has, as the statement `main`: what a materialization of the project's calls."""
    scope = rendering.scope
    words = {"fail_calc": "count(*)", "warn_if": "!= 0", "error_if": "!= 0", "limit": None}
    given = {key: scope["config"].get(key) for key in words}
    asked = {key: words[key] if value in (None, "") else value for key, value in given.items()}
    scope["statement"]("main", fetch_result=True, caller=lambda: scope["get_test_sql"](scope["sql"], **asked))
    return {"relations": []}


DATA_TESTS: Mapping[str, Callable[..., Any]] = {
    "get_test_sql": get_test_sql,
    "get_where_subquery": get_where_subquery,
    "materialization_test_default": materialization_test_default,
    "should_store_failures": should_store_failures,
    "test_accepted_values": accepted_values,
    "test_not_null": not_null,
    "test_relationships": relationships,
    "test_unique": unique,
}
