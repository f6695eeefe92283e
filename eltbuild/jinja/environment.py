"""The Jinja environments: sandboxed, bounded, with the block tags of a SQL project."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from itertools import chain, islice
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any, cast

import jinja2
from jinja2 import nodes
from jinja2.compiler import CodeGenerator, optimizeconst
from jinja2.lexer import TokenStream
from jinja2.nativetypes import NativeCodeGenerator
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment, SandboxedFormatter
from jinja2.utils import Namespace, missing

from eltbuild.jinja import bounds
from eltbuild.jinja.bounds import (
    BUILTIN,
    COMPARING,
    LEAVES,
    bounded,
    bounded_test,
    check_binop,
    check_call,
    size_of,
    weighed,
)
from eltbuild.jinja.clock import NOTED, current, tick, ticking
from eltbuild.jinja.lexer import token_stream
from eltbuild.jinja.parser import MACRO_PREFIX, BlockParser, MacroFileParser
from eltbuild.jinja.sandbox import OwnDict, SharedDict, SharedList, may_read
from eltbuild.jinja.tree import Ticks
from eltbuild.jinja.unknown import Unknown

__all__ = ["MACRO_PREFIX", "Scope", "macro_environment", "native_environment", "text_environment"]


def _visit_concat(code: CodeGenerator, node: nodes.Concat, frame: Any) -> None:
    """`a ~ b` asks the environment."""
    code.write("environment.joined((")
    for part in node.nodes:
        code.visit(part, frame)
        code.write(", ")
    code.write("))")


def _visit_weighed(code: CodeGenerator, node: nodes.Node, frame: Any) -> None:
    """An expression whose value is going to be looked into."""
    if isinstance(node, nodes.Const):
        code.visit(node, frame)
        return
    code.write("environment.weighed(")
    code.visit(node, frame)
    code.write(")")


@optimizeconst
def _visit_compare(code: CodeGenerator, node: nodes.Compare, frame: Any) -> None:
    code.write("(")
    _visit_weighed(code, node.expr, frame)
    for operand in node.ops:
        code.write(f" {_OPERATORS[operand.op]} ")
        _visit_weighed(code, operand.expr, frame)
    code.write(")")


_OPERATORS = {
    "eq": "==", "ne": "!=", "gt": ">", "gteq": ">=", "lt": "<", "lteq": "<=", "in": "in", "notin": "not in",
}  # fmt: skip


def _visit_dict(code: CodeGenerator, node: nodes.Dict, frame: Any) -> None:
    """A mapping, whose keys are hashed."""
    code.write("{")
    for item in node.items:
        _visit_weighed(code, item.key, frame)
        code.write(": ")
        code.visit(item.value, frame)
        code.write(", ")
    code.write("}")


def _visit_statement(code: CodeGenerator, node: nodes.ExprStmt, frame: Any) -> None:
    """An expression by itself; a tick goes to the clock without a detour."""
    code.newline(node)
    if isinstance(node.node, nodes.Const) and isinstance(node.node.value, Ticks):
        code.write(f"environment.tick({int(node.node.value)})")
    else:
        code.visit(node.node, frame)


class BoundedCode(CodeGenerator):
    """Jinja's code, in which operations that can make much of little ask the environment first."""

    visit_Concat = _visit_concat
    visit_Compare = _visit_compare
    visit_Dict = _visit_dict
    visit_ExprStmt = _visit_statement


class BoundedNativeCode(NativeCodeGenerator):
    """The same for values that keep their type."""

    visit_Concat = _visit_concat
    visit_Compare = _visit_compare
    visit_Dict = _visit_dict
    visit_ExprStmt = _visit_statement


class BoundedFormatter(SandboxedFormatter):
    """`'{}'.format(...)`, counted field by field."""

    total = 0

    def format_field(self, value: Any, format_spec: str) -> Any:
        """One field. Raises `RenderLimitError`."""
        clock = current()
        bounds.check_spec(format_spec, clock)
        bounds.check_weight("format", value, clock)
        text = super().format_field(value, format_spec)
        self.total += len(text)
        if self.total > clock.limits.size:
            raise bounds.refused("format", clock)
        return text

    def convert_field(self, value: Any, conversion: Any) -> Any:
        """A field with `!r` or `!s`. Raises `RenderLimitError`."""
        bounds.check_weight("format", value, current())
        return super().convert_field(value, conversion)


OWN_METHODS: Mapping[type, frozenset[str]] = {
    kind: frozenset(name for name in dir(kind) if not name.startswith("_")) - {"format", "format_map"}
    for kind in (str, list, dict, tuple)
}
"""Methods that a template may have of Python's own types, without more ado: those of their subclasses are looked at."""

_NOTES = frozenset({"passes_on"})
REMEMBERED = 4096
"""Names of attributes of which is remembered whether a template may have them."""


