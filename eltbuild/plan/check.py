"""Configs that cannot work, found before anything is run: nothing is asked of the warehouse.

What dbt refuses only at the node's turn is a warning here, and fails there: the rest of such a project is built.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from eltbuild.adapter import Capabilities
from eltbuild.errors import CompileError, Place, Problem, did_you_mean
from eltbuild.plan import contract, extras
from eltbuild.plan.incremental import strategy_of
from eltbuild.plan.keys import listed
from eltbuild.plan.materialize import MATERIALIZATIONS
from eltbuild.plan.reconcile import MODES as CHANGES
from eltbuild.plan.showing import MODES, SHOWN
from eltbuild.plan.snapshot_settings import config_problems
from eltbuild.plan.user_functions import impossible
from eltbuild.project.durations import RETRIES, SPAN, retries_of, seconds_of
from eltbuild.project.resources import Node
from eltbuild.sql.writer import Writer
from eltbuild.values import replace

Own = Callable[[str, Node], bool]
"""Whether the project itself defines a macro of that key, as a template of the node's package would find it."""

BATCHED = ("event_time", "begin", "batch_size")
BATCH_SIZES = ("hour", "day", "month", "year")
SEVERITIES = ("error", "warn")

REQUIRED: Mapping[str, frozenset[str]] = {
    "unique": frozenset(),
    "not_null": frozenset(),
    "accepted_values": frozenset({"values"}),
    "relationships": frozenset({"to", "field"}),
}
"""The built-in data tests, and the arguments without which they cannot work."""

OPTIONAL: Mapping[str, frozenset[str]] = {"accepted_values": frozenset({"quote"})}
EVERY = frozenset({"model", "column_name"})


def check(nodes: Iterable[Node], writer: Writer, own_materialization: Own, own_macro: Own) -> list[Problem]:
    """Every config of these nodes that their materialization will refuse, and warnings on those without effect."""
    able = writer.capabilities
    found: list[Problem] = []
    for node in nodes:
        if node.resource_type == "snapshot" and not own_materialization("snapshot", node):
            found += (_placed(problem, node) for problem in config_problems(node))
        elif node.resource_type == "model" and not own_materialization(node.materialized, node):
            found += (_placed(problem, node) for problem in _model(node, able, own_macro))
        elif node.resource_type == "test":
            found += _data_test(node, own_macro)
        elif node.resource_type == "function":
            found += _function(node, writer.dialect, own_macro)
        found += _limits(node)
        found += _publishing(node)
        if node.resource_type in ("model", "seed", "snapshot"):
            cut = extras.too_long(node, node.relation, writer) if node.relation is not None else None
            found += (replace(cut, severity="warning"),) if cut is not None else ()
            found += extras.cut_schema(node)
            refused = extras.misplaced(node, able)
            found += (_placed(replace(refused, severity="warning"), node),) if refused is not None else ()
            found += (*contract.warnings(node, writer), *extras.warnings(node, writer))
    return list(dict.fromkeys(found))


def _function(node: Node, dialect: str, own_macro: Own) -> Iterator[Problem]:
    refused = impossible(node, dialect, lambda name: own_macro(name, node))
    if refused is not None:
        # As with dbt, a function in JavaScript is no part of a project on an engine that has none.
        yield refused if node.language == "javascript" else replace(refused, severity="warning")


LOOSE = frozenset({"ignore", "sync_all_columns"})
"""What dbt does not let an incremental model with a contract do where its columns change."""

LIMITS: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "timeout": (seconds_of, SPAN),
    "retries": (retries_of, RETRIES),
}


def _publishing(node: Node) -> Iterator[Problem]:
    mode = node.config.get("publish")
    if mode is None or node.resource_type not in (*SHOWN, "function"):
        return
    if mode not in MODES:
        text = f"`publish: {mode}` of `{node.name}` is unknown"
        yield _placed(Problem(text, node.place, did_you_mean(str(mode), MODES) or f"one of {', '.join(MODES)}"), node)
    elif mode == "audited" and node.resource_type == "function":
        text = f"`publish: audited` of the function `{node.name}`: a function has no rows, and no tests of them"
        yield _placed(Problem(text, node.place, "leave it out: a function stands the moment it is made"), node)


def _limits(node: Node) -> Iterator[Problem]:
    for key, (read, must) in LIMITS.items():
        value = node.config.get(key)
        if value is None:
            continue
        try:
            read(value)
        except ValueError:
            yield _placed(Problem(f"`{key}: {value}` of `{node.name}` must be {must}"), node)


