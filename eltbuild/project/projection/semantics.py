"""Metrics, semantic models and saved queries as dbt writes them in `manifest.json`.

They are read and passed on, never built: their YAML is laid over the defaults of the schema, key by key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eltbuild.project.projection.frame import PLAIN, Fields, Frame
from eltbuild.project.projection.nodes import ref_dict
from eltbuild.project.projection.others import depends_on, head_dict
from eltbuild.project.resources import Unmanaged
from eltbuild.relation import Relation

INPUTS = "input_measures"
"""Under this key of a metric's parameters stand the measures of all metrics that it builds on."""
NOTHING: Mapping[str, Any] = {}


def unmanaged_dict(resource: Unmanaged, frame: Frame = PLAIN, *, relation: Relation | None = None) -> Fields:
    """A metric, semantic model or saved query; `relation` is where it, or its model, stands."""
    return SHAPES[resource.resource_type](resource, frame, relation)


def metric_dict(metric: Unmanaged, frame: Frame, relation: Relation | None = None) -> Fields:
    """A metric. Its tags are those of its entry; those of its config only config knows, as dbt has it."""
    body, config = metric.body, _own_config(metric)
    return {
        **head_dict(metric),
        "description": metric.description,
        "label": body.get("label") or metric.name,
        "type": body.get("type") or "simple",
        "type_params": type_params_dict(_mapping(body.get("type_params")), body.get("type")),
        "filter": filter_dict(body.get("filter")),
        "metadata": None,
        "time_granularity": body.get("time_granularity"),
        "config": {"enabled": True, "group": None, "meta": {}, **config},
        "unrendered_config": config,
        "sources": [],
        "depends_on": depends_on(metric.parents),
        "refs": [ref_dict(ref) for ref in metric.refs],
        "metrics": [],
        "created_at": frame.created_at,
        "group": metric.config.get("group"),
        "meta": dict(metric.config.get("meta") or {}),
        "tags": _listed(body.get("tags")),
    }


def _own_config(metric: Unmanaged) -> Fields:
    """The config without what stands beside it: `meta` and `tags` of a metric's entry are not those of its config."""
    config, own = dict(metric.config), _mapping(metric.body.get("config"))
    beside, within = _mapping(metric.body.get("meta")), _mapping(own.get("meta"))
    meta = {key: value for key, value in _mapping(config.get("meta")).items() if key in within or key not in beside}
    put_beside = frozenset(_listed(metric.body.get("tags"))) - frozenset(_listed(own.get("tags")))
    tags = [tag for tag in config.get("tags") or () if tag not in put_beside]
    for key, value in {"meta": meta, "tags": tags}.items():
        if not value and config.get(key):
            del config[key]
        elif key in config:
            config[key] = value
    return config


def type_params_dict(given: Mapping[str, Any], type: Any = None) -> Fields:
    """The parameters of a metric of any type."""
    cumulative = given.get("cumulative_type_params")
    measure = measure_input(given.get("measure"))
    return {
        "measure": measure,
        "input_measures": [measure_input(item) for item in given.get(INPUTS) or ()] or ([measure] if measure else []),
        "numerator": metric_input(given.get("numerator")),
        "denominator": metric_input(given.get("denominator")),
        "expr": given.get("expr"),
        "window": window_dict(given.get("window")),
        "grain_to_date": given.get("grain_to_date"),
        "metrics": [metric_input(item) for item in given.get("metrics") or ()],
        "conversion_type_params": conversion_dict(given.get("conversion_type_params")),
        "cumulative_type_params": cumulative_dict({} if cumulative is None and type == "cumulative" else cumulative),
        "metric_aggregation_params": given.get("metric_aggregation_params"),
        "fill_nulls_with": given.get("fill_nulls_with"),
        "join_to_timespine": bool(given.get("join_to_timespine", False)),
        "is_private": given.get("is_private"),
    }


def measure_input(given: Any) -> Fields | None:
    """The measure of a metric, from its name or a mapping."""
    if given is None:
        return None
    item = _named(given)
    return {
        "name": item.get("name"),
        "filter": filter_dict(item.get("filter")),
        "alias": item.get("alias"),
        "join_to_timespine": bool(item.get("join_to_timespine", False)),
        "fill_nulls_with": item.get("fill_nulls_with"),
    }


def metric_input(given: Any) -> Fields | None:
    """A metric that another one builds on, from its name or a mapping."""
    if given is None:
        return None
    item = _named(given)
    return {
        "name": item.get("name"),
        "filter": filter_dict(item.get("filter")),
        "alias": item.get("alias"),
        "offset_window": window_dict(item.get("offset_window")),
        "offset_to_grain": item.get("offset_to_grain"),
    }


def conversion_dict(given: Any) -> Fields | None:
    """The parameters of a conversion metric."""
    if not isinstance(given, Mapping):
        return None
    return {
        "entity": given.get("entity"),
        "base_measure": measure_input(given.get("base_measure")),
        "conversion_measure": measure_input(given.get("conversion_measure")),
        "base_metric": metric_input(given.get("base_metric")),
        "conversion_metric": metric_input(given.get("conversion_metric")),
        "calculation": given.get("calculation") or "conversion_rate",
        "window": window_dict(given.get("window")),
        "constant_properties": given.get("constant_properties"),
    }


def cumulative_dict(given: Any) -> Fields | None:
    """The parameters of a cumulative metric."""
    if not isinstance(given, Mapping):
        return None
    return {
        "window": window_dict(given.get("window")),
        "grain_to_date": given.get("grain_to_date"),
        "period_agg": given.get("period_agg") or "first",
        "metric": metric_input(given.get("metric")),
    }


def window_dict(given: Any) -> Fields | None:
    """`7 days` as `{count: 7, granularity: day}`."""
    if isinstance(given, Mapping):
        return {"count": given.get("count"), "granularity": given.get("granularity")}
    words = str(given).split() if given is not None else []
    if len(words) != 2 or not words[0].isdecimal():
        return None
    return {"count": int(words[0]), "granularity": words[1].lower().removesuffix("s")}


def filter_dict(given: Any) -> Fields | None:
    """One or several conditions as `{where_filters: [...]}`."""
    if not given:
        return None
    conditions = given if isinstance(given, (list, tuple)) else [given]
    return {"where_filters": [{"where_sql_template": str(condition)} for condition in conditions]}


def semantic_model_dict(model: Unmanaged, frame: Frame, relation: Relation | None = None) -> Fields:
    """A semantic model; `relation` is that of its model."""
    body = model.body
    defaults = _mapping(body.get("defaults"))
    meta = _mapping(model.config.get("meta"))
    return {
        **head_dict(model),
        "model": body.get("model") or "",
        "node_relation": {
            "alias": (relation.identifier if relation else None) or "",
            "schema_name": (relation.schema if relation else None) or "",
            "database": relation.database if relation else None,
            "relation_name": frame.spell(relation) if relation else "",
        },
        "description": model.description or body.get("description"),
        "label": body.get("label"),
        "defaults": {"agg_time_dimension": defaults.get("agg_time_dimension")} if defaults else None,
        "entities": [_laid(ENTITY, item, meta) for item in body.get("entities") or ()],
        "measures": [measure_dict(item, meta) for item in body.get("measures") or ()],
        "dimensions": [dimension_dict(item, meta) for item in body.get("dimensions") or ()],
        "metadata": None,
        "depends_on": depends_on(model.parents),
        "refs": [ref_dict(ref) for ref in model.refs],
        "created_at": frame.created_at,
        "config": {"enabled": True, "group": None, "meta": {}, **model.config},
        "unrendered_config": dict(model.config),
        "primary_entity": body.get("primary_entity"),
        "group": model.config.get("group"),
    }


