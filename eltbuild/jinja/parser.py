"""Jinja's parser for SQL projects: typed macro parameters, the block tags of a project, a tick in loops and macros."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import nodes
from jinja2.parser import Parser

from eltbuild.jinja.tree import settle, ticked

MACRO_PREFIX = "macro__"
"""Put before the names of macros in a macro file, so that a call inside the file is looked up like any other."""


class BlockParser(Parser):
    """Jinja's parser, plus typed macro parameters, the block tags of a project, and ticks."""

    prefix = ""

    def parse(self) -> nodes.Template:
        """The whole template."""
        return settle(nodes.Template(self.subparse(), lineno=1), self.environment)

    def parse_for(self) -> nodes.For:
        """A loop whose body begins with a tick."""
        node = super().parse_for()
        node.body = ticked(node.body, node.lineno)
        return node

    def parse_macro(self) -> nodes.Macro:
        """`{% macro name(arg: type = default) %}`; the types are read and left aside."""
        node = nodes.Macro(lineno=next(self.stream).lineno)
        node.name = self.prefix + self.parse_assign_target(name_only=True).name
        self.parse_signature(node)
        node.body = ticked(self.parse_statements(("name:endmacro",), drop_needle=True), node.lineno)
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
        body = self.parse_statements(("name:endtest", "name:enddata_test"), drop_needle=True)
        node.body = ticked(body, node.lineno)
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
        node.body = ticked(self.parse_statements(("name:endmaterialization",), drop_needle=True), node.lineno)
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
