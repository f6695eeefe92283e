"""How tests and sources ended, as the pages of `docs serve` tell it: read from artifacts, by what was tested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eltbuild.report.docs_html import listed, mapping, moment, table, told
from eltbuild.report.text import count
from eltbuild.values import dataclass

Found = Mapping[str, Any]

RANKS: Mapping[str, tuple[int, str]] = {
    "error": (0, "bad"), "runtime error": (0, "bad"), "fail": (1, "bad"), "warn": (2, "doubt"),
    "skipped": (3, "faint"), "pass": (4, "good"), "success": (4, "good"),
}  # fmt: skip
"""Statuses: which come first, and how they look."""
UNKNOWN = (3, "faint")
HEAD = {"test": "", "column": "brief", "status": "brief", "message": "words"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How something ended."""

    name: str
    status: str = ""
    """"" where it has not been asked in the last run."""
    text: str = ""
    """What there is to say of it: a message, how many rows."""
    column: str = ""


def verdicts(manifest: Found, results: Found) -> dict[str, list[Verdict]]:
    """The tests and unit tests of each resource, with how they ended in the run that the results are of; by id."""
    ended = {str(one.get("unique_id")): one for one in map(mapping, listed(results.get("results")))}
    found: dict[str, list[Verdict]] = {}
    for id, test, tested in _tests(manifest):
        result = mapping(ended.get(id))
        status = str(result.get("status") or "")
        verdict = Verdict(str(test.get("name")), status, _text(result, status), str(test.get("column_name") or ""))
        for one in tested:
            found.setdefault(one, []).append(verdict)
    return {id: sorted(ones, key=lambda one: (rank(one.status), one.name)) for id, ones in found.items()}


def _tests(manifest: Found) -> Iterator[tuple[str, Found, list[str]]]:
    for id, node in mapping(manifest.get("nodes")).items():
        test = mapping(node)
        if test.get("resource_type") == "test":
            hangs_on = test.get("attached_node")
            parents = listed(mapping(test.get("depends_on")).get("nodes"))
            yield str(id), test, [str(hangs_on)] if hangs_on else list(dict.fromkeys(map(str, parents)))
    for id, node in mapping(manifest.get("unit_tests")).items():
        test = mapping(node)
        parents = listed(mapping(test.get("depends_on")).get("nodes"))
        yield str(id), test, [str(parents[0])] if parents else []


def _text(result: Found, status: str) -> str:
    if status in ("pass", "success", "skipped"):
        return ""
    return str(result.get("message") or "")


def rank(status: str) -> int:
    """What is wrong comes first."""
    return RANKS.get(status, UNKNOWN)[0]


def badge(status: str, number: int | None = None) -> str:
    """A status, or how many have it, as HTML."""
    text = status if number is None else f"{number:,} {status}"
    return f'<span class="{RANKS.get(status, UNKNOWN)[1]}">{told(text)}</span>'


def in_short(verdicts: list[Verdict]) -> str:
    """`2 fail, 7 pass`, as HTML; "" where nothing is known of any."""
    known = [one.status for one in verdicts if one.status]
    return ", ".join(badge(status, known.count(status)) for status in sorted(set(known), key=rank))


def tests(verdicts: list[Verdict], asked_at: Any) -> str:
    """The tests of a resource as HTML; open where one of them is not fine."""
    if not verdicts:
        return ""
    known = in_short(verdicts)
    when = f' <span class="faint">({moment(asked_at)})</span>' if known and asked_at else ""
    head = f"<summary>{count(len(verdicts), 'test')}{f': {known}' if known else ''}{when}</summary>"
    rows = [
        [told(one.name), told(one.column), badge(one.status or "not in the last run"), told(one.text)]
        for one in verdicts
    ]
    opened = " open" if any(rank(one.status) < UNKNOWN[0] for one in verdicts) else ""
    return f"<details{opened}>{head}{table(HEAD, rows)}</details>"


def freshness(sources: Found) -> dict[str, str]:
    """How fresh each source was found to be, as HTML; by id."""
    found: dict[str, str] = {}
    for one in map(mapping, listed(sources.get("results"))):
        status = str(one.get("status") or "")
        loaded = one.get("max_loaded_at")
        text = f"loaded {moment(loaded)}" if loaded and not str(loaded).startswith("0001-") else told(one.get("error"))
        asked = (
            f', <span class="faint">asked {moment(one["snapshotted_at"])}</span>' if one.get("snapshotted_at") else ""
        )
        found[str(one.get("unique_id"))] = f"<p>freshness: {badge(status)}{f', {text}' if text else ''}{asked}</p>"
    return found


def freshness_in_short(sources: Found) -> dict[str, str]:
    """The status of each source that was looked at, as HTML; by id."""
    results = map(mapping, listed(sources.get("results")))
    return {str(one.get("unique_id")): badge(str(one.get("status") or "")) for one in results}
