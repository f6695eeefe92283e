"""What metrics, saved queries and exposures stand on, by id: semantic models through their measures, and metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eltbuild.errors import Problem, did_you_mean
from eltbuild.project.projection.semantics import INPUTS
from eltbuild.project.resources import Exposure, NodeId, Unmanaged
from eltbuild.values import replace


def semantic_links(items: Mapping[NodeId, Unmanaged]) -> dict[NodeId, Unmanaged]:
    """The resources with these parents added; a name that nothing has is passed over."""
    measures: dict[str, NodeId] = {}
    metrics: dict[str, NodeId] = {}
    models = {item.name: id for id, item in items.items() if item.resource_type == "semantic_model"}
    for id, item in items.items():
        if item.resource_type == "semantic_model":
            for measure in _listed(item.body.get("measures")):
                measures.setdefault(_name(measure), id)
        elif item.resource_type == "metric":
            metrics.setdefault(item.name, id)
    linked = {id: _linked(item, measures, metrics, models) for id, item in items.items()}
    return {id: _with_inputs(item, linked, metrics) for id, item in linked.items()}


def semantic_problems(items: Mapping[NodeId, Unmanaged]) -> Iterator[Problem]:
    """A warning for each measure and metric that a metric or a saved query names and that there is none of."""
    measures = {
        _name(measure)
        for item in items.values()
        if item.resource_type == "semantic_model"
        for measure in _listed(item.body.get("measures"))
    }
    metrics = {item.name for item in items.values() if item.resource_type == "metric"}
    for item in items.values():
        named, who = _named_by(item), item.resource_type.replace("_", " ")
        for kind, names, known in (("measure", named[0], measures), ("metric", named[1], metrics)):
            for name in dict.fromkeys(names):
                if name and name not in known:
                    text = f"{who} `{item.name}` names the {kind} `{name}`, which was not found"
                    yield Problem(text, item.place, did_you_mean(name, known), "warning")


def _named_by(item: Unmanaged) -> tuple[list[str], list[str]]:
    """The measures and the metrics that a metric or a saved query names."""
    if item.resource_type == "saved_query":
        return [], [_name(name) for name in _listed(_mapping(item.body.get("query_params")).get("metrics"))]
    parameters = _mapping(item.body.get("type_params")) if item.resource_type == "metric" else {}
    return list(_measures(parameters)), list(_metrics(parameters))


def metrics_of(exposure: Exposure, items: Mapping[NodeId, Unmanaged]) -> tuple[list[NodeId], list[Problem]]:
    """The metrics that an exposure depends on, and a problem for each name that none has."""
    known = {item.name: id for id, item in items.items() if item.resource_type == "metric"}
    text = f"exposure `{exposure.name}` depends on metric"
    missing = [
        Problem(f"{text} `{name}`, which was not found", exposure.place, did_you_mean(name, known))
        for name in exposure.metrics
        if name not in known
    ]
    return [known[name] for name in exposure.metrics if name in known], missing


def _linked(
    item: Unmanaged, measures: Mapping[str, NodeId], metrics: Mapping[str, NodeId], models: Mapping[str, NodeId]
) -> Unmanaged:
    match item.resource_type:
        case "metric":
            parameters = _mapping(item.body.get("type_params"))
            model = _name(_mapping(parameters.get("metric_aggregation_params")).get("semantic_model"))
            found = [*_known([model], models), *_known(_measures(parameters), measures)]
            found += _known(_metrics(parameters), metrics)
        case "saved_query":
            names = _listed(_mapping(item.body.get("query_params")).get("metrics"))
            found = [*_known(map(_name, names), metrics)]
        case _:
            return item
    return replace(item, parents=tuple(dict.fromkeys((*item.parents, *found)))) if found else item


def _with_inputs(item: Unmanaged, items: Mapping[NodeId, Unmanaged], metrics: Mapping[str, NodeId]) -> Unmanaged:
    """A metric with the measures of all that it builds on among its parameters; others as they are."""
    parameters = _mapping(item.body.get("type_params"))
    if item.resource_type != "metric" or not parameters:
        return item
    found: list[Any] = []
    for measure in _inputs(parameters, items, metrics, frozenset({item.id})):
        if measure not in found:
            found.append(measure)
    if found == [parameters.get("measure")]:
        return item
    return replace(item, body={**item.body, "type_params": {**parameters, INPUTS: found}}) if found else item


def _inputs(
    parameters: Mapping[str, Any],
    items: Mapping[NodeId, Unmanaged],
    metrics: Mapping[str, NodeId],
    within: frozenset[NodeId],
) -> Iterator[Any]:
    """The measures as they are written, those of metrics that it builds on included; `within`: what leads here."""
    conversion = _mapping(parameters.get("conversion_type_params"))
    own = (parameters.get("measure"), conversion.get("base_measure"), conversion.get("conversion_measure"))
    yield from (measure for measure in own if measure is not None)
    for id in _known(_metrics(parameters), metrics):
        if id not in within:
            inner = _mapping(items[id].body.get("type_params"))
            yield from _inputs(inner, items, metrics, within | {id})


def _known(names: Iterable[str], ids: Mapping[str, NodeId]) -> Iterator[NodeId]:
    return (ids[name] for name in names if name in ids)


def _measures(parameters: Mapping[str, Any]) -> Iterator[str]:
    yield _name(parameters.get("measure"))
    conversion = _mapping(parameters.get("conversion_type_params"))
    yield _name(conversion.get("base_measure"))
    yield _name(conversion.get("conversion_measure"))


def _metrics(parameters: Mapping[str, Any]) -> Iterator[str]:
    yield _name(parameters.get("numerator"))
    yield _name(parameters.get("denominator"))
    for metric in _listed(parameters.get("metrics")):
        yield _name(metric)
    yield _name(_mapping(parameters.get("cumulative_type_params")).get("metric"))
    conversion = _mapping(parameters.get("conversion_type_params"))
    yield _name(conversion.get("base_metric"))
    yield _name(conversion.get("conversion_metric"))


def _name(given: Any) -> str:
    return str(given.get("name") or "") if isinstance(given, Mapping) else str(given or "")


def _mapping(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []
