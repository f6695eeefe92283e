"""A project's own incremental strategy, called with what dbt hands to such a macro."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eltbuild.compile.compiler import Compiler
from eltbuild.compile.dbt.column import TemplateColumn
from eltbuild.compile.dbt.relation import TemplateRelation
from eltbuild.compile.introspect import Introspector
from eltbuild.project.resources import Macro, Node
from eltbuild.relation import Column, Relation


def strategy_sql(
    compiler: Compiler,
    macro: Macro,
    introspector: Introspector,
    node: Node,
    staged: Relation,
    columns: Sequence[Column],
) -> str:
    """The SQL of `get_incremental_<name>_sql(arg_dict)`. Raises `CompileError`."""
    dialect = compiler.session.dialect
    assert node.relation is not None
    arguments: dict[str, Any] = {
        "target_relation": TemplateRelation.of(node.relation, dialect, type="table"),
        "temp_relation": TemplateRelation.of(staged, dialect, type="table"),
        "unique_key": node.config.get("unique_key"),
        "dest_columns": [TemplateColumn.of(column, dialect) for column in columns],
        "incremental_predicates": node.config.get("incremental_predicates") or node.config.get("predicates"),
    }
    return str(compiler.call_macro(macro, introspector, {_argument(macro): arguments}, node=node)).strip()


def _argument(macro: Macro) -> str:
    """The name of the macro's one parameter, which projects choose freely."""
    names = [str(argument.get("name")) for argument in macro.arguments]
    return names[0] if names else "arg_dict"
