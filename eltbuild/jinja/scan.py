"""What a template mentions, told without rendering it. Pure; the result can be kept by the text's digest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from eltbuild.jinja.literal import Piece, pieces
from eltbuild.jinja.mentions import Mentions, RefCall, SourceCall
from eltbuild.jinja.source_text import config_text, is_plain, literal_text

LANGUAGE = frozenset(
    {
        "range",
        "dict",
        "lipsum",
        "cycler",
        "joiner",
        "namespace",
        "loop",
        "caller",
        "varargs",
        "kwargs",
        "super",
        "self",
    }
    | {"true", "false", "none", "True", "False", "None", "_"}
)
"""Names of Jinja's own."""

OPAQUE = frozenset({"context", "builtins", "render", "self", "adapter_macro"})
"""Names through which a template can reach ref, source or config in ways that no reading of the text follows."""

DYNAMIC = frozenset({"ref", "source", "config", "metric", "function"})


def scan(text: str) -> Mentions:
    """Literal refs, sources, config, and the names used. Raises `TemplateError` where Jinja cannot read the text."""
    if "{" not in text:
        return Mentions()
    simple = pieces(text)
    if simple is not None:
        return _scan_pieces(simple, text)
    return _scan_tree(text)


def _scan_pieces(parts: tuple[str | Piece, ...], text: str) -> Mentions:
    refs, sources, variables = [], [], []
    config: dict[str, Any] = {}
    unrendered: dict[str, str] = {}
    complete = True
    for part in parts:
        if isinstance(part, str) or not part.call:
            continue
        match part.name:
            case "ref":
                ref = _ref(part.args, part.kwargs, part.line, part.column)
                complete &= ref is not None
                refs += [ref] if ref else []
            case "source":
                source = _source(part.args, part.kwargs, part.line, part.column)
                complete &= source is not None
                sources += [source] if source else []
            case "config":
                complete &= _merge_config(config, part.args, part.kwargs)
                unrendered = unrendered or {key: literal_text(value) for key, value in part.kwargs.items()}
            case "var":
                if part.args:
                    variables.append(str(part.args[0]))
    return Mentions(
        refs=tuple(refs),
        sources=tuple(sources),
        config=config,
        vars=tuple(variables),
        complete=complete,
        unrendered_config=unrendered,
        plain=complete and bool(config) and is_plain(text),
    )


def _ref(args: tuple[Any, ...], kwargs: Mapping[str, Any], line: int, column: int) -> RefCall | None:
    if not 1 <= len(args) <= 2 or not all(isinstance(arg, str) for arg in args) or set(kwargs) - {"v", "version"}:
        return None
    version = kwargs.get("version", kwargs.get("v"))
    return RefCall(
        args[-1], args[0] if len(args) == 2 else None, None if version is None else str(version), line, column
    )


def _source(args: tuple[Any, ...], kwargs: Mapping[str, Any], line: int, column: int) -> SourceCall | None:
    if kwargs or len(args) != 2 or not all(isinstance(arg, str) for arg in args):
        return None
    return SourceCall(args[0], args[1], line, column)


