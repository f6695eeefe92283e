"""What a statement of unknown make does, as far as its words tell: whether it only reads, or ends a transaction."""

from __future__ import annotations

import re

_LEAD = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/|\()*", re.DOTALL)
_READS = re.compile(
    r"(?:from|values|table|show|describe|desc|summarize|pragma|set|reset|use|load|\Z)\b|\Z"
    r"|select\b(?!.*\binto\b)|explain\b(?!.*\banalyze\b)|with\b(?!.*\b(?:insert|update|delete|merge|into)\b)",
    re.IGNORECASE | re.DOTALL,
)


def only_reads(sql: str) -> bool:
    """Whether every statement of a text leaves nothing behind but in its own session, unless a function in it does.

    A word such as `into` that stands in a value makes it count as writing: then it is not repeated.
    """
    return all(_READS.match(part, _lead(part)) for part in sql.split(";"))


_ENDS = re.compile(r"(?:commit|rollback|abort|end|begin|start\s+transaction)\b", re.IGNORECASE)
_ENDING = re.compile(r"commit|rollback|abort|end|begin|start", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/", re.DOTALL)


def ends_transaction(sql: str) -> bool:
    """Whether a statement of a text is one that begins or ends a transaction."""
    if not _ENDING.search(sql):
        return False
    # Comments go, and of quoted text nothing is left but that it is one.
    bare = _QUOTED.sub(lambda found: " " if found[0][:2] in ("--", "/*") else "''", sql)
    return any(_ENDS.match(part, _lead(part)) for part in bare.split(";"))


def _lead(text: str) -> int:
    found = _LEAD.match(text)
    return found.end() if found else 0