ENTITY: Mapping[str, Any] = dict.fromkeys(
    ("name", "type", "description", "label", "role", "expr", "config"),
)
MEASURE: Mapping[str, Any] = {
    **dict.fromkeys(("name", "agg", "description", "label")),
    "create_metric": False,
    **dict.fromkeys(("expr", "agg_params", "non_additive_dimension", "agg_time_dimension", "config")),
}
DIMENSION: Mapping[str, Any] = {
    **dict.fromkeys(("name", "type", "description", "label")),
    "is_partition": False,
    **dict.fromkeys(("type_params", "expr", "metadata", "config", "datatype")),
}


AGGREGATION: Mapping[str, Any] = {
    "percentile": None, "use_discrete_percentile": False, "use_approximate_percentile": False,
}  # fmt: skip


def measure_dict(given: Any, meta: Mapping[str, Any] = NOTHING) -> Fields:
    """A measure of a semantic model. That a metric is made of it is not told: the metric stands beside it."""
    fields = _laid(MEASURE, given, meta)
    fields["create_metric"] = False
    if fields["expr"] is not None:
        fields["expr"] = str(fields["expr"])
    if isinstance(fields["agg_params"], Mapping):
        fields["agg_params"] = {**AGGREGATION, **fields["agg_params"]}
    if isinstance(fields["non_additive_dimension"], Mapping):
        fields["non_additive_dimension"] = {
            "name": None, "window_choice": "min", "window_groupings": [], **fields["non_additive_dimension"],
        }  # fmt: skip
    return fields


def dimension_dict(given: Any, meta: Mapping[str, Any] = NOTHING) -> Fields:
    """A dimension of a semantic model."""
    fields = _laid(DIMENSION, given, meta)
    if isinstance(fields["type_params"], Mapping):
        fields["type_params"] = {"time_granularity": None, "validity_params": None, **fields["type_params"]}
    return fields


def saved_query_dict(query: Unmanaged, frame: Frame, relation: Relation | None = None) -> Fields:
    """A saved query."""
    body = query.body
    given = _mapping(body.get("query_params"))
    return {
        **head_dict(query),
        "query_params": {
            "metrics": list(given.get("metrics") or ()),
            "group_by": list(given.get("group_by") or ()),
            "where": filter_dict(given.get("where")),
            "order_by": list(given.get("order_by") or ()),
            "limit": given.get("limit"),
        },
        "exports": [export_dict(item, frame) for item in body.get("exports") or () if isinstance(item, Mapping)],
        "description": query.description or None,
        "label": body.get("label"),
        "metadata": None,
        "config": {
            "enabled": True,
            "group": None,
            "meta": {},
            "export_as": None,
            "schema": None,
            "cache": {"enabled": False},
            **query.config,
        },
        "unrendered_config": dict(query.config),
        "group": query.config.get("group"),
        "depends_on": depends_on(query.parents),
        "created_at": frame.created_at,
        "refs": [ref_dict(ref) for ref in query.refs],
        "tags": list(query.tags),
    }


def export_dict(given: Mapping[str, Any], frame: Frame = PLAIN) -> Fields:
    """One export of a saved query: into the target's database and schema, where it names no other."""
    config = _mapping(given.get("config"))
    return {
        "name": given.get("name"),
        "config": {
            "export_as": config.get("export_as") or "view",
            "schema_name": config.get("schema") or config.get("schema_name") or frame.schema or None,
            "alias": config.get("alias") or given.get("name"),
            "database": config.get("database") or frame.database,
        },
        "unrendered_config": dict(config),
    }


SHAPES: Mapping[str, Callable[[Unmanaged, Frame, Relation | None], Fields]] = {
    "metric": metric_dict,
    "semantic_model": semantic_model_dict,
    "saved_query": saved_query_dict,
}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]


def _named(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {"name": str(value)}


def _laid(defaults: Mapping[str, Any], given: Any, meta: Mapping[str, Any] = NOTHING) -> Fields:
    """The known keys of `given` over the defaults; `config` always a mapping with `meta`, the model's own in it."""
    item = _named(given)
    fields = {key: item.get(key, default) for key, default in defaults.items()}
    config = _mapping(item.get("config"))
    fields["config"] = {**config, "meta": {**meta, **_mapping(config.get("meta"))}}
    return fields
