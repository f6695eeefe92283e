"""What may follow what within an expression of Jinja's: signs and words, without the values between them. Pure."""

from __future__ import annotations

KEYWORDS = frozenset({"and", "or", "not", "in", "is", "if", "else"})
CONSTANTS = frozenset({"true", "false", "none", "True", "False", "None"})
BINARY = frozenset({"==", "!=", "<=", ">=", "//", "**", "-", "+", "*", "/", "%", "~", "<", ">"})
CLOSING = {")": "(", "]": "[", "}": "{"}
OPENED = {"call": "(", "named": "(", "index": "[", "pair": "{"}
"""Brackets by what stands in them: a `{` is a `pair` once its `:` has come."""
ENDING = frozenset({",", ":", ")", "]", "}", "}}", "-}}", "%}", "-%}", "+%}"})

_EMPTY = {"index": (":", ","), "pair": ()}
"""Where nothing stands before the closing bracket: what may stand before that, by bracket."""

# What may come next.
VALUE, AFTER, NAME, TEST, TESTED, IN = range(6)


class NotPlain(Exception):
    """Something that is left to Jinja's parser."""


def conditions_over(brackets: list[str]) -> None:
    """What stood behind an inline `if` ends here, whether there was an `else` or not."""
    while brackets and brackets[-1] == "if":
        brackets.pop()


def worded(token: str, state: int, brackets: list[str], before: str) -> int:
    """`and`, `or`, `not`, `in`, `is`, `if` and `else` within an expression, and what may come next."""
    if state == IN:
        if token != "in":
            raise NotPlain
        return VALUE
    if token == "not":
        if state != VALUE:
            return IN
        if before == "in" or before in BINARY:
            raise NotPlain
        return VALUE
    if state == VALUE:
        raise NotPlain
    if token == "if":
        brackets.append("if")
    elif token == "else" and (not brackets or brackets.pop() != "if"):
        raise NotPlain
    return TEST if token == "is" else VALUE


def signed(token: str, state: int, brackets: list[str], before: str) -> int:
    """A sign within an expression, and what may come next. `brackets` grows and shrinks with it."""
    value = state == VALUE
    if state in (NAME, TEST, IN):
        raise NotPlain
    if token == "(":
        brackets.append("(" if value else "call")
        return VALUE
    if token in "[{" and (value or token == "["):
        brackets.append(token if value else "index")
        return VALUE
    if token in CLOSING:
        if not brackets or OPENED.get(brackets[-1], brackets[-1]) != CLOSING[token]:
            raise NotPlain
        opened = brackets.pop()
        if opened == "{" and not value:
            raise NotPlain
        if value and before not in _EMPTY.get(opened, ("(", "[", "{", ",")):
            raise NotPlain
        return AFTER
    if value:
        return _unary(token, brackets, before)
    if token == ".":
        return NAME
    if token == "|":
        return NAME
    if token in BINARY:
        return VALUE
    return _parted(token, brackets)


def _parted(token: str, brackets: list[str]) -> int:
    """`,` and `:`."""
    within = brackets[-1] if brackets else ""
    if token == "," and within != "{":
        if within == "pair":
            brackets[-1] = "{"
        return VALUE
    if token == ":" and within in ("{", "index"):
        if within == "{":
            brackets[-1] = "pair"
        return VALUE
    raise NotPlain


def _unary(token: str, brackets: list[str], before: str) -> int:
    if token in ("-", "+"):
        return VALUE
    if token == ":" and brackets and brackets[-1] == "index" and before in ("[", ":"):
        return VALUE
    raise NotPlain
