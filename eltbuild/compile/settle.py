"""From the project as written to the project as meant: every name, config, parent and relation, all errors at once.

Templates whose text tells everything are not rendered; the others are rendered once with a blank introspector.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from eltbuild.compile.linking import Found, linked
from eltbuild.compile.macro_links import linked as macros_linked
from eltbuild.compile.reach import Reach, hook_texts, is_built_in, is_clear, macro_adds_nothing
from eltbuild.compile.schemas import Naming
from eltbuild.compile.session import Session
from eltbuild.errors import CompileError, Place, Problem, ProjectError
from eltbuild.jinja.literal import expression
from eltbuild.project.config import Configs
from eltbuild.project.nodes import twice
from eltbuild.project.project import Project
from eltbuild.project.resources import (
    Node,
    NodeId,
    Ref,
    Source,
    SourceRef,
)
from eltbuild.project.variables import templated_vars
from eltbuild.sql.quoting import kept_as, quoted_parts
from eltbuild.values import replace

if TYPE_CHECKING:
    from eltbuild.compile.unclear import Needed

QUERIES = frozenset({"view", "ephemeral", "materialized_view"})
"""The materializations that keep a query and no rows."""


def settle_all(session: Session) -> Project:
    """The settled project, where the errors that loading found are told together with those of settling.

    A ref that fails only because the file of its target is broken is not told again. Raises `ProjectError`.
    """
    before = [problem for problem in session.project.problems if problem.severity == "error"]
    rest = tuple(problem for problem in session.project.problems if problem.severity != "error")
    broken = {PurePosixPath(problem.place.path).stem for problem in before if problem.place}
    try:
        project = settle(replace(session, project=replace(session.project, problems=rest)))
    except ProjectError as error:
        found = [p for p in error.problems if not (broken and broken & set(_NAMED.findall(p.message)[1:]))]
        raise ProjectError(*_sorted([*before, *found]), *_sorted(rest)) from None
    if before:
        warnings = [problem for problem in project.problems if problem.severity != "error"]
        raise ProjectError(*_sorted(before), *_sorted(warnings))
    return project


_NAMED = re.compile(r"`([\w.]+)`")


def settle(session: Session) -> Project:
    """The project with complete configs, parents, macros and relations.

    Raises `ProjectError` with every problem of every node, warnings included. Else warnings are added to
    `Project.problems`.
    """
    project = session.project
    found = Found([], list(project.disabled))
    reach = Reach(session.macros, templated_vars(project))
    nodes = _rendered(session, reach, found)
    sources = {id: _kept_source(source, session.dialect) for id, source in project.sources.items()}
    project = replace(project, nodes=nodes, sources=sources, disabled=tuple(found.disabled), rivals=())
    places = Naming(session).relations(project, found.problems)
    result = linked(project, places, session.macros, found, session.dialect)
    result = replace(result, macros=macros_linked(result.macros, session.macros), disabled=tuple(found.disabled))
    if any(problem.severity == "error" for problem in found.problems):
        raise ProjectError(*_sorted(found.problems))
    warnings = [problem for problem in found.problems if problem.severity != "error"]
    return replace(result, problems=(*project.problems, *warnings))


def _kept_source(source: Source, dialect: str) -> Source:
    """The source at the place where the engine has it, by its own `quoting`."""
    if source.relation is None:
        return source
    kept = kept_as(source.relation, quoted_parts(source.quoting), dialect)
    return source if kept == source.relation else replace(source, relation=kept, written=source.relation)


def _sorted(problems: Iterable[Problem]) -> list[Problem]:
    def key(problem: Problem) -> tuple[str, int, int]:
        place = problem.place or Place("")
        return (place.path, place.line, place.column)

    return sorted(dict.fromkeys(problems), key=key)


def _rendered(session: Session, reach: Reach, found: Found) -> dict[NodeId, Node]:
    """Every node with refs, sources and config complete; nodes that their own file disables are left out."""
    configs = Configs(session.project.settings, session.project.packages)
    nodes: dict[NodeId, Node] = {}
    rivals = ((node.id, node) for node in session.project.rivals)
    for id, node in (*session.project.nodes.items(), *rivals):
        try:
            settled = _node(session, node, reach, configs, found)
        except (CompileError, ProjectError) as error:
            found.problems.extend(error.problems)
            # It stays, so that others' refs to it are not called wrong as well.
            settled = replace(node, refs=(), source_refs=())
        if settled.config.get("enabled", True) is False:
            found.disabled.append(settled)
        elif id in nodes:
            message, hint = twice(settled, nodes[id])
            found.problems.append(Problem(message, settled.place, hint))
        else:
            nodes[id] = settled
    return nodes


def _node(session: Session, node: Node, reach: Reach, configs: Configs, found: Found) -> Node:
    if node.resource_type == "function" and node.language != "sql":
        return node
    if node.language == "python":
        if node.materialized in QUERIES:
            text = f"the Python model `{node.name}` cannot be materialized as {node.materialized}"
            raise CompileError(Problem(text, node.place, "use table or incremental: there is no query to keep"))
        return _with_constraints(node)
    node = _with_constraints(node)
    texts = partial(hook_texts, reach=reach)
    clear = is_clear(node, reach)
    if clear and not texts(node):
        return _with_where(node, reach)
    # Rendering needs Jinja and all that templates can call: a project without a template that needs it does not pay.
    from eltbuild.compile.unclear import rendered

    needed: Needed = "hooks" if clear else "arguments" if macro_adds_nothing(node, reach) else "text"
    settled, problems = rendered(session, node, configs, texts, needed)
    found.problems.extend(problems)
    if node.resource_type == "seed":
        _refuse_parents(settled)
    return settled


def _with_where(node: Node, reach: Reach) -> Node:
    """A generic test with the macro that narrows its model, as a rendering would have noted; others as they are."""
    if node.test is None or is_built_in(node, reach):
        return node
    found = reach.macros.find("get_where_subquery", node.package)
    return replace(node, macros=(found.id if found is not None else "macro.dbt.get_where_subquery",))


def _refuse_parents(seed: Node) -> None:
    """Raise `CompileError` for a seed whose hooks refer to anything: it is loaded before all others."""
    named = [ref.name for ref in seed.refs] + [f"{source.source}.{source.table}" for source in seed.source_refs]
    if named:
        text = f"Seeds cannot depend on other nodes, and a hook of the seed `{seed.name}` refers to `{named[0]}`"
        hint = "a hook of the model itself, or an on-run-end hook, can name both"
        raise CompileError(Problem(text, seed.patch_place or seed.place, hint))


def _with_constraints(node: Node) -> Node:
    """The node with refs also for what its foreign keys point to."""
    if not (node.config.get("contract") or {}).get("enforced"):
        return node
    given = [*node.constraints, *(c for column in node.columns.values() for c in column.constraints)]
    refs, sources = list(node.refs), list(node.source_refs)
    for constraint in given:
        found = expression(str(constraint.get("to") or "").strip("{} "))
        if found is not None and found[0] == "ref" and found[2]:
            refs.append(
                Ref(str(found[2][-1]), str(found[2][0]) if len(found[2]) == 2 else None, place=node.patch_place)
            )
        elif found is not None and found[0] == "source" and len(found[2]) == 2:
            sources.append(SourceRef(str(found[2][0]), str(found[2][1]), node.patch_place))
    return replace(node, refs=tuple(refs), source_refs=tuple(sources))
