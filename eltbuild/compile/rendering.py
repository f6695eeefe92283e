"""One rendering of one node: the scope its template sees, and what the template did there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from jinja2.utils import missing as NOTHING

from eltbuild.compile.introspect import Introspector
from eltbuild.compile.session import Session
from eltbuild.errors import Problem
from eltbuild.jinja.clock import is_running, running
from eltbuild.jinja.environment import Scope, macro_environment
from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.template import compile_template, position
from eltbuild.project.resources import Macro, Node, NodeId, Ref, SourceRef
from eltbuild.relation import Relation
from eltbuild.values import dataclass, field


class MacroReturn(Exception):
    """How `return(value)` leaves a macro."""

    def __init__(self, value: Any) -> None:
        super().__init__("return() was called outside of a macro")
        self.value = value


@dataclass(frozen=True, slots=True)
class GivenRows:
    """Rows that stand for a relation: the name of a CTE as SQL spells it, and the query that gives them."""

    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Assumed:
    """What a rendering takes for true in place of what is, as a unit test asks for.

    With it, every relation that the template names must be among `rows`; that of the node itself is its `this`.
    """

    rows: Mapping[NodeId, GivenRows] = field(default_factory=dict)
    macros: Mapping[str, Any] = field(default_factory=dict)
    """What calls of macros give, by name: `is_incremental`, `package.macro`, `dbt.macro`."""
    vars: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


class Rendering:
    """What one rendering has seen and asked for. Lives as long as the rendering; never leaves this room."""

    def __init__(self, session: Session, node: Node | None, introspector: Introspector, package: str = "") -> None:
        self.session = session
        self.node = node
        self.introspector = introspector
        self.package = package or (node.package if node else session.project.settings.name)
        self.scope: Scope = Scope({})
        self.refs: list[Ref] = []
        self.sources: list[SourceRef] = []
        self.functions: list[Ref] = []
        self.config: dict[str, Any] = {}
        self.ctes: list[NodeId] = []
        self.macros: dict[str, None] = {}
        """Ids of the macros that the text itself has called; those that they call in turn are not among them."""
        self.results: dict[str, Any] = {}
        self.problems: list[Problem] = []
        self.introspective = False
        self.lenient = False
        """Whether names that are not there may be called and looked into, so that what follows them is seen."""
        self.modules: dict[str, Any] = {}
        self.batch: tuple[datetime, datetime] | None = None
        self.assumed: Assumed | None = None
        self.places: Mapping[NodeId, Relation] = {}
        """Where the rows of nodes stand for now, in place of the relations that are theirs."""
        self.depth = 0
        self.running: list[str] = []
        """The packages of the macros that are running, the innermost last."""
        self.active: set[str] = set()
        """Ids of the macros that are running, so that an override can call what it overrides."""
        self.extra_names: dict[str, Any] = {}
        self.statements: list[tuple[str, str]] = []

    @property
    def settling(self) -> bool:
        """Whether names are not known yet."""
        return self.session.phase == "settle"

    @property
    def live(self) -> bool:
        """Whether the warehouse answers."""
        return self.introspector.live

    def ask(self) -> Introspector:
        """The introspector, noting that the text depends on what it says."""
        self.introspective = True
        return self.introspector

    def stranger(self) -> str | None:
        """The package that has a say in what is rendered now; None where it is the project alone."""
        root = self.session.macros.root
        return next((package for package in (*reversed(self.running), self.package) if package != root), None)

    def macro(self, macro: Macro) -> BoundMacro:
        """The macro, ready to be called in this rendering."""
        return BoundMacro(self, macro)


class BoundMacro:
    """A macro of a file, called with the names of the template that calls it."""

    __slots__ = ("macro", "rendering")
    is_macro = True

    def __init__(self, rendering: Rendering, macro: Macro) -> None:
        self.rendering = rendering
        self.macro = macro

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        rendering = self.rendering
        function = rendering.modules.get(self.macro.id)
        if function is None:
            function = rendering.modules[self.macro.id] = load_macro(self.macro, rendering.scope)
        if not rendering.depth:
            rendering.macros.setdefault(self.macro.id)
        rendering.depth += 1
        if rendering.depth > 150:
            rendering.depth = 0
            raise TemplateError(f"macro `{self.macro.name}` calls itself without end")
        outermost = self.macro.id not in rendering.active
        rendering.active.add(self.macro.id)
        rendering.running.append(self.macro.package)
        try:
            if is_running():
                return function(*args, **kwargs)
            with running():
                return function(*args, **kwargs)
        except MacroReturn as returned:
            return returned.value
        except TypeError as error:
            if position(error.__traceback__)[0] == 0:
                raise TemplateError(f"macro `{self.macro.name}`: {_arguments(str(error))}") from None
            raise
        finally:
            rendering.running.pop()
            rendering.depth = max(rendering.depth - 1, 0)
            if outermost:
                rendering.active.discard(self.macro.id)

    def call_macro(self, *args: Any, **kwargs: Any) -> Any:
        """The same, by the name that packages call when they wrap a materialization."""
        return self(*args, **kwargs)

    def __str__(self) -> str:
        return f"<macro {self.macro.package}.{self.macro.name}>"


class BoundBuiltin:
    """A built-in macro, called with the names of the template that calls it."""

    __slots__ = ("function", "name", "rendering")

    def __init__(self, rendering: Rendering, name: str, function: Callable[..., Any]) -> None:
        self.rendering = rendering
        self.name = name
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        rendering = self.rendering
        outermost = not rendering.depth
        if outermost:
            rendering.macros.setdefault(f"macro.dbt.{self.name}")
            rendering.depth = 1
        try:
            return self.function(rendering, *args, **kwargs)
        except MacroReturn as returned:  # of its `{% call %}` block, which is part of this macro's run
            return returned.value
        finally:
            if outermost:
                rendering.depth = 0

    def call_macro(self, *args: Any, **kwargs: Any) -> Any:
        """The same, by the name that packages call when they wrap a materialization."""
        return self(*args, **kwargs)


def _arguments(message: str) -> str:
    """Python's word on wrong arguments without the internal name of the macro."""
    from eltbuild.jinja.environment import MACRO_PREFIX

    return message.replace(MACRO_PREFIX, "")


