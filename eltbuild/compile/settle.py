"""From the project as written to the project as meant: every name, config, parent and relation, all errors at once.

Templates whose text tells everything are not rendered; the others are rendered once with a blank introspector.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from eltbuild.compile.access import REFUSED, refusal
from eltbuild.compile.given import input_id
from eltbuild.compile.lookup import Lookup
from eltbuild.compile.macro_index import MacroIndex
from eltbuild.compile.macro_links import depends_on_path, used_by
from eltbuild.compile.macro_links import linked as macros_linked
from eltbuild.compile.schemas import Naming
from eltbuild.compile.semantic_links import metrics_of, semantic_links, semantic_problems
from eltbuild.compile.session import Session
from eltbuild.errors import CompileError, Place, Problem, ProjectError
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.literal import expression
from eltbuild.jinja.native import has_jinja
from eltbuild.jinja.scan import scan
from eltbuild.project.config import Configs
from eltbuild.project.linked import linked_node
from eltbuild.project.project import Project
from eltbuild.project.resources import (
    Exposure,
    Macro,
    Node,
    NodeId,
    Ref,
    Resource,
    Source,
    SourceRef,
    UnitTest,
    Unmanaged,
)
from eltbuild.project.test_names import BUILT_IN
from eltbuild.project.variables import templated_vars
from eltbuild.relation import Relation
from eltbuild.sql.quoting import kept_as, quoted_parts
from eltbuild.values import dataclass, replace

if TYPE_CHECKING:
    from eltbuild.compile.unclear import Needed

QUERIES = frozenset({"view", "ephemeral", "materialized_view"})
"""The materializations that keep a query and no rows."""


@dataclass(slots=True)
class _Found:
    """What settling collects on its way."""

    problems: list[Problem]
    disabled: list[Resource]


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
    found = _Found([], list(project.disabled))
    reach = Reach(session.macros, templated_vars(project))
    nodes = _rendered(session, reach, found)
    sources = {id: _kept_source(source, session.dialect) for id, source in project.sources.items()}
    project = replace(project, nodes=nodes, sources=sources, disabled=tuple(found.disabled))
    places = Naming(session).relations(project, found.problems)
    linked = _linked(project, places, session.macros, found, session.dialect)
    linked = replace(linked, macros=macros_linked(linked.macros, session.macros), disabled=tuple(found.disabled))
    if any(problem.severity == "error" for problem in found.problems):
        raise ProjectError(*_sorted(found.problems))
    warnings = [problem for problem in found.problems if problem.severity != "error"]
    return replace(linked, problems=(*project.problems, *warnings))


def _kept_source(source: Source, dialect: str) -> Source:
    """The source at the place where the engine has it, by its own `quoting`."""
    if source.relation is None or not source.quoting:
        return source
    kept = kept_as(source.relation, quoted_parts(source.quoting), dialect)
    return source if kept == source.relation else replace(source, relation=kept, written=source.relation)


def _sorted(problems: Iterable[Problem]) -> list[Problem]:
    def key(problem: Problem) -> tuple[str, int, int]:
        place = problem.place or Place("")
        return (place.path, place.line, place.column)

    return sorted(dict.fromkeys(problems), key=key)


class Reach:
    """Whether a call of a macro can lead to ref, source or config; followed through the macros that it calls."""

    def __init__(self, macros: MacroIndex, templated_vars: Iterable[str] = ()) -> None:
        self.macros = macros
        self._known: dict[str, bool] = {}
        self.vars_touch = False
        """Whether some var is a template that leads there."""
        self.vars_touch = any(map(self._touched_by, templated_vars))

    def touches(self, macro: Macro) -> bool:
        """Whether only a rendering can tell what the macro refers to."""
        known = self._known.get(macro.id)
        if known is None:
            self._known[macro.id] = False  # a cycle adds nothing
            known = self._known[macro.id] = macro.touches or any(
                self.unclear(name, macro.package) for name in macro.macro_names
            )
        return known

    def replaced(self, name: str, package: str) -> bool:
        """Whether a macro of the project's stands for a built-in one in that package."""
        return self.macros.visible(name, package) is not None or self.macros.overridden(name) is not None

    def unclear(self, name: str, package: str) -> bool:
        """Whether a name as written in a template leads somewhere that must be rendered."""
        if name.startswith("adapter.dispatch:"):
            return any(self.touches(macro) for macro in self.macros.candidates(name.partition(":")[2]))
        macro = self.macros.find(name, package)
        if macro is not None:
            return self.touches(macro)
        # A variable of the environment that is not set is a mistake of the project, told with all others; and a var
        # may be a template that refers to something.
        head = name.partition(".")[0]
        if head == "env_var" or (head == "var" and self.vars_touch):
            return True
        from eltbuild.compile.known_names import is_known

        return not is_known(head)

    def _touched_by(self, text: str) -> bool:
        try:
            mentions = scan(text)
        except TemplateError:
            return True
        if mentions.refs or mentions.sources or mentions.config or not mentions.complete:
            return True
        return any(self.unclear(name, self.macros.root) for name in mentions.calls)


