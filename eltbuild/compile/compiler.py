"""One node rendered: its text, its CTEs, and what it asked for. The only door to dbt's Jinja world."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from eltbuild.compile.anomalies import anomaly_in
from eltbuild.compile.anomalies import text_of as anomaly_text
from eltbuild.compile.compiled import Compiled, Cte
from eltbuild.compile.dbt.builtins import BUILTINS
from eltbuild.compile.dbt.context import CALLS, ON_DEMAND, open_scope
from eltbuild.compile.dbt.functions import STATIC
from eltbuild.compile.introspect import BLANK, Introspector
from eltbuild.compile.places import compile_error, problem_of
from eltbuild.compile.relations import cte_name
from eltbuild.compile.rendering import Assumed, MacroReturn, Rendering
from eltbuild.compile.session import Session
from eltbuild.errors import CompileError, DatabaseError, EltbuildError, InlinedError, Place, Problem, did_you_mean
from eltbuild.jinja.environment import Scope, native_environment
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.literal import expression
from eltbuild.jinja.native import has_jinja
from eltbuild.jinja.template import call, load, render
from eltbuild.jinja.unknown import unanswered
from eltbuild.project.expectation_types import EXPECTATIONS, OWN_CLASSES
from eltbuild.project.resources import Macro, Node, NodeId
from eltbuild.project.suite_parameters import valued
from eltbuild.project.test_names import BUILT_IN
from eltbuild.relation import Relation
from eltbuild.sql.ctes import with_ctes

LANGUAGE_NAMES = frozenset(
    {"ref", "source", "config", "var", "env_var", "execute", "is_incremental", "builtins", "sql", "compiled_code",
     "model", "column_name", "results", "schemas", "database_schemas", "source_node", "node", "connection_name",
     "range", "dict", "lipsum", "cycler", "joiner", "namespace", "loop", "caller", "varargs", "kwargs", "batch"}
)  # fmt: skip


def is_known(name: str) -> bool:
    """Whether templates find that name without any macro of the project's."""
    return name in LANGUAGE_NAMES or name in ON_DEMAND or name in STATIC or name in CALLS or name in BUILTINS


def is_own_macro(name: str) -> bool:
    """Whether that is one of the macros that dbt brings itself."""
    return name in BUILTINS


def known_names() -> frozenset[str]:
    """All names that templates find without any macro of the project's."""
    return LANGUAGE_NAMES | frozenset(ON_DEMAND) | frozenset(STATIC) | frozenset(CALLS) | frozenset(BUILTINS)


class Compiler:
    """Renders nodes of one session. Texts of ephemeral parents are kept for those that need them."""

    def __init__(self, session: Session, introspector: Introspector = BLANK) -> None:
        self.session = session
        self.introspector = introspector
        self._ephemeral: dict[NodeId, Compiled] = {}
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
                raise _asked(explained, macro.project_path) from error
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


def render_node(rendering: Rendering, text: str) -> str:
    """A text rendered in the scope of a node. Raises `TemplateError`; a refused query passes through."""
    return _rendered(rendering, lambda scope, path: str(render(load(text, path=path), scope)))


def render_test(rendering: Rendering, node: Node) -> str:
    """The text of a generic test: what its macro gives for its arguments. Raises as `render_node` does.

    Its template calls the macro, which is done here without Jinja, and then sets its config.
    """
    arguments = test_arguments(rendering, node)
    rendering.extra_names["_dbt_generic_test_kwargs"] = arguments
    name = node.macro_names[0] if node.macro_names else ""
    template, called, rest = node.code.partition(f"{{{{ {name}(**_dbt_generic_test_kwargs) }}}}")
    if called and not template:
        text = _rendered(rendering, lambda scope, path: call(name, arguments, scope, path))
        if text is not None:
            return text + render_node(rendering, rest)
    return render_node(rendering, node.code)


T = TypeVar("T")


def _rendered(rendering: Rendering, made: Callable[[Scope, str], T]) -> T | str:
    """What `made` makes of the names that the node sees, and the path of its file; its errors as told."""
    node = rendering.node
    path = node.project_path if node else "<template>"
    scope = open_scope(rendering)
    try:
        with unanswered(lambda: rendering.lenient or (rendering.introspective and not rendering.live)):
            return made(scope, path)
    except MacroReturn as returned:
        return str(returned.value)
    except DatabaseError as error:
        if error.transient or error.lost:
            raise
        raise _asked(error, node.project_path if node else "") from error
    except TemplateError as error:
        raise with_hint(rendering, error) from error


def _asked(error: DatabaseError, path: str) -> CompileError:
    """A query that the template of that file asked and the warehouse refused."""
    line = getattr(error, "template_line", 0)
    path = getattr(error, "template_path", "") or path
    place = Place(path, line) if path else None
    return CompileError(
        Problem(
            f"a query of the template failed: {error.message}",
            place,
            f"the query was: {error.sql.strip()[:400]}",
        )
    )


_UNDEFINED = re.compile(r"^'([\w.]+)' is undefined$")
_NO_MACRO = re.compile(r"^package `\w+` has no macro `\w+`$")


def with_hint(rendering: Rendering, error: TemplateError) -> TemplateError:
    """Jinja's word on an undefined name, as a sentence with the nearest names there are."""
    match = _UNDEFINED.match(error.message)
    if match is None:
        error.unknown |= _NO_MACRO.match(error.message) is not None
        return error
    told = _unknown(rendering, match[1], error)
    told.unknown = True
    return told


