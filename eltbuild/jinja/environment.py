"""The Jinja environments: sandboxed, bounded, with the block tags of a SQL project."""

from __future__ import annotations

import time
from ast import literal_eval
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain, islice
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.compiler import CodeGenerator
from jinja2.nativetypes import NativeCodeGenerator
from jinja2.parser import Parser
from jinja2.sandbox import SandboxedEnvironment
from jinja2.utils import missing

from eltbuild.jinja.bounds import FILTERS, bounded, check_binop, check_call, joined
from eltbuild.jinja.errors import RenderLimitError

MACRO_PREFIX = "macro__"
"""Put before the names of macros in a macro file, so that a call inside the file is looked up like any other."""

TICK = "__tick"
"""The name that loop bodies call, so that an endless loop ends."""

RENDER_SECONDS = 60.0
RENDER_TICKS = 2_000_000


class Clock:
    """Counts the steps of one rendering and ends it when it has run for too long.

    Time that the warehouse takes does not count: whoever waits for it calls `pause`.
    """

    __slots__ = ("_deadline", "_limit", "_ticks")

    def __init__(self, seconds: float = RENDER_SECONDS, limit: int = RENDER_TICKS) -> None:
        self._deadline = time.monotonic() + seconds
        self._limit = limit
        self._ticks = 0

    def __call__(self) -> str:
        self._ticks += 1
        if self._ticks & 0x3FF == 0:
            if self._ticks > self._limit:
                raise RenderLimitError(f"the template was stopped after {self._ticks:,} steps of its loops")
            if time.monotonic() > self._deadline:
                raise RenderLimitError("the template was stopped: it ran for longer than a minute")
        return ""

    def pause(self, seconds: float) -> None:
        """Add time that somebody else took."""
        self._deadline += seconds


class BlockParser(Parser):
    """Jinja's parser, plus typed macro parameters, the block tags of a project, and a tick in each loop."""

    prefix = ""

    def parse_for(self) -> nodes.For:
        """A loop whose body begins with a tick."""
        node = super().parse_for()
        call = nodes.Call(nodes.Name(TICK, "load"), [], [], None, None)
        tick = nodes.ExprStmt(call).set_lineno(node.lineno)
        node.body = [tick, *node.body]
        return node

    def parse_macro(self) -> nodes.Macro:
        """`{% macro name(arg: type = default) %}`; the types are read and left aside."""
        node = nodes.Macro(lineno=next(self.stream).lineno)
        node.name = self.prefix + self.parse_assign_target(name_only=True).name
        self.parse_signature(node)
        node.body = self.parse_statements(("name:endmacro",), drop_needle=True)
        return node

    def parse_signature(self, node: Any) -> None:
        """The parameters of a macro, with optional types such as `Dict[str, int]`."""
        args = node.args = []
        defaults = node.defaults = []
        self.stream.expect("lparen")
        while self.stream.current.type != "rparen":
            if args:
                self.stream.expect("comma")
                if self.stream.current.type == "rparen":
                    break
            arg = self.parse_assign_target(name_only=True)
            arg.set_ctx("param")
            if self.stream.skip_if("colon"):
                self._skip_type()
            if self.stream.skip_if("assign"):
                defaults.append(self.parse_expression())
            elif defaults:
                self.fail("non-default argument follows default argument")
            args.append(arg)
        self.stream.expect("rparen")

    def _skip_type(self) -> None:
        self.stream.expect("name")
        if self.stream.skip_if("lbracket"):
            depth = 1
            while depth:
                kind = next(self.stream).type
                depth += (kind == "lbracket") - (kind == "rbracket")
                if kind == "eof":
                    self.fail("the type of a macro argument is not closed")

    def parse_test_block(self) -> nodes.Macro:
        """`{% test name(model, column_name) %}`: a macro named `test_<name>`."""
        node = nodes.Macro(lineno=next(self.stream).lineno)
        node.name = self.prefix + "test_" + self.parse_assign_target(name_only=True).name
        self.parse_signature(node)
        node.body = self.parse_statements(("name:endtest", "name:enddata_test"), drop_needle=True)
        return node

    def parse_materialization(self) -> nodes.Macro:
        """`{% materialization name, adapter='x' %}`: a macro named `materialization_<name>_<adapter>`."""
        node = nodes.Macro(lineno=next(self.stream).lineno)
        name = self.parse_assign_target(name_only=True).name
        adapter = "default"
        node.args = []
        node.defaults = []
        while self.stream.skip_if("comma"):
            target = self.parse_assign_target(name_only=True)
            if target.name == "default":
                adapter = "default"
                continue
            self.stream.expect("assign")
            value = self.parse_expression()
            if target.name == "adapter":
                if not isinstance(value, nodes.Const):
                    self.fail("the adapter of a materialization must be a string")
                adapter = str(value.value)
            elif target.name != "supported_languages":
                self.fail(f"a materialization has no argument `{target.name}`")
        node.name = f"{self.prefix}materialization_{name}_{adapter}"
        node.body = self.parse_statements(("name:endmaterialization",), drop_needle=True)
        return node

    def parse_statement(self) -> nodes.Node | list[nodes.Node]:
        """Also the tags that Jinja does not know."""
        token = self.stream.current
        handler = BLOCK_TAGS.get(token.value) if token.type == "name" else None
        if handler is None:
            return super().parse_statement()
        self._tag_stack.append(token.value)
        try:
            node: nodes.Macro = handler(self)
            return node
        finally:
            self._tag_stack.pop()


BLOCK_TAGS: dict[str, Callable[[BlockParser], nodes.Macro]] = {
    "test": BlockParser.parse_test_block,
    "data_test": BlockParser.parse_test_block,
    "materialization": BlockParser.parse_materialization,
}


