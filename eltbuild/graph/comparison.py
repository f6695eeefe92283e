"""How a project differs from an earlier state of it. Nothing is read or selected here.

The comparison follows dbt: what is compared is what the user wrote (configs before rendering, code as text), and tags,
groups and names of schemas are no reason to build again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

from eltbuild.errors import Place, Problem
from eltbuild.graph.contracts import broken_promises, removed_promise, same_contract
from eltbuild.graph.state import Before, State
from eltbuild.graph.written import filled, plain
from eltbuild.project.project import Project
from eltbuild.project.projection.others import source_as_written
from eltbuild.project.resources import Exposure, Node, Resource, Source, UnitTest, Unmanaged

Check = Callable[["Comparison", Any, Before], bool]
"""Whether a resource differs from what it was in one aspect."""


class Comparison:
    """A project beside a state. `problems` collects what unversioned contracts break, as warnings."""

    def __init__(self, project: Project, state: State, now: datetime | None = None) -> None:
        self.project = project
        self.state = state
        self.now = now or datetime.now(UTC)
        self.problems: list[Problem] = []

    def before(self, resource: Resource) -> Before | None:
        """The resource as it was; None if it is new."""
        return self.state.resources.get(resource.id)

    def changes(self, resource: Resource) -> frozenset[str] | None:
        """The aspects in which it differs: `body`, `configs`, `relation`, `fqn` ...; none of them: it is the same.

        None: the resource is new. Broken contracts are noted in `problems`.
        """
        before = self.before(resource)
        if before is None:
            return None
        aspects = CHECKS[kind_of(resource)]
        return frozenset(name for name, differs in aspects.items() if differs(self, resource, before))

    def aspects(self, resource: Resource, before: Before) -> tuple[str, ...]:
        """The aspects in which it differs, in their order; a broken contract is one of them, and no error."""
        kind = kind_of(resource)
        checks = {**CHECKS[kind], **QUIET.get(kind, {})}
        return tuple(name for name in _COUNTED.get(kind, tuple(checks)) if checks[name](self, resource, before))

    def modified(self, resource: Resource) -> bool:
        """dbt's `state:modified`. What is new counts, but for sources, exposures and what is not built."""
        kind = kind_of(resource)
        before = self.before(resource)
        if before is None:
            return kind not in _NEW_IS_NO_CHANGE
        aspects = CHECKS[kind]
        return any(aspects[name](self, resource, before) for name in _COUNTED.get(kind, tuple(aspects)))

    def modified_in(self, aspect: str, resource: Resource) -> bool:
        """dbt's `state:modified.<aspect>`. What is new differs in every aspect that it has, except in its macros."""
        differs = CHECKS[kind_of(resource)].get(aspect)
        if differs is None:
            return False
        before = self.before(resource)
        return aspect != "macros" if before is None else differs(self, resource, before)

    @cached_property
    def changed_macros(self) -> frozenset[str]:
        """The macros whose text is new or another. Those of dbt and its adapters are not the user's to change."""
        before = self.state.macros
        return frozenset(
            id
            for id, macro in self.project.macros.items()
            if macro.package in self.project.packages and before.get(id, "").strip() != macro.text.strip()
        )

    def uses_changed_macro(self, ids: Iterable[str]) -> bool:
        """Whether one of those macros, or of the macros that they use, has changed."""
        return next(self._changed_of(ids), None) is not None

    def changed_macros_of(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Those of the macros, and of the macros that they use, that have changed."""
        return tuple(sorted(self._changed_of(ids)))

    def _changed_of(self, ids: Iterable[str]) -> Iterator[str]:
        seen: set[str] = set()
        waiting = list(ids) if self.changed_macros else []
        while waiting:
            id = waiting.pop()
            if id in seen:
                continue
            seen.add(id)
            if id in self.changed_macros:
                yield id
            macro = self.project.macros.get(id)
            waiting += macro.macros if macro else ()

    @cached_property
    def removed(self) -> tuple[Before, ...]:
        """What was there and is no more, by id; what is disabled now is among it."""
        there = {resource.id for resource in self.project.resources()}
        return tuple(before for id, before in sorted(self.state.resources.items()) if id not in there)

    @cached_property
    def readers(self) -> Mapping[str, list[str]]:
        """What referred to each resource before."""
        found: dict[str, list[str]] = {}
        for id, other in self.state.resources.items():
            for parent in (other.depends_on or {}).get("nodes") or ():
                found.setdefault(parent, []).append(id)
        return found

    @cached_property
    def disabled(self) -> frozenset[str]:
        """The ids of what is disabled."""
        return frozenset(resource.id for resource in self.project.disabled)

    def report_removed(self) -> None:
        """Note the contracts of models that are no more, as `report` does."""
        for before in self.removed:
            broken = removed_promise(before, before.unique_id in self.disabled, self.now)
            if broken is not None:
                name = before.name if before.version is None else f"{before.name}.v{before.version}"
                self._note(name, before.version, broken.text, Place(before.original_file_path), DEPRECATE)

    def report(self, node: Node, broken: list[str]) -> None:
        """Note a broken contract: an error when the model has versions, for a new one is the way out."""
        hint = NEW_VERSION if node.version is not None else ADD_OR_VERSION
        name = node.name if node.version is None else f"{node.name}.v{node.version}"
        self._note(name, node.version, "; ".join(broken), node.patch_place or node.place, hint)

    def _note(self, name: str, version: Any, broken: str, place: Place | None, hint: str) -> None:
        problem = Problem(
            f"model `{name}` breaks its contract: {broken}",
            place,
            hint,
            severity="warning",
            name="UnversionedBreakingChange",
        )
        found = problem if version is None else problem.as_error()
        if found not in self.problems:
            self.problems.append(found)


ADD_OR_VERSION = "readers of the earlier state rely on it: add to the model, or make a new version"
NEW_VERSION = "readers of this version rely on it: leave it as it is, and make a new version beside it"
DEPRECATE = "give it a deprecation_date first, and remove it when that is over"
"""What to do about a broken contract: without versions, with them, and where the model is to go."""


def kind_of(resource: Resource) -> str:
    """The key of `CHECKS` for a resource."""
    if isinstance(resource, Node) and resource.resource_type == "test":
        return "generic test" if resource.test else "node"
    if isinstance(resource, Node):
        return resource.resource_type if resource.resource_type in CHECKS else "node"
    return resource.resource_type if resource.resource_type in CHECKS else "unmanaged"


_NOT_COMPARED = frozenset({"alias", "schema", "database", "tags", "group"})
_PLACE = ("database", "schema", "alias")
_TEST_MODIFIERS = (
    "severity", "warn_if", "error_if", "fail_calc", "where", "limit", "store_failures", "store_failures_as",
)  # fmt: skip


def _config_differs(comparison: Comparison, node: Node, before: Before) -> bool:
    return compared(node.unrendered_config) != compared(before.unrendered_config)


def compared(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """A config as it is compared: what stands for the same is the same."""
    return {
        {"pre_hook": "pre-hook", "post_hook": "post-hook"}.get(key, key): plain(value)
        for key, value in (config or {}).items()
        if key not in _NOT_COMPARED
    }


def _whole_config_differs(comparison: Comparison, exposure: Exposure, before: Before) -> bool:
    return bool(filled(exposure.unrendered_config) != filled(before.unrendered_config))


def _unmanaged_config_differs(comparison: Comparison, resource: Unmanaged, before: Before) -> bool:
    return bool(_said(resource.config) != _said(before.config))


def _said(config: Any) -> Any:
    """A config without what says no more than the defaults."""
    if not isinstance(config, Mapping):
        return filled(config)
    return {
        key: said
        for key, value in config.items()
        if (said := _said(value)) not in (None, False, {}) and (key, said) != ("enabled", True)
    }


def _modifiers_differ(comparison: Comparison, node: Node, before: Before) -> bool:
    now, then = node.unrendered_config, before.unrendered_config or {}
    return any(plain(now.get(key)) != plain(then.get(key)) for key in _TEST_MODIFIERS)


def _place_differs(comparison: Comparison, node: Node, before: Before) -> bool:
    now, then = node.unrendered_config, before.unrendered_config or {}
    return any(plain(now.get(key)) != plain(then.get(key)) for key in _PLACE)


def _body_differs(comparison: Comparison, node: Node, before: Before) -> bool:
    return node.code != (before.raw_code or "")


def _seed_differs(comparison: Comparison, node: Node, before: Before) -> bool:
    """By checksum of the file; where the manifest has only the path, it cannot tell and the path decides."""
    then = before.checksum if isinstance(before.checksum, Mapping) else {"checksum": before.checksum}
    if then.get("name") == "path":
        return str(then.get("checksum")).replace("\\", "/") not in (node.original_path, node.project_path)
    return bool(then.get("checksum") != node.checksum)


def _class_differs(comparison: Comparison, test: Node, before: Before) -> bool:
    """Whether what a test asks is a class of the project's whose file, or one beside it, is another."""
    then = before.checksum.get("checksum") if isinstance(before.checksum, Mapping) else before.checksum
    return bool(test.checksum) and test.checksum != then


def _fqn_differs(comparison: Comparison, resource: Resource, before: Before) -> bool:
    return tuple(resource.fqn) != tuple(map(str, before.fqn))


def _macros_differ(comparison: Comparison, node: Node, before: Before) -> bool:
    return comparison.uses_changed_macro(node.macros)


def _persisted_descriptions_differ(comparison: Comparison, node: Node, before: Before) -> bool:
    persist = node.config.get("persist_docs") or {}
    if not isinstance(persist, Mapping):
        return False
    if persist.get("relation") and node.description != (before.description or ""):
        return True
    then = {name: column.get("description") or "" for name, column in (before.columns or {}).items()}
    return bool(persist.get("columns")) and {n: c.description for n, c in node.columns.items()} != then


def _reference_differs(comparison: Comparison, node: Node, before: Before) -> bool:
    """What `ref` to the model depends on: which version is meant, who may use it, and for how long."""
    return (
        str(node.latest_version) != str(before.latest_version)
        or node.access != (before.access or "protected")
        or str(node.deprecation_date)[:10] != str(before.deprecation_date)[:10]
    )


def _source_config_differs(comparison: Comparison, source: Source, before: Before) -> bool:
    kept = ("freshness", "loaded_at_field", "loaded_at_query")
    now, then = (
        {key: value for key, value in (filled(config) or {}).items() if key not in kept}
        for config in (source_as_written(source), before.unrendered_config)
    )
    return bool(
        now != then
        or filled(source.freshness) != filled(before.freshness)
        or (source.loaded_at_field or None) != (before.loaded_at_field or None)
        or (source.loaded_at_query or None) != (before.loaded_at_query or None)
    )


def _source_place_differs(comparison: Comparison, source: Source, before: Before) -> bool:
    return (
        (source.unrendered_database or None) != (before.unrendered_database or None)
        or (source.unrendered_schema or None) != (before.unrendered_schema or None)
        or (source.identifier or source.name) != before.identifier
    )


def _source_reading_differs(comparison: Comparison, source: Source, before: Before) -> bool:
    return bool(filled(source.quoting) != filled(before.quoting) or filled(source.external) != filled(before.external))


def _exposure_differs(comparison: Comparison, exposure: Exposure, before: Before) -> bool:
    return (
        exposure.type != before.type
        or filled(exposure.owner) != filled(before.owner)
        or (exposure.label or None) != (before.label or None)
        or (exposure.maturity or None) != (before.maturity or None)
        or (exposure.url or None) != (before.url or None)
        or exposure.description != (before.description or "")
        or set(exposure.parents) != set((before.depends_on or {}).get("nodes") or ())
    )


def _unit_test_differs(comparison: Comparison, test: UnitTest, before: Before) -> bool:
    """By checksum or, because each tool sums up in its own way, by what stands in the test."""
    if test.checksum and test.checksum == before.checksum:
        return False
    return bool(
        test.model != before.model
        or [_rows(given) for given in test.given] != [_rows(given) for given in before.given or ()]
        or _rows(test.expect) != _rows(before.expect or {})
        or filled(test.overrides) != filled(before.overrides)
    )


def _rows(given: Mapping[str, Any]) -> dict[str, Any]:
    """One input of a unit test, with its defaults; the rows of a fixture count, not its name."""
    kept = {key: plain(given.get(key)) for key in ("input", "rows")}
    if given.get("rows") in (None, [], "") and given.get("fixture"):
        kept["rows"] = given["fixture"]
    return {**kept, "format": given.get("format") or "dict"}


def _label(given: Any, name: str) -> str | None:
    """A label that says something; a manifest has the name in place of none."""
    return None if given in (None, "", name) else str(given)


def _unmanaged_differs(comparison: Comparison, resource: Unmanaged, before: Before) -> bool:
    return (
        resource.description != (before.description or "")
        or _label(resource.body.get("label"), resource.name) != _label(before.label, resource.name)
        or (resource.resource_type == "metric" and str(resource.body.get("type") or before.type) != str(before.type))
    )


def _signature_differs(comparison: Comparison, node: Node, before: Before) -> bool:
    """What a function takes and gives, in each of its forms; descriptions do not count."""
    now, then = _signature(node.extra), _signature({"arguments": before.arguments, "returns": before.returns})
    forms = [(_signature(one), one.get("raw_body")) for one in node.extra.get("overloads") or ()]
    return now != then or forms != [(_signature(one), one.get("raw_body")) for one in before.overloads or ()]


def _signature(given: Mapping[str, Any]) -> tuple[Any, ...]:
    arguments = [
        (argument.get("name"), argument.get("data_type"), argument.get("default_value"))
        for argument in given.get("arguments") or ()
    ]
    return arguments, (given.get("returns") or {}).get("data_type") or None


def _promises_differ(comparison: Comparison, node: Node, before: Before) -> bool:
    return not same_contract(node, before)


def _contract_differs(comparison: Comparison, node: Node, before: Before) -> bool:
    broken = broken_promises(node, before)
    if broken:
        comparison.report(node, broken)
    return not same_contract(node, before)


_NODE: Mapping[str, Check] = {
    "contract": _contract_differs,
    "body": _body_differs,
    "configs": _config_differs,
    "relation": _place_differs,
    "persisted_descriptions": _persisted_descriptions_differ,
    "fqn": _fqn_differs,
    "macros": _macros_differ,
}
CHECKS: Mapping[str, Mapping[str, Check]] = {
    "node": _NODE,
    "model": {**_NODE, "reference": _reference_differs},
    "seed": {**_NODE, "body": _seed_differs},
    "function": {**_NODE, "signature": _signature_differs},
    "generic test": {**_NODE, "configs": _modifiers_differ, "class": _class_differs},
    "source": {
        "configs": _source_config_differs,
        "relation": _source_place_differs,
        "reading": _source_reading_differs,
        "fqn": _fqn_differs,
    },
    "exposure": {"configs": _whole_config_differs, "properties": _exposure_differs, "fqn": _fqn_differs},
    "unit_test": {"content": _unit_test_differs},
    "unmanaged": {"configs": _unmanaged_config_differs, "properties": _unmanaged_differs, "fqn": _fqn_differs},
}
"""What is compared, by kind of resource and aspect; contracts first, for what they break must be told."""

QUIET: Mapping[str, Mapping[str, Check]] = {
    kind: {"contract": _promises_differ} for kind, checks in CHECKS.items() if "contract" in checks
}
"""What is compared in the place of what tells of broken contracts by itself."""

_COUNTED: Mapping[str, tuple[str, ...]] = {"generic test": ("configs", "fqn", "macros", "class")}
"""The aspects that make a resource modified, where that is not every one."""

_NEW_IS_NO_CHANGE = frozenset({"source", "exposure", "unmanaged"})


def _modified_in(aspect: str, comparison: Comparison, resource: Resource) -> bool:
    return comparison.modified_in(aspect, resource)


ASPECTS: Mapping[str, Callable[[Comparison, Resource], bool]] = {
    "new": lambda comparison, resource: comparison.before(resource) is None,
    "old": lambda comparison, resource: comparison.before(resource) is not None,
    "modified": Comparison.modified,
    "unmodified": lambda comparison, resource: not comparison.modified(resource),
    **{
        f"modified.{aspect}": partial(_modified_in, aspect)
        for aspect in ("body", "configs", "relation", "persisted_descriptions", "macros", "contract")
    },
}
"""The values of the method `state`."""