MEMBERS: Mapping[type, frozenset[str]] = {kind: frozenset(dir(kind)) for kind in (dict, SharedDict, OwnDict)}
"""The attributes of mappings; by any other name a template means what lies in them."""
REMEMBERING = frozenset({"eltbuild.project.yaml"})
"""Modules whose mappings and lists know where they stood in a file; templates see nothing but their items."""


def is_plainly_called(called: Any) -> bool:
    """Whether Jinja has nothing to say on a call: no mark on the function asks for a context, or forbids it."""
    kind: Any = type(called)
    if kind is FunctionType:
        return not called.__dict__ or called.__dict__.keys() <= _NOTES
    if kind is MethodType:
        return type(called.__func__) is FunctionType and not called.__func__.__dict__
    if kind is partial:
        return not called.__dict__ and is_plainly_called(called.func)
    if kind is type:
        return called in _MADE_PLAINLY
    return kind is BUILTIN or _without_marks(kind)


_MADE_PLAINLY = frozenset({dict, Namespace})
"""Types that templates call to make something."""
_MARKS = ("jinja_pass_arg", "unsafe_callable", "alters_data", "__getattr__", "__getattribute__")


@lru_cache(maxsize=4096)
def _without_marks(kind: Any) -> bool:
    """Whether the objects of a type of ours are called by a function without marks, and have none themselves."""
    if getattr(kind, "is_macro", False) is True:
        return True
    call = getattr(kind, "__call__", None)  # noqa: B004
    if not kind.__module__.startswith("eltbuild.") or type(call) is not FunctionType or call.__dict__:
        return False
    return not any(mark in base.__dict__ for base in kind.__mro__[:-1] for mark in _MARKS)


@lru_cache(maxsize=4096)
def _holds_macros(kind: Any) -> bool:
    """Whether such an object is a namespace of macros."""
    return getattr(kind, "holds_macros", False) is True


class ScopeContext(Context):
    """The names that a template sees, of which its scope is asked once."""

    def resolve_or_missing(self, key: str) -> Any:
        """The value of a name, or Jinja's `missing`."""
        if key in self.vars:
            return self.vars[key]
        if type(self.parent) is Scope:
            return self.parent.resolve(key)
        return super().resolve_or_missing(key)


