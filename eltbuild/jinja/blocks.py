"""The top-level blocks of a file of macros, tests, snapshots or docs, cut out as text. Nothing is compiled."""

from __future__ import annotations

import re
from functools import lru_cache

from eltbuild.jinja.errors import TemplateError
from eltbuild.jinja.literal import check_size
from eltbuild.jinja.mentions import Block

ENDINGS = {
    "macro": "endmacro",
    "test": "endtest",
    "data_test": "enddata_test",
    "materialization": "endmaterialization",
    "snapshot": "endsnapshot",
    "docs": "enddocs",
}

_TOKEN = re.compile(r"\{#.*?#\}|\{%[-+]?\s*(\w+)|\{\{", re.S)
_QUOTED = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?!%\}|\}\})[^'"])*"""
_TAG_END = re.compile(_QUOTED + r"%\}", re.S)
_EXPRESSION_END = re.compile(_QUOTED + r"\}\}", re.S)
_END_TAGS = {name: re.compile(r"\{%[-+]?\s*" + name + r"\s*[-+]?%\}") for name in {*ENDINGS.values(), "endraw"}}


def blocks(text: str, kinds: frozenset[str] = frozenset(ENDINGS)) -> tuple[Block, ...]:
    """The blocks of the given kinds, in order; what stands between blocks is passed over.

    Raises `TemplateError` at the opening tag of a block that is not closed, or whose head cannot be read.
    """
    if "{%" not in text:
        return ()
    check_size(text)
    out: list[Block] = []
    place = 0
    docs_only = kinds == frozenset({"docs"})
    while match := _TOKEN.search(text, place):
        word = match[1]
        if word is None:
            if docs_only or match[0] != "{{":
                place = match.end()
            else:
                end = _EXPRESSION_END.match(text, match.end())
                place = end.end() if end else match.end()
            continue
        line = text.count("\n", 0, match.start()) + 1
        if word == "raw":
            closing = _END_TAGS["endraw"].search(text, match.end())
            place = closing.end() if closing else len(text)
            continue
        head_end = _tag_end(text, match.end())
        if head_end is None:
            if word in kinds:
                raise TemplateError(f"the tag of the {word} block is not closed", line, hint="`%}` is missing")
            place = match.end()
            continue
        if word not in kinds:
            place = head_end
            continue
        block, place = _block(text, word, match.start(), match.end(), head_end, line)
        out.append(block)
    return tuple(out)


def _tag_end(text: str, start: int) -> int | None:
    match = _TAG_END.match(text, start)
    if match:
        return match.end()
    plain = text.find("%}", start)
    return plain + 2 if plain >= 0 else None


def _block(text: str, word: str, start: int, head_start: int, head_end: int, line: int) -> tuple[Block, int]:
    closing = _closing(text, word, head_end)
    if closing is None:
        raise TemplateError(
            f"the {word} block is not closed",
            line,
            start - text.rfind("\n", 0, start),
            f"`{{% {ENDINGS[word]} %}}` is missing",
        )
    close_start, close_end = closing
    head = text[head_start : head_end - 2].rstrip("-+ \n\t").strip()
    name, arguments, adapter, languages = _head(word, head, line)
    block = Block(
        "test" if word == "data_test" else word,
        name,
        text[start:close_end],
        text[head_end:close_start],
        line,
        arguments,
        adapter,
        languages,
    )
    return block, close_end


def _closing(text: str, word: str, start: int) -> tuple[int, int] | None:
    """Where the end tag stands, comments and raw blocks passed over (docs are plain text: the first end tag)."""
    ending = ENDINGS[word]
    if word == "docs":
        match = _END_TAGS[ending].search(text, start)
        return match.span() if match else None
    place = start
    while match := _TOKEN.search(text, place):
        found = match[1]
        if found == ending or (word in ("test", "data_test") and found in ("endtest", "enddata_test")):
            end = _tag_end(text, match.end())
            return (match.start(), end) if end else None
        if found == "raw":
            closing = _END_TAGS["endraw"].search(text, match.end())
            place = closing.end() if closing else len(text)
        else:
            place = match.end()
            if found is not None:
                place = _tag_end(text, place) or place
    return None


_NAME = re.compile(r"([^\W\d]\w*)\s*(.*)", re.S)


def _head(word: str, head: str, line: int) -> tuple[str, tuple[tuple[str, str], ...], str, tuple[str, ...]]:
    match = _NAME.match(head)
    if not match:
        raise TemplateError(f"the {word} block has no name", line)
    name, rest = match[1], match[2].strip()
    if word in ("macro", "test", "data_test"):
        return name, _arguments(rest), "default", ("sql",)
    if word == "materialization":
        adapter = re.search(r"adapter\s*=\s*['\"](\w+)['\"]", rest)
        languages = re.search(r"supported_languages\s*=\s*\[([^\]]*)\]", rest)
        listed = tuple(re.findall(r"['\"](\w+)['\"]", languages[1])) if languages else ("sql",)
        return name, (), adapter[1] if adapter else "default", listed
    return name, (), "default", ("sql",)


@lru_cache(maxsize=4096)
def _arguments(text: str) -> tuple[tuple[str, str], ...]:
    """Parameter names and types of `(a, b: int = 3, c=[1, 2])`; brackets and quotes are respected."""
    if not text.startswith("("):
        return ()
    depth = 0
    part = ""
    parts: list[str] = []
    quote = ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
            if depth == 1:
                continue
        elif char in ")]}":
            depth -= 1
            if depth == 0:
                break
        elif char == "," and depth == 1:
            parts.append(part)
            part = ""
            continue
        part += char
    parts.append(part)
    out = []
    for piece in parts:
        head = piece.split("=", 1)[0].strip() if "=" in piece else piece.strip()
        name, _, kind = head.partition(":")
        if name.strip():
            out.append((name.strip(), kind.strip()))
    return tuple(out)
