"""`run_dbt` as dbt-tests-adapter knows it, carried out by eltbuild in this process.

What a command did is read from its exit code, its output and the artifacts it wrote: nothing is taken from eltbuild's
own objects. An exit code of 2 without results is what dbt raises as an exception.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TextIO

import agate
from dbt.cli.exceptions import DbtUsageException
from dbt.contracts.graph.nodes import FunctionNode
from dbt.exceptions import (
    DbtReferenceError,
    DuplicateResourceNameError,
    InvalidAccessTypeError,
    ParsingError,
    YamlParseDictError,
)
from dbt.flags import get_flags
from dbt.tests import util
from dbt_common.exceptions import CompilationError, DbtRuntimeError

REFUSED = 2
LISTINGS = ("ls", "list")
KINDS = ("nodes", "sources", "exposures", "unit_tests", "functions")
FRESHNESS = ("freshness", "snapshot-freshness")


class Bag(dict[str, Any]):
    """A JSON object whose keys are attributes too, as the tests read results and nodes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Results(list[Bag]):
    """What `run_dbt` gives: results, which are a list themselves."""

    def __init__(self, args: Bag) -> None:
        super().__init__()
        self.args = args

    @property
    def results(self) -> Results:
        return self


class Refused(  # type: ignore[misc]
    DbtReferenceError,
    DuplicateResourceNameError,
    InvalidAccessTypeError,
    YamlParseDictError,
    CompilationError,
    ParsingError,
    DbtUsageException,
):
    """eltbuild refused the project or the command. Tests expect exceptions of any of these classes."""

    def __init__(self, text: str) -> None:
        DbtUsageException.__init__(self, text)
        DbtRuntimeError.__init__(self, text)


class Heard(io.TextIOBase):
    """A stream that is kept as well as passed on."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, onward: TextIO, kept: io.StringIO) -> None:
        self.onward = onward
        self.kept = kept

    def write(self, text: str) -> int:
        self.kept.write(text)
        return self.onward.write(text)

    def flush(self) -> None:
        self.onward.flush()

    def fileno(self) -> int:
        return self.onward.fileno()


def bag(found: Any) -> Any:
    """JSON with attributes."""
    if isinstance(found, dict):
        return Bag({key: bag(value) for key, value in found.items()})
    return [bag(value) for value in found] if isinstance(found, list) else found


def called(words: Sequence[str]) -> tuple[int, str]:
    """The exit code of an `eltbuild` command, and all that it printed."""
    import click

    from eltbuild.cli import cli
    from eltbuild.errors import EltbuildError

    kept = io.StringIO()
    with (
        contextlib.redirect_stdout(Heard(sys.stdout, kept)),
        contextlib.redirect_stderr(Heard(sys.stderr, kept)),
    ):
        try:
            left = cli.main(args=list(words), prog_name="eltbuild", standalone_mode=False)
            code = left if isinstance(left, int) else 0
        except click.exceptions.Exit as leaving:
            code = leaving.exit_code
        except click.ClickException as error:
            error.show(file=sys.stderr)
            code = REFUSED
        except EltbuildError as error:
            print(error, file=sys.stderr)
            code = REFUSED
    return code, kept.getvalue()


def located(words: Sequence[str]) -> tuple[list[str], Path]:
    """The command with the project and the profiles of the test at hand; the project's folder."""
    flags = get_flags()
    root = str(getattr(flags, "PROJECT_DIR", None) or os.getcwd())
    profiles = getattr(flags, "PROFILES_DIR", None)
    command = [str(word) for word in words]
    if "--project-dir" not in command:
        command += ["--project-dir", root]
    if profiles and "--profiles-dir" not in command:
        command += ["--profiles-dir", str(profiles)]
    return command, Path(root)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def version(path: Path) -> tuple[int, int] | None:
    """Which writing of a file lies there; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def results_of(target: Path, file: Path) -> Results:
    """The results that lie there, each with its node from the manifest."""
    written, manifest = read(file), read(target / "manifest.json")
    found = Results(bag(written.get("args", {})))
    nodes = {key: node for kind in KINDS for key, node in manifest.get(kind, {}).items()}
    for result in written["results"]:
        row = bag({"message": result.get("error"), **result})
        row["node"] = bag(nodes.get(row.unique_id))
        if row["node"] is not None:
            row["node"] |= {key: row.get(key) for key in ("compiled_code", "relation_name")}
        row["name"] = (row["node"] or {}).get("name")
        row["skipped"] = row.status == "skipped"
        if row.unique_id.startswith("function."):
            row["node"] = FunctionNode.from_dict(dict(nodes[row.unique_id]))
        found.append(row)
    return found


def announced(results: Results, target: Path, callbacks: Sequence[Callable[[Any], None]]) -> None:
    """Tell who listens for events of what was executed, and of what failed."""
    from dbt.adapters.events.types import SQLQuery
    from dbt.events.types import RunResultError
    from dbt_common.events.base_types import EventLevel, msg_from_base_event

    told = []
    for result in results:
        node = result.node
        package, file = getattr(node, "package_name", ""), getattr(node, "original_file_path", "")
        path = target / "run" / package / file
        if path.is_file():
            about = {"node_name": result.name, "unique_id": result.unique_id}
            told.append(SQLQuery(conn_name="", sql=path.read_text(encoding="utf-8"), node_info=about))
        if result.status in ("error", "fail"):
            told.append(RunResultError(msg=str(result.message)))
    for event in told:
        message = msg_from_base_event(event, EventLevel.DEBUG)
        for callback in callbacks:
            callback(message)


def shown(text: str, command: Sequence[str], target: Path) -> Results:
    """The rows that `show` printed, as those of its one result."""
    limit = int(command[command.index("--limit") + 1]) if "--limit" in command else 5
    found = Results(Bag(limit=limit))
    rows = json.JSONDecoder().raw_decode(text[text.index("{") :])[0]["show"]
    code = read(target / "run_results.json")["results"][0]["compiled_code"]
    found.append(Bag(agate_table=agate.Table.from_object(rows), node=Bag(compiled_code=code)))
    return found


@contextlib.contextmanager
def between_connections() -> Iterator[None]:
    """The test's own connection is closed for a command, and there is a new one after it, as each command of dbt leaves

    one. It is opened when it is first used.
    """
    from dbt.adapters.factory import FACTORY

    adapters = list(FACTORY.adapters.values())
    for adapter in adapters:
        adapter.release_connection()
    yield
    for adapter in adapters:
        adapter.acquire_connection("master")


def carried_out(
    words: Sequence[str] | None, expect_pass: bool | None, callbacks: Sequence[Callable[[Any], None]] = ()
) -> tuple[Any, str]:
    """What a command gives in dbt's place, and what it printed."""
    command, root = located(words or ["run"])
    chosen = next((word for word in command if not word.startswith("-")), "run")
    target = root / "target"
    written = target / "run_results.json"
    if any(word in FRESHNESS for word in command):
        given = next((after for word, after in pairwise(command) if word in ("-o", "--output")), None)
        written = root / given if given else target / "sources.json"
    before = version(written)
    print("\n\nInvoking eltbuild with", command)
    told = chosen == "show" and "--output" not in command
    with between_connections():
        code, text = called(command)
        # What is printed for people says less of the rows than what is printed for programs.
        answer = called([*command, "--output", "json"])[1] if told and code == 0 else text
    silent = version(written) == before
    if code == REFUSED and (silent or chosen in ("compile", "show")):
        raise Refused(text)
    if expect_pass is not None:
        assert (code == 0) == expect_pass, f"exit code {code}: {text[-3000:]}"
    if chosen in LISTINGS:
        return [line for line in text.splitlines() if line.strip()], text
    if chosen == "parse":
        return util.get_manifest(root), text
    if chosen == "docs":
        return bag(read(target / "catalog.json")), text
    if chosen == "show":
        return shown(answer, command, target), text
    if silent:
        return Results(Bag()), text
    results = results_of(target, written)
    announced(results, target, callbacks)
    return results, text


def run_dbt(
    args: Sequence[str] | None = None,
    expect_pass: bool | None = True,
    callbacks: Sequence[Callable[[Any], None]] | None = None,
) -> Any:
    """Do a command; its results. Raises `Refused` where dbt would raise."""
    return carried_out(args, expect_pass, callbacks or ())[0]


def run_dbt_and_capture(args: Sequence[str] | None = None, expect_pass: bool | None = True) -> tuple[Any, str]:
    """Do a command; its results, and what it printed."""
    return carried_out(args, expect_pass)


def take_the_place_of_dbt() -> None:
    """Whatever imports these names from the suite's own module gets ours from now on."""
    util.run_dbt = run_dbt
    util.run_dbt_and_capture = run_dbt_and_capture
