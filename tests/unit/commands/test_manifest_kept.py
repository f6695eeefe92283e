"""`manifest.json` after `parse`: that of the project as it is, whoever has written to its place since."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eltbuild.commands.options import Options
from eltbuild.commands.parse import command

PROFILE = """shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: shop.duckdb, schema: main}
    prod: {type: duckdb, path: shop.duckdb, schema: prod}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/a.sql").write_text("select 1 as id")
    (tmp_path / "dbt_project.yml").write_text("name: shop\nversion: '1.0'\nprofile: shop\n")
    (tmp_path / "profiles.yml").write_text(PROFILE)
    return tmp_path


def schema_after_parse(root: Path, target: str) -> str:
    assert command(Options(project_dir=str(root), target=target)) == 0
    manifest = json.loads((root / "target/manifest.json").read_bytes())
    return str(manifest["nodes"]["model.shop.a"]["schema"])


def test_each_target_has_its_own(root: Path) -> None:
    assert [schema_after_parse(root, target) for target in ("dev", "prod", "dev", "prod")] == [
        "main", "prod", "main", "prod",
    ]  # fmt: skip


@pytest.mark.parametrize("left", [b"", b'{"nodes": {"mod', b"\x00\xff", b"null", None])
def test_what_others_left_there_is_written_again(root: Path, left: bytes | None) -> None:
    schema_after_parse(root, "dev")
    path = root / "target/manifest.json"
    if left is None:
        path.unlink()
    else:
        path.write_bytes(left)
    assert schema_after_parse(root, "dev") == "main"


def test_an_unchanged_one_is_left_alone(root: Path) -> None:
    schema_after_parse(root, "dev")
    before = (root / "target/manifest.json").stat()
    schema_after_parse(root, "dev")
    assert (root / "target/manifest.json").stat().st_mtime_ns == before.st_mtime_ns
