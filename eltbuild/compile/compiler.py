"""One node rendered: its text, its CTEs, and what it asked for. The only door to dbt's Jinja world."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from eltbuild.compile.anomalies import anomaly_in
from eltbuild.compile.anomalies import text_of as anomaly_text
from eltbuild.compile.compiled import Compiled, Cte
from eltbuild.compile.dbt.context import open_scope
from eltbuild.compile.generic_test_text import direct_test, render_test, test_arguments
from eltbuild.compile.introspect import BLANK, Introspector
from eltbuild.compile.node_text import refused, render_node
from eltbuild.compile.places import compile_error
from eltbuild.compile.relations import cte_name
from eltbuild.compile.rendering import Assumed, MacroReturn, Rendering
from eltbuild.compile.session import Session
from eltbuild.errors import CompileError, DatabaseError, EltbuildError, InlinedError, Place, Problem
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.native import has_jinja
from eltbuild.project.resources import Macro, Node, NodeId
from eltbuild.project.suite_parameters import valued
from eltbuild.project.test_names import BUILT_IN
from eltbuild.relation import Relation
from eltbuild.sql.ctes import with_ctes

_NARROWED = re.compile(r"get_where_subquery\((.*)\)", re.S)


class Compiler:
    """Renders nodes of one session. Texts of ephemeral parents are kept for those that need them."""

    def __init__(self, session: Session, introspector: Introspector = BLANK) -> None:
        self.session = session
        self.introspector = introspector
        self._ephemeral: dict[NodeId, Compiled] = {}
        self.ctes: dict[NodeId, tuple[Cte, ...]] = {}
        """The ephemeral models that were put into each node where it stands, each behind those that it needs itself."""
        self._direct = self._direct_tests()

    def _direct_tests(self) -> frozenset[str]:
        """The built-in tests that no macro of the project's changes."""
        macros = self.session.macros
        root = macros.root
        if macros.visible("get_where_subquery", root) or macros.overridden("get_where_subquery"):
            return frozenset()
        return frozenset(
            name
            for name in BUILT_IN
            if not any(f"test_{name}" in macros.by_package[p] for p in macros.by_package)
            and macros.overridden(f"test_{name}") is None
        )

    def compile(
        self,
        node: Node,
        introspector: Introspector | None = None,
        batch: tuple[datetime, datetime] | None = None,
        assumed: Assumed | None = None,
        places: Mapping[NodeId, Relation] | None = None,
    ) -> Compiled:
        """The text of a node. `query` is None where only a live introspector can tell, and this one is blank.

        With `assumed`, the rows that it holds stand as CTEs in front, those that the template asks for. `places`:
        where the rows of nodes stand for now, also as ephemeral models between see them.

        Raises `CompileError` with the place in the user's file, or `DatabaseError` from a live introspector.
        """
        introspector = introspector or self.introspector
        if node.language != "sql" or node.resource_type == "seed":
            return Compiled(node=node.id, query=node.code, sql=node.code, fingerprint=fingerprint(node.code))
        rendering = Rendering(self.session, node, introspector)
        rendering.batch = batch
        rendering.assumed = assumed
        rendering.places = places or {}
        query = self._text(rendering)
        if rendering.introspective and not introspector.live:
            return Compiled(node=node.id, introspective=True)
        if assumed is not None:
            ctes = tuple(Cte(id, assumed.rows[id].sql) for id in rendering.ctes)
            named = [(assumed.rows[cte.id].name, cte.sql) for cte in ctes]
        else:
            ctes = self._ctes(rendering.ctes, introspector, places)
            if ctes and not places:
                self.ctes[node.id] = ctes
            named = [(self._cte_name(cte.id), cte.sql) for cte in ctes]
        sql = with_ctes(query, named, self.session.dialect) if ctes else query
        return Compiled(
            node=node.id,
            query=query,
            sql=sql,
            ctes=ctes,
            introspective=rendering.introspective,
            fingerprint=fingerprint(sql),
        )

    @property
    def inlined(self) -> Mapping[NodeId, Compiled]:
        """The ephemeral models rendered so far, for those that refer to them."""
        return self._ephemeral

    def _cte_name(self, id: NodeId) -> str:
        return cte_name(self.session.project.nodes[id])

    def _text(self, rendering: Rendering) -> str:
        node = rendering.node
        assert node is not None
        case = node.test
        if case is not None and case.anomaly:
            found = self.arguments(node, rendering.introspector, rendering)
            return anomaly_text(anomaly_in(node, found), found["model"], self.session.dialect)
        if case is not None and case.expectation:
            return f"select * from {self.arguments(node, rendering.introspector, rendering)['model']}"
        if case is not None and case.namespace is None and case.name in self._direct:
            text = direct_test(rendering, node)
            if text is not None:
                return text
        try:
            return render_node(rendering, node.code) if case is None else render_test(rendering, node)
        except TemplateError as error:
            raise compile_error(error, node) from error

    def arguments(
        self,
        node: Node,
        introspector: Introspector | None = None,
        rendering: Rendering | None = None,
        places: Mapping[NodeId, Relation] | None = None,
    ) -> dict[str, Any]:
        """The arguments of a generic test as a call of its macro would get them; `model` is the tested rows as SQL.

        `tested` is the same without the `where` of the config. Raises `CompileError`.
        """
        assert node.test is not None
        if rendering is None:
            rendering = Rendering(self.session, node, introspector or self.introspector)
            rendering.places = places or {}
        try:
            found = {key: plain(value) for key, value in test_arguments(rendering, node).items()}
            if node.test.expectation:
                found = {key: valued(value, node.place) for key, value in found.items()}
            written = str(node.test.kwargs.get("model"))
            whole = _NARROWED.sub(r"\1", written)
            narrowed = whole != written and node.config.get("where")
            found["model"] = str(found["model"])
            found["tested"] = str(render_node(rendering, whole)) if narrowed else found["model"]
        except TemplateError as error:
            raise compile_error(error, node) from error
        return found

    def _inline(
        self, id: NodeId, introspector: Introspector, places: Mapping[NodeId, Relation] | None = None
    ) -> Compiled:
        try:
            return self.compile(self.session.project.nodes[id], introspector, places=places)
        except InlinedError:
            raise
        except CompileError as error:
            raise InlinedError(id, *error.problems) from error

    def _ctes(
        self, ids: list[NodeId], introspector: Introspector, places: Mapping[NodeId, Relation] | None = None
    ) -> tuple[Cte, ...]:
        """The CTEs of ephemeral parents, each behind those that it needs itself."""
        out: dict[NodeId, Cte] = {}
        # What reads a node where it stands for now is of no use to others.
        known = {} if places else self._ephemeral
        for id in ids:
            compiled = known.get(id)
            if compiled is None or (compiled.query is None and introspector.live):
                compiled = known[id] = self._inline(id, introspector, places)
            for cte in compiled.ctes:
                out.setdefault(cte.id, cte)
            out.setdefault(id, Cte(id, compiled.query or ""))
        return tuple(out.values())

    def render_hook(self, node: Node, text: str, introspector: Introspector, names: Mapping[str, Any]) -> str:
        """The text of a hook or an operation, rendered for a node. Raises `CompileError`."""
        if not has_jinja(text):
            return text
        rendering = Rendering(self.session, node, introspector)
        rendering.extra_names.update(names)
        try:
            return render_node(rendering, text)
        except TemplateError as error:
            raise compile_error(error, node) from error

    def call_macro(
        self,
        macro: Macro,
        introspector: Introspector,
        arguments: Mapping[str, Any],
        names: Mapping[str, Any] | None = None,
        node: Node | None = None,
        results: dict[str, Any] | None = None,
    ) -> Any:
        """Call one macro: what it returns, or its text. Raises `CompileError`.

        `results` holds afterwards what its statements gave, by their names.
        """
        rendering = Rendering(self.session, node, introspector, package=node.package if node else macro.package)
        rendering.results = {} if results is None else results
        rendering.extra_names.update(names or {})
        open_scope(rendering)
        try:
            return rendering.macro(macro)(**arguments)
        except MacroReturn as error:
            raise macro_error(error, macro) from error
        except Exception as error:
            from eltbuild.jinja.template import explain

            explained = explain(error, "")
            if isinstance(explained, DatabaseError):
                raise refused(explained, macro.project_path) from error
            if isinstance(explained, EltbuildError):
                raise
            raise macro_error(explained, macro) from error


def plain(value: Any) -> Any:
    """A value as data: what a template calls a relation, say, as text."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else str(value)


def macro_error(error: Exception, macro: Macro) -> CompileError:
    """A macro's failure with the place in its file."""
    path = macro.project_path
    if isinstance(error, TemplateError):
        return CompileError(Problem(error.message, Place(error.path or path, error.line or macro.line), error.hint))
    return CompileError(Problem(str(error) or type(error).__name__, Place(path, macro.line)))


def fingerprint(text: str) -> str:
    """A digest of a text, the same on every machine."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
