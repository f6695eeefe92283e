"""What commands that work with unit tests share: the tests of each model, and where they run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from eltbuild.commands.opening import Opened
from eltbuild.commands.reporting import Reporter
from eltbuild.compile.compiler import Compiler
from eltbuild.project.project import Project
from eltbuild.project.resources import NodeId, UnitTest
from eltbuild.run.catalogue import Catalogue
from eltbuild.run.events import Message
from eltbuild.run.sessions import Connections
from eltbuild.run.unit_tests.bench import Bench
from eltbuild.run.work import Work
from eltbuild.sql.writer import Writer
from eltbuild.values import replace


def tests_by_model(project: Project) -> Mapping[NodeId, Sequence[UnitTest]]:
    """The unit tests of each model, in the order of their names."""
    found: dict[NodeId, list[UnitTest]] = defaultdict(list)
    for test in sorted(project.unit_tests.values(), key=lambda test: test.id):
        if test.parents:
            found[test.parents[0]].append(test)
    return found


def benched(opened: Opened, connections: Connections, bench: Bench, reporter: Reporter) -> Work:
    """What running unit tests outside of a run takes. What they say is told at once."""

    def say(text: str, level: str, kind: str, node: str | None) -> None:
        if level not in ("debug", "info"):
            reporter.handle(Message(text, level, node, kind))  # type: ignore[arg-type]

    session = replace(opened.session, say=say)
    return Work(
        session=session,
        compiler=Compiler(session),
        connections=connections,
        writer=Writer(opened.adapter.dialect, opened.adapter.capabilities),
        catalogue=Catalogue(opened.adapter.capabilities.exact_names),
        now=session.invocation.started_at,
        bench=bench,
    )
