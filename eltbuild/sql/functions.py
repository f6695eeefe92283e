"""Statements that make user-defined functions, and the question what function stands at a place. Nothing is run.

An engine that keeps macros (text that is put in place of a call) gets a macro, all overloads in one statement; others
get one function for each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from eltbuild.errors import CompileError, Problem
from eltbuild.relation import Relation
from eltbuild.sql.quoting import quote_identifier, quote_string
from eltbuild.sql.scan import without_end
from eltbuild.values import dataclass, replace

MACROS = frozenset({"duckdb"})
"""Dialects whose functions in SQL are macros."""

VOLATILITIES: Mapping[str, str] = {"deterministic": "IMMUTABLE", "stable": "STABLE", "non-deterministic": "VOLATILE"}
"""How a volatility is said where the engine has functions; a macro has none."""

KINDS: Mapping[str, frozenset[str]] = {
    "scalar": frozenset(),
    "aggregate": MACROS,
    "table": MACROS | {"postgres", "redshift", "materialize"},
}
"""The dialects that can make each type of function in SQL; an empty set: all."""

_QUERY = re.compile(r"(?is)\A\s*(?:(?:--[^\n]*\n|/\*.*?\*/)\s*)*(?:select|with|from|values)\b")
_DELIMITERS = ("$$", *(f"$body{number or ''}$" for number in range(100)))


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument: its name, its type and its default as SQL."""

    name: str
    type: str
    default: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """One form of a function: what it takes, what it gives, and its text."""

    arguments: tuple[Argument, ...]
    returns: str
    body: str


def signature_of(signature: Mapping[str, Any], body: str) -> Signature:
    """One form of a function, as a properties file describes it."""
    arguments = tuple(
        Argument(
            str(argument["name"]),
            str(argument["data_type"]),
            "" if argument.get("default_value") is None else str(argument["default_value"]),
        )
        for argument in signature.get("arguments") or ()
    )
    return Signature(arguments, str((signature.get("returns") or {}).get("data_type") or ""), body)


def is_possible(dialect: str, kind: str) -> bool:
    """Whether functions of that type can be written in SQL."""
    return kind in KINDS and (not KINDS[kind] or dialect in KINDS[kind])


def gives_table(returns: str) -> bool:
    """Whether what a function returns is a table: `table`, `table(id integer)`, `setof integer`."""
    return re.match(r"(?i)\s*(table\b|setof\b)", returns) is not None


def create_functions(
    dialect: str, name: str, kind: str, forms: Sequence[Signature], volatility: str | None = None
) -> tuple[str, ...]:
    """The statements that make a function, which take the place of it where it stands; `name` as SQL."""
    if dialect in MACROS:
        # A database file of an older storage version holds no types of parameters: they are named where they must be.
        typed = len({len(form.arguments) for form in forms}) < len(forms)
        spelled = ", ".join(_macro(dialect, kind, form, typed) for form in forms)
        return (f"CREATE OR REPLACE FUNCTION {name}{spelled}",)
    return tuple(_function(dialect, name, form, volatility) for form in forms)


def create_table_macro(name: str, parameters: str, query: str, dialect: str) -> str:
    """The statement that makes a query with parameters, which takes the place of the one that stands."""
    return f"create or replace function {name}({parameters}) as table (\n{without_end(query, dialect).strip()}\n)"


def _macro(dialect: str, kind: str, form: Signature, typed: bool) -> str:
    given = form.arguments if typed else [replace(argument, type="") for argument in form.arguments]
    arguments = arguments_text(dialect, given)
    body = without_end(form.body, dialect).strip()
    if kind == "table":
        return f"({arguments}) AS TABLE (\n{body}\n)"
    alone = _expression(dialect, body) if _QUERY.match(body) else body
    inner = f"\n{alone}\n" if alone else f"(\n{body}\n)"
    return f"({arguments}) AS CAST({inner} AS {form.returns})"


def _expression(dialect: str, body: str) -> str:
    """The expression that a query gives which reads nothing: `price * 2` of `select price * 2`; "" for others.

    A query in the place of an expression is one for each row, which views cannot always hold.
    """
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(body, dialect=dialect)
    except sqlglot.errors.SqlglotError:
        return ""
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1:
        return ""
    if any(value for key, value in tree.args.items() if key not in ("expressions", "kind")):
        return ""
    only = tree.expressions[0]
    text: str = only.unalias().sql(dialect=dialect)
    return "" if isinstance(only, exp.Star) else text


def _function(dialect: str, name: str, form: Signature, volatility: str | None) -> str:
    head = f"{signature_text(dialect, name, form)}\n{volatility_text(dialect, volatility)}"
    return f"{head.rstrip()}\n{body_text(form.body)}"


def signature_text(dialect: str, name: str, form: Signature) -> str:
    """The head of a statement that makes a function, to what it returns."""
    return f"CREATE OR REPLACE FUNCTION {name} ({arguments_text(dialect, form.arguments)})\nRETURNS {form.returns}"


def arguments_text(dialect: str, arguments: Sequence[Argument]) -> str:
    """Names and types, with defaults where the engine has them for functions."""
    form = {"duckdb": " := {0}", "postgres": " DEFAULT {0}"}.get(dialect, "")
    return ", ".join(
        f"{_name(argument.name, dialect)} {argument.type}".rstrip()
        + (form.format(argument.default) if argument.default else "")
        for argument in arguments
    )


def _name(name: str, dialect: str) -> str:
    """As written where it is a plain word, for bodies name it so, whatever its letters; else in quotes."""
    return name if re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) else quote_identifier(name, dialect)


def volatility_text(dialect: str, volatility: str | None) -> str:
    """The word for a volatility; none where there is nothing to say."""
    return "" if dialect in MACROS else VOLATILITIES.get(volatility or "", "")


def body_text(body: str) -> str:
    """A function's text between delimiters that do not stand in it."""
    delimiter = next((mark for mark in _DELIMITERS if mark not in body), None)
    if delimiter is None:
        raise CompileError(Problem("the text of the function holds every delimiter that could stand around it"))
    return f"AS\n{delimiter}\n{body.strip()}\n{delimiter} LANGUAGE SQL"


def standing_functions(dialect: str, relation: Relation) -> str | None:
    """A query for the definitions of the functions of that name that stand there; None where nothing is known of it."""
    form = _STANDING.get(dialect)
    if form is None:
        return None
    parts = (quote_string(part or "", dialect) for part in (relation.database, relation.schema, relation.identifier))
    return form.format(*parts)


_STANDING: Mapping[str, str] = {
    "duckdb": (
        "select 'create macro ' || function_name || '(' || array_to_string(parameters, ', ') || ') as '"
        " || case function_type when 'table_macro' then 'table ' else '' end || macro_definition"
        " from duckdb_functions() where not internal and lower(database_name) = lower({0})"
        " and lower(schema_name) = lower({1}) and lower(function_name) = lower({2})"
        " and function_type in ('macro', 'table_macro')"
    ),
    "postgres": (
        "select case p.prokind when 'a' then 'aggregate ' || p.oid::regprocedure::text"
        " else pg_catalog.pg_get_functiondef(p.oid) end"
        " from pg_catalog.pg_proc as p join pg_catalog.pg_namespace as n on n.oid = p.pronamespace"
        " where n.nspname = {1} and p.proname = {2}"
    ),
}