def _rendered(session: Session, reach: Reach, found: _Found) -> dict[NodeId, Node]:
    """Every node with refs, sources and config complete; nodes that their own file disables are left out."""
    configs = Configs(session.project.settings, session.project.packages)
    nodes: dict[NodeId, Node] = {}
    for id, node in session.project.nodes.items():
        try:
            settled = _node(session, node, reach, configs, found)
        except (CompileError, ProjectError) as error:
            found.problems.extend(error.problems)
            # It stays, so that others' refs to it are not called wrong as well.
            settled = replace(node, refs=(), source_refs=())
        if settled.config.get("enabled", True) is False:
            found.disabled.append(settled)
        else:
            nodes[id] = settled
    return nodes


def _node(session: Session, node: Node, reach: Reach, configs: Configs, found: _Found) -> Node:
    if node.resource_type == "function" and node.language != "sql":
        return node
    if node.language == "python":
        if node.materialized in QUERIES:
            text = f"the Python model `{node.name}` cannot be materialized as {node.materialized}"
            raise CompileError(Problem(text, node.place, "use table or incremental: there is no query to keep"))
        return _with_constraints(node)
    node = _with_constraints(node)
    texts = partial(hook_texts, reach=reach)
    clear = _clear(node, reach)
    if clear and not texts(node):
        return _with_where(node, reach)
    # Rendering needs Jinja and all that templates can call: a project without a template that needs it does not pay.
    from eltbuild.compile.unclear import rendered

    needed: Needed = "hooks" if clear else "arguments" if _macro_adds_nothing(node, reach) else "text"
    settled, problems = rendered(session, node, configs, texts, needed)
    found.problems.extend(problems)
    if node.resource_type == "seed":
        _refuse_parents(settled)
    return settled


def _with_where(node: Node, reach: Reach) -> Node:
    """A generic test with the macro that narrows its model, as a rendering would have noted; others as they are."""
    if node.test is None or _is_built_in(node, reach):
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


def _clear(node: Node, reach: Reach) -> bool:
    """Whether the text tells everything."""
    if node.resource_type == "seed":
        return True
    if node.test is not None and (node.test.expectation or node.test.anomaly):
        return node.complete and _plain_arguments(node)
    if node.test is not None:
        return _plain_arguments(node) if _is_built_in(node, reach) else _follows_from_arguments(node, reach)
    if not node.complete or (reach.vars_touch and "var(" in node.code):
        return False
    if any(_refuses(name) or reach.unclear(name, node.package) for name in node.macro_names):
        return False
    return not depends_on_path(node, reach.macros)


def _refuses(name: str) -> bool:
    """Whether the call may be there to end the reading of the project: it is told with all other mistakes."""
    return name.startswith("exceptions.raise_")


def _is_built_in(node: Node, reach: Reach) -> bool:
    """Whether the test is eltbuild's own, and no macro of the project's has taken its place."""
    case = node.test
    if case is None or case.expectation or case.anomaly:
        return case is not None
    return case.namespace is None and case.name in BUILT_IN and not reach.replaced(f"test_{case.name}", node.package)


