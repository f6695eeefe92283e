"""The record of trials as tables of a page."""

from __future__ import annotations

import json
import platform
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- measured: written by tests/faults -->", "<!-- end of measured -->"


def written(page: Path, records: Iterable[Path], command: str) -> None:
    """The page has a new table between its two marks. Raises `ValueError` where they are missing."""
    text = page.read_text()
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{page} has no place for the table: {BEGIN} ... {END}")
    verdicts = [json.loads(line) for path in records for line in path.read_text().splitlines()]
    page.write_text(pattern.sub(lambda _: f"{BEGIN}\n{measured(verdicts, command)}\n{END}", text))


def measured(verdicts: Sequence[Mapping[str, Any]], command: str) -> str:
    """What was tried and what came of it, by fault and by project."""
    day = datetime.now(UTC).date().isoformat()
    engines = sorted({one["versions"] for one in verdicts if one["versions"]})
    versions = [f"eltbuild {version('eltbuild')}", *engines, f"Python {platform.python_version()}", platform.system()]
    return "\n".join([
        f"Measured on {day} with {', '.join(versions)}, by `{command}`: {len(verdicts)} trials.",
        "",
        *_table("fault", verdicts, lambda one: one["fault"]),
        "",
        *_table("project", verdicts, lambda one: one["kind"]),
    ])  # fmt: skip


def _table(title: str, verdicts: Sequence[Mapping[str, Any]], key: Any) -> list[str]:
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for one in verdicts:
        groups[key(one), one["engine"]].append(one)
    head = ["engine", title, "tried", "came in time", "neither old nor new", "rows lost", "rows duplicated",
            "runs needing repair"]  # fmt: skip
    lines = [f"| {' | '.join(head)} |", "|---|---|" + "---:|" * (len(head) - 2)]
    for (name, engine), found in sorted(groups.items(), key=lambda item: (item[0][1], item[0][0])):
        counts = [
            len(found),
            sum(bool(one["hit"]) for one in found),
            sum(bool(one["torn"]) for one in found),
            sum(one["lost"] for one in found),
            sum(one["duplicated"] for one in found),
            sum(bool(one["repairs"] or one["wrong"]) for one in found),
        ]
        lines.append(f"| {engine} | {name} | {' | '.join(map(str, counts))} |")
    return lines
