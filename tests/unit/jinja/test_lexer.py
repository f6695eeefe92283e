"""The quick lexer beside Jinja's own: the same tokens, and the same complaints at the same place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.lexer import Token, TokenStream

from eltbuild.jinja.environment import text_environment
from eltbuild.jinja.lexer import token_stream

PARTS = (
    "{{", "}}", "{%", "%}", "{#", "#}", "{{-", "-}}", "{%-", "-%}", "{%+", "+%}", "{#-", "-#}", "{{+", "+#}", "raw",
    "endraw", "{% raw %}", "{%- endraw -%}", " ", "\n", "\r\n", "\t", "\u00a0", "select", "a.b", "ünï", "a", "_", "1",
    "1_000", "0x_f", "1.5", "1.", ".5", "1e3", "1.e", "0b1", "00", "007", "'", '"', "'it'", '"\\n"', "'\\x'", "'\n'",
    "(", ")", "[", "]", "{", "}", "|", "~", "==", "//", "**", "=", "!", "$", "\\", ":", ",", ";", "\x00", "\u2028", "€",
)  # fmt: skip


def read(tokens: Iterable[Token]) -> list[Any]:
    """The tokens with where they stand, up to an error."""
    found: list[Any] = []
    try:
        for token in tokens:
            found.append((token.lineno, token.type, token.value))  # noqa: PERF401
    except Exception as error:
        found.append((type(error), str(error), getattr(error, "lineno", None)))
    return found


def streams(text: str) -> tuple[list[Any], list[Any]]:
    """The tokens of the quick lexer and of Jinja's."""

    def tokens(make: Any) -> Iterable[Token]:
        stream: TokenStream = make()
        while stream.current.type != "eof":
            yield stream.current
            next(stream)

    lexer = text_environment().lexer
    ours = read(tokens(lambda: token_stream(lexer, text, "a.sql", "a.sql")))
    theirs = read(tokens(lambda: lexer.tokenize(text, "a.sql", "a.sql")))
    return ours, theirs


@given(st.lists(st.sampled_from(PARTS), max_size=14))
def test_as_jinja_reads_it(parts: list[str]) -> None:
    ours, theirs = streams("".join(parts))
    assert ours == theirs


@given(st.lists(st.sampled_from(PARTS), max_size=10))
def test_as_jinja_reads_an_expression(parts: list[str]) -> None:
    ours, theirs = streams("a\n{{ " + "".join(parts) + " }}\nb {% set x = 1 %}\n\n")
    assert ours == theirs


@pytest.mark.parametrize(
    "text",
    [
        "{{ {'a': {'b': [1, (2)]}}}}",
        "{# note -#}\n\n x {{ 'two\nlines' }}{{ 1 }}",
        "a \n {%- set x = 1 -%} \n b",
        "{{ ) }}",
        "{{ (] }}",
        "{{ 'never closed }}",
        r"{{ 'an unknown \{ escape' }}",
        "{# never closed",
        "{#",
        "{% raw %}{{ this }}{% endraw %}{{ that }}",
        "{{ " + "9" * 5000 + " }}",
        "\r\n{{ a }}\r{{ b }}\r\n",
        "{{ a }}\n\n",
    ],
)
def test_odd_texts(text: str) -> None:
    ours, theirs = streams(text)
    assert ours == theirs
