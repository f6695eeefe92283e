"""A plan as text: what will be built, what is reused, what is skipped, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from eltbuild.plan.nouns import Decision, Plan
from eltbuild.report.artifacts import encode_json
from eltbuild.report.labels import Lookup
from eltbuild.report.text import clean, count, cut, padded, styled, width_of

HEADS: Mapping[str, tuple[str, str]] = {
    "build": ("to build", "bold green"),
    "reuse": ("to reuse as they stand", "bold"),
    "skip": ("to skip", "bold yellow"),
}
SHORT = 20
"""How many nodes with one and the same reason are listed by name before the rest is only counted."""


def plan_text(
    plan: Plan, lookup: Lookup, *, width: int = 0, colour: bool = False, unicode: bool = True, full: bool = False
) -> str:
    """The decisions under their action and their reason, in the plan's order; a line for each node.

    Of many nodes that are reused or skipped for one reason, only the first are named unless `full`.
    """
    lines: list[str] = []
    for action, (head, style) in HEADS.items():
        chosen = [decision for decision in plan.decisions if decision.action == action]
        if chosen:
            lines += [styled(f"{count(len(chosen), 'node')} {head}", style, colour)]
            lines += _section(chosen, lookup, width, colour, "…" if unicode else "...", full)
            lines.append("")
    lines.append(plan_summary(plan))
    return "\n".join(lines)


def _section(
    decisions: Sequence[Decision], lookup: Lookup, width: int, colour: bool, ellipsis: str, full: bool
) -> Iterator[str]:
    kind = max(len(lookup(decision.node).kind) for decision in decisions)
    reasons = {decision.reason: position for position, decision in reversed(list(enumerate(decisions)))}
    ordered = sorted(decisions, key=lambda decision: reasons[decision.reason])
    for reason, group in groupby(ordered, key=lambda decision: decision.reason):
        members = list(group)
        said = clean(reason) or "no reason given"
        yield f"  {styled(cut(said, width - 2, ellipsis) if width else said, 'cyan', colour)}"
        listed = members if full or members[0].action == "build" or len(members) <= SHORT else members[: SHORT // 2]
        for decision in listed:
            label = lookup(decision.node)
            line = f"    {padded(label.kind, kind)}  {label.name}"
            yield cut(line, width, ellipsis) if width and width_of(line) > width else line
        if len(listed) < len(members):
            yield styled(f"    {ellipsis} and {len(members) - len(listed):,} more", "dim", colour)


def plan_summary(plan: Plan) -> str:
    """`Plan: 12 to build, 30 to reuse, 1 to skip`."""
    counts = {action: sum(1 for decision in plan.decisions if decision.action == action) for action in HEADS}
    said = ", ".join(f"{number:,} to {action}" for action, number in counts.items() if number)
    return f"Plan: {said or 'nothing to do'}"


def plan_json(plan: Plan, lookup: Lookup) -> str:
    """The decisions in order, for programs: `{"decisions": [{node, action, reason, kind, name}]}`."""
    decisions = []
    for decision in plan.decisions:
        label = lookup(decision.node)
        decisions.append(
            {
                "node": decision.node,
                "action": decision.action,
                "reason": decision.reason,
                "kind": label.kind,
                "name": label.name,
            }
        )
    return encode_json({"decisions": decisions}).decode()