def _placed(problem: Problem, node: Node) -> Problem:
    """The problem at the config that its message names: in the node's own file, else where it is described."""
    for name in re.findall(r"`(\w+)", problem.message):
        offset = node.code.find(name)
        if offset >= 0 and name != node.name:
            before = node.code[:offset]
            line = node.line + before.count("\n")
            return replace(problem, place=Place(node.project_path, line, offset - before.rfind("\n")))
    place = node.patch_place if "config(" not in node.code and node.patch_place else node.place
    return replace(problem, place=place)


def _model(node: Node, able: Capabilities, own_macro: Own) -> Iterator[Problem]:
    if node.materialized not in MATERIALIZATIONS:
        hint = did_you_mean(node.materialized, MATERIALIZATIONS) or f"one of {', '.join(sorted(MATERIALIZATIONS))}"
        text = f"model `{node.name}`: there is no materialization `{node.materialized}`"
        yield Problem(text, node.place, hint, "warning")
    elif node.ephemeral and node.access == "public":
        yield Problem(f"`access: public` of `{node.name}` cannot be: it is ephemeral", hint="materialize it as a view")
    elif node.materialized == "incremental":
        yield from _incremental(node, able, own_macro)


def _incremental(node: Node, able: Capabilities, own_macro: Own) -> Iterator[Problem]:
    given = str(node.config.get("incremental_strategy") or "")
    key = f"get_incremental_{given.replace('+', '_')}_sql"
    if given and not own_macro(key, node):
        try:
            strategy_of(node, able)
        except CompileError as error:
            yield from (replace(problem, severity="warning") for problem in error.problems)
    mode = node.config.get("on_schema_change")
    if mode and mode not in CHANGES:
        hint = did_you_mean(str(mode), CHANGES) or f"one of {', '.join(sorted(CHANGES))}"
        text = f"`on_schema_change: {mode}` of `{node.name}` is unknown: taken as `ignore`"
        yield Problem(text, node.place, hint, "warning")
    elif (mode or "ignore") in LOOSE and (node.config.get("contract") or {}).get("enforced"):
        text = f"`on_schema_change: {mode or 'ignore'}` of `{node.name}` can leave a table that breaks its contract"
        yield Problem(text, node.place, "dbt refuses this: set it to append_new_columns or fail", "warning")
    if listed(node.config.get("merge_update_columns")) and listed(node.config.get("merge_exclude_columns")):
        text = f"`{node.name}` gives both merge_update_columns and merge_exclude_columns"
        yield Problem(text, node.place, "give one of them", "warning")
    if given == "microbatch":
        for name in BATCHED:
            if not node.config.get(name):
                yield Problem(f"microbatch model `{node.name}` has no `{name}`", node.place, f"set it: {name}=...")
        begin = node.config.get("begin")
        if begin and not _is_moment(begin):
            hint = "write it as 2013-01-31, or 2013-01-31T06:00:00"
            yield Problem(f"`begin: {begin}` of microbatch model `{node.name}` is no time", node.place, hint)
        size = node.config.get("batch_size")
        if size and size not in BATCH_SIZES:
            hint = did_you_mean(str(size), BATCH_SIZES) or f"one of {', '.join(BATCH_SIZES)}"
            yield Problem(f"`batch_size: {size}` of `{node.name}` is unknown", node.place, hint)


def _is_moment(value: Any) -> bool:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return True


def _data_test(node: Node, own_macro: Own) -> Iterator[Problem]:
    severity = node.config.get("severity")
    if severity is not None and str(severity).lower() not in SEVERITIES:
        hint = did_you_mean(str(severity), SEVERITIES) or f"one of {', '.join(SEVERITIES)}"
        yield Problem(f"`severity: {severity}` of `{node.name}` is unknown", node.place, hint)
    case = node.test
    if case is None or case.namespace is not None or case.name not in REQUIRED:
        return
    required = REQUIRED[case.name]
    given = case.kwargs.keys() - EVERY
    missing, unknown = required - given, given - required - OPTIONAL.get(case.name, frozenset())
    if case.column_name is None and "column_name" not in case.kwargs:
        missing |= {"column_name"}
    if not (missing or unknown) or own_macro(f"test_{case.name}", node):
        return
    for name in sorted(missing):
        yield Problem(f"test `{case.name}` needs the argument `{name}`", node.place, "", "warning")
    for name in sorted(unknown):
        hint = did_you_mean(name, required | OPTIONAL.get(case.name, frozenset()))
        yield Problem(f"test `{case.name}` has no argument `{name}`", node.place, hint, "warning")
