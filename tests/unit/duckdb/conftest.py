from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eltbuild_duckdb import DuckDBAdapter

from eltbuild.adapter import Target

Opened = Callable[..., DuckDBAdapter]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Makes adapters by the fields of a profile, in a project of its own; all are closed afterwards."""
    adapters: list[DuckDBAdapter] = []

    def open(root: Path = tmp_path, database: str = "", **fields: Any) -> DuckDBAdapter:
        target = Target("shop", "dev", "duckdb", database, "main", root=str(root), fields={"type": "duckdb", **fields})
        adapters.append(DuckDBAdapter(target))
        return adapters[-1]

    yield open
    for adapter in adapters:
        adapter.close()
