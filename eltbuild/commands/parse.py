"""`eltbuild parse`."""

from __future__ import annotations

from collections import Counter

from eltbuild.commands.opening import open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT, Reporter, has_manifest, write_manifest
from eltbuild.project.project import Project


def command(options: Options) -> int:
    """Read and check the project, and write its manifest; the exit code."""
    opened = open_project(options, "parse")
    with Reporter(opened) as reporter:
        reporter.problems(opened.project.problems)
        if options.write_json is not False and not has_manifest(opened):
            write_manifest(opened, {})
        if reporter.console is not None:
            reporter.console.note(summary(opened.project, opened.fresh))
        reporter.completed(True)
    return EXIT.ok


def summary(project: Project, fresh: bool) -> str:
    """What was found, in a line."""
    counts = Counter(resource.resource_type for resource in project.resources())
    parts = ", ".join(f"{number:,} {_noun(kind, number)}" for kind, number in counts.items())
    return f"found {parts or 'nothing'}" + ("" if fresh else " (unchanged)")


def _noun(kind: str, number: int) -> str:
    word = kind.replace("_", " ")
    if number == 1:
        return word
    return {"analysis": "analyses", "saved query": "saved queries"}.get(word, f"{word}s")
