"""Disks that are full and folders that cannot be written: told, the rest goes on, and old data is intact."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

ROOT = Path(__file__).parents[3]
FILES = {
    "eltbuild.yml": "name: shop\n",
    "models/big.sql": "{{ config(materialized='table') }}\n"
    "select range as i, hash(range) as h, hash(range + 1) as g from range({{ var('rows', 10) }})",
    "models/growing.sql": "{{ config(materialized='incremental', incremental_strategy='append') }}\n"
    "select hash(range + 2) as h, hash(range + 3) as g from range({{ var('rows', 10) }})",
    "models/small.sql": "{{ config(materialized='table') }}\nselect {{ var('rows', 10) }} as n",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project that has been built once."""
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert run(tmp_path, ["run"])[0] == 0
    return tmp_path


def run(folder: Path, command: Sequence[str], before: Callable[[], Any] | None = None) -> tuple[int, str]:
    """A command's code, and what it said."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "adapters")])}
    ended = subprocess.run(
        [sys.executable, "-m", "eltbuild", *command], cwd=folder, env=environ, capture_output=True, text=True,
        timeout=120, check=False, preexec_fn=before,
    )  # fmt: skip
    return ended.returncode, ended.stdout + ended.stderr


def counts(folder: Path) -> dict[str, int]:
    """How many rows each table has, and the value in the small one."""
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        found = {
            name: connection.execute(f"select count(*) from {name}").fetchall()[0][0] for name in ("big", "growing")
        }
        return {**found, "small": connection.execute("select n from small").fetchall()[0][0]}


@pytest.mark.skipif(sys.platform == "win32", reason="limits as POSIX has them")
def test_a_disk_that_is_full_costs_nothing_that_stands(shop: Path) -> None:
    import resource

    def limit() -> None:
        # What a full disk is to a database: a file that cannot grow.
        resource.setrlimit(resource.RLIMIT_FSIZE, (6_000_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    code, said = run(shop, ["run", "--vars", "{rows: 3000000}"], limit)
    assert code == 1
    assert "cannot grow: File too large" in said
    assert "nothing of this was kept" in said
    assert counts(shop) == {"big": 10, "growing": 10, "small": 3_000_000}
    assert run(shop, ["run"])[0] == 0
    assert counts(shop) == {"big": 10, "growing": 20, "small": 10}


def test_a_database_that_is_only_read_is_told(shop: Path) -> None:
    output = {"type": "duckdb", "path": "shop.duckdb", "read_only": True}
    (shop / "profiles.yml").write_text(json.dumps({"shop": {"target": "dev", "outputs": {"dev": output}}}))
    code, said = run(shop, ["run"])
    assert code == 1
    assert "the database `shop` is open for reading only" in said
    assert "where the profile says `read_only`" in said
    assert counts(shop) == {"big": 10, "growing": 10, "small": 10}


def test_where_artifacts_cannot_be_written_the_data_is_there_and_it_is_told(shop: Path) -> None:
    (shop / "taken").write_text("a file, no folder")
    code, said = run(shop, ["run", "--target-path", "taken", "--vars", "{rows: 11}"])
    assert code == 2
    assert "Completed: 3 succeeded" in said
    assert "cannot write `" in said
    assert "choose another folder with --target-path" in said
    assert counts(shop) == {"big": 11, "growing": 21, "small": 11}
