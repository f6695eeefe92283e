"""The results of a run as `on-run-end` hooks see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eltbuild.project.project import Project
from eltbuild.project.projection import resource_dict

LACKING: Mapping[str, Any] = {"agate_table": None, "batch_results": None, "overload_results": None}
"""What every result has, and is none where the node has nothing of the kind."""


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


class ResultConfig(Attributes):
    """The config of a node in a result: whatever it does not have is none there, as hooks that log runs expect."""

    def __getattr__(self, name: str) -> Any:
        return super().__getattr__(name) if name in self or name.startswith("__") else None


def as_template_results(project: Project, results: Sequence[Mapping[str, Any]]) -> list[TemplateResult]:
    """The results with their nodes as mappings."""
    out = []
    for result in results:
        resource = project.resource(str(result["node"]))
        node = _node({**resource_dict(resource), **_compiled(result)}) if resource is not None else None
        timing = [Attributes(phase) for phase in result["timing"]]
        out.append(TemplateResult({**LACKING, **result, "node": node, "timing": timing}))
    return out


def _node(fields: Mapping[str, Any]) -> Attributes:
    return Attributes({**fields, "config": ResultConfig(fields.get("config") or {})})


def _compiled(result: Mapping[str, Any]) -> dict[str, Any]:
    """What compiling has added to a node; nothing where it did not come to that."""
    code = result.get("compiled_code")
    return {} if code is None else {"compiled": True, "compiled_code": code, "extra_ctes_injected": True}
