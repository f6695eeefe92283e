"""What came of changes to models, as lines for people and as data for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eltbuild.project.project import Project
from eltbuild.report.text import clean, count
from eltbuild.run.unit_tests.mutating import Change, Examined

KINDS: Mapping[str, str] = {
    "predicate": "a predicate that always holds",
    "join": "another join",
    "comparison": "another comparison",
    "connective": "AND and OR",
    "negation": "a dropped NOT",
    "null": "IS NULL and IS NOT NULL",
    "arithmetic": "another operator",
    "function": "another function",
    "distinct": "DISTINCT",
    "union": "UNION and UNION ALL",
    "case": "the branches of CASE",
    "fallback": "no fallback for NULL",
    "order": "the other order",
    "literal": "another value",
}


def lines(project: Project, one: Examined, which: str, width: int) -> Iterator[str]:
    """What came of one model, and each change that no test notices."""
    node = project.nodes[one.node]
    if one.problems:
        yield f"{which}  FAILED  {clean(node.name)}  its tests must pass before anything is changed"
        for problem in one.problems:
            yield from (f"    {line}".rstrip() for line in str(problem).splitlines())
        return
    counts = ((one.tests, "unit test"), (one.data_tests, "data test"))
    tests = " and ".join(count(len(names), what) for names, what in counts if names)
    if not one.changes:
        yield f"{which}  {clean(node.name)}  there is nothing to change in its query"
        return
    yield (
        f"{which}  {clean(node.name)}  {one.noticed:,} of {count(len(one.changes), 'change')} noticed"
        f" ({one.score:.0f}%) by {tests}{_by_other_means(one)}"
    )
    if one.failing:
        yield f"    not asked, for they do not pass as the model stands: {', '.join(map(clean, one.failing))}"
    left = [change for change in one.changes if not change.noticed]
    if left:
        yield "    no test notices:"
    for change in left:
        yield ""
        place = str(change.place) if change.place else f"{node.project_path}, compiled"
        yield f"    {clean(place)}  {KINDS[change.kind]}"
        yield from _difference(change, max(width - 8, 40) if width else 100_000)
    if left:
        yield ""


def _by_other_means(one: Examined) -> str:
    """How many changes were noticed by no rows: they count, and say less of the tests."""
    errors = sum(1 for change in one.changes if change.how == "error")
    endless = sum(1 for change in one.changes if change.how == "time")
    said = [f"{errors:,} of them by an error"] if errors else []
    said += [f"{endless:,} for not ending"] if endless else []
    return f", {' and '.join(said)}" if said else ""


def _difference(change: Change, width: int) -> Iterator[str]:
    before, after = change.before.splitlines(), change.after.splitlines()
    for mark, rows, others in (("-", before, after), ("+", after, before)):
        for row in rows:
            yield f"      {mark} {clean(_window(row, others, width))}"


def _window(row: str, others: Sequence[str], width: int) -> str:
    """A line that fits, with the part in which it differs from the other side."""
    if len(row) <= width:
        return row
    other = others[0] if others else ""
    same = next((i for i, (a, b) in enumerate(zip(row, other, strict=False)) if a != b), 0)
    start = max(same - width // 3, 0)
    part = row[start : start + width - 6]
    return f"{'...' if start else ''}{part}{'...' if start + width - 6 < len(row) else ''}"


def as_json(project: Project, one: Examined) -> dict[str, Any]:
    """What came of one model."""
    return {
        "unique_id": one.node,
        "path": project.nodes[one.node].project_path,
        "unit_tests": list(one.tests),
        "data_tests": list(one.data_tests),
        "score": None if one.score is None else round(one.score, 2),
        "problems": [str(problem) for problem in one.problems],
        "changes": [_change(change) for change in one.changes],
    }


def _change(change: Change) -> dict[str, Any]:
    place = change.place
    return {
        "kind": change.kind,
        "path": place.path if place else None,
        "line": place.line or None if place else None,
        "column": place.column or None if place else None,
        "before": change.before,
        "after": change.after,
        "noticed": bool(change.noticed),
        "noticed_by": change.noticed or None,
        "noticed_through": change.how or None,
    }


def summary(found: Sequence[Examined]) -> dict[str, Any]:
    """All models together."""
    changes, noticed = sum(len(one.changes) for one in found), sum(one.noticed for one in found)
    return {"changes": changes, "noticed": noticed, "score": round(100 * noticed / changes, 2) if changes else None}
