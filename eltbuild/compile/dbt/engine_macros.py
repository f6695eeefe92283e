"""Macros that dbt's adapters for one engine bring beside those for all, as packages and projects call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eltbuild.compile.dbt.relation import TemplateRelation
from eltbuild.compile.dbt.table import Table
from eltbuild.compile.rendering import Rendering
from eltbuild.jinja.errors import TemplateError
from eltbuild.project.resources import Node
from eltbuild.sql import external_files as files

COMMENT = "$dbt_comment_literal_block$"
"""What stands around a comment that may hold quotes."""


# DuckDB: files


def external_location(rendering: Rendering, relation: Any, config: Any) -> str:
    """The file or folder of an external model that names none: below `external_root`, by its name."""
    options = dict(config.get("options") or {})
    root = f"{rendering.scope['adapter'].external_root()}/{relation.identifier}"
    if options.get("partition_by") or config.get("partition_by"):
        return root
    return f"{root}.{config.get('format') or options.get('format') or 'parquet'}"


def location_exists(rendering: Rendering, location: Any) -> Any:
    """Whether files can be found there."""
    return rendering.scope["adapter"].location_exists(location)


def render_write_options(rendering: Rendering, config: Any) -> dict[str, Any]:
    """The options of COPY that a config gives."""
    options = dict(config.get("options") or {})
    return {**options, **{key: config.get(key) for key in ("format", "delimiter") if config.get(key)}}


def write_to_file(rendering: Rendering, relation: Any, location: Any, options: Any) -> str:
    """Write the rows of a relation as files; `options` are SQL, as `adapter.external_write_options` gives them."""
    sql = f"copy {relation.render()} to {files.quoted(str(location))} ({options})"
    rendering.scope["statement"]("write_to_file", caller=lambda: sql)
    return ""


def store_relation(rendering: Rendering, plugin: Any, relation: Any, location: Any, format: Any, config: Any) -> str:
    """Plugins are programs of dbt's adapter: none can be loaded here."""
    raise TemplateError(f"the plugin `{plugin}` cannot be used", hint="write files with `materialized: external`")


def register_upstream_external_models(rendering: Rendering) -> str:
    """The views of external models that the selected nodes read and this run does not build, where none stands.

    A database in memory has lost them since the run that wrote the files.
    """
    if not rendering.live:
        return ""
    project = rendering.session.project
    selected = frozenset(rendering.session.invocation.selected)
    chosen = [node for id in selected if (node := project.nodes.get(id)) is not None]
    for id in sorted({parent for node in chosen for parent in node.parents} - selected):
        parent = project.nodes.get(id)
        if parent is not None and parent.materialized == "external" and parent.relation is not None:
            _register(rendering, parent)
    return ""


def _register(rendering: Rendering, node: Node) -> None:
    scope = rendering.scope
    assert node.relation is not None
    relation = TemplateRelation.of(node.relation, rendering.session.dialect, type="view")
    given = node.config.get("location") or scope["external_location"](relation, node.config)
    location = scope["render"](str(given)).strip()
    options = files.write_options(location, scope["render_write_options"](node.config))
    kind = str(options["format"]).lower()
    place = files.read_location(location, options)
    if kind not in files.FORMATS or not scope["location_exists"](place):
        return
    scope["adapter"].create_schema(relation)
    source = files.reading(place, kind, node.config.get(f"{kind}_read_options"))
    sql = f"create view if not exists {relation.render()} as select * from {source}"
    scope["statement"]("register_upstream_external_models", caller=lambda: sql)


def flight_name(rendering: Rendering, parsed_model: Any) -> str:
    """The name of a model for MotherDuck."""
    return f"dbt-{parsed_model['schema']}-{parsed_model['alias']}"


def normalize_string_or_list(rendering: Rendering, raw: Any, field_name: Any = "") -> list[Any]:
    """A list of what was given as one text, as several, or not at all."""
    if raw is None:
        return []
    if isinstance(raw, str):
        return [raw]
    if isinstance(raw, (list, tuple)):
        return list(raw)
    raise TemplateError(f"`{field_name}` must be a text or a list of texts")


