#!/usr/bin/env python3
"""Run the same project through eltbuild, dbt-core and the bare engine, one after another, and print CPU seconds.

    compare.py --models 1000 --rows 1000 --python PYTHON [--dbt DBT] [--rounds 3] [--dbt-rounds 1]

PYTHON is the interpreter of an environment with eltbuild and duckdb; DBT the `dbt` program of an environment of its
own, with dbt-core and dbt-duckdb (for dbt-core 1.12 install with an override that leaves `dbt-core-experimental-parser`
out). Each figure is the minimum of the rounds: user and system seconds of the whole process and its children, and
the peak of memory. Nothing here decides anything: the table is for people.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent

PLAIN = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("set enable_progress_bar=false")
for statement in open(sys.argv[2]).read().split(";\\n"):
    if statement.strip():
        connection.execute(statement).fetchall()
"""


@dataclass(frozen=True)
class Measure:
    """One process: CPU seconds (user + system) and the peak of its memory in MB."""

    cpu: float
    memory: float


def measure(command: list[str], folder: Path, environ: dict[str, str]) -> Measure:
    """Run a command and account for it. A command that fails ends the comparison."""
    process = subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{' '.join(command)} failed:\n{output.decode(errors='replace')[-3000:]}")
    return Measure(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def best(rounds: int, prepare: Callable[[], None], run: Callable[[], Measure]) -> Measure:
    """The least CPU and the least memory of several rounds, each after its preparation."""
    found = []
    for _ in range(rounds):
        prepare()
        found.append(run())
    return Measure(min(m.cpu for m in found), min(m.memory for m in found))


class Bench:
    """A project in a folder, and the programs to run on it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.python = arguments.python
        self.dbt = arguments.dbt
        self.rounds = arguments.rounds
        self.dbt_rounds = arguments.dbt_rounds
        self.source = Path(arguments.out) / f"p{arguments.models}"
        self.rows: list[tuple[str, Measure | None, Measure | None, Measure | None]] = []
        self.environ = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_PROFILES_DIR": "."}
        self.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        subprocess.run(
            [self.python, str(HERE / "make_project.py"), "--models", str(arguments.models), "--rows",
             str(arguments.rows), "--materialized", "table", "--out", str(self.source)],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def folder(self, name: str) -> Path:
        """A copy of the project for one program."""
        folder = self.source.with_name(f"{self.source.name}-{name}")
        if not folder.exists():
            shutil.copytree(self.source, folder)
        return folder

    def ours(self, *words: str) -> list[str]:
        """A command of eltbuild."""
        return [self.python, "-m", "eltbuild", *words]

    def theirs(self, *words: str) -> list[str]:
        """The same command of dbt."""
        return [self.dbt, "--quiet", *words]

    def pair(self, label: str, words: list[str], prepare: str = "", plain: str = "") -> None:
        """One line of the table: both programs, and the bare engine where there is a file of plain SQL."""
        ours = best(
            self.rounds, lambda: self.prepare("eltbuild", prepare), lambda: self.run("eltbuild", self.ours(*words))
        )
        theirs = engine = None
        if self.dbt:
            theirs = best(
                self.dbt_rounds, lambda: self.prepare("dbt", prepare), lambda: self.run("dbt", self.theirs(*words))
            )
        if plain:
            engine = best(
                self.rounds, lambda: self.prepare("plain", prepare), lambda: self.run("plain", self.plain(plain))
            )
        self.rows.append((label, ours, theirs, engine))
        print(self.line(self.rows[-1]), flush=True)

    def plain(self, file: str) -> list[str]:
        """The same work on the bare engine."""
        return [self.python, "-c", PLAIN, "warehouse.duckdb", file]

    def run(self, name: str, command: list[str]) -> Measure:
        """One process on the copy of the project that belongs to a program."""
        return measure(command, self.folder(name), self.environ)

    def prepare(self, name: str, what: str) -> None:
        """Bring the copy into the state that a line of the table starts from."""
        folder = self.folder(name)
        if what == "cold":
            shutil.rmtree(folder / "target", ignore_errors=True)
        elif what == "changed":
            file = next((folder / "models" / "staging").rglob("*.sql"))
            file.write_text(file.read_text() + "-- changed\n")
        elif what == "fresh data":
            for path in folder.glob("warehouse.duckdb*"):
                path.unlink()
            shutil.copy(self.source / "warehouse.duckdb", folder / "warehouse.duckdb")

    @staticmethod
    def line(row: tuple[str, Measure | None, Measure | None, Measure | None]) -> str:
        """A row of the Markdown table."""
        label, ours, theirs, engine = row
        assert ours is not None
        cells = [label, f"{ours.cpu:.2f}", f"{ours.memory:.0f}"]
        cells += (
            [f"{theirs.cpu:.1f}", f"{theirs.memory:.0f}", f"{theirs.cpu / ours.cpu:.0f}x"] if theirs else ["", "", ""]
        )
        cells += (
            [f"{engine.cpu:.2f}", f"{engine.memory:.0f}", f"{ours.cpu / engine.cpu:.2f}"] if engine else ["", "", ""]
        )
        return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Run every line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--dbt", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dbt-rounds", type=int, default=1)
    parser.add_argument("--out", default=str(HERE / "out"))
    arguments = parser.parse_args()
    bench = Bench(arguments)
    print(f"{arguments.models} models, {arguments.rows} rows a table; CPU seconds (user + system), MB at the peak\n")
    print("| | eltbuild CPU | MB | dbt-core CPU | MB | dbt / ours | engine CPU | MB | ours / engine |")
    print("|---|---|---|---|---|---|---|---|---|")
    bench.pair("`--version`", ["--version"])
    bench.pair("`parse`, cold", ["parse"], "cold")
    bench.pair("`parse`, unchanged", ["parse"])
    bench.pair("`parse`, one file changed", ["parse"], "changed")
    bench.pair("`ls`, unchanged", ["ls"])
    bench.pair("`compile`", ["compile"])
    bench.pair("`run`", ["run"], "fresh data", "plain.sql")
    bench.pair("`test`", ["test"], "", "plain_tests.sql")


if __name__ == "__main__":
    main()
