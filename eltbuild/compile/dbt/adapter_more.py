"""Members of `adapter` that few templates ask for, by name: those of single engines, and of constraints and indexes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eltbuild.compile.dbt.columns import column_definition, table_constraint
from eltbuild.compile.rendering import Rendering
from eltbuild.jinja.errors import TemplateError
from eltbuild.values import dataclass

if TYPE_CHECKING:
    from eltbuild.compile.dbt.relation import TemplateRelation


@dataclass(frozen=True, slots=True)
class TemplateIndex:
    """An index of a config, read: `adapter.parse_index(...)`."""

    columns: list[str]
    unique: bool = False
    type: str | None = None

    def render(self, relation: TemplateRelation) -> str:
        """A name for it on that relation, another one at each moment."""
        from datetime import UTC, datetime
        from hashlib import md5

        parts = [*self.columns, relation.render(), str(self.unique), str(self.type), datetime.now(UTC).isoformat()]
        return md5("_".join(parts).encode(), usedforsecurity=False).hexdigest()

    @property
    def as_node_config(self) -> dict[str, Any]:
        """The index as a config has it."""
        return {"columns": self.columns, "unique": self.unique, "type": self.type}


def parse_index(rendering: Rendering, raw_index: Any) -> TemplateIndex | None:
    """The index that a config describes; none for none. Raises `TemplateError` where it is none."""
    if raw_index is None:
        return None
    columns = raw_index.get("columns") if isinstance(raw_index, Mapping) else None
    if not isinstance(columns, (list, tuple)):
        raise TemplateError(f"an index needs a list of `columns`, got {raw_index!r}")
    kind = raw_index.get("type")
    unique = bool(raw_index.get("unique"))
    return TemplateIndex([str(column) for column in columns], unique, None if kind is None else str(kind))


def render_raw_columns_constraints(rendering: Rendering, raw_columns: Mapping[str, Any]) -> list[str]:
    """Each column of a contract as it is defined: name, type, constraints."""
    return [column_definition(rendering, column) for column in raw_columns.values()]


def render_raw_model_constraints(rendering: Rendering, raw_constraints: Any) -> list[str]:
    """The constraints of a whole table, those that the engine knows."""
    return [text for one in raw_constraints or () if (text := table_constraint(rendering, one))]


def get_incremental_strategy_macro(rendering: Rendering, model_context: Any, strategy: Any) -> Any:
    """The macro of an incremental strategy: the project's own, else the built-in one."""
    name = f"get_incremental_{str(strategy or 'default').replace('+', '_')}_sql"
    found = rendering.scope.get(name)
    if found is None:
        raise TemplateError(f"there is no incremental strategy `{strategy}`: no macro `{name}`")
    return found


def assert_valid_snapshot_target_given_strategy(rendering: Rendering, relation: Any, names: Any, strategy: Any) -> str:
    """Refuse a table that lacks what a snapshot writes. Raises `TemplateError`."""
    wanted = [names["dbt_scd_id"], names["dbt_valid_from"], names["dbt_valid_to"]]
    if getattr(strategy, "hard_deletes", None) == "new_record":
        wanted.append(names["dbt_is_deleted"])
    has = {column.name.lower() for column in rendering.scope["adapter"].get_columns_in_relation(relation)}
    missing = [name for name in wanted if name.lower() not in has]
    if missing and rendering.live:
        raise TemplateError(f"`{relation}` is no snapshot: it has no column {', '.join(f'`{n}`' for n in missing)}")
    return ""


def valid_snapshot_target(rendering: Rendering, relation: Any, column_names: Any = None) -> str:
    """The same for a snapshot of the usual names, or those given."""
    usual = {name: name for name in ("dbt_scd_id", "dbt_valid_from", "dbt_valid_to", "dbt_is_deleted")}
    return assert_valid_snapshot_target_given_strategy(rendering, relation, {**usual, **(column_names or {})}, None)


def get_seed_file_path(rendering: Rendering, model: Mapping[str, Any]) -> str:
    """Where the file of a seed lies."""
    return str(Path(str(model.get("root_path") or rendering.session.project.root), str(model["original_file_path"])))


def convert_datetimes_to_strs(rendering: Rendering, table: Any) -> Any:
    """The table; what it holds is text already where it is written as such."""
    return table


def _always(value: Any) -> Callable[..., Any]:
    return lambda rendering, *_, **__: value


MORE: Mapping[str, Callable[..., Any]] = {
    "batch_id_for_model": _always(""),
    "catalog_supports_foreign_keys": _always(True),
    "ensure_transaction": _always(""),
    "existing_key_constraint_types": _always([]),
    "get_binding_char": _always("?"),
    "use_ducklake_table_workarounds": _always(False),
    **{
        function.__name__: function
        for function in (
            assert_valid_snapshot_target_given_strategy,
            convert_datetimes_to_strs,
            get_incremental_strategy_macro,
            get_seed_file_path,
            parse_index,
            render_raw_columns_constraints,
            render_raw_model_constraints,
            valid_snapshot_target,
        )
    },
}
"""Each takes the rendering first."""