def _merge_config(config: dict[str, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Add one config() call; False where the call is of a form that only rendering can judge."""
    given = dict(kwargs)
    if args:
        if kwargs or len(args) != 1 or not isinstance(args[0], dict):
            return False
        given = dict(args[0])
    if config and set(config) & {
        "tags",
        "meta",
        "pre_hook",
        "post_hook",
        "pre-hook",
        "post-hook",
        "packages",
        "grants",
    }:
        return False
    config.update(given)
    return True


class _Walk:
    """One pass over a Jinja tree. Collects; decides nothing."""

    def __init__(self, text: str) -> None:
        self.rows = text.split("\n")
        self.refs: list[RefCall] = []
        self.sources: list[SourceCall] = []
        self.config: dict[str, Any] = {}
        self.unrendered: dict[str, Any] = {}
        self.calls: dict[str, int] = {}
        self.vars: list[str] = []
        self.env: list[str] = []
        self.complete = True

    def column(self, line: int, name: str, args: tuple[Any, ...]) -> int:
        """Where on its line the call stands that names its last argument; 0 where the line does not tell."""
        row = self.rows[line - 1] if 0 < line <= len(self.rows) else ""
        call = re.search(rf"\b{name}\s*\([^)]*['\"]{re.escape(str(args[-1]))}['\"]", row) if args else None
        return call.start() + 1 if call else row.find(name) + 1


def _scan_tree(text: str) -> Mentions:
    import jinja2

    from eltbuild.jinja.environment import text_environment
    from eltbuild.jinja.errors import TemplateError
    from eltbuild.jinja.template import syntax_error

    try:
        return _mentions(text, text_environment().parse(text))
    except jinja2.TemplateSyntaxError as error:
        raise syntax_error(error, text) from None
    except RecursionError:
        raise TemplateError("the template is nested too deeply") from None
    except (ValueError, TypeError, OverflowError, IndexError) as error:
        raise TemplateError(f"the template cannot be read: {error}") from None


def _mentions(text: str, tree: Any) -> Mentions:
    """What a tree mentions. Raises `TemplateError` for filters and tests that there are none of."""
    from jinja2 import nodes

    walk = _Walk(text)
    local = {name.name for name in tree.find_all(nodes.Name) if name.ctx in ("store", "param")}
    local |= {macro.name for macro in tree.find_all(nodes.Macro)}
    local |= {target for node in tree.find_all(nodes.FromImport) for target in _import_names(node)}
    if local & DYNAMIC:
        walk.complete = False
    _visit(walk, tree, nodes, local, conditional=False)
    return Mentions(
        refs=tuple(walk.refs),
        sources=tuple(walk.sources),
        config=walk.config,
        calls=tuple(walk.calls),
        call_lines=tuple(walk.calls.values()),
        vars=tuple(walk.vars),
        env=tuple(walk.env),
        complete=walk.complete,
        unrendered_config=walk.unrendered,
    )


def _import_names(node: Any) -> Iterator[str]:
    for name in node.names:
        yield name[1] if isinstance(name, tuple) else name


_CONDITIONAL = ("If", "For", "Macro", "CallBlock", "CondExpr", "And", "Or", "FilterBlock", "With", "Block")


def _visit(walk: _Walk, node: Any, nodes: Any, local: set[str], conditional: bool) -> None:
    kind = type(node).__name__
    if kind == "Call":
        if _visit_call(walk, node, nodes, local, conditional):
            return
    elif kind == "Name":
        _mention(walk, node.name, node, local)
        return
    elif kind == "Getattr":
        dotted = _dotted(node, nodes)
        if dotted and dotted.split(".")[0] not in local:
            _mention(walk, dotted, node, local)
            return
    elif kind in ("Extends", "Include", "Import", "FromImport"):
        walk.complete = False
    elif kind in ("Filter", "Test") and not conditional:
        _check_known(walk, node, kind.lower())
    inner = conditional or kind in _CONDITIONAL
    for child in node.iter_child_nodes():
        _visit(walk, child, nodes, local, inner)


def _check_known(walk: _Walk, node: Any, kind: str) -> None:
    """Refuse a filter or test that there is none of, as Jinja does when it compiles the text."""
    from eltbuild.errors import did_you_mean
    from eltbuild.jinja.environment import text_environment
    from eltbuild.jinja.errors import TemplateError

    known = text_environment().filters if kind == "filter" else text_environment().tests
    if node.name not in known:
        row = walk.rows[node.lineno - 1] if node.lineno <= len(walk.rows) else ""
        hint = did_you_mean(str(node.name), known)
        raise TemplateError(f"there is no {kind} `{node.name}`", node.lineno, row.find(str(node.name)) + 1, hint)


def _visit_call(walk: _Walk, node: Any, nodes: Any, local: set[str], conditional: bool) -> bool:
    """Handle a call; True when its children need no visit."""
    name = _dotted(node.node, nodes)
    if name is None or name.split(".")[0] in local:
        return False
    if name in DYNAMIC:
        _dynamic_call(walk, name, node, nodes, conditional)
        for child in [*node.args, *node.kwargs]:
            _visit(walk, child, nodes, local, conditional)
        return True
    if name in ("var", "env_var") and node.args and isinstance(node.args[0], nodes.Const):
        (walk.vars if name == "var" else walk.env).append(str(node.args[0].value))
    if name == "adapter.dispatch":
        given = [child for child in node.args if isinstance(child, nodes.Const)]
        given += [k.value for k in node.kwargs if k.key == "macro_name" and isinstance(k.value, nodes.Const)]
        if given:
            walk.calls.setdefault(f"adapter.dispatch:{given[0].value}", node.lineno)
        else:
            walk.complete = False
    return False


def _dynamic_call(walk: _Walk, name: str, node: Any, nodes: Any, conditional: bool) -> None:
    """A call of ref, source or config: kept where it is literal and certain, else only rendering can tell."""
    read = _literal_call(node)
    if name == "config" and not walk.unrendered:
        walk.unrendered.update(_unrendered(node))
    if conditional or read is None or name in ("metric", "function"):
        walk.complete = False
        return
    args, kwargs = read
    if name == "ref":
        ref = _ref(args, kwargs, node.lineno, walk.column(node.lineno, name, args))
        walk.complete &= ref is not None
        walk.refs += [ref] if ref else []
    elif name == "source":
        source = _source(args, kwargs, node.lineno, walk.column(node.lineno, name, args))
        walk.complete &= source is not None
        walk.sources += [source] if source else []
    else:
        walk.complete &= _merge_config(walk.config, args, kwargs)


def _literal_call(node: Any) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        return None
    try:
        return tuple(arg.as_const() for arg in node.args), {k.key: k.value.as_const() for k in node.kwargs}
    except Exception:
        # Jinja says `Impossible` for anything that is not constant, and evaluates operators with Python's errors.
        return None


def _unrendered(node: Any) -> dict[str, str]:
    """Config as written: strings as they are, anything else as its text."""
    return {item.key: config_text(item.value) for item in node.kwargs}


def _dotted(node: Any, nodes: Any) -> str | None:
    if isinstance(node, nodes.Name):
        return str(node.name)
    if isinstance(node, nodes.Getattr):
        head = _dotted(node.node, nodes)
        return f"{head}.{node.attr}" if head else None
    return None


def _mention(walk: _Walk, name: str, node: Any, local: set[str]) -> None:
    root = name.split(".")[0]
    if root in local or root in LANGUAGE:
        return
    if root in DYNAMIC:
        if root == "config" and name.count(".") == 1:
            # config.get() and its like read; they do not set.
            walk.calls.setdefault(name, node.lineno)
            return
        walk.complete = False
        return
    if root in OPAQUE:
        walk.complete = False
    walk.calls.setdefault(name, node.lineno)
