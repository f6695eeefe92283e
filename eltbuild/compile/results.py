"""The results of a run as `on-run-end` hooks see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eltbuild.project.projection import resource_dict
from eltbuild.project.resources import Project


class TemplateResult(dict[str, Any]):
    """One result, by key or by attribute: `result.status`, `result.node.unique_id`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def to_dict(self, *_: Any, **__: Any) -> dict[str, Any]:
        """The result as a plain mapping."""
        return dict(self)


class Attributes(dict[str, Any]):
    """A mapping whose items can be read as attributes, as far down as there are mappings."""

    def __getattr__(self, name: str) -> Any:
        try:
            value = self[name]
        except KeyError:
            raise AttributeError(name) from None
        return Attributes(value) if type(value) is dict else value

    def to_dict(self, *_: Any, **__: Any) -> dict[str, Any]:
        """The resource as a plain mapping."""
        return dict(self)


def as_template_results(project: Project, results: Sequence[Mapping[str, Any]]) -> list[TemplateResult]:
    """The results with their nodes as mappings."""
    out = []
    for result in results:
        resource = project.resource(str(result["node"]))
        node = Attributes(resource_dict(resource)) if resource is not None else None
        timing = [Attributes(phase) for phase in result["timing"]]
        out.append(TemplateResult({**result, "node": node, "timing": timing}))
    return out
