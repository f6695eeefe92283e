"""Every scenario of this folder, each a habit of published packages, turns out as it is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenarios.harness import difference, play

HERE = Path(__file__).parent
SCENARIOS = sorted(HERE.rglob("*.md"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.relative_to(HERE).with_suffix("").as_posix())
def test_package(path: Path, tmp_path: Path, update: bool) -> None:
    expected, found = play(path.read_text(encoding="utf-8"), tmp_path)
    if update and found != expected:
        path.write_text(found, encoding="utf-8")
    elif found != expected:
        pytest.fail(difference(expected, found, path.name), pytrace=False)
