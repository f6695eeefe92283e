"""Differences between a project and an earlier state of it, as text and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from textwrap import wrap
from typing import Any

from eltbuild.graph.contracts import Detail
from eltbuild.graph.differences import Change, Differences
from eltbuild.graph.state import State
from eltbuild.project.resources import NodeId
from eltbuild.report.artifacts import encode_json
from eltbuild.report.text import clean, count, cut, listed, padded, styled, width_of

Name = Callable[[NodeId], tuple[str, str]]
"""What people call a resource: its type in a word, and its name."""

HEADS = {"modified": "bold", "added": "bold green", "removed": "bold yellow"}
SHORT = 20
"""How many resources of one type are listed by name before the rest is only counted."""
FEW = 5
"""How many resources are named that stand on one."""
MOST = 12
"""How many details of one resource are told."""


def diff_text(
    found: Differences, state: State, name: Name, *, width: int = 0, colour: bool = False, unicode: bool = True
) -> str:
    """What breaks contracts first, then what else was modified, added and removed, then what stands on it."""
    say = _Lines(name, width, colour, "…" if unicode else "...")
    lines: list[str] = [styled(cut(_compared_with(state), width or 10_000), "dim", colour), ""]
    if found.breaking:
        lines += [styled(f"{count(len(found.breaking), 'breaking change')} of contracts", "bold red", colour)]
        for change in found.breaking:
            lines += say.breaking(change)
        lines.append("")
    for kind, style in HEADS.items():
        changes = [change for change in found.changes if change.change == kind and not change.breaking]
        if changes:
            lines += [styled(f"{len(changes):,} {kind}", style, colour), *say.section(changes), ""]
    if found.affected:
        lines += [styled(f"{count(len(found.affected), 'resource stands', 'resources stand')} on that", "bold", colour)]
        lines += [*say.affected(found.affected), ""]
    return "\n".join([*lines, diff_summary(found)])


def diff_summary(found: Differences) -> str:
    """`Diff: 2 modified, 1 added, 1 removed, 1 breaking`."""
    counts = {kind: sum(1 for change in found.changes if change.change == kind) for kind in HEADS}
    said = [f"{number:,} {kind}" for kind, number in counts.items() if number]
    if found.breaking:
        said.append(f"{len(found.breaking):,} breaking")
    return f"Diff: {', '.join(said) or 'nothing differs'}"


def _compared_with(state: State) -> str:
    written = f", written {state.generated_at[:19].replace('T', ' ')} UTC" if state.generated_at else ""
    return f"compared with {state.path}{written}"


class _Lines:
    """How changes are put on a terminal."""

    def __init__(self, name: Name, width: int, colour: bool, ellipsis: str) -> None:
        self._name, self._width, self._colour, self._ellipsis = name, width, colour, ellipsis

    def breaking(self, change: Change) -> Iterator[str]:
        """A change with all that it breaks, where, for whom, and what to do."""
        where = f"  ({change.place})" if change.place else ""
        yield f"  {_type(change.resource_type)} {styled(clean(change.name), 'bold', self._colour)}{where}"
        for detail in sorted(change.details, key=lambda detail: not detail.breaking):
            yield self._detail(detail, "      ")
        if change.affects:
            yield self._cut(
                f"      {'read by' if change.change == 'removed' else 'affects'} {self._few(change.affects)}"
            )
        if change.hint:
            yield f"      hint: {change.hint}"

    def section(self, changes: Sequence[Change]) -> Iterator[str]:
        """Changes that break nothing, each type of resource in a block."""
        for type, group in groupby(changes, key=lambda change: change.resource_type):
            members = list(group)
            for change in members[:SHORT]:
                line = self._cut(f"  {_type(type)} {clean(change.name)}")
                aspects = f"  {', '.join(change.aspects)}" if change.aspects else ""
                fits = not self._width or width_of(line + aspects) <= self._width
                yield line + (styled(aspects, "dim", self._colour) if fits else "")
                for detail in change.details[:MOST]:
                    yield self._detail(detail, "      ")
                if len(change.details) > MOST:
                    yield f"      {self._ellipsis} and {len(change.details) - MOST:,} more"
            if len(members) > SHORT:
                more = count(len(members) - SHORT, f"more {_type(type)}")
                yield styled(f"  {self._ellipsis} and {more}", "dim", self._colour)

    def affected(self, ids: Sequence[NodeId]) -> Iterator[str]:
        """What stands on changes, by type: whom it concerns by name, tests by their number."""
        named = sorted(map(self._name, ids), key=lambda item: (_RANKS.get(item[0], 2), item[0]))
        widest = max(len(type) for type, _ in named)
        for type, group in groupby(named, key=lambda item: item[0]):
            names = [clean(name) for _, name in group]
            more = f" {self._ellipsis} and {len(names) - SHORT:,} more" if len(names) > SHORT else ""
            shown = f"{len(names):,} of them" if type in COUNTED else ", ".join(names[:SHORT]) + more
            head = f"  {padded(type, widest)}  "
            yield "\n".join(wrap(shown, self._width or 10_000, initial_indent=head, subsequent_indent=" " * len(head)))

    def _few(self, ids: Sequence[NodeId]) -> str:
        named = sorted(map(self._name, ids), key=lambda item: _RANKS.get(item[0], 2))
        words = [f"{type} {name}" for type, name in named[:FEW]]
        rest = len(named) - FEW
        return listed([*words, *([f"{rest:,} more"] if rest > 0 else [])])

    def _detail(self, detail: Detail, margin: str) -> str:
        text = clean(detail.text).replace("\n", " ")
        if detail.breaking:
            return f"{margin}{styled('breaking:', 'red', self._colour)} {text}"
        return self._cut(f"{margin}{text}")

    def _cut(self, line: str) -> str:
        return cut(line, self._width, self._ellipsis) if self._width else line


COUNTED = frozenset({"test", "unit test"})
"""What is only counted where it stands on what has changed."""
_RANKS = {"exposure": 0, "model": 1, "unit test": 4, "test": 3}
"""Whom a change concerns first."""


def _type(resource_type: str) -> str:
    return resource_type.replace("_", " ")


def diff_json(found: Differences, state: State) -> str:
    """The differences, for programs."""
    kinds = {kind: sum(1 for change in found.changes if change.change == kind) for kind in HEADS}
    value = {
        "state": {"path": state.path, "generated_at": state.generated_at or None},
        "counts": {**kinds, "breaking": len(found.breaking), "affected": len(found.affected)},
        "changes": [_change(change) for change in found.changes],
        "affected": list(found.affected),
    }
    return encode_json(value).decode()


def _change(change: Change) -> dict[str, Any]:
    return {
        "unique_id": change.id,
        "resource_type": change.resource_type,
        "name": change.name,
        "change": change.change,
        "breaking": change.breaking,
        "aspects": list(change.aspects),
        "details": [
            {
                "what": detail.what,
                "text": detail.text,
                "subject": detail.subject or None,
                "before": detail.before,
                "after": detail.after,
                "breaking": detail.breaking,
            }
            for detail in change.details
        ],
        "file": change.place.path if change.place else None,
        "line": (change.place.line or None) if change.place else None,
        "hint": change.hint or None,
        "affects": list(change.affects),
    }
