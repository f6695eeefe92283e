"""Macros of user-defined functions, each of which a project may replace; their SQL is `eltbuild.sql.functions`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eltbuild.compile.rendering import Rendering
from eltbuild.errors import CompileError
from eltbuild.jinja.errors import TemplateError
from eltbuild.sql import functions as sql


def _config(rendering: Rendering, key: str) -> Any:
    return rendering.node.config.get(key) if rendering.node is not None else None


def _form(rendering: Rendering) -> sql.Signature:
    """The form that the node's own file holds."""
    extra = rendering.node.extra if rendering.node is not None else {}
    return sql.signature_of(extra, str(rendering.scope.get("compiled_code") or ""))


def formatted_scalar_function_args_sql(rendering: Rendering) -> str:
    """The arguments with their types."""
    return sql.arguments_text(rendering.session.dialect, _form(rendering).arguments)


def scalar_function_volatility_sql(rendering: Rendering) -> str:
    """The word for how far the function depends on more than its arguments."""
    return sql.volatility_text(rendering.session.dialect, _config(rendering, "volatility"))


def scalar_function_create_replace_signature_sql(rendering: Rendering, target_relation: Any) -> str:
    """The head of the statement that makes the function."""
    arguments = rendering.scope["formatted_scalar_function_args_sql"]()
    volatility = rendering.scope["scalar_function_volatility_sql"]()
    head = f"CREATE OR REPLACE FUNCTION {target_relation.render()} ({arguments})\nRETURNS {_form(rendering).returns}"
    return f"{head}\n{volatility}".rstrip()


def scalar_function_body_sql(rendering: Rendering) -> str:
    """The text of the function between delimiters."""
    return sql.body_text(_form(rendering).body)


def _whole(kind: str) -> Callable[..., str]:
    def create(rendering: Rendering, target_relation: Any) -> str:
        """The statement that makes the function, in the words of the engine."""
        try:
            made = sql.create_functions(
                rendering.session.dialect,
                target_relation.render(),
                kind,
                (_form(rendering), *rendering.extra_names.get("__overloads", ())),
                _config(rendering, "volatility"),
            )
        except CompileError as error:
            raise TemplateError(error.problems[0].message) from error
        return ";\n".join(made)

    return create


def scalar_function_sql(rendering: Rendering, target_relation: Any) -> str:
    """The statement that makes a scalar function, of the parts that a project may replace."""
    if rendering.session.dialect in sql.MACROS:
        return _whole("scalar")(rendering, target_relation)
    head = rendering.scope["scalar_function_create_replace_signature_sql"](target_relation)
    return f"{head}\n{rendering.scope['scalar_function_body_sql']()}"


def unsupported_volatility_warning(rendering: Rendering, volatility: Any) -> str:
    """Say that the engine has no word for that volatility."""
    name = rendering.node.name if rendering.node is not None else ""
    text = f"function `{name}`: volatility `{volatility}` means nothing to this engine and is ignored"
    rendering.scope["exceptions"].warn(text)
    return ""


def function_execute_build_sql(
    rendering: Rendering, build_sql: Any, existing_relation: Any, target_relation: Any
) -> str:
    """Run the statement that makes the function."""
    rendering.scope["statement"]("main", caller=lambda: str(build_sql))
    return ""


def formatted_scalar_function_args_javascript(rendering: Rendering) -> str:
    """The arguments of a function in JavaScript."""
    return str(rendering.scope["formatted_scalar_function_args_sql"]())


def get_aggregate_function_create_replace_signature(rendering: Rendering, target_relation: Any) -> str:
    """The head of the statement that makes an aggregate."""
    arguments = rendering.scope["get_formatted_aggregate_function_args"]()
    returns = _form(rendering).returns
    return f"CREATE OR REPLACE AGGREGATE FUNCTION {target_relation.render()} ({arguments})\nRETURNS {returns}"


def get_function_language_specifier(rendering: Rendering) -> str:
    """The language of the function."""
    language = rendering.node.language if rendering.node is not None else "sql"
    return f"LANGUAGE {language.upper()}"


def get_function_python_options(rendering: Rendering) -> str:
    """The version of Python and the name in the file."""
    version, entry = _config(rendering, "runtime_version"), _config(rendering, "entry_point")
    return f"RUNTIME_VERSION = '{version}'\nHANDLER = '{entry}'"


UDFS: Mapping[str, Callable[..., Any]] = {
    "scalar_function_sql": scalar_function_sql,
    "aggregate_function_sql": _whole("aggregate"),
    "table_function_sql": _whole("table"),
    "formatted_scalar_function_args_sql": formatted_scalar_function_args_sql,
    "get_formatted_aggregate_function_args": formatted_scalar_function_args_sql,
    "scalar_function_volatility_sql": scalar_function_volatility_sql,
    "get_aggregate_function_volatility_specifier": scalar_function_volatility_sql,
    "scalar_function_create_replace_signature_sql": scalar_function_create_replace_signature_sql,
    "scalar_function_body_sql": scalar_function_body_sql,
    "scalar_function_volatility_javascript": scalar_function_volatility_sql,
    "formatted_scalar_function_args_javascript": formatted_scalar_function_args_javascript,
    "get_aggregate_function_create_replace_signature": get_aggregate_function_create_replace_signature,
    "get_function_language_specifier": get_function_language_specifier,
    "get_function_python_options": get_function_python_options,
    "unsupported_volatility_warning": unsupported_volatility_warning,
    "function_execute_build_sql": function_execute_build_sql,
}
