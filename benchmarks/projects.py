#!/usr/bin/env python3
"""Parse and build projects as they lie with eltbuild and dbt-core, one after another, and print CPU seconds.

    projects.py --python PYTHON --dbt DBT PROJECT...

Each PROJECT is a folder with its project file, `profiles.yml` and installed packages, or FOLDER:SUBFOLDER where the
project lies within a repository that it needs. Every command runs in a fresh copy of the folder, with the databases
that lie in it. PYTHON is the interpreter of an environment with eltbuild; DBT
the `dbt` program of an environment of its own. A figure is the least of the rounds: user and system seconds of the
whole process. Exit codes must agree: a project that fails for dbt may fail here, too.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measure:
    """One process: CPU seconds (user + system) and its exit code."""

    cpu: float
    code: int


@contextmanager
def copied(project: str) -> Iterator[Path]:
    """A copy of the project without artifacts, gone afterwards."""
    whole, _, within = project.partition(":")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, Path(whole).name)
        shutil.copytree(whole, copy, symlinks=True, ignore=shutil.ignore_patterns("target", "logs", ".eltbuild"))
        yield copy / within


def measure(command: list[str], project: str) -> Measure:
    """Run a command in a copy of the project and account for it."""
    environ = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_PROFILES_DIR": "."}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with copied(project) as folder:
        process = subprocess.Popen(
            command, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
    return Measure(usage.ru_utime + usage.ru_stime, os.waitstatus_to_exitcode(status))


def best(command: list[str], project: str, rounds: int) -> Measure:
    """The round with the least CPU."""
    return min((measure(command, project) for _ in range(rounds)), key=lambda found: found.cpu)


def line(project: str, arguments: argparse.Namespace) -> str:
    """A row of the Markdown table."""
    cells = [Path(project.partition(":")[0]).name]
    for word in ("parse", "build"):
        ours = best([arguments.python, "-m", "eltbuild", word], project, arguments.rounds)
        theirs = best([arguments.dbt, "--quiet", word], project, arguments.dbt_rounds)
        note = "" if ours.code == theirs.code else f" (exit codes {ours.code}, {theirs.code})"
        cells += [f"{ours.cpu:.2f}", f"{theirs.cpu:.1f}", f"{theirs.cpu / ours.cpu:.0f}x{note}"]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Run every project and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", nargs="+")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--dbt", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dbt-rounds", type=int, default=1)
    arguments = parser.parse_args()
    print("| project | `parse` | dbt | ratio | `build` | dbt | ratio |")
    print("|---|---|---|---|---|---|---|")
    for project in arguments.projects:
        print(line(project, arguments), flush=True)


if __name__ == "__main__":
    main()
