"""The names that a macro mentions, read from its tokens, which is many times faster than by Jinja's parser.

Packages bring hundreds of macros, of which a project calls a few, and a parse tells the names of all. A macro is read
here as long as each token may stand where it stands and each block is closed; with anything else, an error included,
the answer is None, and Jinja's parser has the word. Within a macro nothing is certain to run, so that refs, sources and
configs are not collected: their names make the answer incomplete.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping

from eltbuild.jinja.macro_signs import (
    AFTER,
    CONSTANTS,
    ENDING,
    IN,
    KEYWORDS,
    NAME,
    TEST,
    TESTED,
    VALUE,
    NotPlain,
    conditions_over,
    signed,
    worded,
)
from eltbuild.jinja.mentions import Mentions
from eltbuild.jinja.scan import DYNAMIC, LANGUAGE, OPAQUE, scan

_HEAD = re.compile(r"\{%[-+]?\s*(macro|test|data_test|materialization)\s")
_CALL = re.compile(r"\s*[^\W\d][\w.]*\s*\(")
_OPEN = re.compile(r"\{[{%#]")
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<end>[-+]?%\}|-?\}\})
    |(?P<name>[^\W\d]\w*(?:\s*\.\s*[^\W\d]\w*)*)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<number>(?:0|[1-9]\d*)(?:\.\d+)?(?![\w.]))
    |(?P<sign>==|!=|<=|>=|//|\*\*|[-+*/%~<>=.,:|()\[\]{}])
    )""",
    re.X | re.S,
)
_SPACES = re.compile(r"\s+")

_ENDS = {
    "endmacro": ("macro",),
    "endtest": ("test", "data_test"),
    "enddata_test": ("test", "data_test"),
    "endmaterialization": ("materialization",),
    "endif": ("if",),
    "endfor": ("for",),
    "endset": ("set",),
    "endcall": ("call",),
}


def scan_macro(text: str) -> Mentions:
    """What a macro, a test or a materialization mentions. Raises `TemplateError` where Jinja cannot read it."""
    return scan_plainly(text) or scan(text)


def scan_plainly(text: str) -> Mentions | None:
    """The same by the tokens alone, or None where Jinja must read it."""
    if not _HEAD.match(text):
        return None
    reader = _Reader(text)
    try:
        reader.read()
    except NotPlain:
        return None
    return reader.mentions()


