"""Configs that cannot work, found before anything is run: nothing is asked of the warehouse.

What dbt refuses only at the node's turn is a warning here, and fails there: the rest of such a project is built.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from eltbuild.adapter import Capabilities
from eltbuild.errors import CompileError, Place, Problem, did_you_mean
from eltbuild.plan import contract, extras
from eltbuild.plan.incremental import strategy_of
from eltbuild.plan.keys import listed
from eltbuild.plan.materialize import MATERIALIZATIONS
from eltbuild.plan.reconcile import MODES
from eltbuild.plan.snapshot import config_problems
from eltbuild.project.resources import Node
from eltbuild.sql.writer import Writer

Own = Callable[[str, Node], bool]
"""Whether the project itself defines a macro of that key, as a template of the node's package would find it."""

BATCHED = ("event_time", "begin", "batch_size")


def check(nodes: Iterable[Node], writer: Writer, own_materialization: Own, own_macro: Own) -> list[Problem]:
    """Every config of these nodes that their materialization will refuse, and warnings on those without effect."""
    able = writer.capabilities
    found: list[Problem] = []
    for node in nodes:
        if node.resource_type == "snapshot" and not own_materialization("snapshot", node):
            found += (_placed(problem, node) for problem in config_problems(node))
        elif node.resource_type == "model" and not own_materialization(node.materialized, node):
            found += (_placed(problem, node) for problem in _model(node, able, own_macro))
        if node.resource_type in ("model", "seed", "snapshot"):
            found += (*contract.warnings(node, writer), *extras.warnings(node, writer))
    return found


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
    if mode and mode not in MODES:
        hint = did_you_mean(str(mode), MODES) or f"one of {', '.join(sorted(MODES))}"
        text = f"`on_schema_change: {mode}` of `{node.name}` is unknown: taken as `ignore`"
        yield Problem(text, node.place, hint, "warning")
    if listed(node.config.get("merge_update_columns")) and listed(node.config.get("merge_exclude_columns")):
        text = f"`{node.name}` gives both merge_update_columns and merge_exclude_columns"
        yield Problem(text, node.place, "give one of them", "warning")
    if given == "microbatch":
        for name in BATCHED:
            if not node.config.get(name):
                yield Problem(f"microbatch model `{node.name}` has no `{name}`", node.place, f"set it: {name}=...")
