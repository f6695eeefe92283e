"""Macros of grants: what is granted, what should be, and the statements in between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from eltbuild.compile.dbt.ddl import act, kind
from eltbuild.compile.dbt.table import Table
from eltbuild.compile.rendering import Rendering
from eltbuild.sql import spelling
from eltbuild.sql.quoting import quote_identifier, quote_string


def copy_grants(rendering: Rendering) -> bool:
    """Whether a relation keeps its grants when it is replaced."""
    if rendering.session.dialect == "snowflake":
        return bool(rendering.scope["config"].get("copy_grants", False))
    return rendering.session.dialect != "postgres"


def support_multiple_grantees_per_dcl_statement(rendering: Rendering) -> bool:
    """Whether one statement can name several grantees."""
    return rendering.session.dialect not in ("snowflake", "spark", "databricks")


def should_revoke(rendering: Rendering, existing_relation: Any, full_refresh_mode: Any = True) -> bool:
    """Whether there may be grants from before that the config no longer names."""
    if not existing_relation:
        return False
    return not full_refresh_mode or bool(rendering.scope["copy_grants"]())


def get_show_grant_sql(rendering: Rendering, relation: Any) -> str:
    """The query that lists the grants on a relation."""
    if rendering.session.dialect not in ("postgres", "redshift"):
        return f"show grants on {relation.render()}"
    dialect = rendering.session.dialect
    return (
        "select grantee, privilege_type\nfrom information_schema.role_table_grants\nwhere grantor = current_role\n"
        "    and grantee != current_role\n"
        f"    and table_schema = {quote_string(str(relation.schema), dialect)}\n"
        f"    and table_name = {quote_string(str(relation.identifier), dialect)}"
    )


def get_grant_sql(rendering: Rendering, relation: Any, privilege: Any, grantees: Iterable[Any]) -> str:
    """The statement that gives a privilege."""
    return f"grant {_privilege(rendering, privilege)} on {_place(rendering, relation)} to {_names(rendering, grantees)}"


def get_revoke_sql(rendering: Rendering, relation: Any, privilege: Any, grantees: Iterable[Any]) -> str:
    """The statement that takes a privilege away."""
    return (
        f"revoke {_privilege(rendering, privilege)} on {_place(rendering, relation)} from {_names(rendering, grantees)}"
    )


def _place(rendering: Rendering, relation: Any) -> str:
    named = rendering.session.dialect in spelling.NAMES_KIND
    return f"{kind(relation)} {relation.render()}" if named else str(relation.render())


def _privilege(rendering: Rendering, privilege: Any) -> str:
    dialect = rendering.session.dialect
    return quote_identifier(str(privilege), dialect) if dialect == "bigquery" else str(privilege)


def _names(rendering: Rendering, grantees: Iterable[Any]) -> str:
    form = spelling.GRANTEE.get(rendering.session.dialect, "{0}")
    return ", ".join(form.format(grantee) for grantee in grantees)


def get_dcl_statement_list(
    rendering: Rendering, relation: Any, grant_config: Mapping[str, Sequence[Any]], get_dcl_macro: Callable[..., Any]
) -> list[str]:
    """The statements for a mapping from privileges to grantees."""
    together = rendering.scope["support_multiple_grantees_per_dcl_statement"]()
    found = []
    for privilege, grantees in grant_config.items():
        groups = [grantees] if together and grantees else [[grantee] for grantee in grantees or ()]
        found += [str(get_dcl_macro(relation, privilege, group)) for group in groups]
    return found


def call_dcl_statements(rendering: Rendering, dcl_statement_list: Iterable[Any]) -> str:
    """Run the statements, all at once."""
    statements = [str(statement).strip().rstrip(";") for statement in dcl_statement_list]
    return act(rendering, "grants", ";\n".join(statements)) if statements else ""


def apply_grants(rendering: Rendering, relation: Any, grant_config: Any, should_revoke: Any = True) -> str:
    """Give the privileges that are missing, and take away those that the config no longer names."""
    if not grant_config:
        return ""
    scope = rendering.scope
    wanted = {key: [value] if isinstance(value, str) else list(value or ()) for key, value in grant_config.items()}
    to_revoke: Mapping[str, Sequence[Any]] = {}
    to_grant: Mapping[str, Sequence[Any]] = wanted
    if should_revoke:
        table = scope["run_query"](scope["get_show_grant_sql"](relation))
        if isinstance(table, Table):
            there = scope["adapter"].standardize_grants_dict(table)
            to_revoke, to_grant = _missing(there, wanted), _missing(wanted, there)
    statements = scope["get_dcl_statement_list"](relation, to_revoke, scope["get_revoke_sql"])
    statements += scope["get_dcl_statement_list"](relation, to_grant, scope["get_grant_sql"])
    if statements:
        scope["call_dcl_statements"](statements)
    return ""


def _missing(these: Mapping[str, Sequence[Any]], those: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """What the first has and the second lacks, letter case aside."""
    there = {key.lower(): {str(item).lower() for item in items} for key, items in those.items()}
    left = {
        key: [item for item in items if str(item).lower() not in there.get(key.lower(), ())]
        for key, items in these.items()
    }
    return {key: items for key, items in left.items() if items}


GRANTS: Mapping[str, Callable[..., Any]] = {
    "apply_grants": apply_grants,
    "call_dcl_statements": call_dcl_statements,
    "copy_grants": copy_grants,
    "get_dcl_statement_list": get_dcl_statement_list,
    "get_grant_sql": get_grant_sql,
    "get_revoke_sql": get_revoke_sql,
    "get_show_grant_sql": get_show_grant_sql,
    "should_revoke": should_revoke,
    "support_multiple_grantees_per_dcl_statement": support_multiple_grantees_per_dcl_statement,
}