class _Reader:
    """One pass over the text. `names` holds each dotted name with the place where it first stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.names: dict[str, int] = {}
        self.variables: list[str] = []
        self.environment: list[str] = []
        self.local: set[str] = set()
        self.blocks: list[str] = []

    def read(self) -> None:
        """Every tag, from the head to the end tag. Raises `NotPlain`."""
        text = self.text
        while opening := _OPEN.search(text, self.at):
            self.at = opening.end()
            kind = opening[0]
            if kind == "{#":
                self.at = text.find("#}", self.at) + 2
                if self.at < 2:
                    raise NotPlain
                continue
            if text.startswith(("-", "+"), self.at):
                self.at += 1
            if kind == "{{":
                self.expression("}}")
            else:
                self.tag()
        if self.blocks:
            raise NotPlain

    def mentions(self) -> Mentions:
        """What was read, without the names that the macro gives itself."""
        complete = not (self.local & DYNAMIC)
        lines = [place for place, letter in enumerate(self.text) if letter == "\n"] if self.names else []
        calls: dict[str, int] = {}
        for name, place in self.names.items():
            root = name.partition(".")[0].partition(":")[0]
            if root in self.local or root in LANGUAGE:
                continue
            if root in DYNAMIC and not (root == "config" and name.count(".") == 1):
                complete = False
                continue
            complete = complete and root not in OPAQUE
            calls[name] = bisect_right(lines, place) + 1
        return Mentions(
            calls=tuple(calls),
            call_lines=tuple(calls.values()),
            vars=tuple(self.variables),
            env=tuple(self.environment),
            complete=complete,
        )

    def token(self) -> re.Match[str]:
        """The next token, passed over. Raises `NotPlain` where there is none that is known."""
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            raise NotPlain
        self.at = found.end()
        return found

    def word(self) -> str:
        """The next token, which must be a name without dots."""
        name = self.token()["name"]
        if name is None or "." in name:
            raise NotPlain
        return str(name)

    def tag(self) -> None:
        """`{% ... %}`: its keyword, then what belongs to it."""
        word = self.word()
        if word in _ENDS:
            if not self.blocks or self.blocks.pop() not in _ENDS[word]:
                raise NotPlain
            self.over()
        elif word in _TAGS:
            _TAGS[word](self, word)
        else:
            raise NotPlain

    def over(self) -> None:
        """The tag ends here."""
        if not (self.token()["end"] or "").endswith("%}"):
            raise NotPlain

    def head(self, word: str) -> None:
        """`macro name(...)`, `test name(...)`, and `materialization name, ...`."""
        name = self.word()
        self.blocks.append(word)
        self.given(name)
        if word != "macro":
            self.local.discard(name)
            self.local.add(f"test_{name}")
        if word == "materialization":
            self.settings()
            return
        if self.token()["sign"] != "(":
            raise NotPlain
        self.parameters()
        self.over()

    def settings(self) -> None:
        """`default`, `adapter='...'` and `supported_languages=[...]` of a materialization, up to the tag's end."""
        found = self.token()
        sign = found["sign"] or (found["end"] or "")[-2:]
        while sign != "%}":
            if sign != ",":
                raise NotPlain
            word = self.word()
            found = self.token()
            sign = found["sign"] or (found["end"] or "")[-2:]
            if word in ("adapter", "supported_languages") and sign == "=":
                sign = self.expression(",", "%}")
            elif word != "default":
                raise NotPlain

    def parameters(self) -> None:
        """Names with or without defaults, up to the closing bracket; those with types are not plain."""
        defaults = False
        while True:
            found = self.token()
            if found["sign"] == ")":
                return
            if found["name"] is None or "." in found["name"]:
                raise NotPlain
            self.given(found["name"])
            sign = self.token()["sign"]
            if sign == "=":
                defaults = True
                sign = self.expression(",", ")")
            elif defaults:
                raise NotPlain
            if sign == ")":
                return
            if sign != ",":
                raise NotPlain

    def call(self, word: str) -> None:
        """`call name(...)` and `call(arguments) name(...)`."""
        self.blocks.append(word)
        if self.text.startswith("(", self.at):
            self.at += 1
            self.parameters()
        if not _CALL.match(self.text, self.at):
            raise NotPlain
        self.expression("%}")

    def condition(self, word: str) -> None:
        """`if` and `elif`."""
        if word == "if":
            self.blocks.append(word)
        elif not self.blocks or self.blocks[-1] != "if":
            raise NotPlain
        self.expression("%}")

    def otherwise(self, word: str) -> None:
        """`else`, of an `if` or of a loop."""
        if not self.blocks or self.blocks[-1] not in ("if", "for"):
            raise NotPlain
        self.over()

    def loop(self, word: str) -> None:
        """`for a, b in ...`."""
        self.blocks.append(word)
        self.targets("in")
        self.expression("%}")

    def assignment(self, word: str) -> None:
        """`set a = ...`, `set a, b = ...`, `set a.b = ...`, and the block `set a`."""
        if self.targets("="):
            self.expression("%}")
        else:
            self.blocks.append(word)

    def targets(self, until: str) -> bool:
        """Names that are given a value. False where the tag ends before what should follow."""
        comma = True
        while True:
            found = self.token()
            name = found["name"]
            if name == until or found["sign"] == until:
                if comma:
                    raise NotPlain
                return True
            if name and comma and name not in KEYWORDS:
                comma = False
                if "." not in name:
                    self.given(name)
                elif until != "=":
                    raise NotPlain
            elif found["sign"] == "," and not comma:
                comma = True
            elif until == "=" and not comma and (found["end"] or "").endswith("%}"):
                return False
            else:
                raise NotPlain

    def given(self, name: str) -> None:
        """A name that the macro gives a value itself."""
        if name in CONSTANTS:
            raise NotPlain
        self.local.add(name)

    def do(self, word: str) -> None:
        """`do ...`."""
        self.expression("%}")

    def expression(self, *until: str) -> str:
        """An expression up to one of the given signs, outside of brackets; that sign. Raises `NotPlain`."""
        brackets: list[str] = []
        state = VALUE
        before = ""
        while True:
            found = self.token()
            kind, token = found.lastgroup, found[found.lastgroup or 0]
            if token in ENDING:
                conditions_over(brackets)
            if kind == "end":
                state = self.ending(token, brackets, state, before, until)
                if state < 0:
                    return token[-2:]
                before = "}"
                continue
            if kind == "sign" and not brackets and token in until:
                if state not in (AFTER, TESTED):
                    raise NotPlain
                return str(token)
            if before == "," and brackets and brackets[-1] == "named" and token != ")" and not self.named_argument():
                raise NotPlain
            if kind == "name":
                state = self.named(found, state, brackets, before)
            elif kind == "sign":
                state = signed(token, state, brackets, before)
            elif state in (VALUE, TESTED):
                state = AFTER
            else:
                raise NotPlain
            before = token

    def ending(self, token: str, brackets: list[str], state: int, before: str, until: tuple[str, ...]) -> int:
        """The end of the tag, -1; or, within brackets, the braces that it is made of and what may come next."""
        if not brackets:
            if token[-2:] not in until or not (state in (AFTER, TESTED) or before == ","):
                raise NotPlain
            return -1
        if token != "}}":
            raise NotPlain
        # The second brace may be the first one of the end.
        self.at -= 1
        return signed("}", state, brackets, before)

    def named(self, found: re.Match[str], state: int, brackets: list[str], before: str) -> int:
        """A name, or a word of the language, and what may come next."""
        token = found["name"]
        if state == NAME:
            return AFTER
        if state == TEST:
            return TEST if token == "not" else TESTED
        if token in KEYWORDS:
            return worded(token, state, brackets, before)
        if state in (AFTER, IN):
            raise NotPlain
        name = _SPACES.sub("", token) if not token.isidentifier() else token
        if name.partition(".")[0] in KEYWORDS:
            raise NotPlain
        following = _TOKEN.match(self.text, self.at)
        sign = following["sign"] if following else None
        if sign == "=" and brackets and brackets[-1] in ("call", "named") and before in ("(", ",") and "." not in name:
            self.at = following.end() if following else self.at
            brackets[-1] = "named"
            return VALUE
        if sign == "(":
            self.argument(name, following.end() if following else self.at, found.start("name"))
        self.names.setdefault(name, found.start("name"))
        return AFTER

    def named_argument(self) -> bool:
        """Whether the token that was just read is followed by `=`."""
        following = _TOKEN.match(self.text, self.at)
        return following is not None and following["sign"] == "="

    def argument(self, name: str, at: int, place: int) -> None:
        """What the first argument of a call tells, of those where it tells something."""
        if name not in ("var", "env_var", "adapter.dispatch"):
            return
        first = _TOKEN.match(self.text, at)
        text = first["text"] if first else None
        if text is None or "\\" in text:
            if name == "adapter.dispatch":
                raise NotPlain
            return
        following = _TOKEN.match(self.text, first.end() if first else at)
        if following is None or following["sign"] not in (",", ")"):
            raise NotPlain
        if name == "adapter.dispatch":
            self.names.setdefault(f"adapter.dispatch:{text[1:-1]}", place)
        else:
            (self.variables if name == "var" else self.environment).append(text[1:-1])


_TAGS: Mapping[str, Callable[[_Reader, str], None]] = {
    "macro": _Reader.head,
    "test": _Reader.head,
    "data_test": _Reader.head,
    "materialization": _Reader.head,
    "call": _Reader.call,
    "if": _Reader.condition,
    "elif": _Reader.condition,
    "else": _Reader.otherwise,
    "for": _Reader.loop,
    "set": _Reader.assignment,
    "do": _Reader.do,
}
