"""What each selection method finds, one function each. How far to walk from there is decided elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from eltbuild.errors import Problem, UsageError, did_you_mean
from eltbuild.graph.comparison import ASPECTS
from eltbuild.graph.index import Index, is_version
from eltbuild.graph.patterns import WILDCARDS, matcher, path_matcher, relative
from eltbuild.graph.state import SourceResult
from eltbuild.project.resources import DEFAULT_MATERIALIZATION, Node, NodeId, Resource, Source

RESOURCE_TYPES = (
    "model", "seed", "snapshot", "test", "analysis", "operation", "source", "exposure", "unit_test", "metric",
    "semantic_model", "saved_query", "function", "macro", "doc", "group", "sql_operation", "fixture",
)  # fmt: skip


Method: TypeAlias = Callable[[Index, Any, tuple[str, ...]], Iterable[NodeId]]


def find(index: Index, method: str, value: Any) -> set[NodeId]:
    """The ids that the method finds for that value. Raises `UsageError` for a value it cannot understand."""
    name, *arguments = method.split(".")
    return set(METHODS[name](index, value, tuple(arguments)))


def _fqn(index: Index, value: Any, arguments: tuple[str, ...]) -> Iterator[NodeId]:
    text = str(value)
    if any(char in text for char in WILDCARDS):
        yield from _fqn_like(index, text)
    elif text:
        yield from index.leaves.get(text, ())
        inside = text + "."
        above, _, last = text.rpartition(".")
        for folder, members in index.folders.items():
            inner = folder.partition(".")[2]
            if f"{folder}.".startswith(inside) or f"{inner}.".startswith(inside):
                yield from (id for _, id in members)
            elif above in (folder, inner):
                yield from (id for name, id in members if name == last)


def _fqn_like(index: Index, pattern: str) -> Iterator[NodeId]:
    """Names and whole fqns, with and without their package, that the pattern covers; it reaches across dots."""
    matches = matcher(pattern)
    bare = "." not in pattern
    for resource in index.named:
        fqn = resource.fqn
        leaf = fqn[-2 if is_version(resource) else -1]
        if (bare and matches(leaf)) or matches(".".join(fqn)) or matches(".".join(fqn[1:])):
            yield resource.id


def _tag(index: Index, value: Any, arguments: tuple[str, ...]) -> Iterator[NodeId]:
    matches = matcher(str(value))
    for resource in index.resources:
        if any(matches(str(tag)) for tag in resource.tags):
            yield resource.id


def _source(index: Index, value: Any, arguments: tuple[str, ...]) -> Iterator[NodeId]:
    parts = str(value).split(".")
    if len(parts) > 3:
        raise UsageError(
            Problem(
                f"`source:{value}` has too many parts", hint="write `source`, `source.table` or `package.source.table`"
            )
        )
    package, source, table = [*(["*"] if len(parts) < 3 else []), *parts, *(["*"] if len(parts) == 1 else [])]
    in_package, in_source, is_table = matcher(package), matcher(source), matcher(table)
    for found in index.project.sources.values():
        if is_table(found.name) and in_source(found.source_name) and in_package(found.package):
            yield found.id


def _path(index: Index, value: Any, arguments: tuple[str, ...]) -> Iterator[NodeId]:
    pattern = relative(str(value), index.context.root or index.project.root)
    matches = path_matcher(pattern)
    found = {path for path in index.paths if matches(path)}
    first = pattern.partition("/")[0]

    def within(path: str) -> bool:
        while path:
            if path in found:
                return True
            path = path.rpartition("/")[0]
        return "" in found

    for (root, path), ids in index.files.items():
        if within(path) or (root and root.startswith(first) and _matches_above(matches, f"{root}/{path}")):
            yield from ids
    for (_, path), ids in index.patches.items():
        if path in found:
            yield from ids


def _matches_above(matches: Callable[[str], bool], path: str) -> bool:
    while path:
        if matches(path):
            return True
        path = path.rpartition("/")[0]
    return False


def _file(index: Index, value: Any, arguments: tuple[str, ...]) -> Iterator[NodeId]:
    matches = matcher(str(value))
    for (_, path), ids in index.files.items():
        name = path.rpartition("/")[2]
        stem, dot, _ = name.rpartition(".")
        if matches(name) or (stem and dot and matches(stem)):
            yield from ids


def _package(index: Index, value: Any, arguments: tuple[str, ...]) -> Iterator[NodeId]:
    this = index.context.package or index.project.settings.name
    matches = matcher(this if value == "this" else str(value))
    for resource in index.resources:
        if matches(resource.package):
            yield resource.id


_EVERYWHERE: Mapping[str, Any] = {"enabled": True}
_BUILT: Mapping[str, Any] = {
    **_EVERYWHERE,
    "on_schema_change": "ignore",
    "on_configuration_change": "apply",
    "lookback": 1,
    "docs": {"show": True},
    "contract": {"enforced": False, "alias_types": True},
}
_TEST: Mapping[str, Any] = {
    **_EVERYWHERE,
    "severity": "ERROR",
    "schema": "dbt_test__audit",
    "fail_calc": "count(*)",
    "warn_if": "!= 0",
    "error_if": "!= 0",
}
_CONFIG_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "model": {**_BUILT, "access": "protected"},
    "seed": {**_BUILT, "delimiter": ","},
    "snapshot": _BUILT,
    "analysis": _BUILT,
    "test": _TEST,
    "source": _EVERYWHERE,
}
"""What a config counts as where the user gave none; dbt's own defaults."""


