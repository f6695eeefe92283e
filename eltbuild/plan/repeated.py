"""Keys that come more than once where one row for each is meant: the question, and what to say. Nothing is run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eltbuild.adapter import Answer
from eltbuild.errors import Problem, Severity
from eltbuild.plan.nouns import Check, Facts

EXAMPLES = 5
"""How many keys are told."""
LONGEST = 60
"""How much of a long key is told."""


def repeated(
    facts: Facts, names: Sequence[str], rows: str, source: str, hint: str, severity: Severity = "error"
) -> Check:
    """Refuse the node, or warn, where a key comes more than once in a table.

    `names` are the parts of the key as the user knows them; `rows` gives for each key that repeats its parts, how
    often it comes, and how many such keys there are.
    """

    node = facts.node

    def problem(answer: Answer) -> Problem:
        width = len(names)
        text = f"the unique_key ({', '.join(names)}) of `{node.name}` comes more than once in {source}"
        if not facts.examples:
            count = f"{int(answer.rows[0][width + 1]):,} of its values"
            return Problem(f"{text}: {count}", node.place, hint, severity, "RepeatedKeys")
        told = [f"{_key(row[:width])} ({row[width]} times)" for row in answer.rows[:EXAMPLES]]
        more = int(answer.rows[0][width + 1]) - len(told)
        tail = f" and {more:,} more" if more else ""
        return Problem(f"{text}: {', '.join(told)}{tail}", node.place, hint, severity, "RepeatedKeys")

    return Check(rows, problem)


def _key(values: Sequence[Any]) -> str:
    texts = [shown(value) for value in values]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def shown(value: Any) -> str:
    """A value as a person would write it, cut where it is long."""
    if value is None:
        return "NULL"
    text = f"'{value}'" if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
