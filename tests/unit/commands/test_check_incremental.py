"""A check leaves nothing behind: not when it is stopped, and what a killed one left is dropped by the next."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.postgres import shared

SLEEPING = (
    "select count(*) from pg_stat_activity where query like '%pg_sleep(3600)%' and state = 'active' and datname = '{0}'"
)
SCHEMAS = "select schema_name from information_schema.schemata where schema_name like 'eltbuild_check_%'"
GUARD = 120
"""Seconds after which a test that hangs fails."""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A model that takes an hour from its second run on, in a database of its own."""
    database = f"check_{tmp_path.name.replace('-', '_')}_{time.time_ns()}"
    shared().execute(f'create database "{database}"')
    target = shared().fields(dbname=database, schema="shop")
    (tmp_path / "profiles.yml").write_text(json.dumps({"shop": {"target": "dev", "outputs": {"dev": target}}}))
    (tmp_path / "eltbuild.yml").write_text("name: shop\nprofile: shop\n")
    models = tmp_path / "models"
    models.mkdir()
    (models / "numbers.sql").write_text("select n, n as at from generate_series(1, 8) as t(n)")
    (models / "slow.sql").write_text(
        "{{ config(materialized='incremental', unique_key='n') }}\nselect n, at from {{ ref('numbers') }}\n"
        "{% if is_incremental() %} where at > (select max(at) from {{ this }}) and pg_sleep(3600) is not null {% endif %}"
    )
    (models / "quick.sql").write_text(
        "{{ config(materialized='incremental', unique_key='n') }}\nselect n, at from {{ ref('numbers') }}"
    )
    yield tmp_path
    shared().execute(f'drop database "{database}" with (force)')


def database_of(project: Path) -> str:
    found = json.loads((project / "profiles.yml").read_text())
    return str(found["shop"]["outputs"]["dev"]["dbname"])


def eltbuild(project: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "eltbuild",
        *arguments,
        "--project-dir",
        str(project),
        "--profiles-dir",
        str(project),
    ]
    # A background process of a shell may have the signal ignored, and its children with it.
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def begun(project: Path) -> subprocess.Popen[str]:
    """A check in the middle of a step."""
    built = eltbuild(project, "run", "--exclude", "slow")
    said, _ = built.communicate(timeout=GUARD)
    assert built.returncode == 0, said
    running = eltbuild(project, "check-incremental", "slow")
    end = time.monotonic() + GUARD
    while not shared().execute(SLEEPING.format(database_of(project)))[0][0]:
        assert running.poll() is None, running.stdout and running.stdout.read()
        assert time.monotonic() < end
        time.sleep(0.05)
    assert len(shared().execute(SCHEMAS, database_of(project))) == 1
    return running


def test_a_stopped_check_leaves_nothing(project: Path) -> None:
    running = begun(project)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=GUARD)
    assert running.returncode == 128 + signal.SIGINT, said
    assert "interrupted" in said
    assert shared().execute(SCHEMAS, database_of(project)) == []


def test_what_a_killed_check_left_is_dropped_by_the_next(project: Path) -> None:
    running = begun(project)
    running.kill()
    running.communicate(timeout=GUARD)
    shared().execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        f" where datname = '{database_of(project)}' and pid <> pg_backend_pid()"
    )
    assert len(shared().execute(SCHEMAS, database_of(project))) == 1
    following = eltbuild(project, "check-incremental", "quick")
    said, _ = following.communicate(timeout=GUARD)
    assert following.returncode == 0, said
    assert "EQUAL  shop.quick" in said
    assert shared().execute(SCHEMAS, database_of(project)) == []