def _unknown(rendering: Rendering, name: str, error: TemplateError) -> TemplateError:
    if rendering.node is not None and rendering.node.test is not None and name.startswith("test_"):
        return _no_such_test(rendering, name.removeprefix("test_"), error)
    names = {
        *known_names(),
        *rendering.session.macros.names(rendering.package),
        *rendering.session.macros.by_package,
    }
    hint = did_you_mean(name, names) or error.hint or "is it of a package that is not installed? try: eltbuild deps"
    return TemplateError(f"`{name}` is not defined", error.line, error.column, hint, error.path)


def _no_such_test(rendering: Rendering, name: str, error: TemplateError) -> TemplateError:
    """A generic test that is applied in YAML and that nothing defines."""
    keys = {*rendering.session.macros.names(rendering.package), *BUILTINS}
    known = {key.removeprefix("test_") for key in keys if key.startswith("test_")} | EXPECTATIONS.keys()
    nodes = rendering.session.project.nodes.values()
    known |= {node.test.name for node in nodes if node.test is not None and node.test.file}
    hint = did_you_mean(name, known)
    if name.startswith("expect_"):
        hint = f"{hint} {OWN_CLASSES}".strip()
    return TemplateError(f"there is no generic test `{name}`", error.line, error.column, hint)


# Generic tests --------------------------------------------------------------------------------------------

_CALL = re.compile(r"^\s*\{\{\s*(.*?)\s*\}\}\s*$", re.S)
_NARROWED = re.compile(r"get_where_subquery\((.*)\)", re.S)
_WHERE = re.compile(r"^\s*get_where_subquery\((.*)\)\s*$", re.S)


def _relation(rendering: Rendering, text: Any) -> Any:
    """The relation that a plain `ref(...)`, `source(...)` or `get_where_subquery(ref(...))` means; None for others."""
    if not isinstance(text, str):
        return None
    braces = _CALL.match(text)
    inner = braces[1] if braces else text
    where = _WHERE.match(inner)
    found = expression(where[1] if where else inner)
    if found is None or found[0] not in ("ref", "source"):
        return None
    from eltbuild.compile.names import RefName, SourceName

    name = RefName(rendering) if found[0] == "ref" else SourceName(rendering)
    relation = name(*found[2], **found[3])
    if where and rendering.node is not None and rendering.node.config.get("where"):
        return BUILTINS["get_where_subquery"](rendering, relation)
    return relation


def direct_test(rendering: Rendering, node: Node) -> str | None:
    """The text of a built-in test without Jinja; None where an argument needs Jinja."""
    assert node.test is not None
    kwargs = dict(node.test.kwargs)
    open_scope(rendering)
    try:
        model = _relation(rendering, kwargs.pop("model", None))
        if model is None:
            return None
        if "to" in kwargs:
            kwargs["to"] = _relation(rendering, kwargs["to"])
            if kwargs["to"] is None:
                return None
        if any(has_jinja(value) for value in kwargs.values() if isinstance(value, str)):
            return None
        column = kwargs.pop("column_name", None) or node.test.column_name
        if any("{{" in str(item) for value in kwargs.values() if isinstance(value, list) for item in value):
            return None
        if "where" in node.config and has_jinja(str(node.config["where"])):
            return None
        return str(BUILTINS[f"test_{node.test.name}"](rendering, model=model, column_name=column, **kwargs))
    except TemplateError as error:
        raise compile_error(error, node) from error
    except TypeError as error:
        raise compile_error(
            TemplateError(f"test `{node.test.name}`: {_words(error)}", hint="see the arguments of the test"),
            node,
        ) from error


def _words(error: TypeError) -> str:
    return re.sub(r"^\w+\(\) ", "", str(error))


_BARE = re.compile(r"^\s*(env_var|ref|var|source|doc)\s*\(.+\)\s*$", re.S)


def test_arguments(rendering: Rendering, node: Node) -> dict[str, Any]:
    """The arguments of a generic test, rendered natively; `column_name` stays as written. Raises `TemplateError`."""
    assert node.test is not None
    open_scope(rendering)
    scope = rendering.scope

    def value_of(value: Any) -> Any:
        if isinstance(value, str):
            if _BARE.match(value):
                value = "{{ " + value + " }}"
            return _argument(value, scope) if has_jinja(value) else value
        if isinstance(value, Mapping):
            return {key: value_of(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [value_of(item) for item in value]
        return value

    out = {key: value if key == "column_name" else value_of(value) for key, value in node.test.kwargs.items()}
    if node.test.column_name is not None:
        out.setdefault("column_name", node.test.column_name)
    return out


def _argument(text: str, scope: Scope) -> Any:
    """One argument that holds Jinja; that of the tested rows, which every test has, is read without it."""
    braces = _CALL.match(text)
    narrowed = _WHERE.match(braces[1]) if braces else None
    if narrowed is None or expression(narrowed[1]) is None:
        return render(load(text, native_environment()), scope)
    relation = render(load("{{ " + narrowed[1] + " }}", native_environment()), scope)
    return scope["get_where_subquery"](relation)


test_arguments.__test__ = False  # type: ignore[attr-defined]

__all__ = ["Compiler", "compile_error", "is_known", "known_names", "problem_of", "render_node"]