def load_macro(macro: Macro, scope: Scope) -> Callable[..., Any]:
    """The macro as a function over the names of a scope. Raises `TemplateError` with the line in its file."""
    from eltbuild.jinja.environment import MACRO_PREFIX

    path = f"{macro.root}/{macro.original_path}" if macro.root else macro.original_path
    template = compile_template("\n" * (macro.line - 1) + macro.text, macro_environment(), path)
    context = template.new_context(scope, shared=True)
    for _ in template.root_render_func(context):
        pass
    function: Callable[..., Any] = context.vars[f"{MACRO_PREFIX}{macro.key}"]
    return function


class Namespace:
    """The macros of one package: `dbt_utils.star(...)`."""

    __slots__ = ("_find", "_found", "_name")
    holds_macros = True

    def __init__(self, name: str, find: Callable[[str], Any]) -> None:
        self._name = name
        self._find = find
        self._found: dict[str, Any] = {}

    def missing(self, name: str) -> str:
        """What to say of a macro that is not there."""
        return f"package `{self._name}` has no macro `{name}`"

    def __getitem__(self, name: str) -> Any:
        found = self._found.get(name)
        if found is None:
            found = self._find(name)
            if found is NOTHING:
                raise KeyError(name)
            self._found[name] = found
        return found

    def get(self, name: str, default: Any = None) -> Any:
        """The macro of that name, or the default."""
        found = self._find(name)
        return default if found is NOTHING else found

    def __contains__(self, name: object) -> bool:
        return self._find(str(name)) is not NOTHING

    def __str__(self) -> str:
        return f"<package {self._name}>"