def drop_indexes_on_relation(rendering: Rendering, relation: Any) -> str:
    """Drop what indexes a table has."""
    scope = rendering.scope
    table = scope["run_query"](scope["get_show_indexes_sql"](relation))
    for row in table.rows if isinstance(table, Table) else ():
        scope["run_query"](scope["get_drop_index_sql"](relation, row[0]))
    return ""


# Comments


def escape_comment(rendering: Rendering, comment: Any) -> str:
    """A comment as a literal that needs no escapes. Raises `TemplateError` for what is no text, or ends the literal."""
    if not isinstance(comment, str):
        raise TemplateError(f"a comment is a text, not {comment!r}")
    if COMMENT in comment:
        raise TemplateError(f"a comment must not hold `{COMMENT}`")
    return f"{COMMENT}{comment}{COMMENT}"


# PostgreSQL


def make_relation_with_suffix(rendering: Rendering, base_relation: Any, suffix: Any, dstring: Any = "") -> Any:
    """A relation beside another: its name, cut where it would be too long, with something behind it."""
    limit = rendering.session.capabilities.identifier_length or 10_000
    end = f"{suffix}{dstring}"
    if len(end) > limit:
        raise TemplateError(f"`{end}` is longer than a name may be ({limit})")
    name = str(base_relation.identifier)[: limit - len(end)]
    return base_relation.incorporate(path={"identifier": name + end})


def postgres_get_relations(rendering: Rendering) -> Any:
    """Which views stand on which relations."""
    return rendering.scope["get_relations"]()


# All


def create_or_replace_view(rendering: Rendering) -> Mapping[str, Any]:
    """The view of a materialization of the project's own: made in the place of what stands."""
    scope = rendering.scope
    target = scope["this"].incorporate(type="view")
    existing = scope["load_cached_relation"](scope["this"])
    scope["run_hooks"](scope["pre_hooks"])
    if existing is not None:
        scope["adapter"].drop_relation(existing)
    scope["statement"]("main", caller=lambda: scope["get_create_view_as_sql"](target, scope["sql"]))
    scope["run_hooks"](scope["post_hooks"])
    return {"relations": [target]}


def format_column(rendering: Rendering, column: Any) -> dict[str, Any]:
    """A column as messages about contracts show it."""
    return {"name": column.name, "data_type": column.dtype, "formatted": f"{column.column} {column.dtype}"}


def get_limit_sql(rendering: Rendering, sql: Any, limit: Any) -> str:
    """The query with a limit behind it, if there is one."""
    return str(sql) if limit is None else f"{sql}\nlimit {limit}"


def get_column_names(rendering: Rendering) -> str:
    """The columns that the model describes, in quotes where they ask for them."""
    columns = dict(rendering.scope["model"]["columns"])
    quote = rendering.scope["adapter"].quote
    return ", ".join(quote(name) if column.get("quote") else str(name) for name, column in columns.items())


def assert_columns_equivalent(rendering: Rendering, sql: Any) -> str:
    """The columns of the contract, where those of the query are the same."""
    return str(rendering.scope["get_assert_columns_equivalent"](sql))


def default_last_day(rendering: Rendering, date: Any, datepart: Any) -> str:
    """The last day of a period, as `last_day`."""
    return str(rendering.scope["last_day"](date, datepart))


def _split_part_negative(rendering: Rendering, string_text: Any, delimiter_text: Any, part_number: Any) -> str:
    """A part of a text counted from its end, as `split_part`."""
    return str(rendering.scope["split_part"](string_text, delimiter_text, part_number))


ENGINE_MACROS: Mapping[str, Callable[..., Any]] = {
    "duckdb_escape_comment": escape_comment,
    "postgres_escape_comment": escape_comment,
    **{
        function.__name__: function
        for function in (
            _split_part_negative,
            assert_columns_equivalent,
            create_or_replace_view,
            default_last_day,
            drop_indexes_on_relation,
            external_location,
            flight_name,
            format_column,
            get_column_names,
            get_limit_sql,
            location_exists,
            make_relation_with_suffix,
            normalize_string_or_list,
            postgres_get_relations,
            register_upstream_external_models,
            render_write_options,
            store_relation,
            write_to_file,
        )
    },
}
