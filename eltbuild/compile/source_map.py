"""Where in the user's files a place of a compiled query comes from."""

from __future__ import annotations

from collections.abc import Callable

from eltbuild.compile.dbt.context import open_scope
from eltbuild.compile.introspect import BLANK
from eltbuild.compile.rendering import Assumed, Rendering
from eltbuild.compile.session import Session
from eltbuild.errors import Place
from eltbuild.jinja.environment import MACRO_PREFIX, macro_environment, text_environment
from eltbuild.jinja.locate import SourceMap, instrument, offset_of, read_markers
from eltbuild.project.resources import Macro, Node


def origin(
    session: Session, node: Node, text: str, line: int, column: int, assumed: Assumed | None = None
) -> Place | None:
    """The place in the template, or in the macro, that made line and column of `text`, the node's rendered query.

    None where a second rendering does not give the same text, so that no place is claimed wrongly.
    """
    return origins(session, node, text, assumed)(line, column)


def origins(
    session: Session, node: Node, text: str, assumed: Assumed | None = None
) -> Callable[[int, int], Place | None]:
    """What tells the origin of a line and column of `text`, as `origin` does, from one rendering for all of them."""
    macros: list[Macro] = []
    source_map = _mapped(session, node, text, assumed, macros)
    if source_map is None:
        return lambda line, column: None
    lead = len(source_map.text) - len(source_map.text.lstrip())
    skipped = len(text) - len(text.lstrip())

    def found_at(line: int, column: int) -> Place:
        offset = offset_of(text, line, column) - skipped + lead
        number, found = source_map.at(max(offset, 0))
        if number == 0:
            return Place(node.project_path, found + node.line - 1, _same_column(node, found, text, line, column))
        macro = macros[number - 1]
        path = f"{macro.root}/{macro.original_path}" if macro.root else macro.original_path
        return Place(path, found)

    return found_at


def _mapped(session: Session, node: Node, text: str, assumed: Assumed | None, macros: list[Macro]) -> SourceMap | None:
    """Where each piece of the query comes from; `macros` are those that its file numbers mean."""
    if node.test is not None or node.language != "sql":
        return None
    rendering = Rendering(session, node, BLANK)
    rendering.assumed = assumed
    scope = open_scope(rendering)
    rendering.modules = _Instrumented(rendering, macros)
    environment = text_environment()
    try:
        tree = instrument(environment.parse(node.code, filename=node.project_path), 0)
        code = environment.compile(tree, name=node.project_path, filename=node.project_path)
        template = environment.template_class.from_code(environment, code, {})
        marked = environment.concat(template.root_render_func(template.new_context(scope, shared=True)))
    except Exception:
        # Whatever goes wrong here, the error that was to be located is told all the same.
        return None
    source_map = read_markers(marked)
    return source_map if source_map.text.strip() == text.strip() else None


def _same_column(node: Node, template_line: int, text: str, line: int, column: int) -> int:
    """The column, where the line of the template is the line of the query to the letter; a hook is part of a line."""
    if node.resource_type == "operation":
        return 0
    rows, made = node.code.split("\n"), text.split("\n")
    if not (0 < template_line <= len(rows) and 0 < line <= len(made)):
        return 0
    return column if rows[template_line - 1] == made[line - 1] else 0


class _Instrumented(dict[str, object]):
    """Macros compiled with markers, as they are first called."""

    def __init__(self, rendering: Rendering, macros: list[Macro]) -> None:
        super().__init__()
        self._rendering = rendering
        self._macros = macros

    def get(self, id: str, default: object = None) -> object:
        """The macro's function, with markers in what it gives."""
        if id not in self:
            macro = self._rendering.session.project.macros[id]
            self._macros.append(macro)
            environment = macro_environment()
            tree = environment.parse("\n" * (macro.line - 1) + macro.text)
            code = environment.compile(instrument(tree, len(self._macros)), name=macro.id, filename=macro.id)
            template = environment.template_class.from_code(environment, code, {})
            context = template.new_context(self._rendering.scope, shared=True)
            for _ in template.root_render_func(context):
                pass
            self[id] = context.vars[f"{MACRO_PREFIX}{macro.key}"]
        return self[id]
