"""Problems and failures as blocks of lines: what, where, why, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from eltbuild.errors import Problem
from eltbuild.report.labels import Label, Lookup
from eltbuild.report.lines import Safe, detail
from eltbuild.report.text import styled
from eltbuild.run.events import FAILED, Finished

TAGS: Mapping[str, tuple[str, str]] = {
    "error": ("[ERROR]", "bold red"),
    "warning": ("[WARNING]", "bold yellow"),
}


LINES = 40
CHARACTERS = 2000
"""How much of one message is shown."""


def tag(severity: str, colour: bool) -> str:
    """`[ERROR]` or `[WARNING]`."""
    text, style = TAGS[severity]
    return styled(text, style, colour)


def problem_lines(problem: Problem, *, colour: bool, safe: Safe) -> Iterator[str]:
    """What is wrong, where, and how to mend it."""
    place = f"{safe(str(problem.place))}: " if problem.place else ""
    first, *rest = shortened(safe(problem.message)) or [""]
    yield f"{tag(problem.severity, colour)}: {styled(place, 'bold', colour)}{first}"
    yield from _indented(rest)
    if problem.hint:
        yield from _indented(f"{styled('hint:', 'cyan', colour)} {safe(problem.hint)}".splitlines())


def shortened(text: str) -> list[str]:
    """The lines of a text, at most `LINES` of at most `CHARACTERS`: some engines repeat the whole statement."""
    lines = text.splitlines()
    shown = [line if len(line) <= CHARACTERS else line[:CHARACTERS] + " ..." for line in lines[:LINES]]
    return shown if len(lines) <= LINES else [*shown, f"... and {len(lines) - LINES:,} more lines, all in the log"]


def _indented(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f"    {line}"


def outcome_lines(event: Finished, label: Label, *, colour: bool, safe: Safe) -> Iterator[str]:
    """The block of a node that failed or warned: what, where, why, and where its SQL lies."""
    severity = "error" if event.status in FAILED else "warning"
    problem = event.error
    place = (problem.place if problem else None) or label.place
    where = f" ({safe(str(place))})" if place else ""
    name = label.name if label.resource != "unit_test" else label.name.rpartition("::")[2]
    what = f"{label.resource.replace('_', ' ')} {name}"
    if "max_loaded_at" in event.extra and severity == "warning":
        what = f"WARN freshness of {name}"
        yield f"{tag(severity, colour)}: {styled(safe(what), 'bold', colour)}{where}"
    else:
        yield f"{tag(severity, colour)}: in {styled(safe(what), 'bold', colour)}{where}"
    said = problem.message if problem else event.message or detail(event) or event.status
    yield from _indented(shortened(safe(said)))
    if problem and problem.hint:
        yield from _indented(f"{styled('hint:', 'cyan', colour)} {safe(problem.hint)}".splitlines())
    if label.compiled and event.compiled_code is not None:
        yield f"    {styled('compiled code at ' + label.compiled, 'dim', colour)}"
    if label.resource == "test" and event.relation_name and event.failures:
        yield f"    {styled('failing rows: select * from ' + safe(event.relation_name), 'dim', colour)}"


def outcome_blocks(finished: Sequence[Finished], lookup: Lookup, *, colour: bool, safe: Safe) -> Iterator[str]:
    """Warnings, then failures: the worst stands nearest to the prompt."""
    for statuses in ({"warn"}, FAILED):
        for one in finished:
            if one.status in statuses:
                yield ""
                yield from outcome_lines(one, lookup(one.node), colour=colour, safe=safe)
