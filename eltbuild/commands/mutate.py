"""`eltbuild mutate`: which small changes of a model no unit test notices."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence

from eltbuild.commands.opening import Opened, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT, Reporter, exit_code, masking
from eltbuild.commands.selecting import choose
from eltbuild.commands.signals import heeding
from eltbuild.commands.unit_tests import benched, tests_by_model
from eltbuild.errors import Problem, UsageError
from eltbuild.project.resources import Node
from eltbuild.report.mutations import as_json, lines, summary
from eltbuild.report.terminal import terminal_of
from eltbuild.run.events import Message, Results
from eltbuild.run.sessions import Connections
from eltbuild.run.stop import Stop
from eltbuild.run.unit_tests.bench import open_bench
from eltbuild.run.unit_tests.judging import data_tests_of
from eltbuild.run.unit_tests.mutating import Examined, examine
from eltbuild.values import replace

NAME = "mutate"


def command(options: Options) -> int:
    """Change each selected model, and print which changes its unit tests do not notice; the exit code."""
    if options.data_tests:
        # An incremental model is looked at as a whole: the rows of one run alone would be judged otherwise.
        options = replace(options, full_refresh=True)
    opened = open_project(options, NAME)
    try:
        with Reporter(opened) as reporter:
            chosen = choose(opened, NAME)
            reporter.problems((*opened.project.problems, *chosen.warnings))
            nodes = models(opened, [node for node in chosen.resources(opened.project) if isinstance(node, Node)])
            found, stop = examined(opened, nodes, reporter)
            passed = is_enough(found, options.min_score) and not stop.number
            if options.output == "json":
                value = {"models": [as_json(opened.project, one) for one in found], **summary(found)}
                sys.stdout.write(masking(opened)(json.dumps(value, indent=2)) + "\n")
            reporter.completed(passed)
        if stop.number:
            return exit_code(Results((), 0, True, stop.number))
        return EXIT.ok if passed else EXIT.failed
    finally:
        opened.adapter.close()


def models(opened: Opened, nodes: Sequence[Node]) -> list[Node]:
    """The SQL models with tests among them that can notice something. Raises `UsageError` where there are none."""
    tests = tests_by_model(opened.project)
    found = [node for node in nodes if node.language == "sql" and (tests.get(node.id) or judges(opened, node))]
    if not found:
        named = ", ".join(f"`{node.name}`" for node in nodes[:5])
        if not nodes:
            raise UsageError(Problem("no model is selected"))
        kind = "test" if opened.options.data_tests else "unit test"
        what = f"{named} {'has' if len(nodes) == 1 else 'have'} no {kind}"
        hint = f"write one, or record it from real rows: eltbuild unit-test --record {nodes[0].name}"
        if not opened.options.data_tests and any(data_tests_of(opened.project, node) for node in nodes):
            hint += "; or let its data tests judge the changes over real rows: --data-tests"
        raise UsageError(Problem(what, hint=hint))
    return found


def judges(opened: Opened, node: Node) -> Sequence[Node]:
    """The data tests that are asked, too: none without `--data-tests`."""
    return data_tests_of(opened.project, node) if opened.options.data_tests else ()


def examined(opened: Opened, nodes: Sequence[Node], reporter: Reporter) -> tuple[list[Examined], Stop]:
    """What came of each model; told as it becomes known."""
    stop = Stop()
    tests = tests_by_model(opened.project)
    connections = Connections(opened.adapter, stop=stop)
    bench = open_bench(opened.project.target, stop, opened.adapter.dialect)
    found: list[Examined] = []

    def cancel() -> None:
        connections.cancel()
        bench.connections.cancel()

    try:
        with heeding(stop, cancel):
            work = benched(opened, connections, bench, reporter)
            for number, node in enumerate(nodes, 1):
                stop.heed()
                one = examine(work, node, tests.get(node.id, ()), judges(opened, node))
                found.append(one)
                tell(opened, lines(opened.project, one, f"{number} of {len(nodes)}", _width(opened)))
        tell(opened, _total(found))
    except KeyboardInterrupt:
        reporter.handle(Message("interrupted", "warn"))
    finally:
        connections.close()
        bench.close()
    return found, stop


def is_enough(found: Sequence[Examined], least: float | None) -> bool:
    """Whether all unit tests pass as the models stand, and notice the share of the changes that is asked for."""
    if any(one.problems for one in found):
        return False
    return least is None or all(one.score is None or one.score >= least for one in found)


def tell(opened: Opened, text: Iterator[str]) -> None:
    """Print lines, unless the output is for programs."""
    if opened.options.output != "json":
        mask = masking(opened)
        sys.stdout.writelines(f"{mask(line)}\n" for line in text)
        sys.stdout.flush()


def _total(found: Sequence[Examined]) -> Iterator[str]:
    total = summary(found)
    if len(found) > 1:
        yield f"{total['noticed']:,} of {total['changes']:,} changes of {len(found):,} models are noticed"


def _width(opened: Opened) -> int:
    return terminal_of(sys.stdout, opened.project.environment, colours=opened.options.use_colors).width
