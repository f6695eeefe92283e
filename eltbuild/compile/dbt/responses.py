"""What a warehouse answered, as templates read it: the response, and the table that can print itself."""

from __future__ import annotations

import re

from eltbuild.adapter import Answer
from eltbuild.compile.dbt.table import Table
from eltbuild.compile.rendering import Rendering

TAG = re.compile(r"([A-Z]+(?: [A-Z]+)*)(?: \d+)*?(?: (\d+))?")
"""The words of a command's tag and the last of its numbers, which are its rows: `INSERT 0 3`, `CREATE VIEW`."""


def told(message: str) -> tuple[str | None, int | None]:
    """The command that an engine's answer names, and its rows; none where it says no more than that all is well."""
    found = TAG.fullmatch(message) if message != "OK" else None
    return (found[1], int(found[2]) if found[2] else None) if found else (None, None)


class Response:
    """`adapter_response`: prints as its message."""

    def __init__(self, message: str = "OK", rows_affected: int | None = None, code: str | None = None) -> None:
        command, rows = told(message) if code is None else (code, None)
        self._message = message
        self.code = command
        self.rows_affected = rows if rows_affected is None else rows_affected
        self.query_id = None

    def __str__(self) -> str:
        return self._message


def table_of(rendering: Rendering, answer: Answer) -> Table:
    """The rows of an answer; what is printed of them is said as `print()` would say it."""

    def say(text: str) -> None:
        rendering.session.say(text, "info", "print", rendering.node.id if rendering.node else None)

    return Table.of(answer, say)
