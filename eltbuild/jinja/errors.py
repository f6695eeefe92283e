"""A template that cannot be read or rendered; positions are in the template's own text."""

from __future__ import annotations


class TemplateError(Exception):
    """What went wrong in a template. `line` and `column` count from 1 in its text, 0 where unknown."""

    def __init__(self, message: str, line: int = 0, column: int = 0, hint: str = "", path: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.hint = hint
        self.path = path
        """The file of the macro in which it happened; empty: the template itself."""
        self.unknown = False
        """Whether it is no more than a name that is not there."""


class RenderLimitError(Exception):
    """A template ran for too long or made too much. `hint` says how to allow more."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