def _follows_from_arguments(node: Node, reach: Reach) -> bool:
    """Whether a generic test of a package or of the project refers to nothing but the model that it tests."""
    assert node.test is not None
    given = [value for key, value in node.test.kwargs.items() if key != "model"]
    return not has_jinja(str(node.config.get("where"))) and _macro_adds_nothing(node, reach) and _holds_no_call(given)


def _macro_adds_nothing(node: Node, reach: Reach) -> bool:
    """Whether the macro of a generic test refers to nothing but what its arguments name.

    A call that does not fit the macro is rendered, so that it is told with all other mistakes.
    """
    if node.test is None or _is_built_in(node, reach):
        return False
    macro = reach.macros.find(node.macro_names[0], node.package) if node.macro_names else None
    if macro is None or reach.touches(macro):
        return False
    return node.test.kwargs.keys() - {"model"} <= {argument["name"] for argument in macro.arguments}


MAY_CALL = re.compile(r"\{[{%#]|\b(?:ref|source|var|env_var|function|metric|doc)\s*\(")
"""What Jinja would read in an argument, or dbt evaluate though it stands without braces."""


def _holds_no_call(value: object) -> bool:
    if isinstance(value, str):
        return not MAY_CALL.search(value)
    if isinstance(value, Mapping):
        return all(map(_holds_no_call, (*value.keys(), *value.values())))
    return not isinstance(value, (list, tuple)) or all(map(_holds_no_call, value))


def _plain_arguments(node: Node) -> bool:
    """Whether a built-in test's arguments hold no Jinja beyond what the loader read."""
    assert node.test is not None
    return not any(
        isinstance(value, str) and has_jinja(value) and key not in ("model", "to")
        for key, value in node.test.kwargs.items()
    )


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


CALLS = ("ref(", "source(", "function(")


CALLED = re.compile(r"([A-Za-z_][\w.]*)\s*\(")
"""What looks like a call, wherever it stands: a word too many costs a rendering, no more."""


def hook_texts(node: Node, reach: Reach) -> list[str]:
    """The hooks of a node that refer to others, also through macros, and the overloads of a function."""
    texts = []
    for key in ("pre-hook", "post-hook"):
        for hook in node.config.get(key) or ():
            sql = hook.get("sql") if isinstance(hook, Mapping) else hook
            if isinstance(sql, str) and has_jinja(sql) and _refers(sql, node.package, reach):
                texts.append(sql)
    bodies = [str(overload.get("raw_body", "")) for overload in node.extra.get("overloads") or ()]
    return [*texts, *(body for body in bodies if has_jinja(body))]


def _refers(hook: str, package: str, reach: Reach) -> bool:
    """Whether a hook may refer to something: by itself, or by a macro of the project or of a package."""
    if any(call in hook for call in CALLS):
        return True
    names = set(CALLED.findall(hook))
    return any(
        name == "adapter.dispatch" or (reach.macros.find(name, package) and reach.unclear(name, package))
        for name in names
    )


# Links ----------------------------------------------------------------------------------------------------


def _linked(
    project: Project, places: Mapping[NodeId, Relation | None], macros: MacroIndex, found: _Found, dialect: str
) -> Project:
    """Parents by id, for nodes, exposures, unit tests and the rest."""
    lookup = Lookup.of(project)
    quoted = quoted_parts(project.settings.quoting)
    nodes: dict[NodeId, Node] = {}
    for id, node in project.nodes.items():
        parents, problems = parents_of(node, lookup, project)
        if node.resource_type == "test" and any(problem.name != REFUSED for problem in problems):
            found.disabled.append(linked_node(node, places[id], parents, used_by(node, macros)))
            found.problems += [replace(p, severity="warning", name="NodeNotFoundOrDisabled") for p in problems]
            continue
        found.problems += problems
        place = places[id]
        kept = kept_as(place, quoted, dialect) if place is not None else None
        written = place if kept != place else None
        nodes[id] = linked_node(node, kept, parents, used_by(node, macros), written)
    project = replace(project, nodes=nodes)
    # A test of something that is not there has been put aside by the loader; what else it refers to is told.
    found.disabled[:] = [
        linked_node(item, item.relation, parents_of(item, lookup, project)[0], used_by(item, macros))
        if isinstance(item, Node) and item.test is not None and not item.parents
        else item
        for item in found.disabled
    ]
    found.problems.extend(semantic_problems(project.unmanaged))
    return replace(
        project,
        exposures={id: _with_parents(item, lookup, project, found) for id, item in project.exposures.items()},
        unmanaged=semantic_links(
            {id: _with_parents(item, lookup, project, found) for id, item in project.unmanaged.items()}
        ),
        unit_tests={id: _unit_test(item, lookup, found) for id, item in project.unit_tests.items()},
    )