class TemplateEnvironment(SandboxedEnvironment):
    """Text rendering: the sandbox, with a bound on what each operation may make."""

    context_class = ScopeContext
    intercepted_binops = frozenset({"*", "**", "+", "%"})
    code_generator_class: type[CodeGenerator] = BoundedCode
    parser_class: type[BlockParser] = BlockParser
    tick = staticmethod(tick)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.safe: dict[tuple[type, str], bool] = {}
        """Whether a template may have the attribute of that name of objects of that type, where it was asked for."""

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return self.parser_class(self, source, name, filename).parse()

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        if state is not None:
            return super()._tokenize(source, name, filename, state)
        return token_stream(self.lexer, source, name, filename)

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """What a template or a part of it has written."""
        return bounds.output(parts, current())

    @staticmethod
    def weighed(value: Any) -> Any:
        """A value that is going to be printed, compared or looked up."""
        return value if type(value) in LEAVES else weighed(value)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Whether a template may have it: nothing internal, nothing of types that are not open to templates."""
        kind = type(obj)
        if issubclass(kind, type):
            return super().is_safe_attribute(obj, attr, value) and may_read(obj, attr)
        safe = self.safe.get((kind, attr))
        if safe is None:
            # Of what is no type itself, the type decides.
            safe = super().is_safe_attribute(obj, attr, value) and may_read(obj, attr)
            if len(self.safe) >= REMEMBERED:
                self.safe.clear()
            self.safe[kind, attr] = safe
        return safe

    def unsafe_undefined(self, obj: Any, attribute: str) -> jinja2.Undefined:
        """What stands for an attribute that is closed; using it is an error."""
        if isinstance(obj, (SharedDict, SharedList)):
            hint = f"`{attribute}` would change what all templates see: copy it first"
            return self.undefined(hint, name=attribute, obj=obj, exc=jinja2.exceptions.SecurityError)
        return super().unsafe_undefined(obj, attribute)

    def wrap_str_format(self, value: Any) -> Any:
        """`format` and `format_map` of texts, with the sandbox and the bounds in them."""
        kind = type(value)
        if kind is not BuiltinMethodType and kind is not MethodType:
            return None
        own = getattr(value, "__self__", None)
        if not isinstance(own, str) or super().wrap_str_format(value) is None:
            return None
        mapped = value.__name__ == "format_map"

        def formatted(*args: Any, **named: Any) -> str:
            formatter = BoundedFormatter(self)
            if mapped:
                return formatter.vformat(own, (), *args, **named)
            return formatter.vformat(own, args, named)

        return formatted

    def getattr(self, obj: Any, attribute: str) -> Any:
        """An attribute; of a namespace of macros, the macro of that name, whatever it begins with."""
        kind: Any = type(obj)
        if kind in OWN_METHODS and attribute in OWN_METHODS[kind]:
            return getattr(obj, attribute)
        if kind in MEMBERS and attribute not in MEMBERS[kind]:
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        if _holds_macros(kind):
            try:
                return obj[attribute]
            except KeyError:
                if attribute != "get":
                    return self.undefined(obj.missing(attribute), obj=obj, name=attribute)
                return obj.get
        if kind.__module__ in REMEMBERING and not hasattr(dict if isinstance(obj, dict) else list, attribute):
            is_item = isinstance(obj, dict) and attribute in obj
            return obj[attribute] if is_item else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """An item, or an attribute of that name."""
        if type(obj).__module__ in REMEMBERING and isinstance(argument, str):
            return obj[argument] if isinstance(obj, dict) and argument in obj else self.getattr(obj, argument)
        return super().getitem(obj, argument if type(argument) in LEAVES else weighed(argument))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """An operator, refused where the result would fill the memory."""
        clock = current()
        clock.step()
        check_binop(operator, left, right, clock)
        result = super().call_binop(context, operator, left, right)
        clock.made(size_of(result))
        return result

    def call(self, context: Any, called: Any, *args: Any, **named: Any) -> Any:
        """A call, refused where the result would fill the memory."""
        clock = current()
        clock.step()
        given = check_call(called, args, named, clock)
        if is_plainly_called(called):
            if named:
                named.pop("_loop_vars", None)
                named.pop("_block_vars", None)
            try:
                result = called(*given, **named)
            except StopIteration:
                result = self.undefined("a function that was called had nothing more to give")
        else:
            result = super().call(context, called, *given, **named)
        size = size_of(result)
        if size > clock.limits.size and type(result) is str:
            raise bounds.refused(getattr(called, "__name__", "call"), clock)
        if size >= NOTED:
            clock.made(size)
        return result

    def joined(self, parts: tuple[Any, ...]) -> str:
        """What `~` makes."""
        clock = current()
        clock.step()
        text = bounds.joined(parts, clock)
        clock.made(len(text))
        return text


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
        return bounds.output((str(value) for value in ticking(chain(head, iterator))), current())
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
    concat = staticmethod(_native_concat)  # type: ignore[assignment]


def _identity(value: Any) -> Any:
    return value


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _furnish(environment: TemplateEnvironment, native: bool) -> TemplateEnvironment:
    for name in ("text", "bool", "native", "number"):
        environment.filters[f"as_{name}"] = _marker(name) if native else _identity
    environment.filters["is_list"] = _is_list
    environment.tests["list"] = _is_list
    for name, filter in environment.filters.items():
        environment.filters[name] = bounded(name, filter)
    for name in COMPARING:
        environment.tests[name] = bounded_test(name, cast(Any, environment.tests[name]))
    environment.finalize = environment.weighed
    environment.globals["lipsum"] = _short_lipsum
    return environment


def _short_lipsum(n: int = 5, html: bool = True, min: int = 20, max: int = 100) -> str:
    from jinja2.utils import generate_lorem_ipsum

    return generate_lorem_ipsum(
        n=0 if n < 0 else (n if n < 100 else 100), html=html, min=min, max=max if max < 1000 else 1000
    )


_SETTINGS: Mapping[str, Any] = {
    "extensions": ["jinja2.ext.do", "jinja2.ext.loopcontrols"],
    "undefined": Unknown,
    "cache_size": 0,
    # What Jinja would fold into constants, most templates evaluate once: looking for it takes longer.
    "optimized": False,
}


@lru_cache(maxsize=1)
def text_environment() -> TemplateEnvironment:
    """The environment of models, tests and hooks; safe to use from several threads."""
    return _furnish(TemplateEnvironment(**_SETTINGS), native=False)


@lru_cache(maxsize=1)
def macro_environment() -> TemplateEnvironment:
    """The environment of macro files."""
    return _furnish(MacroFileEnvironment(**_SETTINGS), native=False)


@lru_cache(maxsize=1)
def native_environment() -> TemplateEnvironment:
    """The environment of values in YAML."""
    return _furnish(NativeTemplateEnvironment(**_SETTINGS), native=True)


class Scope(dict[str, Any]):
    """The names a rendering sees: a dict that asks `missing` for names that it does not hold, once each."""

    __slots__ = ("absent", "find")

    def __init__(self, names: dict[str, Any], find: Callable[[str], Any] | None = None) -> None:
        super().__init__(names)
        self.find = find
        self.absent: set[str] = set()
        """Names that were looked for in vain."""

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
        if value is missing and self.find is not None and key not in self.absent:
            value = self.find(key)
            if value is missing:
                self.absent.add(key)
            else:
                self[key] = value
        return value
