"""The tokens of a template as Jinja's lexer gives them, read with one pattern in place of a dozen.

What is odd - raw blocks, characters that belong nowhere, brackets that do not match - is left to Jinja's own lexer,
which goes on from there, or says what is wrong.
"""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Iterator
from itertools import islice
from typing import Any

from jinja2._identifier import pattern as name_re
from jinja2.lexer import Lexer, Token, TokenStream, float_re, integer_re, newline_re, operators, string_re

_OPEN = re.compile(r"\{[%{#][-+]?")
_RAW = re.compile(r"\s*raw\s*(?:-%\}|%\})")
_SPACE = re.compile(r"\s*")
_OPERATORS = "|".join(re.escape(sign) for sign in sorted(operators, key=len, reverse=True))
_KINDS = (
    rf"(?P<float>(?ix:{float_re.pattern}))|(?P<integer>(?ix:{integer_re.pattern}))"
    rf"|(?P<name>{name_re.pattern})|(?P<string>(?s:{string_re.pattern}))|(?P<operator>{_OPERATORS})"
)
_WITHIN = re.compile(rf"\s*+(?:{_KINDS})")
"""A token between brackets."""
_TAGS = {
    "{%": ("block_begin", "block_end", re.compile(rf"\s*+(?:(?P<end>\+%\}}|-%\}}\s*|%\}})|{_KINDS})")),
    "{{": ("variable_begin", "variable_end", re.compile(rf"\s*+(?:(?P<end>-\}}\}}\s*|\}}\}})|{_KINDS})")),
}
"""By what opens a tag: the type of the token that begins and ends it, and a token or the end of the tag."""
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class _Odd(Exception):
    """Something that is left to Jinja's lexer."""


def token_stream(lexer: Lexer, source: str, name: str | None, filename: str | None) -> TokenStream:
    """The tokens of a template. A `TemplateSyntaxError` comes when the token is asked for."""
    return TokenStream(_tokens(lexer, source, name, filename), name, filename)


def _tokens(lexer: Lexer, source: str, name: str | None, filename: str | None) -> Iterator[Token]:
    given = 0
    try:
        for token in _plain(_normal(source)):
            given += 1
            yield token
    except _Odd:
        yield from islice(lexer.wrap(lexer.tokeniter(source, name, filename), name, filename), given, None)


def _normal(source: str) -> str:
    """The text with newlines only, without the last one."""
    if "\r" in source:
        source = newline_re.sub("\n", source)
    return source[:-1] if source.endswith("\n") else source


def _plain(source: str) -> Iterator[Token]:
    """The tokens, up to where it gets odd: `_Odd`."""
    at = 0
    line = 1
    while opening := _OPEN.search(source, at):
        tag = opening[0]
        text = source[at : opening.start()]
        kept = text.rstrip() if tag.endswith("-") else text
        if kept:
            yield Token(line, "data", kept)
        line += text.count("\n")
        at = opening.end()
        if tag.startswith("{#"):
            end = _end_of_comment(source, at)
            line += source.count("\n", at, end)
            at = end
            continue
        begin, finish, outermost = _TAGS[tag[:2]]
        if begin == "block_begin" and _RAW.match(source, at):
            raise _Odd
        yield Token(line, begin, tag)
        brackets: list[str] = []
        while True:
            found = (_WITHIN if brackets else outermost).match(source, at)
            if found is None:
                raise _Odd
            kind = found.lastgroup
            assert kind is not None
            value = found[kind]
            start = at
            at = found.end()
            if at - len(value) > start:
                line += source.count("\n", start, at - len(value))
            if kind == "end":
                yield Token(line, finish, value)
                line += value.count("\n")
                break
            if kind == "operator":
                if value in _CLOSING:
                    brackets.append(_CLOSING[value])
                elif value in ")]}" and (not brackets or brackets.pop() != value):
                    raise _Odd
                yield Token(line, operators[value], value)
            elif kind == "name":
                if not value.isidentifier():
                    raise _Odd
                yield Token(line, "name", value)
            elif kind == "string":
                yield Token(line, "string", _unescaped(value[1:-1]))
                line += value.count("\n")
            elif kind == "integer":
                yield _number(line, kind, int(value.replace("_", ""), 0))
            else:
                yield _number(line, kind, literal_eval(value.replace("_", "")))
    if at < len(source):
        yield Token(line, "data", source[at:])


def _number(line: int, kind: str, value: Any) -> Token:
    return Token(line, kind, value)


def _end_of_comment(source: str, at: int) -> int:
    """Where the text goes on behind a comment."""
    end = source.find("#}", at)
    if end < 0:
        raise _Odd
    if end > at and source[end - 1] == "-":
        space = _SPACE.match(source, end + 2)
        assert space is not None
        return space.end()
    return end + 2


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return text.encode("ascii", "backslashreplace").decode("unicode-escape")
    except (ValueError, Warning):  # an unknown escape is a warning, which may be set to be an error
        raise _Odd from None
