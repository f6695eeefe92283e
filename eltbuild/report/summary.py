"""The end of a run in a few lines: counts, failures, and how to go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from eltbuild.report.blocks import outcome_blocks
from eltbuild.report.labels import Lookup
from eltbuild.report.lines import WORDS, Safe
from eltbuild.report.text import count, duration, listed, styled
from eltbuild.run.events import FAILED, Finished, RunFinished


def finished_running(finished: Sequence[Finished], lookup: Lookup, seconds: float) -> str:
    """`Finished running 6 tables, 14 tests in 1.75s`."""
    kinds = Counter(lookup(event.node).kind or "node" for event in finished)
    counted = ", ".join(count(number, singular(kind), plural(kind)) for kind, number in sorted(kinds.items()))
    return f"Finished running {counted or 'nothing'} in {duration(seconds)}."


def singular(kind: str) -> str:
    """The word for one of a kind."""
    return f"{kind} model" if kind in ("incremental", "ephemeral") else kind


def plural(kind: str) -> str:
    """The word for several of a kind."""
    word = singular(kind)
    return word[:-1] + "ies" if word.endswith("y") else word + "s"


def tally(finished: Iterable[Finished]) -> dict[str, int]:
    """How many under each of dbt's counters."""
    counts = dict.fromkeys(("PASS", "WARN", "ERROR", "SKIP", "NO-OP"), 0)
    for event in finished:
        word = WORDS.get(event.status)
        if word:
            counts[word.tally] += 1
    return counts


def done_line(finished: Sequence[Finished]) -> str:
    """`Done. PASS=26 WARN=1 ...`: the line that schedulers look for."""
    counts = tally(finished)
    parts = [f"{key}={value}" for key, value in counts.items()]
    return f"Done. {' '.join(parts)} REUSED=0 TOTAL={len(finished)}"


def headline(finished: Sequence[Finished], event: RunFinished, planned: int) -> tuple[str, str]:
    """The outcome in one sentence, and its style."""
    failed = sum(1 for one in finished if one.status in FAILED)
    warned = sum(1 for one in finished if one.status == "warn")
    skipped = sum(1 for one in finished if one.status == "skipped")
    good = len(finished) - failed - warned - skipped
    parts = [f"{good:,} succeeded"] if good else []
    parts += [f"{failed:,} failed"] if failed else []
    parts += [count(warned, "warning")] if warned else []
    parts += [f"{skipped:,} skipped"] if skipped else []
    if len(finished) < planned:
        parts += [f"{planned - len(finished):,} not begun"]
    said = listed(parts) or "nothing to do"
    if event.interrupted:
        return f"Interrupted: {said}", "bold red"
    style = "bold red" if failed else "bold yellow" if warned else "bold green"
    return f"{'Completed with failures' if failed else 'Completed'}: {said}", style


def summary_lines(
    finished: Sequence[Finished],
    lookup: Lookup,
    event: RunFinished,
    *,
    planned: int,
    colour: bool,
    safe: Safe,
    program: str,
) -> Iterator[str]:
    """All that a reader of only the last screen should know."""
    yield ""
    yield finished_running(finished, lookup, event.seconds)
    yield from outcome_blocks(finished, lookup, colour=colour, safe=safe)
    yield ""
    text, style = headline(finished, event, planned)
    yield styled(text, style, colour)
    again = any(one.status in FAILED or one.status == "skipped" for one in finished)
    if program and (again or event.interrupted):
        yield f"To run again only what failed or was skipped: {styled(f'{program} retry', 'bold', colour)}"
    yield done_line(finished)


def timing_note(event: Finished) -> str:
    """`compile 0.01s, execute 0.40s`."""
    phases = [
        f"{timing.name} {duration((timing.completed_at - timing.started_at).total_seconds())}"
        for timing in event.timing
    ]
    return ", ".join(phases)