def _config(index: Index, value: Any, arguments: tuple[str, ...]) -> Iterator[NodeId]:
    if not arguments or not all(arguments):
        return
    nodes: Iterable[Node | Source] = (*index.project.nodes.values(), *index.project.sources.values())
    wanted = str(value)
    if arguments == ("severity",):
        wanted = wanted.upper()
    first, rest = arguments[0], arguments[1:]
    for node in nodes:
        found = _configured(node, first)
        for key in rest:
            found = found.get(key) if isinstance(found, Mapping) else None
        if found is not None and _holds(found, wanted, value) and node.resource_type != "operation":
            yield node.id


def _configured(node: Node | Source, key: str) -> Any:
    """A config as it counts: what was given, else the default; nested defaults stand behind what was given."""
    given = node.config.get(key)
    if given is None and key in ("pre-hook", "post-hook", "pre_hook", "post_hook"):
        given = node.config.get(key.replace("-", "_") if "-" in key else key.replace("_", "-"))
    if isinstance(node, Node):
        if key == "materialized" and given is None:
            return DEFAULT_MATERIALIZATION[node.resource_type]
        if key == "access" and given is None and node.resource_type == "model":
            return node.access
        if key == "group" and given is None and node.resource_type != "test":
            return node.group
        if key == "severity" and given is not None:
            return str(given).upper()
    default = _CONFIG_DEFAULTS[node.resource_type].get(key) if node.resource_type in _CONFIG_DEFAULTS else None
    if isinstance(default, Mapping) and isinstance(given, Mapping):
        return {**default, **given}
    return default if given is None else given


def _holds(found: Any, wanted: str, value: Any) -> bool:
    """Whether a config is the wanted value, or a list of it is in."""
    if isinstance(found, bool):
        return wanted.lower() == ("true" if found else "false")
    if isinstance(found, list | tuple | set | frozenset):
        return any(_holds(item, wanted, value) for item in found)
    if isinstance(found, Mapping):
        return False
    return bool(found == value or str(found) == wanted)


def _resource_type(index: Index, value: Any, arguments: tuple[str, ...]) -> Iterator[NodeId]:
    if value not in RESOURCE_TYPES:
        raise _unknown(f"resource_type:{value}", str(value), RESOURCE_TYPES)
    for resource in index.resources:
        if resource.resource_type == value:
            yield resource.id


def _unknown(criterion: str, value: str, known: Sequence[str]) -> UsageError:
    hint = did_you_mean(value, known) or f"one of {', '.join(known)}"
    return UsageError(Problem(f"`{criterion}` is not known", hint=hint))


def _is_generic(resource: Resource) -> bool:
    return resource.resource_type == "test" and isinstance(resource, Node) and resource.test is not None


def _is_singular(resource: Resource) -> bool:
    return resource.resource_type == "test" and isinstance(resource, Node) and resource.test is None


def _is_expectation(resource: Resource) -> bool:
    return isinstance(resource, Node) and resource.test is not None and resource.test.expectation


_TEST_TYPES: Mapping[str, Callable[[Resource], bool]] = {
    "generic": _is_generic,
    "schema": _is_generic,
    "singular": _is_singular,
    "data": lambda resource: resource.resource_type == "test",
    "unit": lambda resource: resource.resource_type == "unit_test",
    "expectation": _is_expectation,
    "anomaly": lambda resource: isinstance(resource, Node) and resource.test is not None and resource.test.anomaly,
}


def _test_type(index: Index, value: Any, arguments: tuple[str, ...]) -> Iterator[NodeId]:
    if value not in _TEST_TYPES:
        raise _unknown(f"test_type:{value}", str(value), tuple(_TEST_TYPES))
    for resource in index.resources:
        if _TEST_TYPES[value](resource):
            yield resource.id


def _test_name(index: Index, value: Any, arguments: tuple[str, ...]) -> Iterator[NodeId]:
    matches = matcher(str(value))
    for node in index.project.nodes.values():
        if node.test is not None and matches(node.test.name):
            yield node.id
    for unit_test in index.project.unit_tests.values():
        if matches(unit_test.name):
            yield unit_test.id


