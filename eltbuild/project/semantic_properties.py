"""Semantic models and metrics that stand within the entry of a model, as entries of their own.

Their words are those of dbt 1.12; the entries have the shape of `semantic_models:` and `metrics:` at the top of a file,
so that whoever reads resources meets one form only. Nothing is checked beyond that: they are not built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from eltbuild.project.entries import OtherEntry

Body = Mapping[str, Any]


def semantic_entries(model: Body, places: Mapping[int, tuple[int, int]], at: tuple[int, int]) -> Iterator[OtherEntry]:
    """The semantic model of a model's entry, where it has one, and its metrics.

    `places` are the lines and columns of the metrics by their number, `at` those of the model.
    """
    given = model.get("semantic_model")
    name = model.get("name")
    options = _mapping(given)
    if given is not True and (not options or options.get("enabled") is False):
        return
    named = str(options.get("name") or name)
    body = {
        "name": named,
        "model": f"ref('{name}')",
        "description": model.get("description") or "",
        "defaults": {"agg_time_dimension": model.get("agg_time_dimension")},
        "primary_entity": model.get("primary_entity"),
        "entities": list(_parts(model, "entity", "entities", options)),
        "dimensions": list(_parts(model, "dimension", "dimensions", options)),
    }
    config = {key: value for key, value in options.items() if key in ("enabled", "group") and value is not None}
    yield OtherEntry(
        kind="semantic_model",
        name=named,
        description=str(model.get("description") or ""),
        config={**_mapping(options.get("config")), **config},
        body=body,
        line=at[0],
        column=at[1],
        of_model=str(name),
    )
    for number, metric in enumerate(_listed(model.get("metrics"))):
        if isinstance(metric, Mapping) and metric.get("name"):
            line, column = places.get(number, at)
            yield OtherEntry(
                kind="metric",
                name=str(metric["name"]),
                description=str(metric.get("description") or ""),
                config=_mapping(metric.get("config")),
                body=metric_body(metric, named, model.get("agg_time_dimension")),
                line=line,
                column=column,
                of_model=str(name),
            )


def created_metrics(model: OtherEntry) -> Iterator[OtherEntry]:
    """A simple metric for each measure of a semantic model that asks for one with `create_metric`."""
    of_model = _mapping(model.config.get("meta"))
    for measure in filter(_is_mapping, _listed(model.body.get("measures"))):
        name = measure.get("name")
        if not name or measure.get("create_metric") is not True:
            continue
        parameters = {"measure": str(name), "expr": str(measure.get("expr") or name)}
        meta = {**of_model, **_mapping(_mapping(measure.get("config")).get("meta"))}
        yield OtherEntry(
            kind="metric",
            name=str(name),
            description=str(measure.get("description") or f"Metric created from measure {name}"),
            config={"enabled": model.config.get("enabled", True), "meta": meta},
            body={"label": measure.get("label"), "type": "simple", "type_params": parameters},
            line=model.line,
            column=model.column,
        )


def metric_body(metric: Body, semantic_model: str | None = None, agg_time_dimension: Any = None) -> Body:
    """A metric with its parameters under `type_params`, where it does not have them there already."""
    kind = str(metric.get("type") or "simple")
    if metric.get("type_params") is not None or kind not in PARAMETERS:
        return metric
    parameters = dict(PARAMETERS[kind](metric))
    if metric.get("agg") is not None:
        parameters["metric_aggregation_params"] = _aggregation(metric, semantic_model, agg_time_dimension)
    parameters["is_private"] = bool(metric.get("hidden"))
    return {**metric, "type_params": parameters}


def _simple(metric: Body) -> Body:
    return {
        "expr": None if metric.get("expr") is None else str(metric["expr"]),
        "fill_nulls_with": metric.get("fill_nulls_with"),
        "join_to_timespine": metric.get("join_to_timespine", False),
    }


def _cumulative(metric: Body) -> Body:
    words = {key: metric.get(key) for key in ("window", "grain_to_date", "period_agg")}
    return {"cumulative_type_params": {**words, "metric": metric.get("input_metric")}}


def _derived(metric: Body) -> Body:
    return {"expr": metric.get("expr"), "metrics": _listed(metric.get("input_metrics"))}


def _ratio(metric: Body) -> Body:
    return {key: metric.get(key) for key in ("numerator", "denominator")}


def _conversion(metric: Body) -> Body:
    words = ("entity", "calculation", "base_metric", "conversion_metric", "window", "constant_properties")
    return {"conversion_type_params": {key: metric.get(key) for key in words}}


PARAMETERS: Mapping[str, Callable[[Body], Body]] = {
    "simple": _simple,
    "cumulative": _cumulative,
    "derived": _derived,
    "ratio": _ratio,
    "conversion": _conversion,
}


def _aggregation(metric: Body, semantic_model: str | None, agg_time_dimension: Any) -> Body:
    """How a simple metric comes from the rows of its semantic model."""
    additive = metric.get("non_additive_dimension")
    return {
        "semantic_model": semantic_model,
        "agg": metric["agg"],
        "agg_params": {
            "percentile": metric.get("percentile"),
            "use_discrete_percentile": metric.get("percentile_type") == "discrete",
            "use_approximate_percentile": False,
        },
        "agg_time_dimension": metric.get("agg_time_dimension") or agg_time_dimension,
        "non_additive_dimension": {
            "name": additive.get("name"),
            "window_choice": additive.get("window_agg") or "min",
            "window_groupings": _listed(additive.get("group_by")),
        }
        if isinstance(additive, Mapping)
        else None,
    }


def _parts(model: Body, key: str, derived: str, options: Body) -> Iterator[Body]:
    """The entities or dimensions on the columns of a model, then those under `derived_semantics`."""
    meta = _mapping(_mapping(options.get("config")).get("meta"))
    for column in filter(_is_mapping, _listed(model.get("columns"))):
        if column.get(key) is not None:
            yield _with_meta(_of_column(column, key), meta)
    for part in filter(_is_mapping, _listed(_mapping(model.get("derived_semantics")).get(derived))):
        yield _with_meta(_typed(part, part.get("granularity")), meta)


def _of_column(column: Body, key: str) -> Body:
    """What a column is, by its type or by a mapping."""
    given = column[key]
    part = dict(given) if isinstance(given, Mapping) else {"type": given}
    name = column.get("name")
    part.setdefault("name", name)
    part.setdefault("description", column.get("description") or "")
    part["config"] = {"meta": _meta_of(column, _mapping(part.get("config")), both=key == "dimension")}
    if part["name"] != name:
        part.setdefault("expr", name)
    return _typed(part, column.get("granularity")) if key == "dimension" else part


def _meta_of(column: Body, own: Body, *, both: bool) -> Body:
    """A part's own meta, over that of its column's config if `both` count; the column's where it has none."""
    of_column = _mapping(_mapping(column.get("config")).get("meta"))
    if "meta" not in own:
        return of_column
    return {**(of_column if both else {}), **_mapping(own["meta"])}


def _typed(part: Body, granularity: Any) -> Body:
    """A dimension of time with its parameters where those of `semantic_models:` stand."""
    if part.get("type") != "time":
        return part
    return {**part, "type_params": {"time_granularity": granularity, "validity_params": part.get("validity_params")}}


def _with_meta(part: Body, meta: Body) -> Body:
    config = _mapping(part.get("config"))
    return {**part, "config": {**config, "meta": {**meta, **_mapping(config.get("meta"))}}}


def _is_mapping(given: Any) -> bool:
    return isinstance(given, Mapping)


def _mapping(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []
