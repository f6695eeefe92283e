"""`eltbuild unit-test`: run unit tests alone, or record one from rows that stand in the warehouse."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from eltbuild.commands.opening import Opened, open_project
from eltbuild.commands.options import Options
from eltbuild.commands.reporting import EXIT, Reporter, exit_code, masking
from eltbuild.commands.selecting import choose
from eltbuild.commands.signals import heeding
from eltbuild.commands.unit_tests import benched, tests_by_model
from eltbuild.commands.whole_run import whole_run
from eltbuild.disk import write_whole
from eltbuild.errors import EltbuildError, Problem, UsageError
from eltbuild.project.resources import Node
from eltbuild.quality.fixture_text import Entry, appended
from eltbuild.run.events import Message, Results
from eltbuild.run.locate import explained
from eltbuild.run.sessions import Connections
from eltbuild.run.stop import Stop
from eltbuild.run.unit_tests.bench import open_bench
from eltbuild.run.unit_tests.recording import Recorded, record
from eltbuild.values import dataclass, replace

NAME = "unit-test"
ROWS = 5
SUFFIXES = (".yml", ".yaml")


@dataclass(frozen=True, slots=True)
class Written:
    """A unit test that stands in a file now, and what stood there before."""

    path: Path
    before: bytes | None
    entry: Entry
    model: Node


def command(options: Options) -> int:
    """Run the unit tests that are selected, or record some; the exit code."""
    if options.record:
        return recording(options)
    for name in ("rows", "mask", "output"):
        if getattr(options, name):
            raise UsageError(Problem(f"--{name} is for --record", hint="name the models: --record MODEL"))
    return whole_run(options, NAME)


def recording(options: Options) -> int:
    """Write a unit test for each model that `--record` names, and run them; the exit code."""
    opened = open_project(replace(options, select=(*options.record, *options.select)), "record")
    try:
        with Reporter(opened) as reporter:
            chosen = choose(opened, "record")
            reporter.problems((*opened.project.problems, *chosen.warnings))
            nodes = [node for node in chosen.resources(opened.project) if isinstance(node, Node)]
            if not nodes:
                raise UsageError(Problem(f"no model is selected by `{' '.join(opened.options.select)}`"))
            written, failed, stop = all_recorded(opened, nodes, reporter)
            reporter.completed(not failed and not stop.number)
    finally:
        opened.adapter.close()
    if stop.number:
        return exit_code(Results((), 0, True, stop.number))
    passed = verified(options, written)
    return EXIT.ok if passed and not failed else EXIT.failed


def all_recorded(opened: Opened, nodes: Sequence[Node], reporter: Reporter) -> tuple[list[Written], bool, Stop]:
    """The unit tests that were written, whether some could not be, and whether somebody asked to stop."""
    stop = Stop()
    connections = Connections(opened.adapter, stop=stop)
    written: list[Written] = []
    failed = False
    try:
        for node in nodes:
            try:
                written.append(recorded(opened, node, connections, stop, reporter))
            except UsageError:
                raise
            except EltbuildError as error:
                failed = True
                reporter.problems([explained(opened.session, node, error)])
    except KeyboardInterrupt:
        reporter.handle(Message("interrupted", "warn"))
    finally:
        connections.close()
    return written, failed, stop


def recorded(opened: Opened, node: Node, connections: Connections, stop: Stop, reporter: Reporter) -> Written:
    """A unit test of one model, in its file. Raises `CompileError` where there can be none."""
    bench = open_bench(opened.project.target, stop, opened.adapter.dialect)

    def cancel() -> None:
        connections.cancel()
        bench.connections.cancel()

    try:
        with heeding(stop, cancel):
            work = benched(opened, connections, bench, reporter)
            limit = opened.options.rows or ROWS
            found = record(work, bench, node, limit, _masked(opened), *_named(opened, node))
    finally:
        bench.close()
    written = put(opened, node, found.entry)
    tell(opened, node, written, found)
    return written


def _masked(opened: Opened) -> frozenset[str]:
    words = (word for text in opened.options.mask for word in re.split(r"[,\s]+", text))
    return frozenset(word.casefold() for word in words if word)


def _named(opened: Opened, node: Node) -> tuple[str, str]:
    """A name that no unit test of the model has, and what is said of it."""
    taken = {test.name for test in tests_by_model(opened.project).get(node.id, ())}
    taken |= {test.name for test in opened.project.unit_tests.values() if test.model == node.name}
    base = f"{node.name}_recorded"
    number = 2
    name = base
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name, f"Recorded from rows of target {opened.project.target.name}."


# The file


def put(opened: Opened, node: Node, entry: Entry) -> Written:
    """Write the entry into a file of its own beside the model, or at the end of one that holds unit tests alone.

    Nothing that stands there is changed. Raises `UsageError` for an `--output` in which it cannot stand.
    """
    for path in _places(opened, node):
        before = path.read_bytes() if path.exists() else None
        text = appended(before.decode("utf-8", "replace") if before is not None else "", entry)
        if text is not None and _is_whole(before, text):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, text.encode("utf-8"), mode=None)
            return Written(path, before, entry, node)
        if opened.options.output:
            break
    hint = "name a new file, or one that ends with a list `unit_tests:`"
    raise UsageError(Problem(f"the unit test cannot be put into {opened.options.output}", hint=hint))


def _places(opened: Opened, node: Node) -> Sequence[Path]:
    root = Path(opened.root)
    if opened.options.output:
        path = Path(os.path.abspath(root / opened.options.output))
        folders = [Path(os.path.abspath(root / folder)) for folder in opened.project.settings.paths["model-paths"]]
        if path.suffix not in SUFFIXES or not any(path.is_relative_to(folder) for folder in folders):
            hint = f"write a path such as {opened.project.settings.paths['model-paths'][0]}/{node.name}_unit_tests.yml"
            raise UsageError(
                Problem(f"--output {opened.options.output} is no properties file of the models", hint=hint)
            )
        return [path]
    folder = (root / node.project_path).parent
    base = f"{node.name}_unit_tests"
    return [folder / f"{base}.yml", *(folder / f"{base}_{number}.yml" for number in range(2, 1000))]


def _is_whole(before: bytes | None, text: str) -> bool:
    """Whether the file still says what it did, and one unit test more."""
    import yaml

    try:
        old = yaml.safe_load(before.decode("utf-8")) if before else None
        new = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return False
    tests = new.get("unit_tests") if isinstance(new, dict) else None
    if not isinstance(tests, list) or not tests:
        return False
    rest = {**new, "unit_tests": tests[:-1]}
    return rest == (old or {"unit_tests": []})


def tell(opened: Opened, node: Node, written: Written, found: Recorded) -> None:
    """Print what was written and where."""
    mask = masking(opened)
    path = os.path.relpath(written.path, opened.root)
    sys.stdout.write(mask(f"{written.entry.name}: unit test of {node.name}, written to {path}\n"))
    sys.stdout.writelines(mask(f"    {note}\n") for note in found.notes)
    sys.stdout.flush()


def verified(options: Options, written: Sequence[Written]) -> bool:
    """Whether the unit tests pass as they stand in their files; those files are as before where one does not."""
    if not written:
        return False
    names = tuple(f"test_name:{one.entry.name}" for one in written)
    plain = replace(options, record=(), rows=None, mask=(), output=None, select=names, exclude=(), selector=None)
    code = EXIT.failed
    try:
        code = whole_run(replace(plain, on_target=False), NAME)
    finally:
        if code != EXIT.ok:
            for one in reversed(written):
                _undo(one)
    return code == EXIT.ok


def _undo(one: Written) -> None:
    with suppress(OSError):
        if one.before is None:
            one.path.unlink()
        else:
            write_whole(one.path, one.before, mode=None)