class MacroFileParser(BlockParser):
    """For files of macros: names get a prefix."""

    prefix = MACRO_PREFIX


class BoundedCode(CodeGenerator):
    """Jinja's code, in which `~` asks the environment."""

    def visit_Concat(self, node: nodes.Concat, frame: Any) -> None:
        """`a ~ b`."""
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class BoundedNativeCode(NativeCodeGenerator):
    """The same for values that keep their type."""

    visit_Concat = BoundedCode.visit_Concat


class TemplateEnvironment(SandboxedEnvironment):
    """Text rendering: the sandbox, with a bound on what each operation may make."""

    intercepted_binops = frozenset({"*", "**", "+", "%"})
    code_generator_class: type[CodeGenerator] = BoundedCode
    parser_class: type[BlockParser] = BlockParser

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return self.parser_class(self, source, name, filename).parse()

    def getattr(self, obj: Any, attribute: str) -> Any:
        """An attribute; of a namespace of macros, the macro of that name, whatever it begins with."""
        if getattr(type(obj), "holds_macros", False):
            try:
                return obj[attribute]
            except KeyError:
                if attribute != "get":
                    return self.undefined(obj.missing(attribute), obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """An operator, refused where the result would fill the memory."""
        check_binop(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def call(self, context: Any, called: Any, *args: Any, **named: Any) -> Any:
        """A call, refused where the result would fill the memory."""
        check_call(called, args, named)
        return super().call(context, called, *args, **named)

    def joined(self, parts: tuple[Any, ...]) -> str:
        """What `~` makes."""
        return joined(parts)


class MacroFileEnvironment(TemplateEnvironment):
    """The environment of macro files."""

    parser_class = MacroFileParser


class _Marked(str):
    """Text that asks to be read as a Python literal."""

    wanted: str
    __slots__ = ("wanted",)


def _marker(wanted: str) -> Callable[[Any], Any]:
    def mark(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        marked = _Marked(value)
        marked.wanted = wanted
        return marked

    return mark


def _native_concat(values: Iterable[Any]) -> Any:
    """One value stays what it is; several become text. Marked text is read as a Python literal."""
    iterator: Iterator[Any] = iter(values)
    head = list(islice(iterator, 2))
    if not head:
        return ""
    if len(head) > 1:
        return "".join(str(value) for value in chain(head, iterator))
    value = head[0]
    if isinstance(value, jinja2.Undefined):
        return str(value)
    if not isinstance(value, _Marked):
        return value
    if value.wanted == "text":
        return str(value)
    try:
        result = literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, TypeError, RecursionError):
        result = str(value)
    numeric = isinstance(result, (int, float)) and not isinstance(result, bool)
    if (value.wanted == "bool" and not isinstance(result, bool)) or (value.wanted == "number" and not numeric):
        raise jinja2.exceptions.TemplateRuntimeError(f"could not convert {str(value)!r} to {value.wanted}")
    return result


class NativeTemplateEnvironment(TemplateEnvironment):
    """Rendering of YAML values: a single expression keeps its type."""

    code_generator_class = BoundedNativeCode
    concat = staticmethod(_native_concat)


def _identity(value: Any) -> Any:
    return value


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _furnish(environment: TemplateEnvironment, native: bool) -> TemplateEnvironment:
    for name in ("text", "bool", "native", "number"):
        environment.filters[f"as_{name}"] = _marker(name) if native else _identity
    for name in FILTERS:
        environment.filters[name] = bounded(name, environment.filters[name])
    environment.filters["is_list"] = _is_list
    environment.tests["list"] = _is_list
    environment.globals[TICK] = Clock()
    environment.globals["lipsum"] = _short_lipsum
    return environment


def _short_lipsum(n: int = 5, html: bool = True, min: int = 20, max: int = 100) -> str:
    from jinja2.utils import generate_lorem_ipsum

    return generate_lorem_ipsum(
        n=0 if n < 0 else (n if n < 100 else 100), html=html, min=min, max=max if max < 1000 else 1000
    )


_EXTENSIONS = ["jinja2.ext.do", "jinja2.ext.loopcontrols"]


@lru_cache(maxsize=1)
def text_environment() -> TemplateEnvironment:
    """The environment of models, tests and hooks; safe to use from several threads."""
    return _furnish(TemplateEnvironment(extensions=_EXTENSIONS, cache_size=0), native=False)


@lru_cache(maxsize=1)
def macro_environment() -> TemplateEnvironment:
    """The environment of macro files."""
    return _furnish(MacroFileEnvironment(extensions=_EXTENSIONS, cache_size=0), native=False)


@lru_cache(maxsize=1)
def native_environment() -> TemplateEnvironment:
    """The environment of values in YAML."""
    return _furnish(NativeTemplateEnvironment(extensions=_EXTENSIONS, cache_size=0), native=True)


class Scope(dict[str, Any]):
    """The names a rendering sees: a dict that asks `missing` for names that it does not hold, once each."""

    __slots__ = ("find",)

    def __init__(self, names: dict[str, Any], find: Callable[[str], Any] | None = None) -> None:
        super().__init__(names)
        self.find = find

    def __contains__(self, key: object) -> bool:
        return self.resolve(str(key)) is not missing

    def __getitem__(self, key: str) -> Any:
        value = self.resolve(key)
        if value is missing:
            raise KeyError(key)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a name, found or held; else the default."""
        value = self.resolve(key)
        return default if value is missing else value

    def resolve(self, key: str) -> Any:
        """The value of a name, or Jinja's `missing`."""
        value = dict.get(self, key, missing)
        if value is missing and self.find is not None:
            value = self.find(key)
            if value is not missing:
                self[key] = value
        return value