def _named(kind: str, index: Index, value: Any, arguments: tuple[str, ...]) -> Iterator[NodeId]:
    parts = str(value).split(".")
    if len(parts) > 2:
        raise UsageError(Problem(f"`{kind}:{value}` has too many parts", hint="write `name` or `package.name`"))
    in_package, is_name = matcher(parts[0] if len(parts) == 2 else "*"), matcher(parts[-1])
    for resource in index.resources:
        if resource.resource_type == kind and is_name(resource.name) and in_package(resource.package):
            yield resource.id


def _group(index: Index, value: Any, arguments: tuple[str, ...]) -> Iterator[NodeId]:
    matches = matcher(str(value))
    for resource in index.resources:
        # Not the group that a test has from what it tests: such tests follow as the call says.
        group = resource.config.get("group")
        if group and matches(str(group)):
            yield resource.id


def _access(index: Index, value: Any, arguments: tuple[str, ...]) -> Iterator[NodeId]:
    for node in index.project.nodes.values():
        if node.resource_type == "model" and node.access == value:
            yield node.id


_VERSIONS: Mapping[str, Callable[[Node], bool]] = {
    "latest": lambda node: node.version is not None and str(node.version) == str(node.latest_version),
    "prerelease": lambda node: (
        node.version is not None and version_rank(node.version) > version_rank(node.latest_version)
    ),
    "old": lambda node: node.version is not None and version_rank(node.version) < version_rank(node.latest_version),
    "none": lambda node: node.version is None,
}


def version_rank(version: object) -> tuple[int, float, str]:
    """A key by which versions are compared: numbers by value, before texts by spelling."""
    try:
        return (0, float(str(version)), "")
    except ValueError:
        return (1, 0.0, str(version))


def _version(index: Index, value: Any, arguments: tuple[str, ...]) -> Iterator[NodeId]:
    if value not in _VERSIONS:
        raise _unknown(f"version:{value}", str(value), tuple(_VERSIONS))
    for node in index.project.nodes.values():
        if node.resource_type == "model" and _VERSIONS[value](node):
            yield node.id


def _state(index: Index, value: Any, arguments: tuple[str, ...]) -> Iterator[NodeId]:
    if value not in ASPECTS:
        raise _unknown(f"state:{value}", str(value), tuple(ASPECTS))
    if index.context.previous is None:
        raise UsageError(
            Problem(f"`state:{value}` needs a state to compare with", hint="give its folder with `--state`")
        )
    if value in TELLING:
        index.comparison.report_removed()
    for resource in index.resources:
        if ASPECTS[value](index.comparison, resource):
            yield resource.id


TELLING = frozenset({"modified", "modified.contract"})
"""The values of `state` by which contracts of models that are no more are told, as dbt has it."""


def _result(index: Index, value: Any, arguments: tuple[str, ...]) -> Iterator[NodeId]:
    results = index.context.results
    if results is None:
        raise UsageError(
            Problem(f"`result:{value}` needs the results of an earlier run", hint="give its folder with `--state`")
        )
    return (id for id, status in results.items() if status == value and id in index.ids)


def _source_status(index: Index, value: Any, arguments: tuple[str, ...]) -> Iterator[NodeId]:
    before, now = index.context.sources_before, index.context.sources_now
    if value in SOURCE_STATUSES:
        return _of_status(index, str(value).replace("_", " "), now if now is not None else before)
    if value != "fresher":
        raise _unknown(f"source_status:{value}", str(value), ("fresher", *SOURCE_STATUSES))
    if before is None or now is None:
        missing = "an earlier" if before is None else "a current"
        raise UsageError(
            Problem(
                f"`source_status:fresher` needs {missing} sources.json",
                hint="run `source freshness`, and give the folder of the earlier one with `--state`",
            )
        )
    return (id for id, source in now.items() if id in index.ids and source.fresher_than(before.get(id)))


SOURCE_STATUSES = ("pass", "warn", "error", "runtime_error")
"""How checks of freshness end. `source_status:` takes them of the last one, dbt's knows only `fresher`."""


def _of_status(index: Index, status: str, results: Mapping[NodeId, SourceResult] | None) -> Iterator[NodeId]:
    if results is None:
        hint = "run `source freshness`, or give the folder of its sources.json with `--state`"
        raise UsageError(Problem(f"`source_status:{status}` needs a sources.json", hint=hint))
    return (id for id, result in results.items() if result.status == status and id in index.ids)


METHODS: Mapping[str, Method] = {
    "fqn": _fqn,
    "tag": _tag,
    "source": _source,
    "path": _path,
    "file": _file,
    "package": _package,
    "config": _config,
    "resource_type": _resource_type,
    "test_type": _test_type,
    "test_name": _test_name,
    "state": _state,
    "result": _result,
    "source_status": _source_status,
    "exposure": partial(_named, "exposure"),
    "metric": partial(_named, "metric"),
    "semantic_model": partial(_named, "semantic_model"),
    "saved_query": partial(_named, "saved_query"),
    "unit_test": partial(_named, "unit_test"),
    "function": partial(_named, "function"),
    "group": _group,
    "access": _access,
    "version": _version,
}
