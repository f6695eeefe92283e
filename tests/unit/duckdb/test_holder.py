"""Who has a database open, as far as this machine knows."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

import pytest
from eltbuild_duckdb.holder import holder, program


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("python -m eltbuild build --vars x", "eltbuild build"),
        ("/usr/bin/python3.11 -X dev /venv/bin/eltbuild run", "eltbuild run"),
        ("/opt/duckdb shop.duckdb", "duckdb"),
        ("python -c secret", "python"),
        ("python3", "python3"),
        ("", "?"),
    ],
)
def test_a_command_line_is_told_without_its_arguments(line: str, shown: str) -> None:
    assert program(line.split()) == shown


@pytest.mark.skipif(sys.platform == "win32", reason="no `ps` there")
def test_a_process_that_runs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = holder(f"Conflicting lock is held in python (PID {os.getpid()})", datetime.now(UTC))
    assert " since " in told
    assert told.endswith(")")


@pytest.mark.parametrize("text", ["no process is named", "(PID 4194305)"])
def test_of_nobody_nothing_is_told(text: str) -> None:
    assert holder(text, datetime.now(UTC)) == ""
