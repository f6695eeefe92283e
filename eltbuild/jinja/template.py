"""Templates: loaded once by their text, rendered against a scope of names. Knows nothing of projects."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from traceback import walk_tb
from types import TracebackType
from typing import Any

import jinja2
from jinja2.utils import missing

from eltbuild.jinja.clock import running
from eltbuild.jinja.environment import Scope, TemplateEnvironment, native_environment, text_environment
from eltbuild.jinja.errors import RenderLimitError, TemplateError
from eltbuild.jinja.literal import Piece, check_size, pieces
from eltbuild.jinja.unknown import never, unanswered
from eltbuild.jinja.wording import plainly
from eltbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Template:
    """A template ready to render: literal pieces where that is all there is, else compiled by Jinja."""

    text: str
    path: str
    environment: TemplateEnvironment
    pieces: tuple[str | Piece, ...] | None
    code: jinja2.Template | None


def load(text: str, environment: TemplateEnvironment | None = None, path: str = "<template>") -> Template:
    """The template of a text. Raises `TemplateError` where Jinja cannot read it."""
    environment = environment or text_environment()
    if environment is text_environment():
        simple = pieces(text)
        if simple is not None:
            return Template(text, path, environment, simple, None)
    elif environment is native_environment():
        simple = pieces(text)
        if simple is not None and len(simple) == 1 and isinstance(simple[0], Piece):
            return Template(text, path, environment, simple, None)
    return Template(text, path, environment, None, compile_template(text, environment, path))


def compile_template(text: str, environment: TemplateEnvironment, path: str) -> jinja2.Template:
    """Jinja's own template of a text, kept for the next time. Raises `TemplateError`."""
    check_size(text)
    try:
        return _compile(text, environment, path)
    except jinja2.TemplateSyntaxError as error:
        raise syntax_error(error, text) from None
    except (RecursionError, MemoryError):
        # The Python compiler calls it a lack of memory.
        raise TemplateError("the template is nested too deeply") from None
    except (ValueError, TypeError, OverflowError, SyntaxError, IndexError) as error:
        # Jinja and the Python compiler let some broken literals through to here.
        raise TemplateError(f"the template cannot be compiled: {error}") from None


@lru_cache(maxsize=8192)
def _compile(text: str, environment: TemplateEnvironment, path: str) -> jinja2.Template:
    # What Jinja evaluates while it compiles stays in the code, and must not depend on when that was.
    with unanswered(never):
        code = environment.compile(text, name=path, filename=path)
    return environment.template_class.from_code(environment, code, {})


def syntax_error(error: jinja2.TemplateSyntaxError, text: str) -> TemplateError:
    """Jinja's complaint with a position and a hint."""
    message = error.message or "syntax error"
    line = error.lineno or 0
    rows = text.split("\n")
    row = rows[line - 1] if 0 < line <= len(rows) else ""
    quoted = re.search(r"'([^']+)'", message)
    column = row.find(quoted[1]) + 1 if quoted else 0
    return TemplateError(message, line, column or (len(row) - len(row.lstrip()) + 1 if row else 0), _hint(message))


def _hint(message: str) -> str:
    unknown = re.search(r"unknown tag '(\w+)'", message)
    if unknown:
        from eltbuild.errors import did_you_mean

        return did_you_mean(
            unknown[1], ("if", "for", "set", "macro", "call", "filter", "do", "endif", "endfor", "endmacro")
        )
    if "end of template" in message or "unexpected end" in message:
        return "a tag or an expression is not closed"
    return ""


def scope_of(names: Mapping[str, Any]) -> Scope:
    """The names as a scope, with Jinja's own globals behind them."""
    if isinstance(names, Scope):
        return names
    return Scope({**text_environment().globals, **names})


def render(template: Template, names: Mapping[str, Any]) -> Any:
    """The text that a template gives (with the native environment: the value).

    Raises `TemplateError` with the line of the template, or of the macro file, where it happened. Exceptions that
    are errors of eltbuild's own (from functions called in the template) pass through with that position noted as
    `template_line` and `template_path`.
    """
    scope = scope_of(names)
    if template.pieces is not None:
        values = _values(template.pieces, scope)
        if values is not None:
            return values[0] if template.environment is native_environment() else "".join(map(str, values))
    code = template.code or compile_template(template.text, template.environment, template.path)
    context = code.new_context(scope, shared=True)
    try:
        with running():
            return template.environment.concat(code.root_render_func(context))
    except Exception as error:
        raise explain(error, template.path) from error


