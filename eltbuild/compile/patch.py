"""A settled project after small changes: only the models whose text changed are read and linked again.

This is a short cut with a narrow door: whatever is not plainly a new text for the same model is left to a whole load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eltbuild.compile.linking import parents_of
from eltbuild.compile.lookup import Lookup
from eltbuild.compile.macro_links import depends_on_path, used_by
from eltbuild.compile.reach import Reach, hook_texts
from eltbuild.compile.session import Session
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.scan import scan
from eltbuild.project.linked import linked_node
from eltbuild.project.loading import checksum, refs_of, sources_of
from eltbuild.project.project import Project
from eltbuild.project.resources import Node
from eltbuild.project.variables import templated_vars
from eltbuild.values import replace

MOST = 100
"""The most files that are patched; beyond it a whole load is not much slower."""


def patched(session: Session, texts: Mapping[str, str]) -> Project | None:
    """The session's settled project with new texts for some files; None where only a whole load can tell.

    It is the value that a whole load would give.
    """
    project = session.project
    if any(problem.place and problem.place.path in texts for problem in project.problems):
        return None
    by_path: dict[str, list[Node]] = {}
    for node in project.nodes.values():
        if node.test is None and node.project_path in texts:
            by_path.setdefault(node.project_path, []).append(node)
    reach = Reach(session.macros, templated_vars(project))
    changed: dict[str, Node] = {}
    for path, text in texts.items():
        rewritten = _rewritten(by_path.get(path, ()), text, reach)
        if rewritten is None:
            return None
        changed[rewritten.id] = rewritten
    return _relinked(project, session, changed)


def _rewritten(nodes: Sequence[Node], text: str, reach: Reach) -> Node | None:
    """The model with its new text, not linked yet; None where more than its text could have changed."""
    if len(nodes) != 1:
        return None
    (node,) = nodes
    if node.resource_type != "model" or node.language != "sql" or node.introspective or hook_texts(node, reach):
        return None
    if (node.config.get("contract") or {}).get("enforced"):
        return None
    try:
        before, now = scan(node.code), scan(text)
    except TemplateError:
        return None
    if not (before.complete and now.complete) or before.config != now.config:
        return None
    if before.unrendered_config != now.unrendered_config:
        return None
    if any(reach.unclear(name, node.package) for name in (*before.calls, *now.calls)):
        return None
    code = text.strip()
    if not code or (reach.vars_touch and "var(" in code):
        return None
    lead = text[: len(text) - len(text.lstrip())]
    made = replace(
        node,
        code=code,
        line=1 + lead.count("\n"),
        checksum=checksum(code),
        refs=refs_of(now, node.project_path),
        source_refs=sources_of(now, node.project_path),
        macros=(),
        macro_names=now.calls,
    )
    return None if depends_on_path(made, reach.macros) else made


def _relinked(project: Project, session: Session, changed: Mapping[str, Node]) -> Project | None:
    nodes = {**project.nodes, **changed}
    lookup = Lookup.of(project)
    for id, node in changed.items():
        parents, problems = parents_of(node, lookup, project)
        if problems:
            return None
        nodes[id] = linked_node(node, node.relation, parents, used_by(node, session.macros), node.written)
    return replace(project, nodes=nodes)