def parents_of(node: Node, lookup: Lookup, project: Project) -> tuple[tuple[NodeId, ...], list[Problem]]:
    """The ids of all that a node refers to, in order, and what is wrong with these references."""
    ids: dict[NodeId, None] = {}
    problems: list[Problem] = []
    for source_ref in node.source_refs:
        source = lookup.source(source_ref.source, source_ref.table)
        if source is None:
            what, hint = lookup.missing_source(source_ref.source, source_ref.table)
            problems.append(Problem(f"{_who(node)} refers to {what}", _place(node, source_ref.place), hint))
            continue
        ids[source.id] = None
    for ref in node.refs:
        target = lookup.ref(ref.name, ref.package, ref.version, node.package)
        if target is None:
            what, hint = lookup.missing_ref(ref.name, ref.package, ref.version)
            problems.append(Problem(f"{_who(node)} refers to {what}", _place(node, ref.place), hint))
            continue
        refused = refusal(node, target, project)
        if refused:
            problems.append(Problem(refused[0], _place(node, ref.place), refused[1], name=REFUSED))
        ids[target.id] = None
    for call in node.functions:
        function = lookup.function(call.name, call.package, node.package)
        if function is None:
            what, hint = lookup.missing_function(call.name, call.package)
            problems.append(Problem(f"{_who(node)} refers to {what}", _place(node, call.place), hint))
            continue
        ids[function.id] = None
    return tuple(ids), problems


def _who(node: Node) -> str:
    return f"{node.resource_type} `{node.name}`"


def _place(node: Node, place: Place | None) -> Place | None:
    return place or node.place or Place(node.project_path)


def _with_parents(item: Any, lookup: Lookup, project: Project, found: _Found) -> Any:
    ids: dict[NodeId, None] = {}
    for source_ref in getattr(item, "source_refs", ()):
        source = lookup.source(source_ref.source, source_ref.table)
        if source is None:
            what, hint = lookup.missing_source(source_ref.source, source_ref.table)
            found.problems.append(
                Problem(f"exposure `{item.name}` depends on {what}", source_ref.place or item.place, hint)
            )
        else:
            ids[source.id] = None
    for ref in item.refs:
        target = lookup.ref(ref.name, ref.package, ref.version, item.package)
        if target is None:
            what, hint = lookup.missing_ref(ref.name, ref.package, ref.version)
            found.problems.append(
                Problem(
                    f"{item.resource_type.replace('_', ' ')} `{item.name}` depends on {what}",
                    ref.place or item.place,
                    hint,
                )
            )
        else:
            ids[target.id] = None
            refused = refusal(item, target, project)
            if refused:
                found.problems.append(Problem(refused[0], ref.place or item.place, refused[1], name=REFUSED))
    assert isinstance(item, (Exposure, Unmanaged))
    if isinstance(item, Exposure) and item.metrics:
        named, problems = metrics_of(item, project.unmanaged)
        ids.update(dict.fromkeys(named))
        found.problems += problems
    return replace(item, parents=tuple(ids)) if ids else item


def _unit_test(test: UnitTest, lookup: Lookup, found: _Found) -> UnitTest:
    target = lookup.ref(test.model, None, None if test.version is None else str(test.version), test.package)
    if target is None:
        what, hint = lookup.missing_ref(test.model, None, None)
        found.problems.append(Problem(f"unit test `{test.name}` tests {what}", test.place, hint))
        return test
    for given in test.given:
        id = input_id(given.get("input"), test, target.id, lookup)
        if isinstance(id, Problem):
            found.problems.append(id)
    return replace(test, parents=(target.id,))
