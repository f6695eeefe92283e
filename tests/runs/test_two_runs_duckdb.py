"""Two runs at once on one DuckDB file, which only one process at a time can open."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import duckdb
import pytest
from runs.processes import end, project, run, start, until

from eltbuild import Project
from eltbuild.errors import UsageError

HELD = """
import os, time

def model(dbt, session):
    if os.path.exists("hold"):
        open("held", "w").close()
        while os.path.exists("hold"):
            time.sleep(0.02)
    return session.sql("select 1 as id")
"""
ADDING = "{{ config(materialized='incremental') }} select * from {{ ref('held') }}"


def shop(tmp_path: Path) -> Path:
    return project(
        tmp_path / "shop",
        {"type": "duckdb", "path": "shop.duckdb"},
        {"held.py": HELD, "added.sql": ADDING, "other.sql": "select 2 as id"},
    )


def test_the_second_process_is_told_who_is_there_or_waits(tmp_path: Path) -> None:
    folder = shop(tmp_path)
    (folder / "hold").touch()
    first = start(folder, "run")
    until((folder / "held").exists, first)
    code, said = run(folder, "run", "--select", "other")
    assert code == 2
    assert f"is open in another process (PID {first.pid}, " in said
    assert "--wait" in said
    if sys.platform == "linux":
        import getpass

        assert f"`eltbuild run` by {getpass.getuser()} since " in said
    third = start(folder, "run", "--wait")
    assert third.stdout is not None
    assert "waiting: the database" in third.stdout.readline()
    (folder / "hold").unlink()
    assert end(first)[0] == 0
    code, said = end(third)
    assert code == 0, said
    with duckdb.connect(str(folder / "shop.duckdb")) as database:
        assert database.execute("select count(*) from added").fetchall() == [(2,)]
        assert database.execute("select status from eltbuild.runs").fetchall() == [("success",)] * 2


def test_two_runs_of_one_process_share_the_database_and_not_its_relations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shop(tmp_path)
    monkeypatch.chdir(folder)
    (folder / "hold").touch()
    outcome = []
    thread = threading.Thread(
        target=lambda: outcome.append(Project.load(folder).run(command="run", select="held added"))
    )
    thread.start()
    try:
        until((folder / "held").exists)
        assert Project.load(folder).run(command="run", select="other").success
        with pytest.raises(
            UsageError, match=r"another run holds 1 of .* \(shop\.main\.added\): `eltbuild run` "
        ) as refused:
            Project.load(folder).run(command="run", select="added")
        assert f"(process {os.getpid()}) since " in str(refused.value)
        with pytest.raises(UsageError, match=r"another run holds .*\(waited \d+ s\)"):
            Project.load(folder).run(command="run", select="added", wait="0.5s")
    finally:
        (folder / "hold").unlink()
        thread.join()
    assert outcome[0].success
    assert Project.load(folder).run(command="run", select="added").success
