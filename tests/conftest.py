"""Options of the whole suite."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("eltbuild", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("eltbuild")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update` writes what the tests found into their fixtures; read the difference before keeping it."""
    parser.addoption("--update", action="store_true", default=False, help="rewrite expectations in tests/fixtures")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether expectations are to be rewritten."""
    return bool(request.config.getoption("--update"))