def call(name: str, arguments: Mapping[str, Any], scope: Scope, path: str = "<template>") -> str | None:
    """The text of `{{ name(**arguments) }}`, without a template; None where the scope has no such name.

    The name may have dots in it. Raises what `render` does, and has its bounds.
    """
    environment = text_environment()
    head, *rest = name.split(".")
    called = scope.resolve(head)
    for part in rest:
        called = environment.getattr(called, part)
    if called is missing or isinstance(called, jinja2.Undefined):
        return None
    try:
        with running():
            context = environment.context_class(environment, scope, None, {})
            return environment.concat([str(environment.weighed(environment.call(context, called, **arguments)))])
    except Exception as error:
        raise explain(error, path) from error


def _values(parts: tuple[str | Piece, ...], scope: Scope) -> list[Any] | None:
    """The value of each part, or None where a name is missing and Jinja must say what it thinks of that."""
    out: list[Any] = []
    for part in parts:
        if isinstance(part, str):
            out.append(part)
            continue
        value = scope.resolve(part.name)
        if value is missing:
            return None
        if part.call:
            try:
                value = value(*part.args, **part.kwargs)
            except Exception as error:
                note_position(error, part.line, "")
                if isinstance(error, TemplateError) and not error.line:
                    error.line, error.column = part.line, part.column
                if isinstance(error, (TypeError, RenderLimitError)):
                    hint = getattr(error, "hint", "")
                    raise TemplateError(plainly(str(error)), part.line, part.column, hint) from error
                raise
        out.append(value)
    return out


def note_position(error: Exception, line: int, path: str) -> None:
    """Remember on the exception where in a template it was raised; the innermost place stays."""
    if not hasattr(error, "template_line"):
        error.template_line = line  # type: ignore[attr-defined]
        error.template_path = path  # type: ignore[attr-defined]


def explain(error: Exception, path: str) -> Exception:
    """The exception to raise in place of one that came out of a rendering."""
    line, where = position(error.__traceback__)
    inner = "" if where == path else where
    if isinstance(error, TemplateError):
        if not error.line:
            error.line, error.path = line, inner
        return error
    if isinstance(error, jinja2.TemplateSyntaxError):
        return syntax_error(error, error.source or "")
    if isinstance(error, RecursionError):
        # Where the stack ended is chance; where it was built up is where the mistake is.
        line, where = Counter(_places(error.__traceback__)).most_common(1)[0][0] if line else (line, where)
        inner = "" if where == path else where
        return TemplateError("the template calls itself without end", line, path=inner)
    if isinstance(error, MemoryError):
        return TemplateError("the template makes more than fits into the memory", line, path=inner)
    if isinstance(error, jinja2.UndefinedError | jinja2.TemplateError | RenderLimitError) or _plain(error):
        text = error.message if isinstance(error, jinja2.TemplateError) else _words(error)
        told = TemplateError(text or type(error).__name__, line, hint=getattr(error, "hint", ""), path=inner)
        told.unknown = getattr(error, "of_member", False)
        return told
    note_position(error, line, inner)
    return error


def _plain(error: Exception) -> bool:
    """Exceptions of Python and of the libraries that templates may use: what a template does wrong with values."""
    return type(error).__module__.partition(".")[0] in _LIBRARIES


_LIBRARIES = frozenset({"builtins", "decimal", "jinja2", "json", "pytz", "re", "yaml", "zoneinfo"})


def _words(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no such key: {error}"
    if isinstance(error, (TypeError, AttributeError)):
        return plainly(str(error))
    if isinstance(error, (RenderLimitError, ValueError)):
        return str(error)
    return f"{type(error).__name__}: {error}"


def position(traceback: TracebackType | None) -> tuple[int, str]:
    """The innermost template line in a traceback, and the path of that template; (0, "") when there is none."""
    place = (0, "")
    for place in _places(traceback):  # noqa: B007
        pass
    return place


def _places(traceback: TracebackType | None) -> Iterator[tuple[int, str]]:
    """The template lines in a traceback with the paths of their templates, from the outermost inwards."""
    for frame, number in walk_tb(traceback):
        template = frame.f_globals.get("__jinja_template__")
        if template is None and "blocks" in frame.f_globals and "debug_info" in frame.f_globals:
            debug_info = frame.f_globals["debug_info"]
            yield _source_line(debug_info, number), frame.f_code.co_filename
        elif template is not None:
            yield template.get_corresponding_lineno(number), template.filename or template.name


def _source_line(debug_info: Any, number: int) -> int:
    if isinstance(debug_info, str):
        pairs = [tuple(map(int, pair.split("="))) for pair in debug_info.split("&") if pair]
    else:
        pairs = list(debug_info)
    for template_line, code_line in reversed(pairs):
        if code_line <= number:
            return int(template_line)
    return 1
