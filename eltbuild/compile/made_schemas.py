"""Schemas as a project's own macro makes them."""

from __future__ import annotations

from eltbuild.compile.compiler import Compiler
from eltbuild.compile.dbt.relation import TemplateRelation
from eltbuild.compile.introspect import Introspector
from eltbuild.compile.macro_index import MacroIndex
from eltbuild.project.resources import Macro
from eltbuild.relation import Relation


def schema_macro(macros: MacroIndex) -> Macro | None:
    """The project's macro in the place of `create_schema`, if it has one."""
    return macros.visible("create_schema", macros.root) or macros.overridden("create_schema")


def make_schema(compiler: Compiler, macro: Macro, introspector: Introspector, schema: Relation) -> None:
    """Call the macro with the schema, as a relation without a name. Raises `CompileError`, `DatabaseError`."""
    given = next((str(argument.get("name")) for argument in macro.arguments), "relation")
    relation = TemplateRelation.of(schema, compiler.session.dialect)
    compiler.call_macro(macro, introspector, {given: relation})
