"""Every test of the suite runs on every warehouse that can be had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance.bench import Bench
from conformance.gaps import expected_failures
from conformance.targets import WAREHOUSES, Warehouse

from eltbuild.adapter import Adapter, Connection
from eltbuild.relation import Relation
from eltbuild.sql.writer import Writer


def pytest_configure(config: pytest.Config) -> None:
    """Marks are checked strictly: this one is ours."""
    config.addinivalue_line("markers", "gap(type, reason, when): what a type of warehouse cannot do")


@pytest.fixture(params=WAREHOUSES, ids=lambda warehouse: warehouse.name)
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """One of the warehouses; gaps that are known for it are expected to fail."""
    found: Warehouse = request.param
    for mark in expected_failures(request.node.iter_markers("gap"), found.type):
        request.applymarker(mark)
    return found


@pytest.fixture
def adapter(warehouse: Warehouse, tmp_path: Path) -> Iterator[Adapter]:
    """An adapter for the warehouse; closed afterwards."""
    opened = warehouse.open(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def connection(adapter: Adapter) -> Iterator[Connection]:
    """A session; closed afterwards."""
    opened = adapter.connect()
    yield opened
    opened.close()


@pytest.fixture
def bench(
    warehouse: Warehouse, adapter: Adapter, connection: Connection, request: pytest.FixtureRequest
) -> Iterator[Bench]:
    """The session with a schema that is the test's own, dropped afterwards."""
    writer = Writer(adapter.dialect, adapter.capabilities)
    schema = Relation(warehouse.database, "Conformance Test", None)
    connection.execute(writer.create_schema(schema))
    yield Bench(warehouse, adapter, connection, writer, schema)
    last = adapter.connect()
    last.execute(writer.drop_schema(schema))
    last.close()
