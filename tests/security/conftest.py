"""The project that the tests of this folder attack."""

from __future__ import annotations

from pathlib import Path

import pytest
from security.shop import Shop


@pytest.fixture
def shop(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Shop:  # fmt: skip
    """An empty project, in whose folder commands are called."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    made = Shop(tmp_path, home, monkeypatch, capsys)
    made.write({"dbt_project.yml": "name: shop\nversion: '1.0'\n"})
    return made
