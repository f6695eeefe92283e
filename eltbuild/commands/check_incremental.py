"""`eltbuild check-incremental`: whether a model that is built step by step comes to what its full query gives."""

from __future__ import annotations

import re
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress

from eltbuild.commands.claiming import books_of, run_of
from eltbuild.commands.opening import Opened, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT, Reporter, exit_code, masking
from eltbuild.commands.selecting import choose
from eltbuild.commands.signals import heeding
from eltbuild.commands.windows import time_of
from eltbuild.commands.working import work_of
from eltbuild.errors import DatabaseError, Problem, UsageError
from eltbuild.project.resources import Node
from eltbuild.relation import Relation
from eltbuild.report.text import clean
from eltbuild.run.events import Message, Results
from eltbuild.run.ledger.opening import claimed
from eltbuild.run.ledger.port import Ledger
from eltbuild.run.replay import Asked, Verdict, replay
from eltbuild.run.sessions import Connections
from eltbuild.run.stop import Stop
from eltbuild.run.work import Work

NAME = "check-incremental"
SCHEMA = "eltbuild_check_"
"""How the names of the schemas begin in which models are built again; the run's suffix follows."""
OWN_SCHEMA = re.compile(rf"{SCHEMA}([0-9a-f]{{8}})\Z")
DELTAS = 3


def command(options: Options) -> int:
    """Play the history of each selected model, and print what came of it; the exit code."""
    opened = open_project(options, NAME)
    try:
        with Reporter(opened) as reporter:
            chosen = choose(opened, NAME)
            reporter.problems((*opened.project.problems, *chosen.warnings))
            nodes = incremental_ones(opened, [n for n in chosen.resources(opened.project) if isinstance(n, Node)])
            verdicts, stop = checked(opened, nodes, reporter)
            reporter.completed(all(verdict.outcome == "equal" for verdict in verdicts) and not stop.number)
        if stop.number:
            return exit_code(Results((), 0, True, stop.number))
        return EXIT.ok if all(verdict.outcome == "equal" for verdict in verdicts) else EXIT.failed
    finally:
        opened.adapter.close()


def incremental_ones(opened: Opened, nodes: Sequence[Node]) -> list[Node]:
    """The incremental models among them. Raises `UsageError` where there are none."""
    found = [node for node in nodes if node.materialized == "incremental" and node.relation is not None]
    if not found:
        named = ", ".join(f"`{node.name}`" for node in nodes[:5])
        what = f"{named} {'is' if len(nodes) == 1 else 'are'} not incremental" if nodes else "nothing is selected"
        raise UsageError(Problem(what, hint="name incremental models: eltbuild check-incremental MODEL"))
    return found


def checked(opened: Opened, nodes: Sequence[Node], reporter: Reporter) -> tuple[list[Verdict], Stop]:
    """Check each; what was made for it is gone afterwards, also after a stop or an error."""
    stop = Stop()
    connections = Connections(opened.adapter, stop=stop)
    verdicts: list[Verdict] = []
    ledger, status = _journal(opened, nodes, reporter, stop), "error"
    try:
        with heeding(stop, connections.cancel):
            work = replayed(opened, connections, reporter)
            _clear(work, ledger)
            for number, node in enumerate(nodes, 1):
                verdict = in_schema(work, node, opened.options)
                verdicts.append(verdict)
                tell(opened, verdict, f"{number} of {len(nodes)}", reporter)
        status = "success" if all(verdict.outcome == "equal" for verdict in verdicts) else "error"
    except KeyboardInterrupt:
        status = "cancelled"
        reporter.handle(Message("interrupted: what was made for the check is dropped again", "warn"))
    finally:
        connections.close()
        ledger.close(status)
    return verdicts, stop


def in_schema(work: Work, node: Node, options: Options) -> Verdict:
    """Check one model in a schema that is made for it and dropped again."""
    assert node.relation is not None
    schema = Relation(node.relation.database, f"{SCHEMA}{work.temporary}", None)
    connection = work.connections.here()
    connection.execute(work.writer.create_schema(schema))
    try:
        asked = Asked(schema, options.deltas or DELTAS, options.cut or "", options.exclude_columns)
        return replay(work, node, asked)
    finally:
        work.connections.go_on()
        connection.dismiss(work.writer.drop_schema(schema))


def replayed(opened: Opened, connections: Connections, reporter: Reporter) -> Work:
    """What doing the models takes, within the window that was asked for."""
    options = opened.options
    window = (
        time_of("--event-time-start", options.event_time_start),
        time_of("--event-time-end", options.event_time_end),
    )
    suffix = opened.session.invocation.invocation_id.replace("-", "")[:8]
    return work_of(opened, connections, reporter, temporary=suffix, window=window)


def _journal(opened: Opened, nodes: Sequence[Node], reporter: Reporter, stop: Stop) -> Ledger:
    """Where it is written down that this runs, so that others can tell when it is over. Nothing is claimed."""
    run = run_of(opened, NAME, [node.id for node in nodes], ())
    claiming: Generator[Message, None, Ledger] = claimed(books_of(opened, stop=stop), run)
    while True:
        try:
            reporter.handle(next(claiming))
        except StopIteration as end:
            ledger: Ledger = end.value
            return ledger


def _clear(work: Work, ledger: Ledger) -> None:
    """Drop the schemas of checks that were cut short."""
    connection = work.connections.here()
    database = work.session.project.target.database
    text = f"select catalog_name, schema_name from information_schema.schemata where schema_name like '{SCHEMA}%'"
    with suppress(DatabaseError):
        for catalogue, name in connection.execute(text).rows:
            found = OWN_SCHEMA.fullmatch(str(name))
            if found and found[1] != work.temporary and ledger.is_over(found[1]):
                place = Relation(str(catalogue) if database else None, str(name), None)
                connection.dismiss(work.writer.drop_schema(place))


# Told

WORDS = {"equal": "EQUAL", "different": "DIFFERENT", "failed": "FAILED"}


def tell(opened: Opened, verdict: Verdict, which: str, reporter: Reporter) -> None:
    """Print what came of one model; where the log goes to stdout, it is an entry of the log."""
    mask = masking(opened)
    text = mask("\n".join(lines(opened, verdict, which)))
    if opened.options.log_format == "json":
        reporter.handle(Message(text, "info" if verdict.outcome == "equal" else "error", verdict.node))
    else:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def lines(opened: Opened, verdict: Verdict, which: str) -> Iterator[str]:
    """What came of it, how history was divided, and then how the rows differ, or what failed."""
    node = opened.project.nodes[verdict.node]
    place = f"{node.relation.schema}.{node.relation.identifier}" if node.relation else node.name
    yield f"{which}  {WORDS[verdict.outcome]}  {clean(place)}  {clean(verdict.text)}".rstrip()
    if verdict.problem is not None:
        yield from (f"    {line}".rstrip() for line in str(verdict.problem).splitlines())
    yield from (f"    {line}".rstrip() for line in verdict.difference.splitlines())
