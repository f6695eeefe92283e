"""What commands that work with unit tests share: the tests of each model, and where they run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from eltbuild.commands.opening import Opened
from eltbuild.commands.reporting import Reporter
from eltbuild.commands.working import work_of
from eltbuild.project.project import Project
from eltbuild.project.resources import NodeId, UnitTest
from eltbuild.run.sessions import Connections
from eltbuild.run.unit_tests.bench import Bench
from eltbuild.run.work import Work


def tests_by_model(project: Project) -> Mapping[NodeId, Sequence[UnitTest]]:
    """The unit tests of each model, in the order of their names."""
    found: dict[NodeId, list[UnitTest]] = defaultdict(list)
    for test in sorted(project.unit_tests.values(), key=lambda test: test.id):
        if test.parents:
            found[test.parents[0]].append(test)
    return found


def benched(opened: Opened, connections: Connections, bench: Bench, reporter: Reporter) -> Work:
    """What running unit tests outside of a run takes."""
    return work_of(opened, connections, reporter, bench=bench)
