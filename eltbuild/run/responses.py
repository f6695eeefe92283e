"""What a warehouse said to a statement, as artifacts keep it for whoever reads them. Nothing is asked."""

from __future__ import annotations

import re
from typing import Any

from eltbuild.adapter import Answer

TAG = re.compile(r"([A-Z]+(?: [A-Z]+)*)(?: \d+)*?(?: (\d+))?")
"""The words of a command's tag and the last of its numbers, which are its rows: `INSERT 0 3`, `CREATE VIEW`."""
WELL = "OK"


def response_of(answer: Answer) -> dict[str, Any]:
    """The engine's word, the command that it names with its rows, and the number of rows where the engine tells one."""
    message = answer.message or WELL
    found: dict[str, Any] = {"_message": message}
    tag = TAG.fullmatch(message)
    if tag is not None and message != WELL:
        found["code"] = tag[1]
        # A command that has no rows has -1 of them: so do drivers tell it, and dbt after them.
        found["rows_affected"] = int(tag[2]) if tag[2] else -1
    if answer.affected is not None:
        found["rows_affected"] = answer.affected
    return found
