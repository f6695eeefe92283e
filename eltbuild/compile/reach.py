"""Whether the text of a node tells all that it refers to, or only a rendering can: what macros it calls lead to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from eltbuild.compile.macro_index import MacroIndex
from eltbuild.compile.macro_links import depends_on_path
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.native import has_jinja
from eltbuild.jinja.scan import scan
from eltbuild.project.resources import Macro, Node
from eltbuild.project.test_names import BUILT_IN

CALLS = ("ref(", "source(", "function(")
CALLED = re.compile(r"([A-Za-z_][\w.]*)\s*\(")
"""What looks like a call, wherever it stands: a word too many costs a rendering, no more."""
MAY_CALL = re.compile(r"\{[{%#]|\b(?:ref|source|var|env_var|function|metric|doc)\s*\(")
"""What Jinja would read in an argument, or dbt evaluate though it stands without braces."""


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


def is_clear(node: Node, reach: Reach) -> bool:
    """Whether the text tells everything."""
    if node.resource_type == "seed":
        return True
    if node.test is not None and (node.test.expectation or node.test.anomaly):
        return node.complete and _plain_arguments(node)
    if node.test is not None:
        return _plain_arguments(node) if is_built_in(node, reach) else _follows_from_arguments(node, reach)
    if not node.complete or (reach.vars_touch and "var(" in node.code):
        return False
    if (node.refs and reach.replaced("ref", node.package)) or (
        node.source_refs and reach.replaced("source", node.package)
    ):
        # Only the macro can tell what it refers to in the place of what it is given.
        return False
    if any(_refuses(name) or reach.unclear(name, node.package) for name in node.macro_names):
        return False
    return not depends_on_path(node, reach.macros)


def _refuses(name: str) -> bool:
    """Whether the call may be there to end the reading of the project: it is told with all other mistakes."""
    return name.startswith("exceptions.raise_")


def is_built_in(node: Node, reach: Reach) -> bool:
    """Whether the test is eltbuild's own, and no macro of the project's has taken its place."""
    case = node.test
    if case is None or case.expectation or case.anomaly:
        return case is not None
    return case.namespace is None and case.name in BUILT_IN and not reach.replaced(f"test_{case.name}", node.package)


def _follows_from_arguments(node: Node, reach: Reach) -> bool:
    """Whether a generic test of a package or of the project refers to nothing but the model that it tests."""
    assert node.test is not None
    given = [value for key, value in node.test.kwargs.items() if key != "model"]
    return not has_jinja(str(node.config.get("where"))) and macro_adds_nothing(node, reach) and _holds_no_call(given)


def macro_adds_nothing(node: Node, reach: Reach) -> bool:
    """Whether the macro of a generic test refers to nothing but what its arguments name.

    A call that does not fit the macro is rendered, so that it is told with all other mistakes.
    """
    if node.test is None or is_built_in(node, reach):
        return False
    macro = reach.macros.find(node.macro_names[0], node.package) if node.macro_names else None
    if macro is None or reach.touches(macro):
        return False
    return node.test.kwargs.keys() - {"model"} <= {argument["name"] for argument in macro.arguments}


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
